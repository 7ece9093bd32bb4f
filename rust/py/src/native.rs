//! `NativeSeam`: what the Python seam calls for each request.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use crossfade_core::policy::{Rejects, RouteId};
use crossfade_core::{Outcome, Policy, Scratch, Timestamp};
use crossfade_exchange::{Exchange, record};
use crossfade_seam::emitter::Emitter;
use crossfade_seam::engine::{Answer, Engine, Place, Settled, timed};
use crossfade_seam::follower::Paths;
use crossfade_seam::fork;
use crossfade_seam::process::Process;
use crossfade_seam::stage::Stage;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::decision::Decision;
use crate::guard::guarded;
use crate::observed;
use crate::scope::{self, Parts};

/// Answers of [`NativeSeam::admit`]: what the candidate said, in the low bits. All answers fit a cached Python int.
mod code {
    pub const NOT_RUN: u8 = 0;
    pub const SAME: u8 = 1;
    pub const CHANGED: u8 = 2;
    pub const REFUSED: u8 = 3;
    pub const UNSUPPORTED: u8 = 4;
    pub const FAILED: u8 = 5;
    /// The client gets the candidate's answer.
    pub const CANDIDATE_ANSWERS: u8 = 16;
    /// The control has to run.
    pub const CONTROL_RUNS: u8 = 32;
    /// The exchange is to be recorded.
    pub const RECORDS: u8 = 64;
}

/// Answers of [`NativeSeam::place`].
mod place {
    /// The route is not `off`: the seam decides.
    pub const DECIDES: u8 = 1;
    /// The decision looks at the body.
    pub const NEEDS_BODY: u8 = 2;
    /// The exchange is to be recorded.
    pub const RECORDS: u8 = 4;
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

/// One thread's buffers, and what its last decision was.
#[derive(Default)]
struct Work {
    scratch: Scratch,
    last: Option<(Place, Answer, Settled, u64)>,
}

/// One seam: policy, stages, limits and records. Usable from any thread, and after a fork.
#[pyclass(module = "crossfade._core", frozen)]
pub struct NativeSeam {
    policy: Policy,
    paths: Paths,
    capture: Option<PathBuf>,
    process: ArcSwapOption<Process>,
}

impl NativeSeam {
    /// This process's half. Made with the first call after a fork: nothing with a thread or a file exists before.
    fn process(&self) -> arc_swap::Guard<Option<Arc<Process>>> {
        let process = self.process.load();
        match &*process {
            Some(process) if process.generation == fork::generation() => {}
            _ => {
                self.process.store(Some(self.start()));
                return self.process.load();
            }
        }
        process
    }

    #[cold]
    fn start(&self) -> Arc<Process> {
        // A capture directory that cannot be used is counted, not raised: the service comes first.
        let emitter = self.capture.as_ref().map(|directory| Emitter::start(directory.clone()));
        Process::start(self.policy.clone(), &self.paths, emitter)
    }

    /// Runs `f` with this process and its engine.
    fn with<T>(&self, f: impl FnOnce(&Process, &Engine) -> T) -> T {
        let process = self.process();
        let process = process.as_ref().expect("process() has just stored one");
        f(process, &process.engine_guard())
    }
}

#[pymethods]
impl NativeSeam {
    /// A seam by the policy in `text`, which came from the file `policy_path`.
    ///
    /// `state_directory` holds the stage file. Exchanges are recorded below `capture_directory` if it is not None.
    /// Raises ValueError with every error of the policy.
    #[new]
    #[pyo3(signature = (*, policy_path, text, state_directory, capture_directory))]
    fn new(
        policy_path: PathBuf,
        text: &str,
        state_directory: PathBuf,
        capture_directory: Option<PathBuf>,
    ) -> PyResult<Self> {
        let policy = Policy::parse(&policy_path.display().to_string(), text)
            .map_err(|errors| PyValueError::new_err(errors.to_string()))?;
        Ok(Self {
            policy,
            paths: Paths { policy: policy_path, directory: state_directory },
            capture: capture_directory,
            process: ArcSwapOption::empty(),
        })
    }

