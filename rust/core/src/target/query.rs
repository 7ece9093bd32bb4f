//! The canonical query: `urlencode(sorted(parse_qsl(query, keep_blank_values=True)))` without the names to drop.

use super::path::{encoded, triplet};
use super::rule;
use crate::outcome::{Part, Stop};
use crate::policy::{NamePattern, QueryPolicy, RuleId, Sort};
use crate::rollout::Checks;

/// The longest query that is looked at. Servers stop at 8 to 64 KiB; this keeps sorting bounded behind any of them,
/// and offsets in 32 bits.
const MAX_BYTES: usize = 1 << 20;

/// Work space that is reused between queries.
#[derive(Debug, Default)]
pub struct Work {
    decoded: Vec<u8>,
    pairs: Vec<Pair>,
}

/// One pair: offsets into the decoded bytes (name, then value) and into the query.
#[derive(Debug, Clone, Copy)]
struct Pair {
    name: u32,
    value: u32,
    end: u32,
    raw: u32,
    raw_end: u32,
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
}

/// Writes the canonical form of `raw` to `out` unless it is canonical already.
///
/// # Errors
///
/// The first check that fires and is enforced; see docs/policy.md, "Targets".
pub fn normalize(
    policy: &QueryPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    work: &mut Work,
    exercised: &mut Vec<RuleId>,
    checks: &mut Checks<'_>,
) -> Result<Part, Stop> {
    if raw.is_empty() {
        return Ok(Part::Same);
    }
    out.clear();
    let done = rewrite(policy, raw, out, work, checks)?;
    let steps = [(done.dropped, rule::DROP), (done.sorted, rule::SORT), (done.respelled, rule::ENCODE)];
    let before = exercised.len();
    exercised.extend(steps.into_iter().filter_map(|(happened, rule)| happened.then_some(rule)));
    Ok(if exercised.len() > before { Part::Rewritten } else { Part::Same })
}

fn rewrite(
    policy: &QueryPolicy,
    raw: &[u8],
    out: &mut Vec<u8>,
    work: &mut Work,
    _checks: &mut Checks<'_>,
) -> Result<Done, Stop> {
    if raw.len() > MAX_BYTES {
        return Err(Stop::outside("query.length"));
    }
    let mut done = Done::default();
    read(policy, raw, work, &mut done)?;
    let Work { decoded, pairs } = work;
    done.sorted = sort(policy.sort, decoded, pairs);
    for (index, pair) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        let start = out.len();
        encode(pair.name(decoded), policy.space_as_plus, out);
        out.push(b'=');
        encode(pair.value(decoded), policy.space_as_plus, out);
        done.respelled |= out[start..] != raw[pair.raw as usize..pair.raw_end as usize];
    }
    Ok(done)
}

/// Splits and decodes the query into `work`.
fn read(policy: &QueryPolicy, raw: &[u8], work: &mut Work, done: &mut Done) -> Result<(), Stop> {
    work.decoded.clear();
    work.pairs.clear();
    let mut at = 0;
    loop {
        let end = memchr::memchr(b'&', &raw[at..]).map_or(raw.len(), |length| at + length);
        let piece = &raw[at..end];
        if piece.is_empty() {
            done.respelled = true;
        } else if let Some(pair) = read_pair(policy, piece, &mut work.decoded)? {
            work.pairs.push(Pair { raw: at as u32, raw_end: end as u32, ..pair });
        } else {
            done.dropped = true;
        }
        if end == raw.len() {
            return Ok(());
        }
        at = end + 1;
    }
}

/// Decodes one pair; `None`: its name is to be dropped, and then it does not matter what its value holds.
fn read_pair(policy: &QueryPolicy, piece: &[u8], decoded: &mut Vec<u8>) -> Result<Option<Pair>, Stop> {
    let start = decoded.len();
    let split = memchr::memchr(b'=', piece).unwrap_or(piece.len());
    let ascii_name = decode(&piece[..split], decoded);
    if !ascii_name {
        return Err(Stop::outside("query.character"));
    }
    let middle = decoded.len();
    let name = &decoded[start..];
    if policy.drop.iter().any(|pattern| pattern.matches(name)) {
        decoded.truncate(start);
        return Ok(None);
    }
    let plain_name = name.is_ascii() || simdutf8::basic::from_utf8(name).is_ok();
    let ascii_value = decode(piece.get(split + 1..).unwrap_or_default(), decoded);
    if !ascii_value {
        return Err(Stop::outside("query.character"));
    }
    let value = &decoded[middle..];
    if !plain_name || !(value.is_ascii() || simdutf8::basic::from_utf8(value).is_ok()) {
        return Err(Stop::outside("query.utf8"));
    }
    Ok(Some(Pair { name: start as u32, value: middle as u32, end: decoded.len() as u32, raw: 0, raw_end: 0 }))
}

/// Decodes `+` and triplets; one that is none stays as it is. Says whether `raw` was ASCII.
fn decode(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let mut left = raw;
    while let Some(at) = memchr::memchr2(b'%', b'+', left) {
        out.extend_from_slice(&left[..at]);
        let special = left[at];
        left = &left[at + 1..];
        match (special, triplet(left)) {
            (b'+', _) => out.push(b' '),
            (_, Some(byte)) => {
                out.push(byte);
                left = &left[2..];
            }
            (_, None) => out.push(b'%'),
        }
    }
    out.extend_from_slice(left);
    raw.is_ascii()
}

/// Sorts the pairs; says whether their order changed.
fn sort(order: Sort, decoded: &[u8], pairs: &mut [Pair]) -> bool {
    // The place in the query makes the order total, so an unstable sort, which needs no memory, is stable.
    // UTF-8 sorts by bytes as Python's str does by code points.
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

/// Appends `text` with everything but A-Z a-z 0-9 - . _ ~ as triplets.
fn encode(text: &[u8], space_as_plus: bool, out: &mut Vec<u8>) {
    let mut left = text;
    while let Some(at) = left.iter().position(|b| !LITERAL[usize::from(*b)]) {
        out.extend_from_slice(&left[..at]);
        match left[at] {
            b' ' if space_as_plus => out.push(b'+'),
            byte => out.extend_from_slice(&encoded(byte)),
        }
        left = &left[at + 1..];
    }
    out.extend_from_slice(left);
}

const LITERAL: [bool; 256] = {
    let mut literal = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        literal[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    literal
};

impl NamePattern {
    /// Whether it means the decoded name.
    fn matches(&self, name: &[u8]) -> bool {
        if self.prefix { name.starts_with(self.text.as_bytes()) } else { name == self.text.as_bytes() }
    }
}
