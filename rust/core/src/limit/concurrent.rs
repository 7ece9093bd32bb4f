//! How many requests of one key may be in flight at a time: as one step on two numbers.
//!
//! Unlike a rate, what is taken comes back: a hit takes places, and [`finish`] gives them back when the request is done,
//! whatever became of it. With [`Adaptive`] the bound itself follows what is measured.

use super::adaptive::{Adaptive, Estimate, Sample};
use super::{Rate, Window};
use crate::Timestamp;

/// What is kept for one key. The default is a key that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// Places that are taken.
    pub in_flight: u32,
    /// What was learnt about the bound, where it adapts.
    pub estimate: Estimate,
}

impl State {
    /// Whether nothing is lost when this is forgotten, but for what was learnt.
    pub fn is_over(&self) -> bool {
        self.in_flight == 0
    }
}

/// How many may be in flight by this limit: `most`, or less where what is measured says so.
pub fn bound(state: &State, most: u64, adaptive: Option<Adaptive>) -> u64 {
    adaptive.map_or(most, |_| most.min(state.estimate.bound(most)))
}

/// Takes `cost` places, and says whether there were as many.
pub fn hit(state: State, most: u64, adaptive: Option<Adaptive>, cost: u64) -> (State, bool) {
    let taken = u64::from(state.in_flight).saturating_add(cost);
    match u32::try_from(taken) {
        Ok(in_flight) if taken <= bound(&state, most, adaptive) => (State { in_flight, ..state }, true),
        _ => (state, false),
    }
}

/// Takes `cost` places, whatever is free.
pub fn take(state: State, cost: u64) -> State {
    let cost = u32::try_from(cost).unwrap_or(u32::MAX);
    State { in_flight: state.in_flight.saturating_add(cost), ..state }
}

/// Gives `cost` places back, and learns from how the request went.
pub fn finish(state: State, most: u64, adaptive: Option<Adaptive>, cost: u64, sample: Option<Sample>) -> State {
    let mut estimate = state.estimate;
    if let (Some(adaptive), Some(sample)) = (adaptive, sample) {
        // The request that ends is still among those in flight, as its service time was with it.
        estimate = estimate.after(adaptive, most, state.in_flight, sample);
    }
    let cost = u32::try_from(cost).unwrap_or(u32::MAX);
    State { in_flight: state.in_flight.saturating_sub(cost), estimate }
}

/// Places that are free. Nobody knows when more will be: the reset is one window of `rate` from now.
pub fn peek(state: &State, rate: &Rate, adaptive: Option<Adaptive>, now: Timestamp) -> Window {
    let remaining = bound(state, rate.amount, adaptive).saturating_sub(state.in_flight.into());
    Window { remaining, reset: now.seconds() + rate.window() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// No more are in flight than the bound at the time of the hit; what was taken can be given back, whatever
        /// order it comes in, and then nothing is left.
        #[test]
        fn what_is_taken_comes_back(most in 0u64..20, steps in prop::collection::vec((any::<bool>(), 0u64..5), 0..200)) {
            let (mut state, mut held) = (State::default(), Vec::new());
            for (takes, cost) in steps {
                if takes {
                    let (next, granted) = hit(state, most, None, cost);
                    prop_assert_eq!(granted, u64::from(state.in_flight) + cost <= most);
                    if granted {
                        held.push(cost);
                    } else {
                        prop_assert_eq!(next, state);
                    }
                    state = next;
                } else if let Some(cost) = held.pop() {
                    state = finish(state, most, None, cost, None);
                }
                prop_assert_eq!(u64::from(state.in_flight), held.iter().sum::<u64>());
            }
            for cost in held {
                state = finish(state, most, None, cost, None);
            }
            prop_assert!(state.is_over());
        }

        /// Total: no state, cost or bound overflows; giving back more than was taken leaves nothing taken.
        #[test]
        fn total(in_flight: u32, most: u64, cost: u64) {
            let state = State { in_flight, ..State::default() };
            let (next, granted) = hit(state, most, None, cost);
            prop_assert!(!granted || u64::from(next.in_flight) <= most);
            prop_assert_eq!(finish(state, most, None, u64::MAX, None).in_flight, 0);
        }
    }
}
