//! Laws of the verdict that gates: what is taught makes equal sides equal, and hides nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};

use crossfade_core::policy::Policy;
use crossfade_core::{Request, Scratch, Timestamp, admit};
use crossfade_exchange::hash::of_key;
use crossfade_exchange::wire::{Account, RouteAccount};
use crossfade_exchange::{Exchange, Observation, Outcome, observe};
use crossfade_store::Memory;
use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::arrival::{Arrival, Arrived, Passed};
use super::capture::{self, Captures, Keep};
use super::judge::{Case, Settled};
use super::judged::{Judged, reason};
use super::judging::Judge;
use super::metrics::Metrics;
use super::process::Process;
use super::reverse;
use crate::evidence::Source;
use crate::known::Day;
use crate::verdict::Verdict;

mod busy;
mod edges;

const BUILD: &str = "b";

/// Microseconds of a second, and a time at which nothing was counted yet.
const SECOND: u64 = 1_000_000;
const START: u64 = 1_700_000_000 * SECOND;

const STRATEGIES: [&str; 4] = ["fixed-window", "moving-window", "sliding-window-counter", "gcra"];

fn policy(strategy: &str, amount: u64) -> Policy {
    let burst = if strategy == "gcra" { "burst = 4" } else { "" };
    let text = format!(
        r#"
        version = 1
        [limits.small]
        key = ["client"]
        rate = "{amount}/10 second"
        strategy = "{strategy}"
        {burst}
        [limits.large]
        key = ["header:x-team"]
        on_missing = "skip"
        rate = "12/20 second"
        strategy = "moving-window"
        [[route]]
        name = "r"
        match = ["GET /{{any}}"]
        limits = ["small", "large"]
        "#
    );
    Policy::parse("p", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A process of the service, and the sidecar's view of it.
struct World {
    case: Case,
    /// What the control goes by, which may be something else than the policy says.
    control: Policy,
    controls: Memory,
    candidates: Memory,
    process: Process,
    scratch: Scratch,
    sequence: u64,
}

impl World {
    fn new(policy: Policy, control: Policy) -> Self {
        Self {
            case: Case::new(policy, BUILD.to_owned(), true),
            control,
            controls: Memory::new(1_000),
            candidates: Memory::new(1_000),
            process: Process::default(),
            scratch: Scratch::new(),
            sequence: 0,
        }
    }

    /// The same on both sides, and everything is known: somebody else came long ago.
    fn whole(strategy: &str) -> Self {
        let mut world = Self::new(policy(strategy, 3), policy(strategy, 3));
        let first = world.exchange(9, START - 1_000 * SECOND, 0);
        world.judge(&first);
        world
    }

    /// One request of client `who`, at which the control looks at its clock `late` microseconds later than it was received.
    fn exchange(&mut self, who: u8, now: u64, late: u64) -> Exchange {
        let (peer, team) = (format!("10.0.0.{who}"), [who % 2 + b'a']);
        let headers: &[(&[u8], &[u8])] = &[(b"host", b"h"), (b"x-team", &team)];
        let request =
            Request { method: b"GET", raw_path: b"/x", query: b"", headers, peer: Some(&peer), body: b"", given: &[] };
        let mut side = |policy: &Policy, memory: &Memory, now: u64| {
            let route = policy.route_of(b"GET", b"/x").expect("a route");
            let now = Timestamp::from_micros(now);
            let answer = admit(policy, route, memory, &request, now, &mut self.scratch);
            observe(policy, policy.route(route), answer, &self.scratch)
        };
        let control = side(&self.control, &self.controls, now + late);
        let candidate = side(&self.case.policy, &self.candidates, now);
        self.sequence += 1;
        Exchange {
            route: "r".to_owned(),
            received_at: now,
            worker: 1,
            epoch: 1,
            sequence: self.sequence,
            stage: "shadow".to_owned(),
            entered: 1,
            elapsed: late * 1_000,
            request: crossfade_exchange::Request {
                method: b"GET".to_vec(),
                raw_path: b"/x".to_vec(),
                headers: headers.iter().map(|(name, value)| (name.to_vec().into(), value.to_vec().into())).collect(),
                peer: Some(peer.clone()),
                ..Default::default()
            },
            control: Some(control),
            candidate: Some(candidate),
            build: BUILD.to_owned(),
            policy: self.case.policy.routes[0].digest.to_string(),
            ..Exchange::default()
        }
    }

    fn judge(&mut self, exchange: &Exchange) -> Judged {
        let today = Day::of_micros(START);
        match self.case.judge(&mut self.process, exchange, &today, &mut self.scratch) {
            Settled::Now(judged) | Settled::Disputed(judged) => *judged,
        }
    }

    fn hit(&mut self, who: u8, now: u64) -> Judged {
        let exchange = self.exchange(who, now, 0);
        self.judge(&exchange)
    }
}

fn outcome(side: &mut Option<Observation>) -> &mut Outcome {
    side.as_mut().and_then(|side| side.outcome.as_mut()).expect("an outcome")
}

/// Clients, and microseconds between one request and the next.
fn traffic() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0u8..4, prop_oneof![0u64..3 * SECOND, 9 * SECOND..31 * SECOND]), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two sides that decide alike at the same instants match, by their own counts and by the control's.
    #[test]
    fn equal_sides_match(strategy in prop::sample::select(&STRATEGIES[..]), traffic in traffic()) {
        let mut world = World::whole(strategy);
        let mut now = START;
        for (who, gap) in traffic {
            now += gap;
            let judged = world.hit(who, now);
            prop_assert_eq!((judged.gating, judged.free), (Verdict::Match, Verdict::Match), "{:?}", judged);
        }
    }

    /// What the control had counted before the sidecar came makes no mismatch: such keys are not judged until it is forgotten.
    #[test]
    fn what_was_before_is_no_mismatch(
        strategy in prop::sample::select(&STRATEGIES[..]),
        before in traffic(),
        after in traffic(),
    ) {
        let mut world = World::new(policy(strategy, 3), policy(strategy, 3));
        let mut now = START;
        for (who, gap) in before {
            now += gap;
            world.exchange(who, now, 0);
        }
        for (who, gap) in after {
            now += gap;
            let judged = world.hit(who, now);
            prop_assert_ne!(judged.gating, Verdict::Mismatch, "{:?}", judged);
            prop_assert!(judged.gating == Verdict::Match || judged.reason == Some(reason::COLD));
        }
    }

    /// What was lost and is said to be makes no mismatch either, and is judged again later.
    #[test]
    fn what_is_missed_is_no_mismatch(
        strategy in prop::sample::select(&STRATEGIES[..]),
        traffic in traffic(),
        lost in prop::collection::vec(any::<bool>(), 120),
    ) {
        let mut world = World::whole(strategy);
        let mut now = START;
        for ((who, gap), lost) in traffic.into_iter().zip(lost) {
            now += gap;
            let exchange = world.exchange(who, now, 0);
            if lost {
                world.miss(&exchange);
            } else {
                let judged = world.judge(&exchange);
                prop_assert_ne!(judged.gating, Verdict::Mismatch, "{:?}", judged);
            }
        }
        for client in 0..4 {
            prop_assert_eq!(world.hit(client, now + 100 * SECOND).gating, Verdict::Match);
        }
    }

    /// A control that allows one more is found wherever that shows, and every other exchange matches: what one decision got
    /// wrong does not make the next ones wrong.
    #[test]
    fn one_more_is_found_where_it_shows(strategy in prop::sample::select(&STRATEGIES[..3]), traffic in traffic()) {
        let mut world = World::new(policy(strategy, 3), policy(strategy, 4));
        let first = world.exchange(9, START - 1_000 * SECOND, 0);
        world.judge(&first);
        let mut now = START;
        for (who, gap) in traffic {
            now += gap;
            // Told by what is left of the control's own count: its fourth is one too many.
            let (peer, limit) = (format!("10.0.0.{who}"), &world.control.limits[0]);
            let limit = limit.clone();
            let granted = {
                use crossfade_core::Limiter;
                4 - world.controls.peek(&limit, peer.as_bytes(), Timestamp::from_micros(now)).remaining.min(4)
            };
            let mut exchange = world.exchange(who, now, 0);
            let accepted = matches!(outcome(&mut exchange.control), Outcome::Accepted(_));
            let judged = world.judge(&exchange);
            if accepted && granted < 3 && strategy != "sliding-window-counter" {
                prop_assert_eq!(judged.gating, Verdict::Match, "{:?}", judged);
            }
            if accepted && granted == 3 && strategy == "fixed-window" {
                prop_assert_eq!(judged.gating, Verdict::Mismatch, "{:?}", judged);
            }
        }
    }
}

