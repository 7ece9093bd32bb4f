//! The policy: everything a decision may depend on except time and counts.
//!
//! `parse` turns the text of `crossfade.toml` into a [`Policy`] or into every error it can find. After that nothing has
//! to be checked again: a limit that a route names exists, a rule's operation has its arguments, a key can be built.

mod compile;
mod digest;
mod error;
mod fields;
mod file;
mod inherited;
mod json;
mod limits;
mod matching;
mod operations;
mod paths;
mod routes;
mod suggest;
mod target;

pub use error::{Errors, PolicyError};
pub use matching::{Pattern, Segment};

use std::time::Duration;

use crate::field::Op;
use crate::limit::{Limit, LimitId};

/// A whole policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Who is asking.
    pub client: ClientPolicy,
    /// Where counts live, as written: `memory://`.
    pub store_url: Box<str>,
    /// The most keys that a worker's own table may hold; the constant and its reason are in `compile`.
    pub max_keys: usize,
    /// All limits, indexed by [`LimitId`].
    pub limits: Vec<Limit>,
    /// All routes, in the order in which they are tried.
    pub routes: Vec<Route>,
}

/// Index of a route in [`Policy::routes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u16);

/// Index of a rule in [`Route::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);

/// How the client's address is found.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientPolicy {
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<crate::client::Network>,
    /// Bits of an IPv6 address that count as one client, 1 to 128.
    pub ipv6_prefix: u8,
}

/// One route: what it matches and what happens to a request of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Name, unique in the policy.
    pub name: Box<str>,
    /// Methods and path templates; the first route with a matching pattern wins.
    pub patterns: Vec<Pattern>,
    /// Limits in the order they are hit; the first refusal ends it and earlier ones stay consumed.
    pub limits: Vec<LimitId>,
    /// Whether limits stand before the body is looked at.
    pub limits_stand: LimitsStand,
    /// What an input outside the declared grammar gets.
    pub outside: Outside,
    /// Path and query, if the route normalises them.
    pub target: Option<TargetPolicy>,
    /// The largest body in bytes, if bounded: longer is `Invalid("too_large")`.
    pub max_body: Option<usize>,
    /// JSON body, if the route normalises it.
    pub json: Option<JsonPolicy>,
    /// Every rule of the route that can change something, by [`RuleId`]; used for reports of what was never exercised.
    pub rules: Vec<RuleName>,
    /// Digest of what decides this route: matching, normalisation, keys and limits. 16 hex digits.
    pub digest: Box<str>,
    /// Differences that somebody answers for.
    pub known_differences: Vec<KnownDifference>,
    /// What the route's gate wants instead of the built-in thresholds.
    pub gate: GatePolicy,
    /// How a refusal is rendered.
    pub rejects: Rejects,
    /// Limit whose key the cutover buckets hash; the first limit of the route unless stated. `None`: the client.
    pub cutover_key: Option<LimitId>,
}

/// Thresholds of a route's gate; `None` is the built-in one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GatePolicy {
    /// The share of mismatches that must be ruled out, between 0 and 1.
    pub mismatch_below: Option<f64>,
    /// How long a stage has to be watched.
    pub dwell: Option<Duration>,
}

/// Name of a rule in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleName {
    /// Field path (`items[*].price`) or target step (`path.dots`, `query.drop`).
    pub place: Box<str>,
    /// What it does, e.g. `decimal`.
    pub operation: Box<str>,
}

/// Where limits stand in a request's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitsStand {
    /// Before target and body are looked at: a bad request is counted too.
    BeforeBody,
    /// After validation: only an acceptable request is counted.
    AfterBody,
}

/// What an input outside the declared grammar gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The control judges it. Right during a migration.
    Unsupported,
    /// It is refused. Right when the control is gone.
    Reject,
}

/// How a refusal is rendered to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejects {
    /// As the control renders it.
    Control,
    /// RFC 9457 problem details.
    ProblemJson,
}

/// Path and query of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetPolicy {
    /// Collapse repeated slashes.
    pub merge_slashes: bool,
    /// Dot segments.
    pub dots: Dots,
    /// What happens to a triplet like `%2F` that stands for a character with a meaning in a path.
    pub encoded_reserved: EncodedReserved,
    /// Query; `None` leaves it as it is.
    pub query: Option<QueryPolicy>,
}

/// What happens to `.` and `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dots {
    /// As Python's `posixpath.normpath`: `..` above the root stays at the root, and a last dot segment leaves no slash
    /// (RFC 3986 §5.2.4 would leave one).
    Clamp,
    /// The same, but climbing above the root is outside the grammar.
    Strict,
    /// Left as they are.
    Keep,
}

/// What happens to an encoded character that has a meaning unencoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedReserved {
    /// Outside the grammar.
    Outside,
    /// Kept encoded, hex digits upper-cased.
    Keep,
}

