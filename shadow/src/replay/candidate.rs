//! The candidate's side of a replay: one thread, in the order of time, with the recorded clock.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crossfade_core::limit::LimitId;
use crossfade_core::policy::{Route, RuleId};
use crossfade_core::{Limiter, Outcome, Policy, Scratch, Timestamp, admit};
use crossfade_exchange::{Observation, observe};

use super::prepare::{Capture, Lent};

/// Name of the candidate's thread; a panic on it is a verdict.
pub const THREAD: &str = "candidate";

/// How often each part of one route's policy was seen to act.
#[derive(Debug, Clone, Default)]
pub struct Exercised {
    /// Values changed, by rule of the route.
    pub rules: Vec<u64>,
    /// The limits in the order of the route.
    pub limits: Vec<Counted>,
    /// What checks remarked that are not enforced, by code and field.
    pub remarks: BTreeMap<(&'static str, Option<RuleId>), u64>,
}

/// What was counted under one limit.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The limit.
    pub id: LimitId,
    /// Its name.
    pub name: Box<str>,
    /// Hits, refused ones included.
    pub hits: u64,
    /// Refusals.
    pub refusals: u64,
}

impl Exercised {
    fn of(policy: &Policy, route: &Route) -> Self {
        let limits =
            route.limits.iter().map(|&id| Counted { id, name: policy.limit(id).name.clone(), hits: 0, refusals: 0 });
        Self { rules: vec![0; route.rules.len()], limits: limits.collect(), remarks: BTreeMap::new() }
    }

    fn add(&mut self, outcome: Option<Outcome>, scratch: &Scratch) {
        for rule in &scratch.exercised {
            self.rules[usize::from(rule.0)] += 1;
        }
        for remark in scratch.remarks.iter() {
            *self.remarks.entry((remark.code, remark.rule)).or_default() += 1;
        }
        for charge in scratch.charges() {
            for limit in self.limits.iter_mut().filter(|limit| limit.id == charge.limit) {
                limit.hits += 1;
                limit.refusals +=
                    u64::from(matches!(outcome, Some(Outcome::Limited { limit, .. }) if limit == charge.limit));
            }
        }
    }
}

/// Runs the candidate over every exchange that can run, and hands each observation to `give`. Each home has a limiter
/// of its own. Ends early when `give` says so.
pub fn run<L: Limiter>(
    policy: &Policy,
    capture: &Capture,
    limiter: impl Fn() -> L,
    mut give: impl FnMut(usize, Observation) -> bool,
) -> Vec<Exercised> {
    let homes: Vec<L> = (0..capture.homes).map(|_| limiter()).collect();
    let mut exercised: Vec<Exercised> = policy.routes.iter().map(|route| Exercised::of(policy, route)).collect();
    let mut scratch = Scratch::new();
    let mut lent = Lent::default();
    for (index, prepared) in capture.exchanges.iter().enumerate().filter(|(_, prepared)| prepared.runs) {
        let Some(id) = prepared.route else { continue };
        let route = policy.route(id);
        let request = lent.request(&prepared.exchange.request);
        let now = Timestamp::from_micros(prepared.exchange.received_at);
        let limiter = &homes[prepared.home as usize];
        let started = Instant::now();
        let decided = catch_unwind(AssertUnwindSafe(|| admit(policy, id, limiter, &request, now, &mut scratch)));
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let observation = match decided {
            Ok(answer) => {
                // A replay does not know how long a request took, so it is over at once.
                scratch.places(policy).for_each(|taken| {
                    limiter.finish(policy.limit(taken.limit), taken.key, taken.cost, None);
                });
                if prepared.reported {
                    exercised[usize::from(id.0)].add(answer.ok(), &scratch);
                }
                Observation { nanos, ..observe(policy, route, answer, &scratch) }
            }
            Err(panic) => {
                // What a panic left behind is not to be used again.
                scratch = Scratch::new();
                Observation { failed: Some(message(&*panic)), nanos, ..Observation::default() }
            }
        };
        if !give(index, observation) {
            break;
        }
    }
    exercised
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}
