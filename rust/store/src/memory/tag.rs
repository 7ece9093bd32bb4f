//! A byte that the owner of the counts keeps with one: what else is known of it.

use crossfade_core::Timestamp;
use crossfade_core::limit::{Charged, KeyState, Limit};

use super::Memory;

impl Memory {
    /// What was kept with `key` last; 0 where all that was counted with it is over at `now`.
    pub fn tag(&self, limit: &Limit, key: &[u8], now: Timestamp) -> u8 {
        let name = self.name(limit, key);
        match self.shards.of(name.hash).entry(&name, limit) {
            Some((entry, terms)) if !entry.count.is_past(terms, now) => entry.tag,
            _ => 0,
        }
    }

    /// Keeps a byte with `key`, until what is counted for it is over. A key that is not held keeps none.
    pub fn set_tag(&self, limit: &Limit, key: &[u8], tag: u8) {
        let name = self.name(limit, key);
        if let Some((entry, _)) = self.shards.of(name.hash).entry(&name, limit) {
            entry.tag = tag;
        }
    }

    /// As [`state`](Self::state), but as it was before a charge, the last one.
    pub fn state_before(&self, limit: &Limit, key: &[u8], charged: Charged, now: Timestamp) -> Option<KeyState> {
        let name = self.name(limit, key);
        let mut shard = self.shards.of(name.hash);
        let (entry, terms) = shard.entry(&name, limit)?;
        let mut count = entry.count.clone();
        count.give_back(terms, charged.cost, charged.at, now);
        if count.is_over(terms, now) { None } else { count.state() }
    }
}
