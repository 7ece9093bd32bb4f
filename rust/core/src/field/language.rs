//! Language tags: well-formed by the grammar of RFC 5646 §2.1, in the case of §2.1.1. No registry is asked.

use std::iter::Peekable;

use super::{Answer, Scalar};
use crate::unicode;

/// Longest tag that is read; RFC 5646 §4.4 lets 35 be enough.
const LONGEST: usize = 128;

/// How tags are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Language {
    /// Whether `_` is read as `-`.
    pub underscore: bool,
}

impl Language {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(whole) = value else { return Answer::WrongType };
        let text = unicode::strip(whole);
        let subtags = || text.split(|c| c == '-' || (self.underscore && c == '_'));
        if text.len() > LONGEST || !is_well_formed(subtags().peekable()) {
            return Answer::Invalid("invalid_language");
        }
        write(subtags(), out);
        if out == whole {
            out.clear();
            return Answer::Same;
        }
        Answer::String
    }
}

fn is_letters(subtag: &str) -> bool {
    subtag.bytes().all(|b| b.is_ascii_alphabetic())
}

fn is_alphanumeric(subtag: &str) -> bool {
    subtag.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_variant(subtag: &str) -> bool {
    is_alphanumeric(subtag)
        && match subtag.len() {
            4 => subtag.starts_with(|c: char| c.is_ascii_digit()),
            length => (5..=8).contains(&length),
        }
}

fn is_private(subtag: &str) -> bool {
    subtag.eq_ignore_ascii_case("x")
}

/// Reads the parts of a tag in their order.
fn is_well_formed<'a>(mut subtags: Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let Some(first) = subtags.next() else { return false };
    if is_private(first) {
        return is_private_rest(subtags);
    }
    if !(2..=8).contains(&first.len()) || !is_letters(first) {
        return false;
    }
    if first.len() <= 3 {
        for _ in 0..3 {
            let _ = subtags.next_if(|subtag| subtag.len() == 3 && is_letters(subtag));
        }
    }
    let _ = subtags.next_if(|subtag| subtag.len() == 4 && is_letters(subtag));
    let _ = subtags.next_if(|subtag| match subtag.len() {
        2 => is_letters(subtag),
        3 => subtag.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    });
    while subtags.next_if(|subtag| is_variant(subtag)).is_some() {}
    while subtags.next_if(|subtag| subtag.len() == 1 && is_alphanumeric(subtag) && !is_private(subtag)).is_some() {
        let mut parts = 0;
        while subtags.next_if(|subtag| (2..=8).contains(&subtag.len()) && is_alphanumeric(subtag)).is_some() {
            parts += 1;
        }
        if parts == 0 {
            return false;
        }
    }
    match subtags.next() {
        None => true,
        Some(subtag) => is_private(subtag) && is_private_rest(subtags),
    }
}

fn is_private_rest<'a>(mut subtags: impl Iterator<Item = &'a str>) -> bool {
    let is_part = |subtag: &str| (1..=8).contains(&subtag.len()) && is_alphanumeric(subtag);
    subtags.next().is_some_and(is_part) && subtags.all(is_part)
}

fn write<'a>(subtags: impl Iterator<Item = &'a str>, out: &mut String) {
    let mut is_plain = true;
    for (position, subtag) in subtags.enumerate() {
        if position > 0 {
            out.push('-');
        }
        is_plain &= subtag.len() > 1;
        let upper = match (position, is_plain, subtag.len()) {
            (1.., true, 2) => 2,
            (1.., true, 4) => 1,
            _ => 0,
        };
        out.extend(subtag.chars().take(upper).map(|c| c.to_ascii_uppercase()));
        out.extend(subtag.chars().skip(upper).map(|c| c.to_ascii_lowercase()));
    }
}
