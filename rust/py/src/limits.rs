//! What a decision tells of limits beside its outcome: headers for the response, and charges that are settled later.

use crossfade_core::Outcome;
use crossfade_core::limit::headers::{self, Header};
use crossfade_core::policy::{Policy, Route};
use crossfade_core::scratch::Scratch;
use crossfade_seam::engine::Answer;

/// Limit, key, cost, and the microseconds of its hit.
pub type Charge = (String, Vec<u8>, u64, u64);

/// What of limits is told. Nothing for routes that want neither.
#[derive(Debug, Default)]
pub struct Told {
    /// Headers for the response, where the client gets the candidate's answer.
    pub headers: Vec<Header>,
    /// Charges of an accepted request whose cost becomes known later, where the candidate made them.
    pub charges: Vec<Charge>,
}

impl Told {
    /// Copies out of `scratch`.
    pub fn of(policy: &Policy, route: &Route, answer: Answer, candidate_answers: bool, scratch: &Scratch) -> Self {
        let (true, Answer::Decided(outcome)) = (route.tells, answer) else { return Self::default() };
        let headers = if candidate_answers { headers::of(policy, route, &outcome, scratch) } else { Vec::new() };
        // In one namespace the control has made the hits that it answers, and settles them itself.
        let made = candidate_answers || !policy.store.is_the_controls();
        let charges =
            if matches!(outcome, Outcome::Accepted(_)) && made { settled(policy, scratch) } else { Vec::new() };
        Self { headers, charges }
    }
}

fn settled(policy: &Policy, scratch: &Scratch) -> Vec<Charge> {
    let settles = scratch.charges().filter(|charge| policy.limit(charge.limit).settles);
    let charge = |charge: crossfade_core::scratch::Charge<'_>| {
        (policy.limit(charge.limit).name.to_string(), charge.key.to_vec(), charge.cost, scratch.now.micros())
    };
    settles.map(charge).collect()
}
