//! One exchange, judged twice: on what each side did by its own counts, and on what the candidate does given what the control
//! has granted. The second is the verdict that gates.

use crossfade_core::limit::{LimitId, Strategy};
use crossfade_core::policy::{Policy, Route, RouteId};
use crossfade_core::{Request, Scratch, Timestamp, client};
use crossfade_exchange::hash::{hash, of_key};
use crossfade_exchange::{Charge, Exchange, Observation, Outcome};

use super::arrival::stay_of;
use super::edge::{Span, Waits, end_of, is_brief};
use super::judged::{Judged, findings, reason};
use super::process::Process;
use super::teach::{Taught, can_teach};
use crate::compare::{Difference, Kind, Value, compare, name_of, unreported};
use crate::gate::Thresholds;
use crate::known::{Day, expired};
use crate::redact::Redactor;
use crate::replay::Lent;
use crate::verdict::{Judgement, NotJudged, Verdict, judge, weigh};

/// What a judge goes by.
pub struct Case {
    /// The policy.
    pub policy: Policy,
    /// By route: whether its candidate can be asked again.
    taught: Vec<bool>,
    /// By route: comparisons that one key may bring.
    most_of_a_key: Vec<u64>,
    /// Digest of this build.
    build: String,
    /// What may be shown of values.
    redactor: Redactor,
}

/// What became of an exchange.
pub enum Settled {
    /// Its verdicts.
    Now(Box<Judged>),
    /// The same, but that requests of its keys may have been under way that are not known yet: until they are, it waits.
    Disputed(Box<Judged>),
}

/// The verdict that gates.
enum Gating {
    Judged(Judgement, bool),
    Edge,
    NotJudged(&'static str),
    Disputed(Judgement),
}

/// The verdict on a difference that another clock explains.
fn another_clock(brief: bool) -> Gating {
    if brief { Gating::Edge } else { Gating::NotJudged(reason::STALLED) }
}

impl Case {
    /// The case of a policy, for exchanges of one build.
    pub fn new(policy: Policy, build: String, show_values: bool) -> Self {
        let taught = policy.routes.iter().map(|route| can_teach(&policy, route)).collect();
        let most_of_a_key = policy.routes.iter().map(|route| Thresholds::of(&policy, route).most_of_a_key()).collect();
        Self { policy, taught, most_of_a_key, build, redactor: Redactor::new(show_values) }
    }

    /// Judges one exchange of `process`, and takes over what its control has granted.
    pub fn judge(&self, process: &mut Process, exchange: &Exchange, today: &Day, scratch: &mut Scratch) -> Settled {
        let mut judged = Judged::of(exchange, stay_of(exchange));
        judged.kind = exchange.control.as_ref().map(name_of).unwrap_or_default();
        let unjudged = |judged: Judged, reason| Settled::Now(Box::new(judged.unjudged(reason)));
        if exchange.route.is_empty() {
            return unjudged(judged, NotJudged::PassedThrough.name());
        }
        let Some(id) = self.policy.route_named(&exchange.route) else {
            return unjudged(judged, reason::OTHER_POLICY);
        };
        let route = self.policy.route(id);
        let mut lent = Lent::default();
        let request = lent.request(&exchange.request);
        judged.key = self.key(route, &request, scratch);
        judged.most_of_a_key = self.most_of_a_key[usize::from(id.0)];
        if *exchange.policy != *route.digest {
            return unjudged(judged, reason::OTHER_POLICY);
        }
        let now = Timestamp::from_micros(exchange.received_at);
        process.enter(&self.policy, route, exchange);
        let settled = match &exchange.candidate {
            _ if exchange.build != self.build => unjudged(judged, reason::OTHER_BUILD),
            None => unjudged(judged, reason::NO_CANDIDATE),
            Some(candidate) => self.both(process, (id, &request), exchange, candidate, judged, today, scratch),
        };
        if exchange.seeded {
            // The copy of one that has come already.
            return settled;
        }
        if let Some(control) = &exchange.control
            && self.taught[usize::from(id.0)]
        {
            let taught = process.taught(&self.policy);
            taught.teach(&self.policy, route, control, (now, end_of(exchange)), is_brief(exchange));
        }
        process.remember(exchange);
        settled
    }

