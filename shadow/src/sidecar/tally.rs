//! Adds what the judges pass on to the evidence, and knows what of it has changed. Nothing here waits or writes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crossfade_exchange::wire::{self, Dropped};

use super::arrival::beyond;
use super::judged::{Finding, Judged, reason};
use super::metrics::{LOST, Metrics};
use crate::evidence::{Account, Changes, Counts, Evidence, Example, Group, Source, Stay};
use crate::group::MAX_GROUPS;
use crate::verdict::Verdict;

/// Processes that are counted apart: with more of them those that are gone longest are counted together. A service that
/// restarts its workers every hour has as many in ten days.
const SOURCES: usize = 256;

/// Stays that are counted apart; beyond it, all together. A route brings a handful of them in a month.
const STAYS: usize = 4_096;

/// Kinds of outcome of one stay: limits and reasons of a policy are fewer.
const KINDS: usize = 100;

/// Keys that are told apart in one group.
const KEYS_OF_A_GROUP: usize = 1_000;

/// Where more kinds, groups and stays than that are counted.
const OTHERS: &str = "(others)";

/// Counts of processes that are gone.
pub const GONE: Source = Source { worker: 0, epoch: 0 };

/// The evidence, and what of it is not written down yet.
pub struct Tally {
    evidence: Evidence,
    keys: BTreeSet<Stay>,
    counts: BTreeSet<(Stay, Source)>,
    accounts: BTreeSet<(Source, String)>,
    received: BTreeSet<Source>,
    groups: BTreeSet<String>,
    /// Processes whose rows are to go: they are counted under [`GONE`].
    folded: BTreeSet<Source>,
    /// To which stay the last exchange of a process and route belongs.
    current: HashMap<(Source, String), Stay>,
    /// Keys seen in each group since this process began.
    group_keys: HashMap<String, HashSet<u64>>,
    /// Verdicts since the last save.
    pub unsaved: u64,
}

impl Tally {
    /// Goes on from what there is, at `now` by the sidecar's clock: since it was written nobody has looked.
    pub fn new(evidence: Evidence, now: u64) -> Self {
        let mut current: HashMap<(Source, String), Stay> = HashMap::new();
        for (stay, of_stay) in &evidence.stays {
            for (&source, counts) in &of_stay.by_source {
                let place = (source, stay.route.clone());
                let later = |known: &Stay| {
                    evidence.stays[known].by_source.get(&source).is_none_or(|known| known.last <= counts.last)
                };
                if source != GONE && current.get(&place).is_none_or(later) {
                    current.insert(place, stay.clone());
                }
            }
        }
        let away = if evidence.now == 0 { 0 } else { now.saturating_sub(evidence.now) };
        let mut tally = Self {
            evidence,
            keys: BTreeSet::new(),
            counts: BTreeSet::new(),
            accounts: BTreeSet::new(),
            received: BTreeSet::new(),
            groups: BTreeSet::new(),
            folded: BTreeSet::new(),
            current,
            group_keys: HashMap::new(),
            unsaved: 0,
        };
        tally.was_away(away);
        tally
    }

    /// Counts a time in which no sidecar ran, in the stays that may go on.
    fn was_away(&mut self, micros: u64) {
        for stay in self.current.values() {
            for (&source, counts) in &mut self.evidence.stays.entry(stay.clone()).or_default().by_source {
                // A stay is current for more than one process.
                if counts.first > 0 && self.counts.insert((stay.clone(), source)) {
                    counts.away += micros;
                }
            }
        }
    }

    /// All of it.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Sets what the clocks say.
    pub fn clocks(&mut self, now: u64, written: u64) {
        (self.evidence.now, self.evidence.written) = (now, written);
    }

    /// Exchanges of a process so far, seeded ones too.
    pub fn received(&self, source: Source) -> u64 {
        self.evidence.received.get(&source).copied().unwrap_or(0)
    }

