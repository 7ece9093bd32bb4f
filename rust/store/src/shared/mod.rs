//! Counts in one file that all processes of a host map: no daemon, no lock, nothing that a dead process could hold.
//!
//! | module | what it owns |
//! |---|---|
//! | `file` | finding the file, or making it whole before anybody sees it |
//! | `layout` | what stands where in it |
//! | `map` | the file as memory: all `unsafe` |
//! | `atomic` | what is ever done to a word |
//! | `key` | fingerprints |
//! | `ring` | a moving window: a state and its stamps |
//! | `rings` | where the tables of moving windows are |
//! | `error` | why a table cannot be used |

mod atomic;
mod error;
mod file;
mod group;
mod key;
mod layout;
mod map;
#[allow(dead_code, unused_imports)]
mod ring;
mod rings;

use std::path::Path;

pub use error::{Error, Problem};
pub use file::{Opened, Outdated, path_of};

/// How large a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Keys that there is room for: those whose windows are not over.
    pub keys: u64,
    /// Bytes for the stamps of moving windows.
    pub ring_bytes: u64,
}

/// Counts that all processes of a host share.
#[derive(Debug)]
pub struct Shared {
    map: map::Map,
    seed: key::Seed,
    opened: Opened,
    identity: (u64, u64),
}

impl Shared {
    /// Joins the table in the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// [`Error`], which names the file and says what to do.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let layout = layout::Layout::new(options.keys, options.ring_bytes);
        let file::Open { map, header, opened, identity } = file::open(path, layout)?;
        Ok(Self { map, seed: key::Seed(header.seed), opened, identity })
    }

    /// How it came to be open.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Whether the file at `path` still is this one. If it is not, it was replaced or removed, and processes that are started
    /// now count elsewhere.
    pub fn is_current(&self, path: &Path) -> bool {
        file::identity(path).is_ok_and(|identity| identity == self.identity)
    }
}
