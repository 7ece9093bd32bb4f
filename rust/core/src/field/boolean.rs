//! Booleans, also from text.
//!
//! Python is `value.strip().lower()` looked up in ASCII words. Only one code point outside ASCII is ASCII in lower case,
//! U+212A KELVIN SIGN (k), and no word has a k: so what is not ASCII is never one of them.

use super::{Answer, Scalar};
use crate::unicode;

/// Which words are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Words {
    /// What forms send: `true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0`.
    #[default]
    Forms,
    /// Those of forms, and `t`, `y` and `f`, `n`.
    Letters,
    /// `true` and `false`.
    Strict,
}

impl Words {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(self, value: Scalar<'_>, out: &mut String) -> Answer {
        let text = match value {
            Scalar::String(text) => unicode::strip(text),
            Scalar::Bool(_) => return Answer::Same,
            Scalar::Number(_) | Scalar::Null => return Answer::WrongType,
        };
        let [yes, no] = self.sets();
        let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is_one_of(yes) {
            out.push_str("true");
        } else if is_one_of(no) {
            out.push_str("false");
        } else {
            return Answer::Invalid("invalid_boolean");
        }
        Answer::Literal
    }

    /// The words for true and for false, in lower case.
    fn sets(self) -> [&'static [&'static str]; 2] {
        match self {
            Self::Forms => [&["true", "yes", "on", "1"], &["false", "no", "off", "0"]],
            Self::Letters => [&["true", "yes", "on", "1", "t", "y"], &["false", "no", "off", "0", "f", "n"]],
            Self::Strict => [&["true"], &["false"]],
        }
    }
}
