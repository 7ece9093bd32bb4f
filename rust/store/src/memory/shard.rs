//! One table of counts. At its bound, what is lost is chosen: first what nobody misses, never who is being refused.

use crossfade_core::Timestamp;
use crossfade_core::limit::{Hit, Limit, Window};
use hashbrown::HashTable;

use super::Stats;
use super::count::{Count, Terms};
use super::key::Key;

/// Entries that an insertion looks at for something to reclaim. More than one, so that the hand gains on insertions.
const RECLAIM: usize = 2;

/// Entries from which the one to evict is chosen.
const SAMPLE: usize = 8;

/// Entries to look at when all of the sample are being refused.
const FARTHEST: usize = 64;

/// Most entries that are made room for at once. Growing later would copy all entries within one hit; memory that is not
/// written to yet costs nothing.
const AT_ONCE: usize = 1 << 17;

struct Entry {
    hash: u64,
    // Index into `Shard::terms`.
    terms: u32,
    key: Key,
    count: Count,
}

/// At most `room` counts, in no order.
pub(crate) struct Shard {
    // Index into `entries`, by hash.
    table: HashTable<u32>,
    entries: Vec<Entry>,
    // All terms ever seen, and by `LimitId` the ones that hold now. They change only with the policy.
    terms: Vec<Terms>,
    current: Vec<Option<u32>>,
    room: usize,
    // The entry that is looked at next for reclaiming and evicting.
    hand: usize,
    stats: Stats,
}

impl Shard {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            // Grows: it is small, and the smaller it is the more of it stays in the processor's cache.
            table: HashTable::new(),
            entries: Vec::with_capacity(room.min(AT_ONCE)),
            terms: Vec::new(),
            current: Vec::new(),
            // The table's indices are 32 bits.
            room: room.clamp(1, u32::MAX as usize),
            hand: 0,
            stats: Stats::default(),
        }
    }

    pub(crate) fn hit(&mut self, hash: u64, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let terms = self.terms(limit);
        let index = match self.find(hash, terms, key) {
            Some(index) => index,
            None => self.insert(hash, terms, key, now),
        };
        let hit = self.entries[index].count.hit(&self.terms[terms as usize], cost, now);
        self.stats.hits += 1;
        self.stats.refused += u64::from(!hit.admitted);
        hit
    }

    pub(crate) fn peek(&mut self, hash: u64, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        let terms = self.terms(limit);
        let under = &self.terms[terms as usize];
        match self.find(hash, terms, key) {
            Some(index) => self.entries[index].count.peek(under, now),
            None => Count::new(under).peek(under, now),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { keys: self.entries.len() as u64, ..self.stats }
    }

    /// The index of the limit's terms; noted if they are new.
    fn terms(&mut self, limit: &Limit) -> u32 {
        let terms = Terms::of(limit);
        let id = usize::from(limit.id.0);
        if let Some(&Some(index)) = self.current.get(id)
            && self.terms[index as usize] == terms
        {
            return index;
        }
        let index = self.terms.iter().position(|known| *known == terms).unwrap_or_else(|| {
            self.terms.push(terms);
            self.terms.len() - 1
        });
        if self.current.len() <= id {
            self.current.resize(id + 1, None);
        }
        self.current[id] = Some(index as u32);
        index as u32
    }

    fn find(&self, hash: u64, terms: u32, key: &[u8]) -> Option<usize> {
        let same = |&index: &u32| {
            let entry = &self.entries[index as usize];
            entry.terms == terms && entry.key.bytes() == key
        };
        self.table.find(hash, same).map(|&index| index as usize)
    }

    fn insert(&mut self, hash: u64, terms: u32, key: &[u8], now: Timestamp) -> usize {
        self.reclaim(now);
        if self.entries.len() >= self.room {
            self.evict(now);
        }
        let index = self.entries.len();
        let count = Count::new(&self.terms[terms as usize]);
        self.entries.push(Entry { hash, terms, key: Key::new(key), count });
        self.table.insert_unique(hash, index as u32, |&index| self.entries[index as usize].hash);
        index
    }

    /// Gives up what is over among the next few entries.
    fn reclaim(&mut self, now: Timestamp) {
        for _ in 0..RECLAIM.min(self.entries.len()) {
            let index = self.next();
            if self.is_over(index, now) {
                self.remove(index);
                self.stats.reclaimed += 1;
            }
        }
    }

    /// Gives up one entry: the first that is over, else the one that has used up the smallest share of its limit.
    fn evict(&mut self, now: Timestamp) {
        let mut least = (f64::INFINITY, 0);
        for looked_at in 0..FARTHEST.min(self.entries.len()) {
            if looked_at >= SAMPLE && least.0 < 1.0 {
                break;
            }
            let index = self.next();
            if self.is_over(index, now) {
                self.remove(index);
                self.stats.reclaimed += 1;
                return;
            }
            let entry = &self.entries[index];
            let share = entry.count.share(&self.terms[entry.terms as usize], now);
            if share < least.0 {
                least = (share, index);
            }
        }
        self.remove(least.1);
        self.stats.evicted_live += 1;
    }

    fn is_over(&self, index: usize, now: Timestamp) -> bool {
        let entry = &self.entries[index];
        entry.count.is_over(&self.terms[entry.terms as usize], now)
    }

    /// Moves the hand on, and says where it was. There is at least one entry.
    fn next(&mut self) -> usize {
        let index = if self.hand < self.entries.len() { self.hand } else { 0 };
        self.hand = index + 1;
        index
    }

    /// Takes an entry out; the last one moves into its place.
    fn remove(&mut self, index: usize) {
        let gone = self.entries.swap_remove(index);
        if let Ok(slot) = self.table.find_entry(gone.hash, |&at| at as usize == index) {
            slot.remove();
        }
        let last = self.entries.len();
        if let Some(moved) = self.entries.get(index)
            && let Some(at) = self.table.find_mut(moved.hash, |&at| at as usize == last)
        {
            *at = index as u32;
        }
    }
}
