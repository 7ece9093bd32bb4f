//! The canonical path: one spelling of every character, no repeated slashes, no dot segments.
//!
//! It is what a Python service gets from `quote(unquote_to_bytes(raw), safe="/~!$&'()*+,;=:@")`, merged slashes and
//! `posixpath.normpath` with the trailing slash kept. Where decoding would give a character a meaning it did not have
//! (`%2F`), or a component behind could read dots that we do not see (`..;`), the path is outside the grammar.

use super::rule;
use crate::outcome::{Part, Stop};
use crate::policy::{Dots, EncodedReserved, RuleId, TargetPolicy};
use crate::rollout::Checks;

/// What an unencoded byte is in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Stands as it is, and is decoded when it comes as a triplet.
    Unreserved,
    /// Stands as it is, but means something else as a triplet.
    Reserved,
    /// Written as a triplet.
    Encoded,
    /// Not allowed in a path at all.
    Foreign,
    /// Begins a triplet.
    Percent,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Foreign; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => Class::Unreserved,
            b'/' | b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b':' | b'@' => Class::Reserved,
            b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Encoded,
            b'%' => Class::Percent,
            _ => Class::Foreign,
        };
        byte += 1;
    }
    classes
};

const fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// Writes the canonical form of `raw` to `out` unless it is canonical already.
///
/// # Errors
///
/// The first check that fires and is enforced; see docs/policy.md, "Targets".
pub fn normalize(
    policy: &TargetPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    exercised: &mut Vec<RuleId>,
    checks: &mut Checks<'_>,
) -> Result<Part, Stop> {
    if is_canonical(policy, raw) {
        return Ok(Part::Same);
    }
    out.clear();
    let done = rewrite(policy, raw, out, checks)?;
    let steps = [(done.respelled, rule::DECODE), (done.merged, rule::SLASHES), (done.dots, rule::DOTS)];
    let before = exercised.len();
    exercised.extend(steps.into_iter().filter_map(|(happened, rule)| happened.then_some(rule)));
    Ok(if exercised.len() > before { Part::Rewritten } else { Part::Same })
}

/// Whether a path needs no change. May say `false` of one that turns out to need none.
fn is_canonical(policy: &TargetPolicy, raw: &[u8]) -> bool {
    if raw.first() != Some(&b'/') {
        return false;
    }
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match class(byte) {
            Class::Unreserved => {}
            Class::Reserved if byte != b'/' => {}
            Class::Reserved => match raw.get(at) {
                Some(b'/') if policy.merge_slashes => return false,
                Some(b'.') if policy.dots != Dots::Keep => {
                    let after = if raw.get(at + 1) == Some(&b'.') { at + 2 } else { at + 1 };
                    if matches!(raw.get(after), None | Some(b'/' | b';' | b'%')) {
                        return false;
                    }
                }
                _ => {}
            },
            Class::Percent => {
                let Some(decoded) = triplet(&raw[at..]) else { return false };
                let kept = match class(decoded) {
                    Class::Unreserved => false,
                    Class::Reserved => policy.encoded_reserved == EncodedReserved::Keep,
                    Class::Encoded | Class::Foreign | Class::Percent => true,
                };
                if !kept || raw[at..at + 2].iter().any(u8::is_ascii_lowercase) {
                    return false;
                }
                at += 2;
            }
            Class::Encoded | Class::Foreign => return false,
        }
    }
    true
}

/// Which steps changed something.
#[derive(Default)]
struct Done {
    respelled: bool,
    merged: bool,
    dots: bool,
}

