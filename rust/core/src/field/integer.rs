//! Integers as text.
//!
//! Python is `int(value)` on a string: ASCII white space at the ends, one sign, digits with single underscores between
//! them. It also takes the white space and the decimal digits of every script, and refuses more than 4,300 digits (a
//! setting of the process); both are the control's.

use super::{Answer, Scalar, digits};
use crate::unicode;

const INVALID: Answer = Answer::Invalid("invalid_integer");
const OUT_OF_RANGE: Answer = Answer::Invalid("out_of_range");
const LENGTH: Answer = Answer::Unsupported("integer.length");

/// Most digits and sign that are judged, zeros in front included: the longest literal that a body may hold, so that the
/// result can be read again; far above any id, far below the limit that Python has.
const DIGITS: usize = 128;

/// What is read, and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Whether a string is read; otherwise it is a wrong type.
    pub from_string: bool,
    /// Whether a JSON number has to be an integer; otherwise every number stays as it is spelled.
    pub whole: bool,
    /// The least value.
    pub min: Option<i64>,
    /// The greatest value.
    pub max: Option<i64>,
}

impl Default for Integer {
    fn default() -> Self {
        Self { from_string: true, whole: false, min: None, max: None }
    }
}

impl Integer {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        match value {
            Scalar::String(text) if self.from_string => self.of_string(text, out),
            Scalar::Number(_) if !self.whole => Answer::Same,
            Scalar::Number(text) => self.of_number(text, out),
            Scalar::String(_) | Scalar::Bool(_) | Scalar::Null => Answer::WrongType,
        }
    }

    fn of_string(&self, text: &str, out: &mut String) -> Answer {
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
        if digits.iter().filter(|b| **b != b'_').count() + usize::from(negative) > DIGITS {
            return LENGTH;
        }
        let mut significant = digits.iter().copied().filter(|b| *b != b'_').skip_while(|b| *b == b'0').peekable();
        if !self.is_in_bounds(negative, significant.clone()) {
            return OUT_OF_RANGE;
        }
        if significant.peek().is_none() {
            out.push('0');
            return Answer::Literal;
        }
        if negative {
            out.push('-');
        }
        out.extend(significant.map(char::from));
        Answer::Literal
    }

    /// A literal of RFC 8259, which has no zeros in front.
    fn of_number(&self, text: &str, out: &mut String) -> Answer {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return INVALID;
        }
        if text.len() > DIGITS {
            return LENGTH;
        }
        if !self.is_in_bounds(negative, digits.bytes()) {
            return OUT_OF_RANGE;
        }
        if negative && digits == "0" {
            out.push('0');
            return Answer::Literal;
        }
        Answer::Same
    }

    fn is_in_bounds(&self, negative: bool, digits: impl Iterator<Item = u8>) -> bool {
        if self.min.is_none() && self.max.is_none() {
            return true;
        }
        // What does not fit is beyond every bound, and stays so on its side.
        let size = digits.fold(0i128, |n, b| n.saturating_mul(10).saturating_add(i128::from(b - b'0')));
        let value = if negative { -size } else { size };
        self.min.is_none_or(|min| value >= min.into()) && self.max.is_none_or(|max| value <= max.into())
    }
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
        .all(|c| matches!(c, '0'..='9' | '+' | '-' | '_') || unicode::is_white_space(c) || digits::is_foreign(c));
    if might_be_number { Answer::Unsupported("integer.form") } else { INVALID }
}
