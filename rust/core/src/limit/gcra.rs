//! The generic cell rate algorithm, as one step on one number.
//!
//! Every cell is due one interval (the rate's window divided by its amount) after the one before it, and may come early by
//! at most the burst. The number kept is the time at which all cells so far are paid for, in ticks of one amount-th of a
//! microsecond. In these ticks an interval is a whole number, so nothing is ever rounded: three per second are three per
//! second, and a wait is over to the microsecond.

use super::{Rate, Window};
use crate::Timestamp;

/// What is kept for one key: when all is paid for. The default is a key that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// Ticks of one amount-th of a microsecond since the epoch.
    pub paid: u128,
}

impl State {
    /// Whether all cells are paid for.
    pub fn is_over(&self, rate: &Rate, now: Timestamp) -> bool {
        self.paid <= ticks(rate, now)
    }

    /// What is owed at `now`, in ticks. When time ran backwards it can look like more than a burst; nobody owes more.
    fn owed(&self, rate: &Rate, burst: u64, now: Timestamp) -> u128 {
        self.paid.saturating_sub(ticks(rate, now)).min(owable(rate, burst))
    }
}

/// Takes `cost` cells if they are granted. If not, says when they would be: a whole window from now if that is never.
pub fn hit(state: State, rate: &Rate, burst: u64, cost: u64, now: Timestamp) -> (State, Result<(), f64>) {
    if cost > burst || rate.amount == 0 {
        return (state, Err(now.seconds() + rate.window() as f64));
    }
    let owed = state.owed(rate, burst, now).saturating_add(interval(rate).saturating_mul(u128::from(cost)));
    match owed.checked_sub(owable(rate, burst)) {
        None | Some(0) => (State { paid: ticks(rate, now).saturating_add(owed) }, Ok(())),
        Some(excess) => (state, Err(after(excess, rate, now))),
    }
}

/// Takes `cost` cells, whatever is left; at most a whole burst is owed after it.
pub fn take(state: State, rate: &Rate, burst: u64, cost: u64, now: Timestamp) -> State {
    let owed = state.owed(rate, burst, now).saturating_add(interval(rate).saturating_mul(u128::from(cost)));
    State { paid: ticks(rate, now).saturating_add(owed.min(owable(rate, burst))) }
}

/// Whether `cost` cells would be granted.
pub fn grants(state: State, rate: &Rate, burst: u64, cost: u64, now: Timestamp) -> bool {
    hit(state, rate, burst, cost, now).1.is_ok()
}

/// Gives back `cost` cells of what was charged at `at`, but not what is paid by `now` even if a whole burst was owed then.
pub fn give_back(state: State, rate: &Rate, burst: u64, cost: u64, at: Timestamp, now: Timestamp) -> State {
    let unpaid = ticks(rate, at).saturating_add(owable(rate, burst)).saturating_sub(ticks(rate, now));
    let back = interval(rate).saturating_mul(u128::from(cost)).min(unpaid);
    State { paid: state.paid.saturating_sub(back) }
}

/// The cells that can be taken at `now`, and when the whole burst can be.
pub fn peek(state: State, rate: &Rate, burst: u64, now: Timestamp) -> Window {
    if rate.amount == 0 {
        return Window { remaining: 0, reset: now.seconds() + rate.window() as f64 };
    }
    let owed = state.owed(rate, burst, now);
    let remaining = quotient(owable(rate, burst) - owed, interval(rate));
    Window { remaining, reset: after(owed, rate, now) }
}

/// The first microsecond at which `ticks` more are paid, in seconds since the epoch.
fn after(ticks: u128, rate: &Rate, now: Timestamp) -> f64 {
    let amount = u128::from(rate.amount);
    let micros = quotient(ticks.saturating_add(amount - 1), amount);
    Timestamp::from_micros(now.micros().saturating_add(micros)).seconds()
}

fn ticks(rate: &Rate, now: Timestamp) -> u128 {
    u128::from(now.micros()) * u128::from(rate.amount)
}

