//! E-mail addresses: ASCII dot-atom local part, LDH domain.

use super::{Answer, Scalar};

/// Applies the rule; see [`Op::apply`](super::Op::apply).
pub fn apply(value: Scalar<'_>, out: &mut String) -> Answer {
    let _ = (value, out);
    Answer::Unsupported("not yet")
}
