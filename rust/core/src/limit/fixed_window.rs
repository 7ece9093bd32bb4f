//! `limits.strategies.FixedWindowRateLimiter` over memory, as one step on two numbers.
//!
//! The window starts at the first hit and lasts as long as the rate says. Every hit is counted, a refused one too, so a
//! cost above the amount spoils the rest of the window. Sixteen bytes: a shared store can swap them at once.

use super::{Rate, Window};
use crate::time::Moment;

/// What is kept for one key. The default is a key that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// When the window ends, in seconds since the epoch.
    pub expiry: f64,
    /// What was asked for in this window, granted or not.
    pub count: u64,
}

impl State {
    /// Whether the window is over: exactly at its end it is.
    pub fn is_over(&self, now: impl Moment) -> bool {
        self.expiry <= now.seconds()
    }
}

/// Counts `cost`, and says whether it was granted.
pub fn hit(state: State, rate: &Rate, cost: u64, now: impl Moment) -> (State, bool) {
    let state = take(state, rate, cost, now);
    (state, state.count <= rate.amount)
}

/// Counts `cost`, whatever is left.
pub fn take(state: State, rate: &Rate, cost: u64, now: impl Moment) -> State {
    let State { mut expiry, count } = if state.is_over(now) { State::default() } else { state };
    // The original starts a window whenever the count equals the cost just added. So a cost of 0 starts one as well, and
    // the first cost above 0 after it starts it again.
    if count == 0 {
        expiry = end(rate, now);
    }
    State { expiry, count: count.saturating_add(cost) }
}

/// Whether `cost` would be granted. Here `test` of the original says the same.
pub fn grants(state: State, rate: &Rate, cost: u64, now: impl Moment) -> bool {
    let count = if state.is_over(now) { 0 } else { state.count };
    count.saturating_add(cost) <= rate.amount
}

/// Gives back `cost` of what was charged at `at`, if the window that counted it is not over at `now`.
pub fn give_back(state: State, rate: &Rate, cost: u64, at: impl Moment, now: impl Moment) -> State {
    if state.is_over(now) || end(rate, at) < state.expiry {
        return state;
    }
    State { count: state.count.saturating_sub(cost), ..state }
}

/// When a window ends that begins at `now`. Never earlier for a later `now`.
fn end(rate: &Rate, now: impl Moment) -> f64 {
    now.seconds() + rate.window() as f64
}

/// What `get_window_stats` says at `now`.
pub fn peek(state: State, rate: &Rate, now: impl Moment) -> Window {
    if state.is_over(now) {
        return Window { remaining: rate.amount, reset: now.seconds() };
    }
    Window { remaining: rate.amount.saturating_sub(state.count), reset: state.expiry }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::limit::arbitrary::{rate, time};
    use proptest::prelude::*;

    const FIVE_PER_MINUTE: Rate = Rate { amount: 5, multiples: 1, unit: crate::limit::rate::Unit::Minute };

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + micros)
    }

    /// A window ends exactly one length after its first hit, wherever the clock's own minutes end.
    #[test]
    fn ends_a_length_after_the_first_hit() {
        let (mut state, _) = hit(State::default(), &FIVE_PER_MINUTE, 5, at(0));
        let admitted;
        (state, admitted) = hit(state, &FIVE_PER_MINUTE, 1, at(59_999_999));
        assert!(!admitted);
        assert_eq!(peek(state, &FIVE_PER_MINUTE, at(59_999_999)).reset, 1_700_000_060.0);
        assert!(hit(state, &FIVE_PER_MINUTE, 1, at(60_000_000)).1);
    }

    /// A refused hit counts: one cost above the amount spoils the window.
    #[test]
    fn refused_hits_count() {
        let (state, admitted) = hit(State::default(), &FIVE_PER_MINUTE, 6, at(0));
        assert!(!admitted);
        assert!(!hit(state, &FIVE_PER_MINUTE, 1, at(1)).1);
    }

    /// A cost of 0 starts a window; the first cost above 0 starts it again.
    #[test]
    fn nothing_starts_a_window_too() {
        let (state, admitted) = hit(State::default(), &FIVE_PER_MINUTE, 0, at(0));
        assert!(admitted);
        assert_eq!(peek(state, &FIVE_PER_MINUTE, at(1)), Window { remaining: 5, reset: 1_700_000_060.0 });
        let (state, _) = hit(state, &FIVE_PER_MINUTE, 1, at(1_000_000));
        assert_eq!(peek(state, &FIVE_PER_MINUTE, at(1_000_000)), Window { remaining: 4, reset: 1_700_000_061.0 });
    }

    proptest! {
        /// Total: no state, rate, cost or time panics or overflows.
        #[test]
        fn total(bits: u64, count: u64, rate in rate(), cost: u64, now: u64) {
            let state = State { expiry: f64::from_bits(bits), count };
            let now = Timestamp::from_micros(now);
            let (state, _) = hit(state, &rate, cost, now);
            peek(state, &rate, now);
        }

        /// One window grants at most the amount, and the wait after a refusal is exact: not a microsecond earlier.
        #[test]
        fn waits_are_exact(amount in 1u64..50, multiples in 1u64..100, start in time(), gaps in prop::collection::vec(0u64..200_000, 1..200)) {
            let rate = Rate { amount, multiples, unit: crate::limit::rate::Unit::Second };
            let (mut state, mut now, mut granted) = (State::default(), start, 0);
            for gap in gaps {
                now += gap;
                let admitted;
                if state.is_over(Timestamp::from_micros(now)) {
                    granted = 0;
                }
                (state, admitted) = hit(state, &rate, 1, Timestamp::from_micros(now));
                granted += u64::from(admitted);
                prop_assert!(granted <= amount);
                if !admitted {
                    let reset = (peek(state, &rate, Timestamp::from_micros(now)).reset * 1e6).round() as u64;
                    prop_assert!(hit(state, &rate, 1, Timestamp::from_micros(reset)).1);
                    prop_assert!(!hit(state, &rate, 1, Timestamp::from_micros(reset - 1)).1);
                }
            }
        }
    }
}
