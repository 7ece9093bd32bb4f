//! Names that come twice.

use super::{Origin, Pair, Work};
use crate::outcome::{Reason, Stop};
use crate::policy::{Duplicates, QueryPolicy};
use crate::rollout::Checks;

/// Leaves one pair of each name, as the policy says, or finds that there are several; says whether it left out any.
///
/// The pairs are sorted by name and place, not hashed: no choice of names makes that slow.
pub(super) fn settle(policy: &QueryPolicy, work: &mut Work, checks: &mut Checks<'_>) -> Result<bool, Stop> {
    let Work { decoded, pairs, by_name } = work;
    by_name.clear();
    by_name.extend(0..pairs.len() as u32);
    let name = |index: u32| pairs[index as usize].name(decoded);
    by_name.sort_unstable_by(|&a, &b| name(a).cmp(name(b)).then(a.cmp(&b)));
    let mut settled = false;
    let mut left = &by_name[..];
    while let Some(&first) = left.first() {
        let name = pairs[first as usize].name(decoded);
        let same = left.iter().take_while(|&&index| pairs[index as usize].name(decoded) == name).count();
        let (group, rest) = left.split_at(same);
        left = rest;
        let &[_, .., last] = group else { continue };
        let stands = match policy.duplicates {
            Duplicates::Keep => return Ok(false),
            Duplicates::Reject => {
                return checks.fired(Reason::whole("duplicate_parameter").into()).map(|()| false);
            }
            Duplicates::First => pairs[first as usize],
            Duplicates::Last => pairs[last as usize],
            Duplicates::Join => {
                let joined = join(group, pairs, decoded);
                if policy.max_value_bytes.is_some_and(|most| joined.value(decoded).len() > most) {
                    checks.fired(Reason::whole("parameter_too_long").into())?;
                }
                joined
            }
        };
        for &index in group {
            pairs[index as usize].origin = Origin::Gone;
        }
        pairs[first as usize] = stands;
        settled = true;
    }
    if settled {
        pairs.retain(|pair| pair.origin != Origin::Gone);
    }
    Ok(settled)
}

/// One pair with the values of all, at the place of the first.
fn join(group: &[u32], pairs: &[Pair], decoded: &mut Vec<u8>) -> Pair {
    let first = pairs[group[0] as usize];
    let name = decoded.len();
    decoded.extend_from_within(first.name as usize..first.value as usize);
    let value = decoded.len();
    for (nth, &index) in group.iter().enumerate() {
        if nth > 0 {
            decoded.push(b',');
        }
        let pair = pairs[index as usize];
        decoded.extend_from_within(pair.value as usize..pair.end as usize);
    }
    let [name, value, end] = [name, value, decoded.len()].map(|at| at as u32);
    Pair { name, value, end, origin: Origin::Made, ..first }
}
