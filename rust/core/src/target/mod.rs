//! Path and query in one spelling.

pub mod path;
pub mod query;

use crate::outcome::{Part, Reason, Stop, Unsupported};
use crate::policy::{Outside, TargetPolicy};
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

/// Writes the canonical path and query of `request` into `scratch`.
pub fn normalize(
    policy: &TargetPolicy,
    outside: Outside,
    request: &Request<'_>,
    scratch: &mut Scratch,
) -> Result<(Part, Part), Stop> {
    let path = path::normalize(policy, outside, request.raw_path, &mut scratch.path, &mut scratch.exercised)?;
    let query = match &policy.query {
        Some(query) => query::normalize(
            query,
            outside,
            request.query,
            &mut scratch.query,
            &mut scratch.pairs,
            &mut scratch.exercised,
        )?,
        None => Part::Same,
    };
    Ok((path, query))
}

/// What a part outside the grammar gets: the control judges (`why`), or it is refused (`code`).
fn outside(on_outside: Outside, code: &'static str, why: &'static str) -> Stop {
    match on_outside {
        Outside::Unsupported => Unsupported(why).into(),
        Outside::Reject => Reason::whole(code).into(),
    }
}
