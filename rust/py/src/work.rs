//! One thread's work: its buffers, its last decision, and the candidate's run under the guard.

use std::cell::RefCell;
use std::sync::Arc;

use crossfade_core::limit::LimitId;
use crossfade_core::rollout::Rollout;
use crossfade_core::{Outcome, Scratch, Timestamp, Unsupported};
use crossfade_seam::account::Keys;
use crossfade_seam::asked::{Asked, CHARGES_UNREPORTED, Hits};
use crossfade_seam::engine::{Answer, Engine, Place, REQUEST_SHAPE, timed};
use crossfade_seam::permit::Permit;
use crossfade_seam::process::Process;
use crossfade_seam::settle::Settled;

use crate::decision::Decision;
use crate::guard::{self, guarded};
use crate::pending::{Noted, Pending};
use crate::recording::{self, Taken, Wanted};
use crate::scope::Parts;

/// Answers of `NativeSeam.admit`: what the candidate said, in the low bits. All answers fit a cached Python int.
pub mod code {
    pub const NOT_RUN: u8 = 0;
    pub const SAME: u8 = 1;
    pub const CHANGED: u8 = 2;
    pub const REFUSED: u8 = 3;
    pub const UNSUPPORTED: u8 = 4;
    pub const FAILED: u8 = 5;
    /// The store has to be asked: see `NativeSeam.pending`.
    pub const ASKS: u8 = 6;
    /// The control has to run first, and what its limiter answered decides.
    pub const CONTROL_FIRST: u8 = 7;
    /// The client gets the candidate's answer.
    pub const CANDIDATE_ANSWERS: u8 = 16;
    /// The control has to run.
    pub const CONTROL_RUNS: u8 = 32;
    /// The exchange is to be recorded.
    pub const RECORDS: u8 = 64;
    /// Since this request too much of the route's traffic is outside the grammar: worth a line in the log.
    pub const CROSSED_CAP: u8 = 128;
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

/// One thread's buffers, and its last decision if anybody may ask for it.
#[derive(Default)]
pub struct Work {
    scratch: Scratch,
    last: Option<Last>,
    pending: Option<Pending>,
}

/// A decision, with the engine that made it: a policy file may be taken over at any moment.
struct Last {
    engine: Arc<Engine>,
    place: Place,
    answer: Answer,
    settled: Settled,
    nanos: u64,
    /// The control did not ask when the limit resets, so nobody knows when a retry can succeed.
    hides_retry: bool,
    /// What the request holds until it is done.
    permit: Option<Permit>,
    /// Its exchange, where a sidecar is to get that.
    wanted: Option<Wanted>,
}

impl Work {
    /// Runs `f` with this thread's work. No Python code may run in `f`: it could come back here.
    pub fn with<T>(f: impl FnOnce(&mut Self) -> T) -> T {
        WORK.with_borrow_mut(f)
    }

    /// Runs the candidate and settles who answers.
    pub fn decide(&mut self, process: &Process, engine: &Arc<Engine>, place: Place, taken: Taken<'_, '_>) -> u8 {
        let time = Timestamp::from_micros(taken.now);
        let scratch = &mut self.scratch;
        let decided = taken.with_request(|request| {
            let failed = Asked::Answered(Answer::Failed);
            let run = || guarded(|| engine.candidate(place, request, time, scratch)).unwrap_or(failed);
            let (asked, nanos) = timed(run);
            match asked {
                Asked::Answered(answer) => {
                    watch(process, engine, place, answer, nanos, request.body.len(), time);
                    Ok((answer, nanos, engine.settle(place, answer, Hits::Both, request, time, scratch)))
                }
                Asked::Store(charges) => Err((code::ASKS, charges)),
                Asked::Control => Err((code::CONTROL_FIRST, Vec::new())),
            }
        });
        match decided {
            Some(Ok(decided)) => self.close(process, engine, place, decided, false, taken),
            Some(Err((code, charges))) => {
                self.pending = Some(Pending::new(Arc::clone(engine), place, charges, time));
                code
            }
            None => self.unable(process, engine, place, taken.now),
        }
    }

