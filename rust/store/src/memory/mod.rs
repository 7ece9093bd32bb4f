//! A limiter over this process's memory: exact keys, a bound on them, and no thread, timer or descriptor, so that a fork
//! takes nothing along but a copy. (A fork while another thread hits would copy a held lock: build it after forking.)
//!
//! | module | what it owns |
//! |---|---|
//! | `table` | one table: finding, inserting, reclaiming, evicting |
//! | `shard` | one table of a policy's limits, by their terms |
//! | `storage` | the storage of the library `limits`: a table for each of its strategies |
//! | `shards` | several tables instead of one |
//! | `count` | one key's state, whichever its strategy |
//! | `tag` | what the owner of the counts keeps with one |
//! | `key` | one key's bytes |
//! | `name` | the bytes that stand for a very long key |
//! | `ring` | the stamps of a moving window |
//! | `together` | several charges, all or none |

pub(crate) mod count;
mod key;
mod name;
mod ring;
mod shard;
mod shards;
mod storage;
mod table;
mod tag;
mod together;

use crossfade_core::Timestamp;
use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, KeyState, Limit, LimitCharge, Limiter, Window};

use name::Name;
use shard::Shard;
use shards::Shards;

pub use storage::{Held, MemoryStorage};

/// Counts in this process's memory, for at most so many keys.
///
/// A key is the limit and the bytes. Up to 256 of them are kept, and compared in full: two such keys never share a count.
/// Of a longer key its length and a keyed hash of 128 bits are kept. What was over at one time may be forgotten from then
/// on: should time run backwards, such a key starts over, as it may in `limits` after its purge. As in the library `limits`, a limit whose rate or strategy changes
/// starts over with fresh counts.
pub struct Memory {
    shards: Shards<Shard>,
}

/// What happened in a store so far, and how many keys it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Hits, refused ones too.
    pub hits: u64,
    /// Hits that were refused.
    pub refused: u64,
    /// Keys held now.
    pub keys: u64,
    /// Keys given up because their windows were over. Nothing is lost by that.
    pub reclaimed: u64,
    /// Keys forgotten because somebody asked for it.
    pub reset: u64,
    /// Keys given up while they still counted, for want of room: each is a client that starts over with a full quota.
    pub evicted_live: u64,
}

impl Memory {
    /// A store for at most `max_keys` keys (at least 1).
    pub fn new(max_keys: usize) -> Self {
        Self { shards: Shards::new(max_keys, Shard::new) }
    }

    /// What is kept for `key` under `limit`; `None` for a key that is not held, of which nothing counts at `now` any
    /// more, or whose limit bounds requests in flight.
    pub fn state(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Option<KeyState> {
        let name = self.name(limit, key);
        self.shards.of(name.hash).look(
            &name,
            limit,
            |count, terms| {
                if count.is_over(terms, now) { None } else { count.state() }
            },
        )
    }

    /// Goes on with `key` from `state`, instead of from what is kept for it. Says whether it did: not if the state is one
    /// of another strategy or flavour than the limit's. Of a moving window no more stamps are kept than the amount.
    pub fn seed(&self, limit: &Limit, key: &[u8], state: &KeyState, now: Timestamp) -> bool {
        if !state.fits(limit) {
            return false;
        }
        let name = self.name(limit, key);
        self.shards.of(name.hash).update(&name, limit, now, |count, terms| count.seed(terms, state));
        true
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.stats().keys as usize).sum()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What happened so far. The tables are read one after the other, so hits meanwhile may be in it or not.
    pub fn stats(&self) -> Stats {
        self.shards.iter().map(|shard| shard.stats()).fold(Stats::default(), |sum, stats| Stats {
            hits: sum.hits + stats.hits,
            refused: sum.refused + stats.refused,
            keys: sum.keys + stats.keys,
            reclaimed: sum.reclaimed + stats.reclaimed,
            reset: sum.reset + stats.reset,
            evicted_live: sum.evicted_live + stats.evicted_live,
        })
    }

    fn name<'a>(&self, limit: &Limit, key: &'a [u8]) -> Name<'a> {
        Name::new(&self.shards, limit.id, key)
    }
}

impl Limiter for Memory {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let name = self.name(limit, key);
        let mut shard = self.shards.of(name.hash);
        let hit = shard.update(&name, limit, now, |count, terms| count.hit(terms, cost, now));
        shard.note(&hit);
        hit
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        together::hit_all(self, charges, now, hits)
    }

    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool {
        let name = self.name(limit, key);
        self.shards.of(name.hash).look(&name, limit, |count, terms| count.test(terms, cost, now))
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        let name = self.name(limit, key);
        self.shards.of(name.hash).look(&name, limit, |count, terms| count.peek(terms, now))
    }

    fn settle(&self, limit: &Limit, key: &[u8], charged: Charged, cost: u64, now: Timestamp) {
        let name = self.name(limit, key);
        let mut shard = self.shards.of(name.hash);
        if let Some(back) = charged.cost.checked_sub(cost) {
            shard.look(&name, limit, |count, terms| count.give_back(terms, back, charged.at, now));
        } else {
            shard.update(&name, limit, now, |count, terms| count.take(terms, cost - charged.cost, now));
        }
    }

    fn finish(&self, limit: &Limit, key: &[u8], cost: u64, sample: Option<Sample>) {
        let name = self.name(limit, key);
        self.shards.of(name.hash).look(&name, limit, |count, terms| count.finish(terms, cost, sample));
    }

    fn reset(&self, limit: &Limit, key: &[u8]) {
        let name = self.name(limit, key);
        self.shards.of(name.hash).reset(&name, limit);
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
