//! Headers that end with the connection (RFC 9110 §7.6.1).
//!
//! A client can name any header in `Connection`, and a proxy that obeys drops what the service behind relies on.

use super::names::{PROTECTED_START, Traits, cmp_lower, trim};
use super::{Done, Work, rule};
use crate::Request;
use crate::outcome::Stop;
use crate::policy::HeadersPolicy;
use crate::rollout::Checks;

/// Marks the lines that go no further.
pub(super) fn remove(
    policy: &HeadersPolicy,
    request: &Request<'_>,
    work: &mut Work,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    let Work { lines, pieces, .. } = work;
    pieces.clear();
    for line in lines.iter().filter(|line| line.traits(policy).has(Traits::CONNECTION)) {
        let mut at = line.start;
        for piece in line.value(request).split(|&b| b == b',') {
            let lead = piece.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(piece.len());
            let (start, name) = (at + lead, trim(piece));
            at += piece.len() + 1;
            let traits = policy.known.find(name).map_or(Traits::default(), |known| policy.known.traits(known));
            let begins_protected =
                name.get(..PROTECTED_START.len()).is_some_and(|start| start.eq_ignore_ascii_case(PROTECTED_START));
            if traits.has(Traits::PROTECTED) || begins_protected {
                checks.refuse("connection_names_protected")?;
            } else if !name.is_empty() && !traits.has(Traits::HOP) {
                pieces.push((line.index, start, start + name.len()));
            }
        }
    }
    let text = |&(line, start, end): &(usize, usize, usize)| &request.headers[line].1[start..end];
    pieces.sort_unstable_by(|one, other| cmp_lower(text(one), text(other)));
    for line in lines.iter_mut() {
        let name = line.name(request);
        let named = || pieces.binary_search_by(|piece| cmp_lower(text(piece), name)).is_ok();
        if line.traits(policy).has(Traits::HOP) || named() {
            line.gone = true;
            done.mark(rule::HOP_BY_HOP);
        }
    }
    Ok(())
}
