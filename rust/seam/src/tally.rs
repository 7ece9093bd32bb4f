//! What the candidate has counted, and until when that is short of what the control has.
//!
//! Several routes may count in one limit. So warmth belongs to the limit: a hit that only the control has seen leaves the
//! candidate's count short for every route of that limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossfade_core::limit::{Limit, LimitId, Strategy};
use crossfade_core::{Policy, Timestamp, policy};
use crossfade_store::Memory;

use crate::handover::{Handover, Shortness};
use crate::store::{Opened, Store};

/// The counts of a policy's limits.
#[derive(Debug)]
pub struct Tally {
    store: Store,
    /// What whoever runs the service should know of the store.
    remark: Option<String>,
    /// The same while the file of a shared table is no longer the one of its name.
    loss: Mutex<Option<String>>,
    limits: Vec<Warmth>,
    /// What the control counts is counted here.
    is_the_controls: bool,
    /// How long one hit matters to any limit, in microseconds.
    pub(crate) longest: u64,
    pub(crate) handover: Handover,
}

#[derive(Debug)]
pub(crate) struct Warmth {
    limit: Limit,
    /// How long one hit matters, in microseconds.
    pub(crate) memory: u64,
    /// The candidate's count of any key may be short until then, in microseconds since the epoch. A shared table says it
    /// for all workers.
    pub(crate) cold_until: AtomicU64,
    pub(crate) shortness: Shortness,
}

impl Tally {
    /// Counts in the policy's store, warm but where `now` a table took the place of one that others still count in.
    pub fn new(policy: &Policy, now: u64) -> Self {
        let tally = Self::over(policy, Store::open(policy));
        if let Store::Shared(table) = &tally.store
            && table.is_a_replacement()
        {
            tally.chill(now);
        }
        tally
    }

    /// Counts for `policy` what `before` has counted for another one, as far as that is counted in the same store under the
    /// same limits: the rest starts cold.
    pub fn after(policy: &Policy, (known, before): (&Policy, &Arc<Self>), now: u64) -> Arc<Self> {
        let in_one_store = known.store == policy.store;
        if in_one_store && known.limits == policy.limits {
            return Arc::clone(before);
        }
        let opened = match (&before.store, &policy.store) {
            (Store::Shared(table), _) if in_one_store => Store::within(Arc::clone(table), &policy.limits, true),
            // It is opened again in a while, off this path.
            (Store::Unavailable(why), policy::Store::Shared(_)) if in_one_store => {
                (Store::Unavailable(why.clone()), None)
            }
            _ => Store::open(policy),
        };
        let tally = Self::over(policy, opened);
        match &before.store {
            Store::Memory(_) | Store::Shared(_) | Store::Redis(_) if in_one_store => tally.go_on_from(known, now),
            _ => tally.chill(now),
        }
        Arc::new(tally)
    }

    /// Counts in a store that was opened again, where all starts cold.
    pub(crate) fn opened_again(policy: &Policy, opened: Opened, now: u64) -> Self {
        let tally = Self::over(policy, opened);
        tally.chill(now);
        tally
    }

    fn over(policy: &Policy, (store, remark): Opened) -> Self {
        let limits = policy.limits.iter().map(|limit| Warmth {
            limit: limit.clone(),
            memory: memory_of(limit),
            cold_until: AtomicU64::new(0),
            shortness: Shortness::default(),
        });
        let limits: Vec<Warmth> = limits.collect();
        let longest = limits.iter().map(|limit| limit.memory).max().unwrap_or(0);
        let is_the_controls = policy.store.is_the_controls();
        Self { store, remark, loss: Mutex::default(), limits, is_the_controls, longest, handover: Handover::default() }
    }

    /// Where hits are counted.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What whoever runs the service should know of a store that counts.
    pub fn remark(&self) -> Option<String> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner).clone().or_else(|| self.remark.clone())
    }

    /// What is the matter with the store, if anything is.
    pub fn trouble(&self) -> Option<String> {
        let nowhere = |why| format!("limits count nowhere, so the control judges: {why}");
        self.store.error().map(nowhere).or_else(|| self.remark())
    }

    pub(crate) fn set_loss(&self, loss: Option<String>) {
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner) = loss;
    }

    /// Notes that a request at `now` was counted in `limits` by the control alone.
    pub fn missed(&self, limits: &[LimitId], now: u64) {
        limits.iter().for_each(|&id| self.cool(self.of(id), now));
    }

    /// As if a request had been missed in every limit.
    pub fn chill(&self, now: u64) {
        self.limits.iter().for_each(|warmth| self.cool(warmth, now));
    }

    /// The same, but for limits that went on counting where they did under the policy `before`.
    fn go_on_from(&self, before: &Policy, now: u64) {
        let counted =
            |limit: &Limit| before.limits.iter().any(|known| Limit { id: limit.id, ..known.clone() } == *limit);
        let lost = self.limits.iter().filter(|warmth| self.memory().is_some() || !counted(&warmth.limit));
        lost.for_each(|warmth| self.cool(warmth, now));
    }

    /// This process's own counts, which end with it, if that is where it counts: only they are known key by key.
    pub fn memory(&self) -> Option<&Memory> {
        match &self.store {
            Store::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    fn cool(&self, warmth: &Warmth, now: u64) {
        let until = now.saturating_add(warmth.memory);
        match &self.store {
            // A little longer than needed, so that the workers of a route that is off seldom write to one place.
            Store::Shared(table) if table.counts.cold_until(&warmth.limit).micros() < until => {
                table.counts.cool(&warmth.limit, Timestamp::from_micros(until.saturating_add(warmth.memory / 16)));
            }
            Store::Shared(_) => {}
            Store::Memory(_) => {
                warmth.cold_until.fetch_max(until, Ordering::Relaxed);
                warmth.shortness.lasts_until(until);
            }
            Store::Redis(_) | Store::Unavailable(_) => {
                warmth.cold_until.fetch_max(until, Ordering::Relaxed);
            }
        }
    }

    /// Whether nothing that still matters for a limit was missed, whatever the key.
    pub(crate) fn is_whole(&self, id: LimitId, now: u64) -> bool {
        let warmth = self.of(id);
        let cold_until = match &self.store {
            Store::Shared(table) => table.counts.cold_until(&warmth.limit).micros(),
            _ => warmth.cold_until.load(Ordering::Relaxed),
        };
        self.is_the_controls || now >= cold_until
    }

    /// Whether requests of different routes can meet in one key of the limit.
    pub fn crosses_routes(&self, id: LimitId) -> bool {
        self.of(id).limit.key.crosses_routes()
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
        let tally = Tally::new(&policy, 0);
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
