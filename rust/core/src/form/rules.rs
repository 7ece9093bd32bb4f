//! What field rules do to the pairs of a form, and to the fields that are not there.

use super::{Pair, Work};
use crate::body::judge::{Verdict, did, judge, kept};
use crate::field::Scalar;
use crate::outcome::{Reason, Stop};
use crate::policy::{FieldRule, FormPolicy, RuleId, Unknown};
use crate::rollout::{Checks, Remark, Remarks, Rollout, Rollouts};

/// The names under which the field of a rule was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    by_own_name: bool,
    by_new_name: bool,
}

/// What refuses: the rule with the lowest id, at the first place where it is met.
#[derive(Debug, Default)]
struct Refusal(Option<(RuleId, Stop)>);

impl Refusal {
    fn note(&mut self, rule: &FieldRule, stop: Stop, remarks: &mut Remarks) {
        let code = match stop {
            Stop::Invalid(reason) => reason.code,
            Stop::Outside { why, .. } => why,
        };
        match rule.rollout {
            Rollout::Enforce if self.0.is_none_or(|(first, _)| rule.id < first) => self.0 = Some((rule.id, stop)),
            Rollout::Enforce => {}
            rollout => remarks.push(Remark { code, rule: Some(rule.id), rollout }),
        }
    }

    fn refuse(&mut self, rule: &FieldRule, code: &'static str, remarks: &mut Remarks) {
        self.note(rule, Reason { code, rule: Some(rule.id) }.into(), remarks);
    }
}

/// Applies the policy's rules to the pairs in `work`.
pub(super) fn apply(
    policy: &FormPolicy,
    rollouts: &Rollouts,
    work: &mut Work,
    exercised: &mut Vec<RuleId>,
    remarks: &mut Remarks,
) -> Result<(), Stop> {
    if policy.fields.is_empty() {
        return Ok(());
    }
    let mut refusal = Refusal::default();
    let mut is_unknown = false;
    work.seen.resize(policy.fields.len(), Seen::default());
    for index in 0..work.pairs.len() {
        if work.pairs[index].is_gone {
            continue;
        }
        let name = &work.text[work.pairs[index].name.clone()];
        let found = policy.names.binary_search_by(|(known, _)| known.as_bytes().cmp(name));
        match found.map(|at| policy.names[at].1) {
            Ok(rule) => one_pair(policy, rule, index, work, &mut refusal, exercised, remarks),
            Err(_) => {
                is_unknown = true;
                work.pairs[index].is_gone = policy.unknown == Unknown::Drop;
            }
        }
    }
    presence(policy, work, &mut refusal, exercised, remarks);
    if let Some((_, stop)) = refusal.0 {
        return Err(stop);
    }
    if is_unknown && policy.unknown == Unknown::Reject {
        Checks::new(rollouts, remarks).fired(Reason::whole("unknown_field").into())?;
    }
    Ok(())
}

/// Applies one rule to the pair at `index`.
fn one_pair(
    policy: &FormPolicy,
    rule: usize,
    index: usize,
    work: &mut Work,
    refusal: &mut Refusal,
    exercised: &mut Vec<RuleId>,
    remarks: &mut Remarks,
) {
    let Work { text, pairs, seen, value, .. } = work;
    let (seen, rule) = (&mut seen[rule], &policy.fields[rule]);
    let pair = &mut pairs[index];
    let is_enforced = rule.rollout == Rollout::Enforce;
    let mut is_absent = rule.drop;
    let before = std::str::from_utf8(&text[pair.value.clone()]).unwrap_or_default();
    value.clear();
    match judge(rule, Scalar::String(before), value) {
        _ if rule.drop => {}
        Verdict::LeftOut => is_absent = true,
        Verdict::String | Verdict::Literal if value != before => {
            did(rule, "changed", exercised, remarks);
            if is_enforced {
                pair.value = text.len()..text.len() + value.len();
                text.extend_from_slice(value.as_bytes());
            }
        }
        // A form has no null: the policy is refused that asks for one.
        Verdict::Stays | Verdict::String | Verdict::Literal | Verdict::Null => {}
        Verdict::Refused(code) => refusal.refuse(rule, code, remarks),
        Verdict::Outside(why) => refusal.note(rule, Stop::Outside { why, rule: Some(rule.id) }, remarks),
        Verdict::Kept(code) => kept(rule, code, remarks),
    }
    if is_absent {
        did(rule, "dropped", exercised, remarks);
        pair.is_gone = is_enforced;
        return;
    }
    let new = rule.rename.as_deref();
    let is_new = new.is_some_and(|new| *new.as_bytes() == text[pair.name.clone()]);
    seen.by_new_name |= is_new;
    seen.by_own_name |= !is_new;
    if let (Some(new), false) = (new, is_new) {
        did(rule, "renamed", exercised, remarks);
        if is_enforced {
            pair.name = text.len()..text.len() + new.len();
            text.extend_from_slice(new.as_bytes());
        }
    }
}

/// Judges the fields that are there under both names or not at all.
fn presence(
    policy: &FormPolicy,
    work: &mut Work,
    refusal: &mut Refusal,
    exercised: &mut Vec<RuleId>,
    remarks: &mut Remarks,
) {
    for (index, rule) in policy.fields.iter().enumerate() {
        let Seen { by_own_name, by_new_name } = work.seen[index];
        if by_own_name && by_new_name {
            refusal.refuse(rule, "rename_conflict", remarks);
        }
        if by_own_name || by_new_name {
            continue;
        }
        if rule.required {
            refusal.refuse(rule, "missing", remarks);
        }
        if let Some(default) = &rule.default {
            did(rule, "added", exercised, remarks);
            if rule.rollout == Rollout::Enforce {
                let name = work.text.len();
                work.text.extend_from_slice(rule.rename.as_ref().unwrap_or(&rule.name).as_bytes());
                let value = work.text.len();
                work.text.extend_from_slice(default.as_bytes());
                work.pairs.push(Pair { name: name..value, value: value..work.text.len(), is_gone: false });
            }
        }
    }
}
