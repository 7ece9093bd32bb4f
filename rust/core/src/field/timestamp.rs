//! Instants to UTC.

use super::{Answer, Scalar};

/// How an instant is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Digits of the fraction that are written, 0 to 9; more are cut off, fewer are filled with zeros.
    pub digits: u8,
    /// Whether an instant without an offset is read as UTC; otherwise it is `invalid_timestamp`.
    pub assume_utc: bool,
}

impl Instant {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let _ = (value, out);
        Answer::Unsupported("not yet")
    }
}
