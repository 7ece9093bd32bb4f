//! What a pinned control, an injected fault and a subject make of a route, in one process.

use crossfade_core::limit::KeyState;
use crossfade_core::policy::RouteId;
use crossfade_core::{Outcome, Policy, Request, Scratch, Timestamp};
use crossfade_exchange::stage::{Fault, Row, Stage, Stages, Subject};
use crossfade_seam::BUILD;
use crossfade_seam::asked::{Asked, Hits};
use crossfade_seam::engine::{Answer, Engine};
use crossfade_seam::settle::Settled;

const POLICY: &str = r#"
version = 1
[limits.clients]
key = ["client"]
rate = "5/minute"
strategy = "moving-window"
[[route]]
name = "pages"
match = "GET /{path*}"
limits = ["clients"]
[route.gate]
sample = 1.0
"#;
const BEGIN: u64 = 1_700_000_000_000_000;
const CHEAP: u64 = 1_000;

struct Worker {
    engine: Engine,
    scratch: Scratch,
    row: Row,
}

impl Worker {
    fn new(stage: Stage) -> Self {
        Self::by(POLICY, stage)
    }

    fn by(policy: &str, stage: Stage) -> Self {
        let engine = Engine::new(Policy::parse("test", policy).expect("a policy"), None);
        let policy = engine.policy.routes[0].digest.to_string();
        let subject = Subject { build: BUILD.to_owned(), policy, ..Subject::default() };
        let row = Row { stage, salt: "s".to_owned(), subject, at: 7, ..Row::default() };
        let worker = Self { engine, scratch: Scratch::new(), row };
        worker.follow("");
        worker
    }

    fn follow(&self, control: &str) -> usize {
        let routes = [("pages".to_owned(), self.row.clone())].into();
        self.engine.follow(&Stages { version: 1, generation: 1, routes, ..Stages::default() }, control).len()
    }

    fn stage(&self) -> Stage {
        self.engine.stage(RouteId(0))
    }

    /// One request that the seam decides, as the binding has it; `None`: the candidate is not asked.
    fn request(&mut self, peer: &str, at: u64, nanos: u64) -> Option<(Answer, Settled, Option<String>)> {
        let request = Request {
            method: b"GET",
            raw_path: b"/a",
            query: b"",
            headers: &[],
            peer: Some(peer),
            body: b"",
            given: &[],
        };
        let place = self.engine.place(b"GET", b"/a").expect("a route");
        if place.stage == Stage::Off {
            self.engine.missed(place.route, at);
            return None;
        }
        let (engine, scratch, now) = (&self.engine, &mut self.scratch, Timestamp::from_micros(at));
        let ran =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| engine.candidate(place, &request, now, scratch)));
        let answer = match ran {
            Ok(Asked::Answered(answer)) => answer,
            Ok(_) => panic!("a memory answers at once"),
            Err(_) => Answer::Failed,
        };
        let line = engine.watch(place, answer, nanos, 0, now);
        Some((answer, engine.settle(place, answer, Hits::Both, &request, now, scratch), line))
    }
}

/// The third failure within a minute pins the control, once and with a line for the log; the stage file alone ends it.
#[test]
fn failures_pin_until_the_stage_is_set_again() {
    let mut worker = Worker::new(Stage::Live);
    worker.row.fault = Some(Fault::Panic);
    worker.follow("");
    let lines: Vec<_> = (0..3).map(|n| worker.request("10.0.0.1", BEGIN + n, CHEAP).expect("it runs").2).collect();
    assert!(
        lines[..2] == [None, None] && lines[2].as_ref().is_some_and(|line| line.contains("route pages")),
        "{lines:?}"
    );
    assert!(worker.request("10.0.0.1", BEGIN + 3, CHEAP).is_none(), "the candidate does not run");
    worker.follow("");
    assert_eq!((worker.stage(), worker.engine.pins().len()), (Stage::Off, 1), "the same row changes nothing");
    assert!(worker.engine.sums(RouteId(0)).account().pinned.is_some());
    let after = Engine::new(worker.engine.policy.clone(), Some(&worker.engine));
    assert_eq!(after.pins().len(), 1, "and neither does a policy that is read again");
    (worker.row.at, worker.row.fault) = (8, None);
    worker.follow("");
    assert_eq!((worker.stage(), worker.engine.pins().len()), (Stage::Live, 0));
    assert_eq!(worker.engine.counts(RouteId(0)).pinned.get(), 1);
}

/// A candidate that takes too long on average is left out too.
#[test]
fn slowness_pins() {
    let mut worker = Worker::new(Stage::Shadow);
    let mut lines = (0..300).map_while(|n| worker.request("10.0.0.1", BEGIN + n, 300_000)).filter_map(|seen| seen.2);
    assert!(lines.next().is_some_and(|line| line.contains("above their budget")));
    assert_eq!(lines.next(), None);
    assert_eq!(worker.stage(), Stage::Off);
}

