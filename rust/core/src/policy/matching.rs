//! Which requests belong to a route.

use memchr::memchr;

use crate::target::spelling::{Canonical, is_canonical_segment};

/// A method and a path template: `POST /api/{resource}`, `GET|HEAD /{path*}`, `* /repos/{rest*}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Methods; empty means any.
    pub methods: Vec<Box<str>>,
    /// Segments of the path.
    pub segments: Vec<Segment>,
}

/// One segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text, compared after decoding encoded unreserved characters.
    Literal(Box<str>),
    /// `{name}`: one non-empty segment.
    One,
    /// `{name*}`: the rest of the path after a slash, which may be empty. Only last.
    Rest,
}

impl Pattern {
    /// Whether a request of `method` for `raw_path` belongs to the route.
    pub fn matches(&self, method: &[u8], raw_path: &[u8]) -> bool {
        if !self.methods.is_empty() && !self.methods.iter().any(|m| m.as_bytes() == method) {
            return false;
        }
        // What is left after the slash that was seen last; None when there was no further slash.
        let mut left = raw_path.strip_prefix(b"/");
        for segment in &self.segments {
            let Some(here) = left else { return false };
            if *segment == Segment::Rest {
                return true;
            }
            let end = memchr(b'/', here);
            let head = &here[..end.unwrap_or(here.len())];
            left = end.map(|at| &here[at + 1..]);
            let fits = match segment {
                Segment::Literal(text) => same_segment(head, text.as_bytes()),
                Segment::One | Segment::Rest => !head.is_empty(),
            };
            if !fits {
                return false;
            }
        }
        left.is_none()
    }

    /// Reads `GET|HEAD /a/{b}/{rest*}`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (methods, path) = text.split_once(' ').ok_or("a pattern is a method, one space and a path")?;
        let methods = match methods {
            "*" => Vec::new(),
            listed => listed.split('|').map(Box::from).collect::<Vec<Box<str>>>(),
        };
        for (index, method) in methods.iter().enumerate() {
            if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
                return Err("a method is upper-case letters; several are joined by \"|\", any is \"*\"");
            }
            if methods[..index].contains(method) {
                return Err("a method is named twice");
            }
        }
        let path = path.strip_prefix('/').ok_or("a path begins with a slash")?;
        let pieces: Vec<&str> = path.split('/').collect();
        let mut names: Vec<&str> = Vec::new();
        let mut segments = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            let Some(name) = piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                segments.push(literal(piece, last)?);
                continue;
            };
            let (name, segment) = name.strip_suffix('*').map_or((name, Segment::One), |name| (name, Segment::Rest));
            if segment == Segment::Rest && !last {
                return Err("{name*} stands for the rest of the path and can only be last");
            }
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                return Err("a name in braces is letters, digits and \"_\"");
            }
            if names.contains(&name) {
                return Err("a name in braces is used twice");
            }
            names.push(name);
            segments.push(segment);
        }
        Ok(Self { methods, segments })
    }

    /// Whether every request that `other` matches is matched here too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.covers_methods(other) && self.covers_path(other)
    }

    fn covers_methods(&self, other: &Self) -> bool {
        self.methods.is_empty() || (!other.methods.is_empty() && other.methods.iter().all(|m| self.methods.contains(m)))
    }

    fn covers_path(&self, other: &Self) -> bool {
        for (index, segment) in self.segments.iter().enumerate() {
            match (segment, other.segments.get(index)) {
                (_, None) => return false,
                (Segment::Rest, Some(_)) => return true,
                (Segment::One, Some(Segment::One)) => {}
                (Segment::One, Some(Segment::Literal(text))) if !text.is_empty() => {}
                (Segment::Literal(text), Some(Segment::Literal(other))) if text == other => {}
                _ => return false,
            }
        }
        self.segments.len() == other.segments.len()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.methods.is_empty() {
            f.write_str("*")?;
        }
        for (index, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if index > 0 { "|" } else { "" })?;
        }
        f.write_str(" ")?;
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/{}")?,
                Segment::Rest => f.write_str("/{*}")?,
            }
        }
        Ok(())
    }
}

/// A literal segment in canonical spelling.
fn literal(piece: &str, last: bool) -> Result<Segment, &'static str> {
    if piece.is_empty() && !last {
        return Err("a path has no empty segments, except that it may end with a slash");
    }
    if piece.contains(['{', '}']) {
        return Err("braces stand around a whole segment: {name} or {name*}");
    }
    if matches!(piece, "." | "..") {
        return Err("a path template has no dot segments");
    }
    if !is_canonical_segment(piece.as_bytes()) {
        return Err("a segment holds what a path may hold: others as %XX in upper case, A-Z a-z 0-9 - . _ ~ unencoded");
    }
    Ok(Segment::Literal(piece.into()))
}

/// Whether a raw segment is the canonical one, spelled in any way.
fn same_segment(raw: &[u8], canonical: &[u8]) -> bool {
    raw == canonical || Canonical::of(raw).eq(canonical.iter().copied())
}
