//! Tokens taken in advance: most hits are granted here, and never more than the server has counted.
//!
//! A token is charged when it is taken, so nobody else gets it. It may be used later than that; so that no window ever
//! holds more than its limit, a token of a fixed or a sliding window ends with the window it was counted in, and one of
//! a moving window or of GCRA is stamped with the last moment at which it may be used. What is not used by then is lost
//! to everybody until it leaves the window: so leases are small, as large as what was used of the last ones.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossfade_core::Timestamp;
use crossfade_core::limit::Hit;

use super::charge::{Charge, Seen};

/// How long a token of a moving window or of GCRA can be used.
const LIFE: Duration = Duration::from_millis(100);

/// After so many microseconds, more that were asked for are asked for again.
const PATIENCE: u64 = 1_000_000;

/// The share of what is left that all hosts together may hold.
const SHARE: f64 = 0.1;

/// The tokens of one key.
#[derive(Debug, Default)]
struct Pool {
    /// Of the leases that are not used up, the oldest first.
    grants: Vec<Grant>,
    /// As many as the last lease brought.
    brought: u64,
    /// As many as were used since then.
    used: u64,
    /// When more were asked for, in microseconds since the epoch, if they have not come.
    asked: Option<u64>,
    /// What was left at the server, then.
    remaining: u64,
    reset: f64,
}

/// Tokens that can be used from and before these times, in microseconds since the epoch.
#[derive(Debug)]
struct Grant {
    tokens: u64,
    since: u64,
    until: u64,
    /// When they are over whatever the time of a request: a clock that was set back makes no token last longer.
    ends: Instant,
}

/// The tokens of this process: of at most so many keys. Those of a key that is given up are lost; nobody gets too many.
pub(super) struct Leases {
    most: usize,
    pools: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Box<[u8]>, Pool>,
    aged: HashMap<Box<[u8]>, Pool>,
}

impl Generations {
    fn get(&mut self, name: &[u8]) -> Option<&mut Pool> {
        if self.young.contains_key(name) { self.young.get_mut(name) } else { self.aged.get_mut(name) }
    }
}

/// What tokens that are taken now are stamped with.
pub(super) fn stamp(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_add(LIFE.as_micros() as u64))
}

impl Leases {
    pub(super) fn new(most: usize) -> Self {
        Self { most, pools: Mutex::default() }
    }

    /// Uses tokens for all charges: the hits, and what runs low, of which more is to be asked for. `None`: there are not
    /// enough, and of each charge it is noted how many are wanted.
    pub(super) fn take(&self, charges: &mut [Charge], now: Timestamp, hosts: u64) -> Option<(Vec<Hit>, Vec<Charge>)> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        // One for all charges: what is enough stays enough.
        let now = (now, Instant::now());
        let enough = (0..charges.len()).all(|index| {
            let name = &charges[index].name;
            let same = charges[..=index].iter().filter(|charge| charge.name == *name);
            let cost = same.fold(0u64, |sum, charge| sum.saturating_add(charge.cost));
            pools.get(name).is_some_and(|pool| pool.tokens(now) >= cost)
        });
        if !enough {
            for charge in charges {
                charge.wanted = charge.cost.saturating_add(pools.get(&charge.name).map_or(0, |pool| pool.size(hosts)));
            }
            return None;
        }
        let mut hits = Vec::with_capacity(charges.len());
        let mut low = Vec::new();
        for charge in charges {
            let Some(pool) = pools.get(&charge.name) else { continue };
            pool.spend(charge.cost, now);
            let tokens = pool.tokens(now);
            hits.push(Hit { admitted: true, remaining: pool.remaining + tokens, reset: pool.reset });
            let micros = now.0.micros();
            if tokens * 2 <= pool.brought && pool.asked.is_none_or(|asked| micros > asked + PATIENCE) {
                pool.asked = Some(micros);
                low.push(Charge { cost: 1, wanted: pool.size(hosts), ..charge.clone() });
            }
        }
        Some((hits, low))
    }

    /// What a lease brought, beyond the `spent` that a hit was waiting for; `None`: it brought nothing.
    pub(super) fn put(&self, charge: &Charge, seen: Option<&Seen>, spent: u64, now: Timestamp) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((seen, granted)) = seen.and_then(|seen| Some((seen, seen.granted?))) else {
            if let Some(pool) = pools.get(&charge.name) {
                pool.asked = None;
            }
            return;
        };
        let mut pool = pools.get(&charge.name).map(std::mem::take).unwrap_or_default();
        pool.brought = granted.saturating_sub(spent);
        (pool.used, pool.asked) = (spent, None);
        (pool.remaining, pool.reset) = (seen.window.remaining, seen.window.reset);
        let (since, until) = (now.micros(), seen.holds);
        let ends = Instant::now() + Duration::from_micros(until.saturating_sub(since));
        pool.grants.push(Grant { tokens: pool.brought, since, until, ends });
        pools.young.insert(charge.name.as_slice().into(), pool);
        if pools.young.len() * 2 > self.most {
            pools.aged = std::mem::take(&mut pools.young);
        }
    }

    /// What is held of a key, for whomever.
    pub(super) fn held(&self, name: &[u8]) -> u64 {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let grants = pools.get(name).map_or(&[][..], |pool| &pool.grants);
        grants.iter().filter(|grant| now < grant.ends).map(|grant| grant.tokens).sum()
    }

    pub(super) fn forget(&self, name: &[u8]) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.young.remove(name);
        pools.aged.remove(name);
    }
}

