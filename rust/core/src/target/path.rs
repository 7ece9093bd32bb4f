//! The canonical path: one spelling of every character, no repeated slashes, no dot segments.
//!
//! With the defaults it is what a Python service gets from `quote(unquote_to_bytes(raw), safe="/~!$&'()*+,;=:@")`, merged
//! slashes and `posixpath.normpath` with the trailing slash kept. Where decoding would give a character a meaning it did
//! not have (`%2F`), or a component behind could read dots that we do not see (`..;`), the path is outside the grammar.
//! docs/policy/target.md has the steps.

use super::rule;
use super::spelling::{Class, class, encoded, triplet};
use crate::outcome::{Part, Reason, Stop};
use crate::policy::{Backslash, Dots, EncodedSpecial, Params, PathCase, RuleId, TargetPolicy, TrailingSlash};
use crate::rollout::Checks;

/// The longest path that [`normalize`] makes of `raw_len` bytes: every byte a triplet, and a slash at the end.
pub fn most_path_bytes(policy: &TargetPolicy, raw_len: usize) -> usize {
    raw_len.saturating_mul(3).saturating_add(usize::from(policy.trailing_slash == TrailingSlash::Add))
}

/// Writes the canonical form of `raw` to `out` unless it is canonical already.
///
/// # Errors
///
/// The first check that fires and is enforced, or that leaves nothing to go on with: the path then goes on as it came.
pub fn normalize(
    policy: &TargetPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    exercised: &mut Vec<RuleId>,
    checks: &mut Checks<'_>,
) -> Result<Part, Stop> {
    bound(policy, raw, checks)?;
    if is_canonical(policy, raw) {
        return Ok(Part::Same);
    }
    out.clear();
    let done = rewrite(policy, raw, out, checks)?;
    bound(policy, out, checks)?;
    let before = exercised.len();
    exercised.extend(done.rules());
    Ok(if exercised.len() > before { Part::Rewritten } else { Part::Same })
}

fn bound(policy: &TargetPolicy, path: &[u8], checks: &mut Checks<'_>) -> Result<(), Stop> {
    match policy.max_bytes {
        Some(most) if path.len() > most => checks.fired(Reason::whole("path_too_long").into()),
        _ => Ok(()),
    }
}

/// Whether a path needs no change. May say `false` of one that turns out to need none.
fn is_canonical(policy: &TargetPolicy, raw: &[u8]) -> bool {
    if raw.first() != Some(&b'/') {
        return false;
    }
    let ends = match policy.trailing_slash {
        TrailingSlash::Keep => true,
        TrailingSlash::Strip => raw.len() == 1 || raw.last() != Some(&b'/'),
        TrailingSlash::Add => raw.last() == Some(&b'/'),
    };
    ends && is_spelled(policy, raw)
}

fn is_spelled(policy: &TargetPolicy, raw: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match class(byte) {
            Class::Unreserved if policy.case != PathCase::Keep && byte.is_ascii_uppercase() => return false,
            Class::Unreserved => {}
            Class::Reserved if byte == b';' && policy.params != Params::Keep => return false,
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
                let kept = class(decoded) != Class::Unreserved && outside(policy, decoded).is_none();
                if !kept || raw[at..at + 2].iter().any(u8::is_ascii_lowercase) {
                    return false;
                }
                at += 2;
            }
            Class::Encoded | Class::Foreign | Class::Special => return false,
        }
    }
    true
}

/// Why a triplet of this byte is outside the grammar, if it is.
fn outside(policy: &TargetPolicy, decoded: u8) -> Option<&'static str> {
    match class(decoded) {
        Class::Reserved if !policy.encoded_reserved.keeps(decoded) => Some("path.encoded_reserved"),
        Class::Special | Class::Percent if policy.encoded_special == EncodedSpecial::Outside => {
            Some("path.encoded_special")
        }
        _ => None,
    }
}

/// Which steps changed something.
#[derive(Default)]
struct Done {
    respelled: bool,
    merged: bool,
    dots: bool,
    backslash: bool,
    params: bool,
    trailing: bool,
    case: bool,
}

impl Done {
    fn rules(&self) -> impl Iterator<Item = RuleId> {
        let steps = [
            (self.respelled, rule::DECODE),
            (self.merged, rule::SLASHES),
            (self.dots, rule::DOTS),
            (self.backslash, rule::BACKSLASH),
            (self.params, rule::PARAMS),
            (self.trailing, rule::TRAILING_SLASH),
            (self.case, rule::CASE),
        ];
        steps.into_iter().filter_map(|(happened, rule)| happened.then_some(rule))
    }
}

