//! Decimal numbers on digit strings: no float on the way.

use super::{Answer, Scalar};

/// Scale and rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// Digits after the point in the result.
    pub scale: u8,
    /// What happens to further digits.
    pub rounding: Rounding,
    /// Whether the result is a JSON string instead of a number.
    pub as_string: bool,
}

/// What happens to digits beyond the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties to the even digit (Python `ROUND_HALF_EVEN`).
    HalfEven,
    /// To the nearest, ties away from zero (Python `ROUND_HALF_UP`).
    HalfUp,
    /// They are refused unless zero.
    Reject,
}

impl Decimal {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let _ = (value, out);
        Answer::Unsupported("not yet")
    }
}
