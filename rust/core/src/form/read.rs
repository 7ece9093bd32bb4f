//! Reading a form: pieces between `&`, decoded; bounds; and names that come twice.

use super::{Pair, Work};
use crate::outcome::{Reason, Stop};
use crate::policy::{FormPolicy, Repeats};
use crate::rollout::{Checks, Rollout, Rollouts};
use crate::target::query::decode::decode;

/// Decodes all pairs into `work`; how many there are. Where more than `max_params` are refused, those beyond it are
/// looked at and not held: what a request can make a worker remember is bounded by the policy.
pub(super) fn pairs(policy: &FormPolicy, rollouts: &Rollouts, body: &[u8], work: &mut Work) -> Result<usize, Stop> {
    let most = match rollouts.of("too_many_fields") {
        Rollout::Enforce => policy.max_params,
        Rollout::Observe | Rollout::Warn => usize::MAX,
    };
    let mut count = 0;
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
        let start = work.text.len();
        let split = memchr::memchr(b'=', piece).unwrap_or(piece.len());
        let name = decoded(&piece[..split], &mut work.text)?;
        let value = decoded(piece.get(split + 1..).unwrap_or_default(), &mut work.text)?;
        count += 1;
        if count > most {
            work.text.truncate(start);
        } else {
            work.pairs.push(Pair { name, value, is_gone: false });
        }
    }
    Ok(count)
}

/// Appends one half of a pair to `text`, decoded; where it is.
fn decoded(raw: &[u8], text: &mut Vec<u8>) -> Result<std::ops::Range<usize>, Stop> {
    let start = text.len();
    decode(raw, text);
    simdutf8::basic::from_utf8(&text[start..]).map_err(|_| Stop::outside("form.utf8"))?;
    Ok(start..text.len())
}

/// Holds the form, which has `count` pairs, against the policy's bounds.
pub(super) fn bounds(policy: &FormPolicy, count: usize, work: &Work, checks: &mut Checks<'_>) -> Result<(), Stop> {
    let too_many = count > policy.max_params;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    /// A bound that is enforced bounds what is held too; what comes after it is looked at all the same.
    #[test]
    fn no_pair_beyond_the_bound_is_held() {
        let start = "version = 1\n[[route]]\nname = 'r'\nmatch = 'POST /r'\n[route.form]\nmax_params = 2\n";
        let read = |rollout: &str, body: &str| {
            let policy = Policy::parse("f", &format!("{start}{rollout}")).unwrap();
            let (route, mut work) = (&policy.routes[0], Work::default());
            let said = pairs(route.form.as_ref().unwrap(), &route.rollouts, body.as_bytes(), &mut work);
            (said.map_err(|stop| format!("{stop:?}")), work.pairs.len(), work.text.len())
        };
        assert_eq!(read("", "a=1&&b=2"), (Ok(2), 2, 4));
        assert_eq!(read("", &"a=1&".repeat(10_000)), (Ok(10_000), 2, 4));
        let watched = "[route.rollout]\n'too_many_fields' = 'warn'";
        assert_eq!(read(watched, &"a=1&".repeat(10_000)), (Ok(10_000), 10_000, 20_000));
        for (last, code) in [("%ff", "form.utf8"), ("\u{e9}", "form.character")] {
            let (said, held, _) = read("", &format!("{}{last}", "a=1&".repeat(9)));
            assert!(said.is_err_and(|stop| stop.contains(code)) && held == 2);
        }
    }
}
