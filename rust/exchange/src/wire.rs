//! What a worker and a sidecar say to one another over the socket, in the frames of [`crate::frame`].
//!
//! A worker says [`Said::Hello`] once for each connection and waits for the first [`Heard`]. After that it says exchanges in
//! the order of their sequence and, from time to time, an [`Account`]. The sidecar says [`Heard`] again whenever what it has
//! received is written down for good: how many exchanges of this process epoch, counted over all its connections. What a
//! worker has written and a later `Heard` does not count, the sidecar never got or has not kept: the worker counts it as
//! lost. So every exchange ends once on one side. A sidecar that has counted an exchange has taken in every account that was
//! said before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::Exchange;

/// Version of these messages. The sidecar closes a connection of another one, after a [`Heard`] that names its own.
pub const VERSION: u8 = 1;

/// Exchanges that a worker sends ahead of [`Heard::exchanges`]; then it waits for it. At 10,000 a second six seconds.
pub const UNHEARD: usize = 65_536;

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// Who it is.
    #[serde(rename = "h")]
    Hello(Hello),
    /// One exchange.
    #[serde(rename = "x")]
    Exchange(Box<Exchange>),
    /// What became of all of them so far.
    #[serde(rename = "a")]
    Account(Account),
}

/// The first message of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Version of these messages.
    #[serde(rename = "v")]
    pub version: u8,
    /// Process id of the worker.
    #[serde(rename = "w")]
    pub worker: u64,
    /// When that process started, in microseconds since the epoch: its process epoch.
    #[serde(rename = "e")]
    pub epoch: u64,
    /// Digest of its build.
    #[serde(rename = "b")]
    pub build: String,
}

/// What the sidecar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Version of the sidecar's messages.
    #[serde(rename = "v")]
    pub version: u8,
    /// Exchanges of this worker's process epoch that are written down, seeded ones too.
    #[serde(rename = "n")]
    pub exchanges: u64,
}

/// What became of a worker's exchanges since its process began, by route. Sent in the stream of exchanges: what it counts as
/// sent has been said before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// By name of the route.
    #[serde(rename = "r")]
    pub routes: BTreeMap<String, RouteAccount>,
}

/// The same of one route. `requests` is the sum of `sampled_out`, `sent`, `dropped` and what waits in the worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteAccount {
    /// Requests that were decided at the seam, in any stage but `off`.
    #[serde(rename = "q")]
    pub requests: u64,
    /// Those whose keys the sample leaves out.
    #[serde(rename = "o")]
    pub sampled_out: u64,
    /// Exchanges written to the socket, without seeded ones.
    #[serde(rename = "s")]
    pub sent: u64,
    /// Those of them that a broken connection lost: no sidecar has kept them.
    #[serde(rename = "l")]
    pub lost: u64,
    /// Exchanges that were not written, by reason: see [`Dropped`].
    #[serde(rename = "d")]
    pub dropped: BTreeMap<Dropped, u64>,
    /// Requests whose candidate panicked or erred.
    #[serde(rename = "f")]
    pub failed: u64,
    /// Why the worker lets the control alone judge this route, if it does.
    #[serde(rename = "p")]
    pub pinned: Option<String>,
    /// [`crate::hash::of_key`] of keys that were dropped or lost since the last account, or that the control charged where no
    /// exchange says so: of the limits that the request was charged to, or of the limit `""` and the client where it was
    /// charged to none. One that a broken connection may have swallowed is said again.
    #[serde(rename = "k")]
    pub missed: Vec<u64>,
    /// More keys were than `missed` holds: all of the route may be.
    #[serde(rename = "m")]
    pub missed_more: bool,
}

/// Why an exchange was not written to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// Nobody listens.
    NoSidecar,
    /// The queue was full: the sidecar does not keep up, or stands still.
    QueueFull,
    /// Larger than a frame may be.
    TooLarge,
    /// It is not of the shape that the server's interface describes.
    Unreadable,
    /// The request was given up before both sides were done: cancelled, mostly.
    Abandoned,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::NoSidecar, Self::QueueFull, Self::TooLarge, Self::Unreadable, Self::Abandoned];

    /// The word in metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSidecar => "no_sidecar",
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Appends one frame to `out`, see [`crate::frame::write`]; returns how many bytes it took.
pub fn append(said: &Said, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    crate::encode(said, out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    out.len() - start
}
