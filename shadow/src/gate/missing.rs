//! What a route that is held lacks, in words.

use std::fmt;

use crossfade_exchange::stage::Fault;
use serde::Serialize;

use super::facts::Excess;
use super::ruling::Cause;
use super::time::Time;
use super::{KEYS, OF_A_KIND};
use crate::report::grouped;

/// One thing that is missing, and when it may be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Missing {
    /// What.
    pub what: Lack,
    /// When it may be there.
    pub wait: Wait,
}

/// When something may be there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// That is no matter of traffic, or cannot be told.
    Unknown,
    /// In so many seconds, if traffic goes on as it did in this stay.
    Seconds(f64),
    /// Never, at this stay's traffic.
    Never,
}

/// What can be missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// A sidecar: seconds since it was last seen; `None`: never.
    Sidecar(Option<u64>),
    /// A worker that follows.
    Worker,
    /// The route runs at most in `shadow` in so many workers.
    Held {
        /// How many.
        held: u64,
        /// Of how many.
        of: u64,
    },
    /// One subject: so many builds or controls were compared lately.
    Subjects(u64),
    /// A candidate without an injected fault.
    Fault(Fault),
    /// Traffic: seconds since the last comparison.
    Traffic(u64),
    /// An account that adds up: so many exchanges are neither there nor known as lost.
    Unaccounted(u64),
    /// Exchanges that arrive.
    Lost {
        /// How many were lost.
        lost: u64,
        /// Of how many.
        of: u64,
    },
    /// Somebody who sets the route on again after it was taken back, for the reason given.
    Rearm(String),
    /// Nothing that would take the route back.
    Red(Cause),
    /// Seeded faults that were found: so many were, which is too few.
    Seeded(u64),
    /// A comparison that sees: it has missed a seeded fault.
    Blind {
        /// Seeded exchanges that it found.
        found: u64,
        /// Those that arrived.
        judged: u64,
    },
    /// Anything that can be judged, of so many exchanges.
    NothingJudged(u64),
    /// Known differences, or edges, within what they may explain.
    Excess(Excess),
    /// Comparisons.
    Comparisons {
        /// Those that are there.
        comparisons: u64,
        /// So many more, if each matches.
        more: u64,
        /// Mismatches so far.
        mismatches: u64,
    },
    /// Different keys: so many are there.
    Keys(u64),
    /// Comparisons of one kind of outcome.
    Kind {
        /// The kind, e.g. `limited:api`.
        kind: String,
        /// Those that are there.
        compared: u64,
    },
    /// Time that the stage is watched, in seconds.
    Dwell {
        /// How long it was.
        watched: u64,
        /// Of how long.
        of: u64,
    },
}

impl Missing {
    pub(super) fn new(what: Lack, wait: Wait) -> Self {
        Self { what, wait }
    }

    /// The kind of outcome that could be accepted by name.
    pub fn kind(&self) -> Option<&str> {
        match &self.what {
            Lack::Kind { kind, .. } => Some(kind),
            _ => None,
        }
    }

    /// In few words, for a table.
    pub fn short(&self) -> String {
        match &self.what {
            Lack::Kind { kind, compared } => {
                format!("{} of {OF_A_KIND} \"{}\"", grouped(*compared), kind_words(kind))
            }
            Lack::Dwell { watched, of } => format!("{} of {}", Time(*watched as f64), Time(*of as f64)),
            Lack::Comparisons { comparisons, more, .. } => {
                format!("{} of {} comparisons", grouped(*comparisons), grouped(comparisons + more))
            }
            Lack::Sidecar(_) => "no sidecar".to_owned(),
            Lack::Worker => "no worker".to_owned(),
            Lack::Red(_) => format!("red: {}", self.text()),
            Lack::Rearm(cause) => format!("rolled back: {cause}"),
            _ => self.text(),
        }
    }

