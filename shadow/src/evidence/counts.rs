//! What one process epoch brought to one stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Durations;
use crate::verdict::Verdicts;

/// Cumulative counts of one process epoch in one stay. They only grow, so those of many add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Verdicts that gate: of limits, given what the control had granted before.
    pub verdicts: Verdicts,
    /// Verdicts of what each side did by its own counts: what clients would have met.
    pub free: Verdicts,
    /// Comparisons by the kind of the control's outcome, e.g. `accepted`, `limited:api`.
    pub kinds: BTreeMap<String, Kind>,
    /// Why exchanges were not judged.
    pub not_judged: BTreeMap<String, u64>,
    /// How many exchanges each known difference has explained.
    pub known: BTreeMap<String, u64>,
    /// Comparisons that count in the test: a key brings a bounded share of them.
    pub comparisons: u64,
    /// Mismatches and failures; all of them, whoever's they are.
    pub mismatches: u64,
    /// Exchanges with a seeded fault. In no other count.
    pub seeded: Seeded,
    /// Exchanges whose request the control was given twice, to see whether it answers alike.
    pub witnessed: u64,
    /// Those of them whose two answers differ.
    pub noisy: u64,
    /// Requests of the route at the seam, as the worker said.
    pub requests: u64,
    /// Those that the sample left out.
    pub sampled_out: u64,
    /// Exchanges that did not arrive, by reason: those of [`crossfade_exchange::wire::Dropped`], and `lost`.
    pub losses: BTreeMap<String, u64>,
    /// Requests whose candidate panicked or erred, as the worker said: also of those that were not sampled.
    pub failed: u64,
    /// How long the control took.
    pub control: Durations,
    /// How long the candidate took.
    pub candidate: Durations,
    /// What the seam itself cost the client: the rest of the time until both were done.
    pub seam: Durations,
    /// When the first exchange was judged, by the sidecar's clock, in microseconds since the epoch; 0: none was.
    pub first: u64,
    /// When the last one was.
    pub last: u64,
    /// Microseconds since the first one in which no sidecar ran.
    pub away: u64,
}

/// Comparisons of one kind of outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Exchanges that were judged.
    pub compared: u64,
    /// Those of them that are mismatches.
    pub mismatched: u64,
}

/// Exchanges whose candidate was made wrong on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeded {
    /// Those that arrived.
    pub judged: u64,
    /// Those that the comparison has found.
    pub found: u64,
    /// When the first was found, by the sidecar's clock; 0: none was.
    pub first: u64,
    /// When the last was.
    pub last: u64,
}

impl Counts {
    /// Adds the counts of another process.
    pub fn join(&mut self, other: &Self) {
        self.verdicts.join(&other.verdicts);
        self.free.join(&other.free);
        for (name, kind) in &other.kinds {
            let mine = self.kinds.entry(name.clone()).or_default();
            mine.compared += kind.compared;
            mine.mismatched += kind.mismatched;
        }
        add(&mut self.not_judged, &other.not_judged);
        add(&mut self.known, &other.known);
        add(&mut self.losses, &other.losses);
        self.comparisons += other.comparisons;
        self.mismatches += other.mismatches;
        self.seeded.judged += other.seeded.judged;
        self.seeded.found += other.seeded.found;
        self.seeded.first = earlier(self.seeded.first, other.seeded.first);
        self.seeded.last = self.seeded.last.max(other.seeded.last);
        self.witnessed += other.witnessed;
        self.noisy += other.noisy;
        self.requests += other.requests;
        self.sampled_out += other.sampled_out;
        self.failed += other.failed;
        self.control.join(&other.control);
        self.candidate.join(&other.candidate);
        self.seam.join(&other.seam);
        self.first = earlier(self.first, other.first);
        self.last = self.last.max(other.last);
        // Nobody looked at any of them: the one that is there longest knows of it all.
        self.away = self.away.max(other.away);
    }
}

fn add(mine: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, count) in more {
        *mine.entry(name.clone()).or_default() += count;
    }
}

/// The earlier of two times of which 0 means none.
fn earlier(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}