fn rewrite(policy: &TargetPolicy, raw: &[u8], out: &mut Vec<u8>, checks: &mut Checks<'_>) -> Result<Done, Stop> {
    let mut done = Done::default();
    let mut left = match raw.split_first() {
        Some((b'/', rest)) => Some(rest),
        Some((b'\\', rest)) if policy.backslash == Backslash::Slash => {
            done.backslash = true;
            Some(rest)
        }
        _ => return Err(Stop::outside("path.form")),
    };
    while let Some(here) = left {
        let end = match policy.backslash {
            Backslash::Outside => memchr::memchr(b'/', here),
            Backslash::Slash => memchr::memchr2(b'/', b'\\', here),
        };
        left = end.map(|at| &here[at + 1..]);
        done.backslash |= end.is_some_and(|at| here[at] == b'\\');
        let start = out.len();
        out.push(b'/');
        spell(policy, &here[..end.unwrap_or(here.len())], out, &mut done, checks)?;
        strip(policy, start + 1, out, &mut done, checks)?;
        match &out[start + 1..] {
            // An empty last segment is a trailing slash, which stays.
            b"" if policy.merge_slashes && left.is_some() => {
                out.truncate(start);
                done.merged = true;
            }
            b"." if policy.dots != Dots::Keep => {
                out.truncate(start);
                done.dots = true;
            }
            b".." if policy.dots != Dots::Keep => {
                out.truncate(start);
                let parent = memchr::memrchr(b'/', out);
                if parent.is_none() && policy.dots == Dots::Strict {
                    checks.fired(Stop::outside("path.above_root"))?;
                }
                out.truncate(parent.unwrap_or(0));
                done.dots = true;
            }
            _ => {}
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    done.trailing = end(policy.trailing_slash, out);
    Ok(done)
}

/// Looks at what follows a semicolon in the segment that was spelled from `start` on.
fn strip(
    policy: &TargetPolicy,
    start: usize,
    out: &mut Vec<u8>,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    if policy.dots == Dots::Keep && policy.params == Params::Keep {
        return Ok(());
    }
    let segment = &out[start..];
    let dots = segment.starts_with(b".;") || segment.starts_with(b"..;");
    if dots {
        checks.fired(Stop::outside("path.dot_parameter"))?;
    }
    if policy.params == Params::Keep {
        return Ok(());
    }
    let Some(at) = memchr::memchr(b';', segment) else { return Ok(()) };
    if policy.params == Params::Reject {
        return checks.fired(Reason::whole("path_parameter").into());
    }
    // Stripped dots would be a dot segment that nobody wrote.
    if !dots {
        out.truncate(start + at);
        done.params = true;
    }
    Ok(())
}

/// Gives the path the end that the policy wants; says whether that changed it.
fn end(wanted: TrailingSlash, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    match wanted {
        TrailingSlash::Keep => {}
        TrailingSlash::Strip => {
            while out.len() > 1 && out.last() == Some(&b'/') {
                out.pop();
            }
        }
        TrailingSlash::Add => {
            if out.last() != Some(&b'/') {
                out.push(b'/');
            }
        }
    }
    out.len() != before
}

/// Appends the canonical spelling of one segment.
fn spell(
    policy: &TargetPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        let decoded = match class(byte) {
            Class::Unreserved => {
                push(policy, byte, out, done);
                continue;
            }
            Class::Reserved => {
                out.push(byte);
                continue;
            }
            Class::Encoded => {
                done.respelled = true;
                byte
            }
            Class::Foreign | Class::Special => {
                checks.fired(Stop::outside("path.character"))?;
                done.respelled = true;
                byte
            }
            Class::Percent => match triplet(&raw[at..]) {
                Some(decoded) => {
                    done.respelled |= raw[at..at + 2].iter().any(u8::is_ascii_lowercase);
                    at += 2;
                    decoded
                }
                None => {
                    checks.fired(Stop::outside("path.triplet"))?;
                    done.respelled = true;
                    byte
                }
            },
        };
        if class(decoded) == Class::Unreserved {
            done.respelled = true;
            push(policy, decoded, out, done);
            continue;
        }
        if let Some(why) = outside(policy, decoded) {
            checks.fired(Stop::outside(why))?;
        }
        out.extend_from_slice(&encoded(decoded));
    }
    Ok(())
}

fn push(policy: &TargetPolicy, letter: u8, out: &mut Vec<u8>, done: &mut Done) {
    if policy.case == PathCase::AsciiLower && letter.is_ascii_uppercase() {
        done.case = true;
        out.push(letter.to_ascii_lowercase());
    } else {
        out.push(letter);
    }
}
