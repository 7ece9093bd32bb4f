//! Free text: trim, NFC, length.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{Answer, Scalar};
use crate::unicode;

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

/// Where the text stands between two steps: still a piece of what came in, or in the output buffer.
#[derive(Clone, Copy)]
enum Place<'a> {
    Piece(&'a str),
    Buffer,
}

impl Text {
    /// Applies the steps; see [`Op::apply`](super::Op::apply).
    ///
    /// Python is `unicodedata.normalize("NFC", value.strip())`. The two commute: nothing but U+2000 and U+2001 changes
    /// among what is stripped, and they become white space again.
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(text) = value else { return Answer::WrongType };
        let answer = self.judge(text, out);
        if answer != Answer::String {
            out.clear();
        }
        answer
    }

    fn judge(&self, text: &str, out: &mut String) -> Answer {
        let place = match self.run(text, out) {
            Ok(place) => place,
            Err(code) => return Answer::Unsupported(code),
        };
        let result = match place {
            Place::Piece(piece) => piece,
            Place::Buffer => out.as_str(),
        };
        // As many bytes are at least as many code points, so most texts are not counted.
        if self.max_chars.is_some_and(|most| result.len() > most && result.chars().count() > most) {
            return Answer::Invalid("too_long");
        }
        if self.may_change_again(result) && !self.is_fixed(result) {
            return Answer::Unsupported("text.case");
        }
        match place {
            Place::Piece(piece) if piece.len() == text.len() => Answer::Same,
            Place::Piece(piece) => {
                out.push_str(piece);
                Answer::String
            }
            Place::Buffer if out == text => Answer::Same,
            Place::Buffer => Answer::String,
        }
    }

    fn run<'a>(&self, text: &'a str, out: &mut String) -> Result<Place<'a>, &'static str> {
        let mut place = Place::Piece(text);
        for step in &self.steps {
            let now = match place {
                Place::Piece(piece) => piece,
                Place::Buffer => out.as_str(),
            };
            match step {
                Step::Trim => {
                    let trimmed = unicode::trim(now);
                    if trimmed.starts_with(unicode::is_separator) || trimmed.ends_with(unicode::is_separator) {
                        return Err("text.separator");
                    }
                    match place {
                        Place::Piece(piece) => place = Place::Piece(unicode::trim(piece)),
                        Place::Buffer => {
                            let before = now.len() - now.trim_start_matches(unicode::is_white_space).len();
                            let end = before + trimmed.len();
                            out.truncate(end);
                            out.drain(..before.min(end));
                        }
                    }
                }
                Step::Nfc => {
                    if unicode::is_settled(now) {
                        continue;
                    }
                    if !unicode::all_assigned(now) {
                        return Err("text.unassigned");
                    }
                    if is_nfc_quick(now.chars()) == IsNormalized::Yes {
                        continue;
                    }
                    match place {
                        Place::Piece(piece) => out.extend(piece.nfc()),
                        Place::Buffer => *out = out.nfc().collect(),
                    }
                    place = Place::Buffer;
                }
                Step::AsciiLower if now.bytes().any(|b| b.is_ascii_uppercase()) => {
                    place.own(out);
                    place = Place::Buffer;
                    out.make_ascii_lowercase();
                }
                Step::AsciiUpper if now.bytes().any(|b| b.is_ascii_lowercase()) => {
                    place.own(out);
                    place = Place::Buffer;
                    out.make_ascii_uppercase();
                }
                Step::AsciiLower | Step::AsciiUpper => {}
            }
        }
        Ok(place)
    }

    /// Whether the steps could find something to do in their own result: case and composition feed each other, as in
    /// `H` + U+0331, which composes in lower case only, and in U+212A, which is `K` in NFC.
    fn may_change_again(&self, result: &str) -> bool {
        !result.is_ascii()
            && self.steps.contains(&Step::Nfc)
            && self.steps.iter().any(|step| matches!(step, Step::AsciiLower | Step::AsciiUpper))
    }

    /// Whether `text` goes through the steps unchanged.
    fn is_fixed(&self, text: &str) -> bool {
        let mut out = String::new();
        match self.run(text, &mut out) {
            Ok(Place::Piece(piece)) => piece.len() == text.len(),
            Ok(Place::Buffer) => out == text,
            Err(_) => false,
        }
    }
}

impl Place<'_> {
    /// Brings the text into the buffer.
    fn own(self, out: &mut String) {
        if let Place::Piece(piece) = self {
            out.push_str(piece);
        }
    }
}
