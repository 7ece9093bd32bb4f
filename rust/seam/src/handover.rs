//! Handing counts over between the two sides, key by key, so that no key starts over when a route changes sides.
//!
//! Of every key one side's count is whole. Mostly it is the control's, which runs in all stages but `live`. What the
//! candidate counts alone makes a key *ahead*: then the candidate's count is the whole one, and the control is given it
//! before it counts that key again. A key of which the candidate may lack something is *short*: it is seeded with the
//! control's count before the candidate counts that key again. Reading and writing the control's storage is Python's part.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossfade_core::limit::{Charged, KeyState, Limit, LimitId, Strategy};
use crossfade_core::policy::{LimitsCharge, Route};
use crossfade_core::{Hit, Limiter, Policy, Request, Scratch, Timestamp, client};

use crossfade_store::Memory;

use crate::tally::Tally;

/// How the count of a key stands, kept with it. A key without a count is of unknown standing.
mod standing {
    /// Whole, unless its limit is cold.
    pub const UNKNOWN: u8 = 0;
    /// Both sides have counted the same.
    pub const EVEN: u8 = 1;
    /// The candidate has counted what the control has not.
    pub const AHEAD: u8 = 2;
    /// The control has counted what the candidate has not.
    pub const SHORT: u8 = 3;
    /// The bits of these.
    pub const BITS: u32 = 2;
    pub const MASK: u8 = 3;
}

/// Most counts that wait for the control to hit them. It does so at once, or never: then it hits other keys than the
/// candidate, which is a difference of its own.
const MOST_WAITING: usize = 1_024;

/// How far ahead of need the time is set until which keys may be ahead, in microseconds, so that it is not set for each
/// request.
const SLACK: u64 = 1_000_000;

/// Values of [`Handover::until`] that are no times.
const OVER: u64 = 0;
const UNSET: u64 = u64::MAX;

/// Counts by limit and key; `None`: nothing was counted.
type Waiting = HashMap<(LimitId, Box<[u8]>), Option<KeyState>>;

/// What is known of all keys together: mostly, that there is nothing to hand over.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    /// A route is not `off`.
    busy: AtomicBool,
    /// What was kept with keys in another epoch says nothing: in between, nobody looked at what the control counts.
    epoch: AtomicU8,
    /// With all routes `off`: until when counts of another time can matter, in microseconds since the epoch.
    until: AtomicU64,
    /// No key is ahead from then on, in microseconds since the epoch.
    ahead_until: AtomicU64,
    /// Counts of keys that were ahead as they were before a request that both sides count.
    waiting: Mutex<Waiting>,
    waits: AtomicUsize,
}

/// What is known of the keys of one limit together.
#[derive(Debug, Default)]
pub(crate) struct Shortness {
    /// No key is short from then on, in microseconds since the epoch.
    until: AtomicU64,
    /// Hits that the control was seen to count alone.
    alone: AtomicU64,
}

impl Shortness {
    pub(crate) fn lasts_until(&self, time: u64) {
        self.until.fetch_max(time, Ordering::Relaxed);
    }
}

impl Tally {
    /// Says whether any route is not `off`; whether nobody has looked for a while at what the control counts.
    pub(crate) fn set_busy(&self, busy: bool) -> bool {
        let Handover { busy: was, epoch, until, .. } = &self.handover;
        let was = was.swap(busy, Ordering::Relaxed);
        if was && !busy {
            until.store(UNSET, Ordering::Relaxed);
        }
        let was_away = busy && !was && until.load(Ordering::Relaxed) == OVER;
        if was_away {
            epoch.fetch_add(1, Ordering::Relaxed);
        }
        was_away
    }

    /// Whether hits that the control makes at `now` are of interest here.
    pub fn hands_over(&self, now: u64) -> bool {
        if self.memory().is_none() {
            return false;
        }
        let Handover { busy, until, .. } = &self.handover;
        if busy.load(Ordering::Relaxed) {
            return true;
        }
        match until.load(Ordering::Relaxed) {
            OVER => false,
            UNSET => {
                // By the clock of who asks, and from its first hit on: before it nothing was missed.
                until.store(now.saturating_add(self.longest), Ordering::Relaxed);
                true
            }
            time if now < time => true,
            _ => {
                until.store(OVER, Ordering::Relaxed);
                false
            }
        }
    }

