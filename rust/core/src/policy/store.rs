//! `[store]`: where counts live, and what that place cannot hold.

use std::time::Duration;

use super::file::{Item, Section};
use super::inherited::{count, size};
use super::limits::check_name;
use super::store_url::{self, Server, Url};
use crate::limit::{Rate, Strategy};

/// Where counts live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In each worker's own memory.
    Memory {
        /// The most keys that a worker holds.
        max_keys: usize,
    },
    /// In one table that all workers of a host map.
    Shared(SharedStore),
    /// In Redis, or Valkey.
    Redis(RedisStore),
}

/// One table for all workers of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedStore {
    /// Name of the table; services of one user with the same name share it.
    pub name: Box<str>,
    /// The most keys that the host holds.
    pub max_keys: usize,
    /// Bytes for the stamps of moving windows.
    pub ring_bytes: usize,
    /// What a key gets that finds no room.
    pub on_full: OnFull,
}

/// What a key gets that finds no room in a shared table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    /// It is counted together with others of its neighbourhood: never too much is admitted.
    Share,
    /// It is admitted, uncounted.
    Admit,
    /// It is refused.
    Reject,
}

/// A Redis or Valkey server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisStore {
    /// Where it is.
    pub server: Server,
    /// Environment variable that holds the password.
    pub password_env: Option<Box<str>>,
    /// How hits reach it.
    pub counting: Counting,
    /// The longest that a request waits for it.
    pub timeout: Duration,
    /// What decides while it cannot be asked.
    pub failure: Failure,
    /// What every key begins with: `key_prefix` of the storages of `limits`.
    pub key_prefix: Box<str>,
    /// What follows: `namespace` of a `RateLimitItem`.
    pub namespace: Box<str>,
    /// The most keys that a worker holds beside it, for what is blocked and for when it cannot be asked.
    pub max_keys: usize,
}

/// How hits reach Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Each hit at once, under the keys of `limits`: control and candidate count in one place.
    Sync,
    /// Batches are taken in advance: never too much is admitted.
    Lease,
    /// Hits are written later: the overshoot is bounded.
    WriteBehind,
}

/// What decides while Redis cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A table of this process, with each limit divided by the hosts that were seen.
    Degrade,
    /// Everything is admitted.
    Open,
    /// Everything is refused.
    Closed,
}

/// Who counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each worker process for itself.
    Worker,
    /// All workers of a host.
    Host,
    /// All hosts.
    Fleet,
}

impl Scope {
    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Host => "host",
            Self::Fleet => "fleet",
        }
    }

    /// How many counters one key has.
    pub fn counters(self) -> &'static str {
        match self {
            Self::Worker => "one counter in each worker process",
            Self::Host => "one counter on each host",
            Self::Fleet => "one counter",
        }
    }
}

/// Keys held unless the file says otherwise: at about 100 bytes a key, 100 MB, and more than the clients that one
/// worker sees in the longest common window, a day.
const MAX_KEYS: usize = 1_000_000;

/// Most keys that may be asked for: more do not fit a machine's memory.
const MOST_KEYS: u64 = 1 << 30;

/// Room for stamps unless the file says otherwise: a hundred thousand keys of 60 hits each.
const RING_BYTES: usize = 64 << 20;

/// Stamps of one key in a shared table: a ring of them is copied nowhere, but one client's must not take the arena.
const MOST_SHARED_STAMPS: u64 = 4_096;

/// The longest wait for Redis unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_millis(20);

/// The longest that may be asked for: beyond it, a limiter that cannot be asked is an outage.
const MOST_TIMEOUT: Duration = Duration::from_secs(5);

/// What `limits` begins its keys with.
const KEY_PREFIX: &str = "LIMITS";
const NAMESPACE: &str = "LIMITER";

impl Default for Store {
    fn default() -> Self {
        Self::Memory { max_keys: MAX_KEYS }
    }
}