    /// What the last request of this thread waits for, once.
    pub fn pending(&mut self) -> Option<Pending> {
        self.pending.take()
    }

    /// Decides a request whose charges are answered: `noted` by the control's limiter, else by the store.
    pub fn go_on(
        &mut self,
        process: &Process,
        pending: &Pending,
        taken: Taken<'_, '_>,
        noted: Option<Vec<Noted>>,
    ) -> u8 {
        let Pending { engine, place, .. } = pending;
        let Some((given, hits)) = pending.given(noted) else {
            return self.left_to_the_control(process, engine, *place, taken.now, CHARGES_UNREPORTED, Some(taken));
        };
        let hides_retry = given.iter().any(|given| !given.hit.admitted && given.hit.reset.is_nan());
        let time = Timestamp::from_micros(taken.now);
        let scratch = &mut self.scratch;
        let decided = taken.with_request(|request| {
            let run = || guarded(|| engine.repeat(*place, &given, request, time, scratch)).unwrap_or(Answer::Failed);
            let (answer, nanos) = timed(run);
            watch(process, engine, *place, answer, nanos, request.body.len(), time);
            // Waiting for the store is the candidate's, waiting for the control is not.
            let nanos = if hits == Hits::Control { nanos } else { pending.began.elapsed().as_nanos() as u64 };
            (answer, nanos, engine.settle(*place, answer, hits, request, time, scratch))
        });
        match decided {
            Some(decided) => self.close(process, engine, *place, decided, hides_retry, taken),
            None => self.unable(process, engine, *place, taken.now),
        }
    }

    /// Keeps a decision for whoever asks for it, and says it in short.
    fn close(
        &mut self,
        process: &Process,
        engine: &Arc<Engine>,
        place: Place,
        (answer, nanos, settled): (Answer, u64, Settled),
        hides_retry: bool,
        taken: Taken<'_, '_>,
    ) -> u8 {
        let warns = self.scratch.remarks.iter().any(|remark| remark.rollout == Rollout::Warn);
        let permit = self.permit(engine, answer);
        let tells = warns || permit.is_some() || engine.policy.route(place.route).tells;
        let said = match answer {
            Answer::Decided(Outcome::Accepted(normalized)) if normalized.is_same() && !tells => code::SAME,
            Answer::Decided(Outcome::Accepted(_)) => code::CHANGED,
            Answer::Decided(_) | Answer::Refused(_) => code::REFUSED,
            Answer::Unsupported(_) => code::UNSUPPORTED,
            Answer::Failed => {
                process.note_failure(guard::message());
                code::FAILED
            }
        };
        let scratch = &self.scratch;
        let keys = |counts: &dyn Fn(LimitId) -> bool| {
            let name = |limit| &*engine.policy.limit(limit).name;
            let charges = scratch.charges().filter(|charge| counts(charge.limit));
            Keys::of(charges.map(|charge| (name(charge.limit), charge.key)), &scratch.client)
        };
        let wanted = wanted(process, engine, place, settled, Some(taken), keys);
        let records = records(process, &wanted);
        let alone = said == code::SAME && settled.candidate_answers && !settled.control_runs;
        self.last = (!alone || records > 0).then(|| {
            let engine = Arc::clone(engine);
            Last { engine, place, answer, settled, nanos, hides_retry, permit, wanted }
        });
        said | flags(settled) | records
    }

    /// The places that the request holds while it is served, by whichever side. What is refused holds none.
    fn permit(&self, engine: &Arc<Engine>, answer: Answer) -> Option<Permit> {
        let permit = Permit::take(engine, &self.scratch);
        permit.filter(|_| !matches!(answer, Answer::Refused(_)))
    }

