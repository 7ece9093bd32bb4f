//! `limits.strategies.FixedWindowRateLimiter` over Redis: `INCRBY`, and `EXPIRE` when the count equals what was added.
//!
//! Decided as over memory, but that the window still counts in the millisecond it ends in. Its reset is the time that the
//! key has to live, rounded to whole seconds, from now: up to half a second beside the truth on both sides.

use super::{length, millis};
use crate::Timestamp;
use crate::limit::fixed_window::State;
use crate::limit::{Rate, Window};

/// Whether the key is gone.
pub fn is_over(state: State, now: Timestamp) -> bool {
    expiry(state) < millis(now)
}

/// Counts `cost`, and says whether it was granted.
pub fn hit(state: State, rate: &Rate, cost: u64, now: Timestamp) -> (State, bool) {
    let state = take(state, rate, cost, now);
    (state, state.count <= rate.amount)
}

/// Counts `cost`, whatever is left.
pub fn take(state: State, rate: &Rate, cost: u64, now: Timestamp) -> State {
    let State { mut expiry, count } = if is_over(state, now) { State::default() } else { state };
    if count == 0 {
        expiry = end(rate, now) as f64 / 1e3;
    }
    State { expiry, count: count.saturating_add(cost) }
}

/// Whether `cost` would be granted. `test` of the original says the same.
pub fn grants(state: State, rate: &Rate, cost: u64, now: Timestamp) -> bool {
    let count = if is_over(state, now) { 0 } else { state.count };
    count.saturating_add(cost) <= rate.amount
}

/// Gives back `cost` of what was charged at `at`, if the window that counted it is not over at `now`.
pub fn give_back(state: State, rate: &Rate, cost: u64, at: Timestamp, now: Timestamp) -> State {
    if is_over(state, now) || end(rate, at) < expiry(state) {
        return state;
    }
    State { count: state.count.saturating_sub(cost), ..state }
}

/// What `get_window_stats` says at `now`.
pub fn peek(state: State, rate: &Rate, now: Timestamp) -> Window {
    let (count, ttl) = if is_over(state, now) { (0, 0) } else { (state.count, expiry(state) - millis(now)) };
    // The server rounds half a second up.
    let seconds = ttl.saturating_add(500) / 1_000;
    Window { remaining: rate.amount.saturating_sub(count), reset: seconds as f64 + now.seconds() }
}

/// In milliseconds since the epoch.
fn expiry(state: State) -> u64 {
    // `as` saturates.
    (state.expiry * 1e3).round() as u64
}

/// When a window ends that begins at `now`, in milliseconds since the epoch.
fn end(rate: &Rate, now: Timestamp) -> u64 {
    millis(now).saturating_add(length(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::arbitrary::{rate, time};
    use crate::limit::rate::Unit;
    use proptest::prelude::*;

    const FIVE_PER_MINUTE: Rate = Rate { amount: 5, multiples: 1, unit: Unit::Minute };

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + micros)
    }

    /// The millisecond it ends in is within the window, whichever microsecond of it began it.
    #[test]
    fn the_last_millisecond_is_within() {
        let (state, _) = hit(State::default(), &FIVE_PER_MINUTE, 5, at(999));
        assert!(!grants(state, &FIVE_PER_MINUTE, 1, at(60_000_999)));
        assert!(grants(state, &FIVE_PER_MINUTE, 1, at(60_001_000)));
    }

    /// The reset is off by up to half a second: the server rounds the time to live, and the client adds its own clock.
    #[test]
    fn resets_are_rounded() {
        let (state, _) = hit(State::default(), &FIVE_PER_MINUTE, 2, at(0));
        for (micros, reset) in [(0, 60.0), (500_000, 60.5), (501_000, 59.501), (59_500_000, 60.5), (60_000_000, 60.0)] {
            let expected = Window { remaining: 3, reset: (1_700_000_000_000_000.0 + reset * 1e6) / 1e6 };
            assert_eq!(peek(state, &FIVE_PER_MINUTE, at(micros)), expected, "{micros}");
        }
    }

    proptest! {
        /// Total: no state, rate, cost or time panics or overflows.
        #[test]
        fn total(bits: u64, count: u64, rate in rate(), cost: u64, at: u64, now: u64) {
            let (at, now) = (Timestamp::from_micros(at), Timestamp::from_micros(now));
            let (state, _) = hit(State { expiry: f64::from_bits(bits), count }, &rate, cost, now);
            peek(give_back(state, &rate, cost, at, now), &rate, now);
        }

        /// The end of a window survives being kept in seconds.
        #[test]
        fn ends_are_whole_milliseconds(now in time(), seconds in 1u64..10_000_000) {
            let rate = Rate { amount: 1, multiples: seconds, unit: Unit::Second };
            let (state, _) = hit(State::default(), &rate, 1, Timestamp::from_micros(now));
            prop_assert_eq!(expiry(state), now / 1_000 + seconds * 1_000);
        }
    }
}
