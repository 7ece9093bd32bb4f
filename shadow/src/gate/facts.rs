//! All that a ruling looks at, gathered from the evidence, the policy, the stage file and the workers.

use std::collections::BTreeMap;

use crossfade_core::policy::Route;
use crossfade_exchange::hash::sha256;
use crossfade_exchange::stage::{Fault, Row, Stage, Subject};
use crossfade_exchange::workers::Worker;
use serde::Serialize;

use super::watch::Slow;
use crate::evidence::{Counts, Evidence, Stay};
use crate::known::{self, Day};
use crate::verdict::Verdict;

/// A stay whose last comparison is older, in microseconds of the sidecar's clock, is not compared any more: a route that has
/// not had one request in ten minutes shows nothing about what it would do with the next.
pub(super) const QUIET: u64 = 600_000_000;

/// Share of judged exchanges that may be edges. Both sides' clock readings are some hundred microseconds apart, so at more
/// than a thousandth something else is called an edge.
const EDGES: f64 = 1e-3;

/// Share of judged refusals that edges may be as many as. A client that asks without a pause meets the end of a window, or of
/// a stamp's, ten times a second; each meeting falls between the two readings as often as they take a share of its pauses.
const EDGES_OF_REFUSALS: f64 = 0.02;

/// Of few exchanges a share says nothing: so many of each known difference are let pass.
const LET_PASS: u64 = 3;

/// The same of edges. When a process slips by some tens of milliseconds, each hit of a busy client may be one until its window
/// has passed.
const EDGES_LET_PASS: u64 = 20;

/// All that the gate knows of one route. Its JSON is what a promotion's evidence hash is of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Name of the route.
    pub route: String,
    /// Its stage.
    pub stage: Stage,
    /// When the stage was set, in microseconds since the epoch: it names the stay.
    pub entered: u64,
    /// Kinds of outcome that somebody has accepted for this subject.
    pub accepted: Vec<String>,
    /// A fault that somebody injects.
    pub fault: Option<Fault>,
    /// Why the route was taken back by itself, if nobody has set it on again.
    pub rolled_back: Option<String>,
    /// Who follows.
    pub workers: Followers,
    /// What was compared: by this policy, a build that workers run, and the control that was met last. `None`: nothing of it.
    pub subject: Option<Subject>,
    /// How many such subjects were compared lately: more than one while a service changes over.
    pub subjects: u64,
    /// Microseconds since the sidecar was last seen, by this machine's clock; `None`: it never was.
    pub unseen: Option<u64>,
    /// The sidecar's clock, in microseconds since the epoch.
    pub now: u64,
    /// What this stay has shown of the subject.
    pub counts: Counts,
    /// Different keys that brought comparisons, at least.
    pub keys: u64,
    /// Comparisons of the subject by kind of outcome, over all of its stays.
    pub kinds: BTreeMap<String, u64>,
    /// What explains more than it may.
    pub excess: Vec<Excess>,
    /// What this stay has shown of all subjects: clients met them all.
    pub all: Tally,
    /// Exchanges that neither arrived nor are known as lost.
    pub unaccounted: u64,
    /// What has become of it lately; only whoever watches all the time knows.
    pub recent: Recent,
}

/// What time it is, and how long ago that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// The sidecar's clock, in microseconds since the epoch.
    pub now: u64,
    /// Microseconds since the sidecar was last seen; `None`: it never was.
    pub unseen: Option<u64>,
}

impl Clocks {
    /// Those of evidence that was written down, read at `now` by this machine's clock.
    pub fn of(evidence: &Evidence, now: u64) -> Self {
        let unseen = (evidence.written > 0).then(|| now.saturating_sub(evidence.written));
        Self { now: evidence.now, unseen }
    }
}

/// The workers that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Followers {
    /// How many.
    pub present: u64,
    /// Those that hold the route at `shadow`, as they run another build, policy or control than its stage was set for.
    pub held: u64,
    /// Those that let the control alone judge it.
    pub pinned: u64,
    /// One of these, and why.
    pub pinned_why: Option<(u32, String)>,
}

/// A known difference, or the edges of windows, with more exchanges than they may explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excess {
    /// Id of the known difference; `None`: edges.
    pub known: Option<String>,
    /// Exchanges that it explained.
    pub explained: u64,
    /// As many may be; 0 if its last day is over, or the policy does not have it any more.
    pub allowed: u64,
    /// Its last day is over, or the policy does not have it any more.
    pub over: bool,
}

/// How often a candidate was wrong and erred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Exchanges that were judged.
    pub judged: u64,
    /// Mismatches among them, with what known differences and edges explain beyond what they may.
    pub mismatches: u64,
    /// Requests.
    pub requests: u64,
    /// Those whose candidate panicked or erred.
    pub failed: u64,
}

/// What speaks against a route lately: each with the figures that do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Recent {
    /// Judged exchanges and mismatches.
    pub mismatches: Option<(u64, u64)>,
    /// Requests and failures.
    pub failed: Option<(u64, u64)>,
    /// A candidate that is slower than the control.
    pub slow: Option<Slow>,
}

