//! Booleans, also from text.
//!
//! Python is `value.strip().lower()` looked up in eight ASCII words. Only one code point outside ASCII is ASCII in
//! lower case, U+212A KELVIN SIGN (k), and no word has a k: so what is not ASCII is never one of them.

use super::{Answer, Scalar};
use crate::unicode;

/// Applies the rule; see [`Op::apply`](super::Op::apply).
pub fn apply(value: Scalar<'_>, out: &mut String) -> Answer {
    let text = match value {
        Scalar::String(text) => unicode::strip(text),
        Scalar::Bool(_) => return Answer::Same,
        Scalar::Number(_) | Scalar::Null => return Answer::WrongType,
    };
    let is_one_of = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "on", "1"]) {
        out.push_str("true");
    } else if is_one_of(["false", "no", "off", "0"]) {
        out.push_str("false");
    } else {
        return Answer::Invalid("invalid_boolean");
    }
    Answer::Literal
}
