//! What a step does to the text that the steps before it left.

use std::cell::RefCell;
use std::iter;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use crate::unicode::{self, Folded};

/// One text step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Removes White_Space at both ends.
    Trim,
    /// Makes every run of White_Space one space.
    Collapse,
    /// Unicode normalisation form C.
    Nfc,
    /// Unicode normalisation form KC.
    Nfkc,
    /// Full case folding.
    Fold,
    /// A-Z to a-z.
    AsciiLower,
    /// a-z to A-Z.
    AsciiUpper,
    /// Removes Bidi_Control.
    StripBidi,
    /// Removes Default_Ignorable_Code_Point.
    StripInvisible,
}

impl Step {
    /// Every step with its name in a policy.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("trim", Self::Trim),
        ("collapse", Self::Collapse),
        ("nfc", Self::Nfc),
        ("nfkc", Self::Nfkc),
        ("fold", Self::Fold),
        ("ascii_lower", Self::AsciiLower),
        ("ascii_upper", Self::AsciiUpper),
        ("strip_bidi", Self::StripBidi),
        ("strip_invisible", Self::StripInvisible),
    ];

    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, step)| *step == self).map_or("", |(name, _)| name)
    }

    /// Whether it depends on tables of Unicode that grow from version to version.
    pub fn asks_tables(self) -> bool {
        matches!(self, Self::Nfc | Self::Nfkc | Self::Fold)
    }
}

/// A text on its way through the steps.
pub(super) struct Work<'a, 'out> {
    place: Place<'a>,
    out: &'out mut String,
    /// Stays true: no step makes anything else of ASCII.
    is_ascii: bool,
    /// Every code point is one of [`unicode::is_settled`], so that it is in form C however often something is removed.
    is_settled: bool,
}

/// Where the text stands between two steps: still a piece of what came in, or in the output buffer.
#[derive(Clone, Copy)]
enum Place<'a> {
    Piece(&'a str),
    Buffer,
}

/// A way to write a text anew, code point by code point.
#[derive(Clone, Copy)]
enum Rewrite {
    Nfc,
    Nfkc,
    Fold,
    Collapse,
    Without(fn(char) -> bool),
}

impl<'a, 'out> Work<'a, 'out> {
    /// `text`, nothing done to it; `out` is empty.
    pub(super) fn new(text: &'a str, out: &'out mut String, is_ascii: bool, is_settled: bool) -> Self {
        Self { place: Place::Piece(text), out, is_ascii, is_settled }
    }

    /// The text as it is now.
    pub(super) fn now(&self) -> &str {
        match self.place {
            Place::Piece(piece) => piece,
            Place::Buffer => self.out,
        }
    }

    /// Whether it is `text`, with which it began.
    pub(super) fn is_still(&self, text: &str) -> bool {
        match self.place {
            Place::Piece(piece) => piece.len() == text.len(),
            Place::Buffer => self.out == text,
        }
    }

    /// Leaves the text in the output buffer.
    pub(super) fn finish(mut self) {
        self.own();
    }

