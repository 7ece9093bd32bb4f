//! Integers as text.
//!
//! Python is `int(value)` on a string: ASCII white space at the ends, one sign, digits with single underscores between
//! them. It also takes the white space and the decimal digits of every script, and refuses more than 4,300 digits (a
//! setting of the process); both are the control's.

use super::{Answer, Scalar};
use crate::unicode;

const INVALID: Answer = Answer::Invalid("invalid_integer");

/// Most digits that are judged, zeros in front included: far above any id, far below the limit that Python has.
const DIGITS: usize = 128;

/// Applies the rule; see [`Op::apply`](super::Op::apply).
pub fn apply(value: Scalar<'_>, out: &mut String) -> Answer {
    let text = match value {
        Scalar::String(text) => text,
        Scalar::Number(_) => return Answer::Same,
        Scalar::Bool(_) | Scalar::Null => return Answer::WrongType,
    };
    if !text.is_ascii() {
        return beyond_ascii(text);
    }
    let text = text.trim_matches(is_c_space);
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !are_digits(digits) {
        return INVALID;
    }
    if digits.iter().filter(|b| **b != b'_').count() > DIGITS {
        return Answer::Unsupported("integer.length");
    }
    let mut significant = digits.iter().filter(|b| **b != b'_').skip_while(|b| **b == b'0').peekable();
    if significant.peek().is_none() {
        out.push('0');
        return Answer::Literal;
    }
    if negative {
        out.push('-');
    }
    out.extend(significant.map(|b| char::from(*b)));
    Answer::Literal
}

/// `Py_ISSPACE`; the information separators are not among it, unlike in `str.strip`.
fn is_c_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ')
}

/// Digits with single underscores between them.
fn are_digits(bytes: &[u8]) -> bool {
    let mut after_digit = false;
    for b in bytes {
        match b {
            b'0'..=b'9' => after_digit = true,
            b'_' if after_digit => after_digit = false,
            _ => return false,
        }
    }
    after_digit
}

/// A text with something else than ASCII in it: no number if it has a character that none can have.
fn beyond_ascii(text: &str) -> Answer {
    let might_be_number = text
        .chars()
        .all(|c| matches!(c, '0'..='9' | '+' | '-' | '_') || unicode::is_white_space(c) || unicode::might_be_digit(c));
    if might_be_number { Answer::Unsupported("integer.form") } else { INVALID }
}