impl Store {
    /// The scheme of its URL.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "memory",
            Self::Shared(_) => "shm",
            Self::Redis(_) => "redis",
        }
    }

    /// Who counts together.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Memory { .. } => Scope::Worker,
            Self::Shared(_) => Scope::Host,
            Self::Redis(_) => Scope::Fleet,
        }
    }

    /// The most keys that a table of this store holds.
    pub fn max_keys(&self) -> usize {
        match self {
            Self::Memory { max_keys } => *max_keys,
            Self::Shared(shared) => shared.max_keys,
            Self::Redis(redis) => redis.max_keys,
        }
    }

    /// Whether the candidate counts in the control's own counters, so that only one of them may count a request.
    pub fn is_the_controls(&self) -> bool {
        matches!(self, Self::Redis(RedisStore { counting: Counting::Sync, .. }))
    }

    /// The largest amount of a limit that it can count; `None`: whatever the strategy can.
    ///
    /// A slot of the shared table is one word of 128 bits that is swapped at once: 42 bits of count, or two counts of 32,
    /// or 96 bits of time in ticks of one amount-th of a microsecond, which hold 2^52 microseconds. In the scripts of Redis
    /// every number is a double: one above the amount must be another one, and so must the sum of two rests of a microsecond.
    pub fn most(&self, strategy: &Strategy) -> Option<u64> {
        // A count goes on above the amount, and must not come to look like less.
        Some(match (self, strategy) {
            (Self::Shared(_), Strategy::FixedWindow) => (1 << 42) - 2,
            (Self::Shared(_), Strategy::MovingWindow) => MOST_SHARED_STAMPS,
            (Self::Shared(_), Strategy::SlidingWindowCounter) => (1 << 32) - 2,
            (Self::Shared(_), Strategy::Gcra { .. }) => 1 << 43,
            (Self::Redis(_), Strategy::FixedWindow | Strategy::SlidingWindowCounter) => (1 << 53) - 1,
            (Self::Redis(_), Strategy::Gcra { .. }) => 1 << 52,
            _ => return None,
        })
    }

    /// The longest window of a limit that it can count, in seconds; `None`: whatever a rate can say.
    ///
    /// A slot of the shared table holds ends of fixed windows until 2106: of such a window for whoever hits until 2038.
    pub fn longest(&self, strategy: &Strategy) -> Option<u64> {
        matches!((self, strategy), (Self::Shared(_), Strategy::FixedWindow)).then_some(1 << 31)
    }

    /// The largest burst of a rate that it can count; `None`: any.
    ///
    /// In the scripts of Redis every number has to stay below 2^53, where doubles are whole: what is owed and the time,
    /// until 2112, are half of that each, in microseconds; and so is each cell's rest of a microsecond, times the burst. A
    /// word of the shared table holds every burst that a policy can name.
    pub fn most_burst(&self, rate: &Rate) -> Option<u64> {
        if !matches!(self, Self::Redis(_)) {
            return None;
        }
        let (cell, amount) = (u128::from(rate.window()) * 1_000_000, u128::from(rate.amount));
        let lasting = (amount << 52) / cell;
        let exact = ((1 << 53) - 1) / (cell % amount.max(1)).max(1);
        // Without an amount nothing is ever owed.
        (amount > 0).then(|| u64::try_from(lasting.min(exact)).unwrap_or(u64::MAX))
    }
}

/// As in the file, without a user.
impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory { .. } => f.write_str("memory://"),
            Self::Shared(shared) => write!(f, "shm://{}", shared.name),
            Self::Redis(redis) if redis.server.is_socket() => write!(f, "redis+unix://{}", redis.server),
            Self::Redis(redis) => write!(f, "redis://{}", redis.server),
        }
    }
}

