//! Several lines of one header: refused, joined, or kept.

use super::lines::Line;
use super::names::Traits;
use super::{Done, Work, rule};
use crate::Request;
use crate::outcome::Stop;
use crate::policy::HeadersPolicy;
use crate::rollout::Checks;

/// Links the lines that become one to the first of them, and finds those that may not be.
pub(super) fn link(
    policy: &HeadersPolicy,
    request: &Request<'_>,
    work: &mut Work,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    let Work { lines, ends, .. } = work;
    ends.clear();
    ends.resize(policy.known.len(), None);
    for at in 0..lines.len() {
        let Line { known: Some(known), gone: false, .. } = lines[at] else { continue };
        let Some((first, last)) = &mut ends[known] else {
            ends[known] = Some((at, at));
            continue;
        };
        let traits = policy.known.traits(known);
        if traits.has(Traits::SINGLE) {
            if !policy.refuse_duplicates {
                continue;
            }
            if traits.has(Traits::CONTENT_LENGTH) && lines[at].value(request) == lines[*first].value(request) {
                lines[at].gone = true;
                done.mark(rule::JOIN);
            } else {
                checks.refuse("duplicate_header")?;
            }
        } else if traits.has(Traits::LIST) {
            // The languages are read together even where their lines are not joined.
            if policy.join {
                lines[at].gone = true;
                done.mark(rule::JOIN);
            } else if !traits.has(Traits::ACCEPT_LANGUAGE) {
                continue;
            }
            lines[*last].next = Some(at);
            *last = at;
        }
    }
    Ok(())
}

/// The values of a line and of those that are linked to it.
pub(super) fn values<'w, 'r>(
    first: Line,
    lines: &'w [Line],
    request: &'w Request<'r>,
) -> impl Iterator<Item = &'r [u8]> + use<'w, 'r> {
    std::iter::successors(Some(first), |line| line.next.map(|next| lines[next])).map(|line| line.value(request))
}
