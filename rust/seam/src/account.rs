//! What becomes of every exchange that a sidecar is to get, per route: each ends in one count, and they add up.
//!
//! `requests` is the sum of `sampled_out`, `sent`, what was dropped, and what waits. A [`Ticket`] is one request on its way:
//! wherever it is given up, it is counted.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossfade_exchange::hash::of_key;
use crossfade_exchange::record::Charge;
use crossfade_exchange::wire::{Dropped, RouteAccount};

use crate::breaker::Breaker;
use crate::counts::Count;
use crate::fork;

/// Keys of one exchange that are remembered by name: routes with more limits are rare, and for those all keys are missed.
const KEYS: usize = 4;

/// Missed keys that one account names. More of them say as much as "all".
pub const MISSED: usize = 1_024;

/// The counts of one route in one process.
#[derive(Debug, Default)]
pub struct Sums {
    /// Name of the route.
    pub route: Box<str>,
    /// Requests that were decided at the seam, in any stage but `off`.
    pub requests: Count,
    /// Those that nobody is to get: their keys are not in the sample.
    pub sampled_out: Count,
    /// Exchanges handed to the socket, without seeded ones.
    pub sent: Count,
    /// Those of them that no sidecar has kept.
    pub lost: Count,
    /// Requests whose candidate panicked or erred.
    pub failed: Count,
    /// Whether the control is pinned.
    pub breaker: Breaker,
    dropped: [Count; Dropped::ALL.len()],
    missed: Mutex<Missed>,
    registered: AtomicBool,
}

/// Keys whose exchanges nobody got.
#[derive(Debug, Default)]
pub struct Missed {
    keys: HashSet<u64>,
    more: bool,
}

impl Missed {
    /// Adds the keys of one exchange.
    pub fn add(&mut self, keys: &Keys) {
        self.more |= keys.more;
        keys.hashes[..keys.length].iter().for_each(|&key| self.insert(key));
    }

    /// Adds all of `other`.
    pub fn join(&mut self, other: Self) {
        self.more |= other.more;
        other.keys.into_iter().for_each(|key| self.insert(key));
    }

    fn insert(&mut self, key: u64) {
        if self.more || self.keys.contains(&key) {
            return;
        }
        if self.keys.len() == MISSED {
            self.more = true;
        } else {
            self.keys.insert(key);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.more
    }
}

/// Hashes of the keys that one exchange was counted under.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keys {
    hashes: [u64; KEYS],
    length: usize,
    more: bool,
}

impl Keys {
    /// Nobody knows them, so all may be meant.
    pub const UNKNOWN: Self = Self { hashes: [0; KEYS], length: 0, more: true };

    /// The keys of charges as (limit, key), or the client where nothing was charged.
    pub fn of<'a>(charges: impl Iterator<Item = (&'a str, &'a [u8])>, client: &str) -> Self {
        let mut keys = Self::of_charges(charges);
        if keys.length == 0 {
            keys.add(of_key("", client.as_bytes()));
        }
        keys
    }

    /// The keys of charges as (limit, key).
    pub fn of_charges<'a>(charges: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut keys = Self::default();
        for (limit, key) in charges {
            keys.add(of_key(limit, key));
        }
        keys
    }

    /// Adds those of a side's own charges.
    pub fn join(&mut self, charges: &[Charge]) {
        for Charge { limit, key, .. } in charges {
            self.add(of_key(limit, key));
        }
    }

    fn add(&mut self, hash: u64) {
        if self.hashes[..self.length].contains(&hash) {
            return;
        }
        match self.hashes.get_mut(self.length) {
            Some(slot) => {
                *slot = hash;
                self.length += 1;
            }
            None => self.more = true,
        }
    }
}

impl Sums {
    /// Counts of a route that begin at zero.
    pub fn of(route: &str) -> Arc<Self> {
        Arc::new(Self { route: route.into(), ..Self::default() })
    }

    /// Whether this is the first call.
    pub(crate) fn registers(&self) -> bool {
        !self.registered.load(Ordering::Relaxed) && !self.registered.swap(true, Ordering::Relaxed)
    }

    /// Whether a sidecar is told of this route.
    pub(crate) fn is_registered(&self) -> bool {
        self.registered.load(Ordering::Relaxed)
    }

    /// Notes that the control has charged these keys, and no exchange says so.
    pub fn miss(&self, keys: &Keys) {
        self.missed().add(keys);
    }

    /// The same, of all keys.
    pub(crate) fn miss_all(&self) {
        if self.is_registered() {
            self.miss(&Keys::UNKNOWN);
        }
    }

