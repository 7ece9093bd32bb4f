//! `NativeSeam`: what the Python seam calls for each request.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use crossfade_core::limit::Charged;
use crossfade_core::policy::Rejects;
use crossfade_core::{Policy, Timestamp};
use crossfade_exchange::stage::Stage;
use crossfade_seam::engine::{Engine, clock_micros};
use crossfade_seam::follower::{self, Paths};
use crossfade_seam::fork;
use crossfade_seam::process::Process;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::decision::Decision;
use crate::guard::{self, guarded};
use crate::handover;
use crate::observed;
use crate::pending::{Noted, Pending};
use crate::recording::{self, Taken, Wanted};
use crate::scope::{self, Parts};
use crate::status;
use crate::work::{Work, code};

/// Answers of [`NativeSeam::place`].
mod place {
    /// The route is not `off`: the seam decides.
    pub const DECIDES: u8 = 1;
    /// The exchange is to be recorded.
    pub const RECORDS: u8 = 2;
    /// The store answers later: in an event loop it is awaited.
    pub const AWAITS: u8 = 4;
}

/// One seam: policy, stages, limits and records. Usable from any thread, and after a fork. No method raises for what a
/// request holds, and none lets a panic out.
#[pyclass(module = "crossfade._core", frozen)]
pub struct NativeSeam {
    pub(crate) policy: Policy,
    pub(crate) text: String,
    pub(crate) paths: Paths,
    pub(crate) capture: Option<PathBuf>,
    pub(crate) process: ArcSwapOption<Process>,
    /// What identifies the control; empty: not known yet.
    pub(crate) control: ArcSwap<String>,
    /// Gives the control's counts; see [`handover`].
    count_of: PyOnceLock<Py<PyAny>>,
}

#[pymethods]
impl NativeSeam {
    /// A seam by the policy in `text`, which came from the file `policy_path`.
    ///
    /// `phone_metadata` is the version of the metadata by which the service itself reads telephone numbers: where it
    /// is not this build's, rules with a region leave numbers to the control. `state_directory` holds the stage file.
    /// Exchanges are recorded below `capture_directory` if it is not None, and go to the sidecar at `socket_path`.
    /// Raises ValueError with every error of the policy.
    #[new]
    #[pyo3(signature = (*, policy_path, text, state_directory, socket_path, capture_directory, phone_metadata=None))]
    fn new(
        policy_path: PathBuf,
        text: String,
        state_directory: PathBuf,
        socket_path: PathBuf,
        capture_directory: Option<PathBuf>,
        phone_metadata: Option<String>,
    ) -> PyResult<Self> {
        let paths = Paths { policy: policy_path, phone_metadata, directory: state_directory, socket: socket_path };
        let policy =
            follower::read_policy(&paths, &text).map_err(|errors| PyValueError::new_err(errors.to_string()))?;
        fork::register();
        guard::install_hook();
        Ok(Self {
            policy,
            text,
            paths,
            capture: capture_directory,
            process: ArcSwapOption::empty(),
            control: ArcSwap::default(),
            count_of: PyOnceLock::new(),
        })
    }

    /// What to do with a request before its body is read: a sum of 1 (the seam decides), 2 (the exchange is to be
    /// recorded) and 4 (the store is awaited). 0: leave it alone; the control decides, and the candidate does not count
    /// it.
    fn place(&self, scope: &Bound<'_, PyAny>) -> u8 {
        self.with("place", 0, |process, engine| {
            let records = if process.emitter.is_some() { place::RECORDS } else { 0 };
            match scope::place(engine, scope) {
                Some(place) if place.stage > Stage::Off => {
                    let awaits = if engine.awaits() { place::AWAITS } else { 0 };
                    place::DECIDES | awaits | records
                }
                Some(place) => {
                    engine.missed(place.route, clock_micros());
                    records
                }
                None => records,
            }
        })
    }

