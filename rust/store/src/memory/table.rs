//! One table of counts. At its bound, what is lost is chosen: first what nobody misses, never who is being refused.

use hashbrown::HashTable;

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

/// One count, and whose it is.
pub(crate) struct Entry<C> {
    hash: u64,
    /// What the count is kept under: one key can have several.
    pub(crate) under: u32,
    /// What the owner of the counts keeps with this one; at first 0.
    pub(crate) tag: u8,
    pub(crate) key: Key,
    pub(crate) count: C,
}

/// What counts mean at one instant.
pub(crate) trait Judge<C> {
    /// Whether nothing is lost when this is forgotten.
    fn is_over(&self, entry: &Entry<C>) -> bool;

    /// How much is lost when this is forgotten: the share of the limit that is used up. 1 is a key that is refused.
    fn share(&self, entry: &Entry<C>) -> f64;
}

/// At most `room` counts, in no order.
pub(crate) struct Table<C> {
    // Index into `entries`, by hash.
    table: HashTable<u32>,
    entries: Vec<Entry<C>>,
    room: usize,
    // The entry that is looked at next for reclaiming and evicting.
    hand: usize,
    /// Entries given up because nothing was lost by it.
    pub(crate) reclaimed: u64,
    /// Entries given up while they still counted, for want of room.
    pub(crate) evicted_live: u64,
}

impl<C> Table<C> {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            // Grows: it is small, and the smaller it is the more of it stays in the processor's cache.
            table: HashTable::new(),
            entries: Vec::with_capacity(room.min(AT_ONCE)),
            // The table's indices are 32 bits.
            room: room.clamp(1, u32::MAX as usize),
            hand: 0,
            reclaimed: 0,
            evicted_live: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<C>> {
        self.entries.iter()
    }

    /// Takes all entries out, and says how many there were.
    pub(crate) fn clear(&mut self) -> u64 {
        let len = self.entries.len();
        self.table.clear();
        self.entries.clear();
        len as u64
    }

    pub(crate) fn find(&self, hash: u64, under: u32, key: &[u8]) -> Option<usize> {
        let same = |&index: &u32| {
            let entry = &self.entries[index as usize];
            entry.under == under && entry.key.bytes() == key
        };
        self.table.find(hash, same).map(|&index| index as usize)
    }

    /// The count at an index that [`Self::find`] or [`Self::insert`] gave.
    pub(crate) fn count_mut(&mut self, index: usize) -> &mut C {
        &mut self.entries[index].count
    }

    /// The whole entry there.
    pub(crate) fn entry_mut(&mut self, index: usize) -> &mut Entry<C> {
        &mut self.entries[index]
    }

    /// Puts a count that is not there yet, and says where. Makes room first.
    pub(crate) fn insert(&mut self, hash: u64, under: u32, key: &[u8], count: C, judge: &impl Judge<C>) -> usize {
        self.reclaim(judge);
        if self.entries.len() >= self.room {
            self.evict(judge);
        }
        let index = self.entries.len();
        self.entries.push(Entry { hash, under, tag: 0, key: Key::new(key), count });
        self.table.insert_unique(hash, index as u32, |&index| self.entries[index as usize].hash);
        index
    }

    /// Gives up what is over among the next few entries.
    fn reclaim(&mut self, judge: &impl Judge<C>) {
        for _ in 0..RECLAIM.min(self.entries.len()) {
            let index = self.next();
            if judge.is_over(&self.entries[index]) {
                self.remove(index);
                self.reclaimed += 1;
            }
        }
    }

    /// Gives up one entry: the first that is over, else the one that has used up the smallest share of its limit.
    fn evict(&mut self, judge: &impl Judge<C>) {
        let mut least = (f64::INFINITY, 0);
        for looked_at in 0..FARTHEST.min(self.entries.len()) {
            if looked_at >= SAMPLE && least.0 < 1.0 {
                break;
            }
            let index = self.next();
            if judge.is_over(&self.entries[index]) {
                self.remove(index);
                self.reclaimed += 1;
                return;
            }
            let share = judge.share(&self.entries[index]);
            if share < least.0 {
                least = (share, index);
            }
        }
        self.remove(least.1);
        self.evicted_live += 1;
    }

    /// Moves the hand on, and says where it was. There is at least one entry.
    fn next(&mut self) -> usize {
        let index = if self.hand < self.entries.len() { self.hand } else { 0 };
        self.hand = index + 1;
        index
    }

    /// Takes an entry out; the last one moves into its place.
    pub(crate) fn remove(&mut self, index: usize) {
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