    /// The request is not of the shape that ASGI describes, so the candidate cannot even be asked.
    pub fn unable(&mut self, process: &Process, engine: &Arc<Engine>, place: Place, now: u64) -> u8 {
        self.left_to_the_control(process, engine, place, now, REQUEST_SHAPE, None)
    }

    fn left_to_the_control(
        &mut self,
        process: &Process,
        engine: &Arc<Engine>,
        place: Place,
        now: u64,
        why: Unsupported,
        taken: Option<Taken<'_, '_>>,
    ) -> u8 {
        self.scratch.clear();
        let (answer, settled) = engine.unable(place, now, why);
        let wanted = wanted(process, engine, place, settled, taken, |_| Keys::UNKNOWN);
        let records = records(process, &wanted);
        let (engine, permit) = (Arc::clone(engine), None);
        self.last = Some(Last { engine, place, answer, settled, nanos: 0, hides_retry: false, permit, wanted });
        code::UNSUPPORTED | flags(settled) | records
    }

    /// Lets the candidate count a request that it does not answer; `false`: it could not.
    pub fn count(&mut self, engine: &Arc<Engine>, place: Place, parts: &Parts<'_>, body: &[u8], now: u64) -> bool {
        self.last = None;
        let now = Timestamp::from_micros(now);
        let scratch = &mut self.scratch;
        let asked = parts.with_request(body, |request| guarded(|| engine.candidate(place, request, now, scratch)));
        // It was not asked: what the scratch holds is another request's.
        let Some(asked) = asked else { return false };
        // Nobody tells when it is done.
        drop(Permit::take(engine, scratch));
        // Whatever became of it: what it has charged, it has counted.
        engine.tally().counted(&engine.policy, engine.policy.route(place.route), scratch, true, now);
        match asked {
            None => false,
            Some(Asked::Answered(_) | Asked::Control) => true,
            // Nobody waits for the answers. In the control's own counters the control counts it.
            Some(Asked::Store(charges)) => {
                engine.policy.store.is_the_controls() || engine.ask(place.route, &charges, now, None).is_some()
            }
        }
    }

    /// The last decision, copied out and forgotten.
    pub fn decision(&mut self) -> Option<Decision> {
        let Last { engine, place, answer, settled, nanos, hides_retry, permit, wanted } = self.last.take()?;
        let mut decision = Decision::copy(engine, place, answer, settled.candidate_answers, nanos, &self.scratch);
        if hides_retry {
            decision.hide_retry();
        }
        decision.hold(permit, wanted);
        Some(decision)
    }
}

fn flags(settled: Settled) -> u8 {
    let answers = if settled.candidate_answers { code::CANDIDATE_ANSWERS } else { 0 };
    let control = if settled.control_runs { code::CONTROL_RUNS } else { 0 };
    let cap = if settled.crossed_cap { code::CROSSED_CAP } else { 0 };
    answers | control | cap
}

/// Copies the request if a sidecar is to get it. `keys`: who was counted.
fn wanted(
    process: &Process,
    engine: &Engine,
    place: Place,
    settled: Settled,
    taken: Option<Taken<'_, '_>>,
    keys: impl FnOnce(&dyn Fn(LimitId) -> bool) -> Keys,
) -> Option<Wanted> {
    let ticket = process.ticket(engine, place, settled, keys)?;
    let copy = |taken| recording::copy(process, Some((engine, place)), settled.candidate_answers, taken);
    Some(Wanted { ticket, exchange: taken.and_then(copy) })
}

/// Whether somebody is to get the exchange.
fn records(process: &Process, wanted: &Option<Wanted>) -> u8 {
    if process.emitter.is_some() || wanted.is_some() { code::RECORDS } else { 0 }
}

/// Pins the route's control where the candidate fails or takes too long.
fn watch(process: &Process, engine: &Engine, place: Place, answer: Answer, nanos: u64, body: usize, now: Timestamp) {
    if let Some(line) = engine.watch(place, answer, nanos, body, now) {
        process.news.tell(line);
    }
}
