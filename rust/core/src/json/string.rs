//! String tokens: where they end, what they say, and what has to be written differently.

use std::borrow::Cow;

use super::finding::Halt;
use super::run::Runs;
use super::scan::string_stop;
use super::style::{Style, Written};

/// A string token, without its quotes: `start..end` in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

/// How the text of a string comes from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// They are the text.
    Plain,
    /// There is an escape among them.
    Escaped,
    /// Not at all: there is half of a surrogate pair.
    Lone,
}

/// Reads on in a string of which everything before `at` is plain, brings into `S` what is not, and says where it ends.
pub(super) fn read<S: Style>(text: &str, mut at: usize, runs: &mut Runs<'_>) -> Result<(usize, Kind), Halt> {
    let bytes = text.as_bytes();
    let mut kind = Kind::Plain;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at, kind)),
            Some(b'\\') => {
                let escape = Escape::read(bytes, at)?;
                if escape.says.is_none() {
                    kind = Kind::Lone;
                } else if kind == Kind::Plain {
                    kind = Kind::Escaped;
                }
                respell::<S>(bytes, at, &escape, runs);
                at += escape.len;
            }
            Some(0x7f..) => at = escape_run::<S>(text, at, runs),
            _ => return Err(Halt::Malformed),
        }
        at = string_stop::<S>(bytes, at);
    }
}

/// Rewrites the escape at `at` where `S` spells it otherwise.
fn respell<S: Style>(bytes: &[u8], at: usize, escape: &Escape, runs: &mut Runs<'_>) {
    if let Some(c) = escape.says
        && !escape.is_short
        && S::REWRITES
    {
        let written = Written::of::<S>(c);
        if bytes[at..at + escape.len] != *written.bytes() {
            runs.replace(at, at + escape.len, written.bytes());
        }
    }
}

/// Escapes the characters from `at` up to the next printable ASCII one.
fn escape_run<S: Style>(text: &str, at: usize, runs: &mut Runs<'_>) -> usize {
    runs.close(at);
    let mut end = at;
    for c in text[at..].chars().take_while(|&c| c >= '\u{7f}') {
        runs.push(Written::of::<S>(c).bytes());
        end += c.len_utf8();
    }
    runs.open(end);
    end
}

/// The text of a token: borrowed from the input, or decoded into `buffer`. Half a surrogate pair reads as U+FFFD.
pub(super) fn decode<'a>(text: &'a str, token: Token, buffer: &'a mut String) -> &'a str {
    let raw = &text[token.start..token.end];
    if token.kind == Kind::Plain { raw } else { unescape(raw, buffer) }
}

/// The same as bytes, for comparing.
#[inline]
pub(super) fn decode_bytes<'a>(text: &'a str, token: Token, buffer: &'a mut String) -> &'a [u8] {
    let raw = &text.as_bytes()[token.start..token.end];
    if token.kind == Kind::Plain { raw } else { decode(text, token, buffer).as_bytes() }
}

/// The text of the string whose opening quote is at `at`, in a text of which it is known that the string has an end.
pub(super) fn decode_at(text: &str, at: usize) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let start = at + 1;
    let (mut end, mut is_plain) = (start, true);
    while let Some(&byte) = bytes.get(end).filter(|byte| **byte != b'"') {
        is_plain &= byte != b'\\';
        end += if byte == b'\\' { 2 } else { 1 };
    }
    let raw = &text[start..end.min(text.len())];
    if is_plain { Cow::Borrowed(raw) } else { Cow::Owned(unescape(raw, &mut String::new()).to_owned()) }
}

fn unescape<'a>(raw: &str, buffer: &'a mut String) -> &'a str {
    buffer.clear();
    let mut at = 0;
    while let Some(run) = memchr::memchr(b'\\', &raw.as_bytes()[at..]) {
        buffer.push_str(&raw[at..at + run]);
        at += run;
        let Ok(escape) = Escape::read(raw.as_bytes(), at) else { break };
        buffer.push(escape.says.unwrap_or(char::REPLACEMENT_CHARACTER));
        at += escape.len;
    }
    buffer.push_str(&raw[at..]);
    buffer
}

/// One escape sequence.
struct Escape {
    len: usize,
    /// The character, unless it is half of a surrogate pair.
    says: Option<char>,
    /// Two characters long and written the same in every style.
    is_short: bool,
}

impl Escape {
    /// Reads the escape whose backslash is at `at`.
    fn read(bytes: &[u8], at: usize) -> Result<Self, Halt> {
        let short = |says: char| Ok(Self { len: 2, says: Some(says), is_short: true });
        match bytes.get(at + 1) {
            Some(&c @ (b'"' | b'\\')) => short(c as char),
            Some(b'n') => short('\n'),
            Some(b't') => short('\t'),
            Some(b'r') => short('\r'),
            Some(b'b') => short('\u{8}'),
            Some(b'f') => short('\u{c}'),
            Some(b'/') => Ok(Self { len: 2, says: Some('/'), is_short: false }),
            Some(b'u') => {
                let unit = unit(bytes, at + 2).ok_or(Halt::Malformed)?;
                Ok(match char::from_u32(u32::from(unit)) {
                    Some(c) => Self { len: 6, says: Some(c), is_short: false },
                    None => match pair(unit, bytes, at + 6) {
                        Some(c) => Self { len: 12, says: Some(c), is_short: false },
                        None => Self { len: 6, says: None, is_short: false },
                    },
                })
            }
            _ => Err(Halt::Malformed),
        }
    }
}

/// Four hex digits.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |unit, &digit| Some(unit << 4 | (digit as char).to_digit(16)? as u16))
}

/// The character of which `high` is the first half, if the second is escaped at `at`.
fn pair(high: u16, bytes: &[u8], at: usize) -> Option<char> {
    if bytes.get(at..at + 2)? != b"\\u" {
        return None;
    }
    char::decode_utf16([high, unit(bytes, at + 2)?]).next()?.ok()
}
