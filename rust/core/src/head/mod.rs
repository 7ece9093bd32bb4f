//! The host and the headers: which lines go on, in one spelling, joined or removed as the route says.
//!
//! Nothing is copied for a request that has its normal form already. Every step is linear in the bytes of the headers,
//! but for the names in `Connection`, which are sorted.

pub(crate) mod accept_language;
pub(crate) mod content_type;
mod duplicates;
mod framing;
mod hop_by_hop;
pub mod host;
mod lines;
mod list;
pub(crate) mod names;
mod normal;
pub mod rule;
mod write;

pub use list::HeaderList;

use lines::Line;
use names::{Seen, trim};

use crate::outcome::{Part, Stop};
use crate::policy::{HostPolicy, Languages, Route, RuleId};
use crate::rollout::Checks;
use crate::{Request, Scratch};

/// Work space that is reused between requests.
#[derive(Debug, Default)]
pub struct Work {
    /// Normal forms of the values of the `Host` lines, one after the other, and where each ends.
    hosts: Vec<u8>,
    host_ends: Vec<usize>,
    lines: Vec<Line>,
    /// Names in `Connection`: line, start, end.
    pieces: Vec<(usize, usize, usize)>,
    /// By known header: the first line and the last one so far.
    ends: Vec<Option<(usize, usize)>>,
    seen: Seen,
    /// A value that is compared with its normal form.
    text: Vec<u8>,
}

impl Work {
    /// The normal forms of the hosts, in the order of their lines.
    fn hosts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.host_ends.iter().copied());
        self.host_ends.iter().zip(starts).map(|(&end, start)| &self.hosts[start..end])
    }
}

/// Finds the normal form of the host; `Rewritten` says that it differs from what came.
///
/// # Errors
///
/// [`Stop::Invalid`] with `missing_host`, `duplicate_host` or `host_not_allowed`, [`Stop::Outside`] with `host.…`.
pub fn host(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    let Some(policy) = &route.host else { return Ok(Part::Same) };
    let Scratch { head: work, exercised, remarks, .. } = scratch;
    work.hosts.clear();
    work.host_ends.clear();
    let checks = &mut Checks::new(&route.rollouts, remarks);
    let values = || request.headers_named(b"host").map(|value| (value, trim(value)));
    if values().next().is_none() || values().any(|(_, host)| host.is_empty()) {
        if policy.required {
            checks.refuse("missing_host")?;
        }
        return Ok(Part::Same);
    }
    if values().nth(1).is_some() {
        checks.refuse("duplicate_host")?;
    }
    let (mut is_read, mut part) = (true, Part::Same);
    for (value, host) in values() {
        let start = work.hosts.len();
        is_read &= read_host(policy, host, &mut work.hosts, checks)?;
        work.host_ends.push(work.hosts.len());
        if work.hosts[start..] != *value {
            part = Part::Rewritten;
        }
    }
    if !is_read {
        return Ok(Part::Same);
    }
    if part == Part::Rewritten {
        exercised.push(policy.rule);
    }
    Ok(part)
}

/// Appends the normal form of one line. `false`: it has none, and what is not enforced lets it through as it came.
fn read_host(policy: &HostPolicy, host: &[u8], out: &mut Vec<u8>, checks: &mut Checks<'_>) -> Result<bool, Stop> {
    let (start, mut is_read) = (out.len(), true);
    let mut goes_on = |code| {
        let watched = checks.outside(code).is_ok();
        is_read &= !watched || code == "host.underscore";
        watched
    };
    let length = match host::write(policy, host, &mut goes_on, out) {
        Ok(length) => length,
        // There is no name that could be judged.
        Err(code) => return checks.outside(code).map(|()| false),
    };
    if policy.allow.as_ref().is_some_and(|allow| !allow.contains(&out[start..start + length])) {
        checks.refuse("host_not_allowed")?;
    }
    Ok(is_read)
}

/// Writes the normal form of the headers to `scratch.headers` unless they have it. `host` says whether the host has one
/// of its own, which [`host`](fn@host) found.
///
/// # Errors
///
/// [`Stop::Invalid`] or [`Stop::Outside`] with one of the codes of docs/policy/headers.md.
pub fn headers(route: &Route, request: &Request<'_>, host: Part, scratch: &mut Scratch) -> Result<Part, Stop> {
    let Some(policy) = &route.headers else { return Ok(Part::Same) };
    let Scratch { head: work, headers: out, exercised, remarks, .. } = scratch;
    work.seen.reset(policy.known.len());
    if host == Part::Same && normal::is_normal(policy, request.headers, &mut work.seen, &mut work.text) {
        return Ok(Part::Same);
    }
    let checks = &mut Checks::new(&route.rollouts, remarks);
    let mut done = Done::default();
    lines::check_bounds(policy, request.headers.iter().copied(), checks)?;
    let are_named = lines::read(policy, request, &mut work.lines, &mut done, checks)?;
    if policy.check_framing && framing::is_in_conflict(policy, request, &work.lines) {
        checks.refuse("framing")?;
    }
    if policy.remove_hop_by_hop {
        hop_by_hop::remove(policy, request, work, &mut done, checks)?;
    }
    duplicates::link(policy, request, work, &mut done, checks)?;
    write::all(policy, request, host, work, out, &mut done, checks)?;
    if !are_named {
        // Nothing is right for a name that cannot be written: the whole list goes on as it came.
        return Ok(Part::Same);
    }
    lines::check_bounds(policy, out.iter(), checks)?;
    exercised.extend(done.rules().map(|rule| RuleId(policy.rule.0 + rule)));
    Ok(if host == Part::Rewritten || done != Done::default() { Part::Rewritten } else { Part::Same })
}

/// Writes the lines as they came but for the host, where the headers themselves go on as they came.
pub fn with_host(request: &Request<'_>, host: Part, headers: Part, scratch: &mut Scratch) -> Part {
    if host == Part::Same || headers == Part::Rewritten {
        return headers;
    }
    let Scratch { head: work, headers: out, .. } = scratch;
    out.clear();
    let mut hosts = work.hosts();
    for (name, value) in request.headers {
        let replaced = if name.eq_ignore_ascii_case(b"host") { hosts.next() } else { None };
        out.push(name, replaced.unwrap_or(value));
    }
    Part::Rewritten
}

/// The most bytes of names and values that a list of `lines` lines and `bytes` bytes can become.
///
/// A joined line has two bytes more than its lines, a content type one more after each semicolon, and a v4-mapped
/// address up to six; one line of languages may be added.
pub fn most_header_bytes(route: &Route, lines: usize, bytes: usize) -> usize {
    let added = match route.headers.as_ref().map(|policy| &policy.languages) {
        Some(Languages::Negotiate(negotiation)) => {
            let longest = negotiation.tags.iter().chain([&negotiation.default]).map(|tag| tag.len()).max();
            "accept-language".len() + longest.unwrap_or(0)
        }
        _ => 0,
    };
    bytes.saturating_mul(2).saturating_add(lines.saturating_mul(2)).saturating_add(added)
}

/// Which rules changed something, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Done(u16);

impl Done {
    fn mark(&mut self, rule: u16) {
        self.0 |= 1 << rule;
    }

    fn rules(self) -> impl Iterator<Item = u16> {
        (0..rule::NAMES.len() as u16).filter(move |rule| self.0 & (1 << rule) != 0)
    }
}