    /// Runs the candidate for one request at `now` (microseconds since the epoch) where the route's stage says so.
    ///
    /// Low four bits: 0 not run, 1 accepted unchanged, 2 accepted with something to tell, 3 refused, 4 unsupported,
    /// 5 failed, 6 the store has to be asked for what is `pending`, 7 the same once the control has run and its hits
    /// are known; plus 16 the client gets the candidate's answer, 32 the control has to run, 64 the exchange is to be
    /// recorded, and 128 since this request more of the route's traffic is outside the grammar than its cap allows.
    fn admit(&self, scope: &Bound<'_, PyAny>, body: &Bound<'_, PyAny>, now: u64) -> u8 {
        let control_only = code::NOT_RUN | code::CONTROL_RUNS;
        self.with("admit", control_only, |process, engine| {
            let passes = if process.emitter.is_some() { control_only | code::RECORDS } else { control_only };
            let Some(place) = scope::place(engine, scope) else { return passes };
            if place.stage == Stage::Off {
                engine.missed(place.route, now);
                return passes;
            }
            // Python code can run in here and come back for another request; so the buffers are not borrowed yet.
            let taken = Parts::of(scope).zip(body.cast::<PyBytes>().ok());
            if engine.tally().may_be_short(&engine.policy.route(place.route).limits, now)
                && let (Some((parts, _)), Some(count_of)) = (&taken, self.count_of.get(scope.py()))
            {
                handover::seed(count_of.bind(scope.py()), engine, place, parts, now);
            }
            Work::with(|work| match taken {
                Some((parts, body)) => work.decide(process, engine, place, Taken::whole(&parts, body.as_bytes(), now)),
                None => work.unable(process, engine, place, now),
            })
        })
    }

    /// What the last `admit` of this thread waits for, once: call it before anything else is awaited.
    fn pending(&self) -> Option<Pending> {
        self.with("pending", None, |_, _| Work::with(Work::pending))
    }

    /// Decides a request whose `pending` charges are answered; returns what `admit` does. `charges` are those that the
    /// control's limiter answered, as (limit, key, cost, granted, seconds until its reset or None), where the control
    /// ran first; None: the store's, and where it was not asked, the control judges alone.
    #[pyo3(signature = (pending, scope, body, now, charges=None))]
    fn go_on(
        &self,
        pending: &Bound<'_, Pending>,
        scope: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
        now: u64,
        charges: Option<Vec<Noted>>,
    ) -> u8 {
        self.with("go_on", code::NOT_RUN | code::CONTROL_RUNS, |process, _| {
            let pending = pending.get();
            let taken = Parts::of(scope).zip(body.cast::<PyBytes>().ok());
            Work::with(|work| match taken {
                Some((parts, body)) => {
                    work.go_on(process, pending, Taken::whole(&parts, body.as_bytes(), now), charges)
                }
                None => work.unable(process, &pending.engine, pending.place, now),
            })
        })
    }

    /// The last decision of this thread, copied, once; None when the candidate was not asked, or had nothing to say but
    /// "unchanged". Call it before anything else is awaited.
    fn decision(&self) -> Option<Decision> {
        self.with("decision", None, |_, _| Work::with(Work::decision))
    }

    /// Takes what gives the control's counts: called with a limit's name, its terms (strategy, amount, seconds), a key
    /// and the time in seconds since the epoch; returns None where they are not known. The first one stays.
    fn hand_over(&self, py: Python<'_>, count_of: Py<PyAny>) {
        // A second one is dropped.
        let _ = self.count_of.set(py, count_of);
    }

    /// Whether hits that the control makes at `now`, in seconds since the epoch, are to be told: mostly not.
    fn hands_over(&self, now: f64) -> bool {
        self.with_counts("hands_over", |_, engine| Some(engine.tally().hands_over(handover::timestamp(now).micros())))
            .unwrap_or(false)
    }