/// Reads the table, or what holds without it.
pub(super) fn read(root: &Section<'_>) -> Store {
    let Some(section) = root.get("store").and_then(|item| item.section("[store]".to_owned())) else {
        return Store::default();
    };
    let url = section.get("url").map_or(Some(Url::Memory), |item| store_url::read(&item));
    let max_keys = section.get("max_keys").and_then(|item| item.whole(1, MOST_KEYS));
    let max_keys = max_keys.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_KEYS);
    let shared = shared(&section, max_keys);
    let redis = redis(&section, max_keys);
    let store = match url {
        Some(Url::Memory) => Store::Memory { max_keys },
        Some(Url::Shared(name)) => Store::Shared(SharedStore { name, ..shared }),
        Some(Url::Redis(server)) => Store::Redis(RedisStore { server, ..redis }),
        None => {
            section.finish();
            return Store::default();
        }
    };
    for (keys, scheme) in [(SHARED_KEYS, "shm"), (REDIS_KEYS, "redis")] {
        for item in keys.iter().filter(|_| scheme != store.scheme()).filter_map(|&key| section.get(key)) {
            item.complain(format_args!("says nothing for {}://", store.scheme()), format!("only {scheme}:// has it"));
        }
    }
    section.finish();
    store
}

const SHARED_KEYS: &[&str] = &["on_full", "ring_bytes"];
const REDIS_KEYS: &[&str] = &["password_env", "counting", "timeout", "failure", "key_prefix", "namespace"];

fn shared(section: &Section<'_>, max_keys: usize) -> SharedStore {
    const ON_FULL: [(&str, OnFull); 3] =
        [("share", OnFull::Share), ("admit", OnFull::Admit), ("reject", OnFull::Reject)];
    SharedStore {
        name: Box::default(),
        max_keys,
        ring_bytes: section.get("ring_bytes").and_then(|item| size(&item)).unwrap_or(RING_BYTES),
        on_full: section.get("on_full").and_then(|item| item.choice(&ON_FULL)).unwrap_or(OnFull::Share),
    }
}

fn redis(section: &Section<'_>, max_keys: usize) -> RedisStore {
    const COUNTING: [(&str, Counting); 3] =
        [("sync", Counting::Sync), ("lease", Counting::Lease), ("write-behind", Counting::WriteBehind)];
    const FAILURE: [(&str, Failure); 3] =
        [("degrade", Failure::Degrade), ("open", Failure::Open), ("closed", Failure::Closed)];
    let password_env = section.get("password_env").and_then(|item| {
        let name = item.text()?;
        check_name(&item, name, "variable of the environment");
        Some(name.into())
    });
    RedisStore {
        server: Server::default(),
        password_env,
        counting: section.get("counting").and_then(|item| item.choice(&COUNTING)).unwrap_or(Counting::Sync),
        timeout: section.get("timeout").and_then(|item| timeout(&item)).unwrap_or(TIMEOUT),
        failure: section.get("failure").and_then(|item| item.choice(&FAILURE)).unwrap_or(Failure::Degrade),
        key_prefix: section.get("key_prefix").and_then(|item| start_of_keys(&item)).unwrap_or(KEY_PREFIX.into()),
        namespace: section.get("namespace").and_then(|item| start_of_keys(&item)).unwrap_or(NAMESPACE.into()),
        max_keys,
    }
}

/// A time like `20ms`.
fn timeout(item: &Item<'_>) -> Option<Duration> {
    const UNITS: [(&str, u64); 2] = [("ms", 1), ("s", 1_000)];
    let text = item.text()?;
    let number = |&(unit, factor): &(&str, u64)| count(text.strip_suffix(unit)?.trim_end())?.checked_mul(factor);
    let time = UNITS.iter().find_map(number).map(Duration::from_millis);
    let time = time.filter(|time| !time.is_zero() && *time <= MOST_TIMEOUT);
    if time.is_none() {
        let advice = "write a whole number and ms or s, for example \"20ms\"; at most \"5s\"";
        item.complain(format_args!("is \"{}\", which is no time to wait", text.escape_debug()), advice.to_owned());
    }
    time
}

/// What keys begin with: something that can be read where keys are listed.
fn start_of_keys(item: &Item<'_>) -> Option<Box<str>> {
    const LONGEST: usize = 64;
    let text = item.text()?;
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let advice = format!("write 1 to {LONGEST} printable characters of ASCII, as the service gives them to limits");
        item.complain(format_args!("is \"{}\"", text.escape_debug()), advice);
        return None;
    }
    Some(text.into())
}
