//! One process's policy, counts and switches, and what happens to one request at the seam.
//!
//! A decision has three steps so that the binding can put its guard around the middle one: [`Engine::place`] (which
//! route, which stage), [`Engine::candidate`] (may panic: it is the candidate), [`Engine::settle`] (who answers).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossfade_core::limit::Limiter;
use crossfade_core::policy::{AboveCap, Policy, Route, RouteId, RuleId};
use crossfade_core::{Outcome, Reason, Request, Scratch, Timestamp, Unsupported, admit, codes};

use crate::asked::{Asked, CHARGES_UNREPORTED, Hits, STORE_UNAVAILABLE};
use crate::cap::{Cap, Standing};
use crate::counts::Counts;
use crate::remarks::Remarks;
use crate::store::{Opened, Store};
use crate::switch::Switch;
use crate::tally::Tally;
use crossfade_exchange::stage::{Fault, Stage, Stages};

/// Policy, counts of limits, switches and counters.
#[derive(Debug)]
pub struct Engine {
    /// The policy.
    pub policy: Policy,
    tally: Arc<Tally>,
    routes: Vec<RouteState>,
}

#[derive(Debug)]
struct RouteState {
    switch: Switch,
    counts: Arc<Counts>,
    remarks: Arc<Remarks>,
    cap: Arc<Cap>,
    /// A route that is not live counts in one of this route's limits, so its control needs to see this one's traffic.
    shares: AtomicBool,
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
    /// Outside the grammar, and refused because too much of the route's traffic is.
    Refused(Reason),
    /// It panicked.
    Failed,
}

/// Message and code of an injected fault.
const INJECTED: &str = "injected fault";

/// The code of a request that is not of the shape that its server's interface describes.
pub const REQUEST_SHAPE: Unsupported = Unsupported("request.shape");

/// Who answers, and what else has to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The client gets the candidate's answer.
    pub candidate_answers: bool,
    /// The control runs: it answers, or is compared with.
    pub control_runs: bool,
    /// Since this request more of the route's traffic is outside the grammar than its cap allows.
    pub crossed_cap: bool,
}

impl Engine {
    /// An engine with every route `off`. Of the one `before` it keeps the counters of routes by name, and the counts of
    /// limits where all limits are the same; otherwise those start cold.
    pub fn new(policy: Policy, before: Option<&Engine>) -> Self {
        let now = clock_micros();
        let tally = match before {
            Some(before) => Tally::after(&policy, (&before.policy, &before.tally), now),
            None => Arc::new(Tally::new(&policy, now)),
        };
        Self::over(policy, tally, before, now)
    }

    /// The same with every route `off` and counts that start cold, in a store that was opened again.
    pub(crate) fn counting_in(&self, opened: Opened) -> Self {
        let now = clock_micros();
        let tally = Arc::new(Tally::opened_again(&self.policy, opened, now));
        Self::over(self.policy.clone(), tally, Some(self), now)
    }

    fn over(policy: Policy, tally: Arc<Tally>, before: Option<&Engine>, now: u64) -> Self {
        let mut routes = Vec::with_capacity(policy.routes.len());
        for route in &policy.routes {
            let known = before.and_then(|before| Some((before, before.policy.route_named(&route.name)?)));
            if let Some((before, id)) = known
                && !counts_alike(before.policy.route(id), route)
            {
                tally.missed(&route.limits, now);
            }
            let known = known.map(|(before, id)| (before.policy.route(id), before.state(id)));
            let counts = known.map_or_else(Arc::default, |(_, state)| Arc::clone(&state.counts));
            // These are about one policy: another one has other checks.
            let same = known.filter(|(before, _)| before.digest == route.digest);
            let remarks = same.map_or_else(Arc::default, |(_, state)| Arc::clone(&state.remarks));
            let cap = same.map_or_else(Arc::default, |(_, state)| Arc::clone(&state.cap));
            routes.push(RouteState { switch: Switch::default(), counts, remarks, cap, shares: AtomicBool::new(false) });
        }
        Self { policy, tally, routes }
    }

    /// Lets the candidate answer for nobody until every limit's longest memory has passed: this process's control has
    /// counted what the candidate has not. Counts that other processes share are as they were.
    pub fn chill(&self) {
        if self.tally.memory().is_some() {
            self.tally.chill(clock_micros());
        }
    }

