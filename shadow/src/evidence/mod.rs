//! What live comparison has shown, in counts that add up: over workers, over restarts, and later over hosts.
//!
//! | module | what it owns |
//! |---|---|
//! | `counts` | what one process epoch brought to one stay |
//! | `durations` | how long things took, as counts that can be summed |
//! | `groups` | mismatches that differ in the same way |
//! | `keys` | how much each key has brought, in bounded room |
//! | `book` | all of it in a file that survives a kill |
//!
//! A *stay* is one route, for one subject, in one stage from when it was set until it is set again. Counts are kept for each
//! stay and each process epoch of a worker, and only grow; whoever wants a sum sums.

mod book;
mod counts;
mod durations;
mod groups;
mod keys;

use std::collections::BTreeMap;

use crossfade_exchange::stage::Subject;
use crossfade_exchange::wire::RouteAccount;
use serde::{Deserialize, Serialize};

pub use book::{Book, BookError, Changes, FILE};
pub use counts::{Counts, Kind, Seeded};
pub use durations::Durations;
pub use groups::{Example, Group};
pub use keys::Keys;

/// One route, one subject, one stay in a stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stay {
    /// Name of the route.
    pub route: String,
    /// What was compared.
    pub subject: Subject,
    /// The stage's word: `shadow`, `canary`, `live`.
    pub stage: String,
    /// When the stage was set, in microseconds since the epoch; the row's `at`.
    pub entered: u64,
}

/// One process of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Its process id.
    pub worker: u64,
    /// When it began, in microseconds since the epoch.
    pub epoch: u64,
}

/// All evidence that there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// By stay.
    pub stays: BTreeMap<Stay, StayEvidence>,
    /// What each process said last of each route, and how many exchanges of it arrived (without seeded ones).
    pub accounts: BTreeMap<(Source, String), Account>,
    /// Exchanges received of each process, seeded ones too: what its next connection is told.
    pub received: BTreeMap<Source, u64>,
    /// Mismatches that differ in the same way, by what tells them apart.
    pub groups: BTreeMap<String, Group>,
    /// The sidecar's clock when this was written, in microseconds since the epoch. It is the one that dwell is measured by.
    pub now: u64,
    /// The same by this machine's clock: how long ago the sidecar was last seen alive.
    pub written: u64,
}

/// What one stay has shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StayEvidence {
    /// How many comparisons each key has brought to the test.
    pub keys: Keys,
    /// By the process that they came from.
    pub by_source: BTreeMap<Source, Counts>,
}

impl StayEvidence {
    /// The counts of all processes.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.by_source.values().for_each(|counts| total.join(counts));
        total
    }
}

/// What became of one process's exchanges of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What it said last.
    pub said: RouteAccount,
    /// Exchanges of it that arrived and ended in a verdict, without seeded ones.
    pub received: u64,
}

impl Account {
    /// Exchanges that were sent and neither arrived nor are known as lost: 0, or somebody's arithmetic is wrong.
    pub fn unaccounted(&self) -> u64 {
        self.said.sent.saturating_sub(self.said.lost).saturating_sub(self.received)
    }
}
