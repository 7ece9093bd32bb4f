//! One request, operation by operation: what each made of it, what it remarked, and what was decided in the end.
//!
//! Nothing here knows what an operation does. A route is run again and again, each time with one operation more, and what
//! differs is what that operation did; so this cannot say anything else than the candidate does.

mod request;
mod steps;

use crossfade_core::outcome::{Outcome, Unsupported};
use crossfade_core::policy::{Policy, Route, RouteId, RuleId};
use crossfade_core::rollout::{Remark, Remarks, Rollout, Rollouts};
use crossfade_core::{Scratch, Timestamp, admit};
use crossfade_exchange::{Forward, Observation, Request, observe};
use crossfade_store::Memory;

use crate::compare::{Difference, compare};
use crate::replay::Lent;
pub use request::read;

/// What became of one request.
#[derive(Debug)]
pub struct Explanation {
    /// Who is asking, as limits count it.
    pub client: String,
    /// What the candidate did, with its charges; limits were as if nobody had asked before.
    pub observation: Observation,
    /// The operations in the order in which they act.
    pub operations: Vec<Operation>,
}

/// What one operation did.
#[derive(Debug)]
pub struct Operation {
    /// The part of the request: `path`, `query`, `host`, `headers`, `body`.
    pub part: &'static str,
    /// What it does, in the policy's words.
    pub name: String,
    /// What it changed: the control's side of a difference is before it, the candidate's after it.
    pub changes: Vec<Difference>,
    /// Codes of the checks that fired.
    pub fired: Vec<&'static str>,
}

/// Explains what `policy` makes of `request` on `route`.
pub fn explain(policy: &Policy, route: RouteId, request: &Request) -> Explanation {
    let whole = policy.route(route);
    let mut lent = Lent::default();
    let borrowed = lent.request(request);
    let mut scratch = Scratch::new();
    let decided = admit(policy, route, &Memory::new(policy.store.max_keys()), &borrowed, NOW, &mut scratch);
    let observation = observe(policy, whole, decided, &scratch);
    let client = scratch.client.clone();

    let mut run = |route: &Route| Run::of(policy, route, request, &mut scratch);
    let mut before = run(&watched(steps::nothing(whole)));
    let mut operations = Vec::new();
    for step in steps::steps(whole) {
        let after = run(&watched(step.route));
        let changes = match after.stopped {
            Some(_) => Vec::new(), // it goes no further
            None => compare(whole, request, &before.observation(), &after.observation()),
        };
        let fired = match step.rule {
            Some(rule) => after.fired_by(rule),
            None => after.fired_since(&before),
        };
        operations.push(Operation { part: step.part, name: step.name, changes, fired });
        if step.rule.is_none() {
            before = after;
        }
    }
    Explanation { client, observation, operations }
}

/// The operations of a route in the order in which they act: part and name.
pub fn operations(route: &Route) -> Vec<(&'static str, String)> {
    steps::steps(route).into_iter().map(|step| (step.part, step.name)).collect()
}

/// Any instant: no operation looks at it.
const NOW: Timestamp = Timestamp::from_micros(0);

/// A route without limits whose checks fire and do not act.
fn watched(mut route: Route) -> Route {
    route.limits.clear();
    route.rollouts = Rollouts::all(Rollout::Observe);
    route
}

/// What a variant of the route made of the request.
struct Run {
    forward: Forward,
    remarks: Remarks,
    /// A rule of a field ended it: those are rolled out one by one.
    stopped: Option<&'static str>,
}

impl Run {
    fn of(policy: &Policy, route: &Route, request: &Request, scratch: &mut Scratch) -> Self {
        let policy = Policy { routes: vec![route.clone()], ..policy.clone() };
        let mut lent = Lent::default();
        let borrowed = lent.request(request);
        let decided = admit(&policy, RouteId(0), &Memory::new(1), &borrowed, NOW, scratch);
        let stopped = match decided {
            Ok(Outcome::Accepted(_) | Outcome::Limited { .. }) => None,
            Ok(Outcome::Invalid(reason)) => Some(reason.code),
            Err(Unsupported(why)) => Some(why),
        };
        let forward = match observe(&policy, route, decided, scratch).outcome {
            Some(crossfade_exchange::Outcome::Accepted(forward)) => forward,
            _ => Forward::default(),
        };
        Self { forward, remarks: scratch.remarks.clone(), stopped }
    }

    fn observation(&self) -> Observation {
        let outcome = crossfade_exchange::Outcome::Accepted(self.forward.clone());
        Observation { outcome: Some(outcome), ..Observation::default() }
    }

    /// What the rule of a field remarked, or ended it with.
    fn fired_by(&self, rule: RuleId) -> Vec<&'static str> {
        let remarks = self.remarks.iter().filter(|remark| remark.rule == Some(rule));
        remarks.map(|remark| remark.code).chain(self.stopped).collect()
    }

    /// What checks of the request as a whole remarked in this run and not in the one before it.
    fn fired_since(&self, before: &Self) -> Vec<&'static str> {
        let is_new = |remark: &&Remark| remark.rule.is_none() && !before.remarks.contains(remark);
        self.remarks.iter().filter(is_new).map(|remark| remark.code).chain(self.stopped).collect()
    }
}