/// Ticks between two cells: as many as microseconds in the window. At most 2^84.
fn interval(rate: &Rate) -> u128 {
    u128::from(rate.window()) * 1_000_000
}

/// The most ticks that can be owed.
fn owable(rate: &Rate, burst: u64) -> u128 {
    interval(rate).saturating_mul(u128::from(burst))
}

/// A quotient that saturates; with the usual numbers it takes the short division.
fn quotient(dividend: u128, divisor: u128) -> u64 {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => dividend / divisor,
        _ => u64::try_from(dividend / divisor).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::arbitrary::{rate, time};
    use crate::limit::rate::Unit;
    use proptest::prelude::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + micros)
    }

    /// A rate that does not divide a second evenly still gives all of its cells back after one second.
    #[test]
    fn thirds_are_thirds() {
        let three = Rate { amount: 3, multiples: 1, unit: Unit::Second };
        let mut state = State::default();
        for micros in [0, 0, 0, 1_000_000, 1_000_000, 1_000_000] {
            let granted;
            (state, granted) = hit(state, &three, 3, 1, at(micros));
            assert_eq!(granted, Ok(()));
        }
        assert_eq!(hit(state, &three, 3, 1, at(1_000_000)).1, Err(at(1_333_334).seconds()));
        assert_eq!(peek(state, &three, 3, at(1_000_000)), Window { remaining: 0, reset: at(2_000_000).seconds() });
    }

    /// A clock that was far ahead and came back refuses for one burst at most.
    #[test]
    fn time_may_run_backwards() {
        let ten = Rate { amount: 10, multiples: 1, unit: Unit::Second };
        let (state, _) = hit(State::default(), &ten, 5, 5, at(3_600_000_000));
        assert_eq!(hit(state, &ten, 5, 1, at(0)).1, Err(at(100_000).seconds()));
    }

    proptest! {
        /// Total: no state, rate, burst, cost or time panics or overflows.
        #[test]
        fn total(paid: u128, rate in rate(), burst: u64, cost: u64, now: u64) {
            let now = Timestamp::from_micros(now);
            let (state, _) = hit(State { paid }, &rate, burst, cost, now);
            peek(state, &rate, burst, now);
            state.is_over(&rate, now);
        }

        /// In no closed period are there more than the burst and one period's amount; a wait is exact to the microsecond;
        /// `remaining` is what can be taken at once, and not one more.
        #[test]
        fn waits_are_exact(
            amount in 1u64..50, multiples in 1u64..20, burst in 1u64..50, start in time(),
            hits in prop::collection::vec((0u64..2_000_000, 1u64..4), 1..200),
        ) {
            let rate = Rate { amount, multiples, unit: Unit::Second };
            let (mut state, mut now, mut granted) = (State::default(), start, Vec::new());
            for (gap, cost) in hits {
                now += gap;
                let instant = Timestamp::from_micros(now);
                let left = peek(state, &rate, burst, instant).remaining;
                prop_assert!(hit(state, &rate, burst, left, instant).1.is_ok());
                prop_assert!(hit(state, &rate, burst, left + 1, instant).1.is_err());
                match hit(state, &rate, burst, cost, instant) {
                    (next, Ok(())) => {
                        state = next;
                        granted.push((now, cost));
                        let within = granted.iter().filter(|(stamp, _)| *stamp >= now - multiples * 1_000_000);
                        prop_assert!(within.map(|(_, cost)| cost).sum::<u64>() <= burst + amount);
                    }
                    (next, Err(reset)) if cost <= burst => {
                        prop_assert_eq!(next, state);
                        let reset = (reset * 1e6).round() as u64;
                        prop_assert!(hit(state, &rate, burst, cost, Timestamp::from_micros(reset)).1.is_ok());
                        prop_assert!(hit(state, &rate, burst, cost, Timestamp::from_micros(reset - 1)).1.is_err());
                    }
                    _ => {}
                }
            }
        }
    }
}
