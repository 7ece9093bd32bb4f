//! `Content-Type` in one spelling, read by hand: the regular expressions that others use here took exponential time
//! (CVE-2024-24762).

use super::names::is_token;

/// The longest value that is read, and the longest that is written.
const MAX_BYTES: usize = 256;

/// Most parameters that fit: each has a name, `=`, something, and a semicolon.
const MAX_PARAMETERS: usize = MAX_BYTES / 4;

/// What was found in a value that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// Two parameters have one name.
    pub(super) duplicate: bool,
    /// A JSON type has a charset that is not UTF-8.
    pub(super) foreign_json: bool,
}

/// Appends the normal form of `value`, which has no blanks at its ends; `None` for what is outside the grammar, and then
/// what was appended says nothing.
pub(super) fn write(value: &[u8], out: &mut Vec<u8>) -> Option<Found> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let start = out.len();
    let mut left = value;
    push_lower(token(&mut left)?, out);
    left = left.strip_prefix(b"/")?;
    out.push(b'/');
    push_lower(token(&mut left)?, out);
    let media_type = start..out.len();
    let mut found = Found::default();
    let mut names = [(0, 0); MAX_PARAMETERS];
    let mut count = 0;
    let mut foreign = false;
    loop {
        skip_blanks(&mut left);
        if left.is_empty() {
            break;
        }
        left = left.strip_prefix(b";")?;
        skip_blanks(&mut left);
        if matches!(left.first(), None | Some(b';')) {
            continue;
        }
        out.extend_from_slice(b"; ");
        let name = out.len();
        push_lower(token(&mut left)?, out);
        let name = (name, out.len());
        left = left.strip_prefix(b"=")?;
        out.push(b'=');
        let text = out.len();
        parameter_value(&mut left, out)?;
        let known = &names[..count];
        found.duplicate |= known.iter().any(|&(from, to)| out[from..to] == out[name.0..name.1]);
        if &out[name.0..name.1] == b"charset" {
            out[text..].make_ascii_lowercase();
            foreign |= &out[text..] != b"utf-8";
        }
        *names.get_mut(count)? = name;
        count += 1;
    }
    found.foreign_json = foreign && is_json(&out[media_type]);
    (out.len() - start <= MAX_BYTES).then_some(found)
}

/// Whether a media type, in any case and without parameters and blanks, is one of JSON.
pub(crate) fn is_json(media_type: &[u8]) -> bool {
    let (json, text, suffix) = (b"application/json", b"text/json", b"+json");
    media_type.eq_ignore_ascii_case(json)
        || media_type.eq_ignore_ascii_case(text)
        || media_type.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

fn token<'a>(left: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = left.iter().position(|&b| !is_token(b)).unwrap_or(left.len());
    let (token, rest) = left.split_at(end);
    *left = rest;
    (!token.is_empty()).then_some(token)
}

fn skip_blanks(left: &mut &[u8]) {
    while let [b' ' | b'\t', rest @ ..] = left {
        *left = rest;
    }
}

fn push_lower(token: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(token);
    out[start..].make_ascii_lowercase();
}

/// Appends a token, or a quoted text: without quotes if it is a token too.
fn parameter_value(left: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
    let Some(mut rest) = left.strip_prefix(b"\"") else {
        out.extend_from_slice(token(left)?);
        return Some(());
    };
    let start = out.len();
    out.push(b'"');
    let mut plain = true;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        let byte = match byte {
            b'"' => break,
            b'\\' => {
                let (&escaped, after) = rest.split_first()?;
                rest = after;
                escaped
            }
            byte => byte,
        };
        if !matches!(byte, b'\t' | b' '..=b'~') {
            return None;
        }
        plain &= is_token(byte);
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    *left = rest;
    if plain && out.len() > start + 1 {
        out.remove(start);
    } else {
        out.push(b'"');
    }
    Some(())
}