    /// Adds one verdict, at `now` by the sidecar's clock.
    pub fn judged(&mut self, judged: Judged, now: u64, metrics: &Metrics) {
        let (source, route) = (judged.source, judged.stay.route.clone());
        *self.evidence.received.entry(source).or_default() += 1;
        self.received.insert(source);
        self.unsaved += 1;
        metrics.last_exchange.set(i64::try_from(judged.received_at / 1_000_000).unwrap_or(i64::MAX));
        let stay = self.stay(&judged.stay);
        let place = (source, route.clone());
        if self.current.get(&place) != Some(&stay) {
            self.current.insert(place.clone(), stay.clone());
        }
        let of_stay = self.evidence.stays.entry(stay.clone()).or_default();
        let counts = of_stay.by_source.entry(source).or_default();
        mark(&mut self.counts, &(stay.clone(), source));
        let found = judged.gating.is_unexplained() || judged.free.is_unexplained();
        if judged.seeded {
            seeded(counts, found, now);
            if found {
                metrics.seeded_found(&route);
            }
            return;
        }
        self.evidence.accounts.entry(place.clone()).or_default().received += 1;
        mark(&mut self.accounts, &place);
        if count(counts, &judged, now, metrics) && of_stay.keys.bring(judged.key, judged.most_of_a_key) {
            counts.comparisons += 1;
            mark(&mut self.keys, &stay);
        }
        for finding in &judged.found {
            self.found(finding, &judged, &stay);
        }
    }

    /// Adds what a process says became of its exchanges, beyond what it said before.
    pub fn account(&mut self, source: Source, account: wire::Account, metrics: &Metrics) {
        for (route, mut said) in account.routes {
            let place = (source, route);
            // Before its first exchange it is not known to which stay it belongs; the next account says it again.
            let Some(stay) = self.current.get(&place) else { continue };
            // Those were for the judges.
            (said.missed, said.missed_more) = (Vec::new(), false);
            let before = self.evidence.accounts.entry(place.clone()).or_default();
            if before.said == said {
                continue;
            }
            let more = beyond(&said, &before.said);
            before.said = said;
            let counts = self.evidence.stays.entry(stay.clone()).or_default().by_source.entry(source).or_default();
            counts.requests += more.requests;
            counts.sampled_out += more.sampled_out;
            counts.failed += more.failed;
            let losses = more.dropped.iter().map(|(&reason, &count)| (Dropped::name(reason), count));
            for (reason, lost) in losses.chain([(LOST, more.lost)]).filter(|(_, lost)| *lost > 0) {
                *counts.losses.entry(reason.to_owned()).or_default() += lost;
                metrics.losses(&place.1, reason, lost);
            }
            metrics.requests(&place.1, more.requests);
            mark(&mut self.counts, &(stay.clone(), source));
            mark(&mut self.accounts, &place);
        }
    }

    /// Exchanges of each route that were sent and neither arrived nor are known as lost.
    pub fn unaccounted(&self) -> BTreeMap<&str, u64> {
        let mut routes = BTreeMap::new();
        for ((_, route), account) in &self.evidence.accounts {
            *routes.entry(route.as_str()).or_default() += account.unaccounted();
        }
        routes
    }

    /// Counts the processes that are gone longest together, if there are too many. `present` are connected.
    pub fn fold(&mut self, present: &HashSet<Source>) {
        while self.evidence.received.len() > SOURCES {
            let gone = self.evidence.received.keys().filter(|source| !present.contains(source) && **source != GONE);
            let Some(&oldest) = gone.min_by_key(|source| source.epoch) else { return };
            self.fold_one(oldest);
        }
    }

