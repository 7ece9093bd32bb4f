//! What the candidate has counted, and until when that is short of what the control has.
//!
//! Several routes may count in one limit. So warmth belongs to the limit: a hit that only the control has seen leaves the
//! candidate's count short for every route of that limit.

use std::sync::atomic::{AtomicU64, Ordering};

use crossfade_core::Policy;
use crossfade_core::key::KeyPart;
use crossfade_core::limit::{Limit, LimitId, Strategy};
use crossfade_store::memory::Memory;

use crate::handover::{Handover, Shortness};

/// The counts of a policy's limits.
#[derive(Debug)]
pub struct Tally {
    pub(crate) memory: Memory,
    limits: Vec<Warmth>,
    /// How long one hit matters to any limit, in microseconds.
    pub(crate) longest: u64,
    pub(crate) handover: Handover,
}

#[derive(Debug)]
pub(crate) struct Warmth {
    /// How long one hit matters, in microseconds.
    pub(crate) memory: u64,
    /// The candidate's count of any key may be short until then, in microseconds since the epoch.
    pub(crate) cold_until: AtomicU64,
    /// Requests of different routes can meet in one key.
    crosses_routes: bool,
    pub(crate) shortness: Shortness,
}

impl Warmth {
    fn cool(&self, now: u64) {
        let until = now.saturating_add(self.memory);
        self.cold_until.fetch_max(until, Ordering::Relaxed);
        self.shortness.lasts_until(until);
    }
}

impl Tally {
    /// Empty counts, all of them warm: nobody has counted anything.
    pub fn new(policy: &Policy) -> Self {
        let limits = policy.limits.iter().map(|limit| Warmth {
            memory: memory_of(limit),
            cold_until: AtomicU64::new(0),
            crosses_routes: !limit.key.parts.contains(&KeyPart::Route),
            shortness: Shortness::default(),
        });
        let limits: Vec<Warmth> = limits.collect();
        let longest = limits.iter().map(|limit| limit.memory).max().unwrap_or(0);
        Self { memory: Memory::new(policy.store.max_keys()), limits, longest, handover: Handover::default() }
    }

    /// Where hits are counted.
    pub fn limiter(&self) -> &Memory {
        &self.memory
    }

    /// Notes that a request at `now` was counted in `limits` by the control alone.
    pub fn missed(&self, limits: &[LimitId], now: u64) {
        for &id in limits {
            self.of(id).cool(now);
        }
    }

    /// As if a request had been missed in every limit.
    pub fn chill(&self, now: u64) {
        for warmth in &self.limits {
            warmth.cool(now);
        }
    }

    /// Whether requests of different routes can meet in one key of the limit.
    pub fn crosses_routes(&self, id: LimitId) -> bool {
        self.of(id).crosses_routes
    }

    pub(crate) fn of(&self, id: LimitId) -> &Warmth {
        &self.limits[usize::from(id.0)]
    }
}

/// How long one hit matters to a limit, in microseconds.
fn memory_of(limit: &Limit) -> u64 {
    let window = limit.rate.window().saturating_mul(1_000_000);
    match limit.strategy {
        Strategy::FixedWindow => window,
        // At its very end a stamp still counts.
        Strategy::MovingWindow => window.saturating_add(1),
        // The window before still weighs.
        Strategy::SlidingWindowCounter => window.saturating_mul(2),
        Strategy::Gcra { burst } => (window / limit.rate.amount.max(1) + 1).saturating_mul(burst),
        // What is over does not matter, and what was in flight without us ends by itself.
        Strategy::Concurrent { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
version = 1
[limits.short]
key = ["client"]
rate = "5/second"
strategy = "moving-window"
[limits.long]
key = ["route", "client"]
rate = "5/minute"
strategy = "sliding-window-counter"
[[route]]
name = "both"
match = "GET /both"
limits = ["short", "long"]
"#;

    fn tally() -> (Policy, Tally) {
        let policy = Policy::parse("test", POLICY).expect("a policy");
        let tally = Tally::new(&policy);
        (policy, tally)
    }

    /// A missed hit leaves its limit cold until no strategy can remember it, and other limits as they were.
    #[test]
    fn a_missed_hit_cools_its_limit() {
        let (_, tally) = tally();
        let (short, long) = (LimitId(0), LimitId(1));
        tally.missed(&[short], 1_000);
        assert!(tally.may_be_short(&[short], 1_001_000) && !tally.may_be_short(&[short], 1_001_001));
        assert!(!tally.may_be_short(&[long], 1_000) && tally.may_be_short(&[long, short], 1_000));
        tally.chill(1_000);
        assert!(tally.may_be_short(&[long], 120_000_999) && !tally.may_be_short(&[long], 120_001_000));
    }

    /// An earlier clock never warms what a later one has cooled.
    #[test]
    fn coldness_only_grows() {
        let (_, tally) = tally();
        tally.missed(&[LimitId(0)], 5_000_000);
        tally.missed(&[LimitId(0)], 1_000_000);
        assert!(tally.may_be_short(&[LimitId(0)], 5_999_999));
    }

    /// A limit that counts by route keeps its routes apart.
    #[test]
    fn keys_with_the_route_keep_routes_apart() {
        let (_, tally) = tally();
        assert!(tally.crosses_routes(LimitId(0)) && !tally.crosses_routes(LimitId(1)));
    }
}
