//! What is remembered of one process of the service.

use std::collections::{HashSet, VecDeque};

use crossfade_core::Policy;
use crossfade_core::policy::Route;
use crossfade_exchange::wire::Account;
use crossfade_exchange::{Exchange, hash::of_key};

use super::teach::Taught;

/// Exchanges that are remembered to see which were under way together: those of the last tenth of a second at 10,000 a second,
/// longer than a decision takes.
const RECENT: usize = 1_024;

/// One process.
#[derive(Debug, Default)]
pub struct Process {
    taught: Option<Taught>,
    /// Routes of which exchanges have come.
    entered: HashSet<String>,
    recent: VecDeque<Interval>,
    /// The latest time at which an exchange of it was received.
    latest: u64,
}

/// When a request was under way, in microseconds since the epoch, and what it was counted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    from: u64,
    to: u64,
    keys: Vec<u64>,
}

impl Interval {
    /// That of an exchange.
    pub fn of(exchange: &Exchange) -> Self {
        let sides = [&exchange.control, &exchange.candidate].into_iter().flatten();
        let charges = sides.filter_map(|side| side.charges.as_ref()).flatten();
        let mut keys: Vec<u64> = charges.map(|charge| of_key(&charge.limit, &charge.key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let from = exchange.received_at;
        Self { from, to: from.saturating_add(exchange.elapsed / 1_000), keys }
    }

    /// Whether both were under way at one time and are counted under one key.
    pub fn is_together(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to && self.has_one_of(&other.keys)
    }

    /// Whether it is counted under one of these.
    pub fn has_one_of(&self, keys: &[u64]) -> bool {
        self.keys.iter().any(|key| keys.contains(key))
    }
}

impl Process {
    /// What its control has granted.
    pub fn taught(&mut self, policy: &Policy) -> &mut Taught {
        self.taught.get_or_insert_with(|| Taught::new(policy))
    }

    /// An exchange of `route` has come. With the first of them everything that its limits count begins anew. After that a
    /// worker tells of every charge: by an exchange, or as missed.
    pub fn enter(&mut self, policy: &Policy, route: &Route, exchange: &Exchange) {
        self.latest = self.latest.max(exchange.received_at);
        if self.entered.contains(&*route.name) {
            return;
        }
        self.entered.insert(route.name.to_string());
        let whole = &mut self.taught(policy).whole;
        route.limits.iter().for_each(|&id| whole.begin(policy.limit(id), exchange.received_at));
    }

    /// Whether another exchange of one of its keys was under way with it, of those that are known.
    pub fn has_together(&self, exchange: &Exchange) -> bool {
        let interval = Interval::of(exchange);
        self.recent.iter().any(|other| other.is_together(&interval))
    }

    /// Remembers when it was under way.
    pub fn remember(&mut self, exchange: &Exchange) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Interval::of(exchange));
    }

    /// Not everything that was charged has arrived, until `now`.
    pub fn miss(&mut self, policy: &Policy, account: &Account, now: u64) {
        // A request that was dropped later than the last that came is not in the future either.
        let at = now.max(self.latest);
        for (name, account) in &account.routes {
            let Some(route) = policy.route_named(name).map(|id| policy.route(id)) else { continue };
            if account.missed.is_empty() && !account.missed_more {
                continue;
            }
            let whole = &mut self.taught(policy).whole;
            let kept = !account.missed_more && account.missed.iter().all(|&key| whole.miss(key, at));
            if !kept {
                route.limits.iter().for_each(|&id| whole.begin(policy.limit(id), at));
            }
        }
    }
}