impl Facts {
    /// Gathers what there is. `row` is the route's row of the stage file; without evidence no sidecar has ever been there.
    pub fn gather(route: &Route, row: Option<&Row>, workers: &[Worker], evidence: Option<(&Evidence, Clocks)>) -> Self {
        let off = Row::default();
        let row = row.unwrap_or(&off);
        let mut facts = Self {
            route: route.name.to_string(),
            stage: row.stage,
            entered: row.at,
            fault: row.fault,
            rolled_back: row.rolled_back.clone(),
            workers: followers(&route.name, workers),
            ..Self::default()
        };
        let Some((evidence, clocks)) = evidence else { return facts };
        (facts.now, facts.unseen) = (clocks.now, clocks.unseen);
        if row.stage == Stage::Off {
            return facts;
        }
        let is_this =
            |stay: &Stay| *stay.route == *route.name && stay.entered == row.at && stay.stage == row.stage.word();
        for (stay, shown) in evidence.stays.iter().filter(|(stay, _)| is_this(stay)) {
            let counts = shown.total();
            facts.all.add(route, &counts);
            let accounts =
                shown.by_source.keys().filter_map(|source| evidence.accounts.get(&(*source, stay.route.clone())));
            facts.unaccounted = facts.unaccounted.max(accounts.map(|account| account.unaccounted()).sum());
            let runs = |worker: &Worker| worker.build == stay.subject.build;
            if *stay.subject.policy != *route.digest.to_string() || !workers.iter().any(runs) {
                continue;
            }
            facts.subjects += u64::from(counts.last.max(counts.seeded.last) + QUIET >= facts.now);
            if facts.subject.is_none() || counts.last > facts.counts.last {
                facts.keys = shown.keys.distinct();
                facts.subject = Some(stay.subject.clone());
                facts.counts = counts;
            }
        }
        if let Some(subject) = &facts.subject {
            for (_, shown) in
                evidence.stays.iter().filter(|(stay, _)| stay.route == facts.route && stay.subject == *subject)
            {
                for (kind, counts) in shown.by_source.values().flat_map(|counts| &counts.kinds) {
                    *facts.kinds.entry(kind.clone()).or_default() += counts.compared;
                }
            }
            facts.excess = excess(route, &facts.counts, facts.now);
            if row.subject.covers(subject) {
                facts.accepted = row.accepted.clone();
            }
        }
        facts
    }

    /// Mismatches that count: those that were found, and what known differences and edges explain beyond what they may.
    pub fn mismatches(&self) -> u64 {
        self.counts.mismatches + self.excess.iter().map(|excess| excess.explained - excess.allowed).sum::<u64>()
    }

    /// Seconds since the first comparison of this stay in which a sidecar ran, by its clock.
    pub fn watched(&self) -> f64 {
        match self.counts.first {
            0 => 0.0,
            first => self.now.saturating_sub(first).saturating_sub(self.counts.away) as f64 / 1e6,
        }
    }

    /// SHA-256 of the facts' JSON, in hex: what a promotion was justified by.
    pub fn digest(&self) -> String {
        // Maps are sorted and members stand in the order of their types, so equal facts have one text.
        let text = serde_json::to_vec(self).unwrap_or_default();
        sha256(&text)
    }
}

impl Tally {
    /// Adds a stay's. Known differences that have expired are mismatches from then on, and have been counted as such; what
    /// they explained before their last day takes nobody back.
    fn add(&mut self, route: &Route, counts: &Counts) {
        let beyond = excess(route, counts, 0);
        let beyond = beyond.iter().filter(|excess| !excess.over).map(|excess| excess.explained - excess.allowed);
        self.judged += counts.verdicts.judged();
        self.mismatches += counts.mismatches + beyond.sum::<u64>();
        self.requests += counts.requests;
        // Verdicts come before the account that counts them too.
        self.failed += counts.failed.max(counts.verdicts.of(Verdict::Failed));
    }
}

fn followers(route: &str, workers: &[Worker]) -> Followers {
    let pinned = workers.iter().filter_map(|worker| Some((worker.pid, worker.pinned.get(route)?.clone())));
    Followers {
        present: workers.len() as u64,
        held: workers.iter().filter(|worker| worker.held.iter().any(|held| held == route)).count() as u64,
        pinned: pinned.clone().count() as u64,
        pinned_why: pinned.into_iter().next(),
    }
}

/// What explains more than it may. `now` is the sidecar's clock.
fn excess(route: &Route, counts: &Counts, now: u64) -> Vec<Excess> {
    let (today, judged) = (Day::of_micros(now), counts.verdicts.judged());
    let known = counts.known.iter().map(|(id, &explained)| {
        let named = route.known_differences.iter().find(|known| *known.id == **id);
        let valid = named.filter(|known| !known::expired(known, &today));
        let allowed = valid.map_or(0, |known| known::allowed(known, judged).max(LET_PASS));
        Excess { known: Some(id.clone()), explained, allowed, over: valid.is_none() }
    });
    let edges = counts.verdicts.of(Verdict::Edge);
    let refused = counts.kinds.iter().filter(|(kind, _)| kind.starts_with("limited:"));
    let refused: u64 = refused.map(|(_, kind)| kind.compared).sum();
    let allowed = (judged as f64 * EDGES).max(refused as f64 * EDGES_OF_REFUSALS);
    let allowed = (allowed as u64).max(EDGES_LET_PASS);
    let edges = Excess { known: None, explained: edges, allowed, over: false };
    known.chain([edges]).filter(|excess| excess.explained > excess.allowed).collect()
}