impl World {
    /// The sidecar hears that an exchange was dropped.
    fn miss(&mut self, exchange: &Exchange) {
        let charges = exchange.control.iter().filter_map(|side| side.charges.as_ref()).flatten();
        let missed = charges.map(|charge| of_key(&charge.limit, &charge.key)).collect();
        let account = RouteAccount { missed, ..RouteAccount::default() };
        let account = Account { routes: [("r".to_owned(), account)].into() };
        self.process.miss(&self.case.policy, &account, exchange.received_at);
    }
}

/// A limit that is off by one is found at the first request that it decides.
#[test]
fn off_by_one_is_found() {
    for strategy in STRATEGIES {
        let mut world = World::whole(strategy);
        let most = if strategy == "gcra" { 4 } else { 3 };
        let verdicts: Vec<Verdict> = (0..=most).map(|nth| world.hit(1, START + nth).gating).collect();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Match), "{strategy}: {verdicts:?}");
        let mut exchange = world.exchange(1, START + 10, 0);
        *outcome(&mut exchange.control) = Outcome::Accepted(Default::default());
        let judged = world.judge(&exchange);
        assert_eq!(judged.gating, Verdict::Mismatch, "{strategy}");
        assert_eq!((judged.found[0].place.as_str(), judged.found[0].taught), ("outcome", true));
    }
}