    /// Exactly, for a person who wants to do something about it.
    pub fn text(&self) -> String {
        match &self.what {
            Lack::Sidecar(None) => "no sidecar has written evidence".to_owned(),
            Lack::Sidecar(Some(seconds)) => format!("the sidecar was last seen {} ago", Time(*seconds as f64)),
            Lack::Worker => "no worker is there to follow".to_owned(),
            Lack::Held { held, of } => {
                format!("{held} of {of} workers hold it at shadow: they run another build, policy or control")
            }
            Lack::Subjects(subjects) => format!("{subjects} builds or controls were compared in the last 10 min"),
            Lack::Fault(fault) => format!("a fault is injected by hand: {fault}"),
            Lack::Traffic(seconds) => format!("no traffic for {}", Time(*seconds as f64)),
            Lack::Unaccounted(exchanges) => {
                format!("{} exchanges are unaccounted for: neither received nor known as lost", grouped(*exchanges))
            }
            Lack::Lost { lost, of } => format!("{} of {} exchanges were lost", grouped(*lost), grouped(*of)),
            Lack::Rearm(cause) => format!("rolled back ({cause}): a person has to set it on again"),
            Lack::Red(cause) => cause.to_string(),
            Lack::Seeded(0) => "seeded fault not seen yet".to_owned(),
            Lack::Seeded(found) => format!("seeded fault seen {found} time: not often enough to turn the test red"),
            Lack::Blind { found, judged } => {
                format!("seeded fault NOT FOUND in {} of {judged}: the comparison is blind", judged - found)
            }
            Lack::NothingJudged(exchanges) => format!("none of {} exchanges can be judged", grouped(*exchanges)),
            Lack::Excess(Excess { known: Some(id), explained, over: true, .. }) => {
                format!("known difference {id} is over, and has explained {}", grouped(*explained))
            }
            Lack::Excess(Excess { known: Some(id), explained, allowed, .. }) => {
                format!(
                    "known difference {id} has explained {}, its budget is {}",
                    grouped(*explained),
                    grouped(*allowed)
                )
            }
            Lack::Excess(Excess { known: None, explained, allowed, .. }) => {
                format!("{} exchanges at a window's edge, at most {} may be", grouped(*explained), grouped(*allowed))
            }
            Lack::Comparisons { comparisons, more, mismatches } => {
                let wrong = match mismatches {
                    0 => String::new(),
                    1 => ", with 1 mismatch so far".to_owned(),
                    many => format!(", with {} mismatches so far", grouped(*many)),
                };
                format!("{} of {} comparisons{wrong}", grouped(*comparisons), grouped(comparisons + more))
            }
            Lack::Keys(keys) => format!("{keys} of {KEYS} different keys"),
            Lack::Kind { kind, compared } => {
                format!("{} of {OF_A_KIND} comparisons with outcome \"{}\"", grouped(*compared), kind_words(kind))
            }
            Lack::Dwell { .. } => format!("dwell {}", self.short()),
        }
    }

    /// What can be done, as part of a command of `route`.
    pub fn advice(&self, route: &str) -> Option<String> {
        match &self.what {
            Lack::Kind { kind, .. } => Some(format!("or: --accept-uncovered {kind} --why …")),
            Lack::Rearm(_) => Some(format!("crossfade promote {route} --rearm --why …")),
            Lack::Red(_) => Some(format!("see: crossfade status {route}")),
            Lack::Fault(_) => Some(format!("crossfade stage set {route} shadow --why …")),
            _ => None,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Seconds(seconds) => write!(f, "about {} more at this traffic", Time(*seconds)),
            Self::Never => f.write_str("never at this traffic"),
        }
    }
}

impl Wait {
    /// Until all of them are there: the longest.
    pub fn all(missing: &[Missing]) -> Self {
        missing.iter().map(|missing| missing.wait).fold(Self::Unknown, |longest, wait| match (longest, wait) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Seconds(one), Self::Seconds(other)) => Self::Seconds(one.max(other)),
            (Self::Unknown, wait) => wait,
            (longest, Self::Unknown) => longest,
        })
    }
}

/// A kind of outcome as people read it: `limited:api` is "limited by api".
pub fn kind_words(kind: &str) -> String {
    match kind.split_once(':') {
        Some(("limited", limit)) => format!("limited by {limit}"),
        Some((word, what)) => format!("{word} {what}"),
        None => kind.to_owned(),
    }
}
