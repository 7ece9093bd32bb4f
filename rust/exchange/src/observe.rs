//! What the candidate decided, as a record: copied out of the scratch, with names instead of ids.

use crossfade_core::policy::{Route, RuleId};
use crossfade_core::rollout::Rollout;
use crossfade_core::{Outcome, Part, Policy, Scratch, Unsupported};

use crate::record::{self, Charge, Forward, Observation, Remark};

/// The candidate's observation; the caller adds how long it took.
pub fn observe(policy: &Policy, route: &Route, answer: Result<Outcome, Unsupported>, scratch: &Scratch) -> Observation {
    let charge = |charge: crossfade_core::scratch::Charge<'_>| Charge {
        limit: policy.limit(charge.limit).name.to_string(),
        key: charge.key.to_vec(),
        cost: charge.cost,
    };
    let mut observation = Observation {
        charges: Some(scratch.charges().map(charge).collect()),
        remarks: scratch.remarks.iter().map(|remark| self::remark(route, remark)).collect(),
        ..Observation::default()
    };
    match answer {
        Ok(outcome) => observation.outcome = Some(decided(policy, route, outcome, scratch)),
        Err(unsupported) => observation.unsupported = Some(unsupported.0.to_owned()),
    }
    observation
}

fn remark(route: &Route, remark: &crossfade_core::rollout::Remark) -> Remark {
    Remark {
        code: remark.code.to_owned(),
        field: remark.rule.map(|rule| place(route, rule)),
        warns: remark.rollout == Rollout::Warn,
    }
}

/// Where a rule stands: the path of its field.
fn place(route: &Route, rule: RuleId) -> String {
    route.rules[usize::from(rule.0)].place.to_string()
}

fn decided(policy: &Policy, route: &Route, outcome: Outcome, scratch: &Scratch) -> record::Outcome {
    let part = |part: Part, bytes: &[u8]| (part == Part::Rewritten).then(|| bytes.to_vec().into());
    match outcome {
        Outcome::Accepted(normalized) => record::Outcome::Accepted(Forward {
            path: part(normalized.path, &scratch.path),
            query: part(normalized.query, &scratch.query),
            headers: (normalized.headers == Part::Rewritten).then(|| {
                scratch.headers.iter().map(|(name, value)| (name.to_vec().into(), value.to_vec().into())).collect()
            }),
            body: part(normalized.body, &scratch.body),
        }),
        Outcome::Limited { limit, retry_after } => {
            record::Outcome::Limited { limit: policy.limit(limit).name.to_string(), retry_after: Some(retry_after) }
        }
        Outcome::Invalid(reason) => {
            record::Outcome::Invalid { code: reason.code.to_owned(), field: reason.rule.map(|rule| place(route, rule)) }
        }
    }
}
