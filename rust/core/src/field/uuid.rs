//! UUIDs: 8-4-4-4-12 or 32 hex digits to lower case with hyphens.

use super::{Answer, Scalar};

/// Applies the rule; see [`Op::apply`](super::Op::apply).
pub fn apply(value: Scalar<'_>, out: &mut String) -> Answer {
    let _ = (value, out);
    Answer::Unsupported("not yet")
}
