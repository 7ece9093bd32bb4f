//! `limits.strategies.SlidingWindowCounterRateLimiter` over memory, as one step on three counters.
//!
//! Windows are aligned to the clock, and each has a counter. What counts is the current one plus the previous one times
//! the share of it that a window ending now still covers. Only granted hits are counted. The `f64` expressions stand in
//! the order of the original, which decides their last bit.
//!
//! The original keeps a counter from its first hit for two lengths. That is always longer than anybody can read it as
//! current or previous, so the expiry itself need not be kept. Two windows before the newest can still be alive; they
//! matter only when time runs backwards, and with them the answers stay those of the original. A jump further back
//! starts over from there: a clock that was wrong for a moment must not refuse until it has caught up.

use super::{Rate, Window};
use crate::time::Moment;

/// What is kept for one key. The default is a key that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// Number of the newest window that was hit, counted from the epoch in lengths of the window.
    pub newest: u64,
    /// Counters of the newest window, of the one before it, and of the one before that.
    pub counts: [u64; 3],
}

impl State {
    /// Whether nothing here weighs on a hit at `now` any more.
    pub fn is_over(&self, rate: &Rate, now: impl Moment) -> bool {
        window(rate, now) > self.newest.saturating_add(1) || self.counts == [0; 3]
    }

    fn count(&self, window: u64) -> u64 {
        self.newest.checked_sub(window).and_then(|age| self.counts.get(age as usize)).copied().unwrap_or(0)
    }

    fn add(mut self, window: u64, cost: u64) -> Self {
        if window > self.newest || self.newest - window >= self.counts.len() as u64 {
            let newer = window.saturating_sub(self.newest);
            self.counts = match (newer, self.counts) {
                (1, [newest, previous, _]) => [0, newest, previous],
                (2, [newest, ..]) => [0, 0, newest],
                _ => [0; 3],
            };
            self.newest = window;
        }
        let count = &mut self.counts[(self.newest - window) as usize];
        *count = count.saturating_add(cost);
        self
    }
}

/// The two counters that weigh at one instant.
struct Weighing {
    now: f64,
    length: f64,
    /// Lengths since the epoch.
    lengths: f64,
    current_count: u64,
    previous_count: u64,
    previous_ttl: f64,
    /// What the previous counter still weighs.
    share: f64,
}

impl Weighing {
    fn new(state: &State, rate: &Rate, now: impl Moment) -> Self {
        let (now, length) = (now.seconds(), rate.window() as f64);
        let lengths = now / length;
        // Python's `int` rounds towards zero. So in the first window after the epoch, where this is a fraction below
        // zero, the previous window is the current one. That window can last: one of 100 years has not ended yet.
        let previous = (now - length) / length;
        let previous_count = if previous <= -1.0 { 0 } else { state.count(previous as u64) };
        let previous_ttl = if previous_count == 0 { 0.0 } else { (1.0 - fraction(previous)) * length };
        let share = previous_count as f64 * previous_ttl / length;
        Self { now, length, lengths, current_count: state.count(lengths as u64), previous_count, previous_ttl, share }
    }

    /// How long the current counter lasts: to the end of its window, and the next one.
    fn current_ttl(&self) -> f64 {
        (1.0 - fraction(self.lengths)) * self.length + self.length
    }

    /// The weighted count, were the current counter at `current_count`.
    fn with(&self, current_count: u64) -> f64 {
        self.share + current_count as f64
    }

    /// Whether the weighted count leaves room for `cost`.
    fn grants(&self, rate: &Rate, cost: u64) -> bool {
        whole(self.with(self.current_count)).saturating_add(cost) <= rate.amount
    }
}

/// Counts `cost` if it is granted, and says whether it was.
pub fn hit(state: State, rate: &Rate, cost: u64, now: impl Moment) -> (State, bool) {
    let granted = grants(state, rate, cost, now);
    (if granted { take(state, rate, cost, now) } else { state }, granted)
}

/// Counts `cost`, whatever is left.
pub fn take(state: State, rate: &Rate, cost: u64, now: impl Moment) -> State {
    if cost == 0 { state } else { state.add(window(rate, now), cost) }
}

/// Whether `cost` would be granted.
pub fn grants(state: State, rate: &Rate, cost: u64, now: impl Moment) -> bool {
    // The original adds the cost, weighs again and takes it back if that is too much. It looks for other threads that
    // way; but the second sum can also be rounded up to the next whole number, and then it refuses all alone.
    let weighing = Weighing::new(&state, rate, now);
    weighing.grants(rate, cost) && whole(weighing.with(weighing.current_count.saturating_add(cost))) <= rate.amount
}

/// What `test` of the original says: it weighs once.
pub fn test(state: State, rate: &Rate, cost: u64, now: impl Moment) -> bool {
    Weighing::new(&state, rate, now).grants(rate, cost)
}

/// Gives back `cost` of what was charged at `at`, to the counter of that time's window if it is still kept.
pub fn give_back(mut state: State, rate: &Rate, cost: u64, at: impl Moment) -> State {
    if let Some(age) = state.newest.checked_sub(window(rate, at))
        && let Some(count) = state.counts.get_mut(age as usize)
    {
        *count = count.saturating_sub(cost);
    }
    state
}

/// Number of the window of an instant, counted from the epoch.
fn window(rate: &Rate, now: impl Moment) -> u64 {
    (now.seconds() / rate.window() as f64) as u64
}

