//! Reading a form: pieces between `&`, decoded; bounds; and names that come twice.

use super::{Pair, Work};
use crate::outcome::{Reason, Stop};
use crate::policy::{FormPolicy, Repeats};
use crate::rollout::Checks;
use crate::target::spelling::triplet;

/// Decodes all pairs into `work`.
pub(super) fn pairs(body: &[u8], work: &mut Work) -> Result<(), Stop> {
    let mut left = body;
    while !left.is_empty() {
        let end = memchr::memchr(b'&', left).unwrap_or(left.len());
        let piece = &left[..end];
        left = left.get(end + 1..).unwrap_or_default();
        if piece.is_empty() {
            continue;
        }
        if !piece.is_ascii() {
            return Err(Stop::outside("form.character"));
        }
        let split = memchr::memchr(b'=', piece).unwrap_or(piece.len());
        let name = decoded(&piece[..split], &mut work.text)?;
        let value = decoded(piece.get(split + 1..).unwrap_or_default(), &mut work.text)?;
        work.pairs.push(Pair { name, value, is_gone: false });
    }
    Ok(())
}

/// Appends one half of a pair to `text`: `+` is a space, a triplet a byte, and what is none stays. Where it is.
fn decoded(raw: &[u8], text: &mut Vec<u8>) -> Result<std::ops::Range<usize>, Stop> {
    let start = text.len();
    let mut left = raw;
    while let Some(at) = memchr::memchr2(b'%', b'+', left) {
        text.extend_from_slice(&left[..at]);
        let special = left[at];
        left = &left[at + 1..];
        match (special, triplet(left)) {
            (b'+', _) => text.push(b' '),
            (_, Some(byte)) => {
                text.push(byte);
                left = &left[2..];
            }
            (_, None) => text.push(b'%'),
        }
    }
    text.extend_from_slice(left);
    simdutf8::basic::from_utf8(&text[start..]).map_err(|_| Stop::outside("form.utf8"))?;
    Ok(start..text.len())
}

/// Holds the form against the policy's bounds.
pub(super) fn bounds(policy: &FormPolicy, work: &Work, checks: &mut Checks<'_>) -> Result<(), Stop> {
    let too_many = work.pairs.len() > policy.max_params;
    let long_name = work.pairs.iter().any(|pair| pair.name.len() > policy.max_name_bytes);
    let long_value = work.pairs.iter().any(|pair| pair.value.len() > policy.max_value_bytes);
    for (is_over, code) in [(too_many, "too_many_fields"), (long_name, "name_too_long"), (long_value, "value_too_long")]
    {
        if is_over {
            checks.fired(Reason::whole(code).into())?;
        }
    }
    Ok(())
}

/// Leaves one pair of each name, as the policy says, or finds that there are several.
///
/// Names are sorted, not hashed: no choice of names makes that slow.
pub(super) fn settle(policy: &FormPolicy, work: &mut Work, checks: &mut Checks<'_>) -> Result<(), Stop> {
    if policy.duplicates == Repeats::Keep {
        return Ok(());
    }
    let Work { text, pairs, by_name, .. } = work;
    by_name.extend(0..pairs.len());
    let name = |index: usize| &text[pairs[index].name.clone()];
    by_name.sort_unstable_by(|&a, &b| name(a).cmp(name(b)).then(a.cmp(&b)));
    let mut left = &by_name[..];
    while let Some(&first) = left.first() {
        let same = left.iter().take_while(|&&index| text[pairs[index].name.clone()] == text[pairs[first].name.clone()]);
        let (group, rest) = left.split_at(same.count());
        left = rest;
        let &[_, ref others @ .., last] = group else { continue };
        match policy.duplicates {
            Repeats::Keep => {}
            Repeats::Reject => return checks.fired(Reason::whole("duplicate_field").into()),
            Repeats::First => {}
            Repeats::Last => pairs[first].value = pairs[last].value.clone(),
        }
        for &index in others.iter().chain([&last]) {
            pairs[index].is_gone = true;
        }
    }
    Ok(())
}