    /// What to do with a request before its body is read: a sum of 1 (the seam decides), 2 (the decision looks at the
    /// body) and 4 (the exchange is to be recorded). 0: leave it alone.
    fn place(&self, scope: &Bound<'_, PyDict>) -> u8 {
        self.with(|process, engine| {
            let records = if process.emitter.is_some() { place::RECORDS } else { 0 };
            match place_of(engine, scope) {
                Some(place) if place.stage > Stage::Off => {
                    let body = if engine.needs_body(place.route) { place::NEEDS_BODY } else { 0 };
                    place::DECIDES | body | records
                }
                _ => records,
            }
        })
    }

    /// Runs the candidate for one request at `now` (microseconds since the epoch) where the route's stage says so.
    ///
    /// Low four bits: 0 not run, 1 accepted unchanged, 2 accepted and changed, 3 refused, 4 unsupported, 5 failed; plus
    /// 16 the client gets the candidate's answer, 32 the control has to run, 64 the exchange is to be recorded.
    fn admit(&self, scope: &Bound<'_, PyDict>, body: &[u8], now: u64) -> u8 {
        self.with(|process, engine| {
            let records = if process.emitter.is_some() { code::RECORDS } else { 0 };
            let control_only = code::NOT_RUN | code::CONTROL_RUNS | records;
            let Some(place) = place_of(engine, scope) else { return control_only };
            if place.stage == Stage::Off {
                return control_only;
            }
            let Some(parts) = Parts::of(scope, true) else { return control_only };
            WORK.with(|work| {
                // Python code can run inside a conversion and come back here; that request goes to the control.
                let Ok(mut work) = work.try_borrow_mut() else { return control_only };
                work.decide(engine, place, &parts, body, now).map_or(control_only, |code| code | records)
            })
        })
    }

    /// The last decision of this thread, copied; None when the candidate did not run. Call it before anything else is
    /// awaited.
    fn decision(&self) -> Option<Decision> {
        self.with(|_, engine| {
            WORK.with_borrow(|work| {
                let (place, answer, settled, nanos) = work.last?;
                // The policy may have been replaced in between; a route that is gone has no decision.
                let route = engine.policy.routes.get(usize::from(place.route.0))?;
                Some(Decision::copy(
                    &engine.policy,
                    route,
                    place.stage.word(),
                    answer,
                    settled.candidate_answers,
                    nanos,
                    &work.scratch,
                ))
            })
        })
    }

    /// Records one exchange; drops it, counted, when the emitter has no room. Never waits.
    ///
    /// `body` is None where it was not kept; `control` is a `crossfade.Observation` or None.
    #[pyo3(signature = (scope, body, body_bytes, now, decision, control, control_digest))]
    #[allow(clippy::too_many_arguments)]
    fn record(
        &self,
        scope: &Bound<'_, PyDict>,
        body: Option<&[u8]>,
        body_bytes: u64,
        now: u64,
        decision: Option<&Bound<'_, Decision>>,
        control: Option<&Bound<'_, PyAny>>,
        control_digest: String,
    ) -> PyResult<bool> {
        let control = control.map(observed::observation).transpose()?;
        let Some(parts) = Parts::of(scope, true) else { return Ok(false) };
        let Some(request) = parts.with_request(&[], |request| scope::record(request, body, body_bytes)) else {
            return Ok(false);
        };
        let decision = decision.map(Bound::get);
        Ok(self.with(|process, engine| {
            let Some(emitter) = &process.emitter else { return false };
            let place = place_of(engine, scope);
            let route = place.map(|place| engine.policy.route(place.route));
            let exchange = Exchange {
                version: record::VERSION,
                route: route.map_or_else(String::new, |route| route.name.to_string()),
                received_at: now,
                worker: u64::from(std::process::id()),
                epoch: process.epoch,
                sequence: process.next_sequence(),
                stage: decision.map_or("off", |decision| decision.stage).to_owned(),
                authoritative: match decision {
                    Some(decision) if decision.candidate_answers => "candidate",
                    _ => "control",
                }
                .to_owned(),
                request,
                control,
                candidate: decision.map(|decision| decision.observation.clone()),
                build: crossfade_seam::BUILD.to_owned(),
                policy: route.map_or_else(String::new, |route| route.digest.to_string()),
                control_digest,
            };
            let sent = emitter.emit(exchange);
            if let Some(place) = place {
                let counts = engine.counts(place.route);
                if sent { counts.emitted.add() } else { counts.dropped.add() }
            }
            sent
        }))
    }