    /// What the candidate has counted alone for a key that the control is about to hit; None: nothing.
    #[pyo3(signature = (limit, terms, key, now) -> "Any")]
    fn owed<'py>(
        &self,
        limit: &str,
        terms: (String, u64, u64),
        key: &Bound<'py, PyString>,
        now: f64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let owed = self.with_counts("owed", |_, engine| {
            let limit = handover::limit(&engine.policy, limit, (&terms.0, terms.1, terms.2))?;
            // What is no text is no key of the candidate's.
            engine.tally().owed(limit, key.to_str().ok()?.as_bytes(), handover::timestamp(now))
        });
        owed.map_or(Ok(None), |state| handover::to_python(key.py(), state))
    }

    /// Notes that the control has hit a key at `now` with `cost`, and the candidate has not. `told`: its exchange says
    /// so.
    #[pyo3(signature = (limit, terms, key, cost, now, told))]
    fn counted_alone(
        &self,
        limit: &str,
        terms: (String, u64, u64),
        key: &Bound<'_, PyString>,
        cost: u64,
        now: f64,
        told: bool,
    ) {
        self.with_counts("counted_alone", |process, engine| {
            let limit = handover::limit(&engine.policy, limit, (&terms.0, terms.1, terms.2))?;
            let key = key.to_str().ok()?.as_bytes();
            engine.tally().counted_alone(limit, key, cost, handover::timestamp(now));
            if !told || !process.stream.is_heard() {
                engine.untold(limit, key);
            }
            Some(())
        });
    }

    /// Corrects a charge of `charged` that was made at `at` to `cost`; both times in microseconds since the epoch.
    /// False: the policy has no such limit.
    fn settle(&self, limit: &str, key: &[u8], charged: u64, at: u64, cost: u64, now: u64) -> bool {
        let charged = Charged { cost: charged, at: Timestamp::from_micros(at) };
        self.with("settle", true, |_, engine| {
            engine.settle_charge(limit, key, charged, cost, Timestamp::from_micros(now))
        })
    }

    /// What is left of a limit for a key at `now`, and when it resets in seconds since the epoch; None: the policy has
    /// no such limit. Waits for a store that is asked, without the GIL.
    fn peek(&self, py: Python<'_>, limit: &str, key: &[u8], now: u64) -> Option<(u64, f64)> {
        let look = |engine: &Engine| engine.peek(limit, key, Timestamp::from_micros(now));
        let window = py.detach(|| self.with("peek", None, |_, engine| look(engine)))?;
        Some((window.remaining, window.reset))
    }

    /// Forgets what a key has used of a limit. False: the policy has no such limit.
    fn reset(&self, limit: &str, key: &[u8]) -> bool {
        self.with("reset", true, |_, engine| engine.reset(limit, key))
    }

    /// Lets the candidate count a request that the control decides alone although the route is not `off`.
    ///
    /// `body`: what is there of it; None: nothing is known, and the candidate answers for nobody until that does not
    /// matter any more.
    #[pyo3(signature = (scope, body, now))]
    fn pass_by(&self, scope: &Bound<'_, PyAny>, body: Option<&[u8]>, now: u64) {
        self.with("pass_by", (), |_, engine| {
            let Some(place) = scope::place(engine, scope) else { return };
            let Some((parts, body)) = Parts::of(scope).zip(body) else { return engine.missed(place.route, now) };
            if !Work::with(|work| work.count(engine, place, &parts, body, now)) {
                engine.missed(place.route, now);
            }
        })
    }

    /// Records one exchange for each that wants it, the capture and the sidecar; drops it, counted, where there is no
    /// room or something is not as it should be. Never waits and never raises. Returns whether it is on its way.
    ///
    /// `body` is None where it was not kept; `control` is a `crossfade.Observation` or None.
    #[pyo3(signature = (scope, body, body_bytes, now, decision, control))]
    fn record(
        &self,
        scope: &Bound<'_, PyAny>,
        body: Option<&[u8]>,
        body_bytes: u64,
        now: u64,
        decision: Option<&Bound<'_, Decision>>,
        control: Option<&Bound<'_, PyAny>>,
    ) -> bool {
        let decision = decision.map(Bound::get);
        let wanted = decision.and_then(Decision::wanted);
        // Python code can run in here.
        let parts = if wanted.is_some() { None } else { guarded(|| Parts::of(scope)).flatten() };
        let control = guarded(|| control.map(observed::observation).transpose().ok()).flatten();
        self.with("record", false, |process, engine| {
            // A decision knows where it stands; only the capture counts by what is so now.
            let asks = decision.is_none() || process.emitter.is_some();
            let place = if asks { scope::place(engine, scope) } else { None };
            let (ticket, exchange) = match wanted {
                Some(Wanted { ticket, exchange }) => (Some(ticket), exchange),
                None => {
                    let stood = match decision {
                        Some(decision) => Some((&*decision.engine, decision.place)),
                        None => place.map(|place| (&**engine, place)),
                    };
                    let answers = decision.is_some_and(|decision| decision.candidate_answers);
                    let taken = parts.as_ref().map(|parts| Taken { parts, body, body_bytes, now });
                    (None, taken.and_then(|taken| recording::copy(process, stood, answers, taken)))
                }
            };
            recording::record(process, engine, place, ticket, exchange, control, decision)
        })
    }

    /// Takes what identifies the control: stages that were set for another one are held back.
    fn set_control(&self, digest: String) {
        self.control.store(Arc::new(digest.clone()));
        let process = self.process.load();
        if let Some(process) = process.as_ref().filter(|process| process.generation == fork::generation()) {
            guarded(|| process.set_control(digest));
        }
    }

    /// Where the policy counts: its URL, its scope (`worker`, `host` or `fleet`), and how many counters one key has.
    fn store(&self) -> (String, &'static str, &'static str) {
        let store = &self.policy.store;
        (store.to_string(), store.scope().name(), store.scope().counters())
    }

    /// Names of the policy's routes, in its order.
    fn routes(&self) -> Vec<String> {
        self.policy.routes.iter().map(|route| route.name.to_string()).collect()
    }

    /// Name of the route that a scope belongs to, or None.
    fn route_of(&self, scope: &Bound<'_, PyAny>) -> Option<String> {
        self.with("route_of", None, |_, engine| {
            scope::place(engine, scope).map(|place| engine.policy.route(place.route).name.to_string())
        })
    }

    /// The largest body in bytes that a route's decision needs, or None: a longer one is refused as it is.
    fn max_body(&self, scope: &Bound<'_, PyAny>) -> Option<usize> {
        self.with("max_body", None, |_, engine| engine.policy.route(scope::place(engine, scope)?.route).max_body)
    }

    /// Whether a route's refusals are rendered as problem details instead of by the control.
    fn problem_json(&self, scope: &Bound<'_, PyAny>) -> bool {
        self.with("problem_json", false, |_, engine| {
            scope::place(engine, scope)
                .is_some_and(|place| engine.policy.route(place.route).rejects == Rejects::ProblemJson)
        })
    }

    /// What this process knows: generation of the stage file, routes held at `shadow` for another build or policy,
    /// unusable files met, failures, and per route its stage and counters.
    #[pyo3(signature = () -> "dict[str, Any]")]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with("status", Ok(PyDict::new(py)), |process, engine| status::of(py, process, engine))
    }

    /// Writes out what waits for the capture and for the sidecar; waits at most `seconds`, and says whether all is
    /// written. For tests and the end of a process.
    fn flush(&self, py: Python<'_>, seconds: f64) -> bool {
        let process = self.process.load_full().filter(|process| process.generation == fork::generation());
        let patience = Duration::from_secs_f64(seconds.clamp(0.0, 60.0));
        py.detach(|| process.is_none_or(|process| process.flush(patience)))
    }
}