/// A wait that is told wrong by a second is found.
#[test]
fn a_wrong_wait_is_found() {
    let mut world = World::whole("fixed-window");
    (0..3).for_each(|nth| _ = world.hit(1, START + nth));
    let mut exchange = world.exchange(1, START + 10, 0);
    let Outcome::Limited { retry_after, .. } = outcome(&mut exchange.control) else { panic!("not limited") };
    *retry_after = retry_after.map(|seconds| seconds + 1);
    let judged = world.judge(&exchange);
    assert_eq!((judged.gating, judged.found[0].place.as_str()), (Verdict::Mismatch, "retry_after"));
}

/// An exchange that is lost without a word makes a mismatch; with a word its key is not judged for one window.
#[test]
fn silent_losses_show() {
    for (said, expected) in [(false, Verdict::Mismatch), (true, Verdict::NotJudged)] {
        let mut world = World::whole("moving-window");
        let lost = world.exchange(1, START, 0);
        if said {
            world.miss(&lost);
        }
        let verdicts: Vec<Verdict> = (1..4).map(|nth| world.hit(1, START + nth).gating).collect();
        assert_eq!(verdicts[2], expected);
        assert_eq!(world.hit(2, START + 5).gating, Verdict::Match, "others are judged meanwhile");
        let later = world.hit(1, START + 25 * SECOND);
        assert_eq!(later.gating, Verdict::Match);
    }
}

