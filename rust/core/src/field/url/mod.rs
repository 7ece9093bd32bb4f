//! Absolute `http` and `https` URLs in one spelling: the syntax-based normalisation of RFC 3986 §6.2.2 and the
//! scheme-based one of §6.2.3, for ASCII only.

mod host;

use super::{Answer, Scalar};

const INVALID: Answer = Answer::Invalid("invalid_url");
const CHARACTER: Answer = Answer::Unsupported("url.character");
const HOST: Answer = Answer::Unsupported("url.host");
const TRIPLET: Answer = Answer::Unsupported("url.triplet");

/// Most digits of a port.
const PORT_DIGITS: usize = 5;

/// What becomes of parts that name no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Url {
    /// Whether the fragment is left out.
    pub drop_fragment: bool,
}

/// Where the parts of a URL are.
struct Parts<'a> {
    scheme: &'static str,
    own_port: u16,
    host: &'a str,
    is_bracketed: bool,
    port: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl Url {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(text) = value else { return Answer::WrongType };
        let parts = match split(text) {
            Ok(parts) => parts,
            Err(answer) => return answer,
        };
        if let Err(answer) = self.write(&parts, out) {
            out.clear();
            return answer;
        }
        if out == text {
            out.clear();
            return Answer::Same;
        }
        Answer::String
    }

    fn write(self, parts: &Parts<'_>, out: &mut String) -> Result<(), Answer> {
        out.push_str(parts.scheme);
        out.push_str("://");
        if !host::push(parts.host, parts.is_bracketed, out) {
            return Err(HOST);
        }
        if let Some(port) = read_port(parts.port)?.filter(|port| *port != parts.own_port) {
            out.push(':');
            push_port(port, out);
        }
        let behind = [Some(parts.path), parts.query, parts.fragment];
        if behind.iter().flatten().any(|part| part.contains(['[', ']', '#'])) {
            return Err(CHARACTER);
        }
        if !behind.iter().flatten().all(|part| has_whole_triplets(part.as_bytes())) {
            return Err(TRIPLET);
        }
        push_path(parts.path, out);
        if let Some(query) = parts.query {
            out.push('?');
            push_decoded(query, out);
        }
        if let Some(fragment) = parts.fragment.filter(|_| !self.drop_fragment) {
            out.push('#');
            push_decoded(fragment, out);
        }
        Ok(())
    }
}

fn split(text: &str) -> Result<Parts<'_>, Answer> {
    let after = |scheme: &str| {
        text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)).and(text.get(scheme.len()..))
    };
    let (scheme, own_port, rest) = match (after("http://"), after("https://")) {
        (Some(rest), _) => ("http", 80, rest),
        (_, Some(rest)) => ("https", 443, rest),
        _ => return Err(INVALID),
    };
    if !rest.bytes().all(is_url_byte) {
        return Err(CHARACTER);
    }
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(INVALID);
    }
    let bracketed = authority.strip_prefix('[');
    let (host, port) = match bracketed {
        Some(inner) => {
            let (host, port) = inner.split_once(']').ok_or(INVALID)?;
            (host, if port.is_empty() { port } else { port.strip_prefix(':').ok_or(INVALID)? })
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    if host.is_empty() {
        return Err(INVALID);
    }
    let (behind, fragment) = cut(behind, '#');
    let (path, query) = cut(behind, '?');
    Ok(Parts { scheme, own_port, host, is_bracketed: bracketed.is_some(), port, path, query, fragment })
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// Printing ASCII but what RFC 3986 has nowhere: `" < > \ ^ { | }` and the backtick.
fn is_url_byte(b: u8) -> bool {
    matches!(b, 0x21..=0x7E) && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn read_port(digits: &str) -> Result<Option<u16>, Answer> {
    if digits.len() > PORT_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(INVALID);
    }
    if digits.is_empty() { Ok(None) } else { digits.parse().map(Some).map_err(|_| INVALID) }
}

fn push_port(port: u16, out: &mut String) {
    let digits = [port / 10_000, port / 1_000 % 10, port / 100 % 10, port / 10 % 10].map(|digit| digit as u8);
    out.extend(digits.iter().skip_while(|digit| **digit == 0).map(|digit| char::from(b'0' + digit)));
    out.push(char::from(b'0' + (port % 10) as u8));
}

/// Writes a path without dot segments (RFC 3986 §5.2.4); one that is empty is the root.
fn push_path(path: &str, out: &mut String) {
    let root = out.len();
    let mut segments = path.strip_prefix('/').unwrap_or_default().split('/').peekable();
    while let Some(segment) = segments.next() {
        let start = out.len();
        out.push('/');
        push_decoded(segment, out);
        let kept = match out.get(start..) {
            Some("/.") => start,
            // What it takes along was written once, so all of this is linear.
            Some("/..") => out.get(root..start).and_then(|before| before.rfind('/')).map_or(root, |at| root + at),
            _ => continue,
        };
        out.truncate(kept);
        if segments.peek().is_none() {
            out.push('/');
        }
    }
}

fn is_hex(b: Option<&u8>) -> bool {
    b.is_some_and(u8::is_ascii_hexdigit)
}

fn has_whole_triplets(part: &[u8]) -> bool {
    memchr::memchr_iter(b'%', part).all(|at| is_hex(part.get(at + 1)) && is_hex(part.get(at + 2)))
}

/// Writes a part: triplets of unreserved characters decoded, all others in upper case.
fn push_decoded(part: &str, out: &mut String) {
    let mut pieces = part.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        match u8::from_str_radix(hex, 16) {
            Ok(byte @ (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')) => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.extend(hex.chars().map(|c| c.to_ascii_uppercase()));
            }
        }
        out.push_str(rest);
    }
}
