//! The candidate, asked again over what the control has granted so far.
//!
//! One wrong answer of the candidate must not make its next ones wrong: here its limits are judged on the control's counts, so
//! that each difference stands for itself. What the candidate itself counted is never taken over.

use std::cell::RefCell;

use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, KeyState, Limit, LimitCharge, LimitId, Limiter, Strategy, Window};
use crossfade_core::policy::{LimitsCharge, Route, RouteId, Store};
use crossfade_core::{Policy, Request, Scratch, Timestamp, admit};
use crossfade_exchange::hash::of_key;
use crossfade_exchange::{Charge, Observation, Outcome, observe};
use crossfade_store::Memory;

use super::whole::Whole;

/// Whether the candidate of `route` can be asked again: its counts live in each worker's memory, and every charge is told with
/// the exchange. Requests in flight, and costs that are known only after the answer, are not.
pub fn can_teach(policy: &Policy, route: &Route) -> bool {
    let told = |limit: &Limit| !limit.strategy.is_concurrent() && !limit.settles;
    let memory = matches!(policy.store, Store::Memory { .. });
    memory && !route.limits.is_empty() && route.limits.iter().all(|&id| told(policy.limit(id)))
}

/// What the control of one process has granted.
#[derive(Debug)]
pub struct Taught {
    memory: Memory,
    /// The same, but each hit at the last instant at which the control can have made it: what it did lies between the two.
    late: Memory,
    /// Of which keys that is everything.
    pub whole: Whole,
    evicted: u64,
}

impl Taught {
    /// Nothing yet.
    pub fn new(policy: &Policy) -> Self {
        let memory = || Memory::new(policy.store.max_keys());
        Self { memory: memory(), late: memory(), whole: Whole::default(), evicted: 0 }
    }

    /// What the candidate does with a request at `now`, given what the control has granted. Nothing is counted.
    pub fn ask(
        &self,
        policy: &Policy,
        route: RouteId,
        request: &Request<'_>,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Observation {
        self.ask_late(policy, route, request, now, false, scratch)
    }

    /// The same; with `late`, given that the control has made each hit as late as it can have.
    pub fn ask_late(
        &self,
        policy: &Policy,
        route: RouteId,
        request: &Request<'_>,
        now: Timestamp,
        late: bool,
        scratch: &mut Scratch,
    ) -> Observation {
        let asking = Asking { memory: if late { &self.late } else { &self.memory }, before: RefCell::default() };
        let answer = admit(policy, route, &asking, request, now, scratch);
        let observation = observe(policy, policy.route(route), answer, scratch);
        asking.undo(policy, now);
        observation
    }

    /// Instants after `now` at which a limit of these charges may answer otherwise, as far as it says so.
    pub fn edges(&self, policy: &Policy, charges: &[Charge], now: Timestamp) -> Vec<Timestamp> {
        let mut edges = Vec::new();
        for charge in charges {
            let Some(limit) = policy.limits.iter().find(|limit| *limit.name == *charge.limit) else { continue };
            let reset = (self.memory.peek(limit, &charge.key, now).reset * 1e6).ceil();
            // A moving window still refuses at its very end.
            edges.extend([reset as u64, (reset as u64).saturating_add(1)].map(Timestamp::from_micros));
        }
        edges
    }

    /// Takes over what the control did at `now`, or at `end` at the latest.
    pub fn teach(&mut self, policy: &Policy, route: &Route, control: &Observation, now: Timestamp, end: Timestamp) {
        let charges = control.charges.as_deref().unwrap_or_default();
        let refuser = match &control.outcome {
            // The hit that refused is the last one of its limit.
            Some(Outcome::Limited { limit, .. }) => charges.iter().rposition(|charge| charge.limit == *limit),
            _ => None,
        };
        let atomic = route.limits_charge == LimitsCharge::Atomic;
        for (index, charge) in charges.iter().enumerate() {
            let Some(limit) = policy.limits.iter().find(|limit| *limit.name == *charge.limit) else { continue };
            // All or nothing: where one refused, none was granted.
            let granted = if atomic { refuser.is_none() } else { refuser != Some(index) };
            let key = of_key(&limit.name, &charge.key);
            if self.whole.charged(limit, key, charge.cost, now.micros(), granted) {
                self.memory.reset(limit, &charge.key);
                self.late.reset(limit, &charge.key);
            }
            // A fixed window counts what it refuses, but not where that is one of several that go together.
            if granted || (limit.strategy == Strategy::FixedWindow && !atomic) {
                for (memory, at) in [(&self.memory, now), (&self.late, end)] {
                    memory.settle(limit, &charge.key, Charged { cost: 0, at }, charge.cost, at);
                }
            }
        }
        let evicted = self.memory.stats().evicted_live;
        if std::mem::replace(&mut self.evicted, evicted) != evicted {
            // Somebody's count was given up for want of room, and nobody knows whose.
            policy.limits.iter().for_each(|limit| self.whole.begin(limit, now.micros()));
        }
    }
}

/// A limiter that takes back all that it counts.
struct Asking<'a> {
    memory: &'a Memory,
    before: RefCell<Vec<Before>>,
}

/// What was kept for a key before it was asked; `None`: nothing.
struct Before {
    limit: LimitId,
    key: Vec<u8>,
    state: Option<KeyState>,
}

impl Asking<'_> {
    fn remember(&self, limit: &Limit, key: &[u8]) {
        // As of the epoch nothing is over, so that it is kept exactly as it is.
        let state = self.memory.state(limit, key, Timestamp::default());
        self.before.borrow_mut().push(Before { limit: limit.id, key: key.to_vec(), state });
    }

    fn undo(self, policy: &Policy, now: Timestamp) {
        for Before { limit, key, state } in self.before.into_inner().into_iter().rev() {
            let limit = policy.limit(limit);
            match state {
                Some(state) => _ = self.memory.seed(limit, &key, &state, now),
                None => self.memory.reset(limit, &key),
            }
        }
    }
}

impl Limiter for Asking<'_> {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        self.remember(limit, key);
        self.memory.hit(limit, key, cost, now)
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        charges.iter().for_each(|charge| self.remember(charge.limit, charge.key));
        self.memory.hit_all(charges, now, hits)
    }

    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool {
        self.memory.test(limit, key, cost, now)
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        self.memory.peek(limit, key, now)
    }

    fn settle(&self, _: &Limit, _: &[u8], _: Charged, _: u64, _: Timestamp) {}

    fn finish(&self, _: &Limit, _: &[u8], _: u64, _: Option<Sample>) {}

    fn reset(&self, _: &Limit, _: &[u8]) {}
}
