//! JSON as it is written: a tree of the bytes themselves, so that number text, repeated names, order and escapes survive.
//!
//! Lenient on purpose: what it reads was written by one of the sides, and both are read by the same rules.

use std::borrow::Cow;

/// Nesting that is compared field by field; deeper bodies are compared as bytes. Bounds the stack.
const MAX_DEPTH: usize = 192;

/// A value and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    pub raw: &'a [u8],
    pub shape: Shape<'a>,
}

/// What a value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape<'a> {
    Null,
    Boolean,
    Number,
    String,
    Array(Vec<Node<'a>>),
    /// Members in order, repeats included; names are raw, with their quotes.
    Object(Vec<(&'a [u8], Node<'a>)>),
}

/// Reads a whole body. `None`: not JSON, or nested too deeply.
pub fn parse(bytes: &[u8]) -> Option<Node<'_>> {
    let mut reader = Reader { bytes, at: 0 };
    reader.space();
    let node = reader.value(0)?;
    reader.space();
    (reader.at == bytes.len()).then_some(node)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` and the space around it.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let taken = self.peek() == Some(byte);
        if taken {
            self.at += 1;
            self.space();
        }
        taken
    }

    fn value(&mut self, depth: usize) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let shape = match self.peek()? {
            b'{' => {
                self.take(b'{');
                let mut members = Vec::new();
                while self.peek()? != b'}' {
                    let name = self.string()?;
                    if !self.take(b':') {
                        return None;
                    }
                    members.push((name, self.value(depth + 1)?));
                    if !self.take(b',') {
                        break;
                    }
                }
                self.close(b'}')?;
                Shape::Object(members)
            }
            b'[' => {
                self.take(b'[');
                let mut items = Vec::new();
                while self.peek()? != b']' {
                    items.push(self.value(depth + 1)?);
                    if !self.take(b',') {
                        break;
                    }
                }
                self.close(b']')?;
                Shape::Array(items)
            }
            b'"' => {
                self.string()?;
                Shape::String
            }
            _ => self.bare()?,
        };
        Some(Node { raw: &self.bytes[start..self.at], shape })
    }

    fn close(&mut self, byte: u8) -> Option<()> {
        let closed = self.peek() == Some(byte);
        self.at += usize::from(closed);
        closed.then_some(())
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.bytes[start..self.at]);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// A literal, a number, or what Python writes for numbers that JSON has not (`NaN`, `-Infinity`).
    fn bare(&mut self) -> Option<Shape<'a>> {
        let start = self.at;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        match &self.bytes[start..self.at] {
            b"null" => Some(Shape::Null),
            b"true" | b"false" => Some(Shape::Boolean),
            b"NaN" | b"Infinity" | b"-Infinity" => Some(Shape::Number),
            [b'-' | b'0'..=b'9', ..] => Some(Shape::Number),
            _ => None,
        }
    }
}

/// The text of a raw string: escapes resolved, a lone surrogate kept as three bytes of its own.
pub fn text(raw: &[u8]) -> Cow<'_, [u8]> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or(raw);
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    while at < inner.len() {
        if inner[at] != b'\\' {
            out.push(inner[at]);
            at += 1;
            continue;
        }
        let Some(&escape) = inner.get(at + 1) else { break };
        at += 2;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => match unit(inner, at) {
                Some(high @ 0xD800..=0xDBFF) if matches!(low(inner, at + 4), Some(0xDC00..=0xDFFF)) => {
                    let low = low(inner, at + 4).unwrap_or_default();
                    push(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), &mut out);
                    at += 10;
                }
                Some(unit) => {
                    push(unit, &mut out);
                    at += 4;
                }
                // Not an escape; kept apart from the letter by its backslash.
                None => out.extend_from_slice(b"\\u"),
            },
            b'"' | b'\\' | b'/' => out.push(escape),
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }
    Cow::Owned(out)
}

fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit * 16 + char::from(digit).to_digit(16)?))
}

fn low(bytes: &[u8], at: usize) -> Option<u32> {
    (bytes.get(at..at + 2)? == b"\\u").then(|| unit(bytes, at + 2)).flatten()
}

/// UTF-8, extended to surrogates.
fn push(code: u32, out: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
    match code {
        0..0x80 => out.push(code as u8),
        0x80..0x800 => out.extend_from_slice(&[0xC0 | (code >> 6) as u8, tail(0)]),
        0x800..0x1_0000 => out.extend_from_slice(&[0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend_from_slice(&[0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}

/// Whether two number texts stand for exactly the same number. `-0` and `0` do not: Python tells them apart.
pub fn same_number(a: &[u8], b: &[u8]) -> bool {
    a == b || matches!((number(a), number(b)), (Some(a), Some(b)) if a == b)
}

/// Sign, significant digits without zeros at either end, and the power of ten of the last digit.
fn number(text: &[u8]) -> Option<(bool, Vec<u8>, i64)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|&b| b == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    let mut digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut power = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    while digits.last() == Some(&b'0') {
        digits.pop();
        power = power.checked_add(1)?;
    }
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.drain(..zeros);
    if digits.is_empty() {
        power = 0;
    }
    Some((negative, digits, power))
}