    /// Takes one step.
    ///
    /// # Errors
    ///
    /// The code of what is outside.
    pub(super) fn step(&mut self, step: Step) -> Result<(), &'static str> {
        match step {
            Step::Trim => self.trim()?,
            Step::Collapse => {
                if has_run(self.now()) {
                    self.rewrite(Rewrite::Collapse);
                }
            }
            Step::Nfc => {
                if !self.is_ascii && !self.is_settled && is_nfc_quick(self.now().chars()) != IsNormalized::Yes {
                    self.rewrite(Rewrite::Nfc);
                }
            }
            Step::Nfkc => {
                if !self.is_ascii && is_nfkc_quick(self.now().chars()) != IsNormalized::Yes {
                    self.rewrite(Rewrite::Nfkc);
                    self.is_settled = false;
                }
            }
            Step::Fold if self.is_ascii => self.ascii_lower(),
            Step::Fold => {
                if self.now().chars().any(|c| unicode::fold(c) != Folded::Same) {
                    self.rewrite(Rewrite::Fold);
                    self.is_settled = false;
                }
            }
            Step::AsciiLower => self.ascii_lower(),
            Step::AsciiUpper => {
                if self.now().bytes().any(|b| b.is_ascii_lowercase()) {
                    self.own().make_ascii_uppercase();
                }
            }
            Step::StripBidi if self.is_ascii => {}
            Step::StripBidi => self.remove(unicode::is_bidi_control),
            Step::StripInvisible if self.is_ascii => {}
            Step::StripInvisible => self.remove(unicode::is_default_ignorable),
        }
        Ok(())
    }

    /// Removes every code point that `is_unwanted` holds.
    pub(super) fn remove(&mut self, is_unwanted: fn(char) -> bool) {
        if self.now().contains(is_unwanted) {
            self.rewrite(Rewrite::Without(is_unwanted));
        }
    }

    fn trim(&mut self) -> Result<(), &'static str> {
        let now = self.now();
        let trimmed = unicode::trim(now);
        if trimmed.starts_with(unicode::is_separator) || trimmed.ends_with(unicode::is_separator) {
            return Err("text.separator");
        }
        match self.place {
            Place::Piece(piece) => self.place = Place::Piece(unicode::trim(piece)),
            Place::Buffer => {
                let before = now.len() - now.trim_start_matches(unicode::is_white_space).len();
                let end = before + trimmed.len();
                self.out.truncate(end);
                self.out.drain(..before.min(end));
            }
        }
        Ok(())
    }

    fn ascii_lower(&mut self) {
        if self.now().bytes().any(|b| b.is_ascii_uppercase()) {
            self.own().make_ascii_lowercase();
        }
    }

    /// Brings the text into the buffer.
    fn own(&mut self) -> &mut str {
        if let Place::Piece(piece) = self.place {
            self.out.push_str(piece);
            self.place = Place::Buffer;
        }
        self.out
    }

    fn rewrite(&mut self, rewrite: Rewrite) {
        match self.place {
            Place::Piece(piece) => rewrite.write(piece.chars(), |c| self.out.push(c)),
            Place::Buffer => {
                // Behind the old text in the same buffer, so that no second one has to grow.
                let end = self.out.len();
                let mut at = 0;
                let buffer = RefCell::new(&mut *self.out);
                let old = iter::from_fn(|| {
                    let c = buffer.borrow().get(at..end)?.chars().next()?;
                    at += c.len_utf8();
                    Some(c)
                });
                rewrite.write(old, |c| buffer.borrow_mut().push(c));
                self.out.drain(..end);
            }
        }
        self.place = Place::Buffer;
    }
}

impl Rewrite {
    fn write(self, text: impl Iterator<Item = char>, mut push: impl FnMut(char)) {
        match self {
            Self::Nfc => text.nfc().for_each(push),
            Self::Nfkc => text.nfkc().for_each(push),
            Self::Fold => text.for_each(|c| match unicode::fold(c) {
                Folded::Same => push(c),
                Folded::One(folded) => push(folded),
                Folded::Several(folded) => folded.chars().for_each(&mut push),
            }),
            Self::Collapse => {
                let mut in_run = false;
                text.for_each(|c| {
                    let is_white = unicode::is_white_space(c);
                    if !is_white {
                        push(c);
                    } else if !in_run {
                        push(' ');
                    }
                    in_run = is_white;
                });
            }
            Self::Without(is_unwanted) => text.filter(|&c| !is_unwanted(c)).for_each(push),
        }
    }
}

/// Whether there is White_Space that is not one U+0020 by itself.
fn has_run(text: &str) -> bool {
    let mut after_space = false;
    text.chars().any(|c| {
        let found = unicode::is_white_space(c) && (after_space || c != ' ');
        after_space = c == ' ';
        found
    })
}