/// The query of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPolicy {
    /// Names that are removed: exact, or a prefix when written with a trailing `*`.
    pub drop: Vec<NamePattern>,
    /// Order of the pairs.
    pub sort: Sort,
    /// How a space is written.
    pub space_as_plus: bool,
}

/// A name or, with a trailing `*`, the start of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The name or its start.
    pub text: Box<str>,
    /// Whether it is only the start.
    pub prefix: bool,
}

/// Order of query pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// As received.
    No,
    /// Stable, by decoded name.
    ByName,
    /// By decoded name, then by decoded value, as Python's `sorted(pairs)`.
    ByPair,
}

/// The JSON body of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPolicy {
    /// How the body is written.
    pub output: Profile,
    /// Fields that no rule names.
    pub unknown: Unknown,
    /// How the replay compares the body.
    pub compare: CompareBody,
    /// Nodes of the tree of field paths; the root is node 0.
    pub tree: Vec<FieldNode>,
    /// The rules, indexed by position in this list; `FieldRule::id` is the index in [`Route::rules`].
    pub fields: Vec<FieldRule>,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Validated only: the client's own bytes go on, and a rule that would change a value is a contradiction.
    Original,
    /// No white space.
    Compact,
    /// The bytes of `json.dumps(value)`: `", "` and `": "`, everything above ASCII and DEL escaped.
    Python,
    /// The bytes of `json.dumps(value, ensure_ascii=False)`.
    PythonUtf8,
}

/// What happens to fields that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Kept, values untouched.
    Keep,
    /// Left out.
    Drop,
    /// The request is refused with `unknown_field`.
    Reject,
}

/// How bodies are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareBody {
    /// Byte for byte.
    Bytes,
    /// As JSON values.
    Meaning,
}

/// One step of the field paths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldNode {
    /// Children by decoded member name, sorted by name.
    pub members: Vec<(Box<str>, usize)>,
    /// Child for every item of an array.
    pub items: Option<usize>,
    /// Index in [`JsonPolicy::fields`] of the rule for a value at this place.
    pub rule: Option<usize>,
    /// Indices of the rules among `members` that are required or have a default, in policy order.
    pub expected: Vec<usize>,
}

/// The rule for one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRule {
    /// Index in [`Route::rules`]. Rules refuse in this order: of several bad fields the lowest is reported.
    pub id: RuleId,
    /// The path as written.
    pub path: Box<str>,
    /// Last member name of the path, for a default.
    pub name: Box<str>,
    /// What happens to a value.
    pub op: Op,
    /// A value of another JSON type than the operation speaks of: kept, or refused with `wrong_type`.
    pub wrong_type: Misfit,
    /// A value that the operation cannot read: kept, or refused with the operation's code.
    pub invalid: Misfit,
    /// Absent is refused with `missing`.
    pub required: bool,
    /// JSON text appended to the parent object when the field is absent.
    pub default: Option<Box<str>>,
}

/// What happens to a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It goes on as it is.
    Keep,
    /// The request is refused.
    Reject,
}

/// A difference between the sides that somebody answers for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownDifference {
    /// Name, unique in the route.
    pub id: Box<str>,
    /// Where: a JSON path such as `$.id`, or `path`, `query`, `outcome`, `limit`, `retry_after`, `charges`.
    pub field: Box<str>,
    /// Which difference is meant.
    pub rule: DifferenceRule,
    /// Why it is accepted.
    pub reason: Box<str>,
    /// Who answers for it.
    pub owner: Box<str>,
    /// Last day on which it counts, `YYYY-MM-DD`.
    pub expires: Box<str>,
    /// Largest share of the route's exchanges that it may explain, 0 to 1.
    pub budget: f64,
}

/// Which differences a known difference explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceRule {
    /// Equal but for the case of ASCII letters.
    AsciiCase,
    /// Any difference at that place.
    Any,
    /// One side has the field, the other has not.
    Absent,
    /// Both are numbers of the same value written differently.
    NumberText,
}

impl Policy {
    /// Parses the text of a policy file. `file` is the name that errors show.
    pub fn parse(file: &str, text: &str) -> Result<Self, Errors> {
        compile::compile(file, text)
    }

    /// The first route that matches; `None` is a request that is passed through.
    pub fn route_of(&self, method: &[u8], raw_path: &[u8]) -> Option<RouteId> {
        self.routes
            .iter()
            .position(|route| route.patterns.iter().any(|p| p.matches(method, raw_path)))
            .map(|index| RouteId(index as u16))
    }

    /// The route of an id that this policy gave out.
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[usize::from(id.0)]
    }

    /// The route with this name.
    pub fn route_named(&self, name: &str) -> Option<RouteId> {
        self.routes.iter().position(|route| &*route.name == name).map(|index| RouteId(index as u16))
    }

    /// The limit of an id that this policy gave out.
    pub fn limit(&self, id: LimitId) -> &Limit {
        &self.limits[usize::from(id.0)]
    }
}