    /// What was dropped for a reason.
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped[why as usize].get()
    }

    /// What was dropped altogether.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().map(Count::get).sum()
    }

    /// Counts a request that nobody gets, and its keys.
    pub fn drop_for(&self, why: Dropped, keys: &Keys) {
        self.missed().add(keys);
        self.dropped[why as usize].add();
    }

    /// Counts an exchange that was sent and that nobody has kept, and its keys.
    pub(crate) fn lose(&self, keys: &Keys) {
        self.missed().add(keys);
        self.lost.add();
    }

    /// What was missed since this was called last.
    pub(crate) fn take_missed(&self) -> Missed {
        mem::take(&mut *self.missed())
    }

    /// Adds what has been said on a connection that broke: nobody knows whether it was heard.
    pub(crate) fn miss_again(&self, missed: Missed) {
        if !missed.is_empty() {
            self.missed().join(missed);
        }
    }

    /// Adds these counts to an account of the route, `missed` with them. What came to its end is read first, so that no
    /// request is there twice.
    pub fn add_to(&self, account: &mut RouteAccount, missed: &Missed) {
        account.sampled_out += self.sampled_out.get();
        account.lost += self.lost.get();
        account.sent += self.sent.get();
        for why in Dropped::ALL {
            let dropped = self.dropped(why);
            if dropped > 0 {
                *account.dropped.entry(why).or_default() += dropped;
            }
        }
        account.requests += self.requests.get();
        account.failed += self.failed.get();
        account.pinned = self.breaker.why().or(account.pinned.take());
        account.missed.extend(&missed.keys);
        account.missed_more |= missed.more;
    }

    /// The account of this route, without missed keys.
    pub fn account(&self) -> RouteAccount {
        let mut account = RouteAccount::default();
        self.add_to(&mut account, &Missed::default());
        account
    }

    fn missed(&self) -> MutexGuard<'_, Missed> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that a sidecar is to get. Dropped on its way, it counts as given up.
#[derive(Debug)]
pub struct Ticket {
    sums: Arc<Sums>,
    /// Who was counted.
    pub keys: Keys,
    generation: u64,
    ended: bool,
}

impl Ticket {
    /// A request of a route, counted already.
    pub fn new(sums: &Arc<Sums>, keys: Keys) -> Self {
        Self { sums: Arc::clone(sums), keys, generation: fork::generation(), ended: false }
    }

    /// It ends here: nobody gets it.
    pub fn drop_for(mut self, why: Dropped) {
        self.end(|sums, keys| sums.drop_for(why, keys));
    }

    /// It is handed to the socket.
    pub(crate) fn send(mut self) -> (Arc<Sums>, Keys) {
        self.end(|sums, _| sums.sent.add());
        (Arc::clone(&self.sums), self.keys)
    }

    fn end(&mut self, count: impl FnOnce(&Sums, &Keys)) {
        // A fork takes a copy along whose counts are the parent's, and whose locks may be held for ever.
        if !mem::replace(&mut self.ended, true) && self.generation == fork::generation() {
            count(&self.sums, &self.keys);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(|sums, keys| sums.drop_for(Dropped::Abandoned, keys));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ticket counts once, however it ends; given up on its way, it is abandoned.
    #[test]
    fn a_ticket_ends_once() {
        let sums = Sums::of("r");
        let keys = Keys::of([("l", &b"k"[..])].into_iter(), "");
        Ticket::new(&sums, keys).drop_for(Dropped::QueueFull);
        drop(Ticket::new(&sums, keys).send());
        drop(Ticket::new(&sums, keys));
        let account = sums.account();
        assert_eq!(account.sent, 1);
        assert_eq!(account.dropped, [(Dropped::QueueFull, 1), (Dropped::Abandoned, 1)].into());
    }

    /// Missed keys are named up to the bound, each once; beyond it all are meant.
    #[test]
    fn missed_keys_are_bounded() {
        let (sums, mut account) = (Sums::of("r"), RouteAccount::default());
        for round in 0..2 {
            for key in 0..MISSED + round {
                let key = key.to_string();
                sums.drop_for(Dropped::NoSidecar, &Keys::of([("l", key.as_bytes())].into_iter(), ""));
            }
            assert_eq!(sums.missed().more, round == 1);
        }
        sums.add_to(&mut account, &sums.take_missed());
        assert_eq!((account.missed.len(), account.missed_more), (MISSED, true));
        assert!(account.missed.contains(&of_key("l", b"0")));
        assert!(sums.take_missed().is_empty(), "said once");
    }

    /// Of more keys than are remembered, all are meant; of none, the client.
    #[test]
    fn keys_of_an_exchange() {
        let five: Vec<String> = (0..=KEYS).map(|key| key.to_string()).collect();
        let of = |amount: usize| Keys::of(five[..amount].iter().map(|key| ("l", key.as_bytes())), "10.0.0.1");
        assert!(!of(KEYS).more && of(KEYS + 1).more);
        assert_eq!(of(0).hashes[..1], [of_key("", b"10.0.0.1")]);
    }
}
