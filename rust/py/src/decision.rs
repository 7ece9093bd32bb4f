//! What the candidate decided, copied out of the scratch so that it outlives the next request of the thread.

use std::sync::{Arc, Mutex};

use crossfade_core::{Outcome, Scratch};
use crossfade_exchange::{self as exchange, Forward, Observation};
use crossfade_seam::engine::{Answer, Engine, Place};
use crossfade_seam::permit::Permit;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::limits::Told;
use crate::recording::Wanted;

/// Name and value of a header.
type Pair<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// What the candidate made of one request. Immutable.
#[pyclass(module = "crossfade._core", frozen)]
pub struct Decision {
    /// Shared with its exchange.
    pub observation: Arc<Observation>,
    /// By which it was made.
    pub engine: Arc<Engine>,
    pub place: Place,
    pub candidate_answers: bool,
    told: Told,
    permit: Mutex<Option<Permit>>,
    wanted: Mutex<Option<Wanted>>,
}

impl Decision {
    /// Copies an answer out of `scratch`.
    pub fn copy(
        engine: Arc<Engine>,
        place: Place,
        answer: Answer,
        candidate_answers: bool,
        nanos: u64,
        scratch: &Scratch,
    ) -> Self {
        let policy = &engine.policy;
        let route = policy.route(place.route);
        let observation = match answer {
            Answer::Decided(outcome) => exchange::observe(policy, route, Ok(outcome), scratch),
            Answer::Unsupported(unsupported) => exchange::observe(policy, route, Err(unsupported), scratch),
            Answer::Refused(reason) => exchange::observe(policy, route, Ok(Outcome::Invalid(reason)), scratch),
            Answer::Failed => Observation { failed: Some(crate::guard::message()), ..Observation::default() },
        };
        let told = Told::of(policy, route, answer, candidate_answers, scratch);
        Self {
            observation: Arc::new(Observation { nanos, ..observation }),
            engine,
            place,
            candidate_answers,
            told,
            permit: Mutex::default(),
            wanted: Mutex::default(),
        }
    }

    /// Says nothing of when a retry can succeed.
    pub fn hide_retry(&mut self) {
        if let Some(exchange::Outcome::Limited { retry_after, .. }) = &mut Arc::make_mut(&mut self.observation).outcome
        {
            *retry_after = None;
        }
    }

    /// Holds the places in flight that the request has taken, and its exchange.
    pub fn hold(&mut self, permit: Option<Permit>, wanted: Option<Wanted>) {
        self.permit = Mutex::new(permit);
        self.wanted = Mutex::new(wanted);
    }

    /// Its exchange, once; `None`: no sidecar is to get it.
    pub fn wanted(&self) -> Option<Wanted> {
        self.wanted.lock().ok().and_then(|mut wanted| wanted.take())
    }

    fn forward(&self) -> Option<&Forward> {
        match &self.observation.outcome {
            Some(exchange::Outcome::Accepted(forward)) => Some(forward),
            _ => None,
        }
    }
}

#[pymethods]
impl Decision {
    /// `accepted`, `limited`, `invalid`, `unsupported` or `failed`.
    #[getter]
    fn kind(&self) -> &'static str {
        match (&self.observation.outcome, &self.observation.unsupported) {
            (Some(exchange::Outcome::Accepted(_)), _) => "accepted",
            (Some(exchange::Outcome::Limited { .. }), _) => "limited",
            (Some(_), _) => "invalid",
            (None, Some(_)) => "unsupported",
            (None, None) => "failed",
        }
    }

    /// The canonical path, or None where it goes on as it came.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.forward()?.path.as_ref().map(|bytes| PyBytes::new(py, bytes))
    }

    /// The canonical query, or None where it goes on as it came.
    #[getter]
    fn query<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.forward()?.query.as_ref().map(|bytes| PyBytes::new(py, bytes))
    }

    /// The rewritten body, or None where it goes on as it came.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.forward()?.body.as_ref().map(|bytes| PyBytes::new(py, bytes))
    }

    /// The normalised headers in order, or None where they go on as they came.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> Option<Vec<Pair<'py>>> {
        let headers = self.forward()?.headers.as_ref()?;
        Some(headers.iter().map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value))).collect())
    }

    /// What checks remarked that are rolled out as `warn`: (code, path of the field or None).
    #[getter]
    fn warnings(&self) -> Vec<(&str, Option<&str>)> {
        let warned = self.observation.remarks.iter().filter(|remark| remark.warns);
        warned.map(|remark| (&*remark.code, remark.field.as_deref())).collect()
    }

    /// Headers that say what is left of the route's limits, where the client gets this answer: names and values.
    #[getter]
    fn limit_headers<'py>(&self, py: Python<'py>) -> Vec<Pair<'py>> {
        let headers = self.told.headers.iter();
        headers.map(|(name, value)| (PyBytes::new(py, name.as_bytes()), PyBytes::new(py, value.as_bytes()))).collect()
    }

    /// Charges whose true cost may be settled later: (limit, key, cost, microseconds since the epoch of the hit).
    #[getter]
    fn charges<'py>(&self, py: Python<'py>) -> Vec<(&str, Bound<'py, PyBytes>, u64, u64)> {
        let charges = self.told.charges.iter();
        charges.map(|(limit, key, cost, at)| (&**limit, PyBytes::new(py, key), *cost, *at)).collect()
    }

    /// Whether the request holds places in flight, until `finish` or until this decision is forgotten.
    #[getter]
    fn holds(&self) -> bool {
        self.permit.lock().is_ok_and(|permit| permit.is_some())
    }

    /// Gives the places back, once; `failed`: the request ended in a way that overload explains.
    fn finish(&self, failed: bool) {
        let permit = self.permit.lock().ok().and_then(|mut permit| permit.take());
        if let Some(permit) = permit {
            permit.finish(failed);
        }
    }

    /// Name of the limit that refused, or None.
    #[getter]
    fn limit(&self) -> Option<&str> {
        match &self.observation.outcome {
            Some(exchange::Outcome::Limited { limit, .. }) => Some(limit),
            _ => None,
        }
    }

    /// Whole seconds until a retry can succeed, or None.
    #[getter]
    fn retry_after(&self) -> Option<u32> {
        match &self.observation.outcome {
            Some(exchange::Outcome::Limited { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }

    /// Why the request is invalid or unsupported, or the message of a failure; None when accepted or limited.
    #[getter]
    fn code(&self) -> Option<&str> {
        match &*self.observation {
            Observation { outcome: Some(exchange::Outcome::Invalid { code, .. }), .. } => Some(code),
            Observation { unsupported: Some(code), .. } => Some(code),
            Observation { failed: Some(message), .. } => Some(message),
            _ => None,
        }
    }

    /// The field that was refused, or None.
    #[getter]
    fn field(&self) -> Option<&str> {
        match &self.observation.outcome {
            Some(exchange::Outcome::Invalid { field, .. }) => field.as_deref(),
            _ => None,
        }
    }
}
