//! Several charges, all or none: under the locks of all their tables, so that nobody sees or takes a part of them.

use std::sync::MutexGuard;

use crossfade_core::Timestamp;
use crossfade_core::limit::{Hit, LimitCharge, Window};

use super::Memory;
use super::name::Name;
use super::shard::Shard;
use super::shards::MOST;

/// The tables of some charges, locked.
struct Held<'a> {
    memory: &'a Memory,
    shards: [Option<MutexGuard<'a, Shard>>; MOST],
}

impl<'a> Held<'a> {
    /// Locks in the order of the tables, so that two callers cannot wait for one another.
    fn new(memory: &'a Memory, charges: &[LimitCharge<'_>]) -> Self {
        let mut needed = [false; MOST];
        for charge in charges {
            needed[memory.shards.index(memory.name(charge.limit, charge.key).hash)] = true;
        }
        let mut shards = [const { None }; MOST];
        for (index, shard) in shards.iter_mut().enumerate().filter(|(index, _)| needed[*index]) {
            *shard = Some(memory.shards.at(index));
        }
        Self { memory, shards }
    }

    /// The table of a charge, and the name of its key.
    fn of<'k>(&mut self, charge: &LimitCharge<'k>) -> (Name<'k>, &mut Shard) {
        let name = self.memory.name(charge.limit, charge.key);
        let shard = self.shards[self.memory.shards.index(name.hash)].as_deref_mut();
        (name, shard.expect("the table of every charge is held"))
    }
}

/// [`Limiter::hit_all`](crossfade_core::limit::Limiter::hit_all).
pub(super) fn hit_all(
    memory: &Memory,
    charges: &[LimitCharge<'_>],
    now: Timestamp,
    hits: &mut Vec<Hit>,
) -> Result<(), usize> {
    hits.clear();
    let mut held = Held::new(memory, charges);
    for (index, charge) in charges.iter().enumerate() {
        let (name, shard) = held.of(charge);
        let LimitCharge { limit, key, .. } = *charge;
        let same = charges[..=index].iter().filter(|other| (other.limit.id, other.key) == (limit.id, key));
        let cost = same.fold(0u64, |sum, other| sum.saturating_add(other.cost));
        let hit = shard.look(&name, limit, |count, terms| count.would(terms, cost, now));
        hits.push(hit);
        if !hit.admitted {
            shard.note(&hit);
            return Err(index);
        }
    }
    hits.clear();
    for charge in charges {
        let (name, shard) = held.of(charge);
        let LimitCharge { limit, cost, .. } = *charge;
        let hit = shard.update(&name, limit, now, |count, terms| {
            count.take(terms, cost, now);
            let Window { remaining, reset } = count.peek(terms, now);
            Hit { admitted: true, remaining, reset }
        });
        shard.note(&hit);
        hits.push(hit);
    }
    Ok(())
}
