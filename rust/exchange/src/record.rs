//! What is stored of one request at the seam.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Version that [`Exchange::version`] carries.
pub const VERSION: u8 = 1;

/// One request at the seam, with what each side did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// Version of this record.
    #[serde(rename = "v")]
    pub version: u8,
    /// Name of the route; empty: passed through.
    #[serde(rename = "r")]
    pub route: String,
    /// Microseconds of CLOCK_REALTIME since the epoch, read once at the seam.
    #[serde(rename = "t")]
    pub received_at: u64,
    /// Which worker: counts in a worker's memory belong to it. 0 for imported traffic.
    #[serde(rename = "w")]
    pub worker: u64,
    /// When that worker process started, in microseconds; with `sequence` it makes an exchange unique.
    #[serde(rename = "e")]
    pub epoch: u64,
    /// Position in that worker's stream, from 0.
    #[serde(rename = "n")]
    pub sequence: u64,
    /// Stage of the route: `off`, `shadow`, `canary`, `live`; `imported` for imported traffic.
    #[serde(rename = "s")]
    pub stage: String,
    /// When the route entered that stage, by the stage file; 0 where no stage file says it.
    #[serde(rename = "en")]
    pub entered: u64,
    /// Nanoseconds from `received_at` until both sides were done: what a clock read in between can have been, and with
    /// the sides' own times what the seam cost.
    #[serde(rename = "el")]
    pub elapsed: u64,
    /// The candidate's side was made wrong on purpose, to show that this is seen. Never evidence.
    #[serde(rename = "sd")]
    pub seeded: bool,
    /// Which side the client got: `control` or `candidate`; empty when unknown.
    #[serde(rename = "a")]
    pub authoritative: String,
    /// The request.
    #[serde(rename = "q")]
    pub request: Request,
    /// What the control did, if it ran and said so.
    #[serde(rename = "o")]
    pub control: Option<Observation>,
    /// What the candidate did, if it ran.
    #[serde(rename = "c")]
    pub candidate: Option<Observation>,
    /// Digest of the build, see `crossfade_seam::BUILD`; empty for imported traffic.
    #[serde(rename = "db")]
    pub build: String,
    /// Digest of the route's policy.
    #[serde(rename = "dp")]
    pub policy: String,
    /// Digest of the control.
    #[serde(rename = "dc")]
    pub control_digest: String,
}

/// A request: the client's own bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Method.
    #[serde(rename = "m", with = "serde_bytes")]
    pub method: Vec<u8>,
    /// Path before any decoding, without the query.
    #[serde(rename = "p", with = "serde_bytes")]
    pub raw_path: Vec<u8>,
    /// Query without `?`.
    #[serde(rename = "y", with = "serde_bytes")]
    pub query: Vec<u8>,
    /// Headers in order.
    #[serde(rename = "h")]
    pub headers: Vec<(ByteBuf, ByteBuf)>,
    /// Address of the connection's peer.
    #[serde(rename = "i")]
    pub peer: Option<String>,
    /// The body; `None`: not kept, see `body_bytes`.
    #[serde(rename = "b")]
    pub body: Option<ByteBuf>,
    /// Length of the body as received.
    #[serde(rename = "bl")]
    pub body_bytes: u64,
    /// Values computed in Python.
    #[serde(rename = "g")]
    pub given: Vec<(String, String)>,
}

/// What one side did with one request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Observation {
    /// What it decided. Exactly one of `outcome`, `raised`, `unsupported` and `failed` is set.
    #[serde(rename = "o")]
    pub outcome: Option<Outcome>,
    /// An exception that is no outcome.
    #[serde(rename = "x")]
    pub raised: Option<Raised>,
    /// Candidate only: why the control must judge.
    #[serde(rename = "u")]
    pub unsupported: Option<String>,
    /// Candidate only: the message of a panic or error of ours.
    #[serde(rename = "f")]
    pub failed: Option<String>,
    /// Hits of limits, refused ones included; `None`: this side does not report them.
    #[serde(rename = "c")]
    pub charges: Option<Vec<Charge>>,
    /// Candidate only: what checks would have done that are not enforced yet.
    #[serde(rename = "k")]
    pub remarks: Vec<Remark>,
    /// How long it took, in nanoseconds of a monotonic clock.
    #[serde(rename = "ns")]
    pub nanos: u64,
}

/// What a side decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// The request that goes on.
    #[serde(rename = "accepted")]
    Accepted(Forward),
    /// Refused by a limit.
    #[serde(rename = "limited")]
    Limited {
        /// Name of the limit.
        #[serde(rename = "l")]
        limit: String,
        /// Whole seconds; `None`: not reported.
        #[serde(rename = "a", default)]
        retry_after: Option<u32>,
    },
    /// Refused for what it says.
    #[serde(rename = "invalid")]
    Invalid {
        /// Stable code.
        #[serde(rename = "c")]
        code: String,
        /// Field path with wildcards, if a field was refused.
        #[serde(rename = "f", default)]
        field: Option<String>,
    },
    /// The control's own answer that no policy speaks of (401, 403, 404): counted, never compared.
    #[serde(rename = "outside")]
    Outside {
        /// HTTP status.
        #[serde(rename = "s")]
        status: u16,
    },
}

/// The normalised request. `None`: that part goes on as the client sent it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Forward {
    /// Path.
    #[serde(rename = "p")]
    pub path: Option<ByteBuf>,
    /// Query without `?`.
    #[serde(rename = "q")]
    pub query: Option<ByteBuf>,
    /// Headers in order.
    #[serde(rename = "h")]
    pub headers: Option<Vec<(ByteBuf, ByteBuf)>>,
    /// Body.
    #[serde(rename = "b")]
    pub body: Option<ByteBuf>,
}

/// What a check would have done that is not enforced yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remark {
    /// Its code.
    #[serde(rename = "c")]
    pub code: String,
    /// Field path with wildcards, if a field's rule made it.
    #[serde(rename = "f")]
    pub field: Option<String>,
    /// Whether the service is told.
    #[serde(rename = "w")]
    pub warns: bool,
}

/// An exception that is no outcome.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Raised {
    /// Class, with its module.
    #[serde(rename = "k")]
    pub kind: String,
    /// Text.
    #[serde(rename = "m")]
    pub message: String,
}

/// One hit of one limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Charge {
    /// Name of the limit in the policy.
    #[serde(rename = "l")]
    pub limit: String,
    /// Who was counted.
    #[serde(rename = "k", with = "serde_bytes")]
    pub key: Vec<u8>,
    /// How much.
    #[serde(rename = "c")]
    pub cost: u64,
}
