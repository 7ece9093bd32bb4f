//! A shared table as a policy's store: where its file is, whether it has room for the policy, whether it still is the one.

use std::path::PathBuf;

use crossfade_core::limit::Limit;
use crossfade_core::policy::SharedStore;
use crossfade_store::Shared;
use crossfade_store::shared::{Error, Opened, Options, Problem, path_of};

/// An open table.
#[derive(Debug)]
pub struct Table {
    /// What is counted there.
    pub counts: Shared,
    path: PathBuf,
}

/// How much room a table has for the moving windows of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// For all of them.
    Enough,
    /// Not for all, because others were there before; why.
    Taken(String),
    /// An empty table would be too small for them; why.
    TooSmall(String),
}

impl Table {
    /// Opens it where nobody of this process has counted yet: a table that cannot be joined is replaced.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn open(policy: &SharedStore) -> Result<Self, Error> {
        let path = path_of(&policy.name)?;
        Ok(Self { counts: Shared::open(&path, &options(policy))?, path })
    }

    /// Opens it at another time: a table that cannot be joined is left to those who count there.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn open_again(policy: &SharedStore) -> Result<Self, Error> {
        let path = path_of(&policy.name)?;
        Ok(Self { counts: Shared::rejoin(&path, &options(policy))?, path })
    }

    /// Makes room for the moving windows of a policy, as far as there is any.
    pub fn make_room(&self, limits: &[Limit]) -> Room {
        let Err(error) = self.counts.reserve(&self.path, limits) else { return Room::Enough };
        match error.problem() {
            Problem::Rings { bytes, needed, .. } if needed <= bytes => Room::Taken(error.to_string()),
            _ => Room::TooSmall(error.to_string()),
        }
    }

    /// Whether it took the name of a table that others may still count in.
    pub fn is_a_replacement(&self) -> bool {
        matches!(self.counts.opened(), Opened::Replaced(_))
    }

    /// Whether its file was removed or replaced, so that who comes now counts in another one.
    pub fn is_lost(&self) -> bool {
        !self.counts.is_current(&self.path)
    }

    /// What is said of a table that is lost; `why` it is not opened again.
    pub fn loss(&self, why: Option<&str>) -> String {
        let path = self.path.display();
        let why =
            why.map_or_else(|| "it is opened again".to_owned(), |why| format!("it cannot be opened again: {why}"));
        format!(
            "shared table {path}: its file was removed or replaced, so the control judges until all count in one; {why}"
        )
    }
}

fn options(policy: &SharedStore) -> Options {
    Options { keys: policy.max_keys as u64, ring_bytes: policy.ring_bytes as u64, on_full: policy.on_full }
}
