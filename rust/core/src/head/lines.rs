//! Each line for itself: its name, its value, and whether it goes on.

use super::names::{is_token, trim};
use super::{Done, rule};
use crate::Request;
use crate::head::names::Traits;
use crate::outcome::Stop;
use crate::policy::{HeadersPolicy, Underscore};
use crate::rollout::Checks;

/// One line that may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Index in the request's headers.
    pub(super) index: usize,
    /// Its value without blanks at its ends.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Index in the policy's known headers.
    pub(super) known: Option<usize>,
    /// It does not go on as a line of its own.
    pub(super) gone: bool,
    /// The line that is joined to this one.
    pub(super) next: Option<usize>,
}

impl Line {
    /// Its name as it came.
    pub(super) fn name<'r>(&self, request: &Request<'r>) -> &'r [u8] {
        request.headers[self.index].0
    }

    /// Its value, trimmed.
    pub(super) fn value<'r>(&self, request: &Request<'r>) -> &'r [u8] {
        &request.headers[self.index].1[self.start..self.end]
    }

    /// What is done with its header.
    pub(super) fn traits(&self, policy: &HeadersPolicy) -> Traits {
        self.known.map_or(Traits::default(), |known| policy.known.traits(known))
    }
}

/// Bounds on all lines: their count, all bytes, then each name and value.
pub(super) fn check_bounds<'a>(
    policy: &HeadersPolicy,
    lines: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    let bounds = &policy.bounds;
    if lines.len() > bounds.count {
        checks.refuse("too_many_headers")?;
    }
    let (mut bytes, mut long) = (0, false);
    for (name, value) in lines {
        bytes += name.len() + value.len();
        long |= name.len() > bounds.name_bytes || value.len() > bounds.value_bytes;
    }
    if bytes > bounds.bytes {
        checks.refuse("headers_too_large")?;
    }
    if long {
        checks.refuse("header_too_large")?;
    }
    Ok(())
}

/// Reads every line into `lines` but those that are left out. `false`: one has a name that is none, which is not
/// enforced; then the others are there to be checked.
pub(super) fn read(
    policy: &HeadersPolicy,
    request: &Request<'_>,
    lines: &mut Vec<Line>,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<bool, Stop> {
    lines.clear();
    let mut are_named = true;
    for (index, &(name, value)) in request.headers.iter().enumerate() {
        if name.is_empty() || !name.iter().all(|&b| is_token(b)) {
            checks.outside("header.name")?;
            are_named = false;
            continue;
        }
        if policy.underscore != Underscore::Keep && memchr::memchr(b'_', name).is_some() {
            if policy.underscore == Underscore::Drop {
                done.mark(rule::UNDERSCORE);
                continue;
            }
            checks.refuse("header_underscore")?;
        }
        let known = policy.known.find(name);
        if is_dropped(policy, name, known) {
            done.mark(rule::DROP);
            continue;
        }
        if name.iter().any(u8::is_ascii_uppercase) {
            done.mark(rule::NAMES_LOWER);
        }
        let trimmed = trim(value);
        if trimmed.len() < value.len() {
            done.mark(rule::TRIM);
        }
        if has_control(trimmed) {
            checks.outside("header.value")?;
        }
        if !policy.keep_obs_text && !trimmed.is_ascii() {
            checks.outside("header.obs_text")?;
        }
        let start = value.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(0);
        lines.push(Line { index, start, end: start + trimmed.len(), known, gone: false, next: None });
    }
    Ok(are_named)
}

/// Whether the policy leaves a header out.
pub(super) fn is_dropped(policy: &HeadersPolicy, name: &[u8], known: Option<usize>) -> bool {
    known.is_some_and(|known| policy.known.traits(known).has(Traits::DROP)) || starts_dropped(policy, name)
}

/// Whether a name begins as the policy drops it. None of the starts is the start of another, so that only the last one
/// that does not sort after the name can be its start.
fn starts_dropped(policy: &HeadersPolicy, name: &[u8]) -> bool {
    if policy.drop_starts.is_empty() {
        return false;
    }
    let after = policy.drop_starts.partition_point(|start| super::names::cmp_lower(start.as_bytes(), name).is_le());
    after.checked_sub(1).is_some_and(|at| {
        let start = policy.drop_starts[at].as_bytes();
        name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    })
}

/// Whether there is a control character other than a tab.
///
/// Every byte is looked at, so that the compiler can look at many at once.
pub(super) fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, &b| found | ((b < 0x20) & (b != b'\t')) | (b == 0x7f))
}
