//! Rules of the headers of a route, counted from [`HeadersPolicy::rule`].

use super::names::Traits;
use crate::policy::{HeadersPolicy, Languages, Underscore};

/// A name was written in lower case.
pub const NAMES_LOWER: u16 = 0;
/// A line was left out because of a `_` in its name.
pub const UNDERSCORE: u16 = 1;
/// A line was left out by name.
pub const DROP: u16 = 2;
/// A value lost the blanks at its ends.
pub const TRIM: u16 = 3;
/// A line that speaks of the connection was removed.
pub const HOP_BY_HOP: u16 = 4;
/// Lines became one.
pub const JOIN: u16 = 5;
/// A content type was written differently.
pub const CONTENT_TYPE: u16 = 6;
/// The languages were written differently.
pub const ACCEPT_LANGUAGE: u16 = 7;
/// Names of the above, in order: place and operation.
pub const NAMES: [(&str, &str); 8] = [
    ("headers", "lower"),
    ("headers", "underscore"),
    ("headers", "drop"),
    ("headers", "trim"),
    ("headers", "hop_by_hop"),
    ("headers", "join"),
    ("headers", "content_type"),
    ("headers", "accept_language"),
];

/// Whether a route with this policy can take the step: of one that it cannot take no report should ask for traffic.
pub fn applies(policy: &HeadersPolicy, rule: u16) -> bool {
    match rule {
        NAMES_LOWER | TRIM => true,
        UNDERSCORE => policy.underscore == Underscore::Drop,
        DROP => !policy.drop_starts.is_empty() || policy.known.iter().any(|(_, traits)| traits.has(Traits::DROP)),
        HOP_BY_HOP => policy.remove_hop_by_hop,
        // Equal lines of Content-Length become one too.
        JOIN => policy.join || policy.refuse_duplicates,
        CONTENT_TYPE => policy.normalize_content_type,
        ACCEPT_LANGUAGE => policy.languages != Languages::Keep,
        _ => false,
    }
}
