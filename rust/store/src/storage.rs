//! What the library `limits` calls a storage: the counts that its own strategy objects stand on, key by key.
//!
//! Below [`Limiter`](crossfade_core::limit::Limiter): the keys come whole, with the limit written in them, and the
//! decision for a fixed window is the caller's. Time is `time.time()`, in seconds.

use crossfade_core::limit::Rate;
use crossfade_core::limit::rate::Unit;
use crossfade_core::limit::sliding_window::Counters;

/// The storage operations of `limits` 5.8, answered as its `MemoryStorage` answers. A counter and a log may have the same
/// key; sliding windows of different lengths under one key are different windows.
pub trait Storage: Send + Sync {
    /// Adds `amount` to a counter, and says what it is then. If it was at nothing it lasts `length` seconds from now.
    fn incr(&self, key: &[u8], length: f64, amount: i64, now: f64) -> i64;

    /// A counter; 0 when it is over or was never there.
    fn get(&self, key: &[u8], now: f64) -> i64;

    /// When a counter is over; `now` when it is, or was never there.
    fn expiry(&self, key: &[u8], now: f64) -> f64;

    /// Puts `cost` stamps into a log unless more than the rate's amount were then in its window; says whether it did.
    ///
    /// # Errors
    ///
    /// [`TooLong`]: it cannot keep that many.
    fn acquire_moving(&self, key: &[u8], rate: &Rate, cost: i64, now: f64) -> Result<bool, TooLong>;

    /// The oldest stamp in the window of a log, and how many there are.
    ///
    /// # Errors
    ///
    /// [`TooLong`]: it cannot keep as many as the rate's amount.
    fn moving(&self, key: &[u8], rate: &Rate, now: f64) -> Result<(f64, u64), TooLong>;

    /// Adds `cost` to the current window's counter unless the weighted count were then above the rate's amount; says
    /// whether it did. A cost below 0 takes back at most what that counter has.
    fn acquire_sliding(&self, key: &[u8], rate: &Rate, cost: i64, now: f64) -> bool;

    /// Both counters of a sliding window of `length` seconds.
    fn sliding(&self, key: &[u8], length: u64, now: f64) -> Counters;

    /// Forgets a key's counter and log.
    fn clear(&self, key: &[u8]);

    /// Forgets a key's sliding window of `length` seconds.
    fn clear_sliding(&self, key: &[u8], length: u64);

    /// Forgets everything, and says how many keys that were.
    fn reset(&self, now: f64) -> u64;
}

/// A moving window has more stamps than a storage can keep. Says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong(pub String);

/// A counter of [`Storage`]. The default is one that was never there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counter {
    /// When it is over, in seconds since the epoch.
    pub expiry: f64,
    /// What was added to it; below zero if more was taken back.
    pub count: i64,
}

impl Counter {
    /// Whether it is over: exactly at its expiry it is.
    pub fn is_over(&self, now: f64) -> bool {
        self.expiry <= now
    }

    /// What it counts at `now`.
    pub fn at(&self, now: f64) -> i64 {
        if self.is_over(now) { 0 } else { self.count }
    }

    /// With `amount` added. The original sets the expiry whenever the sum equals what was just added: after a sum of 0
    /// too.
    pub fn plus(self, length: f64, amount: i64, now: f64) -> Self {
        let before = self.at(now);
        let expiry = if before == 0 { now + length } else { self.expiry };
        Self { expiry, count: before.saturating_add(amount) }
    }
}

/// The amount of the limit that a key of `limits` ends with: `…/5/1/minute` has 5.
pub(crate) fn amount_in(key: &[u8]) -> Option<u64> {
    let amount = key.rsplit(|&byte| byte == b'/').nth(2)?;
    std::str::from_utf8(amount).ok()?.parse().ok()
}

/// The limit that a key of `limits` ends with, in seconds; `None` where its unit is the service's own.
pub(crate) fn rate_in(key: &[u8]) -> Option<Rate> {
    let mut ends = key.rsplit(|&byte| byte == b'/').map(std::str::from_utf8);
    let unit = Unit::named(ends.next()?.ok()?)?;
    let multiples: u64 = ends.next()?.ok()?.parse().ok()?;
    let length = unit.seconds().checked_mul(multiples)?;
    Some(Rate { amount: amount_in(key)?, multiples: length, unit: Unit::Second })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter begins when it is at nothing, and not before it is over.
    #[test]
    fn a_counter_begins_at_nothing() {
        let counter = Counter::default().plus(60.0, 3, 1000.0).plus(60.0, 2, 1001.0);
        assert_eq!(counter, Counter { expiry: 1060.0, count: 5 });
        let counter = counter.plus(60.0, -5, 1002.0).plus(60.0, -1, 1003.0);
        assert_eq!(counter, Counter { expiry: 1063.0, count: -1 });
        assert_eq!((counter.at(1062.5), counter.at(1063.0)), (-1, 0));
        assert_eq!(counter.plus(60.0, 0, 1063.0), Counter { expiry: 1123.0, count: 0 });
        assert_eq!(Counter::default().plus(1.0, i64::MAX, 0.5).plus(1.0, 1, 0.6).count, i64::MAX);
    }

    /// The limit is where `limits` writes it, whatever is before it.
    #[test]
    fn keys_end_with_their_limit() {
        for (key, amount) in [
            ("LIMITER/u/i/2/1/minute", Some(2)),
            ("2/1/minute", Some(2)),
            ("a//0/15/day", Some(0)),
            ("2/minute", None),
            ("", None),
            ("a/x/1/minute", None),
            ("a/99999999999999999999/1/minute", None),
        ] {
            assert_eq!(amount_in(key.as_bytes()), amount, "{key}");
        }
        let rate = |key: &str| rate_in(key.as_bytes()).map(|rate| (rate.amount, rate.window()));
        assert_eq!(rate("LIMITER/u/i/2/3/minute"), Some((2, 180)));
        assert_eq!(rate("LIMITER/2/1/fortnight"), None);
        assert_eq!(rate("LIMITER/2/99999999999999999999/day"), None);
        assert_eq!(rate("LIMITER/2/9999999999999999999/day"), None);
    }
}
