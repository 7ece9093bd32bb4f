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

use super::edge::{Span, Stalls};
use super::whole::{Whole, memory_of};

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
    stalls: Stalls,
    evicted: u64,
}

impl Taught {
    /// Nothing yet.
    pub fn new(policy: &Policy) -> Self {
        let memory = || Memory::new(policy.store.max_keys());
        Self { memory: memory(), late: memory(), whole: Whole::default(), stalls: Stalls::default(), evicted: 0 }
    }

    /// What the candidate does with a request at an instant, given what the control has granted; with `late`, that it made each
    /// hit as late as it can have. Nothing is counted. With a span a limit that answers otherwise than the control did then, but
    /// can have answered so within it, does.
    pub fn ask(
        &self,
        policy: &Policy,
        route: RouteId,
        request: &Request<'_>,
        (instant, late): (Timestamp, bool),
        span: Option<Span<'_>>,
        scratch: &mut Scratch,
    ) -> Observation {
        let asking = Asking {
            memory: if late { &self.late } else { &self.memory },
            bounds: span.map(|span| Bounds { early: &self.memory, late: &self.late, span }),
            before: RefCell::default(),
        };
        let answer = admit(policy, route, &asking, request, instant, scratch);
        let observation = observe(policy, policy.route(route), answer, scratch);
        for before in asking.before.into_inner().into_iter().rev() {
            before.restore(policy.limit(before.limit), instant);
        }
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

    /// Whether everything is known of a charge that weighs on it at `now`.
    pub fn is_whole(&self, policy: &Policy, charge: &Charge, now: Timestamp) -> bool {
        let limit = policy.limits.iter().find(|limit| *limit.name == *charge.limit);
        let key = of_key(&charge.limit, &charge.key);
        limit.is_none_or(|limit| self.whole.is_whole(limit, key, charge.cost, now.micros()))
    }

    /// Whether what a charge is counted on lies between the early hits and the late ones.
    pub fn is_bounded(&self, charge: &Charge) -> bool {
        self.whole.is_bounded(of_key(&charge.limit, &charge.key))
    }

    /// Whether one of these keys was hit by an exchange that was not brief, and that still weighs.
    pub fn has_stalled(&self, charges: &[Charge], now: Timestamp) -> bool {
        charges.iter().any(|charge| self.stalls.weigh(of_key(&charge.limit, &charge.key), now.micros()))
    }

    /// Takes over what the control did at `now`, or at `end` at the latest. `brief`: these are so close that what lies between
    /// is an edge.
    pub fn teach(
        &mut self,
        policy: &Policy,
        route: &Route,
        control: &Observation,
        (now, end): (Timestamp, Timestamp),
        brief: bool,
    ) {
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
            if !brief {
                self.stalls.add(key, now.micros(), end.micros().saturating_add(memory_of(limit)));
            }
            let begins = self.whole.charged(limit, key, charge.cost, now.micros(), granted);
            if begins {
                self.memory.reset(limit, &charge.key);
                self.late.reset(limit, &charge.key);
            } else if self.may_begin(limit, &charge.key, now, end) && !self.whole.miss(key, end.micros()) {
                self.whole.begin(limit, end.micros());
            }
            if let Strategy::Gcra { burst } = limit.strategy {
                let refused = refuser == Some(index);
                self.bind(limit, burst, charge, refused, (now, end));
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

    /// Narrows what a key can owe that is not known: never more than a burst, and after a refusal so much that the cost was too
    /// much.
    fn bind(&mut self, limit: &Limit, burst: u64, charge: &Charge, refused: bool, (now, end): (Timestamp, Timestamp)) {
        let key = of_key(&limit.name, &charge.key);
        let take = |memory: &Memory, cost: u64, at: Timestamp| {
            memory.settle(limit, &charge.key, Charged { cost: 0, at }, cost, at);
        };
        if self.whole.bind(key) {
            take(&self.late, burst, end);
        }
        if refused && self.whole.is_bounded(key) && self.memory.test(limit, &charge.key, charge.cost, now) {
            take(&self.memory, burst, now);
            self.memory.settle(limit, &charge.key, Charged { cost: charge.cost, at: now }, 0, now);
        }
    }

    /// Whether a hit between `now` and `end` may begin a fixed window or be one of the window before: then nobody knows when the
    /// window ends that it is in. Other strategies need not know that: the later a hit was made, the more it weighs.
    fn may_begin(&self, limit: &Limit, key: &[u8], now: Timestamp, end: Timestamp) -> bool {
        let is_over = |memory: &Memory, at: Timestamp| match memory.state(limit, key, Timestamp::default()) {
            Some(KeyState::Fixed(state)) => state.is_over(at),
            _ => true,
        };
        limit.strategy == Strategy::FixedWindow && !is_over(&self.late, now) && is_over(&self.memory, end)
    }
}

/// What the control can have counted, and when: at the end over the early hits most is granted, and at once over the late ones
/// least.
struct Bounds<'a> {
    early: &'a Memory,
    late: &'a Memory,
    span: Span<'a>,
}

/// A limiter that takes back all that it counts.
struct Asking<'a> {
    memory: &'a Memory,
    bounds: Option<Bounds<'a>>,
    before: RefCell<Vec<Before<'a>>>,
}

/// What was kept for a key before it was asked; `None`: nothing.
struct Before<'a> {
    memory: &'a Memory,
    limit: LimitId,
    key: Vec<u8>,
    state: Option<KeyState>,
}

impl<'a> Asking<'a> {
    fn remember(&self, memory: &'a Memory, limit: &Limit, key: &[u8]) {
        // As of the epoch nothing is over, so that it is kept exactly as it is.
        let state = memory.state(limit, key, Timestamp::default());
        self.before.borrow_mut().push(Before { memory, limit: limit.id, key: key.to_vec(), state });
    }
}

impl Before<'_> {
    fn restore(&self, limit: &Limit, now: Timestamp) {
        match &self.state {
            Some(state) => _ = self.memory.seed(limit, &self.key, state, now),
            None => self.memory.reset(limit, &self.key),
        }
    }
}

impl Limiter for Asking<'_> {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        self.remember(self.memory, limit, key);
        let hit = self.memory.hit(limit, key, cost, now);
        let Some(Bounds { early, late, span }) = &self.bounds else { return hit };
        let granted = span.refuser != Some(&*limit.name);
        if hit.admitted == granted {
            return hit;
        }
        if let Some(before) = self.before.borrow_mut().pop() {
            before.restore(limit, now);
        }
        let (memory, at) = if granted { (*early, span.end) } else { (*late, span.now) };
        self.remember(memory, limit, key);
        let bound = memory.hit(limit, key, cost, at);
        if bound.admitted == granted { bound } else { hit }
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        charges.iter().for_each(|charge| self.remember(self.memory, charge.limit, charge.key));
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
