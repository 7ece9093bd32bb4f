//! String tokens: where they end, what they say, and what has to be written differently.

use super::finding::Halt;
use super::run::Runs;
use super::scan::string_stop;
use super::style::{Style, Written};

/// A string token, without its quotes: `start..end` in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Contains an escape, so its text is not its bytes.
    pub(super) escaped: bool,
    /// Contains half of a surrogate pair, so it has no text.
    pub(super) is_lone: bool,
}

/// Reads the string whose opening quote is just before `start` and brings into `S` what is not.
#[inline]
pub(super) fn read<S: Style>(text: &str, start: usize, runs: &mut Runs<'_>) -> Result<Token, Halt> {
    let bytes = text.as_bytes();
    let mut token = Token { start, end: start, escaped: false, is_lone: false };
    loop {
        token.end = string_stop::<S>(bytes, token.end);
        match bytes.get(token.end) {
            Some(b'"') => return Ok(token),
            Some(b'\\') => read_escape::<S>(text, &mut token, runs)?,
            Some(0x7f..) => token.end = escape_run::<S>(text, token.end, runs),
            _ => return Err(Halt::Malformed),
        }
    }
}

/// Reads the escape at the token's end and rewrites it where `S` spells it otherwise.
fn read_escape<S: Style>(text: &str, token: &mut Token, runs: &mut Runs<'_>) -> Result<(), Halt> {
    let start = token.end;
    let escape = Escape::read(text.as_bytes(), start)?;
    token.escaped = true;
    token.end = start + escape.len;
    match escape.says {
        None => token.is_lone = true,
        Some(_) if escape.is_short || !S::REWRITES => {}
        Some(c) => {
            let written = Written::of::<S>(c);
            if text.as_bytes()[start..token.end] != *written.bytes() {
                runs.replace(start, token.end, written.bytes());
            }
        }
    }
    Ok(())
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
#[inline]
pub(super) fn decode<'a>(text: &'a str, token: Token, buffer: &'a mut String) -> &'a str {
    let raw = &text[token.start..token.end];
    if !token.escaped {
        return raw;
    }
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
