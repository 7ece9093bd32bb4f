//! Free text: trim, NFC, length.

use super::{Answer, Scalar};

/// Text steps and the bound on the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The steps in the order written.
    pub steps: Vec<Step>,
    /// Most code points of the result.
    pub max_chars: Option<usize>,
}

/// One text step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Removes White_Space at both ends.
    Trim,
    /// Unicode normalisation form C.
    Nfc,
    /// A-Z to a-z.
    AsciiLower,
    /// a-z to A-Z.
    AsciiUpper,
}

impl Text {
    /// Applies the steps; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let _ = (value, out);
        Answer::Unsupported("not yet")
    }
}
