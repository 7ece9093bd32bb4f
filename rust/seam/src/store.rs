//! The store that a policy names, opened in this process.

use std::sync::Arc;

use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, Limit, LimitCharge, Limiter, Unlimited, Window};
use crossfade_core::{Policy, Timestamp, policy};
use crossfade_store::{Memory, Redis};

use crate::table::{Room, Table};

/// Where the candidate's hits are counted.
#[derive(Debug)]
pub enum Store {
    /// In this process.
    Memory(Memory),
    /// In a table of this host.
    Shared(Arc<Table>),
    /// At a server, which answers later.
    Redis(Redis),
    /// Nowhere, because of this: the control judges every request.
    Unavailable(String),
}

/// A store, and what whoever runs the service should know of it.
pub type Opened = (Store, Option<String>);

impl Store {
    /// Opens it for the first time; never fails, as the service comes first.
    pub fn open(policy: &Policy) -> Opened {
        let store = match &policy.store {
            policy::Store::Memory { max_keys } => Self::Memory(Memory::new(*max_keys)),
            policy::Store::Shared(table) => match Table::open(table) {
                Ok(table) => return Self::within(table.into(), &policy.limits, false),
                Err(error) => Self::Unavailable(error.to_string()),
            },
            policy::Store::Redis(redis) => match password(redis) {
                Ok(password) => Self::Redis(Redis::new(redis.clone(), password)),
                Err(why) => Self::Unavailable(format!("{}: {why}", policy.store)),
            },
        };
        (store, None)
    }

    /// Counts in a table that is open. Whoever has not counted yet is told at once of moving windows that the table can never
    /// hold; one that is in use stays so, and answers their hits as it answers all that find no room.
    pub fn within(table: Arc<Table>, limits: &[Limit], in_use: bool) -> Opened {
        match table.make_room(limits) {
            Room::TooSmall(why) if !in_use => (Self::Unavailable(why), None),
            Room::TooSmall(why) | Room::Taken(why) => (Self::Shared(table), Some(why)),
            Room::Enough => (Self::Shared(table), None),
        }
    }

    /// What happened there in this process, by name.
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        match self {
            Self::Memory(memory) => {
                let stats = memory.stats();
                vec![
                    ("hits", stats.hits),
                    ("refused", stats.refused),
                    ("keys", stats.keys),
                    ("evicted_live", stats.evicted_live),
                ]
            }
            Self::Shared(table) => {
                let (stats, in_flight) = (table.counts.stats(), table.counts.in_flight());
                vec![
                    ("hits", stats.hits),
                    ("refused", stats.refused),
                    ("evicted_expired", stats.evicted_expired),
                    ("evicted_live", stats.evicted_live),
                    ("evicted_blocked", stats.evicted_blocked),
                    ("full_shared", stats.full_shared),
                    ("full_admitted", stats.full_admitted),
                    ("full_rejected", stats.full_rejected),
                    ("rings_full", stats.rings_full),
                    ("in_flight", in_flight.places),
                    ("workers", in_flight.workers),
                    ("workers_full", stats.workers_full),
                    ("places_full", stats.places_full),
                ]
            }
            Self::Redis(redis) => redis.stats().named(),
            Self::Unavailable(_) => Vec::new(),
        }
    }

    /// Why it could not be opened.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Unavailable(why) => Some(why),
            _ => None,
        }
    }
}

/// The password, from the environment: the policy file is in everybody's git.
fn password(redis: &policy::RedisStore) -> Result<Option<Box<str>>, String> {
    let Some(name) = &redis.password_env else { return Ok(None) };
    match std::env::var(&**name) {
        Ok(password) => Ok(Some(password.into())),
        Err(_) => Err(format!("the environment variable {name} (password_env) is not set, or is no text")),
    }
}

/// Calls whatever counts. What counts nowhere grants all.
macro_rules! with {
    ($self:ident, $limiter:ident => $call:expr) => {
        match $self {
            Store::Memory($limiter) => $call,
            Store::Shared(table) => {
                let $limiter = &table.counts;
                $call
            }
            Store::Redis($limiter) => $call,
            Store::Unavailable(_) => {
                let $limiter = &Unlimited;
                $call
            }
        }
    };
}

/// For what is no decision: a server is waited for.
impl Limiter for Store {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        with!(self, limiter => limiter.hit(limit, key, cost, now))
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        with!(self, limiter => limiter.hit_all(charges, now, hits))
    }

    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool {
        with!(self, limiter => limiter.test(limit, key, cost, now))
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        with!(self, limiter => limiter.peek(limit, key, now))
    }

    fn settle(&self, limit: &Limit, key: &[u8], charged: Charged, cost: u64, now: Timestamp) {
        with!(self, limiter => limiter.settle(limit, key, charged, cost, now));
    }

    fn finish(&self, limit: &Limit, key: &[u8], cost: u64, sample: Option<Sample>) {
        with!(self, limiter => limiter.finish(limit, key, cost, sample));
    }

    fn reset(&self, limit: &Limit, key: &[u8]) {
        with!(self, limiter => limiter.reset(limit, key));
    }
}
