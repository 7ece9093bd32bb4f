//! A storage of the library `limits` in this process's memory, with a bound on its keys.

use crossfade_core::limit::moving_window::Log;
use crossfade_core::limit::rate::Unit;
use crossfade_core::limit::sliding_window::{self, Counters};
use crossfade_core::limit::{Rate, Strategy, moving_window};

use super::ring::Ring;
use super::shards::Shards;
use super::table::{Entry, Judge, Table};
use crate::storage::{Counter, Storage, TooLong, amount_in};

/// Counts in this process's memory, as `limits.storage.MemoryStorage` has them; but bounded, and without a thread.
///
/// At the bound it gives up what is over first, then what has used up the least of its limit.
pub struct MemoryStorage {
    counters: Counts<Counter>,
    logs: Counts<Stamps>,
    pairs: Counts<Pair>,
}

/// Everything that a [`MemoryStorage`] holds, by keys, as plain values: it can be written down and read again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Held {
    /// Counters.
    pub counters: Vec<(Vec<u8>, Counter)>,
    /// Moving windows: the last limit, and the stamps, the oldest first.
    pub logs: Vec<(Vec<u8>, Rate, Vec<f64>)>,
    /// Sliding windows: the last limit, and the counters.
    pub pairs: Vec<(Vec<u8>, Rate, sliding_window::State)>,
}

/// A moving window, and the limit that it was last asked for.
#[derive(Clone)]
struct Stamps {
    rate: Rate,
    ring: Ring,
}

/// A sliding window, and the limit that it was last asked for.
#[derive(Clone)]
struct Pair {
    rate: Rate,
    state: sliding_window::State,
}

/// The time at which counts are judged.
struct At(f64);

impl Judge<Counter> for At {
    fn is_over(&self, entry: &Entry<Counter>) -> bool {
        entry.count.is_over(self.0)
    }

    fn share(&self, entry: &Entry<Counter>) -> f64 {
        let used = entry.count.at(self.0).max(0) as u64;
        // A key of another form does not say its limit: then the more there is, the longer it stays.
        share(used, amount_in(entry.key.bytes()).unwrap_or(used.saturating_add(1)))
    }
}

impl Judge<Stamps> for At {
    fn is_over(&self, entry: &Entry<Stamps>) -> bool {
        moving_window::is_over(&entry.count.ring, &entry.count.rate, self.0)
    }

    fn share(&self, entry: &Entry<Stamps>) -> f64 {
        let Stamps { rate, ring } = &entry.count;
        share(moving_window::window(ring, rate, self.0).1, rate.amount)
    }
}

impl Judge<Pair> for At {
    fn is_over(&self, entry: &Entry<Pair>) -> bool {
        entry.count.state.is_over(&entry.count.rate, self.0)
    }

    fn share(&self, entry: &Entry<Pair>) -> f64 {
        let Pair { rate, state } = &entry.count;
        share(rate.amount.saturating_sub(sliding_window::peek(*state, rate, self.0).remaining), rate.amount)
    }
}

fn share(used: u64, amount: u64) -> f64 {
    if used >= amount { 1.0 } else { used as f64 / amount as f64 }
}

/// The counts of one kind.
struct Counts<C>(Shards<Table<C>>);

impl<C: Clone> Counts<C>
where
    At: Judge<C>,
{
    fn new(max_keys: usize) -> Self {
        Self(Shards::new(max_keys, Table::new))
    }

    /// What `look` sees of a count that is there.
    fn look<T>(&self, under: u32, key: &[u8], look: impl FnOnce(&C) -> T) -> Option<T> {
        let hash = self.0.hash(0, key);
        let mut table = self.0.of(hash);
        table.find(hash, under, key).map(|index| look(table.count_mut(index)))
    }

    /// What `step` makes of a count, which is `new` if none is there.
    fn step<T>(&self, under: u32, key: &[u8], now: f64, new: C, step: impl FnOnce(&mut C) -> T) -> T {
        let hash = self.0.hash(0, key);
        let mut table = self.0.of(hash);
        let index = match table.find(hash, under, key) {
            Some(index) => index,
            None => table.insert(hash, under, key, new, &At(now)),
        };
        step(table.count_mut(index))
    }

    fn remove(&self, under: u32, key: &[u8]) {
        let hash = self.0.hash(0, key);
        let mut table = self.0.of(hash);
        if let Some(index) = table.find(hash, under, key) {
            table.remove(index);
        }
    }

    /// Forgets all, and says how many that were.
    fn reset(&self) -> u64 {
        self.0.iter().map(|mut table| table.clear()).sum()
    }

    fn evicted_live(&self) -> u64 {
        self.0.iter().map(|table| table.evicted_live).sum()
    }

    fn copies(&self) -> Vec<(Vec<u8>, C)> {
        let copy = |entry: &Entry<C>| (entry.key.bytes().to_vec(), entry.count.clone());
        self.0.iter().flat_map(|table| table.entries().map(copy).collect::<Vec<_>>()).collect()
    }
}