    /// Judges an exchange whose control was run beside the sidecar. It has counts of its own, so where a limit decided
    /// nothing can be said.
    pub fn reverse(&self, exchange: &Exchange, before: &Judged, control: Observation, today: &Day) -> Judged {
        let mut exchange = exchange.clone();
        exchange.control = Some(control);
        let mut judged = Judged {
            key: before.key,
            most_of_a_key: before.most_of_a_key,
            ..Judged::of(&exchange, before.stay.clone())
        };
        let Some(id) = self.policy.route_named(&exchange.route) else { return judged.unjudged(reason::OTHER_POLICY) };
        let route = self.policy.route(id);
        let Some(candidate) = &exchange.candidate else { return judged.unjudged(reason::NO_CANDIDATE) };
        let control = exchange.control.as_ref();
        judged.kind = control.map(name_of).unwrap_or_default();
        // What it took here says nothing of what it takes there.
        (judged.control, judged.seam) = (None, None);
        if control.is_some_and(|control| refused(control).is_some()) || refused(candidate).is_some() {
            return judged.unjudged(reason::COUNTED_ELSEWHERE);
        }
        let judgement = free(route, &exchange, candidate, today);
        self.settle(route, &mut judged, &judgement, false, today);
        judged.free = judgement.verdict;
        judged
    }

    /// Where two answers of the control to one request differ.
    pub fn noise(&self, exchange: &Exchange, answers: [&Observation; 2]) -> Vec<String> {
        let Some(id) = self.policy.route_named(&exchange.route) else { return Vec::new() };
        let differences = compare(self.policy.route(id), &exchange.request, answers[0], answers[1]);
        differences.into_iter().map(|difference| difference.place).collect()
    }

    /// Sets the verdict that gates, and what of it is unexplained.
    fn settle(&self, route: &Route, judged: &mut Judged, judgement: &Judgement, taught: bool, today: &Day) {
        judged.gating = judgement.verdict;
        judged.reason = judged.reason.or(judgement.reason.map(NotJudged::name));
        let live = |index: usize| !expired(&route.known_differences[index], today);
        if judgement.verdict == Verdict::Known {
            let mut ids: Vec<usize> = judgement.known.iter().flatten().copied().filter(|&index| live(index)).collect();
            ids.sort_unstable();
            ids.dedup();
            judged.known = ids.into_iter().map(|index| route.known_differences[index].id.to_string()).collect();
        }
        judged.found = findings(judgement, &self.redactor, taught, live);
    }

