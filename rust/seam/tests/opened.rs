//! The life of a shared table under a seam: what is said at the start, what a change of the policy may do to it, and how it
//! comes back when it could not be opened or its file is gone.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crossfade_core::limit::Limiter;
use crossfade_core::{Outcome, Policy, Request, Scratch, Timestamp};
use crossfade_exchange::stage::{Stage, Subject};
use crossfade_exchange::stage_file::{self, Change};
use crossfade_seam::asked::{Asked, Hits};
use crossfade_seam::engine::{Answer, clock_micros};
use crossfade_seam::follower::Paths;
use crossfade_seam::process::Process;
use crossfade_store::shared::path_of;

const A: &str = "192.0.2.1";
const B: &str = "192.0.2.2";

/// One service on a host: a policy file, a state directory and a table, removed with it.
struct Service {
    folder: PathBuf,
    table: PathBuf,
    name: String,
}

/// The limits that a policy has beside `steady`, as (name, rate of a moving window), each with a route.
type More<'a> = &'a [(&'a str, &'a str)];

impl Service {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("opened-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("crossfade-{name}"));
        fs::create_dir_all(folder.join("state")).expect("a directory");
        Self { table: path_of(&name).expect("a path"), folder, name }
    }

    /// A worker of a route that is `live`, where a file that others may read is in the table's place.
    fn worker_without_table(&self) -> Worker {
        let text = self.write("64KiB", &[]);
        self.live(&text);
        fs::write(&self.table, b"").expect("a file");
        fs::set_permissions(&self.table, PermissionsExt::from_mode(0o644)).expect("permissions");
        self.worker(&text)
    }

    /// Writes the policy file, whole at once.
    fn write(&self, ring_bytes: &str, more: More<'_>) -> String {
        let mut text = format!(
            "version = 1\n[store]\nurl = \"shm://{}?scope=host\"\nmax_keys = 1000\nring_bytes = \"{ring_bytes}\"\n",
            self.name
        );
        let steady = ("steady", "10/hour", "fixed-window");
        for (name, rate, strategy) in
            std::iter::once(steady).chain(more.iter().map(|(name, rate)| (*name, *rate, "moving-window")))
        {
            text += &format!("[limits.{name}]\nkey = [\"client\"]\nrate = \"{rate}\"\nstrategy = \"{strategy}\"\n");
            text += &format!("[[route]]\nname = \"{name}\"\nmatch = \"GET /{name}\"\nlimits = [\"{name}\"]\n");
        }
        fs::write(self.folder.join("new"), &text).expect("a file");
        fs::rename(self.folder.join("new"), self.paths().policy).expect("a file");
        text
    }

    fn paths(&self) -> Paths {
        let policy = self.folder.join("crossfade.toml");
        let directory = self.folder.join("state");
        Paths { policy, phone_metadata: None, socket: directory.join("sidecar.sock"), directory }
    }

    /// Sets every route of the policy to `live`.
    fn live(&self, text: &str) {
        let policy = Policy::parse("test", text).expect("a policy");
        let changes = policy.routes.iter().map(|route| Change {
            route: route.name.to_string(),
            stage: Stage::Live,
            subject: Subject {
                build: crossfade_seam::BUILD.into(),
                policy: route.digest.to_string(),
                ..Subject::default()
            },
            who: "law".into(),
            why: "law".into(),
            ..Change::default()
        });
        stage_file::write(&self.folder.join("state"), &changes.collect::<Vec<_>>(), None, clock_micros())
            .expect("stages");
    }

    fn worker(&self, text: &str) -> Worker {
        let policy = Policy::parse("test", text).expect("a policy");
        Worker(Process::start(policy, text, &self.paths(), None, false))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.table);
    }
}

/// A worker with a follower of its own.
struct Worker(Arc<Process>);

/// What became of a request in a live route.
#[derive(Debug, PartialEq)]
enum Said {
    Granted,
    Refused,
    /// The control answers, as the candidate is cold.
    Cold,
    /// The control answers, as the candidate cannot.
    Unsupported,
}

impl Worker {
    fn ask(&self, route: &str, client: &str) -> Said {
        let (engine, now) = (self.0.engine(), Timestamp::from_micros(clock_micros()));
        let path = format!("/{route}");
        let request = Request {
            method: b"GET",
            raw_path: path.as_bytes(),
            query: b"",
            headers: &[],
            peer: Some(client),
            body: b"",
            given: &[],
        };
        let place = engine.place(b"GET", path.as_bytes()).expect("a route");
        assert_eq!(place.stage, Stage::Live, "{route}");
        let mut scratch = Scratch::new();
        let Asked::Answered(answer) = engine.candidate(place, &request, now, &mut scratch) else { panic!("no answer") };
        let settled = engine.settle(place, answer, Hits::Both, &request, now, &scratch);
        match answer {
            Answer::Unsupported(_) => Said::Unsupported,
            _ if !settled.candidate_answers => Said::Cold,
            Answer::Decided(Outcome::Accepted(_)) => Said::Granted,
            _ => Said::Refused,
        }
    }

    /// What is left of `steady`.
    fn left(&self, client: &str) -> u64 {
        let engine = self.0.engine();
        engine
            .store()
            .peek(&engine.policy.limits[0], client.as_bytes(), Timestamp::from_micros(clock_micros()))
            .remaining
    }

    fn error(&self) -> Option<String> {
        self.0.engine().store().error().map(str::to_owned)
    }

