//! Promote, hold or roll back: a pure table over facts.

use crossfade_exchange::stage::Stage;
use serde::Serialize;

use super::facts::{Facts, QUIET};
use super::missing::{Lack, Missing, Wait};
use super::sequential::Sequential;
use super::watch::{Slow, slow_stay};
use super::{KEYS, OF_A_KIND, Thresholds};
use crate::evidence::Counts;
use crate::report::grouped;

/// The share of failed requests that takes a route back: against a tenth of it, 0.1 %. The control answers for each, so no client
/// sees them; a candidate that cannot keep itself up is no candidate.
pub(super) const FAILED_BELOW: f64 = 0.01;

/// A sidecar that was not seen for longer, in microseconds, writes nothing any more: it writes every second.
const UNSEEN: u64 = 10_000_000;

/// Share of the exchanges that may be lost on the way, without those of a sidecar that was not there: above it what was lost
/// could be what differs.
const LOST: f64 = 0.01;

/// What the gate says of one route.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It may move to this stage.
    Promote(Stage),
    /// It stays where it is; nothing is missing in `live`, which is the last stage.
    Hold(Vec<Missing>),
    /// It has to go back.
    RollBack(Cause),
}

impl Ruling {
    /// All words.
    pub const WORDS: [&str; 3] = ["ready", "held", "rolled_back"];

    /// The word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Promote(_) => "ready",
            Self::Hold(_) => "held",
            Self::RollBack(_) => "rolled_back",
        }
    }
}

/// Why a route has to go back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Too many mismatches among those judged.
    Mismatches {
        /// How many.
        mismatches: u64,
        /// Of how many judged exchanges.
        judged: u64,
    },
    /// The candidate panicked or erred too often.
    Failed {
        /// How often.
        failed: u64,
        /// Of how many requests.
        requests: u64,
    },
    /// A worker lets the control alone judge the route.
    Pinned {
        /// How many do.
        workers: u64,
        /// Process id of one of them.
        pid: u32,
        /// Why it does.
        why: String,
    },
    /// The candidate is slower than the control.
    Slow(Slow),
}

impl Cause {
    /// All words.
    pub const WORDS: [&str; 4] = ["mismatches", "failed", "pinned", "slow"];

    /// The stage to go back to: one that goes on comparing, where only comparing goes wrong.
    pub fn to(&self) -> Stage {
        match self {
            Self::Mismatches { .. } => Stage::Shadow,
            Self::Failed { .. } | Self::Pinned { .. } | Self::Slow(_) => Stage::Off,
        }
    }

    /// The word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mismatches { .. } => "mismatches",
            Self::Failed { .. } => "failed",
            Self::Pinned { .. } => "pinned",
            Self::Slow(_) => "slow",
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mismatches { mismatches, judged } => {
                let plural = if *mismatches == 1 { "" } else { "es" };
                write!(f, "{} mismatch{plural} in {} judged exchanges", grouped(*mismatches), grouped(*judged))
            }
            Self::Failed { failed, requests } => {
                write!(f, "the candidate failed in {} of {} requests", grouped(*failed), grouped(*requests))
            }
            Self::Pinned { workers, pid, why } => {
                let who = if *workers == 1 { format!("worker {pid} lets") } else { format!("{workers} workers let") };
                write!(f, "{who} the control alone judge: {why}")
            }
            Self::Slow(Slow { control, candidate, .. }) => {
                let [control, candidate] = [control, candidate].map(|&nanos| nanos as f64 / 1e6);
                write!(f, "the candidate is slow: p99 {candidate:.1} ms, the control's {control:.1} ms")
            }
        }
    }
}

/// Rules one route.
pub fn rule(thresholds: &Thresholds, facts: &Facts) -> Ruling {
    let cause = cause(thresholds, facts);
    if facts.stage > Stage::Shadow
        && let Some(cause) = cause
    {
        return Ruling::RollBack(cause);
    }
    if let Some(cause) = &facts.rolled_back {
        return Ruling::Hold(vec![Missing::new(Lack::Rearm(cause.clone()), Wait::Unknown)]);
    }
    match thresholds.next(facts.stage) {
        Some(next) if facts.stage == Stage::Off => Ruling::Promote(next),
        Some(next) => {
            let mut missing: Vec<Missing> =
                cause.map(|cause| Missing::new(Lack::Red(cause), Wait::Unknown)).into_iter().collect();
            missing.extend(unwatched(facts));
            missing.extend(unproven(thresholds, facts));
            if missing.is_empty() { Ruling::Promote(next) } else { Ruling::Hold(missing) }
        }
        None => Ruling::Hold(unwatched(facts)),
    }
}

