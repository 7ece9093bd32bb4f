//! `limits.strategies.MovingWindowRateLimiter` over Redis: what it says without a hit. A hit is as over memory.
//!
//! Here `test` counts what a hit counts, both ends of the window. What a window's reset is made of was printed by Lua, with
//! 14 digits: a tenth of a millisecond. The times to live of the keys decide nothing: a stamp that counts keeps them.

use crate::Timestamp;
use crate::limit::moving_window::{Log, amount};
use crate::limit::{Rate, Window};

/// What `test` of the original says.
pub fn test(log: &impl Log, rate: &Rate, cost: u64, now: Timestamp) -> bool {
    live(log, rate, now).saturating_add(cost) <= amount(rate)
}

/// What `get_window_stats` says at `now`.
pub fn peek(log: &impl Log, rate: &Rate, now: Timestamp) -> Window {
    let live = live(log, rate, now);
    let oldest = if live == 0 { now.seconds() } else { printed(log.stamp(live - 1)) };
    Window { remaining: amount(rate) - live, reset: oldest + rate.window() as f64 }
}

/// How many stamps are within the window. Halves as the script does: when time ran backwards the stamps are out of order,
/// and then the steps taken decide the answer.
fn live(log: &impl Log, rate: &Rate, now: Timestamp) -> u64 {
    let horizon = now.seconds() - rate.window() as f64;
    let (mut low, mut high) = (0, amount(rate));
    while low < high {
        let middle = low + (high - 1 - low) / 2;
        if middle < log.len() && log.stamp(middle) >= horizon {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The number that `%.14g` prints.
fn printed(stamp: f64) -> f64 {
    format!("{stamp:.13e}").parse().unwrap_or(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::moving_window::hit;
    use crate::limit::rate::Unit;
    use proptest::prelude::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + micros)
    }

    /// At the very end of a stamp's window a test refuses as a hit does.
    #[test]
    fn both_ends_are_within() {
        let (mut log, rate) = (Vec::new(), Rate { amount: 2, multiples: 1, unit: Unit::Minute });
        assert!(hit(&mut log, &rate, 2, at(0)));
        assert!(!test(&log, &rate, 1, at(60_000_000)));
        assert!(test(&log, &rate, 2, at(60_000_001)));
        assert_eq!(peek(&log, &rate, at(60_000_001)), Window { remaining: 2, reset: at(120_000_001).seconds() });
    }

    /// Fourteen digits, and half of the last one to the even: what C prints, `'%.14g' % stamp` in Python.
    #[test]
    fn stamps_are_printed() {
        for (stamp, digits) in [
            (1_700_000_000.123_456, 1_700_000_000.123_5),
            (1_700_000_000.031_25, 1_700_000_000.031_2),
            (1_700_000_000.093_75, 1_700_000_000.093_8),
            (1_700_000_000.999_99, 1_700_000_001.0),
            (999_999_999.999_996, 1_000_000_000.0),
            (0.000_001, 0.000_001),
        ] {
            assert_eq!(printed(stamp), digits, "{stamp}");
        }
    }

    proptest! {
        /// A test says what a hit would, and what is left can be taken at once, but not one more.
        #[test]
        fn what_is_left_is_granted(amount in 1u64..20, hits in prop::collection::vec((1u64..4, 0u64..500_000), 1..100)) {
            let (mut log, mut now) = (Vec::new(), 0);
            let rate = Rate { amount, multiples: 1, unit: Unit::Second };
            for (cost, gap) in hits {
                now += gap;
                let left = peek(&log, &rate, at(now)).remaining;
                prop_assert!(hit(&mut log.clone(), &rate, left, at(now)));
                prop_assert!(!hit(&mut log.clone(), &rate, left + 1, at(now)));
                let tested = test(&log, &rate, cost, at(now));
                prop_assert_eq!(hit(&mut log, &rate, cost, at(now)), tested);
            }
        }
    }
}
