//! `limits.strategies.SlidingWindowCounterRateLimiter` over Redis, as one step on three numbers.
//!
//! Windows follow one another from a first hit on, as long as something is asked in each; after a whole window in which
//! nothing was, the next hit begins them anew. There are two keys. The current one lives two lengths, and is renamed to the
//! previous one in the second of them; so the previous one always goes one length before the current one. The original
//! renames on every question, a look and a refusal too, so every step here gives the next state.
//!
//! In 96 bits: 42 for the end in milliseconds, until 2109, and 27 for each counter.

use super::{length, millis};
use crate::Timestamp;
use crate::limit::{Rate, Window};

/// What is kept for one key. The default is a key that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The last millisecond since the epoch at which the current key is there: its window ends one length before. 0 if
    /// there is no key.
    pub end: u64,
    /// Granted in the current window.
    pub current: u64,
    /// Granted in the window before.
    pub previous: u64,
}

impl State {
    /// Whether both keys are gone.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.end < millis(now)
    }

    /// The state that the scripts begin with: without what has expired, and renamed if it is time.
    fn at(self, rate: &Rate, now: Timestamp) -> Self {
        let (length, ttl) = (length(rate), self.end.saturating_sub(millis(now)));
        if self.is_over(now) {
            Self::default()
        } else if ttl == 0 {
            // In its last millisecond the current key is no longer renamed.
            Self { previous: 0, ..self }
        } else if ttl < length {
            Self { end: self.end.saturating_add(length), current: 0, previous: self.current }
        } else {
            self
        }
    }

    /// How long the previous key is there, in milliseconds.
    fn previous_ttl(&self, rate: &Rate, now: Timestamp) -> u64 {
        self.end.saturating_sub(length(rate)).saturating_sub(millis(now))
    }

    /// Whether a script would grant `cost`, in the doubles of Lua.
    fn grants(&self, rate: &Rate, cost: u64, now: Timestamp) -> bool {
        let share = self.previous as f64 * self.previous_ttl(rate, now) as f64 / length(rate) as f64;
        cost <= rate.amount && share.floor() + self.current as f64 + cost as f64 <= rate.amount as f64
    }

    fn add(mut self, rate: &Rate, cost: u64, now: Timestamp) -> Self {
        if self.end == 0 {
            self.end = millis(now).saturating_add(length(rate).saturating_mul(2));
        }
        self.current = self.current.saturating_add(cost);
        self
    }

    /// The weighted count in the seconds of Python.
    fn weight(&self, rate: &Rate, now: Timestamp) -> f64 {
        let ttl = self.previous_ttl(rate, now) as f64 / 1e3;
        self.previous as f64 * ttl / rate.window() as f64 + self.current as f64
    }
}

/// Counts `cost` if it is granted, and says whether it was.
pub fn hit(state: State, rate: &Rate, cost: u64, now: Timestamp) -> (State, bool) {
    if cost > rate.amount {
        // Before it looks at any key.
        return (state, false);
    }
    let state = state.at(rate, now);
    let granted = state.grants(rate, cost, now);
    (if granted { state.add(rate, cost, now) } else { state }, granted)
}

/// Counts `cost`, whatever is left.
pub fn take(state: State, rate: &Rate, cost: u64, now: Timestamp) -> State {
    state.at(rate, now).add(rate, cost, now)
}

/// Whether `cost` would be granted.
pub fn grants(state: State, rate: &Rate, cost: u64, now: Timestamp) -> bool {
    state.at(rate, now).grants(rate, cost, now)
}

/// What `test` of the original says. It weighs in seconds, so that the last bit can differ from what decides a hit.
pub fn test(state: State, rate: &Rate, cost: u64, now: Timestamp) -> (State, bool) {
    let state = state.at(rate, now);
    // `as` is a floor and saturates.
    (state, (state.weight(rate, now) as u64).saturating_add(cost) <= rate.amount)
}

