//! A decision that waits: for the store, or for the control's own hits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossfade_core::limit::Hit;
use crossfade_core::{Policy, Timestamp};
use crossfade_seam::asked::{Charge, Given, Hits};
use crossfade_seam::engine::{Engine, Place};
use crossfade_store::redis::{self, Submitted, Ticket};
use pyo3::prelude::*;

use crate::guard::guarded;

/// A hit of the control: limit, key in UTF-8, cost, whether it was granted, and seconds until the limit's reset if asked.
pub type Noted = (String, Vec<u8>, u64, bool, Option<f64>);

/// What a hit of the candidate was answered: limit, key, cost, and whether it was granted.
type Granted = (String, Vec<u8>, u64, bool);

/// A decision that the candidate began and that waits for the answers to its charges. Belongs to one request.
#[pyclass(module = "crossfade._core", frozen)]
pub struct Pending {
    pub engine: Arc<Engine>,
    pub place: Place,
    pub began: Instant,
    /// Empty where the control has to make its hits first.
    charges: Vec<Charge>,
    now: Timestamp,
    state: Mutex<State>,
}

enum State {
    Collected,
    Asked(Ticket),
    Answered(Vec<Hit>),
}

impl Pending {
    pub fn new(engine: Arc<Engine>, place: Place, charges: Vec<Charge>, now: Timestamp) -> Self {
        Self { engine, place, began: Instant::now(), charges, now, state: Mutex::new(State::Collected) }
    }

    /// The answers that the candidate is told, and whose hits they were. `noted`: what the control's limiter answered.
    /// `None`: there are none to be had, so the control judges alone.
    pub fn given(&self, noted: Option<Vec<Noted>>) -> Option<(Vec<Given>, Hits)> {
        if let State::Answered(hits) = &*self.state() {
            let given = self.charges.iter().cloned().zip(hits).map(|(charge, &hit)| Given { charge, hit });
            let hits = if self.engine.policy.store.is_the_controls() { Hits::Candidate } else { Hits::Both };
            return Some((given.collect(), hits));
        }
        let given = noted?.into_iter().filter_map(|noted| self::noted(&self.engine.policy, noted, self.now));
        Some((given.collect(), Hits::Control))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Pending {
    /// Asks the store; never waits. Returns the number by which `bell` names the answers, or None where they are there.
    fn ask(&self, bell: Option<&Bell>) -> Option<u64> {
        // A panic of ours leaves it unasked, and so to the control.
        let submitted =
            guarded(|| self.engine.ask(self.place.route, &self.charges, self.now, bell.map(|bell| &bell.0)))??;
        let (state, number) = match submitted {
            Submitted::Ready(answers) => (State::Answered(answers.hits), None),
            Submitted::Pending(ticket) => {
                let number = ticket.number();
                (State::Asked(ticket), Some(number))
            }
        };
        *self.state() = state;
        number
    }

    /// Whether the answers are there; after the store's timeout they always are.
    fn ready(&self) -> bool {
        let mut state = self.state();
        if let State::Asked(ticket) = &mut *state
            && let Some(answers) = ticket.poll()
        {
            *state = State::Answered(answers.hits);
        }
        !matches!(*state, State::Asked(_))
    }

    /// Seconds until the answers are there at the latest.
    fn seconds(&self) -> f64 {
        match &*self.state() {
            State::Asked(ticket) => ticket.deadline().saturating_duration_since(Instant::now()).as_secs_f64(),
            State::Collected | State::Answered(_) => 0.0,
        }
    }

    /// Waits for the answers, at most the store's timeout. Others run meanwhile; not for an event loop.
    fn wait(&self, py: Python<'_>) {
        // Out of its lock: nobody may wait for that with the GIL held.
        let taken = std::mem::replace(&mut *self.state(), State::Collected);
        *self.state() = match taken {
            State::Asked(ticket) => State::Answered(py.detach(|| ticket.wait()).hits),
            other => other,
        };
    }

    /// Whether the candidate's hits are the control's too: they count in the same counters.
    #[getter]
    fn for_both(&self) -> bool {
        self.engine.policy.store.is_the_controls()
    }

    /// What the candidate's hits were answered, as (limit, key, cost, granted), for a control that must not make them
    /// again; None where it counts for itself.
    fn granted(&self) -> Option<Vec<Granted>> {
        let state = self.state();
        let State::Answered(hits) = &*state else { return None };
        let answers = self.charges.iter().zip(hits).map(|(charge, hit)| {
            let limit = self.engine.policy.limit(charge.limit).name.to_string();
            (limit, charge.key.to_vec(), charge.cost, hit.admitted)
        });
        self.for_both().then(|| answers.collect())
    }
}

/// What a hit of the control says to the candidate. `None`: it is of no limit of the policy.
fn noted(policy: &Policy, (limit, key, cost, admitted, left): Noted, now: Timestamp) -> Option<Given> {
    let limit = policy.limits.iter().find(|known| *known.name == *limit)?.id;
    let reset = now.seconds() + left.unwrap_or(f64::NAN);
    Some(Given { charge: Charge { limit, key: key.into(), cost }, hit: Hit { admitted, remaining: 0, reset } })
}

/// How an event loop hears that the store has answered. One for each loop.
#[pyclass(module = "crossfade._core", frozen)]
pub struct Bell(Arc<redis::Bell>);

#[pymethods]
impl Bell {
    /// Raises OSError where the process has no descriptors left.
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(Arc::new(redis::Bell::new()?)))
    }

    /// The descriptor that becomes readable; not to be read from.
    fn fileno(&self) -> i32 {
        self.0.descriptor()
    }

    /// The numbers of what was answered since the last call.
    fn rung(&self) -> Vec<u64> {
        self.0.rung()
    }
}
