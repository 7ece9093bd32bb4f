//! A candidate that fails or takes too long is left out, by this process and at once: the route's control is *pinned*.
//!
//! Nothing has to be asked for that, and nothing but the stage file ends it: somebody, or the gate, has to set the stage again.
//! Requests say what time it is.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many failures within so many microseconds are no accident: one is a request that nobody thought of, three are a bug that
/// clients meet.
const FAILURES: usize = 3;
const WITHIN: u64 = 60_000_000;

/// A decision takes some ten microseconds. Twenty times that on average is a fault, or a machine that has nothing left.
const BUDGET: u64 = 200_000;

/// Nanoseconds for each byte of a body: reading JSON takes a few.
const BUDGET_OF_BYTE: u64 = 20;

/// Requests that are looked at together, so that one of them says little.
const REQUESTS: u64 = 256;

/// Times its budget that one request counts at most: a pause of the whole machine is not the candidate's.
const MOST_OF_ONE: u64 = 16;

/// [`Breaker::pinned_at`] of a route that is not pinned.
const NOT_PINNED: u64 = u64::MAX;

/// The breaker of one route in one process.
#[derive(Debug)]
pub struct Breaker {
    /// The stay in a stage that it is pinned in, by when that was entered.
    pinned_at: AtomicU64,
    /// The stay that is watched.
    stay: AtomicU64,
    requests: AtomicU64,
    /// Nanoseconds above the budget, of these requests together.
    over: AtomicI64,
    rare: Mutex<Rare>,
}

/// What only a failure or a pin touches.
#[derive(Debug, Default)]
struct Rare {
    /// When the last ones happened.
    failures: Vec<u64>,
    why: Option<String>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            pinned_at: AtomicU64::new(NOT_PINNED),
            stay: AtomicU64::new(NOT_PINNED),
            requests: AtomicU64::new(0),
            over: AtomicI64::new(0),
            rare: Mutex::default(),
        }
    }
}

impl Breaker {
    /// The candidate has failed at `now`, in the stay that began at `entered`, both in microseconds; why to pin the route, if
    /// it is to be.
    pub fn failed(&self, entered: u64, now: u64) -> Option<String> {
        self.watch(entered);
        let mut rare = self.rare();
        rare.failures.retain(|&at| at.abs_diff(now) <= WITHIN);
        rare.failures.push(now);
        let seconds = WITHIN / 1_000_000;
        (rare.failures.len() >= FAILURES).then(|| format!("the candidate failed {FAILURES} times within {seconds} s"))
    }

    /// The candidate has taken so many nanoseconds for a request with so many bytes of body.
    pub fn took(&self, entered: u64, nanos: u64, body: usize) -> Option<String> {
        self.watch(entered);
        let budget = BUDGET.saturating_add(BUDGET_OF_BYTE.saturating_mul(body as u64));
        let over = nanos.min(budget.saturating_mul(MOST_OF_ONE)) as i64 - budget as i64;
        let over = self.over.fetch_add(over, Ordering::Relaxed) + over;
        if self.requests.fetch_add(1, Ordering::Relaxed) + 1 < REQUESTS {
            return None;
        }
        self.requests.store(0, Ordering::Relaxed);
        self.over.store(0, Ordering::Relaxed);
        let each = over / REQUESTS as i64 / 1_000;
        (over > 0).then(|| format!("{REQUESTS} decisions took {each} µs each above their budget"))
    }

    /// Pins the route until the stay that began at `entered` is over; whether this is news.
    pub fn pin(&self, entered: u64, why: &str) -> bool {
        let mut rare = self.rare();
        rare.why = Some(why.to_owned());
        self.pinned_at.swap(entered, Ordering::SeqCst) != entered
    }

    /// Whether the route is pinned in the stay that began at `entered`; `None`: nobody can say which it is.
    pub fn is_pinned(&self, entered: Option<u64>) -> bool {
        let pinned_at = self.pinned_at.load(Ordering::Acquire);
        pinned_at != NOT_PINNED && entered.is_none_or(|entered| entered == pinned_at)
    }

    /// The stage file says that the stay began at `entered`: a pin of another one is over.
    pub fn follow(&self, entered: u64) {
        let pinned_at = self.pinned_at.load(Ordering::Acquire);
        if pinned_at != NOT_PINNED && pinned_at != entered {
            let mut rare = self.rare();
            rare.why = None;
            self.pinned_at.store(NOT_PINNED, Ordering::SeqCst);
        }
    }

    /// Why the route is pinned, if it is.
    pub fn why(&self) -> Option<String> {
        self.is_pinned(None).then(|| self.rare().why.clone()).flatten()
    }

    /// What happened in another stay says nothing.
    fn watch(&self, entered: u64) {
        if self.stay.load(Ordering::Relaxed) != entered && self.stay.swap(entered, Ordering::Relaxed) != entered {
            self.requests.store(0, Ordering::Relaxed);
            self.over.store(0, Ordering::Relaxed);
            self.rare().failures.clear();
        }
    }

    fn rare(&self) -> MutexGuard<'_, Rare> {
        self.rare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// Three failures within a minute pin; three within more do not, and neither do those of another stay.
    #[test]
    fn failures_within_a_minute() {
        let breaker = Breaker::default();
        let failed = |entered, second| breaker.failed(entered, second * SECOND).is_some();
        assert!(!failed(1, 0) && !failed(1, 30) && !failed(1, 61), "the first is forgotten");
        assert!(failed(1, 90), "with those at 30 and 61");
        assert!(!failed(2, 91) && !failed(2, 92) && failed(2, 92));
    }

    /// The mean counts, over whole windows, each request against its own budget, and one pause is nothing.
    #[test]
    fn the_mean_time_of_many() {
        let breaker = Breaker::default();
        let tripped = |entered, amount: u64, nanos, body| {
            (0..amount).filter(|_| breaker.took(entered, nanos, body).is_some()).count()
        };
        assert_eq!(tripped(1, 10 * REQUESTS, BUDGET, 0), 0, "at the budget");
        assert_eq!(tripped(1, 10 * REQUESTS, BUDGET + 1_000_000 * BUDGET_OF_BYTE, 1_000_000), 0, "a large body");
        assert_eq!(tripped(1, REQUESTS - 1, BUDGET + 1, 0), 0, "too few");
        assert_eq!(tripped(1, 1, BUDGET + 1, 0), 1);
        assert_eq!(tripped(1, 1, u64::MAX, 0) + tripped(1, REQUESTS - 1, BUDGET / 2, 0), 0, "one pause");
        assert_eq!(tripped(1, 1, u64::MAX, 0) + tripped(2, REQUESTS - 1, BUDGET + 1, 0), 0, "another stay");
    }

    /// A pin lasts as long as the stay does, whatever is read of the file in between, and a new stay ends it.
    #[test]
    fn a_pin_ends_with_its_stay() {
        let breaker = Breaker::default();
        assert!(breaker.pin(5, "because") && !breaker.pin(5, "because"));
        breaker.follow(5);
        assert!(breaker.is_pinned(Some(5)) && breaker.is_pinned(None) && !breaker.is_pinned(Some(6)));
        assert_eq!(breaker.why().as_deref(), Some("because"));
        breaker.follow(6);
        assert!(!breaker.is_pinned(Some(5)) && !breaker.is_pinned(None) && breaker.why().is_none());
    }
}
