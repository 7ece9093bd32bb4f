//! Adds up what a run came to. Every exchange is counted once, and the sums are checked.

use std::collections::BTreeMap;

use crossfade_core::Policy;
use crossfade_core::policy::{Route, RouteId, RuleId, RuleName};
use crossfade_exchange::frame::Hello;

use super::board::Judged;
use super::candidate::Exercised;
use super::prepare::Capture;
use super::{Error, Options};
use crate::group::Groups;
use crate::known::{self, Standing};
use crate::latency::Latency;
use crate::report::{
    EXERCISED, KnownReport, LimitReport, Report, RouteReport, RuleReport, SCHEMA, Sides, Unexercised, UnreportedCounts,
};
use crate::verdict::{Reasons, Verdict, Verdicts};

/// Kinds of outcome that are told apart on one route. A control may put anything into a code.
const MAX_NAMES: usize = 100;

/// A run that is over.
pub struct Run<'a> {
    pub policy: &'a Policy,
    pub capture: &'a Capture,
    pub options: &'a Options,
    pub only: Option<RouteId>,
    pub hello: Option<&'a Hello>,
    pub workers: usize,
    pub serial: Option<String>,
    pub judged: Vec<Judged>,
    pub exercised: Vec<Exercised>,
}

/// Makes the report.
pub fn report(mut run: Run<'_>) -> Result<Report, Error> {
    let counted: Vec<usize> = (0..run.judged.len()).filter(|&index| run.capture.exchanges[index].reported).collect();
    let mut known = Vec::new();
    for (index, route) in run.policy.routes.iter().enumerate() {
        if run.only.is_none_or(|only| usize::from(only.0) == index) {
            known.extend(settle_known(&mut run, route, index, &counted));
        }
    }
    let mut rows: Vec<Row> = run.policy.routes.iter().map(|_| Row::default()).collect();
    let mut passed = Row::default();
    let mut groups = Groups::new(run.options);
    for &index in &counted {
        let (prepared, judged) = (&run.capture.exchanges[index], &run.judged[index]);
        match prepared.route {
            Some(route) => {
                rows[usize::from(route.0)].add(judged);
                groups.add(run.policy.route(route), prepared, judged, &known);
            }
            None => passed.add(judged),
        }
    }
    let mut routes = Vec::new();
    let mut unexercised = Vec::new();
    for (index, (route, row)) in run.policy.routes.iter().zip(rows).enumerate() {
        if run.only.is_none_or(|only| usize::from(only.0) == index) {
            let row = row.report(Some(route), &run.exercised[index]);
            unexercised.extend(idle(&row));
            routes.push(row);
        }
    }
    if passed.verdicts.total() > 0 {
        routes.push(passed.report(None, &Exercised::default()));
    }
    let mut totals = Verdicts::default();
    for route in &routes {
        totals.join(&route.verdicts);
    }
    check(&routes, &totals, counted.len() as u64)?;
    let names = &run.options.names;
    Ok(Report {
        schema: SCHEMA,
        capture: names.capture.clone(),
        policy: names.policy.clone(),
        control: run.options.control.as_ref().map(|control| control.seam.clone()),
        build: names.build.clone(),
        control_digest: run.hello.map(|hello| hello.control_digest.clone()),
        today: run.options.today.as_str().to_owned(),
        workers: run.workers,
        serial: run.serial,
        only: run.options.only.clone(),
        losses: names.losses.clone(),
        exchanges: totals.total(),
        judged: totals.judged(),
        unexplained: totals.unexplained(),
        proven: totals.judged() > 0 && totals.unexplained() == 0,
        totals,
        routes,
        mismatches: groups.into_list(run.policy),
        known,
        unexercised,
    })
}

/// Decides which known differences of a route stand, and makes mismatches of what the others would have explained.
fn settle_known(run: &mut Run<'_>, route: &Route, number: usize, counted: &[usize]) -> Vec<KnownReport> {
    let of_route: Vec<usize> = counted
        .iter()
        .copied()
        .filter(|&index| run.capture.exchanges[index].route.is_some_and(|id| usize::from(id.0) == number))
        .collect();
    let mut used = vec![0; route.known_differences.len()];
    for &index in &of_route {
        let judgement = &run.judged[index].judgement;
        let mut mentioned: Vec<usize> = judgement.known.iter().flatten().copied().collect();
        mentioned.sort_unstable();
        mentioned.dedup();
        for known in mentioned {
            // A live one counts where it explains; an expired one where it would have.
            if judgement.verdict == Verdict::Known
                || known::expired(&route.known_differences[known], &run.options.today)
            {
                used[known] += 1;
            }
        }
    }
    let standings: Vec<Standing> = route
        .known_differences
        .iter()
        .zip(&used)
        .map(|(known, &used)| match used {
            _ if known::expired(known, &run.options.today) => Standing::Expired,
            _ if used > known::allowed(known, of_route.len() as u64) => Standing::OverBudget,
            _ => Standing::Live,
        })
        .collect();
    for &index in &of_route {
        let judgement = &mut run.judged[index].judgement;
        let live = |covers: &Vec<usize>| covers.iter().any(|&known| standings[known] == Standing::Live);
        if judgement.verdict == Verdict::Known && !judgement.known.iter().all(live) {
            judgement.verdict = Verdict::Mismatch;
        }
    }
    let rows = route.known_differences.iter().zip(used).zip(standings);
    rows.map(|((known, used), standing)| KnownReport {
        route: route.name.to_string(),
        id: known.id.to_string(),
        field: known.field.to_string(),
        reason: known.reason.to_string(),
        owner: known.owner.to_string(),
        expires: known.expires.to_string(),
        budget: known.budget,
        allowed: known::allowed(known, of_route.len() as u64),
        used,
        standing,
    })
    .collect()
}

