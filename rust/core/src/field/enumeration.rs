//! Names out of a set.

use std::cmp::Ordering;

use super::{Answer, Scalar};
use crate::unicode;

/// Names and their aliases; compared in ASCII lower case after trimming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enumeration {
    /// (spelling to match in ASCII lower case, canonical name), sorted by spelling.
    names: Vec<(Box<str>, Box<str>)>,
    /// Whether every spelling is ASCII: ten thousand of them are too many to ask for each value.
    is_ascii: bool,
}

impl Enumeration {
    /// A set of (spelling to match in ASCII lower case, canonical name), sorted by spelling.
    pub fn new(names: Vec<(Box<str>, Box<str>)>) -> Self {
        let is_ascii = names.iter().all(|(spelling, _)| spelling.is_ascii());
        Self { names, is_ascii }
    }

    /// What [`new`](Self::new) was given.
    pub fn names(&self) -> &[(Box<str>, Box<str>)] {
        &self.names
    }

    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    ///
    /// Python is `value.strip().lower()` looked up in the spellings. Lower case of what is not ASCII depends on whose
    /// tables are asked, but no version makes ASCII of it, U+212A KELVIN SIGN (k) excepted: against ASCII spellings
    /// every text is judged. A set with other spellings needs the control for texts that are not ASCII, its own names
    /// excepted: those are results, and stay.
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(whole) = value else { return Answer::WrongType };
        let text = unicode::strip(whole);
        let is_beyond = !self.is_ascii && !text.is_ascii();
        let found = self.names.binary_search_by(|(spelling, _)| compare_lower(spelling, text, !is_beyond));
        match found.ok().and_then(|index| self.names.get(index)) {
            Some((_, name)) if **name == *whole => Answer::Same,
            _ if is_beyond => Answer::Unsupported("enum.form"),
            None => Answer::Invalid("invalid_enum"),
            Some((_, name)) => {
                out.push_str(name);
                Answer::String
            }
        }
    }
}

/// `spelling` against `text` in ASCII lower case, with the Kelvin sign as k if it may be one.
fn compare_lower(spelling: &str, text: &str, with_kelvin: bool) -> Ordering {
    if text.is_ascii() {
        return spelling.bytes().cmp(text.bytes().map(|b| b.to_ascii_lowercase()));
    }
    let lower = text.chars().map(|c| if with_kelvin && c == '\u{212A}' { 'k' } else { c.to_ascii_lowercase() });
    spelling.chars().cmp(lower)
}
