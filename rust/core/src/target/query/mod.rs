//! The canonical query.
//!
//! With `sort = "pair"` it is `urlencode(sorted(parse_qsl(query, keep_blank_values=True)))` without the names to drop.
//! docs/policy/target.md has the steps; this file is their order.

pub(crate) mod decode;
mod duplicates;
mod read;
pub(crate) mod write;

use super::rule;
use crate::outcome::{Part, Reason, Stop};
use crate::policy::{Duplicates, QueryPolicy, RuleId, Sort};
use crate::rollout::Checks;

/// The longest query that is looked at, and that goes on. Servers stop at 8 to 64 KiB; this keeps sorting bounded behind
/// any of them, and offsets in 32 bits.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Work space that is reused between queries.
#[derive(Debug, Default)]
pub struct Work {
    decoded: Vec<u8>,
    pairs: Vec<Pair>,
    by_name: Vec<u32>,
}

/// One pair: offsets into the decoded bytes (name, then value) and into the query.
#[derive(Debug, Clone, Copy)]
struct Pair {
    name: u32,
    value: u32,
    end: u32,
    raw: u32,
    raw_end: u32,
    origin: Origin,
}

/// Where a pair comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// From the query.
    Sent,
    /// From the query, without an `=`.
    Bare,
    /// From a join or a default: nothing in the query is its spelling.
    Made,
    /// Another of the same name stands for it.
    Gone,
}

impl Pair {
    fn name<'a>(&self, decoded: &'a [u8]) -> &'a [u8] {
        &decoded[self.name as usize..self.value as usize]
    }

    fn value<'a>(&self, decoded: &'a [u8]) -> &'a [u8] {
        &decoded[self.value as usize..self.end as usize]
    }
}

/// Which steps changed something.
#[derive(Default)]
struct Done {
    dropped: bool,
    sorted: bool,
    respelled: bool,
    disallowed: bool,
    deduplicated: bool,
    defaulted: bool,
}

impl Done {
    fn rules(&self) -> impl Iterator<Item = RuleId> {
        let steps = [
            (self.dropped, rule::DROP),
            (self.sorted, rule::SORT),
            (self.respelled, rule::ENCODE),
            (self.disallowed, rule::ALLOW),
            (self.deduplicated, rule::DUPLICATES),
            (self.defaulted, rule::DEFAULT),
        ];
        steps.into_iter().filter_map(|(happened, rule)| happened.then_some(rule))
    }
}

/// The longest query that [`normalize`] makes of `raw_len` bytes. Less than three bytes come of each, since the `=` of a
/// bare name is made up for by the `&` before it; a join writes `%2C` where two bytes stood; then there are the defaults.
pub fn most_query_bytes(policy: &QueryPolicy, raw_len: usize) -> usize {
    let bytes = |(name, value): &(Box<str>, Box<str>)| 3 * (name.len() + value.len()) + 2;
    let defaults: usize = policy.expected.defaults().iter().map(bytes).sum();
    raw_len.saturating_mul(3).saturating_add(1 + defaults)
}

/// Writes the canonical form of `raw` to `out` unless it is canonical already.
///
/// # Errors
///
/// The first check that fires and is enforced, or that leaves nothing to go on with: the query then goes on as it came.
pub fn normalize(
    policy: &QueryPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    work: &mut Work,
    exercised: &mut Vec<RuleId>,
    checks: &mut Checks<'_>,
) -> Result<Part, Stop> {
    if raw.is_empty() && policy.expected.is_empty() {
        return Ok(Part::Same);
    }
    out.clear();
    let done = rewrite(policy, raw, out, work, checks)?;
    let before = exercised.len();
    exercised.extend(done.rules());
    Ok(if exercised.len() > before { Part::Rewritten } else { Part::Same })
}

fn rewrite(
    policy: &QueryPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    work: &mut Work,
    checks: &mut Checks<'_>,
) -> Result<Done, Stop> {
    bound(raw)?;
    let mut done = Done::default();
    let mut absent = policy.expected.all();
    read::read(policy, raw, work, &mut absent, &mut done, checks)?;
    if policy.duplicates != Duplicates::Keep {
        done.deduplicated = duplicates::settle(policy, work, checks)?;
    }
    if policy.expected.any_required(absent) {
        checks.fired(Reason::whole("missing_parameter").into())?;
    }
    done.defaulted = defaults(policy, raw.len(), absent, work);
    if done.defaulted && policy.max_params.is_some_and(|most| work.pairs.len() > most) {
        checks.fired(Reason::whole("too_many_parameters").into())?;
    }
    done.sorted = sort(policy.sort, &work.decoded, &mut work.pairs);
    done.respelled |= write::write(policy, raw, work, out);
    bound(out)?;
    Ok(done)
}

fn bound(query: &[u8]) -> Result<(), Stop> {
    if query.len() > MAX_BYTES { Err(Stop::outside("query.length")) } else { Ok(()) }
}

/// Appends a pair for each default whose name is `absent`; says whether there was one.
fn defaults(policy: &QueryPolicy, raw_len: usize, absent: u128, work: &mut Work) -> bool {
    let before = work.pairs.len();
    for (name, value) in policy.expected.defaults_of(absent) {
        let start = work.decoded.len();
        work.decoded.extend_from_slice(name.as_bytes());
        let middle = work.decoded.len();
        work.decoded.extend_from_slice(value.as_bytes());
        let [name, value, end, raw] = [start, middle, work.decoded.len(), raw_len].map(|at| at as u32);
        work.pairs.push(Pair { name, value, end, raw, raw_end: raw, origin: Origin::Made });
    }
    work.pairs.len() > before
}

/// Sorts the pairs; says whether their order changed.
fn sort(order: Sort, decoded: &[u8], pairs: &mut [Pair]) -> bool {
    // The place in the query makes the order total, so an unstable sort, which needs no memory, is stable. Pairs that
    // were made have a name of their own. UTF-8 sorts by bytes as Python's str does by code points.
    let by_name = |a: &Pair, b: &Pair| a.name(decoded).cmp(b.name(decoded));
    let by_pair = |a: &Pair, b: &Pair| by_name(a, b).then_with(|| a.value(decoded).cmp(b.value(decoded)));
    let unsorted = match order {
        Sort::No => false,
        Sort::ByName => !pairs.is_sorted_by(|a, b| by_name(a, b).is_le()),
        Sort::ByPair => !pairs.is_sorted_by(|a, b| by_pair(a, b).is_le()),
    };
    if unsorted {
        match order {
            Sort::ByPair => pairs.sort_unstable_by(|a, b| by_pair(a, b).then(a.raw.cmp(&b.raw))),
            Sort::ByName | Sort::No => pairs.sort_unstable_by(|a, b| by_name(a, b).then(a.raw.cmp(&b.raw))),
        }
    }
    unsorted
}
