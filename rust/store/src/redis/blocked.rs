//! Who was refused, and until when: the server need not be asked again.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use crossfade_core::Timestamp;
use crossfade_core::limit::Hit;

/// A refusal that will be repeated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// These costs are refused, with this hit.
    pub(super) costs: RangeInclusive<u64>,
    /// From this time, in microseconds since the epoch,
    pub(super) since: u64,
    /// and before this one. Never later than the server's own answer would change by itself.
    pub(super) until: u64,
    pub(super) hit: Hit,
}

/// At most so many blocks; of the ones that are given up the oldest half goes first. Nothing wrong comes of that: the
/// server is asked.
pub(super) struct Blocked {
    most: usize,
    blocks: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Box<[u8]>, Block>,
    aged: HashMap<Box<[u8]>, Block>,
}

impl Blocked {
    pub(super) fn new(most: usize) -> Self {
        Self { most, blocks: Mutex::default() }
    }

    pub(super) fn find(&self, key: &[u8], cost: u64, now: Timestamp) -> Option<Hit> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let block = blocks.young.get(key).or_else(|| blocks.aged.get(key))?;
        let holds = block.costs.contains(&cost) && (block.since..block.until).contains(&now.micros());
        holds.then_some(block.hit)
    }

    pub(super) fn note(&self, key: &[u8], block: Block) {
        if block.until <= block.since || self.most == 0 {
            return;
        }
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.young.insert(key.into(), block);
        if blocks.young.len() * 2 >= self.most {
            blocks.aged = std::mem::take(&mut blocks.young);
        }
    }

    /// Something was given back, or forgotten.
    pub(super) fn forget(&self, key: &[u8]) {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.young.remove(key);
        blocks.aged.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIT: Hit = Hit { admitted: false, remaining: 0, reset: 2.0 };

    /// It holds for its costs, from its time until its end, and not when the clock has gone back.
    #[test]
    fn holds_for_its_time_and_cost() {
        let blocked = Blocked::new(100);
        blocked.note(b"a", Block { costs: 2..=3, since: 1_000, until: 2_000, hit: HIT });
        let found = |cost, now| blocked.find(b"a", cost, Timestamp::from_micros(now)).is_some();
        assert!(found(2, 1_000) && found(3, 1_999));
        assert!(!found(1, 1_500) && !found(4, 1_500) && !found(2, 2_000) && !found(2, 999));
        assert!(blocked.find(b"b", 2, Timestamp::from_micros(1_500)).is_none());
        blocked.forget(b"a");
        assert!(!found(2, 1_500));
    }

    /// However many keys are refused, few are kept, and the latest are.
    #[test]
    fn is_bounded() {
        let blocked = Blocked::new(100);
        for key in 0..10_000u32 {
            blocked.note(&key.to_ne_bytes(), Block { costs: 1..=1, since: 0, until: 9, hit: HIT });
            assert!(blocked.find(&key.to_ne_bytes(), 1, Timestamp::from_micros(1)).is_some());
        }
        let blocks = blocked.blocks.lock().expect("no panic");
        assert!(blocks.young.len() + blocks.aged.len() <= 100);
    }
}
