//! Names out of a set.

use super::{Answer, Scalar};

/// Names and their aliases; compared in ASCII lower case after trimming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enumeration {
    /// (spelling to match in ASCII lower case, canonical name), sorted by spelling.
    pub names: Vec<(Box<str>, Box<str>)>,
}

impl Enumeration {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let _ = (value, out);
        Answer::Unsupported("not yet")
    }
}
