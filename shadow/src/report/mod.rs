//! What a replay found. The structure is the JSON output; the terminal and the page show the same.

mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compare::Kind;
use crate::known::Standing;
use crate::latency::Figures;
use crate::verdict::{Reasons, Verdicts};

pub use text::{Style, closing, text};

/// Name and version of the JSON shape. Fields may be added under the same version; none changes its meaning.
pub const SCHEMA: &str = "crossfade.replay/1";

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The capture directory as it was given.
    pub capture: String,
    /// The policy file as it was given.
    pub policy: String,
    /// `module:seam`; null when the candidate ran alone.
    pub control: Option<String>,
    /// Digest of this build.
    pub build: String,
    /// Digest of the control.
    pub control_digest: Option<String>,
    /// The day that known differences were held against.
    pub today: String,
    /// Control workers at a time; 0 without a control.
    pub workers: usize,
    /// Why the replay ran one exchange after the other; null when it did not have to.
    pub serial: Option<String>,
    /// The one route that the report is about; null for all.
    pub only: Option<String>,
    /// What of the capture could not be read.
    pub losses: Vec<String>,
    /// Exchanges that the report is about.
    pub exchanges: u64,
    /// Those that say something about the candidate.
    pub judged: u64,
    /// Those that somebody has to look at: mismatches and failures.
    pub unexplained: u64,
    /// Something was judged, and nothing is unexplained.
    pub proven: bool,
    /// Exchanges by verdict; adds up to `exchanges`.
    pub totals: Verdicts,
    /// Route by route, in the order of the policy; passed-through exchanges last, under an empty name.
    pub routes: Vec<RouteReport>,
    /// What differed and is not explained, most frequent first within a route.
    pub mismatches: Vec<Group>,
    /// Every known difference, used or not.
    pub known: Vec<KnownReport>,
    /// What the traffic never exercised.
    pub unexercised: Vec<Unexercised>,
}

/// One route.
#[derive(Debug, Clone, Serialize)]
pub struct RouteReport {
    /// Its name; empty for exchanges that belong to none.
    pub route: String,
    /// Digest of its policy.
    pub policy_digest: String,
    /// Its exchanges.
    pub exchanges: u64,
    /// By verdict; adds up to `exchanges`.
    pub verdicts: Verdicts,
    /// `not_judged` by reason.
    pub not_judged: Reasons,
    /// `unsupported` by code.
    pub unsupported: BTreeMap<String, u64>,
    /// More of them were unsupported than the route's cap allows.
    pub above_cap: bool,
    /// What checks that are not enforced would have done, by code and field.
    pub remarks: BTreeMap<String, u64>,
    /// How often each side came to each kind of outcome.
    pub outcomes: Sides<BTreeMap<String, u64>>,
    /// Compared exchanges in which a side did not report a part, so that the part was not compared.
    pub unreported: UnreportedCounts,
    /// Every rule of the route, with the number of recorded values it changed.
    pub rules: Vec<RuleReport>,
    /// Every limit of the route, with what the candidate counted.
    pub limits: Vec<LimitReport>,
    /// Decision times; null for a side that did not run.
    pub latency: Sides<Option<Figures>>,
}

/// The same of both sides.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sides<T> {
    /// The control's.
    pub control: T,
    /// The candidate's.
    pub candidate: T,
}

/// Parts that were not compared.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct UnreportedCounts {
    /// Hits of limits.
    pub charges: u64,
    /// Seconds of a refusal.
    pub retry_after: u64,
}

/// One rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    /// Field path or target step.
    pub place: String,
    /// What it does.
    pub operation: String,
    /// Recorded values that it changed.
    pub exercised: u64,
}

/// One limit of a route.
#[derive(Debug, Clone, Serialize)]
pub struct LimitReport {
    /// Its name.
    pub limit: String,
    /// Hits, refused ones included.
    pub hits: u64,
    /// Refusals.
    pub refusals: u64,
}

/// Exchanges of one route that differ in the same way.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// The route.
    pub route: String,
    /// Where they differ, indices wildcarded.
    pub place: String,
    /// How.
    pub kind: Kind,
    /// The limit it is about, if it is about one.
    pub limit: Option<String>,
    /// How many exchanges.
    pub count: u64,
    /// How many different keys (who is counted).
    pub keys: u64,
    /// When the first was received.
    pub first_seen: String,
    /// When the last was received.
    pub last_seen: String,
    /// The known difference that would have explained it, and why it does not.
    pub not_explained_by: Option<NotExplained>,
    /// The smallest of them.
    pub example: Example,
    /// The command that shows it again.
    pub reproduce: String,
}

/// A known difference that no longer explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotExplained {
    /// Its id.
    pub id: String,
    /// Why not.
    pub standing: Standing,
}

/// One exchange that stands for a group.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    /// Its worker.
    pub worker: u64,
    /// When that worker started, in microseconds since the epoch.
    pub epoch: u64,
    /// Its position in that worker's stream.
    pub sequence: u64,
    /// When it was received.
    pub received_at: String,
    /// Method and target, where showing values is allowed.
    pub request: Option<String>,
    /// What the control has there: type, class of length and keyed hash, or the value where showing is allowed.
    pub control: String,
    /// What the candidate has there.
    pub candidate: String,
    /// First byte that differs, where whole bodies are compared.
    pub offset: Option<usize>,
}

/// One known difference.
#[derive(Debug, Clone, Serialize)]
pub struct KnownReport {
    /// The route.
    pub route: String,
    /// Its id.
    pub id: String,
    /// Where it is allowed.
    pub field: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Its last day.
    pub expires: String,
    /// The share of the route's exchanges that it may explain.
    pub budget: f64,
    /// The same as a number of exchanges.
    pub allowed: u64,
    /// Exchanges that it explains or, when it is expired or over its budget, would have explained.
    pub used: u64,
    /// Whether it counts.
    pub standing: Standing,
}

/// Something that the traffic never exercised.
#[derive(Debug, Clone, Serialize)]
pub struct Unexercised {
    /// The route.
    pub route: String,
    /// `rule`, `limit`, or `route` for a route without any exchange.
    pub what: &'static str,
    /// The rule's place or the limit's name; empty for a route.
    pub name: String,
    /// The rule's operation; empty otherwise.
    pub operation: String,
    /// Values that the rule changed: fewer than [`EXERCISED`], which is too few to have seen it work.
    pub changed: u64,
}

/// A rule that changed fewer recorded values than this is listed as unexercised.
pub const EXERCISED: u64 = 20;

impl Report {
    /// The report as JSON.
    pub fn json(&self) -> String {
        // Only strings, numbers and lists: nothing in it refuses to serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_else(|error| unreachable!("{error}"));
        text.push('\n');
        text
    }

    /// The exchanges that were not judged because the candidate left them to the control or nothing was to compare.
    pub fn unjudged(&self) -> u64 {
        self.exchanges - self.judged
    }
}

/// A number with its thousands apart: `214,233`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The name of a route in tables.
pub fn route_name(route: &str) -> &str {
    if route.is_empty() { "(no route)" } else { route }
}
