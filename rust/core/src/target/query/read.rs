//! Splitting and decoding.

use super::decode::decode;
use super::{Done, Origin, Pair, Work};
use crate::outcome::{Reason, Stop};
use crate::policy::{BadTriplet, Nul, QueryPolicy, UnknownParameter};
use crate::rollout::Checks;

/// Splits and decodes the query into `work`, and takes the names that it finds out of `absent`.
pub(super) fn read(
    policy: &QueryPolicy,
    raw: &[u8],
    work: &mut Work,
    absent: &mut u128,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<(), Stop> {
    work.decoded.clear();
    work.pairs.clear();
    if raw.is_empty() {
        return Ok(());
    }
    if policy.max_params.is_some_and(|most| pieces(raw) > most) {
        checks.fired(Reason::whole("too_many_parameters").into())?;
    }
    let mut at = 0;
    loop {
        let end = memchr::memchr(b'&', &raw[at..]).map_or(raw.len(), |length| at + length);
        let piece = &raw[at..end];
        if piece.is_empty() {
            done.respelled = true;
        } else if let Some(pair) = piece_of(policy, piece, &mut work.decoded, done, checks)? {
            let pair = Pair { raw: at as u32, raw_end: end as u32, ..pair };
            if *absent != 0 {
                *absent &= !policy.expected.bit(pair.name(&work.decoded));
            }
            work.pairs.push(pair);
        }
        if end == raw.len() {
            return Ok(());
        }
        at = end + 1;
    }
}

/// How many pieces of the query are not empty.
fn pieces(raw: &[u8]) -> usize {
    let separators = memchr::memchr_iter(b'&', raw);
    let mut start = 0;
    let before: usize = separators.map(|at| usize::from(at > std::mem::replace(&mut start, at + 1))).sum();
    before + usize::from(raw.len() > start)
}

/// Decodes one piece; `None`: it is left out, and then it does not matter what its value holds.
fn piece_of(
    policy: &QueryPolicy,
    piece: &[u8],
    decoded: &mut Vec<u8>,
    done: &mut Done,
    checks: &mut Checks<'_>,
) -> Result<Option<Pair>, Stop> {
    let start = decoded.len();
    let split = memchr::memchr(b'=', piece);
    let mut good = half(&piece[..split.unwrap_or(piece.len())], decoded, checks)?;
    let middle = decoded.len();
    let name = &decoded[start..];
    let dropped = policy.drop.hold(name);
    let allowed = dropped || policy.allow.as_ref().is_none_or(|allow| allow.names.hold(name));
    if !allowed && policy.allow.as_ref().is_some_and(|allow| allow.unknown == UnknownParameter::Reject) {
        checks.fired(Reason::whole("unknown_parameter").into())?;
    } else if dropped || !allowed {
        decoded.truncate(start);
        done.dropped |= dropped;
        done.disallowed |= !dropped;
        return Ok(None);
    }
    good &= half(split.map_or(&[][..], |at| &piece[at + 1..]), decoded, checks)?;
    check(policy, &decoded[start..middle], &decoded[middle..], good, checks)?;
    let [name, value, end] = [start, middle, decoded.len()].map(|at| at as u32);
    let origin = if split.is_some() { Origin::Sent } else { Origin::Bare };
    Ok(Some(Pair { name, value, end, raw: 0, raw_end: 0, origin }))
}

/// Looks at a decoded name and value; `good` says that all their triplets were.
fn check(policy: &QueryPolicy, name: &[u8], value: &[u8], good: bool, checks: &mut Checks<'_>) -> Result<(), Stop> {
    let utf8 = |text: &[u8]| text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok();
    if !utf8(name) || !utf8(value) {
        checks.fired(Stop::outside("query.utf8"))?;
    }
    if !good && policy.bad_triplet == BadTriplet::Reject {
        checks.fired(Reason::whole("bad_triplet").into())?;
    }
    if policy.nul == Nul::Reject && [name, value].iter().any(|text| memchr::memchr(0, text).is_some()) {
        checks.fired(Reason::whole("nul_parameter").into())?;
    }
    let long = |text: &[u8], most: Option<usize>| most.is_some_and(|most| text.len() > most);
    if long(name, policy.max_name_bytes) || long(value, policy.max_value_bytes) {
        checks.fired(Reason::whole("parameter_too_long").into())?;
    }
    Ok(())
}

/// Decodes one half of a pair. Says whether all triplets were some.
fn half(raw: &[u8], out: &mut Vec<u8>, checks: &mut Checks<'_>) -> Result<bool, Stop> {
    if !raw.is_ascii() {
        checks.fired(Stop::outside("query.character"))?;
    }
    Ok(decode(raw, out))
}
