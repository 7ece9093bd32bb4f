//! Path and query in one spelling.

pub mod path;
pub mod query;

use crate::outcome::{Part, Stop};
use crate::policy::Route;
use crate::rollout::Checks;
use crate::{Request, Scratch};

/// Rule ids of the target steps: every route with a target numbers them first, in this order.
pub mod rule {
    use crate::policy::RuleId;

    /// A character of the path was spelled differently: an encoded unreserved one was decoded, hex digits were
    /// upper-cased, or one that may not stand in a path was encoded.
    pub const DECODE: RuleId = RuleId(0);
    /// Repeated slashes were merged.
    pub const SLASHES: RuleId = RuleId(1);
    /// A dot segment was removed.
    pub const DOTS: RuleId = RuleId(2);
    /// A query name was dropped.
    pub const DROP: RuleId = RuleId(3);
    /// Query pairs changed their order.
    pub const SORT: RuleId = RuleId(4);
    /// The query was spelled differently.
    pub const ENCODE: RuleId = RuleId(5);
    /// Names of the above, in order: place and operation.
    pub const NAMES: [(&str, &str); 6] = [
        ("path", "decode"),
        ("path", "merge_slashes"),
        ("path", "dots"),
        ("query", "drop"),
        ("query", "sort"),
        ("query", "encode"),
    ];
}

/// Writes the canonical path of `request` into `scratch`, if the route has one.
pub fn path(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    let Some(policy) = &route.target else { return Ok(Part::Same) };
    let mut checks = Checks::new(&route.rollouts, &mut scratch.remarks);
    path::normalize(policy, request.raw_path, &mut scratch.path, &mut scratch.exercised, &mut checks)
}

/// The same for the query.
pub fn query(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    let Some(policy) = route.target.as_ref().and_then(|target| target.query.as_ref()) else { return Ok(Part::Same) };
    let Scratch { query, pairs, exercised, remarks, .. } = scratch;
    let mut checks = Checks::new(&route.rollouts, remarks);
    query::normalize(policy, request.query, query, pairs, exercised, &mut checks)
}
