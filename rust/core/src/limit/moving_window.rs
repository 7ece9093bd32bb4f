//! `limits.strategies.MovingWindowRateLimiter` over memory, as one step on a log of stamps.
//!
//! A hit of cost c is granted unless the stamp that would become the (amount + 1)-th newest is still within the window,
//! both ends included. Refused hits leave nothing behind. So the newest `amount` stamps decide everything, and a ring of
//! that many slots is enough.
//!
//! In two places the original's answer depends on whether its purge thread has run since the window ended. Exactly at the
//! end of a stamp's window, and only there, the purge can turn a refusal into a grant: here it is refused, as by the
//! original before the purge. When all stamps have expired, the original names a reset in the past before the purge and
//! one whole length from now after it: here it is the latter, as over Redis.

use super::{Rate, Window};
use crate::time::Moment;

/// Most stamps that are kept for one key: 8 MiB of them. An amount above it counts as this, so that a policy should
/// refuse it.
pub const MAX_AMOUNT: u64 = 1 << 20;

/// The stamps of one key, in seconds since the epoch, newest first. A new key's log is empty.
pub trait Log {
    /// How many there are.
    fn len(&self) -> u64;

    /// The stamp of that age; 0 is the newest. Asked only for ages below `len`.
    fn stamp(&self, age: u64) -> f64;

    /// Puts `count` copies of `stamp` before the others, and forgets those of age `keep` and above.
    fn push(&mut self, stamp: f64, count: u64, keep: u64);

    /// Forgets `count` stamps that equal `stamp`, or all of them if there are fewer.
    fn remove(&mut self, stamp: f64, count: u64);

