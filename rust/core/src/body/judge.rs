//! What a field's rule makes of one value, in a body of either kind.

use crate::field::{Answer, Scalar};
use crate::policy::{Empty, FieldRule, Misfit, Null, RuleId};
use crate::rollout::{Remark, Remarks, Rollout};

/// What becomes of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stays.
    Stays,
    /// The member goes.
    LeftOut,
    /// The string in the buffer stands for it.
    String,
    /// The JSON literal in the buffer stands for it.
    Literal,
    /// Null stands for it.
    Null,
    /// The rule refuses.
    Refused(&'static str),
    /// The operation cannot judge.
    Outside(&'static str),
    /// It stays for a reason that is to be remarked.
    Kept(&'static str),
}

/// What `rule` makes of `scalar`; a new value is in `value`, which is empty before.
#[inline]
pub(crate) fn judge(rule: &FieldRule, scalar: Scalar<'_>, value: &mut String) -> Verdict {
    match (scalar, rule.null, rule.empty) {
        (Scalar::Null, Some(Null::Keep), _) | (Scalar::String(""), _, Some(Empty::Keep)) => return Verdict::Stays,
        (Scalar::Null, Some(Null::Drop), _) | (Scalar::String(""), _, Some(Empty::Drop)) => return Verdict::LeftOut,
        (Scalar::Null, Some(Null::Reject), _) => return Verdict::Refused("null_value"),
        (Scalar::String(""), _, Some(Empty::Null)) => return Verdict::Null,
        _ => {}
    }
    match rule.op.apply(scalar, value) {
        Answer::Same => Verdict::Stays,
        Answer::String => match rule.empty {
            Some(Empty::Drop) if value.is_empty() => Verdict::LeftOut,
            Some(Empty::Null) if value.is_empty() => Verdict::Null,
            _ => Verdict::String,
        },
        Answer::Literal => Verdict::Literal,
        Answer::Kept(code) => Verdict::Kept(code),
        Answer::WrongType if rule.wrong_type == Misfit::Reject => Verdict::Refused("wrong_type"),
        Answer::Invalid(code) if rule.invalid == Misfit::Reject => Verdict::Refused(code),
        Answer::WrongType | Answer::Invalid(_) => Verdict::Stays,
        Answer::Unsupported(code) => Verdict::Outside(code),
    }
}

/// An enforced rule did something; another one would have, and `code` says what.
pub(crate) fn did(rule: &FieldRule, code: &'static str, exercised: &mut Vec<RuleId>, remarks: &mut Remarks) {
    match rule.rollout {
        Rollout::Enforce => exercised.push(rule.id),
        rollout => remarks.push(Remark { code, rule: Some(rule.id), rollout }),
    }
}

/// A value that an operation keeps for a reason is remarked, whether the rule is enforced or not.
pub(crate) fn kept(rule: &FieldRule, code: &'static str, remarks: &mut Remarks) {
    let rollout = if rule.rollout == Rollout::Enforce { Rollout::Observe } else { rule.rollout };
    remarks.push(Remark { code, rule: Some(rule.id), rollout });
}
