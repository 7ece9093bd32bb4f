//! Several tables instead of one: hits of different tables do not wait for one another, and none is large enough that its
//! growth is felt.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most tables. More than a machine has cores brings nothing.
pub(crate) const MOST: usize = 16;

/// Fewest keys that a table is worth. Keys spread unevenly, so a small table is full long before the others.
const FEWEST_KEYS: usize = 1024;

/// Tables behind a lock each.
pub(crate) struct Shards<T> {
    shards: Box<[Mutex<T>]>,
    // Keyed by chance: nobody outside can choose keys that crowd one table.
    hasher: RandomState,
}

impl<T> Shards<T> {
    /// Tables for at most `max_keys` keys (at least 1) together; `table` makes one with so much room.
    pub(crate) fn new(max_keys: usize, table: impl Fn(usize) -> T) -> Self {
        let max_keys = max_keys.max(1);
        let mut shards = 1;
        while shards < MOST && max_keys / (shards * 2) >= FEWEST_KEYS {
            shards *= 2;
        }
        let room = |index| max_keys / shards + usize::from(index < max_keys % shards);
        Self { shards: (0..shards).map(|index| Mutex::new(table(room(index)))).collect(), hasher: RandomState::new() }
    }

    pub(crate) fn hash(&self, under: u16, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u16(under);
        hasher.write(key);
        hasher.finish()
    }

    /// The table of a hash.
    pub(crate) fn of(&self, hash: u64) -> MutexGuard<'_, T> {
        self.at(self.index(hash))
    }

    /// Which table a hash has; below [`MOST`].
    pub(crate) fn index(&self, hash: u64) -> usize {
        // The table inside takes the lowest and the highest bits.
        (hash >> 40) as usize & (self.shards.len() - 1)
    }

    /// The table of an index.
    pub(crate) fn at(&self, index: usize) -> MutexGuard<'_, T> {
        // A panic elsewhere must not stop every later hit: counts are whole after every statement that can panic.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All tables, one after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        (0..self.shards.len()).map(|index| self.at(index))
    }
}