fn rewrite(policy: &TargetPolicy, raw: &[u8], out: &mut Vec<u8>, checks: &mut Checks<'_>) -> Result<Done, Stop> {
    let mut done = Done::default();
    let mut left = Some(raw.strip_prefix(b"/").ok_or(Stop::outside("path.form"))?);
    while let Some(here) = left {
        let end = memchr::memchr(b'/', here);
        left = end.map(|at| &here[at + 1..]);
        let start = out.len();
        out.push(b'/');
        done.respelled |= spell(policy, &here[..end.unwrap_or(here.len())], out, checks)?;
        let segment = &out[start + 1..];
        if segment.is_empty() {
            // An empty last segment is a trailing slash, which stays.
            if policy.merge_slashes && left.is_some() {
                out.truncate(start);
                done.merged = true;
            }
        } else if policy.dots != Dots::Keep && segment[0] == b'.' {
            match segment {
                b"." => {
                    out.truncate(start);
                    done.dots = true;
                }
                b".." => {
                    out.truncate(start);
                    let parent = memchr::memrchr(b'/', out);
                    if parent.is_none() && policy.dots == Dots::Strict {
                        checks.fired(Stop::outside("path.above_root"))?;
                    }
                    out.truncate(parent.unwrap_or(0));
                    done.dots = true;
                }
                _ if segment.starts_with(b".;") || segment.starts_with(b"..;") => {
                    checks.fired(Stop::outside("path.dot_parameter"))?;
                }
                _ => {}
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Ok(done)
}

/// Appends the canonical spelling of one segment; says whether it differs from `raw`.
fn spell(policy: &TargetPolicy, raw: &[u8], out: &mut Vec<u8>, checks: &mut Checks<'_>) -> Result<bool, Stop> {
    let mut respelled = false;
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match class(byte) {
            Class::Unreserved | Class::Reserved => out.push(byte),
            Class::Encoded => {
                out.extend_from_slice(&encoded(byte));
                respelled = true;
            }
            Class::Foreign => return Err(Stop::outside("path.character")),
            Class::Percent => {
                let decoded = triplet(&raw[at..]).ok_or(Stop::outside("path.triplet"))?;
                match class(decoded) {
                    Class::Unreserved => {
                        out.push(decoded);
                        respelled = true;
                    }
                    class => {
                        if class == Class::Reserved && policy.encoded_reserved == EncodedReserved::Outside {
                            checks.fired(Stop::outside("path.encoded_reserved"))?;
                        }
                        out.extend_from_slice(&encoded(decoded));
                        respelled |= raw[at..at + 2].iter().any(u8::is_ascii_lowercase);
                    }
                }
                at += 2;
            }
        }
    }
    Ok(respelled)
}

/// The byte that the two hex digits at the start of `digits` stand for.
pub(super) fn triplet(digits: &[u8]) -> Option<u8> {
    let &[high, low, ..] = digits else { return None };
    Some(nibble(high)? << 4 | nibble(low)?)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// `%XX` in upper case.
pub(super) const fn encoded(byte: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]
}

/// The canonical spelling of a raw segment, byte by byte and without a buffer; a bad triplet stays as it is.
pub(crate) struct Canonical<'a> {
    left: &'a [u8],
    // What is still to come of a triplet, last byte first.
    pending: [u8; 2],
    count: usize,
}

impl<'a> Canonical<'a> {
    pub(crate) fn of(raw: &'a [u8]) -> Self {
        Self { left: raw, pending: [0; 2], count: 0 }
    }

    fn triplet(&mut self, byte: u8) -> u8 {
        let [percent, high, low] = encoded(byte);
        self.pending = [low, high];
        self.count = 2;
        percent
    }
}

impl Iterator for Canonical<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Some(last) = self.count.checked_sub(1) {
            self.count = last;
            return Some(self.pending[last]);
        }
        let (&byte, left) = self.left.split_first()?;
        self.left = left;
        Some(match (class(byte), triplet(left)) {
            (Class::Percent, Some(decoded)) => {
                self.left = &left[2..];
                if class(decoded) == Class::Unreserved { decoded } else { self.triplet(decoded) }
            }
            (Class::Encoded, _) => self.triplet(byte),
            _ => byte,
        })
    }
}

/// Whether the text of a segment is its own canonical spelling.
pub(crate) fn is_canonical_segment(text: &[u8]) -> bool {
    let well_formed = memchr::memchr_iter(b'%', text).all(|at| triplet(&text[at + 1..]).is_some());
    well_formed
        && text.iter().all(|&b| !matches!(class(b), Class::Foreign | Class::Encoded))
        && Canonical::of(text).eq(text.iter().copied())
}
