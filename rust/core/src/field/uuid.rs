//! UUIDs: 8-4-4-4-12 or 32 hex digits to lower case with hyphens.
//!
//! Python is `str(uuid.UUID(value))`, which removes `urn:` and `uuid:` and every hyphen wherever they stand and braces
//! at the ends, wants 32 characters to be left, and gives them to `int(…, 16)`, which in turn takes `0x`, `+`, single
//! underscores, white space at the ends and the decimal digits of every script. All of that is the control's, but for one
//! pair of braces and one whole prefix where a policy asks for them.

use super::{Answer, Scalar, digits};
use crate::unicode;

const INVALID: Answer = Answer::Invalid("invalid_uuid");
const FORM: Answer = Answer::Unsupported("uuid.form");

/// Hex digits of a UUID.
const DIGITS: usize = 32;

/// Where the hyphens of the usual spelling stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Which spellings are read beside the two plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uuid {
    /// `{…}` around it.
    pub braces: bool,
    /// `urn:uuid:` in front of it.
    pub urn: bool,
}

impl Uuid {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(whole) = value else { return Answer::WrongType };
        let text = self.unwrapped(whole);
        let bytes = text.as_bytes();
        if is_hyphenated(bytes) {
            if text.len() == whole.len() && !bytes.iter().any(u8::is_ascii_uppercase) {
                return Answer::Same;
            }
            out.push_str(text);
        } else if bytes.len() == DIGITS && bytes.iter().all(u8::is_ascii_hexdigit) {
            let mut rest = text;
            for size in [8, 4, 4, 4] {
                let (group, behind) = rest.split_at(size);
                out.push_str(group);
                out.push('-');
                rest = behind;
            }
            out.push_str(rest);
        } else {
            return if is_surely_none(whole) { INVALID } else { FORM };
        }
        out.make_ascii_lowercase();
        Answer::String
    }

    /// Without the braces or the prefix, whichever is read and there.
    fn unwrapped(self, text: &str) -> &str {
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).filter(|_| self.braces);
        inner.or_else(|| text.strip_prefix("urn:uuid:").filter(|_| self.urn)).unwrap_or(text)
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
            c if unicode::is_white_space(c) || digits::is_foreign(c) => {}
            _ => return true,
        }
        left += 1;
    }
    left < DIGITS || (left > DIGITS && !may_shrink)
}
