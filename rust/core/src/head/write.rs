//! The lines that go on, with their values as the policy writes them.

use super::accept_language::Ranges;
use super::duplicates::values;
use super::lines::Line;
use super::names::Traits;
use super::{Done, HeaderList, Work, content_type, rule};
use crate::Request;
use crate::outcome::{Part, Stop};
use crate::policy::{HeadersPolicy, Languages};
use crate::rollout::Checks;

/// Writes all lines that are not gone, then what the policy wants to be there.
pub(super) fn all(
    policy: &HeadersPolicy,
    request: &Request<'_>,
    host: Part,
    work: &mut Work,
    out: &mut HeaderList,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    let Work { hosts, host_ends, lines, seen, .. } = work;
    out.clear();
    seen.reset(policy.known.len());
    let starts = std::iter::once(0).chain(host_ends.iter().copied());
    let mut hosts = host_ends.iter().zip(starts).map(|(&end, start)| &hosts[start..end]);
    let (mut negotiated, mut languages_kept) = (false, false);
    for at in 0..lines.len() {
        let line = lines[at];
        let traits = line.traits(policy);
        // Every line of the host has a normal form of its own, also one that is gone.
        let host = if host == Part::Rewritten && traits.has(Traits::HOST) { hosts.next() } else { None };
        if line.gone {
            continue;
        }
        if let Some(known) = line.known {
            seen.insert(known);
        }
        let name = line.name(request);
        if let Some(host) = host {
            push(out, name, |value| value.extend_from_slice(host));
        } else if traits.has(Traits::CONTENT_TYPE) && policy.normalize_content_type {
            out.push_lower(name, |value| media_type(line.value(request), value, done, checks))?;
        } else if traits.has(Traits::ACCEPT_LANGUAGE) && policy.languages != Languages::Keep && !languages_kept {
            match read_languages(policy, line, lines, request) {
                Some(ranges) => {
                    push(out, name, |value| languages(policy, &ranges, line, request, value, done));
                    take_all(lines, at, done);
                }
                None => {
                    languages_kept = true;
                    push(out, name, |value| joined(policy, line, lines, request, value));
                }
            }
            negotiated = true;
        } else {
            push(out, name, |value| joined(policy, line, lines, request, value));
        }
    }
    // After the content types, which can stand behind.
    if languages_kept {
        checks.outside("header.accept_language")?;
    }
    if let Languages::Negotiate(negotiation) = &policy.languages
        && !negotiated
    {
        const NAME: &[u8] = b"accept-language";
        out.push(NAME, negotiation.default.as_bytes());
        policy.known.find(NAME).map(|known| seen.insert(known));
        done.mark(rule::ACCEPT_LANGUAGE);
    }
    let missing = |known| policy.known.traits(known).has(Traits::REQUIRED) && !seen.contains(known);
    if policy.required > 0 && (0..policy.known.len()).any(missing) {
        checks.refuse("missing_header")?;
    }
    Ok(())
}

fn push(out: &mut HeaderList, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    let Ok(()) = out.push_lower(name, |value| {
        write(value);
        Ok::<_, std::convert::Infallible>(())
    });
}

/// Appends the values of a line and of those that are joined to it; empty ones are left out.
fn joined(policy: &HeadersPolicy, first: Line, lines: &[Line], request: &Request<'_>, out: &mut Vec<u8>) {
    if first.next.is_none() || !policy.join {
        out.extend_from_slice(first.value(request));
        return;
    }
    let between: &[u8] = if first.traits(policy).has(Traits::COOKIE) { b"; " } else { b", " };
    let mut before = false;
    for value in values(first, lines, request).filter(|value| !value.is_empty()) {
        if std::mem::replace(&mut before, true) {
            out.extend_from_slice(between);
        }
        out.extend_from_slice(value);
    }
}

/// Appends a content type in its normal form, or as it is where it has none.
fn media_type(value: &[u8], out: &mut Vec<u8>, done: &mut Done, checks: &mut Checks<'_>) -> Result<(), Stop> {
    let start = out.len();
    let Some(found) = content_type::write(value, out) else {
        checks.outside("header.content_type")?;
        out.truncate(start);
        out.extend_from_slice(value);
        return Ok(());
    };
    if found.duplicate {
        checks.refuse("duplicate_media_parameter")?;
    }
    if found.foreign_json {
        checks.refuse("json_charset")?;
    }
    if out[start..] != *value {
        done.mark(rule::CONTENT_TYPE);
    }
    Ok(())
}

/// The ranges of all lines of languages; their length is that of the one line that they stand for.
fn read_languages<'r>(
    policy: &HeadersPolicy,
    first: Line,
    lines: &[Line],
    request: &Request<'r>,
) -> Option<Ranges<'r>> {
    let all = || values(first, lines, request).filter(|value| !policy.join || !value.is_empty());
    let between = if policy.join { ", ".len() } else { ",".len() };
    let length = all().map(|value| value.len() + between).sum::<usize>().saturating_sub(between);
    Ranges::read(all(), length)
}

fn languages(
    policy: &HeadersPolicy,
    ranges: &Ranges<'_>,
    first: Line,
    request: &Request<'_>,
    out: &mut Vec<u8>,
    done: &mut Done,
) {
    let start = out.len();
    match &policy.languages {
        Languages::Negotiate(negotiation) => out.extend_from_slice(ranges.negotiate(negotiation).as_bytes()),
        Languages::Keep | Languages::Normalize => ranges.write(out),
    }
    if out[start..] != *first.value(request) {
        done.mark(rule::ACCEPT_LANGUAGE);
    }
}

/// The lines that are linked to the first one went into it.
fn take_all(lines: &mut [Line], first: usize, done: &mut Done) {
    let mut next = lines[first].next;
    while let Some(at) = next {
        lines[at].gone = true;
        done.mark(rule::ACCEPT_LANGUAGE);
        next = lines[at].next;
    }
}
