//! What happened at the seam of one process, per route. Names are those of docs and CLI.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one route; each counts requests.
#[derive(Debug, Default)]
pub struct Counts {
    /// The candidate ran.
    pub candidate: Count,
    /// The control ran because the seam asked it to.
    pub control: Count,
    /// The client got the candidate's answer.
    pub answered_by_candidate: Count,
    /// The candidate could not judge.
    pub unsupported: Count,
    /// Outside the grammar, and refused because too much of the route's traffic was.
    pub refused_above_cap: Count,
    /// The candidate failed (a panic).
    pub failed: Count,
    /// A stage beyond `shadow` was held back because the candidate's counts were not warm.
    pub cold: Count,
    /// The control was pinned: the candidate failed or took too long.
    pub pinned: Count,
    /// Exchanges that went to the emitter.
    pub emitted: Count,
    /// Exchanges that the emitter had no room for.
    pub dropped: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one. Who sees it sees what this thread has counted before.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Counts {
    /// Names and values, in a fixed order.
    pub fn list(&self) -> [(&'static str, u64); 10] {
        [
            ("candidate", self.candidate.get()),
            ("control", self.control.get()),
            ("answered_by_candidate", self.answered_by_candidate.get()),
            ("unsupported", self.unsupported.get()),
            ("refused_above_cap", self.refused_above_cap.get()),
            ("failed", self.failed.get()),
            ("cold", self.cold.get()),
            ("pins", self.pinned.get()),
            ("emitted", self.emitted.get()),
            ("dropped", self.dropped.get()),
        ]
    }
}
