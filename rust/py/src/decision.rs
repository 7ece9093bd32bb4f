//! What the candidate decided, copied out of the scratch so that it outlives the next request of the thread.

use crossfade_core::policy::Route;
use crossfade_core::{Outcome, Part, Policy, Scratch};
use crossfade_exchange::{self as exchange, Charge, Forward, Observation};
use crossfade_seam::engine::Answer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What the candidate made of one request. Immutable.
#[pyclass(module = "crossfade._core", frozen)]
pub struct Decision {
    pub observation: Observation,
    pub route: String,
    pub stage: &'static str,
    pub policy: String,
    pub candidate_answers: bool,
}

impl Decision {
    /// Copies an answer out of `scratch`.
    pub fn copy(
        policy: &Policy,
        route: &Route,
        stage: &'static str,
        answer: Answer,
        candidate_answers: bool,
        nanos: u64,
        scratch: &Scratch,
    ) -> Self {
        let mut observation = Observation { nanos, ..Observation::default() };
        match answer {
            Answer::Decided(outcome) => observation.outcome = Some(record(policy, route, outcome, scratch)),
            Answer::Unsupported(unsupported) => observation.unsupported = Some(unsupported.0.to_owned()),
            Answer::Failed => observation.failed = Some(crate::guard::message()),
        }
        if answer != Answer::Failed {
            observation.charges = Some(
                scratch
                    .charges()
                    .map(|charge| Charge {
                        limit: policy.limit(charge.limit).name.to_string(),
                        key: charge.key.to_vec(),
                        cost: charge.cost,
                    })
                    .collect(),
            );
        }
        Self { observation, route: route.name.to_string(), stage, policy: route.digest.to_string(), candidate_answers }
    }

    fn forward(&self) -> Option<&Forward> {
        match &self.observation.outcome {
            Some(exchange::Outcome::Accepted(forward)) => Some(forward),
            _ => None,
        }
    }
}

fn record(policy: &Policy, route: &Route, outcome: Outcome, scratch: &Scratch) -> exchange::Outcome {
    let part = |part: Part, bytes: &[u8]| (part == Part::Rewritten).then(|| bytes.to_vec().into());
    match outcome {
        Outcome::Accepted(normalized) => exchange::Outcome::Accepted(Forward {
            path: part(normalized.path, &scratch.path),
            query: part(normalized.query, &scratch.query),
            body: part(normalized.body, &scratch.body),
        }),
        Outcome::Limited { limit, retry_after } => {
            exchange::Outcome::Limited { limit: policy.limit(limit).name.to_string(), retry_after: Some(retry_after) }
        }
        Outcome::Invalid(reason) => exchange::Outcome::Invalid {
            code: reason.code.to_owned(),
            field: reason.rule.map(|rule| route.rules[usize::from(rule.0)].place.to_string()),
        },
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
        match &self.observation {
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
