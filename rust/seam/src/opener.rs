//! Opens a shared table again: one that could not be opened, and one whose file is no longer the one of its name.
//!
//! The follower asks at each of its turns, and never waits: a thread that lives for one attempt opens the file. What was
//! counted elsewhere meanwhile is missing in the table that it brings, so all limits start cold there. They are cold in the
//! table that was lost too, for all workers that still count in that, as soon as the first of them notices.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_core::policy::{self, SharedStore};

use crate::engine::{Engine, clock_micros};
use crate::follower::{Paths, follow_stages};
use crate::process::Process;
use crate::store::Store;
use crate::table::Table;

/// Between the first two attempts; each further wait is twice as long, up to [`LONGEST`]. An attempt that fails for want of
/// room takes what room there is for a moment, so it must stay rare.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// What goes on about the table of one process.
#[derive(Debug, Default)]
pub(crate) struct Opener {
    attempt: Option<Attempt>,
    last: Option<Last>,
}

/// An attempt that goes on.
#[derive(Debug)]
struct Attempt {
    store: SharedStore,
    brings: Receiver<Result<Table, String>>,
}

/// The last attempt.
#[derive(Debug)]
struct Last {
    at: Instant,
    /// How long the next one waits for.
    wait: Duration,
    /// Stage file and engine that it was made under: under others the next one does not wait.
    under: (u64, usize),
    /// Why it failed.
    why: Option<String>,
}

impl Opener {
    /// Looks after the table: a part of each turn of the follower.
    pub(crate) fn turn(&mut self, process: &Process, paths: &Paths) {
        let engine = process.engine();
        let policy::Store::Shared(wanted) = &engine.policy.store else { return *self = Self::default() };
        match engine.store() {
            Store::Unavailable(_) => {}
            Store::Shared(table) if table.is_lost() => {
                engine.tally().chill(clock_micros());
                let why = self.last.as_ref().and_then(|last| last.why.as_deref());
                engine.tally().set_loss(Some(table.loss(why)));
            }
            _ => {
                engine.tally().set_loss(None);
                return *self = Self::default();
            }
        }
        match self.attempt.take() {
            None => self.begin_if_due(process, &engine, wanted),
            Some(attempt) => match attempt.brings.try_recv() {
                Err(TryRecvError::Empty) => self.attempt = Some(attempt),
                // The policy names another one now.
                _ if attempt.store != *wanted => {}
                Ok(Ok(table)) => self.install(process, paths, &engine, table),
                Ok(Err(why)) => self.failed(process, paths, &engine, why),
                Err(TryRecvError::Disconnected) => self.failed(process, paths, &engine, "opening it panicked".into()),
            },
        }
    }

    fn begin_if_due(&mut self, process: &Process, engine: &Arc<Engine>, store: &SharedStore) {
        let under = (process.followed().0, Arc::as_ptr(engine) as usize);
        let wait = match &self.last {
            Some(last) if last.under != under => FIRST,
            Some(last) if last.at.elapsed() < last.wait => return,
            Some(last) => (last.wait * 2).min(LONGEST),
            None => FIRST,
        };
        let why = self.last.take().and_then(|last| last.why);
        self.last = Some(Last { at: Instant::now(), wait, under, why });
        let (bring, brings) = sync_channel(1);
        let wanted = store.clone();
        // Without a thread to be had there is another turn.
        let begun = thread::Builder::new().name("crossfade-open".into()).spawn(move || {
            // Nobody waits for it any more where the store was changed.
            let _ = bring.send(Table::open_again(&wanted).map_err(|error| error.to_string()));
        });
        self.attempt = begun.is_ok().then(|| Attempt { store: store.clone(), brings });
    }

    /// Counts in `table` from now on.
    fn install(&mut self, process: &Process, paths: &Paths, engine: &Arc<Engine>, table: Table) {
        match Store::within(table.into(), &engine.policy.limits, matches!(engine.store(), Store::Shared(_))) {
            (Store::Unavailable(why), _) => self.failed(process, paths, engine, why),
            opened => {
                let next = engine.counting_in(opened);
                follow_stages(process, &next, paths);
                process.replace(next);
                // What came in between was counted where the former engine does.
                process.engine().tally().chill(clock_micros());
                *self = Self::default();
            }
        }
    }

