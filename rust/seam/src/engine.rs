//! One process's policy, counts and switches, and what happens to one request at the seam.
//!
//! A decision has three steps so that the binding can put its guard around the middle one: [`Engine::place`] (which
//! route, which stage), [`Engine::candidate`] (may panic: it is the candidate), [`Engine::settle`] (who answers).

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossfade_core::limit::{Limit, Strategy};
use crossfade_core::policy::{Policy, RouteId};
use crossfade_core::{Outcome, Request, Scratch, Timestamp, Unsupported, admit};
use crossfade_store::memory::Memory;

use crate::counts::Counts;
use crate::stage::{Fault, Stage, Stages};
use crate::switch::Switch;

/// Policy, limiter, switches and counts.
#[derive(Debug)]
pub struct Engine {
    /// The policy.
    pub policy: Policy,
    limiter: Arc<Memory>,
    routes: Vec<RouteState>,
}

#[derive(Debug)]
struct RouteState {
    switch: Switch,
    counts: Counts,
    longest_window: u64,
    needs_body: bool,
}

/// Where a request stands: its route and that route's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The route.
    pub route: RouteId,
    /// Its effective stage in this process.
    pub stage: Stage,
}

/// What the candidate made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It decided.
    Decided(Outcome),
    /// The control must judge.
    Unsupported(Unsupported),
    /// It panicked.
    Failed,
}

/// Who answers, and what else has to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The client gets the candidate's answer.
    pub candidate_answers: bool,
    /// The control runs: it answers, or is compared with.
    pub control_runs: bool,
}

impl Engine {
    /// An engine with every route `off` and empty counts. `before` lends its counters where its limits are the same.
    pub fn new(policy: Policy, before: Option<&Engine>) -> Self {
        let limiter = match before {
            Some(before) if before.policy.limits == policy.limits => Arc::clone(&before.limiter),
            _ => Arc::new(Memory::new(policy.max_keys)),
        };
        let routes = policy
            .routes
            .iter()
            .map(|route| RouteState {
                switch: Switch::default(),
                counts: Counts::default(),
                longest_window: route.limits.iter().map(|&id| memory_of(policy.limit(id))).max().unwrap_or(0),
                needs_body: route.json.is_some() || route.max_body.is_some(),
            })
            .collect();
        Self { policy, limiter, routes }
    }

    /// Takes over a stage file. A row that was set for another build or policy counts as `shadow` at most; returns the
    /// names of such routes.
    pub fn follow(&self, stages: &Stages) -> Vec<&str> {
        let mut held = Vec::new();
        for (route, state) in self.policy.routes.iter().zip(&self.routes) {
            let row = stages.routes.get(&*route.name);
            let ours = row.is_none_or(|row| row.subject.build == crate::BUILD && row.subject.policy == *route.digest);
            if !ours {
                held.push(&*route.name);
            }
            state.switch.set(&route.name, row, if ours { Stage::Live } else { Stage::Shadow });
        }
        held
    }

    /// The route of a request and its stage; `None`: passed through.
    ///
    /// For a route that is `off` this notes that the control counts alone from now on.
    pub fn place(&self, method: &[u8], raw_path: &[u8]) -> Option<Place> {
        let route = self.policy.route_of(method, raw_path)?;
        let state = self.state(route);
        let stage = state.switch.stage();
        if stage == Stage::Off && state.longest_window > 0 {
            state.switch.missed(clock_micros(), state.longest_window);
        }
        Some(Place { route, stage })
    }

    /// Runs the candidate, and the fault that was injected into it.
    ///
    /// # Panics
    ///
    /// Where the candidate has a bug, or a panic was injected: the caller catches it and says [`Answer::Failed`].
    pub fn candidate(&self, place: Place, request: &Request<'_>, now: Timestamp, scratch: &mut Scratch) -> Answer {
        scratch.clear();
        match self.state(place.route).switch.fault() {
            Some(Fault::Panic) => panic!("injected fault"),
            Some(Fault::Unsupported) => return Answer::Unsupported(Unsupported("injected fault")),
            None => {}
        }
        match admit(&self.policy, place.route, &*self.limiter, request, now, scratch) {
            Ok(outcome) => Answer::Decided(outcome),
            Err(unsupported) => Answer::Unsupported(unsupported),
        }
    }

    /// Who answers, given what the candidate made of the request.
    pub fn settle(&self, place: Place, answer: Answer, now: Timestamp, scratch: &Scratch) -> Settled {
        let state = self.state(place.route);
        state.counts.candidate.add();
        match answer {
            Answer::Decided(_) => {}
            Answer::Unsupported(_) => state.counts.unsupported.add(),
            Answer::Failed => state.counts.failed.add(),
        }
        // The key that was counted is the key that is switched, so that no client is split over two counters.
        let first = scratch.charges().next();
        let key = first.map_or(scratch.client.as_bytes(), |charge| charge.key);
        let wanted = matches!(answer, Answer::Decided(_)) && place.stage > Stage::Shadow;
        let candidate_answers = wanted && state.switch.candidate_answers(place.stage, key, now.micros());
        if wanted && !candidate_answers && !state.switch.warm(now.micros()) {
            state.counts.cold.add();
        }
        let control_runs = !candidate_answers || place.stage != Stage::Live || state.switch.drift_sampled(key);
        if candidate_answers {
            state.counts.answered_by_candidate.add();
        }
        if control_runs {
            state.counts.control.add();
        }
        Settled { candidate_answers, control_runs }
    }

    /// Whether the route's decision looks at the body.
    pub fn needs_body(&self, route: RouteId) -> bool {
        self.state(route).needs_body
    }

    /// Counters of a route.
    pub fn counts(&self, route: RouteId) -> &Counts {
        &self.state(route).counts
    }

    /// Stage of a route in this process.
    pub fn stage(&self, route: RouteId) -> Stage {
        self.state(route).switch.stage()
    }

    fn state(&self, route: RouteId) -> &RouteState {
        &self.routes[usize::from(route.0)]
    }
}

/// How long one hit matters to a limit, in microseconds.
fn memory_of(limit: &Limit) -> u64 {
    let window = limit.rate.window().saturating_mul(1_000_000);
    match limit.strategy {
        Strategy::FixedWindow | Strategy::MovingWindow => window,
        // The window before still weighs.
        Strategy::SlidingWindowCounter => window.saturating_mul(2),
        Strategy::Gcra { burst } => (window / limit.rate.amount.max(1) + 1).saturating_mul(burst),
    }
}

/// Nanoseconds that `f` took, by a monotonic clock, with what it gave.
pub fn timed<T>(f: impl FnOnce() -> T) -> (T, u64) {
    let start = Instant::now();
    let value = f();
    (value, start.elapsed().as_nanos() as u64)
}

/// CLOCK_REALTIME in microseconds since the epoch.
pub fn clock_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