    /// Takes over a stage file. A row that was set for another build or policy counts as `shadow` at most; returns the
    /// names of the routes that this lowers.
    pub fn follow(&self, stages: &Stages) -> Vec<&str> {
        let mut held = Vec::new();
        for (route, state) in self.policy.routes.iter().zip(&self.routes) {
            let row = stages.routes.get(&*route.name);
            let ours = row.is_none_or(|row| row.subject.build == crate::BUILD && row.subject.policy == *route.digest);
            if !ours && row.is_some_and(|row| row.stage > Stage::Shadow) {
                held.push(&*route.name);
            }
            state.switch.set(&route.name, row, if ours { Stage::Live } else { Stage::Shadow });
        }
        for (route, state) in self.policy.routes.iter().zip(&self.routes) {
            let shares = self.policy.routes.iter().zip(&self.routes).any(|(other, others)| {
                other.name != route.name
                    && others.switch.stage() != Stage::Live
                    && !self.policy.store.is_the_controls()
                    && route.limits.iter().any(|&id| other.limits.contains(&id) && self.tally.crosses_routes(id))
            });
            state.shares.store(shares, Ordering::Relaxed);
        }
        self.tally.set_busy(self.routes.iter().any(|state| state.switch.stage() != Stage::Off));
        held
    }

    /// The route of a request and its stage; `None`: passed through.
    ///
    /// Services match decoded paths, often by regular expressions. Where that can end at another route than matching the
    /// path as it was sent, only the service knows which one: it gets the request as in `off`.
    pub fn place(&self, method: &[u8], raw_path: &[u8]) -> Option<Place> {
        let route = self.policy.route_of(method, raw_path)?;
        if raw_path.contains(&b'%') && self.is_ambiguous(route, method, raw_path) {
            return None;
        }
        Some(Place { route, stage: self.state(route).switch.stage() })
    }