    fn failed(&mut self, process: &Process, paths: &Paths, engine: &Arc<Engine>, why: String) {
        if engine.store().error().is_some_and(|known| known != why) {
            let next = engine.counting_in((Store::Unavailable(why.clone()), None));
            follow_stages(process, &next, paths);
            process.replace(next);
            // Not under another policy: it waits all the same.
            self.last.iter_mut().for_each(|last| last.under.1 = Arc::as_ptr(&process.engine()) as usize);
        }
        self.last.iter_mut().for_each(|last| last.why = Some(why.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossfade_core::Policy;
    use crossfade_core::limit::LimitId;
    use crossfade_store::Shared;
    use crossfade_store::shared::{OnFull, Options, path_of};
    use std::fs;
    use std::path::PathBuf;

    /// A process whose follower is turned by hand.
    struct Worker {
        process: Process,
        opener: Opener,
    }

    impl Worker {
        fn new(name: &str) -> Self {
            let text = format!(
                "version = 1\n[store]\nurl = \"shm://{name}?scope=host\"\nmax_keys = 100\nring_bytes = \"4KiB\"\n\
                 [limits.one]\nkey = [\"client\"]\nrate = \"5/hour\"\nstrategy = \"fixed-window\"\n\
                 [[route]]\nname = \"r\"\nmatch = \"GET /\"\nlimits = [\"one\"]\n"
            );
            let policy = Policy::parse("test", &text).expect("a policy");
            Self { process: Process::new(policy, None, PathBuf::new()), opener: Opener::default() }
        }

        fn turn(&mut self) {
            let nowhere = PathBuf::from("/nowhere");
            let paths =
                Paths { policy: nowhere.clone(), phone_metadata: None, directory: nowhere, socket: PathBuf::new() };
            self.opener.turn(&self.process, &paths);
        }

        /// Turns until the attempt that goes on has ended.
        fn end_attempt(&mut self) {
            while self.opener.attempt.is_some() {
                thread::sleep(Duration::from_millis(1));
                self.turn();
            }
        }

        fn is_warm(&self) -> bool {
            self.process.engine().tally().is_whole(LimitId(0), clock_micros())
        }

        fn remark(&self) -> Option<String> {
            self.process.engine().tally().remark()
        }
    }

    struct Removed(PathBuf);

    impl Drop for Removed {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn table(test: &str) -> (String, Removed) {
        let name = format!("opener-{test}-{}", std::process::id());
        let path = path_of(&name).expect("a path");
        (name, Removed(path))
    }

    /// Who notices first makes the limits cold for those that still count in the former table, and for those that join the new
    /// one; what follows is one table.
    #[test]
    fn the_first_to_notice_tells_the_others() {
        let (name, path) = table("first");
        let mut workers = [Worker::new(&name), Worker::new(&name)];
        workers.iter_mut().for_each(Worker::turn);
        assert!(workers.iter().all(Worker::is_warm) && workers[0].opener.attempt.is_none());
        fs::remove_file(&path.0).expect("a file");
        workers[0].turn();
        assert!(!workers.iter().any(Worker::is_warm));
        assert!(workers[0].remark().expect("a remark").contains("removed or replaced"));
        workers[0].end_attempt();
        assert!(!Worker::new(&name).is_warm() && !workers[0].is_warm() && workers[0].remark().is_none());
        workers[1].turn();
        workers[1].end_attempt();
        for worker in &workers {
            let engine = worker.process.engine();
            let Store::Shared(table) = engine.store() else { panic!("no table") };
            assert!(!table.is_lost());
        }
    }

    /// A table of other sizes that took the name is left to those who count there, for as long as they do; here the control
    /// judges meanwhile.
    #[test]
    fn anothers_table_is_left() {
        let (name, path) = table("other");
        let mut worker = Worker::new(&name);
        let others = Options { keys: 5_000, ring_bytes: 4096, on_full: OnFull::Share };
        let theirs = Shared::open(&path.0, &others).expect("a table");
        worker.turn();
        worker.end_attempt();
        worker.turn();
        assert!(theirs.is_current(&path.0) && !worker.is_warm());
        assert!(worker.remark().expect("a remark").contains("another max_keys"));
        assert!(worker.opener.attempt.is_none(), "it waits");

        fs::remove_file(&path.0).expect("a file");
        worker.opener.last.iter_mut().for_each(|last| last.wait = Duration::ZERO);
        worker.turn();
        worker.end_attempt();
        assert!(worker.remark().is_none() && !worker.is_warm() && !theirs.is_current(&path.0));
    }

    /// Attempts become rare, but for another policy or stage, which is tried at once.
    #[test]
    fn attempts_become_rare() {
        let (name, path) = table("rare");
        fs::write(&path.0, b"not ours").expect("a file");
        let mut worker = Worker::new(&name);
        let mut waits = Vec::new();
        for _ in 0..7 {
            worker.turn();
            worker.end_attempt();
            let last = worker.opener.last.as_mut().expect("an attempt");
            waits.push(last.wait.as_secs());
            last.at -= last.wait;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        let last = worker.opener.last.as_mut().expect("an attempt");
        (last.at, last.under.0) = (Instant::now(), 7);
        worker.turn();
        assert!(worker.opener.attempt.is_some());
        worker.end_attempt();
    }
}
