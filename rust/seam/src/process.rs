//! What belongs to one process: its engine, its threads, its place in the record.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossfade_core::Policy;
use crossfade_core::limit::LimitId;
use crossfade_exchange::stage::Stages;
use crossfade_exchange::wire::Dropped;

use crate::account::{Keys, Ticket};
use crate::counts::Count;
use crate::emitter::Emitter;
use crate::engine::{Engine, Place, clock_micros};
use crate::follower::{self, Paths};
use crate::fork;
use crate::news::News;
use crate::settle::Settled;
use crate::stream::Stream;

/// One process's half of a seam. A fork leaves it behind and makes a new one.
#[derive(Debug)]
pub struct Process {
    /// Fork generation that it belongs to.
    pub generation: u64,
    /// Its id: asked for once, as that is a system call.
    pub worker: u64,
    /// When it was made, in microseconds since the epoch.
    pub epoch: u64,
    /// Polls that found a policy file which cannot be used.
    pub policy_errors: Count,
    /// Polls that found a stage file which cannot be used.
    pub stage_errors: Count,
    /// Requests of no route that went to the emitter.
    pub passed_emitted: Count,
    /// Requests of no route that could not be recorded.
    pub passed_dropped: Count,
    /// Panics of ours outside the candidate.
    pub panics: Count,
    /// What the log is to be told.
    pub news: News,
    /// The emitter, where a capture directory is set.
    pub emitter: Option<Emitter>,
    /// The way to the sidecar.
    pub stream: Stream,
    engine: ArcSwap<Engine>,
    control: ArcSwap<String>,
    sequence: AtomicU64,
    followed: Mutex<Followed>,
    last_failure: Mutex<Option<String>>,
}

/// The last good stage file, and the routes held back for another subject.
#[derive(Debug, Default)]
struct Followed {
    stages: Stages,
    held: BTreeSet<String>,
}

impl Process {
    /// A process with its files read and its threads started. `text` is the policy's as it was parsed.
    ///
    /// `inherits`: it is a fork of one that has served already, so the control has counts that the candidate has not.
    pub fn start(policy: Policy, text: &str, paths: &Paths, emitter: Option<Emitter>, inherits: bool) -> Arc<Self> {
        let process = Arc::new(Self::new(policy, emitter, paths.socket.clone()));
        if inherits {
            process.engine().chill();
        }
        let mut text = text.as_bytes().to_vec();
        follower::follow_policy(&process, paths, &mut text);
        follower::follow_stages(&process, &process.engine(), paths);
        process.note_store();
        if follower::start(&process, paths.clone(), text).is_err() {
            // No thread to be had: the stages stay as read, which the count makes visible.
            process.stage_errors.add();
        }
        process
    }

    pub(crate) fn new(policy: Policy, emitter: Option<Emitter>, socket: PathBuf) -> Self {
        let epoch = clock_micros();
        Self {
            generation: fork::generation(),
            worker: u64::from(std::process::id()),
            epoch,
            policy_errors: Count::default(),
            stage_errors: Count::default(),
            passed_emitted: Count::default(),
            passed_dropped: Count::default(),
            panics: Count::default(),
            news: News::default(),
            emitter,
            stream: Stream::new(socket, epoch),
            engine: ArcSwap::from_pointee(Engine::new(policy, None)),
            control: ArcSwap::default(),
            sequence: AtomicU64::new(0),
            followed: Mutex::default(),
            last_failure: Mutex::default(),
        }
    }

    /// Notes how the store is, and says it.
    pub(crate) fn note_store(&self) -> Option<String> {
        let engine = self.engine();
        let trouble = engine.tally().trouble();
        self.news.note(trouble.clone(), &engine.policy.store);
        trouble
    }

    /// Counts a decided request, and gives a ticket for its exchange if somebody is to get that. `keys`: who was counted, of
    /// the limits that it is told.
    pub fn ticket(
        &self,
        engine: &Engine,
        place: Place,
        settled: Settled,
        keys: impl FnOnce(&dyn Fn(LimitId) -> bool) -> Keys,
    ) -> Option<Ticket> {
        let sums = engine.sums(place.route);
        sums.requests.add();
        let listens = self.stream.listens(sums);
        if !settled.compares {
            sums.sampled_out.add();
            let is_split = |id| engine.is_split(place.route, id);
            if settled.control_runs && engine.policy.route(place.route).limits.iter().any(|&id| is_split(id)) {
                sums.miss(&keys(&is_split));
            }
            return None;
        }
        let keys = keys(&|_| true);
        if !listens {
            sums.drop_for(Dropped::NoSidecar, &keys);
            return None;
        }
        Some(Ticket::new(sums, keys))
    }

    /// Writes out what waits, at most for `patience`; whether all is written.
    pub fn flush(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let captured = self.emitter.as_ref().is_none_or(|emitter| emitter.flush(patience));
        self.stream.flush(deadline.saturating_duration_since(Instant::now())) && captured
    }

    /// What identifies the control; empty: not known yet.
    pub fn control(&self) -> Arc<String> {
        self.control.load_full()
    }

    /// Takes what identifies the control, and with it the stages that were set for it.
    pub fn set_control(&self, digest: String) {
        if *self.control.load().as_str() != digest {
            self.control.store(Arc::new(digest));
            self.reapply(&self.engine());
        }
    }

    /// Keeps the message of a failure for `status`: nothing else says it where nothing is recorded.
    pub fn note_failure(&self, message: String) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    /// Message of the last failure, the candidate's or ours.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The engine now.
    pub fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    /// The engine now, without touching its reference count: for the request path.
    pub fn engine_guard(&self) -> arc_swap::Guard<Arc<Engine>> {
        self.engine.load()
    }

    /// The next position in this process's stream of exchanges.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// Generation of the stage file that is followed, and the routes held at `shadow` because they were proven for
    /// another build or policy.
    pub fn followed(&self) -> (u64, Vec<String>) {
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        (followed.stages.generation, followed.held.iter().cloned().collect())
    }

    pub(crate) fn replace(&self, engine: Engine) {
        self.engine.store(Arc::new(engine));
    }

    pub(crate) fn follow(&self, engine: &Engine, stages: Stages) {
        let held = engine.follow(&stages, &self.control.load()).into_iter().map(str::to_owned).collect();
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = Followed { stages, held };
    }

    /// Gives the last good stages to an engine that has not seen them.
    pub(crate) fn reapply(&self, engine: &Engine) {
        let stages = self.followed.lock().unwrap_or_else(PoisonError::into_inner).stages.clone();
        self.follow(engine, stages);
    }
}