/// What is added up of one route.
#[derive(Default)]
struct Row {
    verdicts: Verdicts,
    not_judged: Reasons,
    unsupported: BTreeMap<String, u64>,
    outcomes: Sides<BTreeMap<String, u64>>,
    unreported: UnreportedCounts,
    latency: Sides<Latency>,
}

impl Row {
    fn add(&mut self, judged: &Judged) {
        let judgement = &judged.judgement;
        self.verdicts.add(judgement.verdict);
        if let Some(reason) = judgement.reason {
            *self.not_judged.entry(reason).or_default() += 1;
        }
        self.unreported.charges += u64::from(judgement.unreported.charges);
        self.unreported.retry_after += u64::from(judgement.unreported.retry_after);
        if let Some((name, nanos)) = &judged.control {
            count(&mut self.outcomes.control, name);
            self.latency.control.add(*nanos);
        }
        if let Some((name, nanos)) = &judged.candidate {
            if let Some(code) = name.strip_prefix("unsupported:") {
                count(&mut self.unsupported, code);
            }
            count(&mut self.outcomes.candidate, name);
            self.latency.candidate.add(*nanos);
        }
    }

    fn report(self, route: Option<&Route>, exercised: &Exercised) -> RouteReport {
        let rules = route.map_or(&[][..], |route| &route.rules);
        RouteReport {
            route: route.map_or(String::new(), |route| route.name.to_string()),
            policy_digest: route.map_or(String::new(), |route| route.digest.to_string()),
            exchanges: self.verdicts.total(),
            not_judged: self.not_judged,
            unsupported: self.unsupported,
            outcomes: self.outcomes,
            unreported: self.unreported,
            rules: rules
                .iter()
                .zip(&exercised.rules)
                .enumerate()
                .filter(|(index, _)| route.is_some_and(|route| route.can_take(RuleId(*index as u16))))
                .map(|(_, (rule, &exercised))| RuleReport {
                    place: rule.place.to_string(),
                    operation: rule.operation.to_string(),
                    exercised,
                })
                .collect(),
            remarks: exercised
                .remarks
                .iter()
                .map(|(&(code, rule), &count)| (remark(rules, code, rule), count))
                .collect(),
            above_cap: route.is_some_and(|route| above_cap(route, &self.verdicts)),
            verdicts: self.verdicts,
            limits: exercised
                .limits
                .iter()
                .map(|limit| LimitReport { limit: limit.name.to_string(), hits: limit.hits, refusals: limit.refusals })
                .collect(),
            latency: Sides { control: self.latency.control.figures(), candidate: self.latency.candidate.figures() },
        }
    }
}

/// The name of a remark: its code, and the field if one's rule made it.
fn remark(rules: &[RuleName], code: &str, rule: Option<RuleId>) -> String {
    match rule.and_then(|rule| rules.get(usize::from(rule.0))) {
        Some(rule) => format!("{code} {}", rule.place),
        None => code.to_owned(),
    }
}

/// Whether more of the route's exchanges were outside the grammar than its cap allows.
fn above_cap(route: &Route, verdicts: &Verdicts) -> bool {
    verdicts.of(Verdict::Unsupported) as f64 > route.unsupported.cap * verdicts.total() as f64
}

/// Counts one more of `name`, or of all that came after too many names.
fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else {
        let name = if counts.len() < MAX_NAMES { name } else { "(others)" };
        *counts.entry(name.to_owned()).or_default() += 1;
    }
}

/// The rules and limits of a route that the traffic exercised too little to show that they work.
fn idle(row: &RouteReport) -> Vec<Unexercised> {
    if row.exchanges == 0 {
        let route = row.route.clone();
        return vec![Unexercised { route, what: "route", name: String::new(), operation: String::new(), changed: 0 }];
    }
    let rules = row.rules.iter().filter(|rule| rule.exercised < EXERCISED).map(|rule| Unexercised {
        route: row.route.clone(),
        what: "rule",
        name: rule.place.clone(),
        operation: rule.operation.clone(),
        changed: rule.exercised,
    });
    let limits = row.limits.iter().filter(|limit| limit.refusals == 0).map(|limit| Unexercised {
        route: row.route.clone(),
        what: "limit",
        name: limit.limit.clone(),
        operation: String::new(),
        changed: 0,
    });
    rules.chain(limits).collect()
}

/// The account adds up, or it is no account.
fn check(routes: &[RouteReport], totals: &Verdicts, exchanges: u64) -> Result<(), Error> {
    let inconsistent = |what: String| Err(Error::Inconsistent(what));
    if totals.total() != exchanges {
        return inconsistent(format!("{} verdicts of {exchanges} exchanges", totals.total()));
    }
    for route in routes {
        let reasons: u64 = route.not_judged.values().sum();
        let codes: u64 = route.unsupported.values().sum();
        let verdicts = &route.verdicts;
        if reasons != verdicts.of(Verdict::NotJudged) || codes != verdicts.of(Verdict::Unsupported) {
            return inconsistent(format!(
                "route {:?}: {reasons} reasons of {} not judged, {codes} codes of {} unsupported",
                route.route,
                verdicts.of(Verdict::NotJudged),
                verdicts.of(Verdict::Unsupported)
            ));
        }
    }
    Ok(())
}
