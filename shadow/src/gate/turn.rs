//! The gate once a second, in the sidecar: what has to go back goes back, and what may move on does if somebody wants that.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crossfade_core::Policy;
use crossfade_core::policy::Route;
use crossfade_exchange::stage::{Row, Stage, Stages};
use crossfade_exchange::stage_file::{self, Change, StageError};
use crossfade_exchange::workers::{self, Worker};

use super::Thresholds;
use super::facts::{Clocks, Facts};
use super::ruling::{Cause, Ruling, rule};
use super::watch::Watch;
use crate::evidence::Evidence;
use crate::sidecar::Turn;

/// Who changes stages by itself, in rows and ledger lines.
const WHO: &str = "crossfade sidecar";

/// What was ruled of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name.
    pub route: String,
    /// The stage that it was in.
    pub stage: Stage,
    /// The ruling.
    pub ruling: Ruling,
    /// How often it was rolled back since the sidecar began, by the word of the cause.
    pub rollbacks: BTreeMap<&'static str, u64>,
}

/// The gate over a state directory.
pub struct Gate {
    state: PathBuf,
    policy: PathBuf,
    auto: bool,
    /// The last good policy, and the text that was looked at last.
    parsed: Option<Policy>,
    text: Vec<u8>,
    /// What was said last about the stage file or the policy, so that it is said once.
    said: String,
    watches: BTreeMap<String, Watch>,
    standings: BTreeMap<String, Standing>,
}

impl Gate {
    /// Over the stage file in the directory `state`, by the policy in the file `policy`, whose changes are followed. With
    /// `auto` it promotes too: from `shadow` on, one step at a time, and never what was rolled back or is `off`.
    pub fn new(state: PathBuf, policy: PathBuf, auto: bool) -> Self {
        Self {
            state,
            policy,
            auto,
            parsed: None,
            text: Vec::new(),
            said: String::new(),
            watches: BTreeMap::new(),
            standings: BTreeMap::new(),
        }
    }

    /// Takes over a policy that has changed and is good.
    fn follow(&mut self) -> Result<(), String> {
        let name = self.policy.display().to_string();
        let text = fs::read(&self.policy).map_err(|error| format!("{name}: {error}"))?;
        if text == self.text {
            return Ok(());
        }
        let policy = std::str::from_utf8(&text).map_err(|error| format!("{name}: {error}"));
        let policy = policy.and_then(|text| Policy::parse(&name, text).map_err(|errors| errors.to_string()));
        self.text = text;
        self.parsed = Some(policy?);
        Ok(())
    }

    /// Rules one route, and gives the change that follows from it.
    fn look(&mut self, policy: &Policy, route: &Route, at: &Moment<'_>) -> Option<Change> {
        let thresholds = Thresholds::of(policy, route);
        let row = at.stages.routes.get(&*route.name);
        let mut facts = Facts::gather(route, row, &at.workers, Some((at.evidence, at.clocks)));
        facts.recent = self.watches.entry(facts.route.clone()).or_default().look(&thresholds.test, &facts);
        let ruling = rule(&thresholds, &facts);
        let change = change(&ruling, row, &facts, self.auto);
        let stage = facts.stage;
        let standing = self.standings.entry(facts.route).or_insert_with_key(|name| Standing {
            route: name.clone(),
            stage,
            ruling: ruling.clone(),
            rollbacks: BTreeMap::new(),
        });
        (standing.stage, standing.ruling) = (stage, ruling);
        change
    }

    fn write(&mut self, change: Change, generation: u64, now: u64) -> Result<String, StageError> {
        let (route, to) = (change.route.clone(), change.stage);
        let cause = change.rolled_back.clone();
        let written = stage_file::write(&self.state, &[change], Some(generation), now)?;
        let from = written.before.first().map_or(Stage::Off, |(_, from)| *from);
        let Some(cause) = cause else { return Ok(format!("promoted: {route}: {from} → {to}")) };
        if let Some(standing) = self.standings.get_mut(&route)
            && let Ruling::RollBack(cause) = &standing.ruling
        {
            *standing.rollbacks.entry(cause.word()).or_default() += 1;
        }
        Ok(format!(
            "ROLLED BACK: {route}: {from} → {to}: {cause}. Set it on again with crossfade promote {route} --rearm --why …"
        ))
    }

    /// Says a trouble that lasts once.
    fn once(&mut self, trouble: String) -> Vec<String> {
        if trouble == self.said {
            return Vec::new();
        }
        self.said = trouble;
        Vec::from_iter((!self.said.is_empty()).then(|| self.said.clone()))
    }
}

/// All that is looked at in one turn.
struct Moment<'a> {
    stages: Stages,
    workers: Vec<Worker>,
    evidence: &'a Evidence,
    clocks: Clocks,
}

impl Turn for Gate {
    fn turn(&mut self, evidence: &Evidence, now: u64) -> Vec<String> {
        let trouble = self.follow().err();
        let stages = match stage_file::read(&self.state) {
            Ok(stages) => stages,
            Err(StageError::Missing) => Stages::default(),
            // Workers keep the last good stages, and nobody can say which those are.
            Err(error) => return self.once(error.to_string()),
        };
        let mut lines = self.once(trouble.unwrap_or_default());
        let Some(policy) = self.parsed.take() else { return lines };
        self.standings.retain(|route, _| policy.route_named(route).is_some());
        self.watches.retain(|route, _| policy.route_named(route).is_some());
        let mut generation = stages.generation;
        // Whoever asks is the sidecar itself.
        let clocks = Clocks { now, unseen: Some(0) };
        let at = Moment { stages, workers: workers::present(&self.state), evidence, clocks };
        for route in &policy.routes {
            let Some(change) = self.look(&policy, route, &at) else { continue };
            match self.write(change, generation, now) {
                Ok(line) => {
                    generation += 1;
                    lines.push(line);
                }
                // Somebody was faster; the next turn looks at what he has set.
                Err(StageError::Moved { .. }) => break,
                Err(error) => lines.push(format!("{}: the stage could not be changed: {error}", route.name)),
            }
        }
        self.parsed = Some(policy);
        lines
    }

    fn standings(&self) -> Vec<Standing> {
        self.standings.values().cloned().collect()
    }
}

fn change(ruling: &Ruling, row: Option<&Row>, facts: &Facts, auto: bool) -> Option<Change> {
    let row = row?;
    let who = WHO.to_owned();
    match ruling {
        Ruling::RollBack(cause) => Some(roll_back(cause, row, facts)),
        // A person starts: what is off was perhaps taken there on purpose.
        Ruling::Promote(stage) if auto && row.stage != Stage::Off => Some(Change {
            route: facts.route.clone(),
            stage: *stage,
            subject: facts.subject.clone()?,
            why: format!("the gate is satisfied: {} comparisons", facts.counts.comparisons),
            evidence: Some(facts.digest()),
            who,
            ..Change::default()
        }),
        Ruling::Promote(_) | Ruling::Hold(_) => None,
    }
}

fn roll_back(cause: &Cause, row: &Row, facts: &Facts) -> Change {
    Change {
        route: facts.route.clone(),
        stage: cause.to(),
        subject: row.subject.clone(),
        who: WHO.to_owned(),
        why: format!("rolled back from {}", row.stage),
        evidence: Some(facts.digest()),
        rolled_back: Some(cause.to_string()),
        ..Change::default()
    }
}