/// What speaks against the candidate, whatever the stage: what is worst for clients first.
fn cause(thresholds: &Thresholds, facts: &Facts) -> Option<Cause> {
    let (all, recent) = (&facts.all, &facts.recent);
    if let Some((pid, why)) = &facts.workers.pinned_why {
        return Some(Cause::Pinned { workers: facts.workers.pinned, pid: *pid, why: why.clone() });
    }
    let requests = all.requests.max(all.failed);
    let failed = Sequential::new(FAILED_BELOW).rejects(requests, all.failed);
    if let Some((requests, failed)) = failed.then_some((requests, all.failed)).or(recent.failed) {
        return Some(Cause::Failed { failed, requests });
    }
    let wrong = thresholds.test.rejects(all.judged, all.mismatches);
    if let Some((judged, mismatches)) = wrong.then_some((all.judged, all.mismatches)).or(recent.mismatches) {
        return Some(Cause::Mismatches { mismatches, judged });
    }
    // A whole stay holds; only windows in a row take a route back.
    recent.slow.or_else(|| slow_stay(facts).filter(|_| facts.stage == Stage::Shadow)).map(Cause::Slow)
}

/// What makes the figures say nothing about now.
fn unwatched(facts: &Facts) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut lack = |lack| missing.push(Missing::new(lack, Wait::Unknown));
    if facts.unseen.is_none_or(|unseen| unseen > UNSEEN) {
        lack(Lack::Sidecar(facts.unseen.map(|micros| micros / 1_000_000)));
    }
    if facts.workers.present == 0 {
        lack(Lack::Worker);
    } else if facts.workers.held > 0 {
        lack(Lack::Held { held: facts.workers.held, of: facts.workers.present });
    }
    if facts.subjects > 1 {
        lack(Lack::Subjects(facts.subjects));
    }
    if let Some(fault) = facts.fault {
        lack(Lack::Fault(fault));
    }
    let last = facts.counts.last;
    if last > 0 && facts.now.saturating_sub(last) > QUIET {
        lack(Lack::Traffic((facts.now - last) / 1_000_000));
    }
    if facts.unaccounted > 0 {
        lack(Lack::Unaccounted(facts.unaccounted));
    }
    let Counts { requests, sampled_out, losses, .. } = &facts.counts;
    let lost = losses.iter().filter(|(reason, _)| *reason != "no_sidecar").map(|(_, count)| count).sum::<u64>();
    let wanted = requests.saturating_sub(*sampled_out);
    if lost as f64 > wanted as f64 * LOST {
        lack(Lack::Lost { lost, of: wanted });
    }
    missing
}

/// What of the proof is not there yet.
fn unproven(thresholds: &Thresholds, facts: &Facts) -> Vec<Missing> {
    let (counts, watched) = (&facts.counts, facts.watched());
    let mut missing = Vec::new();
    let mut lack = |lack, wait| missing.push(Missing::new(lack, wait));
    let rate = |count: u64| count as f64 / watched.max(1.0);
    let needs = |more: u64, count: u64| match rate(count) {
        rate if rate > 0.0 => Wait::Seconds(more as f64 / rate),
        _ => Wait::Never,
    };

    let seeded = &counts.seeded;
    if seeded.found < seeded.judged {
        lack(Lack::Blind { found: seeded.found, judged: seeded.judged }, Wait::Unknown);
    } else if !thresholds.test.rejects(seeded.judged, seeded.found) {
        lack(Lack::Seeded(seeded.found), Wait::Unknown);
    }
    if counts.verdicts.total() > 0 && counts.verdicts.judged() == 0 {
        lack(Lack::NothingJudged(counts.verdicts.total()), Wait::Never);
    }
    for excess in facts.excess.iter() {
        lack(Lack::Excess(excess.clone()), Wait::Unknown);
    }
    let mismatches = facts.mismatches();
    let more = thresholds.test.needed(counts.comparisons, mismatches);
    if more > 0 {
        // Each key brings a share; those that are there may not be enough, however often they come.
        let most = facts.keys.max(KEYS) * thresholds.most_of_a_key();
        let wait = if counts.comparisons + more > most { Wait::Never } else { needs(more, counts.comparisons) };
        lack(Lack::Comparisons { comparisons: counts.comparisons, more, mismatches }, wait);
    }
    if facts.keys < KEYS {
        lack(Lack::Keys(facts.keys), Wait::Unknown);
    }
    for (kind, &compared) in &facts.kinds {
        if compared < OF_A_KIND && !facts.accepted.contains(kind) {
            let lately = counts.kinds.get(kind).map_or(0, |kind| kind.compared);
            lack(Lack::Kind { kind: kind.clone(), compared }, needs(OF_A_KIND - compared, lately));
        }
    }
    let dwell = thresholds.dwell.as_secs_f64();
    if counts.first == 0 || watched < dwell {
        lack(Lack::Dwell { watched: watched as u64, of: dwell as u64 }, Wait::Seconds(dwell - watched));
    }
    missing
}
