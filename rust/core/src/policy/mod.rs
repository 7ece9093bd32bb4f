//! The policy: everything a decision may depend on except time and counts.
//!
//! `parse` turns the text of `crossfade.toml` into a [`Policy`] or into every error it can find. After that nothing has
//! to be checked again: a limit that a route names exists, a rule's operation has its arguments, a key can be built.

mod bounds;
mod client;
mod compile;
mod contradictions;
mod defaults;
mod digest;
mod error;
mod expected;
mod fields;
mod file;
mod form;
mod gate;
mod headers;
mod host;
mod identifiers;
mod inherited;
mod json;
mod languages;
mod limits;
mod matching;
mod names;
mod operations;
mod paths;
mod query;
mod rollout;
mod routes;
mod rule;
mod store;
mod store_url;
mod strategy;
mod suggest;
mod target;
mod text;
pub mod trackers;
mod values;

pub use bounds::Bound;
pub use client::ClientPolicy;
pub use error::{Errors, PolicyError};
pub use expected::Expected;
pub use fields::{Empty, FieldNode, FieldRule, Misfit, Null};
pub use form::{FormPolicy, Repeats};
pub use gate::{DifferenceRule, Drift, GatePolicy, KnownDifference};
pub use headers::{HeaderBounds, HeadersPolicy, Underscore};
pub use host::HostPolicy;
pub(crate) use inherited::MAX_LIMITS_OF_A_ROUTE;
pub use json::{Bounds, CompareBody, JsonPolicy, Profile, Unknown};
pub use languages::{Languages, Negotiation};
pub use matching::{Pattern, Segment};
pub use names::{NamePattern, Names};
pub use query::{Allow, BadTriplet, Bare, Duplicates, Nul, QueryPolicy, Sort, UnknownParameter};
pub use store::{Counting, Failure, OnFull, RedisStore, Scope, SharedStore, Store};
pub use store_url::Server;
pub use target::{
    Backslash, Dots, EncodedReserved, EncodedSpecial, Params, PathCase, Reserved, TargetPolicy, TrailingSlash,
};

use crate::field::Op;
use crate::field::phone::Phone;
use crate::head;
use crate::limit::{Limit, LimitHeaders, LimitId};
use crate::rollout::Rollouts;

/// Most rules of a body: [`RuleId`] has 16 bits, and nobody reads a longer report.
const MAX_RULES: usize = 10_000;

/// A whole policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Who is asking.
    pub client: ClientPolicy,
    /// Where counts live.
    pub store: Store,
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

/// One route: what it matches and what happens to a request of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Name, unique in the policy.
    pub name: Box<str>,
    /// Methods and path templates; the first route with a matching pattern wins.
    pub patterns: Vec<Pattern>,
    /// Limits in the order they are hit; the first that refuses is the one that is named.
    pub limits: Vec<LimitId>,
    /// What a refusal leaves of the limits before it.
    pub limits_charge: LimitsCharge,
    /// How responses speak of the limits.
    pub limit_headers: LimitHeaders,
    /// Whether limits stand before the body is looked at.
    pub limits_stand: LimitsStand,
    /// What an input outside the declared grammar gets.
    pub outside: Outside,
    /// How much of the route's traffic may be outside before somebody has to look.
    pub unsupported: UnsupportedPolicy,
    /// Checks of the request as a whole that are not enforced yet.
    pub rollouts: Rollouts,
    /// Path and query, if the route normalises them.
    pub target: Option<TargetPolicy>,
    /// The host, if the route normalises it.
    pub host: Option<HostPolicy>,
    /// The headers, if the route normalises them.
    pub headers: Option<HeadersPolicy>,
    /// The largest body in bytes, if bounded: longer is `Invalid("too_large")`.
    pub max_body: Option<usize>,
    /// A decision has to be looked at even where nothing was changed: for headers about limits, or charges to settle.
    pub tells: bool,
    /// JSON body, if the route normalises it.
    pub json: Option<JsonPolicy>,
    /// Form body, if the route normalises it.
    pub form: Option<FormPolicy>,
    /// Names of the steps and rules of the route by [`RuleId`], for reports; [`Route::can_take`] says which it can take.
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

/// What a refusal by one of several limits leaves of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitsCharge {
    /// One after the other: those before the one that refuses stay consumed, as in services that call `limits`.
    Sequential,
    /// All or nothing: a refusal consumes nothing.
    Atomic,
}

/// What an input outside the declared grammar gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The control judges it. Right during a migration.
    Unsupported,
    /// It is refused. Right when the control is gone.
    Reject,
}

/// How many of a route's requests may be outside the declared grammar. A client can choose to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnsupportedPolicy {
    /// The share, 0 to 1.
    pub cap: f64,
    /// What happens above it.
    pub above: AboveCap,
}

/// What happens to requests outside the grammar while there are more of them than the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AboveCap {
    /// The control judges them still, and the alarm says so.
    Alarm,
    /// In `live` they are refused, as with `outside = "reject"`, and the alarm says so.
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

impl Route {
    /// Whether the route's policy can take a step of [`Route::rules`], so that a report may miss it in the traffic.
    /// A rule that only checks, or is only watched, changes nothing.
    pub fn can_take(&self, rule: RuleId) -> bool {
        if let Some(target) = &self.target
            && usize::from(rule.0) < crate::target::rule::NAMES.len()
        {
            return crate::target::rule::applies(target, rule);
        }
        if let Some(headers) = &self.headers
            && let Some(step) = rule.0.checked_sub(headers.rule.0)
            && usize::from(step) < head::rule::NAMES.len()
        {
            return head::rule::applies(headers, step);
        }
        let json = self.json.as_ref().map(|json| &json.fields[..]);
        let form = self.form.as_ref().map(|form| &form.fields[..]);
        // The rules of a body are numbered in their order.
        let found = [json, form]
            .into_iter()
            .flatten()
            .find_map(|fields| fields.binary_search_by_key(&rule, |field| field.id).ok().map(|index| &fields[index]));
        found.is_none_or(FieldRule::can_act)
    }
}

impl Policy {
    /// Parses the text of a policy file. `file` is the name that errors show.
    pub fn parse(file: &str, text: &str) -> Result<Self, Errors> {
        compile::compile(file, text)
    }

    /// The same policy for a service whose own library of telephone numbers has other metadata than this build, see
    /// [`METADATA`](crate::field::phone::METADATA): what a region makes of a text is then outside, `phone.metadata`.
    /// A route with such a rule decides differently, so it has another digest.
    pub fn without_phone_regions(mut self) -> Self {
        for route in &mut self.routes {
            let json = route.json.iter_mut().flat_map(|json| &mut json.fields);
            for field in json.chain(route.form.iter_mut().flat_map(|form| &mut form.fields)) {
                if let Op::Phone(Phone::Regional(region)) = &mut field.op {
                    region.switch_off();
                }
            }
            route.digest = digest::route(route, &self.client, &self.store, &self.limits);
        }
        self
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
