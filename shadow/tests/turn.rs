//! The gate's turn over real files: what is gathered, what is written, and what never is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crossfade_core::Policy;
use crossfade_exchange::stage::{Row, Stage, Subject};
use crossfade_exchange::stage_file::{self, Change};
use crossfade_exchange::wire::RouteAccount;
use crossfade_exchange::workers::{self, Worker};
use crossfade_shadow::evidence::{Account, Counts, Evidence, Kind, Seeded, Source, Stay, StayEvidence};
use crossfade_shadow::gate::{Clocks, Facts, Gate, Ruling};
use crossfade_shadow::sidecar::Turn;

const HOUR: u64 = 3_600_000_000;
const NOW: u64 = 1_700_000_000_000_000;
const POLICY: &str = "
version = 1
[[route]]
name = 'a'
match = 'GET /a'
[[route.known_difference]]
id = 'case'
field = '$.id'
rule = 'any'
reason = 'r'
owner = 'o'
expires = 2023-11-14
budget = 0.001
[[route]]
name = 'b'
match = 'GET /b'
";

/// A service's files, with one worker that is there.
struct Service {
    folder: PathBuf,
    policy: Policy,
    evidence: Evidence,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const SOURCE: Source = Source { worker: 1, epoch: 5 };

impl Service {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("crossfade-turn-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("state")).expect("a folder");
        std::fs::write(folder.join("crossfade.toml"), POLICY).expect("written");
        let policy = Policy::parse("p", POLICY).expect("a policy");
        let evidence = Evidence { now: NOW, written: NOW, ..Evidence::default() };
        let service = Self { folder, policy, evidence };
        service.worker(|_| ());
        service
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn gate(&self, auto: bool) -> Gate {
        Gate::new(self.state(), self.folder.join("crossfade.toml"), auto)
    }

    fn worker(&self, change: impl Fn(&mut Worker)) {
        let mut worker = Worker { pid: std::process::id(), build: "build".into(), ..Worker::default() };
        change(&mut worker);
        workers::announce(&self.state(), &worker).expect("announced");
    }

    fn subject(&self, route: &str) -> Subject {
        let id = self.policy.route_named(route).expect("a route");
        Subject { build: "build".into(), policy: self.policy.route(id).digest.to_string(), control: "c".into() }
    }

    fn set(&self, route: &str, stage: Stage) -> Row {
        let change = Change { route: route.into(), stage, subject: self.subject(route), ..Change::default() };
        stage_file::write(&self.state(), &[change], None, NOW - 25 * HOUR).expect("written");
        self.row(route)
    }

    fn row(&self, route: &str) -> Row {
        stage_file::read(&self.state()).expect("stages").routes[route].clone()
    }

    fn stay(&self, route: &str) -> Stay {
        let row = self.row(route);
        let subject = self.subject(route);
        Stay { route: route.into(), subject, stage: row.stage.word().into(), entered: row.at }
    }

    /// Evidence of which nothing is missing, for the stage that the route is in.
    fn prove(&mut self, route: &str) {
        let counts = Counts {
            verdicts: serde_json::from_value(serde_json::json!({ "match": 6_000 })).expect("verdicts"),
            kinds: [("accepted".to_owned(), Kind { compared: 6_000, mismatched: 0 })].into(),
            comparisons: 6_000,
            seeded: Seeded { judged: 3, found: 3, first: NOW - HOUR, last: NOW - HOUR },
            requests: 6_000,
            first: NOW - 24 * HOUR,
            last: NOW,
            ..Counts::default()
        };
        let mut shown = StayEvidence::default();
        (0..20).for_each(|key| assert!(shown.keys.bring(key, 1)));
        shown.by_source.insert(SOURCE, counts);
        self.evidence.stays.insert(self.stay(route), shown);
    }

    fn counts(&mut self, route: &str) -> &mut Counts {
        let stay = self.stay(route);
        self.evidence.stays.get_mut(&stay).expect("a stay").by_source.get_mut(&SOURCE).expect("counts")
    }

    fn facts(&self, route: &str) -> Facts {
        let row = stage_file::read(&self.state()).ok().and_then(|stages| stages.routes.get(route).cloned());
        let route = self.policy.route(self.policy.route_named(route).expect("a route"));
        let clocks = Clocks::of(&self.evidence, NOW + 5);
        Facts::gather(route, row.as_ref(), &workers::present(&self.state()), Some((&self.evidence, clocks)))
    }
}

/// Without anybody who wants that, nothing is promoted; with `auto`, one step a stay, as the stay after it starts at zero.
#[test]
fn only_auto_promotes() {
    let mut service = Service::new();
    service.set("a", Stage::Shadow);
    service.prove("a");
    let mut gate = service.gate(false);
    assert!(gate.turn(&service.evidence, NOW).is_empty());
    assert_eq!(gate.standings()[0].ruling, Ruling::Promote(Stage::Canary(100)));
    assert_eq!(service.row("a").stage, Stage::Shadow);

    let mut gate = service.gate(true);
    let lines = gate.turn(&service.evidence, NOW);
    assert_eq!(lines, ["promoted: a: shadow → canary 1 %"]);
    let row = service.row("a");
    assert_eq!((row.stage, row.at, row.subject.clone()), (Stage::Canary(100), NOW, service.subject("a")));
    assert_eq!((row.who.as_str(), row.evidence.is_some()), ("crossfade sidecar", true));
    assert!(gate.turn(&service.evidence, NOW).is_empty(), "the new stay has shown nothing");
    assert!(matches!(gate.standings()[0].ruling, Ruling::Hold(_)));
}

/// What is `off` is not set on by itself: somebody may have taken it there.
#[test]
fn auto_leaves_off_alone() {
    let service = Service::new();
    service.set("a", Stage::Off);
    let mut gate = service.gate(true);
    assert!(gate.turn(&service.evidence, NOW).is_empty());
    assert_eq!(service.row("a").stage, Stage::Off);
}

/// A cause takes a route back within the turn that sees it, says so loudly, and the route then stays: `auto` does not
/// promote it again, however good its figures are.
#[test]
fn a_cause_takes_back_at_once() {
    let mut service = Service::new();
    service.set("a", Stage::Live);
    service.prove("a");
    service.counts("a").mismatches = 12;
    let mut gate = service.gate(true);
    let lines = gate.turn(&service.evidence, NOW);
    assert!(
        lines[0].starts_with("ROLLED BACK: a: live → shadow: 12 mismatches in 6,000 judged exchanges"),
        "{lines:?}"
    );
    let row = service.row("a");
    assert_eq!(
        (row.stage, row.rolled_back.as_deref()),
        (Stage::Shadow, Some("12 mismatches in 6,000 judged exchanges"))
    );
    assert_eq!(gate.standings()[0].rollbacks["mismatches"], 1);

    service.prove("a");
    assert!(gate.turn(&service.evidence, NOW).is_empty());
    assert_eq!(service.row("a"), row);
    service.set("a", Stage::Shadow);
    service.prove("a");
    assert_eq!(gate.turn(&service.evidence, NOW), ["promoted: a: shadow → canary 1 %"], "set on again by a person");
}

/// A worker that lets the control alone judge, and failures, take a route to `off`; other routes stay.
#[test]
fn failures_take_to_off() {
    let mut service = Service::new();
    service.set("a", Stage::Canary(100));
    service.set("b", Stage::Live);
    service.prove("b");
    service.worker(|worker| worker.pinned = [("a".to_owned(), "2 panics in 10 min".to_owned())].into());
    let mut gate = service.gate(false);
    assert!(gate.turn(&service.evidence, NOW)[0].contains("a: canary 1 % → off: worker"));
    assert_eq!((service.row("a").stage, service.row("b").stage), (Stage::Off, Stage::Live));
    service.counts("b").failed = 40;
    let lines = gate.turn(&service.evidence, NOW);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("b: live → off: the candidate failed in 40 of 6,000 requests"), "{lines:?}");
}

/// Failures that were judged before any account speaks of them are failures, and no mere mismatches.
#[test]
fn judged_failures_take_to_off() {
    let mut service = Service::new();
    service.set("b", Stage::Live);
    service.prove("b");
    let gone: Counts = serde_json::from_str(r#"{"verdicts": {"failed": 3}, "mismatches": 3}"#).expect("counts");
    *service.counts("b") = gone;
    let lines = service.gate(false).turn(&service.evidence, NOW);
    assert!(lines[0].contains("b: live → off: the candidate failed in 3 of 3 requests"), "{lines:?}");
}

/// A month of good figures does not outweigh what comes now.
#[test]
fn a_good_past_is_no_excuse() {
    let mut service = Service::new();
    service.set("a", Stage::Live);
    service.prove("a");
    service.counts("a").verdicts =
        serde_json::from_value(serde_json::json!({ "match": 50_000_000 })).expect("verdicts");
    let mut gate = service.gate(false);
    assert!(gate.turn(&service.evidence, NOW).is_empty());
    service.counts("a").verdicts =
        serde_json::from_value(serde_json::json!({ "match": 50_000_100, "mismatch": 5 })).expect("verdicts");
    service.counts("a").mismatches = 5;
    assert!(gate.turn(&service.evidence, NOW)[0].contains("live → shadow: 5 mismatches in 105 judged exchanges"));
}

/// Whoever was faster keeps what he has set, and a stage file or policy that cannot be used is said once and changes nothing.
#[test]
fn nothing_is_written_blindly() {
    let mut service = Service::new();
    service.set("a", Stage::Live);
    service.prove("a");
    service.counts("a").mismatches = 12;
    let mut gate = service.gate(false);
    std::fs::write(service.folder.join("crossfade.toml"), "nonsense").expect("written");
    assert_eq!(gate.turn(&service.evidence, NOW).len(), 1);
    std::fs::write(service.folder.join("crossfade.toml"), POLICY).expect("written");
    let path = service.state().join(stage_file::FILE);
    let good = std::fs::read(&path).expect("stages");
    std::fs::write(&path, "{").expect("written");
    assert!(gate.turn(&service.evidence, NOW)[0].contains("no stage file"));
    assert!(gate.turn(&service.evidence, NOW).is_empty(), "said once");
    std::fs::write(&path, good).expect("written");
    assert!(gate.turn(&service.evidence, NOW)[0].starts_with("ROLLED BACK"));
}

/// Only what was compared of this stay, by this policy and a build that runs, is evidence; another control begins anew.
#[test]
fn evidence_is_of_the_subject() {
    let mut service = Service::new();
    service.set("a", Stage::Shadow);
    service.prove("a");
    let stay = service.stay("a");
    let shown = service.evidence.stays.remove(&stay).expect("a stay");
    type Change = fn(&mut Stay);
    let others: [Change; 5] = [
        |stay| stay.route = "b".into(),
        |stay| stay.subject.build = "older".into(),
        |stay| stay.subject.policy = "older".into(),
        |stay| stay.stage = "canary".into(),
        |stay| stay.entered -= 1,
    ];
    for change in others {
        let mut other = stay.clone();
        change(&mut other);
        service.evidence.stays = [(other, shown.clone())].into();
        let facts = service.facts("a");
        assert_eq!((facts.subject, facts.counts.comparisons), (None, 0));
    }
    let mut other = stay.clone();
    other.subject.control = "d".into();
    service.evidence.stays = [(stay.clone(), shown.clone()), (other, shown)].into();
    let facts = service.facts("a");
    assert_eq!((facts.subjects, facts.counts.comparisons), (2, 6_000));
    assert_eq!(facts.all.judged, 12_000, "clients met both");
}

/// Kinds are summed over all stays of the subject; what was accepted lasts as long as the subject.
#[test]
fn kinds_and_acceptances_are_the_subjects() {
    let mut service = Service::new();
    service.set("a", Stage::Shadow);
    service.prove("a");
    let mut before = service.stay("a");
    before.entered -= 7;
    let shown = service.evidence.stays[&service.stay("a")].clone();
    service.evidence.stays.insert(before, shown);
    assert_eq!(service.facts("a").kinds["accepted"], 12_000);

    let accept = |subject: Subject| {
        let change = Change {
            route: "a".into(),
            stage: Stage::Shadow,
            subject,
            accepted: vec!["limited:x".into()],
            ..Change::default()
        };
        stage_file::write(&service.state(), &[change], None, NOW - 25 * HOUR).expect("written");
        service.facts("a").accepted
    };
    assert_eq!(accept(service.subject("a")), ["limited:x"]);
    assert!(accept(Subject { policy: "older".into(), ..service.subject("a") }).is_empty());
}

/// Accounts of the stay's processes have to add up; known differences and edges beyond what they may are mismatches, and one
/// whose last day is over holds but takes nobody back.
#[test]
fn accounts_and_excess_are_gathered() {
    let mut service = Service::new();
    service.set("a", Stage::Live);
    service.prove("a");
    let said = RouteAccount { sent: 100, lost: 10, ..RouteAccount::default() };
    service.evidence.accounts.insert((SOURCE, "a".into()), Account { said, received: 88 });
    assert_eq!(service.facts("a").unaccounted, 2);

    let counts = service.counts("a");
    counts.verdicts = serde_json::from_value(serde_json::json!({ "match": 6_000, "edge": 23 })).expect("verdicts");
    counts.known = [("case".to_owned(), 8), ("gone".to_owned(), 1)].into();
    let facts = service.facts("a");
    let excess: Vec<_> = facts.excess.iter().map(|found| (found.known.as_deref(), found.allowed, found.over)).collect();
    assert_eq!(excess, [(Some("case"), 6, false), (Some("gone"), 0, true), (None, 20, false)]);
    assert_eq!((facts.mismatches(), facts.all.mismatches), (2 + 1 + 3, 2 + 3));
    service.evidence.now = NOW + 24 * HOUR;
    let facts = service.facts("a");
    assert!(facts.excess[0].over);
    assert_eq!((facts.mismatches(), facts.all.mismatches), (8 + 1 + 3, 2 + 3));
}
