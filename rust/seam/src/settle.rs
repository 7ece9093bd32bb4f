//! Who answers, once the candidate has said what it makes of a request.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use crossfade_core::limit::LimitId;
use crossfade_core::policy::{Drift, Route, RouteId};
use crossfade_core::{Request, Scratch, Timestamp, Unsupported};
use crossfade_exchange::hash::{hash, part};
use crossfade_exchange::stage::Stage;

use crate::asked::{CHARGES_UNREPORTED, Hits, STORE_UNAVAILABLE};
use crate::cap::Standing;
use crate::engine::{Answer, Engine, Place};

/// Shares of keys are taken in millionths.
const SHARES: u64 = 1_000_000;

/// Makes the sample of compared keys independent of the canary's buckets and of the drift sample.
const SAMPLE_SEED: u64 = 0xc2b2_ae3d_27d4_eb4f;

/// Who answers, and what else has to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The client gets the candidate's answer.
    pub candidate_answers: bool,
    /// The control runs: it answers, or is compared with.
    pub control_runs: bool,
    /// Since this request more of the route's traffic is outside the grammar than its cap allows.
    pub crossed_cap: bool,
    /// The exchange is to be compared: its key is in the sample, and the control runs, here or beside the sidecar.
    pub compares: bool,
}

impl Settled {
    /// The control judges alone.
    const CONTROL: Self = Self { candidate_answers: false, control_runs: true, crossed_cap: false, compares: true };
}

impl Engine {
    /// Whether the candidate answers this client, and so counts it where only one side may.
    pub(crate) fn counts_here(&self, place: Place, request: &Request<'_>, scratch: &Scratch) -> bool {
        let key = self.cutover_key(self.policy.route(place.route), request, scratch);
        self.state(place.route).switch.candidate_answers(place.stage, &key)
    }

    /// Who answers, given what the candidate made of the request and whose hits counted it.
    pub fn settle(
        &self,
        place: Place,
        answer: Answer,
        hits: Hits,
        request: &Request<'_>,
        now: Timestamp,
        scratch: &Scratch,
    ) -> Settled {
        let state = self.state(place.route);
        let route = self.policy.route(place.route);
        state.counts.candidate.add();
        state.remarks.add(&scratch.remarks);
        match answer {
            Answer::Decided(_) => {}
            Answer::Refused(_) => state.counts.refused_above_cap.add(),
            Answer::Unsupported(_) => {
                state.counts.unsupported.add();
                self.tally.left_to_control(&self.policy, route, request, scratch, now);
            }
            Answer::Failed => {
                state.counts.failed.add();
                state.sums.failed.add();
                if state.switch.fault().is_none() {
                    // Nobody knows what it had counted.
                    self.tally.missed(&route.limits, now.micros());
                }
            }
        }
        let wanted = matches!(answer, Answer::Decided(_) | Answer::Refused(_)) && place.stage > Stage::Shadow;
        let is_outside = match answer {
            Answer::Unsupported(why) => why != STORE_UNAVAILABLE && why != CHARGES_UNREPORTED,
            Answer::Refused(_) => true,
            Answer::Decided(_) | Answer::Failed => false,
        };
        let standing = state.cap.add(is_outside, route.unsupported.cap);
        let crossed_cap = standing == Standing::Crossed;
        let mut settled = Settled { crossed_cap, ..Settled::CONTROL };
        if wanted && !self.tally.warm(&self.policy, scratch, now) {
            state.counts.cold.add();
        } else if wanted {
            let key = self.cutover_key(route, request, scratch);
            settled.candidate_answers = match hits {
                Hits::Both => state.switch.candidate_answers(place.stage, &key),
                Hits::Candidate => true,
                Hits::Control => false,
            };
            let runs = hits == Hits::Control || place.stage != Stage::Live || state.shares.load(Ordering::Relaxed);
            let drifts = !runs && state.switch.drift_sampled(&key);
            settled.control_runs = runs || drifts && route.gate.drift == Drift::Worker;
            settled.compares = runs || drifts;
        }
        settled.compares = settled.compares && self.sampled(route, request, scratch);
        self.tally.counted(&self.policy, route, scratch, settled.control_runs, now);
        if settled.candidate_answers {
            state.counts.answered_by_candidate.add();
        }
        if settled.control_runs {
            state.counts.control.add();
        }
        settled
    }

    /// The answer for a request that cannot be put to the candidate at all.
    pub fn unable(&self, place: Place, now: u64, why: Unsupported) -> (Answer, Settled) {
        let counts = self.counts(place.route);
        counts.unsupported.add();
        counts.control.add();
        self.missed(place.route, now);
        (Answer::Unsupported(why), Settled::CONTROL)
    }

    /// Whether requests that are compared and such that are not can meet in one key of a limit.
    pub(crate) fn is_split(&self, route: RouteId, id: LimitId) -> bool {
        let sampled_by = self.policy.route(route).cutover_key;
        sampled_by.is_none_or(|by| self.policy.limit(by).key != self.policy.limit(id).key)
    }

    /// Whether a request's key is in the sample that is compared. Counting goes on for all.
    fn sampled(&self, route: &Route, request: &Request<'_>, scratch: &Scratch) -> bool {
        let share = route.gate.sample;
        share >= 1.0 || is_in(share, &self.cutover_key(route, request, scratch))
    }

    /// Whom the stage is switched for: the key that is counted, so that no client is split over two counters.
    pub(crate) fn cutover_key<'a>(&self, route: &Route, request: &Request<'_>, scratch: &'a Scratch) -> Cow<'a, [u8]> {
        let Some(id) = route.cutover_key else { return Cow::Borrowed(scratch.client.as_bytes()) };
        if let Some(charge) = scratch.charges().find(|charge| charge.limit == id) {
            return Cow::Borrowed(charge.key);
        }
        // Refused before it was counted: the same client all the same.
        let mut key = Vec::new();
        match self.policy.limit(id).key.write(&route.name, &scratch.client, request, &mut key) {
            Ok(true) => Cow::Owned(key),
            _ => Cow::Borrowed(scratch.client.as_bytes()),
        }
    }
}

/// Whether a key belongs to this share of all keys. A larger share has all keys of a smaller one.
fn is_in(share: f64, key: &[u8]) -> bool {
    // Small and not negative.
    part(hash(SAMPLE_SEED, key), SHARES) < (share * SHARES as f64).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share takes its part of the keys, always the same ones, and a larger one only adds some.
    #[test]
    fn samples_are_fair_and_monotone() {
        let keys: Vec<String> = (0..20_000).map(|key| format!("10.{}.{}.1", key / 256, key % 256)).collect();
        let mut before = vec![false; keys.len()];
        for share in [0.001, 0.01, 0.25, 0.9, 1.0] {
            let taken: Vec<bool> = keys.iter().map(|key| is_in(share, key.as_bytes())).collect();
            assert!(before.iter().zip(&taken).all(|(was, is)| is >= was), "{share}");
            let (count, expected) = (taken.iter().filter(|&&is| is).count() as f64, share * keys.len() as f64);
            assert!((count - expected).abs() <= 5.0 * expected.sqrt(), "{count} of {expected}");
            before = taken;
        }
        assert!(before.iter().all(|&is| is));
    }
}
