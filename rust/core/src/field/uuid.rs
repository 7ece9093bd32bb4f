//! UUIDs: 8-4-4-4-12 or 32 hex digits to lower case with hyphens.
//!
//! Python is `str(uuid.UUID(value))`, which removes `urn:` and `uuid:` and every hyphen wherever they stand and braces
//! at the ends, wants 32 characters to be left, and gives them to `int(…, 16)`, which in turn takes `0x`, `+`, single
//! underscores, white space at the ends and the decimal digits of every script. All of that is the control's.

use super::{Answer, Scalar};
use crate::unicode;

const INVALID: Answer = Answer::Invalid("invalid_uuid");
const FORM: Answer = Answer::Unsupported("uuid.form");

/// Hex digits of a UUID.
const DIGITS: usize = 32;

/// Where the hyphens of the usual spelling stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Applies the rule; see [`Op::apply`](super::Op::apply).
pub fn apply(value: Scalar<'_>, out: &mut String) -> Answer {
    let Scalar::String(text) = value else { return Answer::WrongType };
    let bytes = text.as_bytes();
    if is_hyphenated(bytes) {
        if !bytes.iter().any(u8::is_ascii_uppercase) {
            return Answer::Same;
        }
        out.push_str(text);
        out.make_ascii_lowercase();
        Answer::String
    } else if bytes.len() == DIGITS && bytes.iter().all(u8::is_ascii_hexdigit) {
        let mut rest = text;
        for size in [8, 4, 4, 4] {
            let (group, behind) = rest.split_at(size);
            out.push_str(group);
            out.push('-');
            rest = behind;
        }
        out.push_str(rest);
        out.make_ascii_lowercase();
        Answer::String
    } else if is_surely_none(text) {
        INVALID
    } else {
        FORM
    }
}

fn is_hyphenated(bytes: &[u8]) -> bool {
    bytes.len() == DIGITS + HYPHENS.len()
        && HYPHENS.iter().all(|at| bytes.get(*at) == Some(&b'-'))
        && bytes.iter().filter(|b| b.is_ascii_hexdigit()).count() == DIGITS
}

/// Whether `uuid.UUID` refuses `text`: what is left of it has not 32 characters, or one that no number can have.
fn is_surely_none(text: &str) -> bool {
    // A prefix or a brace may go as well as the hyphens; nothing else does.
    let mut may_shrink = false;
    let mut left = 0;
    for c in text.chars() {
        match c {
            '-' => continue,
            ':' | '{' | '}' => may_shrink = true,
            '0'..='9' | 'a'..='f' | 'A'..='F' | 'x' | 'X' | '_' | '+' | 'u' | 'r' | 'n' | 'i' => {}
            c if unicode::is_white_space(c) || unicode::might_be_digit(c) => {}
            _ => return true,
        }
        left += 1;
    }
    left < DIGITS || (left > DIGITS && !may_shrink)
}