    /// Names of the policy's routes, in its order.
    fn routes(&self) -> Vec<String> {
        self.policy.routes.iter().map(|route| route.name.to_string()).collect()
    }

    /// Name of the route that a scope belongs to, or None.
    fn route_of(&self, scope: &Bound<'_, PyDict>) -> Option<String> {
        self.with(|_, engine| place_of(engine, scope).map(|place| engine.policy.route(place.route).name.to_string()))
    }

    /// The largest body in bytes that a route's decision needs, or None: a longer one is refused as it is.
    fn max_body(&self, scope: &Bound<'_, PyDict>) -> Option<usize> {
        self.with(|_, engine| engine.policy.route(place_of(engine, scope)?.route).max_body)
    }

    /// Whether a route's refusals are rendered as problem details instead of by the control.
    fn problem_json(&self, scope: &Bound<'_, PyDict>) -> bool {
        self.with(|_, engine| {
            place_of(engine, scope)
                .is_some_and(|place| engine.policy.route(place.route).rejects == Rejects::ProblemJson)
        })
    }

    /// What this process knows: generation of the stage file, routes held at `shadow` for another build or policy,
    /// unusable files met, and per route its stage and counters.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with(|process, engine| {
            let (generation, held) = process.followed();
            let status = PyDict::new(py);
            status.set_item("build", crossfade_seam::BUILD)?;
            status.set_item("generation", generation)?;
            status.set_item("held", held)?;
            status.set_item("stage_errors", process.stage_errors.get())?;
            status.set_item("policy_errors", process.policy_errors.get())?;
            status.set_item("capture_error", process.emitter.as_ref().and_then(Emitter::error))?;
            let routes = PyDict::new(py);
            for (index, route) in engine.policy.routes.iter().enumerate() {
                let id = RouteId(index as u16);
                let row = PyDict::new(py);
                row.set_item("stage", engine.stage(id).to_string())?;
                row.set_item("policy", &*route.digest)?;
                for (name, count) in engine.counts(id).list() {
                    row.set_item(name, count)?;
                }
                routes.set_item(&*route.name, row)?;
            }
            status.set_item("routes", routes)?;
            Ok(status)
        })
    }

    /// Writes out what the emitter holds; waits for it at most `seconds`. For tests and the end of a process.
    fn flush(&self, py: Python<'_>, seconds: f64) -> bool {
        let process = self.process.load_full();
        py.detach(|| match process.as_deref() {
            Some(Process { emitter: Some(emitter), generation, .. }) if *generation == fork::generation() => {
                emitter.flush(std::time::Duration::from_secs_f64(seconds.clamp(0.0, 60.0)))
            }
            _ => true,
        })
    }
}

impl Work {
    /// Runs the candidate and settles who answers; `None` when the scope is not as ASGI says.
    fn decide(&mut self, engine: &Engine, place: Place, parts: &Parts<'_>, body: &[u8], now: u64) -> Option<u8> {
        let now = Timestamp::from_micros(now);
        let scratch = &mut self.scratch;
        let (answer, nanos) = parts.with_request(body, |request| {
            timed(|| guarded(|| engine.candidate(place, request, now, scratch)).unwrap_or(Answer::Failed))
        })?;
        let settled = engine.settle(place, answer, now, &self.scratch);
        self.last = Some((place, answer, settled, nanos));
        let said = match answer {
            Answer::Decided(Outcome::Accepted(normalized)) if normalized.is_same() => code::SAME,
            Answer::Decided(Outcome::Accepted(_)) => code::CHANGED,
            Answer::Decided(_) => code::REFUSED,
            Answer::Unsupported(_) => code::UNSUPPORTED,
            Answer::Failed => code::FAILED,
        };
        let answers = if settled.candidate_answers { code::CANDIDATE_ANSWERS } else { 0 };
        let control = if settled.control_runs { code::CONTROL_RUNS } else { 0 };
        Some(said | answers | control)
    }
}

fn place_of(engine: &Engine, scope: &Bound<'_, PyDict>) -> Option<Place> {
    let (method, raw_path) = scope::target(scope)?;
    engine.place(method.to_str().ok()?.as_bytes(), raw_path.as_bytes())
}
