//! What the candidate has counted, and until when that is short of what the control has.
//!
//! Several routes may count in one limit. So warmth belongs to the limit: a hit that only the control has seen leaves the
//! candidate's count short for every route of that limit.

use std::sync::atomic::{AtomicU64, Ordering};

use crossfade_core::Policy;
use crossfade_core::key::KeyPart;
use crossfade_core::limit::{Limit, LimitId, Strategy};
use crossfade_store::memory::Memory;

/// The counts of a policy's limits.
#[derive(Debug)]
pub struct Tally {
    memory: Memory,
    limits: Vec<Warmth>,
}

#[derive(Debug)]
struct Warmth {
    /// How long one hit matters, in microseconds.
    memory: u64,
    /// The candidate's count is short until then, in microseconds since the epoch.
    cold_until: AtomicU64,
    /// Requests of different routes can meet in one key.
    crosses_routes: bool,
}

impl Tally {
    /// Empty counts, all of them warm: nobody has counted anything.
    pub fn new(policy: &Policy) -> Self {
        let limits = policy.limits.iter().map(|limit| Warmth {
            memory: memory_of(limit),
            cold_until: AtomicU64::new(0),
            crosses_routes: !limit.key.parts.contains(&KeyPart::Route),
        });
        Self { memory: Memory::new(policy.store.max_keys()), limits: limits.collect() }
    }

    /// Where hits are counted.
    pub fn limiter(&self) -> &Memory {
        &self.memory
    }

    /// Notes that a request at `now` was counted in `limits` by the control alone.
    pub fn missed(&self, limits: &[LimitId], now: u64) {
        for &id in limits {
            let warmth = &self.limits[usize::from(id.0)];
            warmth.cold_until.fetch_max(now.saturating_add(warmth.memory), Ordering::Relaxed);
        }
    }

    /// As if a request had been missed in every limit.
    pub fn chill(&self, now: u64) {
        for warmth in &self.limits {
            warmth.cold_until.fetch_max(now.saturating_add(warmth.memory), Ordering::Relaxed);
        }
    }

    /// Whether everything that still matters for `limits` is counted here.
    pub fn warm(&self, limits: &[LimitId], now: u64) -> bool {
        limits.iter().all(|id| now >= self.limits[usize::from(id.0)].cold_until.load(Ordering::Relaxed))
    }

    /// Whether requests of different routes can meet in one key of the limit.
    pub fn crosses_routes(&self, id: LimitId) -> bool {
        self.limits[usize::from(id.0)].crosses_routes
    }
}

/// How long one hit matters to a limit, in microseconds.
fn memory_of(limit: &Limit) -> u64 {
    let window = limit.rate.window().saturating_mul(1_000_000);
    match limit.strategy {
        Strategy::FixedWindow | Strategy::MovingWindow => window,
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
        assert!(!tally.warm(&[short], 1_000_999) && tally.warm(&[short], 1_001_000));
        assert!(tally.warm(&[long], 1_000) && !tally.warm(&[long, short], 1_000));
        tally.chill(1_000);
        assert!(!tally.warm(&[long], 120_000_999) && tally.warm(&[long], 120_001_000));
    }

    /// An earlier clock never warms what a later one has cooled.
    #[test]
    fn coldness_only_grows() {
        let (_, tally) = tally();
        tally.missed(&[LimitId(0)], 5_000_000);
        tally.missed(&[LimitId(0)], 1_000_000);
        assert!(!tally.warm(&[LimitId(0)], 5_999_999));
    }

    /// A limit that counts by route keeps its routes apart.
    #[test]
    fn keys_with_the_route_keep_routes_apart() {
        let (_, tally) = tally();
        assert!(tally.crosses_routes(LimitId(0)) && !tally.crosses_routes(LimitId(1)));
    }
}