    fn fold_one(&mut self, source: Source) {
        let received = self.evidence.received.remove(&source).unwrap_or(0);
        *self.evidence.received.entry(GONE).or_default() += received;
        self.received.insert(GONE);
        for (stay, of_stay) in &mut self.evidence.stays {
            if let Some(counts) = of_stay.by_source.remove(&source) {
                of_stay.by_source.entry(GONE).or_default().join(&counts);
                self.counts.insert((stay.clone(), GONE));
                self.counts.remove(&(stay.clone(), source));
            }
        }
        let places: Vec<(Source, String)> =
            self.evidence.accounts.keys().filter(|(known, _)| *known == source).cloned().collect();
        for place in places {
            let Some(account) = self.evidence.accounts.remove(&place) else { continue };
            let gone = (GONE, place.1.clone());
            join(self.evidence.accounts.entry(gone.clone()).or_default(), &account);
            self.accounts.insert(gone);
            self.accounts.remove(&place);
            self.current.remove(&place);
        }
        self.received.remove(&source);
        self.folded.insert(source);
    }

    /// Stays of which nothing was seen since `before`, but for those that are the current one of their route.
    pub fn stale(&self, before: u64, is_current: impl Fn(&Stay) -> bool) -> Vec<Stay> {
        let last = |stay: &Stay| {
            self.evidence.stays[stay].by_source.values().map(|counts| counts.last.max(counts.seeded.last)).max()
        };
        let stays = self.evidence.stays.keys().filter(|stay| last(stay).unwrap_or(0) < before && !is_current(stay));
        stays.cloned().collect()
    }

    /// Forgets a stay.
    pub fn forget(&mut self, stay: &Stay) {
        self.evidence.stays.remove(stay);
        self.keys.remove(stay);
        self.counts.retain(|(known, _)| known != stay);
        self.current.retain(|_, known| known != stay);
    }

    /// What is not written down yet.
    pub fn changes(&self) -> Changes<'_> {
        let evidence = &self.evidence;
        Changes {
            keys: self.keys.iter().filter_map(|stay| Some((stay, &evidence.stays.get(stay)?.keys))).collect(),
            counts: self
                .counts
                .iter()
                .filter_map(|(stay, source)| Some((stay, *source, evidence.stays.get(stay)?.by_source.get(source)?)))
                .collect(),
            accounts: self
                .accounts
                .iter()
                .filter_map(|place| Some((place.0, place.1.as_str(), evidence.accounts.get(place)?)))
                .collect(),
            received: self.received.iter().map(|&source| (source, self.received(source))).collect(),
            groups: self
                .groups
                .iter()
                .filter_map(|identity| Some((identity.as_str(), evidence.groups.get(identity)?)))
                .collect(),
            folded: self.folded.iter().copied().collect(),
            now: evidence.now,
            written: evidence.written,
        }
    }

    /// All of that is written down.
    pub fn saved(&mut self) {
        self.keys.clear();
        self.counts.clear();
        self.accounts.clear();
        self.received.clear();
        self.groups.clear();
        self.folded.clear();
        self.unsaved = 0;
    }

    /// The stay to count in.
    fn stay(&self, stay: &Stay) -> Stay {
        if self.evidence.stays.len() < STAYS || self.evidence.stays.contains_key(stay) {
            return stay.clone();
        }
        Stay { route: OTHERS.to_owned(), subject: Default::default(), stage: String::new(), entered: 0 }
    }

    fn found(&mut self, finding: &Finding, judged: &Judged, stay: &Stay) {
        let identity = |finding: &Finding| {
            let Finding { place, kind, limit, taught, .. } = finding;
            // JSON, so that no place can be written like the border between two of them.
            serde_json::json!([stay.route, stay.subject, place, kind, limit, taught]).to_string()
        };
        let (mut name, mut finding) = (identity(finding), finding.clone());
        if !self.evidence.groups.contains_key(&name)
            && self.evidence.groups.values().filter(|group| group.route == stay.route).count() >= MAX_GROUPS
        {
            finding = Finding { place: OTHERS.to_owned(), kind: "more", limit: String::new(), ..finding };
            name = identity(&finding);
        }
        let group = self.evidence.groups.entry(name.clone()).or_insert_with(|| Group {
            route: stay.route.clone(),
            subject: stay.subject.clone(),
            place: finding.place.clone(),
            kind: finding.kind.to_owned(),
            limit: finding.limit.clone(),
            taught: finding.taught,
            first_seen: judged.received_at,
            ..Group::default()
        });
        group.count += 1;
        group.first_seen = group.first_seen.min(judged.received_at);
        group.last_seen = group.last_seen.max(judged.received_at);
        group.stage.clone_from(&stay.stage);
        if group.count == 1 || judged.example.size < group.example.size {
            group.example =
                Example { control: finding.control, candidate: finding.candidate, ..judged.example.clone() };
        }
        let keys = self.group_keys.entry(name.clone()).or_default();
        if keys.len() < KEYS_OF_A_GROUP {
            keys.insert(judged.key);
        }
        group.keys = group.keys.max(keys.len() as u64);
        self.groups.insert(name);
    }
}