    #[expect(clippy::too_many_arguments)]
    fn both(
        &self,
        process: &mut Process,
        (id, request): (RouteId, &Request<'_>),
        exchange: &Exchange,
        candidate: &Observation,
        mut judged: Judged,
        today: &Day,
        scratch: &mut Scratch,
    ) -> Settled {
        let route = self.policy.route(id);
        let free = free(route, exchange, candidate, today);
        judged.free = free.verdict;
        let taught = self.taught[usize::from(id.0)];
        let gating = match &exchange.control {
            Some(control) if taught && control.charges.is_some() && asks_again(&free) => {
                let taught = process.taught(&self.policy);
                self.gate(taught, (id, request), exchange, (control, candidate), &free, today, scratch)
            }
            _ if self.is_edge(exchange, &free) => another_clock(is_brief(exchange)),
            _ => Gating::Judged(free.clone(), false),
        };
        let mut disputed = false;
        let (judgement, was_taught) = match gating {
            Gating::Judged(judgement, taught) => (judgement, taught),
            Gating::Disputed(judgement) if process.has_together(exchange) => {
                judged.reason = Some(reason::IN_FLIGHT_TOGETHER);
                (Judgement { verdict: Verdict::NotJudged, ..judgement }, true)
            }
            Gating::Disputed(judgement) => {
                disputed = true;
                (judgement, true)
            }
            Gating::Edge => (Judgement::without_comparison(Verdict::Edge, None), true),
            Gating::NotJudged(why) => {
                judged.reason = Some(why);
                (Judgement::without_comparison(Verdict::NotJudged, None), true)
            }
        };
        self.settle(route, &mut judged, &judgement, was_taught, today);
        let live = |index: usize| !expired(&route.known_differences[index], today);
        if was_taught {
            // What each side did by its own counts, beyond that.
            let of_free = findings(&free, &self.redactor, false, live);
            let gates: Vec<_> = judged.found.iter().map(|f| (f.place.clone(), f.kind, f.limit.clone())).collect();
            let only = of_free.into_iter().filter(|f| !gates.contains(&(f.place.clone(), f.kind, f.limit.clone())));
            judged.found.extend(only);
        }
        if disputed { Settled::Disputed(Box::new(judged)) } else { Settled::Now(Box::new(judged)) }
    }

    /// Judges the candidate given what the control has granted.
    #[expect(clippy::too_many_arguments)]
    fn gate(
        &self,
        taught: &Taught,
        (id, request): (RouteId, &Request<'_>),
        exchange: &Exchange,
        (control, candidate): (&Observation, &Observation),
        free: &Judgement,
        today: &Day,
        scratch: &mut Scratch,
    ) -> Gating {
        let (policy, route) = (&self.policy, self.policy.route(id));
        let now = Timestamp::from_micros(exchange.received_at);
        let again = taught.ask(policy, id, request, (now, false), None, scratch);
        if again.unsupported.is_some() {
            return Gating::Judged(Judgement::without_comparison(Verdict::Unsupported, None), true);
        }
        let charged = || [control, candidate, &again].into_iter().filter_map(|side| side.charges.as_ref()).flatten();
        let is_whole = |charge: &Charge| taught.is_whole(policy, charge, now);
        // Between the bounds of what is counted the answer may be the same all along.
        let mut is_told = || {
            charged().all(|charge| is_whole(charge) || taught.is_bounded(charge))
                && admits_alike(&taught.ask(policy, id, request, (now, true), None, scratch), &again)
        };
        if !charged().all(is_whole) && !is_told() {
            // What has nothing to do with counts can be judged all the same.
            let plain = refused(control).is_none() && refused(candidate).is_none();
            return match free.verdict {
                Verdict::Mismatch if plain => Gating::Judged(free.clone(), true),
                _ => Gating::NotJudged(reason::COLD),
            };
        }
        let differences = self.differences(route, exchange, control, candidate, &again);
        let judgement = weigh(route, differences, unreported(control, &again), today);
        if judgement.verdict != Verdict::Mismatch || admits_alike(control, &again) {
            return Gating::Judged(judgement, true);
        }
        let charges = again.charges.as_deref().unwrap_or_default();
        let end = end_of(exchange);
        let refusal = refused(control);
        let span = Span { now, end, refuser: refusal.map(|(limit, _)| limit) };
        let within = taught.edges(policy, charges, now).into_iter().filter(|&edge| edge > now && edge <= end);
        let mut waits = Waits::of(refusal);
        waits.add(&mut again.clone());
        let instants = [(now, true), (end, false), (end, true)].into_iter().chain(within.map(|edge| (edge, false)));
        if end > now
            && instants.into_iter().any(|(instant, late)| {
                let mut later = taught.ask(policy, id, request, (instant, late), Some(span), scratch);
                waits.add(&mut later);
                let differences = self.differences(route, exchange, control, candidate, &later);
                admits_alike(control, &later)
                    && weigh(route, differences, unreported(control, &later), today).verdict != Verdict::Mismatch
            })
        {
            let has_stalled = |side: &Observation| taught.has_stalled(side.charges.as_deref().unwrap_or_default(), now);
            return another_clock(is_brief(exchange) && ![control, &again].into_iter().any(has_stalled));
        }
        Gating::Disputed(judgement)
    }

    /// What the candidate differs in, were it on the control's counts: what it really did, apart from what it admits.
    fn differences(
        &self,
        route: &Route,
        exchange: &Exchange,
        control: &Observation,
        candidate: &Observation,
        again: &Observation,
    ) -> Vec<Difference> {
        if refused(candidate).is_none() && refused(again).is_none() {
            return compare(route, &exchange.request, control, candidate);
        }
        let mut differences = compare(route, &exchange.request, control, again);
        // Who it counted, and how much, is what it really did too.
        let theirs = |limit: &str| control.charges.iter().flatten().find(|charge| charge.limit == limit);
        for charge in candidate.charges.iter().flatten() {
            let Some(other) = theirs(&charge.limit) else { continue };
            let about = |kind, control, candidate| {
                Difference::new("charges", kind, control, candidate).of_limit(Some(charge.limit.clone()))
            };
            let key = (other.key != charge.key)
                .then(|| about(Kind::Key, Value::Bytes(other.key.clone()), Value::Bytes(charge.key.clone())));
            let cost = (other.cost != charge.cost)
                .then(|| about(Kind::Cost, Value::Word(other.cost.to_string()), Value::Word(charge.cost.to_string())));
            for difference in key.into_iter().chain(cost) {
                if !differences.contains(&difference) {
                    differences.push(difference);
                }
            }
        }
        differences
    }

    /// Whether an exchange whose counts are not known differs only by a clock that was read a moment later: a window that is
    /// aligned to the clock ended meanwhile, or a second of the wait did. Where a fixed or moving window ends is not known.
    fn is_edge(&self, exchange: &Exchange, free: &Judgement) -> bool {
        if free.verdict != Verdict::Mismatch || exchange.elapsed == 0 {
            return false;
        }
        let end = end_of(exchange).micros();
        free.differences.iter().all(|difference| {
            match (&*difference.place, &difference.control, &difference.candidate) {
                ("retry_after", Value::Word(one), Value::Word(other)) => {
                    let seconds = |text: &str| text.parse::<u64>().ok();
                    seconds(one).zip(seconds(other)).is_some_and(|(one, other)| one.abs_diff(other) == 1)
                }
                ("outcome" | "limit" | "charges", ..)
                    if matches!(difference.kind, Kind::Outcome | Kind::Limit | Kind::Absent) =>
                {
                    let limit = difference.limit.as_deref().and_then(|name| self.limit_named(name));
                    limit.map(|id| self.policy.limit(id)).is_some_and(|limit| {
                        let window = limit.rate.window().saturating_mul(1_000_000).max(1);
                        limit.strategy == Strategy::SlidingWindowCounter
                            && exchange.received_at / window != end / window
                    })
                }
                _ => false,
            }
        })
    }

    fn limit_named(&self, name: &str) -> Option<LimitId> {
        self.policy.limits.iter().find(|limit| *limit.name == *name).map(|limit| limit.id)
    }

    /// Hash of who is counted: under the route's cutover key, else the client.
    fn key(&self, route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> u64 {
        scratch.client.clear();
        client::address(&self.policy.client, request, &mut scratch.client);
        let limit = route.cutover_key.or(route.limits.first().copied()).map(|id| self.policy.limit(id));
        let mut key = Vec::new();
        match limit.map(|limit| (limit, limit.key.write(&route.name, &scratch.client, request, &mut key))) {
            Some((limit, Ok(true))) => of_key(&limit.name, &key),
            _ => hash(0, scratch.client.as_bytes()),
        }
    }
}

/// The verdict on what each side did.
fn free(route: &Route, exchange: &Exchange, candidate: &Observation, today: &Day) -> Judgement {
    let request = &exchange.request;
    let body = |side: &Observation| matches!(&side.outcome, Some(Outcome::Accepted(forward)) if forward.body.is_some());
    if request.body.is_none()
        && request.body_bytes > 0
        && exchange.control.as_ref().is_some_and(|control| body(control) != body(candidate))
    {
        // One side sends on a body of its own, the other the client's, which nobody has kept.
        return Judgement::without_comparison(Verdict::NotJudged, Some(NotJudged::BodyNotKept));
    }
    judge(route, request, exchange.control.as_ref(), candidate, today)
}

/// Whether there is anything to ask the candidate again.
fn asks_again(free: &Judgement) -> bool {
    !matches!(free.verdict, Verdict::Failed | Verdict::Unsupported | Verdict::NotJudged)
}

/// The limit that refused, and the wait that was told.
fn refused(side: &Observation) -> Option<(&str, Option<u32>)> {
    match &side.outcome {
        Some(Outcome::Limited { limit, retry_after }) => Some((limit, *retry_after)),
        _ => None,
    }
}

/// Whether both admit, or both refuse by the same limit with the same wait, as far as both tell it.
fn admits_alike(control: &Observation, again: &Observation) -> bool {
    match (refused(control), refused(again)) {
        (None, None) => true,
        (Some((limit, wait)), Some((other, other_wait))) => {
            limit == other && (wait == other_wait || wait.is_none() || other_wait.is_none())
        }
        _ => false,
    }
}