/// Gives back `cost` of what was charged at `at`, to the counter that counted it if it is still there.
pub fn give_back(state: State, rate: &Rate, cost: u64, at: Timestamp, now: Timestamp) -> State {
    let (mut state, length, at) = (state.at(rate, now), length(rate), millis(at));
    let began = state.end.saturating_sub(length.saturating_mul(2));
    // The windows touch in one millisecond, which belongs to the earlier one; but the first window has none before it.
    if at > began || (at == began && state.previous == 0) {
        state.current = state.current.saturating_sub(cost);
    } else if at >= began.saturating_sub(length) {
        state.previous = state.previous.saturating_sub(cost);
    }
    state
}

/// What `get_window_stats` says at `now`.
pub fn peek(state: State, rate: &Rate, now: Timestamp) -> (State, Window) {
    let state = state.at(rate, now);
    let remaining = rate.amount.saturating_sub(state.weight(rate, now) as u64);
    let mut wait = f64::INFINITY;
    if state.previous > 0 {
        let ttl = state.previous_ttl(rate, now) as f64 / 1e3;
        wait = ttl % (rate.window() as f64 / state.previous as f64);
    }
    if state.current > 0 {
        let ttl = state.end.saturating_sub(millis(now)) as f64 / 1e3;
        wait = wait.min(ttl % rate.window() as f64);
    }
    (state, Window { remaining, reset: if wait.is_finite() { now.seconds() + wait } else { now.seconds() } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::arbitrary::rate;
    use crate::limit::rate::Unit;
    use proptest::prelude::*;

    const TEN: Rate = Rate { amount: 10, multiples: 1, unit: Unit::Second };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros((1_700_000_000_000 + millis) * 1_000)
    }

    /// Windows begin with a first hit, wherever the clock's own seconds begin, and go on from there.
    #[test]
    fn windows_follow_the_first_hit() {
        let (state, granted) = hit(State::default(), &TEN, 10, at(300));
        assert!(granted);
        // The window's last millisecond is its own; in the next it is the previous one, and weighs all but nothing less.
        assert!(!hit(state, &TEN, 1, at(1_300)).1);
        assert!(hit(state, &TEN, 1, at(1_301)).1);
        let (state, granted) = hit(state, &TEN, 5, at(1_800));
        assert!(granted);
        assert_eq!(state, State { end: 1_700_000_003_300, current: 5, previous: 10 });
        assert!(!hit(state, &TEN, 1, at(1_800)).1);
    }

    /// A look renames too, and so keeps the windows where they are; without one they begin anew.
    #[test]
    fn looking_keeps_the_windows() {
        let (state, _) = hit(State::default(), &TEN, 10, at(0));
        let (looked, _) = peek(state, &TEN, at(1_500));
        assert_eq!(hit(looked, &TEN, 1, at(2_500)).0, State { end: 1_700_000_004_000, current: 1, previous: 0 });
        assert_eq!(hit(state, &TEN, 1, at(2_500)).0, State { end: 1_700_000_004_500, current: 1, previous: 0 });
    }

    proptest! {
        /// Total: no state, rate, cost or time panics or overflows, and a reset is never in the past or no number.
        #[test]
        fn total(end: u64, current: u64, previous: u64, rate in rate(), cost: u64, at: u64, now: u64) {
            let (at, now) = (Timestamp::from_micros(at), Timestamp::from_micros(now));
            let (state, _) = hit(State { end, current, previous }, &rate, cost, now);
            let state = take(give_back(state, &rate, cost, at, now), &rate, cost, now);
            prop_assert!(peek(state, &rate, now).1.reset >= now.seconds());
        }

        /// What was charged and given back in full, in its own window or the next, was never charged.
        #[test]
        fn given_back_was_never_charged(
            hits in prop::collection::vec((0u64..4, 0u64..900), 1..50), cost in 1u64..5, later in 0u64..1_000,
        ) {
            let (mut state, mut now) = (State::default(), 0);
            for (cost, gap) in hits {
                now += gap;
                (state, _) = hit(state, &TEN, cost, at(now));
            }
            let (charged, granted) = hit(state, &TEN, cost, at(now));
            // A charge that begins the windows leaves them behind.
            if granted && !state.is_over(at(now)) {
                let back = give_back(charged, &TEN, cost, at(now), at(now + later));
                prop_assert_eq!(back, peek(state, &TEN, at(now + later)).0);
            }
        }
    }
}
