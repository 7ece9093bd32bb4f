//! One process's policy, counts and switches, and what happens to one request at the seam.
//!
//! A decision has three steps so that the binding can put its guard around the middle one: [`Engine::place`] (which
//! route, which stage), [`Engine::candidate`] (may panic: it is the candidate), [`Engine::settle`] (who answers).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossfade_core::limit::Limiter;
use crossfade_core::policy::{AboveCap, Policy, Route, RouteId, RuleId};
use crossfade_core::{Outcome, Reason, Request, Scratch, Timestamp, Unsupported, admit, codes};

use crate::account::Sums;
use crate::asked::{Asked, STORE_UNAVAILABLE};
use crate::cap::Cap;
use crate::counts::Counts;
use crate::fault::Strikes;
use crate::remarks::Remarks;
use crate::store::{Opened, Store};
use crate::switch::Switch;
use crate::tally::Tally;
use crossfade_exchange::stage::{Fault, Stage};

/// Policy, counts of limits, switches and counters.
#[derive(Debug)]
pub struct Engine {
    /// The policy.
    pub policy: Policy,
    pub(crate) tally: Arc<Tally>,
    pub(crate) routes: Vec<RouteState>,
}

#[derive(Debug)]
pub(crate) struct RouteState {
    pub switch: Switch,
    pub counts: Arc<Counts>,
    pub sums: Arc<Sums>,
    pub remarks: Arc<Remarks>,
    pub cap: Arc<Cap>,
    /// A route that is not live counts in one of this route's limits, so its control needs to see this one's traffic.
    pub shares: AtomicBool,
    pub strikes: Strikes,
}

impl RouteState {
    /// The stage in this process, and when the stage file's was entered; 0: nobody can say.
    pub fn standing(&self) -> (Stage, u64) {
        let (stage, entered) = self.switch.standing();
        let is_pinned = self.sums.breaker.is_pinned(entered);
        (if is_pinned { Stage::Off } else { stage }, entered.unwrap_or(0))
    }

    pub fn stage(&self) -> Stage {
        self.standing().0
    }
}

/// Where a request stands: its route and that route's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The route.
    pub route: RouteId,
    /// Its effective stage in this process.
    pub stage: Stage,
    /// When it entered that stage, by the stage file; 0: in this moment.
    pub entered: u64,
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
            if let Some((before, id)) = known
                && before.state(id).stage() == Stage::Live
            {
                // What the candidate counted alone, of which nobody was told, goes to the control now.
                before.state(id).sums.miss_all();
            }
            let known = known.map(|(before, id)| (before.policy.route(id), before.state(id)));
            let counts = known.map_or_else(Arc::default, |(_, state)| Arc::clone(&state.counts));
            let sums = known.map_or_else(|| Sums::of(&route.name), |(_, state)| Arc::clone(&state.sums));
            // These are about one policy: another one has other checks.
            let same = known.filter(|(before, _)| before.digest == route.digest);
            let remarks = same.map_or_else(Arc::default, |(_, state)| Arc::clone(&state.remarks));
            let cap = same.map_or_else(Arc::default, |(_, state)| Arc::clone(&state.cap));
            let (switch, shares, strikes) = (Switch::default(), AtomicBool::new(false), Strikes::default());
            routes.push(RouteState { switch, counts, sums, remarks, cap, shares, strikes });
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

    /// The route of a request and its stage; `None`: passed through.
    ///
    /// Services match decoded paths, often by regular expressions. Where that can end at another route than matching the
    /// path as it was sent, only the service knows which one: it gets the request as in `off`.
    pub fn place(&self, method: &[u8], raw_path: &[u8]) -> Option<Place> {
        let route = self.policy.route_of(method, raw_path)?;
        if raw_path.contains(&b'%') && self.is_ambiguous(route, method, raw_path) {
            return None;
        }
        let (stage, entered) = self.state(route).standing();
        Some(Place { route, stage, entered })
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
        let fault = self.fault(place);
        match (self.asked(place, request, now, scratch), fault) {
            (Asked::Answered(answer), Some((fault, began))) => {
                Asked::Answered(self.state(place.route).strikes.strike(fault, began, answer, request, scratch))
            }
            (asked, _) => asked,
        }
    }

    /// The fault that is injected into a route, and the time by which it is measured.
    pub(crate) fn fault(&self, place: Place) -> Option<(Fault, Instant)> {
        self.state(place.route).switch.fault().map(|fault| (fault, Instant::now()))
    }

    fn asked(&self, place: Place, request: &Request<'_>, now: Timestamp, scratch: &mut Scratch) -> Asked {
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

    /// Counters of a route.
    pub fn counts(&self, route: RouteId) -> &Counts {
        &self.state(route).counts
    }

    /// What became of a route's exchanges.
    pub fn sums(&self, route: RouteId) -> &Arc<Sums> {
        &self.state(route).sums
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
        self.state(route).stage()
    }

    pub(crate) fn state(&self, route: RouteId) -> &RouteState {
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
