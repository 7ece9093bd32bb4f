//! Telephone numbers in E.164.
//!
//! Without a region only what is international already is read, and no numbering plan is asked. With one, the number is
//! what libphonenumber makes of it: a feature of the build, since its metadata is larger than all the rest.

#[cfg(feature = "phone")]
mod region;
#[cfg(not(feature = "phone"))]
#[path = "no_region.rs"]
mod region;

pub use region::{METADATA, Region};

use super::digits::is_foreign;
use super::{Answer, Scalar};

const INVALID: Answer = Answer::Invalid("invalid_phone");
const FORM: Answer = Answer::Unsupported("phone.form");

/// Longest number with its plus sign; two more, for a double zero, are enough to tell that it is too long.
const LONGEST: usize = 16;
/// Shortest one that any numbering plan has.
const SHORTEST: usize = 8;

/// How numbers are read.
#[derive(Debug, Clone, PartialEq)]
pub enum Phone {
    /// International ones only.
    International {
        /// Whether `00` in front is a plus sign.
        double_zero: bool,
    },
    /// As dialled in a region.
    Regional(Region),
}

impl Phone {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(text) = value else { return Answer::WrongType };
        match self {
            Self::International { double_zero } => international(text, *double_zero, out),
            Self::Regional(region) => region.read(text, out),
        }
    }
}

fn international(text: &str, double_zero: bool, out: &mut String) -> Answer {
    if is_e164(text) {
        return Answer::Same;
    }
    if !text.chars().any(|c| c.is_ascii_digit() || is_foreign(c)) {
        return INVALID;
    }
    if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b' ' | b'-' | b'.' | b'(' | b')' | b'/')) {
        return FORM;
    }
    // The last two that count, to see a trunk zero in brackets.
    let mut last = [b' '; 2];
    for b in text.bytes().filter(|b| !matches!(b, b' ' | b'-' | b'.' | b'/')) {
        if b == b')' && last == *b"(0" {
            out.clear();
            return FORM;
        }
        last = [last[1], b];
        if !matches!(b, b'(' | b')') && out.len() <= LONGEST + 1 {
            out.push(char::from(b));
        }
    }
    if double_zero && out.starts_with("00") {
        out.replace_range(..2, "+");
    }
    if is_e164(out) {
        return Answer::String;
    }
    out.clear();
    INVALID
}

/// `+[1-9][0-9]{6,14}`
fn is_e164(text: &str) -> bool {
    let bytes = text.as_bytes();
    (SHORTEST..=LONGEST).contains(&bytes.len())
        && matches!(bytes, [b'+', b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit))
}