fn mark<T: Ord + Clone>(set: &mut BTreeSet<T>, place: &T) {
    if !set.contains(place) {
        set.insert(place.clone());
    }
}

fn seeded(counts: &mut Counts, found: bool, now: u64) {
    let seeded = &mut counts.seeded;
    seeded.judged += 1;
    if found {
        seeded.found += 1;
        seeded.first = if seeded.first == 0 { now } else { seeded.first };
        seeded.last = now;
    }
}

/// Counts one exchange; whether it is a comparison.
fn count(counts: &mut Counts, judged: &Judged, now: u64, metrics: &Metrics) -> bool {
    let route = &judged.stay.route;
    counts.verdicts.add(judged.gating);
    counts.free.add(judged.free);
    metrics.judged(route, judged.gating, judged.free);
    counts.first = if counts.first == 0 { now } else { counts.first };
    counts.last = now;
    if let Some(reason) = judged.reason {
        *counts.not_judged.entry(reason.to_owned()).or_default() += 1;
        metrics.not_judged(route, reason);
    }
    for id in &judged.known {
        *counts.known.entry(id.clone()).or_default() += 1;
        metrics.known(route, id);
    }
    // A kind that was seen has to be covered, also where it could not be judged yet.
    let could_be = matches!(judged.reason, Some(reason::COLD | reason::IN_FLIGHT_TOGETHER));
    if judged.gating.is_judged() || could_be {
        let room = counts.kinds.len() < KINDS || counts.kinds.contains_key(&judged.kind);
        let kind = counts.kinds.entry(if room { judged.kind.clone() } else { OTHERS.to_owned() }).or_default();
        kind.compared += u64::from(judged.gating.is_judged());
        kind.mismatched += u64::from(judged.gating == Verdict::Mismatch);
    }
    counts.mismatches += u64::from(judged.gating.is_unexplained());
    if let Some(noisy) = judged.witnessed {
        counts.witnessed += 1;
        counts.noisy += u64::from(noisy);
    }
    let times =
        [(&mut counts.control, judged.control, "control"), (&mut counts.candidate, judged.candidate, "candidate")];
    for (durations, nanos, side) in times {
        if let Some(nanos) = nanos {
            durations.add(nanos);
            metrics.decision(route, side, nanos);
        }
    }
    if let Some(nanos) = judged.seam {
        counts.seam.add(nanos);
        metrics.seam(route, nanos);
    }
    judged.gating.is_judged()
}

fn join(mine: &mut Account, other: &Account) {
    mine.received += other.received;
    let (said, more) = (&mut mine.said, &other.said);
    said.requests += more.requests;
    said.sampled_out += more.sampled_out;
    said.sent += more.sent;
    said.lost += more.lost;
    said.failed += more.failed;
    for (&reason, &count) in &more.dropped {
        *said.dropped.entry(reason).or_default() += count;
    }
}
