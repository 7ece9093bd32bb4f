//! Stops asking a server that does not answer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures open it,
const FAILURES: usize = 5;

/// within this time.
const WITHIN: Duration = Duration::from_secs(1);

/// While it is open, requests are answered at once without the server; the connection's thread tries it in between, so
/// that no request is the one to find out.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    open: AtomicBool,
    failures: Mutex<VecDeque<Instant>>,
}

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// A request was not answered by the server, at `at`; whether that opened it.
    pub(super) fn failed(&self, at: Instant) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push_back(at);
        while failures.front().is_some_and(|first| at.saturating_duration_since(*first) > WITHIN) {
            failures.pop_front();
        }
        if failures.len() < FAILURES {
            return false;
        }
        failures.clear();
        !self.open.swap(true, Ordering::Relaxed)
    }

    /// The server answers.
    pub(super) fn close(&self) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.open.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five failures within a second open it, and five that are farther apart do not.
    #[test]
    fn opens_on_five_within_a_second() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for tenth in [0, 3, 6, 9] {
            assert!(!breaker.failed(start + Duration::from_millis(100 * tenth)));
        }
        assert!(!breaker.failed(start + Duration::from_millis(1_001)) && !breaker.is_open());
        assert!(breaker.failed(start + Duration::from_millis(1_002)) && breaker.is_open());
        breaker.close();
        assert!(!breaker.failed(start + Duration::from_millis(1_003)) && !breaker.is_open());
    }
}