impl Pool {
    /// What can be used now; what is over is forgotten. Requests come in another order than that of their times: what was
    /// granted to a later one is kept for those that follow it.
    fn tokens(&mut self, (now, instant): (Timestamp, Instant)) -> u64 {
        self.grants.retain(|grant| grant.tokens > 0 && now.micros() < grant.until && instant < grant.ends);
        self.grants.iter().filter(|grant| grant.since <= now.micros()).map(|grant| grant.tokens).sum()
    }

    /// There are as many.
    fn spend(&mut self, mut cost: u64, (now, _): (Timestamp, Instant)) {
        self.used += cost;
        for grant in self.grants.iter_mut().filter(|grant| grant.since <= now.micros()) {
            let some = grant.tokens.min(cost);
            grant.tokens -= some;
            cost -= some;
        }
    }

    /// How many to ask for: twice what was used of the last lease, but of what is left no more than this store's share.
    fn size(&self, hosts: u64) -> u64 {
        let share = (SHARE * self.remaining as f64 / hosts.max(1) as f64) as u64;
        self.used.saturating_mul(2).min(share).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossfade_core::key::{KeyTemplate, OnMissing};
    use crossfade_core::limit::{Flavour, Limit, LimitCharge, LimitId, Strategy, Window};

    use super::*;

    fn charge() -> Charge {
        let limit = Limit {
            id: LimitId(0),
            name: Box::default(),
            rate: "500/hour".parse().expect("a rate"),
            strategy: Strategy::FixedWindow,
            flavour: Flavour::Redis,
            key: KeyTemplate { parts: Vec::new(), on_missing: OnMissing::Skip },
            cost: Default::default(),
            settles: false,
        };
        Charge::of(&LimitCharge { limit: &limit, key: b"a", cost: 1 }, "LIMITS", "LIMITER")
    }

    /// Leases with so many tokens for others than who asked, granted to a request of that time, and used before `holds`.
    fn leases(tokens: u64, since: u64, holds: u64) -> Leases {
        let leases = Leases::new(100);
        let window = Window { remaining: 0, reset: 0.0 };
        let seen = Seen { granted: Some(tokens + 1), window, test: true, until: 0, holds };
        leases.put(&charge(), Some(&seen), 1, Timestamp::from_micros(since));
        leases
    }

    fn takes(leases: &Leases, now: u64) -> bool {
        leases.take(&mut [charge()], Timestamp::from_micros(now), 1).is_some()
    }

    /// A thread that read the clock, and was then held up while another one got tokens, loses nobody's.
    #[test]
    fn a_late_request_loses_nothing() {
        let leases = leases(2, 2_000, 3_600_000_000);
        assert!(!takes(&leases, 1_999), "it came before they were counted");
        assert!(takes(&leases, 2_000));
        assert!(!takes(&leases, 1_000));
        assert!(takes(&leases, 2_001));
        assert!(!takes(&leases, 2_002), "there were two");
    }

    /// Tokens end with their window, whatever the clock says then.
    #[test]
    fn ends_by_either_clock() {
        let by_time = leases(9, 2_000, 3_600_000_000);
        assert!(takes(&by_time, 3_599_999_999));
        assert!(!takes(&by_time, 3_600_000_000) && !takes(&by_time, 2_000));
        let set_back = leases(9, 3_600_000_000, 3_600_001_000);
        assert!(!takes(&set_back, 2_000));
        thread::sleep(Duration::from_millis(2));
        assert!(!takes(&set_back, 3_600_000_000));
    }
}
