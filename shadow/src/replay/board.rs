//! Where the two sides of each exchange meet. Whoever comes second judges, so that neither has to be kept.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use crossfade_core::Policy;
use crossfade_exchange::Observation;

use super::Progress;
use super::prepare::Capture;
use crate::compare::name_of;
use crate::known::Day;
use crate::redact::shown;
use crate::verdict::{Judgement, NotJudged, Verdict, judge};

/// One exchange, judged.
pub struct Judged {
    /// The verdict and what led to it.
    pub judgement: Judgement,
    /// Name of the control's outcome and its duration in nanoseconds, if it ran.
    pub control: Option<(Box<str>, u64)>,
    /// The same of the candidate.
    pub candidate: Option<(Box<str>, u64)>,
}

/// The exchanges that wait for one of their sides.
pub struct Board<'a> {
    policy: &'a Policy,
    capture: &'a Capture,
    today: &'a Day,
    called: &'a [bool],
    progress: &'a Progress,
    slots: Vec<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    candidate: Option<Observation>,
    /// The control's answer; the inner `None` is a route without control.
    control: Option<Option<Observation>>,
    judged: Option<Judged>,
}

impl<'a> Board<'a> {
    /// An empty board; `called` says which exchanges the control is asked about.
    pub fn new(
        policy: &'a Policy,
        capture: &'a Capture,
        today: &'a Day,
        called: &'a [bool],
        progress: &'a Progress,
    ) -> Self {
        let slots = capture.exchanges.iter().map(|_| Mutex::default()).collect();
        Self { policy, capture, today, called, progress, slots }
    }

    /// What the candidate did with an exchange.
    pub fn candidate(&self, index: usize, observation: Observation) {
        self.put(index, |slot| slot.candidate = Some(observation));
    }

    /// What the control did with an exchange.
    pub fn control(&self, index: usize, observation: Option<Observation>) {
        self.put(index, |slot| slot.control = Some(observation));
    }

    fn put(&self, index: usize, side: impl FnOnce(&mut Slot)) {
        let mut slot = self.slots[index].lock().unwrap_or_else(PoisonError::into_inner);
        side(&mut slot);
        if slot.candidate.is_none() || (slot.control.is_none() && self.called[index]) {
            return;
        }
        let (Some(candidate), control) = (slot.candidate.take(), slot.control.take().flatten()) else { return };
        slot.judged = self.judge(index, control, &candidate);
        self.progress.done.fetch_add(1, Ordering::Relaxed);
    }

    fn judge(&self, index: usize, control: Option<Observation>, candidate: &Observation) -> Option<Judged> {
        let prepared = &self.capture.exchanges[index];
        let route = self.policy.route(prepared.route?);
        let mut judgement = judge(route, &prepared.exchange.request, control.as_ref(), candidate, self.today);
        judgement.differences.iter_mut().for_each(crate::compare::Difference::cut);
        let side = |side: &Observation| (shown(name_of(side).as_bytes()).into_boxed_str(), side.nanos);
        Some(Judged { judgement, control: control.as_ref().map(side), candidate: Some(side(candidate)) })
    }

    /// All exchanges in order, with those that could not run. `Err` is the position of one that was never settled.
    pub fn into_judged(self) -> Result<Vec<Judged>, usize> {
        let mut all = Vec::with_capacity(self.slots.len());
        for (index, slot) in self.slots.into_iter().enumerate() {
            let prepared = &self.capture.exchanges[index];
            let judged = slot.into_inner().unwrap_or_else(PoisonError::into_inner).judged;
            all.push(match (judged, prepared.route) {
                (Some(judged), _) => judged,
                (None, Some(_)) if prepared.runs => return Err(index),
                (None, route) => {
                    let reason = if route.is_some() { NotJudged::BodyNotKept } else { NotJudged::PassedThrough };
                    let judgement = Judgement::without_comparison(Verdict::NotJudged, Some(reason));
                    Judged { judgement, control: None, candidate: None }
                }
            });
        }
        Ok(all)
    }
}