/// What `get_window_stats` says at `now`.
pub fn peek(state: State, rate: &Rate, now: impl Moment) -> Window {
    let weighing = Weighing::new(&state, rate, now);
    let Weighing { now, length, current_count, previous_count, previous_ttl, .. } = weighing;
    let remaining = rate.amount.saturating_sub(whole(weighing.with(current_count)));
    let mut wait = f64::INFINITY;
    if previous_count > 0 {
        wait = remainder(previous_ttl, length / previous_count as f64);
    }
    if current_count > 0 {
        wait = wait.min(remainder(weighing.current_ttl(), length));
    }
    // Neither counter waits for anything: the original answers with the present.
    Window { remaining, reset: if wait.is_finite() { now + wait } else { now } }
}

/// The two counters at one instant, and how many seconds each of them still counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counters {
    /// Granted in the window before the current one.
    pub previous: u64,
    /// How long those still weigh; 0 if there are none.
    pub previous_ttl: f64,
    /// Granted in the current window.
    pub current: u64,
    /// To the end of the window that follows the current one.
    pub current_ttl: f64,
}

/// What `get_sliding_window` of the original's storage says at `now`.
pub fn counters(state: State, rate: &Rate, now: impl Moment) -> Counters {
    let weighing = Weighing::new(&state, rate, now);
    Counters {
        previous: weighing.previous_count,
        previous_ttl: weighing.previous_ttl,
        current: weighing.current_count,
        current_ttl: weighing.current_ttl(),
    }
}

/// Python's `value % 1`, which is never below zero, of a value of at least -1.
fn fraction(value: f64) -> f64 {
    // `floor` itself is a call on processors of the first generation, which is what we compile for.
    let truncated = value as i64 as f64;
    value - if truncated > value { truncated - 1.0 } else { truncated }
}

/// `dividend % divisor` of positive numbers. Where the quotient is 0 or 1 a subtraction is as exact, and no call.
fn remainder(dividend: f64, divisor: f64) -> f64 {
    if dividend < divisor {
        dividend
    } else if dividend < 2.0 * divisor {
        dividend - divisor
    } else {
        dividend % divisor
    }
}

/// `floor` as a whole number; `as` saturates.
fn whole(weight: f64) -> u64 {
    weight as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::limit::arbitrary::{rate, time};
    use crate::limit::rate::Unit;
    use proptest::prelude::*;

    fn micros(seconds: f64) -> u64 {
        (seconds * 1e6).round() as u64
    }

    /// A jump back by up to two windows finds the counters it left; a longer one starts over and does not panic.
    #[test]
    fn time_may_run_backwards() {
        let rate = Rate { amount: 3, multiples: 1, unit: Unit::Second };
        let at = |second: u64| Timestamp::from_micros((1_700_000_000 + second) * 1_000_000);
        let mut state = State::default();
        for second in [10, 10, 11, 12] {
            let admitted;
            (state, admitted) = hit(state, &rate, 1, at(second));
            assert!(admitted);
        }
        assert_eq!(state.counts, [1, 1, 2]);
        assert_eq!(peek(state, &rate, at(10)).remaining, 1);
        (state, _) = hit(state, &rate, 1, at(3));
        assert_eq!(state.counts, [1, 0, 0]);
    }

    proptest! {
        /// Total: no state, rate, cost or time panics or overflows, and a reset is never in the past or no number.
        #[test]
        fn total(newest: u64, counts: [u64; 3], rate in rate(), cost: u64, now: u64) {
            let now = Timestamp::from_micros(now);
            let (state, _) = hit(State { newest, counts }, &rate, cost, now);
            prop_assert!(peek(state, &rate, now).reset >= now.seconds());
            state.is_over(&rate, now);
        }

        /// The weight never passes the amount; after a refusal a millisecond beyond the reset a hit is granted. (At the
        /// reset itself, or a rounding error after it, the original may still refuse: the weight is a whole number there.)
        #[test]
        fn waits_end(amount in 1u64..50, multiples in 1u64..100, start in time(), gaps in prop::collection::vec(0u64..2_000_000, 1..200)) {
            let rate = Rate { amount, multiples, unit: Unit::Second };
            let (mut state, mut now) = (State::default(), start);
            for gap in gaps {
                now += gap;
                let admitted;
                (state, admitted) = hit(state, &rate, 1, Timestamp::from_micros(now));
                if !admitted {
                    let later = Timestamp::from_micros(micros(peek(state, &rate, Timestamp::from_micros(now)).reset) + 1_000);
                    let weight = Weighing::new(&state, &rate, later);
                    prop_assert!(hit(state, &rate, 1, later).1, "{}", weight.with(weight.current_count));
                }
            }
        }

        /// What is over answers as if it had never been; two lengths after the newest window's start it is.
        #[test]
        fn over_is_forgotten(
            newest in 0u64..20_000_000, counts: [u8; 3], amount in 0u64..9, multiples in 1u64..99, cost in 0u64..9,
            later in 0u64..200_000_000,
        ) {
            let rate = Rate { amount, multiples, unit: Unit::Second };
            let state = State { newest, counts: counts.map(u64::from) };
            let now = Timestamp::from_micros((newest + 2) * multiples * 1_000_000 + later);
            prop_assert!(state.is_over(&rate, now));
            prop_assert_eq!(peek(state, &rate, now), peek(State::default(), &rate, now));
            prop_assert_eq!(hit(state, &rate, cost, now).1, hit(State::default(), &rate, cost, now).1);
        }
    }
}