    /// Whether no hit was ever granted.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many hits a window holds.
pub fn amount(rate: &Rate) -> u64 {
    rate.amount.min(MAX_AMOUNT)
}

/// Whether no stamp weighs on a hit at `now` any more.
pub fn is_over(log: &impl Log, rate: &Rate, now: impl Moment) -> bool {
    log.is_empty() || log.stamp(0) < horizon(rate, now)
}

/// Stores `cost` stamps if they are granted, and says whether they were.
pub fn hit(log: &mut impl Log, rate: &Rate, cost: u64, now: impl Moment) -> bool {
    let granted = grants(log, rate, cost, now);
    if granted {
        take(log, rate, cost, now);
    }
    granted
}

/// Stores `cost` stamps, whatever is left. More than the amount are as many as the amount: the window is full then.
pub fn take(log: &mut impl Log, rate: &Rate, cost: u64, now: impl Moment) {
    log.push(now.seconds(), cost, amount(rate));
}

/// Whether `cost` stamps would be stored.
pub fn grants(log: &impl Log, rate: &Rate, cost: u64, now: impl Moment) -> bool {
    let Some(age) = amount(rate).checked_sub(cost) else { return false };
    cost == 0 || age >= log.len() || log.stamp(age) < horizon(rate, now)
}

/// What `test` of the original says: it leaves out the very end of a stamp's window, which a hit still counts.
pub fn test(log: &impl Log, rate: &Rate, cost: u64, now: impl Moment) -> bool {
    live(log, horizon(rate, now)).saturating_add(cost) <= amount(rate)
}

/// Gives back `cost` of what was charged at `at`: stamps of exactly that time, which only charges of that time left.
pub fn give_back(log: &mut impl Log, cost: u64, at: impl Moment) {
    log.remove(at.seconds(), cost);
}

/// What `get_window_stats` says at `now`.
pub fn peek(log: &impl Log, rate: &Rate, now: impl Moment) -> Window {
    let (oldest, live) = window(log, rate, now);
    Window { remaining: amount(rate).saturating_sub(live), reset: oldest + rate.window() as f64 }
}

/// What `get_moving_window` of the original's storage says at `now`: the oldest stamp of the window, and how many it has.
pub fn window(log: &impl Log, rate: &Rate, now: impl Moment) -> (f64, u64) {
    let live = live(log, horizon(rate, now));
    let oldest = match live {
        0 if is_over(log, rate, now) => now.seconds(),
        // The newest stamps are at the very end of their window: a hit is still refused for them, and until then.
        0 => log.stamp(0),
        _ => log.stamp(live - 1),
    };
    (oldest, live)
}

fn horizon(rate: &Rate, now: impl Moment) -> f64 {
    now.seconds() - rate.window() as f64
}

/// How many stamps are after `horizon`. Halves as Python's `bisect_left` does: when time ran backwards the stamps are out
/// of order, and then the steps taken decide the answer.
fn live(log: &impl Log, horizon: f64) -> u64 {
    let (mut low, mut high) = (0, log.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if log.stamp(middle) > horizon {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::limit::arbitrary::{rate, time};
    use crate::limit::rate::Unit;
    use proptest::prelude::*;

    impl Log for Vec<f64> {
        fn len(&self) -> u64 {
            self.len() as u64
        }

        fn stamp(&self, age: u64) -> f64 {
            self[age as usize]
        }

        fn push(&mut self, stamp: f64, count: u64, keep: u64) {
            self.splice(0..0, (0..count.min(keep)).map(|_| stamp));
            self.truncate(keep as usize);
        }

        fn remove(&mut self, stamp: f64, mut count: u64) {
            self.retain(|known| {
                let goes = count > 0 && *known == stamp;
                count -= u64::from(goes);
                !goes
            });
        }
    }

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + micros)
    }

    const TWO: Rate = Rate { amount: 2, multiples: 1, unit: Unit::Minute };

    /// At the very end of a stamp's window a hit is still refused, with a reset of that instant; then it is granted.
    #[test]
    fn both_ends_are_within() {
        let mut log = Vec::new();
        assert!(hit(&mut log, &TWO, 2, at(0)));
        assert!(!hit(&mut log, &TWO, 1, at(60_000_000)));
        assert!(!is_over(&log, &TWO, at(60_000_000)));
        assert_eq!(peek(&log, &TWO, at(60_000_000)), Window { remaining: 2, reset: 1_700_000_060.0 });
        assert!(is_over(&log, &TWO, at(60_000_001)));
        assert!(hit(&mut log, &TWO, 1, at(60_000_001)));
    }

    /// A cost above the amount is refused and leaves nothing; a cost of 0 is granted and leaves nothing.
    #[test]
    fn extremes_of_cost_leave_nothing() {
        let mut log = Vec::new();
        assert!(!hit(&mut log, &TWO, 3, at(0)));
        assert!(hit(&mut log, &TWO, 0, at(0)));
        assert!(log.is_empty());
        assert_eq!(peek(&log, &TWO, at(0)), Window { remaining: 2, reset: 1_700_000_060.0 });
    }

    proptest! {
        /// Total: no rate, cost or order of times panics or overflows, and the log never outgrows the amount.
        #[test]
        fn total(rate in rate(), hits in prop::collection::vec((0u64..5, any::<u64>()), 0..50)) {
            let mut log = Vec::new();
            for (cost, now) in hits {
                let now = Timestamp::from_micros(now);
                hit(&mut log, &rate, cost, now);
                prop_assert!(Log::len(&log) <= amount(&rate));
                peek(&log, &rate, now);
            }
        }

        /// In no closed window are there more than the amount; after a refusal the wait is exact but for the end itself:
        /// at the reset a hit is still refused, a microsecond later it is granted. (A refusal for a stamp at the very end
        /// of its window names the reset of the one after it, as the original does.)
        #[test]
        fn waits_are_exact(amount in 1u64..20, multiples in 1u64..20, start in time(), gaps in prop::collection::vec(0u64..2_000_000, 1..200)) {
            let rate = Rate { amount, multiples, unit: Unit::Second };
            let (mut log, mut now, mut granted) = (Vec::new(), start, Vec::new());
            for gap in gaps {
                now += gap;
                if hit(&mut log, &rate, 1, Timestamp::from_micros(now)) {
                    granted.push(now);
                    let within = granted.iter().filter(|&&stamp| stamp >= now - multiples * 1_000_000).count() as u64;
                    prop_assert!(within <= amount);
                } else if !granted.contains(&(now - multiples * 1_000_000)) {
                    let reset = (peek(&log, &rate, Timestamp::from_micros(now)).reset * 1e6).round() as u64;
                    prop_assert!(!hit(&mut log.clone(), &rate, 1, Timestamp::from_micros(reset)));
                    prop_assert!(hit(&mut log.clone(), &rate, 1, Timestamp::from_micros(reset + 1)));
                }
            }
        }
    }
}