    fn remark(&self) -> Option<String> {
        self.0.engine().tally().remark()
    }

    fn rings_full(&self) -> u64 {
        let stats = self.0.engine().store().stats();
        stats.into_iter().find(|(name, _)| *name == "rings_full").expect("a table").1
    }

    fn has(&self, limits: usize) -> bool {
        self.0.engine().policy.limits.len() == limits
    }
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Moving windows that an empty table could not hold are told at the start, and the control judges. With room for them the
/// policy counts.
#[test]
fn windows_that_can_never_fit_are_told_at_the_start() {
    let service = Service::new();
    let text = service.write("64KiB", &[("long", "4000/hour")]);
    service.live(&text);
    let worker = service.worker(&text);
    let why = worker.error().expect("an error");
    assert!(why.contains("moving windows of 4000 hits") && why.contains("raise ring_bytes"), "{why}");
    assert!(why.contains(service.table.to_str().expect("text")), "{why}");
    assert_eq!((worker.ask("steady", A), worker.ask("long", A)), (Said::Unsupported, Said::Unsupported));

    let text = service.write("2MiB", &[("long", "4000/hour")]);
    until("another policy", || worker.error().is_none());
    service.live(&text);
    let fresh = service.worker(&text);
    assert_eq!((fresh.error(), fresh.remark()), (None, None));
}

/// A length that comes while a table is in use and finds no room there is remarked, and its hits are counted as `rings_full`;
/// limits that are counted already go on as they were, in workers that start later too.
#[test]
fn a_length_that_comes_later_only_remarks() {
    let service = Service::new();
    let text = service.write("64KiB", &[("short", "5/hour")]);
    service.live(&text);
    let worker = service.worker(&text);
    assert_eq!((worker.ask("steady", A), worker.ask("short", A)), (Said::Granted, Said::Granted));
    assert_eq!((worker.error(), worker.remark()), (None, None));

    // An empty table would just hold it.
    let text = service.write("64KiB", &[("short", "5/hour"), ("long", "240/hour")]);
    service.live(&text);
    until("the policy", || worker.has(3));
    let remark = worker.remark().expect("a remark");
    assert!(worker.error().is_none() && remark.contains("windows of other lengths have it"), "{remark}");
    let later = service.worker(&text);
    assert_eq!((later.error(), later.remark()), (None, Some(remark)));
    for worker in [&worker, &later] {
        until("the stages", || worker.0.followed().0 == 2);
        assert_eq!(worker.ask("long", A), Said::Cold, "not counted until now");
        assert_eq!(worker.ask("steady", A), Said::Granted);
    }
    assert_eq!((worker.rings_full(), later.left(A)), (2, 7));

    // No table of that size would hold it: whoever counts goes on, and who comes is told.
    let text = service.write("64KiB", &[("short", "5/hour"), ("long", "4000/hour")]);
    until("the policy", || worker.remark().is_some_and(|remark| remark.contains("4000 hits")));
    assert!(worker.error().is_none() && service.worker(&text).error().is_some());
    assert_eq!(worker.ask("steady", A), Said::Granted);
}

/// A table that could not be opened is tried again. Then the candidate counts, and answers nobody for a longest window: what
/// only the control has counted is missing.
#[test]
fn a_table_that_could_not_be_opened_is_tried_again() {
    let service = Service::new();
    let worker = service.worker_without_table();
    assert!(worker.error().is_some_and(|why| why.contains("others than its owner")));
    assert_eq!(worker.ask("steady", A), Said::Unsupported);

    fs::set_permissions(&service.table, PermissionsExt::from_mode(0o600)).expect("permissions");
    until("another reason", || worker.error().is_some_and(|why| why.contains("no table of crossfade")));
    fs::remove_file(&service.table).expect("a file");
    until("a table", || worker.error().is_none());
    assert_eq!((worker.ask("steady", A), worker.left(A)), (Said::Cold, 9));
}

/// The same where the policy changes in between: limits that it keeps were not counted either.
#[test]
fn a_new_policy_does_not_warm_what_was_not_counted() {
    let service = Service::new();
    let worker = service.worker_without_table();
    assert_eq!(worker.ask("steady", A), Said::Unsupported);
    fs::remove_file(&service.table).expect("a file");
    service.write("64KiB", &[("short", "5/hour")]);
    until("a table", || worker.has(2) && worker.error().is_none());
    assert_eq!(worker.ask("steady", A), Said::Cold);
}

/// A file that somebody removes is one for both workers again: nobody is granted more than the limit by the candidate, before,
/// meanwhile or after.
#[test]
fn a_removed_table_becomes_one_again() {
    let service = Service::new();
    let text = service.write("64KiB", &[]);
    service.live(&text);
    let workers = [service.worker(&text), service.worker(&text)];
    for worker in &workers {
        (0..3).for_each(|_| assert_eq!(worker.ask("steady", A), Said::Granted));
    }
    fs::remove_file(&service.table).expect("a file");
    let begun = Instant::now();
    let mut granted = 6;
    while begun.elapsed() < Duration::from_secs(2) {
        let said = workers.iter().map(|worker| worker.ask("steady", A));
        granted += said.filter(|said| *said == Said::Granted).count();
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(granted <= 10, "{granted}");
    assert_eq!(workers[0].ask("steady", B), Said::Cold);
    assert_eq!((workers[0].left(B), workers[1].left(B)), (9, 9));
    assert_eq!((workers[0].remark(), workers[1].remark()), (None, None));
}