    /// Whether keys of these limits can be short. Mostly not.
    pub fn may_be_short(&self, limits: &[LimitId], now: u64) -> bool {
        limits.iter().any(|&id| now < self.of(id).shortness.until.load(Ordering::Relaxed))
    }

    /// The keys of a route's limits that a request is counted under, as far as they are short.
    pub fn short_keys(
        &self,
        policy: &Policy,
        route: &Route,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Vec<(LimitId, Vec<u8>)> {
        let mut keys = keys(policy, route, request);
        keys.retain(|(id, key)| self.is_short(policy.limit(*id), key, now));
        keys
    }

    /// Notes that the control alone may count a request, which the candidate could not judge: under the limits that it is
    /// not charged to here. Whether it does is seen in a moment where its hits are watched, and nowhere else. A key that is
    /// ahead stays so: the control's count is not the whole one then, with this hit or without.
    pub(crate) fn left_to_control(
        &self,
        policy: &Policy,
        route: &Route,
        request: &Request<'_>,
        scratch: &Scratch,
        now: Timestamp,
    ) {
        if self.memory().is_none() || scratch.charges().count() == route.limits.len() {
            return;
        }
        for (id, key) in keys(policy, route, request) {
            let limit = policy.limit(id);
            if !limit.strategy.is_concurrent()
                && scratch.charges().all(|charge| charge.limit != id)
                && self.standing(limit, &key, now) != standing::AHEAD
            {
                self.counted_alone(limit, &key, 1, now);
            }
        }
    }

    fn standing(&self, limit: &Limit, key: &[u8], now: Timestamp) -> u8 {
        let tag = self.memory().map_or(standing::UNKNOWN, |memory| memory.tag(limit, key, now));
        match tag & standing::MASK {
            _ if tag & !standing::MASK != self.epoch() => standing::UNKNOWN,
            // A new count begins with the standing of the one that was over.
            standing::AHEAD if !self.can_be_ahead(now) => standing::UNKNOWN,
            standing => standing,
        }
    }

    /// Whether any key can be ahead. Mostly not.
    fn can_be_ahead(&self, now: Timestamp) -> bool {
        now.micros() < self.handover.ahead_until.load(Ordering::Relaxed)
    }

    fn set_standing(&self, limit: &Limit, key: &[u8], standing: u8) {
        if let Some(memory) = self.memory() {
            memory.set_tag(limit, key, standing | self.epoch());
        }
    }

    /// In the bits that a standing leaves.
    fn epoch(&self) -> u8 {
        self.handover.epoch.load(Ordering::Relaxed) << standing::BITS
    }

    fn is_short(&self, limit: &Limit, key: &[u8], now: Timestamp) -> bool {
        let of = self.of(limit.id);
        now.micros() < of.shortness.until.load(Ordering::Relaxed)
            && match self.standing(limit, key, now) {
                standing::UNKNOWN => now.micros() < of.cold_until.load(Ordering::Relaxed),
                standing => standing == standing::SHORT,
            }
    }

    /// Whether everything that still matters for the charges of a decision is counted here.
    pub fn warm(&self, policy: &Policy, scratch: &Scratch, now: Timestamp) -> bool {
        if self.memory().is_none() {
            return scratch.charges().all(|charge| self.is_whole(charge.limit, now.micros()));
        }
        scratch.charges().all(|charge| !self.is_short(policy.limit(charge.limit), charge.key, now))
    }

    /// What has to be the same when [`Self::seed`] is called as it was before the control's count was read.
    pub fn alone(&self, id: LimitId) -> u64 {
        self.of(id).shortness.alone.load(Ordering::Relaxed)
    }

    /// Takes over the control's count of a key. `false`: the control has counted meanwhile, so `state` is out of date.
    pub fn seed(&self, limit: &Limit, key: &[u8], state: &KeyState, alone: u64, now: Timestamp) -> bool {
        let current = self.alone(limit.id) == alone;
        // Another thread may have been faster, and the key been counted since.
        let seed = |memory: &Memory| memory.seed(limit, key, state, now);
        if current && self.is_short(limit, key, now) && self.memory().is_some_and(seed) {
            self.set_standing(limit, key, standing::EVEN);
        }
        current
    }

    /// Notes who counts a request that the candidate has counted: the control too, or nobody else.
    pub fn counted(&self, policy: &Policy, route: &Route, scratch: &Scratch, control_too: bool, now: Timestamp) {
        let ahead_until = self.handover.ahead_until.load(Ordering::Relaxed);
        if self.memory().is_none() || control_too && now.micros() >= ahead_until {
            return;
        }
        let until = now.micros().saturating_add(self.longest);
        if !control_too && ahead_until < until {
            self.handover.ahead_until.fetch_max(until.saturating_add(SLACK), Ordering::Relaxed);
        }
        for (charge, hit) in scratch.charges().zip(scratch.hits()) {
            let limit = policy.limit(charge.limit);
            if control_too {
                let charged = consumed(route, limit, hit).then_some(Charged { cost: charge.cost, at: now });
                self.keep_for_control(limit, charge.key, charged, now);
            } else {
                self.set_standing(limit, charge.key, standing::AHEAD);
                self.take_waiting(limit.id, charge.key);
            }
        }
    }

    /// Keeps the count of a key that is ahead as it was before a charge: the control is about to make that too.
    fn keep_for_control(&self, limit: &Limit, key: &[u8], charged: Option<Charged>, now: Timestamp) {
        if self.standing(limit, key, now) != standing::AHEAD {
            return;
        }
        let Some(memory) = self.memory() else { return };
        let state = match charged {
            Some(charged) => memory.state_before(limit, key, charged, now),
            None => memory.state(limit, key, now),
        };
        let mut waiting = self.waiting();
        if waiting.len() < MOST_WAITING {
            // What an earlier request has left here lacks this one and all between them, which the control counts too.
            waiting.entry((limit.id, key.into())).or_insert(state);
            self.handover.waits.store(waiting.len(), Ordering::Relaxed);
        }
    }

    /// What the control lacks of a key, which it is about to count; from now on it lacks nothing.
    pub fn owed(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Option<KeyState> {
        if !self.can_be_ahead(now) || self.standing(limit, key, now) != standing::AHEAD {
            return None;
        }
        self.set_standing(limit, key, standing::EVEN);
        let waiting = self.take_waiting(limit.id, key);
        waiting.unwrap_or_else(|| self.memory()?.state(limit, key, now))
    }

    fn take_waiting(&self, id: LimitId, key: &[u8]) -> Option<Option<KeyState>> {
        if self.handover.waits.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut waiting = self.waiting();
        let taken = waiting.remove(&(id, key.into()));
        self.handover.waits.store(waiting.len(), Ordering::Relaxed);
        taken
    }

    /// Notes that the control has counted `cost` for a key at `now`, without the candidate.
    pub fn counted_alone(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) {
        let of = self.of(limit.id);
        // About what it counted, so that there is something to keep the standing with: the count itself is read anew.
        let Some(memory) = self.memory() else { return };
        memory.hit(limit, key, cost, now);
        if self.standing(limit, key, now) != standing::AHEAD {
            self.set_standing(limit, key, standing::SHORT);
            of.shortness.lasts_until(now.micros().saturating_add(of.memory));
        }
        of.shortness.alone.fetch_add(1, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.handover.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that a request is counted under. Without a key nothing is charged.
fn keys(policy: &Policy, route: &Route, request: &Request<'_>) -> Vec<(LimitId, Vec<u8>)> {
    let mut address = String::new();
    client::address(&policy.client, request, &mut address);
    let key_of = |&id| {
        let mut key = Vec::new();
        let written = policy.limit(id).key.write(&route.name, &address, request, &mut key);
        matches!(written, Ok(true)).then_some((id, key))
    };
    route.limits.iter().filter_map(key_of).collect()
}

/// Whether a hit left something behind.
fn consumed(route: &Route, limit: &Limit, hit: &Hit) -> bool {
    let counts_refused = limit.strategy == Strategy::FixedWindow && route.limits_charge == LimitsCharge::Sequential;
    hit.admitted || counts_refused
}
