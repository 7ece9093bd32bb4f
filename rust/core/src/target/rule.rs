//! Rule ids of the target steps: every route with a target numbers them first, in this order.

use crate::policy::{
    Backslash, Dots, Duplicates, Params, PathCase, QueryPolicy, RuleId, Sort, TargetPolicy, TrailingSlash,
    UnknownParameter,
};

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
/// A backslash was read as a slash.
pub const BACKSLASH: RuleId = RuleId(6);
/// A parameter of a segment was cut off.
pub const PARAMS: RuleId = RuleId(7);
/// A slash at the end of the path was added or removed.
pub const TRAILING_SLASH: RuleId = RuleId(8);
/// A letter of the path was lower-cased.
pub const CASE: RuleId = RuleId(9);
/// A query name that is not allowed was left out.
pub const ALLOW: RuleId = RuleId(10);
/// Query pairs of one name became one.
pub const DUPLICATES: RuleId = RuleId(11);
/// A query parameter was added.
pub const DEFAULT: RuleId = RuleId(12);

/// Names of the above, in order: place and operation.
pub const NAMES: [(&str, &str); 13] = [
    ("path", "decode"),
    ("path", "merge_slashes"),
    ("path", "dots"),
    ("query", "drop"),
    ("query", "sort"),
    ("query", "encode"),
    ("path", "backslash"),
    ("path", "params"),
    ("path", "trailing_slash"),
    ("path", "case"),
    ("query", "allow"),
    ("query", "duplicates"),
    ("query", "default"),
];

/// Whether a route with this policy can take the step: of one that it cannot take no report should ask for traffic.
pub fn applies(policy: &TargetPolicy, rule: RuleId) -> bool {
    let query = |says: fn(&QueryPolicy) -> bool| policy.query.as_ref().is_some_and(says);
    match rule {
        DECODE => true,
        SLASHES => policy.merge_slashes,
        DOTS => policy.dots != Dots::Keep,
        DROP => query(|query| !query.drop.is_empty()),
        SORT => query(|query| query.sort != Sort::No),
        ENCODE => query(|_| true),
        BACKSLASH => policy.backslash == Backslash::Slash,
        PARAMS => policy.params == Params::Strip,
        TRAILING_SLASH => policy.trailing_slash != TrailingSlash::Keep,
        CASE => policy.case == PathCase::AsciiLower,
        ALLOW => query(|query| query.allow.as_ref().is_some_and(|a| a.unknown == UnknownParameter::Drop)),
        DUPLICATES => query(|query| !matches!(query.duplicates, Duplicates::Keep | Duplicates::Reject)),
        DEFAULT => query(|query| !query.expected.defaults().is_empty()),
        _ => false,
    }
}