    #[cold]
    fn is_ambiguous(&self, route: RouteId, method: &[u8], raw_path: &[u8]) -> bool {
        let mut decoded = Vec::with_capacity(raw_path.len());
        let mut rest = raw_path;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match after {
                // A newline ends what `.` matches in a regular expression.
                [b'0', b'a' | b'A', ..] if byte == b'%' => return true,
                [b'2', b'f' | b'F', after @ ..] if byte == b'%' => {
                    decoded.push(b'/');
                    rest = after;
                }
                _ => decoded.push(byte),
            }
        }
        decoded.len() != raw_path.len() && self.policy.route_of(method, &decoded) != Some(route)
    }

    /// The counts of the policy's limits.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Notes that the control counts a request of `route` alone, which leaves the candidate's counts short of it.
    pub fn missed(&self, route: RouteId, now: u64) {
        self.tally.missed(&self.policy.route(route).limits, now);
    }

    /// Runs the candidate, as far as it gets without waiting for a store.
    ///
    /// # Panics
    ///
    /// Where the candidate has a bug, or a panic was injected: the caller catches it and says [`Answer::Failed`].
    pub fn candidate(&self, place: Place, request: &Request<'_>, now: Timestamp, scratch: &mut Scratch) -> Asked {
        match self.tally.store() {
            Store::Memory(memory) => Asked::Answered(self.decide(place, memory, request, now, scratch)),
            Store::Shared(table) => Asked::Answered(self.decide(place, &table.counts, request, now, scratch)),
            Store::Redis(_) => self.collect(place, request, now, scratch),
            Store::Unavailable(_) => {
                scratch.clear();
                Asked::Answered(Answer::Unsupported(STORE_UNAVAILABLE))
            }
        }
    }

    /// Where the candidate counts.
    pub fn store(&self) -> &Store {
        self.tally.store()
    }

    /// Whether the store answers later.
    pub fn awaits(&self) -> bool {
        matches!(self.tally.store(), Store::Redis(_))
    }

    /// Whether the candidate answers this client, and so counts it where only one side may.
    pub(crate) fn counts_here(&self, place: Place, request: &Request<'_>, scratch: &Scratch) -> bool {
        let key = self.cutover_key(self.policy.route(place.route), request, scratch);
        self.state(place.route).switch.candidate_answers(place.stage, &key)
    }

    /// Decides by a limiter, and then does the fault that was injected: after it has counted, so that a fault in one route
    /// leaves no counts short.
    pub(crate) fn decide(
        &self,
        place: Place,
        limiter: &impl Limiter,
        request: &Request<'_>,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Answer {
        let decided = admit(&self.policy, place.route, limiter, request, now, scratch);
        match self.state(place.route).switch.fault() {
            Some(Fault::Panic) => panic!("{INJECTED}"),
            Some(Fault::Unsupported) => return Answer::Unsupported(Unsupported(INJECTED)),
            Some(Fault::Wrong(_) | Fault::Slow(_)) | None => {}
        }
        match decided {
            Ok(outcome) => Answer::Decided(outcome),
            Err(unsupported) => self.unsupported(place, unsupported),
        }
    }

    /// The answer to a request outside the grammar: the control's, unless its route lives without it and has too many.
    #[cold]
    pub(crate) fn unsupported(&self, place: Place, unsupported: Unsupported) -> Answer {
        let Unsupported(why) = unsupported;
        let refuses = self.policy.route(place.route).unsupported.above == AboveCap::Reject
            && place.stage == Stage::Live
            && self.is_above_cap(place.route);
        if refuses {
            return Answer::Refused(Reason::whole(codes::refused_as(why)));
        }
        Answer::Unsupported(unsupported)
    }

    /// Who answers, given what the candidate made of the request and whose hits counted it.
    pub fn settle(
        &self,
        place: Place,
        answer: Answer,
        hits: Hits,
        request: &Request<'_>,
        now: Timestamp,
        scratch: &Scratch,
    ) -> Settled {
        let state = self.state(place.route);
        let route = self.policy.route(place.route);
        state.counts.candidate.add();
        state.remarks.add(&scratch.remarks);
        match answer {
            Answer::Decided(_) => {}
            Answer::Refused(_) => state.counts.refused_above_cap.add(),
            Answer::Unsupported(_) => {
                state.counts.unsupported.add();
                self.tally.left_to_control(&self.policy, route, request, scratch, now);
            }
            Answer::Failed => {
                state.counts.failed.add();
                if state.switch.fault().is_none() {
                    // Nobody knows what it had counted.
                    self.tally.missed(&route.limits, now.micros());
                }
            }
        }
        let wanted = matches!(answer, Answer::Decided(_) | Answer::Refused(_)) && place.stage > Stage::Shadow;
        let is_outside = match answer {
            Answer::Unsupported(why) => why != STORE_UNAVAILABLE && why != CHARGES_UNREPORTED,
            Answer::Refused(_) => true,
            Answer::Decided(_) | Answer::Failed => false,
        };
        let standing = state.cap.add(is_outside, route.unsupported.cap);
        let crossed_cap = standing == Standing::Crossed;
        let mut settled = Settled { candidate_answers: false, control_runs: true, crossed_cap };
        if wanted && !self.tally.warm(&self.policy, scratch, now) {
            state.counts.cold.add();
        } else if wanted {
            let key = self.cutover_key(route, request, scratch);
            settled.candidate_answers = match hits {
                Hits::Both => state.switch.candidate_answers(place.stage, &key),
                Hits::Candidate => true,
                Hits::Control => false,
            };
            settled.control_runs = hits == Hits::Control
                || place.stage != Stage::Live
                || state.shares.load(Ordering::Relaxed)
                || state.switch.drift_sampled(&key);
        }
        self.tally.counted(&self.policy, route, scratch, settled.control_runs, now);
        if settled.candidate_answers {
            state.counts.answered_by_candidate.add();
        }
        if settled.control_runs {
            state.counts.control.add();
        }
        settled
    }

    /// The answer for a request that cannot be put to the candidate at all.
    pub fn unable(&self, place: Place, now: u64, why: Unsupported) -> (Answer, Settled) {
        let counts = self.counts(place.route);
        counts.unsupported.add();
        counts.control.add();
        self.missed(place.route, now);
        (Answer::Unsupported(why), Settled { candidate_answers: false, control_runs: true, crossed_cap: false })
    }

    /// Whom the stage is switched for: the key that is counted, so that no client is split over two counters.
    fn cutover_key<'a>(&self, route: &Route, request: &Request<'_>, scratch: &'a Scratch) -> Cow<'a, [u8]> {
        let Some(id) = route.cutover_key else { return Cow::Borrowed(scratch.client.as_bytes()) };
        if let Some(charge) = scratch.charges().find(|charge| charge.limit == id) {
            return Cow::Borrowed(charge.key);
        }
        // Refused before it was counted: the same client all the same.
        let mut key = Vec::new();
        match self.policy.limit(id).key.write(&route.name, &scratch.client, request, &mut key) {
            Ok(true) => Cow::Owned(key),
            _ => Cow::Borrowed(scratch.client.as_bytes()),
        }
    }

    /// Counters of a route.
    pub fn counts(&self, route: RouteId) -> &Counts {
        &self.state(route).counts
    }

    /// What the route's checks remarked under this policy: code, place of the field if it is one's, and count.
    pub fn remarks(&self, route: RouteId) -> Vec<(&'static str, Option<&str>, u64)> {
        let rules = &self.policy.route(route).rules;
        let place = |rule: RuleId| &*rules[usize::from(rule.0)].place;
        self.state(route).remarks.list().into_iter().map(|(code, rule, count)| (code, rule.map(place), count)).collect()
    }

    /// Whether more of the route's traffic is outside the grammar than its cap allows.
    pub fn is_above_cap(&self, route: RouteId) -> bool {
        self.state(route).cap.is_above()
    }

    /// Stage of a route in this process.
    pub fn stage(&self, route: RouteId) -> Stage {
        self.state(route).switch.stage()
    }

    fn state(&self, route: RouteId) -> &RouteState {
        &self.routes[usize::from(route.0)]
    }
}

/// Whether two policies' versions of a route count the same requests in the same limits.
fn counts_alike(one: &Route, other: &Route) -> bool {
    one.limits == other.limits && one.limits_stand == other.limits_stand && one.patterns == other.patterns
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
