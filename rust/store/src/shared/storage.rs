//! A storage of the library `limits` in a table that all processes of a host share.
//!
//! A table knows of each count under which limit it counts, so as to know who is missed least. The storage is told keys,
//! and only some operations name the limit; but keys of `limits` end with it, so the limit is read there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::rate::Unit;
use crossfade_core::limit::sliding_window::{self, Counters};
use crossfade_core::limit::{Cost, Flavour, Limit, LimitId, Limiter, Rate, Strategy, fixed_window, moving_window};

use super::{Counted, Error, Opened, Options, Shared};
use crate::storage::{Counter, Storage, TooLong, amount_in, rate_in};

/// Limits that are kept at hand. A service that makes limits up for each client has more, and then they are made anew.
const AT_HAND: usize = 4096;

/// What a counter says that found no room: more than any limit grants.
const FULL: i64 = i64::MAX;

/// Counts that all processes of a host share, asked as `limits` asks its storages.
///
/// Answers as [`MemoryStorage`](crate::memory::MemoryStorage) does, with three differences: a counter is never below zero,
/// a moving window has as many entries as the table's rings, and a key that does not end with its limit, as those of `limits`
/// do, is given up first and its moving window cannot be cleared.
#[derive(Debug)]
pub struct SharedStorage {
    table: Shared,
    path: PathBuf,
    limits: Mutex<HashMap<(Kind, u64, u64), Arc<Limit>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Counter,
    Moving,
    Sliding,
}

impl SharedStorage {
    /// Joins the table in the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// [`Error`], which names the file and says what to do.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        Ok(Self { table: Shared::open(path, options)?, path: path.into(), limits: Mutex::default() })
    }

    /// How it came to be open.
    pub fn opened(&self) -> Opened {
        self.table.opened()
    }

    /// How many counts were given up while they still counted, for want of room, by all processes.
    pub fn evicted_live(&self) -> u64 {
        self.table.stats().evicted_live
    }

    /// The limit that a key of that kind is counted under.
    fn limit(&self, kind: Kind, amount: u64, length: u64) -> Arc<Limit> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.len() >= AT_HAND {
            limits.clear();
        }
        Arc::clone(limits.entry((kind, amount, length)).or_insert_with(|| {
            Arc::new(Limit {
                id: LimitId(0),
                // No name that a policy can give.
                name: "(limits)".into(),
                rate: Rate { amount, multiples: length, unit: Unit::Second },
                strategy: match kind {
                    Kind::Counter => Strategy::FixedWindow,
                    Kind::Moving => Strategy::MovingWindow,
                    Kind::Sliding => Strategy::SlidingWindowCounter,
                },
                flavour: Flavour::Memory,
                key: KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip },
                cost: Cost::default(),
                settles: false,
            })
        }))
    }

    /// That of a counter: its length is told with a hit only, and then kept with the count.
    fn counter(&self, key: &[u8]) -> Arc<Limit> {
        self.limit(Kind::Counter, amount_in(key).unwrap_or(u64::MAX), 1)
    }

    /// That of a moving window, if there are rings of its length or room for some.
    fn moving(&self, rate: &Rate) -> Result<Arc<Limit>, TooLong> {
        let limit = self.limit(Kind::Moving, rate.amount, rate.window());
        self.table.check_rings(&self.path, &limit).map(|()| limit).map_err(|error| TooLong(error.to_string()))
    }

    /// That of a sliding window: its amount is told with a hit only.
    fn sliding(&self, key: &[u8], length: u64) -> Arc<Limit> {
        self.limit(Kind::Sliding, amount_in(key).unwrap_or(u64::MAX), length)
    }

    /// What is counted at `now`.
    fn look(&self, key: &[u8], now: f64) -> Counter {
        self.table.look(&self.counter(key), key, micros(now), |count, _| match count {
            Counted::Fixed(state) => read(*state),
            _ => Counter::default(),
        })
    }
}

fn read(state: fixed_window::State) -> Counter {
    Counter { expiry: state.expiry, count: i64::try_from(state.count).unwrap_or(i64::MAX) }
}

/// The time by which the table judges who is missed least.
fn micros(now: f64) -> Timestamp {
    Timestamp::from_micros((now * 1e6) as u64)
}

impl Storage for SharedStorage {
    fn incr(&self, key: &[u8], length: f64, amount: i64, now: f64) -> i64 {
        let counted = self.table.change(&self.counter(key), key, micros(now), |count, _| match count {
            Counted::Fixed(state) => {
                let Counter { expiry, count } = read(*state).plus(length, amount, now);
                *state = fixed_window::State { expiry, count: count.max(0) as u64 };
                count.max(0)
            }
            _ => FULL,
        });
        counted.unwrap_or(FULL)
    }

    fn get(&self, key: &[u8], now: f64) -> i64 {
        self.look(key, now).at(now)
    }

    fn expiry(&self, key: &[u8], now: f64) -> f64 {
        self.look(key, now).expiry.max(now)
    }

    fn acquire_moving(&self, key: &[u8], rate: &Rate, cost: i64, now: f64) -> Result<bool, TooLong> {
        let limit = self.moving(rate)?;
        let Ok(cost) = u64::try_from(cost) else { return Ok(true) };
        let taken = self.table.change(&limit, key, micros(now), |count, _| match count {
            Counted::Moving(log) => moving_window::hit(log, rate, cost, now),
            _ => false,
        });
        Ok(taken.unwrap_or(false))
    }

    fn moving(&self, key: &[u8], rate: &Rate, now: f64) -> Result<(f64, u64), TooLong> {
        let limit = self.moving(rate)?;
        Ok(self.table.look(&limit, key, micros(now), |count, _| match count {
            Counted::Moving(log) => moving_window::window(log, rate, now),
            _ => (now, 0),
        }))
    }

    fn acquire_sliding(&self, key: &[u8], rate: &Rate, cost: i64, now: f64) -> bool {
        let limit = self.sliding(key, rate.window());
        let taken = self.table.change(&limit, key, micros(now), |count, _| match count {
            Counted::Sliding(state) => {
                let (next, admitted) = sliding_window::hit(*state, rate, cost.max(0) as u64, now);
                *state = sliding_window::give_back(next, rate, cost.min(0).unsigned_abs(), now);
                admitted
            }
            _ => false,
        });
        taken.unwrap_or(false)
    }

    fn sliding(&self, key: &[u8], length: u64, now: f64) -> Counters {
        let limit = self.sliding(key, length);
        self.table.look(&limit, key, micros(now), |count, _| {
            let state = if let Counted::Sliding(state) = count { *state } else { sliding_window::State::default() };
            sliding_window::counters(state, &limit.rate, now)
        })
    }

    fn clear(&self, key: &[u8]) {
        self.table.reset(&self.counter(key), key);
        if let Some(Ok(limit)) = rate_in(key).map(|rate| self.moving(&rate)) {
            self.table.reset(&limit, key);
        }
    }

    fn clear_sliding(&self, key: &[u8], length: u64) {
        self.table.reset(&self.sliding(key, length), key);
    }

    fn reset(&self, now: f64) -> u64 {
        let keys = self.table.count_keys(micros(now));
        self.table.reset_all();
        keys
    }
}
