//! Counts in one file that all processes of a host map: no daemon, no lock that anybody waits for, nothing that a dead
//! process could hold.
//!
//! | module | what it owns |
//! |---|---|
//! | `limiter` | what a service sees: hits, and all else that a limiter does |
//! | `handover` | one key's count from and to another store |
//! | `storage` | what the library `limits` sees of one |
//! | `table` | finding a key's count, changing it, and who gets no room |
//! | `area` | slots of one kind, and what is done to one of them |
//! | `areas` | which slots a limit counts in |
//! | `group` | where a key can be, and how it gets there without a lock |
//! | `word` | a count as one word |
//! | `token` | numbers that no two calls get |
//! | `key` | fingerprints |
//! | `directory` | the limits that the file knows |
//! | `in_flight` | limits on requests in flight |
//! | `worker` | which row of requests in flight is this process's, and how places are taken |
//! | `rows` | the rows |
//! | `counters` | what happened so far |
//! | `rings` | where the tables of moving windows are |
//! | `file` | finding the file, or making it whole before anybody sees it |
//! | `handle` | its descriptors, which are closed together |
//! | `layout` | what stands where in it |
//! | `atomic` | what is ever done to a word |
//! | `ring` | a moving window: a state and its stamps |
//! | `map` | the file as memory, and its locks: all `unsafe` |
//! | `error` | why a table cannot be used |

mod area;
mod areas;
mod atomic;
mod counters;
mod directory;
mod error;
mod file;
mod group;
#[cfg(test)]
mod group_model;
pub(crate) mod handle;
mod handover;
mod in_flight;
mod key;
mod layout;
mod limiter;
mod map;
mod ring;
mod rings;
mod rows;
#[cfg(test)]
mod rows_model;
#[cfg(test)]
mod stop;
mod storage;
mod table;
mod token;
mod word;
mod worker;

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crossfade_core::Timestamp;
use crossfade_core::limit::{Hit, Limit};
pub use crossfade_core::policy::OnFull;

use crate::fork;
use crate::memory::count::Count;

pub use counters::Stats;
pub use error::{Error, Problem};
pub use file::{Opened, Outdated, path_of};
pub use in_flight::InFlight;
pub use storage::SharedStorage;

/// One key's count, wherever it is kept.
pub(crate) type Counted<'a> = Count<ring::View<'a, AtomicU64>>;

/// How large a table is, and what it does where it is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Keys that there is room for: those whose windows are not over.
    pub keys: u64,
    /// Bytes for the stamps of moving windows.
    pub ring_bytes: u64,
    /// What a key gets that finds no room, as all keys whose place it could take are being refused. Each process may have its
    /// own.
    pub on_full: OnFull,
}

/// Counts that all processes of a host share.
///
/// A key is the limit – its name and all terms – and the bytes, known by 128 bits of a hash that is keyed by chance. As in
/// [`Memory`](crate::Memory), changed terms start over with fresh counts.
///
/// Requests in flight are counted in a row for each process, which ends with it. Their bounds do not adapt here.
#[derive(Debug)]
pub struct Shared {
    map: map::Map,
    layout: layout::Layout,
    seed: key::Seed,
    opened: Opened,
    handle: handle::Handle,
    known: directory::Known,
    on_full: OnFull,
    hits: AtomicU64,
    refused: AtomicU64,
}

impl Shared {
    /// Joins the table in the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// [`Error`], which names the file and says what to do.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::opened_at(path, options, true)
    }

    /// The same for a process that has counted before: a table of other sizes or of another version is left as it is, since two
    /// that replace each other's would never end.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Problem::Outdated`] for a table that cannot be joined.
    pub fn rejoin(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::opened_at(path, options, false)
    }

    fn opened_at(path: &Path, options: &Options, replaces: bool) -> Result<Self, Error> {
        let layout = layout::Layout::new(options.keys, options.ring_bytes);
        // Which row is whose changes with a fork.
        fork::register();
        let file::Open { map, header, opened, handle } = file::open(path, layout, replaces)?;
        Ok(Self {
            map,
            layout,
            seed: key::Seed(header.seed),
            opened,
            handle,
            known: directory::Known::new(),
            on_full: options.on_full,
            hits: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// How it came to be open.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Whether the file at `path` still is this one. If it is not, it was replaced or removed, and processes that are started
    /// now count elsewhere.
    pub fn is_current(&self, path: &Path) -> bool {
        file::identity(path).is_ok_and(|identity| identity == self.handle.identity)
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        counters::stats(self.counters(), self.hits.load(Relaxed), self.refused.load(Relaxed))
    }

    /// How many keys are held whose windows are not over at `now`. Reads the whole table.
    pub fn count_keys(&self, now: Timestamp) -> u64 {
        self.areas().map(|areas| self.table_of(areas, now).count_keys()).sum()
    }

    /// Until when the counts under `limit` are cold, in all processes; the epoch if nobody said.
    pub fn cold_until(&self, limit: &Limit) -> Timestamp {
        directory::cold_until(self.line(limit))
    }

    /// Says that the counts under `limit` are cold until then, or later if another process said so.
    pub fn cool(&self, limit: &Limit, until: Timestamp) {
        directory::cool(self.line(limit), until);
    }

    /// Forgets all keys of all limits, for all processes at once, but for requests in flight.
    pub fn reset_all(&self) {
        self.areas().for_each(|areas| self.table_of(areas, Timestamp::default()).sweep());
        self.generation().fetch_add(1, SeqCst);
    }

    /// Where the limit has a line. Those that the file has none for share the last one.
    fn line(&self, limit: &Limit) -> &directory::Line {
        &self.lines()[usize::from(self.listed(limit).index)]
    }

    #[inline]
    fn listed(&self, limit: &Limit) -> directory::Listed {
        self.known.of(limit, || directory::list(self.lines(), &self.seed, limit))
    }

    fn lines(&self) -> &[directory::Line] {
        self.map.cells(layout::LIMITS, layout::MOST_LIMITS + 1)
    }

    fn counters(&self) -> &[AtomicU64] {
        self.map.cells(layout::COUNTERS, counters::EVENTS)
    }

    fn generation(&self) -> &AtomicU64 {
        &self.map.cells(layout::GENERATION, 1)[0]
    }

    #[inline]
    fn table_of<'a>(&'a self, (keys, overflow): areas::Both<'a>, now: Timestamp) -> table::Table<'a> {
        table::Table {
            seed: self.seed,
            generation: self.generation().load(SeqCst),
            now,
            lines: self.lines(),
            counters: self.counters(),
            keys,
            overflow,
            on_full: self.on_full,
        }
    }

    /// Counts a hit of this process.
    #[inline]
    fn note(&self, hit: Hit) -> Hit {
        self.hits.fetch_add(1, Relaxed);
        if !hit.admitted {
            self.refused.fetch_add(1, Relaxed);
        }
        hit
    }
}