/// What the candidate has counted alone goes to the control with the pin: nobody has a second quota.
#[test]
fn a_pin_gives_no_second_quota() {
    let mut worker = Worker::new(Stage::Live);
    let alone = (0..).map(|n| format!("10.0.{}.{}", n / 256, n % 256));
    let peer = { alone }.find(|peer| !worker.request(peer, BEGIN, CHEAP).expect("it runs").1.control_runs);
    let peer = peer.expect("most keys are not sampled");
    for n in 1..5 {
        assert!(worker.request(&peer, BEGIN + n, CHEAP).expect("it runs").1.candidate_answers);
    }
    worker.row.fault = Some(Fault::Panic);
    worker.follow("");
    for n in 0..3 {
        worker.request("10.9.9.9", BEGIN + 10 + n, CHEAP);
    }
    assert_eq!(worker.stage(), Stage::Off);
    let now = Timestamp::from_micros(BEGIN + 20);
    assert!(worker.request(&peer, BEGIN + 20, CHEAP).is_none());
    let (tally, limit) = (worker.engine.tally(), &worker.engine.policy.limits[0]);
    assert!(tally.hands_over(now.micros()));
    match tally.owed(limit, peer.as_bytes(), now) {
        Some(KeyState::Moving(stamps)) => assert_eq!(stamps.len(), 5, "the whole quota is used up"),
        other => panic!("{other:?}"),
    }
}

/// A wrong answer for one in so many, beginning with the first, whatever was decided.
#[test]
fn one_in_so_many_is_wrong() {
    let mut worker = Worker::new(Stage::Shadow);
    worker.row.fault = Some(Fault::Wrong(3));
    worker.follow("");
    let mut wrong = Vec::new();
    for n in 0..9 {
        let answer = worker.request("10.0.0.1", BEGIN + n, CHEAP).expect("it runs").0;
        wrong.push(match answer {
            Answer::Decided(Outcome::Accepted(normalized)) => {
                !normalized.is_same() && worker.scratch.path == b"/a-wrong"
            }
            Answer::Decided(Outcome::Limited { retry_after, .. }) => retry_after != 60,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(wrong, [true, false, false, true, false, false, true, false, false]);
}

/// A stage that names a control holds for that one; another is held at shadow.
#[test]
fn a_stage_is_for_its_control() {
    let mut worker = Worker::new(Stage::Live);
    assert_eq!((worker.follow("one"), worker.stage()), (0, Stage::Live), "whichever it is");
    worker.row.subject.control = "one".to_owned();
    assert_eq!((worker.follow("two"), worker.stage()), (1, Stage::Shadow));
    assert_eq!((worker.follow(""), worker.stage()), (1, Stage::Shadow), "not known yet");
    assert_eq!((worker.follow("one"), worker.stage()), (0, Stage::Live));
}

/// With the drift watch in the sidecar no control runs for a live route, and the sampled keys are still compared.
#[test]
fn the_sidecar_watches_drift() {
    let policy = POLICY.replace("sample = 1.0", "drift = \"sidecar\"");
    let [mut here, mut there] = [POLICY, &policy].map(|policy| Worker::by(policy, Stage::Live));
    let mut compared = 0;
    for n in 0..2_000 {
        let peer = format!("10.0.{}.{}", n / 256, n % 256);
        let [here, there] =
            [&mut here, &mut there].map(|worker| worker.request(&peer, BEGIN, CHEAP).expect("it runs").1);
        assert_eq!((here.control_runs, here.compares), (there.compares, there.compares));
        assert!(there.candidate_answers && !there.control_runs);
        compared += u32::from(there.compares);
    }
    assert!((5..50).contains(&compared), "{compared}");
}

/// Only keys of the sample are compared, in any stage beyond off, and all are counted.
#[test]
fn a_sample_of_keys_is_compared() {
    let mut worker = Worker::by(&POLICY.replace("sample = 1.0", "sample = 0.25"), Stage::Shadow);
    let mut compared = 0;
    for n in 0..400 {
        let peer = format!("10.0.{}.{}", n / 256, n % 256);
        let seen: Vec<bool> =
            (0..3).map(|_| worker.request(&peer, BEGIN, CHEAP).expect("it runs").1.compares).collect();
        assert!(seen == [true; 3] || seen == [false; 3]);
        compared += u32::from(seen[0]);
    }
    assert!((60..140).contains(&compared), "{compared}");
    assert_eq!(worker.engine.counts(RouteId(0)).candidate.get(), 1_200);
}