/// Hands everything to a judge's thread and gives what it passes on, by verdict and reason.
fn through(case: Case, arrivals: Vec<Arrival>) -> Vec<(Verdict, Option<&'static str>)> {
    let metrics = Arc::new(Metrics::new(&case.policy, BUILD).expect("metrics"));
    let keep = Captures { keep: Keep::None, bytes: 0 };
    let (taken, _) = capture::open(Path::new(""), &keep, BUILD, &metrics, &Arc::default()).expect("no capture");
    let (reverse, _) = reverse::open(None, &metrics, &Arc::default());
    let (onward, passed) = sync_channel(arrivals.len() + 1);
    let judge = Judge::new(Arc::new(case), Arc::default(), metrics, (taken, reverse), onward);
    let (way, arrive) = channel();
    for what in arrivals {
        way.send(Arrived { source: Source { worker: 1, epoch: 1 }, what }).expect("a judge");
    }
    drop(way);
    judge.work(&arrive);
    let verdict = |passed| match passed {
        Passed::Judged(judged) => Some((judged.gating, judged.reason)),
        _ => None,
    };
    passed.into_iter().filter_map(verdict).collect()
}

fn arrival(exchange: &Exchange) -> Arrival {
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("room");
    Arrival::Exchange(Box::new(exchange.clone()), room)
}

/// A difference that may come of requests that were under way together is none, and neither is one of a key of which the next
/// account says that something was lost. Alone it is one.
#[test]
fn a_dispute_waits_for_what_explains_it() {
    let mut world = World::whole("moving-window");
    let first = world.exchange(9, START - 1_000 * SECOND, 0);
    let before: Vec<Exchange> = (0..2).map(|nth| world.exchange(1, START + nth, 0)).collect();
    let mut one = world.exchange(1, START + 100, 0);
    let mut other = world.exchange(1, START + 150, 0);
    (one.elapsed, other.elapsed) = (200_000, 200_000);
    // The control took them the other way round.
    std::mem::swap(&mut one.control, &mut other.control);
    let missed = one.control.iter().filter_map(|side| side.charges.as_ref()).flatten();
    let missed = missed.map(|charge| of_key(&charge.limit, &charge.key)).collect();
    let account = RouteAccount { missed, ..RouteAccount::default() };
    let account = Account { routes: [("r".to_owned(), account)].into() };
    for (then, expected) in [
        (None, (Verdict::Mismatch, None)),
        (Some(arrival(&other)), (Verdict::NotJudged, Some(reason::IN_FLIGHT_TOGETHER))),
        (Some(Arrival::Account(account)), (Verdict::NotJudged, Some(reason::COLD))),
    ] {
        let arrivals = [&first, &before[0], &before[1], &one].map(arrival).into_iter().chain(then);
        let case = Case::new(policy("moving-window", 3), BUILD.to_owned(), true);
        let verdicts = through(case, arrivals.collect());
        assert_eq!(verdicts[2], (Verdict::Match, None), "{verdicts:?}");
        assert_eq!(verdicts[3], expected, "{verdicts:?}");
    }
}

/// A mismatch that lies only where the control answers in two ways is the control's own noise; one that does not is none.
#[test]
fn noise_is_no_mismatch() {
    for (places, expected) in [(vec!["outcome"], Some(reason::NOISE)), (vec!["path"], None), (vec![], None)] {
        let mut world = World::whole("moving-window");
        let mut exchange = world.exchange(1, START, 0);
        *outcome(&mut exchange.candidate) = Outcome::Invalid { code: "x".to_owned(), field: None };
        let mut judged = world.judge(&exchange);
        let places: Vec<String> = places.into_iter().map(str::to_owned).collect();
        judged.witness(&places);
        assert_eq!((judged.reason, judged.witnessed), (expected, Some(!places.is_empty())));
    }
}

/// Another build and another policy are not judged, under their own subject.
#[test]
fn others_are_not_judged() {
    let mut world = World::whole("moving-window");
    let mut exchange = world.exchange(1, START, 0);
    exchange.build = "other".to_owned();
    let judged = world.judge(&exchange);
    assert_eq!((judged.reason, judged.stay.subject.build.as_str()), (Some(reason::OTHER_BUILD), "other"));
    let mut exchange = world.exchange(1, START, 0);
    exchange.policy = "other".to_owned();
    assert_eq!(world.judge(&exchange).reason, Some(reason::OTHER_POLICY));
}