impl MemoryStorage {
    /// A storage for at most `max_keys` keys (at least 1) of each strategy.
    pub fn new(max_keys: usize) -> Self {
        Self { counters: Counts::new(max_keys), logs: Counts::new(max_keys), pairs: Counts::new(max_keys) }
    }

    /// How many counts were given up while they still counted, for want of room.
    pub fn evicted_live(&self) -> u64 {
        self.counters.evicted_live() + self.logs.evicted_live() + self.pairs.evicted_live()
    }

    /// A copy of all that is held.
    pub fn held(&self) -> Held {
        Held {
            counters: self.counters.copies(),
            logs: self
                .logs
                .copies()
                .into_iter()
                .map(|(key, mut log)| (key, log.rate, log.ring.unwind().to_vec()))
                .collect(),
            pairs: self.pairs.copies().into_iter().map(|(key, pair)| (key, pair.rate, pair.state)).collect(),
        }
    }

    /// Takes over what another storage held at `now`, in the place of what is there under the same keys.
    pub fn take(&self, held: Held, now: f64) {
        for (key, counter) in held.counters {
            self.counters.step(0, &key, now, counter, |count| *count = counter);
        }
        for (key, rate, stamps) in held.logs {
            let mut ring = Ring::default();
            for stamp in &stamps {
                ring.push(*stamp, 1, stamps.len() as u64);
            }
            let log = Stamps { rate, ring };
            self.logs.step(0, &key, now, log.clone(), |count| *count = log);
        }
        for (key, rate, state) in held.pairs {
            self.pairs.step(under(rate.window()), &key, now, Pair { rate, state }, |pair| pair.state = state);
        }
    }
}

/// What sliding windows lie under: those of different lengths are different windows.
fn under(length: u64) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn check(rate: &Rate) -> Result<(), TooLong> {
    Strategy::MovingWindow
        .check(rate)
        .map_err(|error| TooLong(format!("{error}; lower its rate, or use a sliding window counter")))
}

impl Storage for MemoryStorage {
    fn incr(&self, key: &[u8], length: f64, amount: i64, now: f64) -> i64 {
        self.counters.step(0, key, now, Counter::default(), |counter| {
            *counter = counter.plus(length, amount, now);
            counter.count
        })
    }

    fn get(&self, key: &[u8], now: f64) -> i64 {
        self.counters.look(0, key, |counter| counter.at(now)).unwrap_or(0)
    }

    fn expiry(&self, key: &[u8], now: f64) -> f64 {
        self.counters.look(0, key, |counter| counter.expiry.max(now)).unwrap_or(now)
    }

    fn acquire_moving(&self, key: &[u8], rate: &Rate, cost: i64, now: f64) -> Result<bool, TooLong> {
        check(rate)?;
        let Ok(cost) = u64::try_from(cost) else { return Ok(true) };
        Ok(self.logs.step(0, key, now, Stamps { rate: *rate, ring: Ring::default() }, |log| {
            log.rate = *rate;
            moving_window::hit(&mut log.ring, rate, cost, now)
        }))
    }

    fn moving(&self, key: &[u8], rate: &Rate, now: f64) -> Result<(f64, u64), TooLong> {
        check(rate)?;
        Ok(self.logs.look(0, key, |log| moving_window::window(&log.ring, rate, now)).unwrap_or((now, 0)))
    }

    fn acquire_sliding(&self, key: &[u8], rate: &Rate, cost: i64, now: f64) -> bool {
        let new = Pair { rate: *rate, state: sliding_window::State::default() };
        self.pairs.step(under(rate.window()), key, now, new, |pair| {
            pair.rate = *rate;
            let (state, admitted) = sliding_window::hit(pair.state, rate, cost.max(0) as u64, now);
            pair.state = sliding_window::give_back(state, rate, cost.min(0).unsigned_abs(), now);
            admitted
        })
    }

    fn sliding(&self, key: &[u8], length: u64, now: f64) -> Counters {
        let state = self.pairs.look(under(length), key, |pair| pair.state).unwrap_or_default();
        sliding_window::counters(state, &Rate { amount: 0, multiples: length, unit: Unit::Second }, now)
    }

    fn clear(&self, key: &[u8]) {
        self.counters.remove(0, key);
        self.logs.remove(0, key);
    }

    fn clear_sliding(&self, key: &[u8], length: u64) {
        self.pairs.remove(under(length), key);
    }

    fn reset(&self, _: f64) -> u64 {
        (self.counters.reset() + self.pairs.reset()).max(self.logs.reset())
    }
}
