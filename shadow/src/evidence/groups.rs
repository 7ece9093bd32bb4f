//! Mismatches that differ in the same way, with one example, as they are kept.

use serde::{Deserialize, Serialize};

use crossfade_exchange::stage::Subject;

/// Mismatches of one route and subject that differ in the same way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// The route.
    pub route: String,
    /// What was compared.
    pub subject: Subject,
    /// Where they differ, indices wildcarded.
    pub place: String,
    /// How: the kind's name in machine-readable output.
    pub kind: String,
    /// The limit it is about; empty: about none.
    pub limit: String,
    /// Whether what the control had granted before was taken as the candidate's too; else each side's own counts.
    pub taught: bool,
    /// How many exchanges.
    pub count: u64,
    /// How many different keys, at least.
    pub keys: u64,
    /// When the first was received, in microseconds since the epoch.
    pub first_seen: u64,
    /// When the last was received.
    pub last_seen: u64,
    /// The stage of the last one.
    pub stage: String,
    /// The smallest of them, redacted unless values may be shown.
    pub example: Example,
}

/// One exchange of a group, by which it is found in logs and captures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Example {
    /// Its worker.
    pub worker: u64,
    /// When that worker started, in microseconds since the epoch.
    pub epoch: u64,
    /// Its position in that worker's stream.
    pub sequence: u64,
    /// When it was received, in microseconds since the epoch.
    pub received_at: u64,
    /// Bytes of its target and body.
    pub size: u64,
    /// The value of its `x-request-id` header, if it is short and plain.
    pub request_id: String,
    /// The trace id of its `traceparent` header.
    pub trace_id: String,
    /// What the control has there.
    pub control: String,
    /// What the candidate has there.
    pub candidate: String,
}
