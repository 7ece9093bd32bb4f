//! What belongs to one process: its engine, its threads, its place in the record.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use crossfade_core::Policy;

use crate::counts::Count;
use crate::emitter::Emitter;
use crate::engine::{Engine, clock_micros};
use crate::follower::{self, Paths};
use crate::fork;
use crate::stage::Stages;

/// One process's half of a seam. A fork leaves it behind and makes a new one.
#[derive(Debug)]
pub struct Process {
    /// Fork generation that it belongs to.
    pub generation: u64,
    /// When it was made, in microseconds since the epoch.
    pub epoch: u64,
    /// Polls that found a policy file which cannot be used.
    pub policy_errors: Count,
    /// Polls that found a stage file which cannot be used.
    pub stage_errors: Count,
    /// The emitter, where a capture directory is set and usable.
    pub emitter: Option<Emitter>,
    engine: ArcSwap<Engine>,
    sequence: AtomicU64,
    followed: Mutex<Followed>,
}

/// The last good stage file, and the routes held back for another subject.
#[derive(Debug, Default)]
struct Followed {
    stages: Stages,
    held: BTreeSet<String>,
}

impl Process {
    /// A process with its stages read and its threads started.
    pub fn start(policy: Policy, paths: &Paths, emitter: Option<Emitter>) -> Arc<Self> {
        let process = Arc::new(Self::new(policy, emitter));
        follower::follow_stages(&process, &process.engine(), paths);
        if follower::start(&process, paths.clone()).is_err() {
            // No thread to be had: the stages stay as read, which the count makes visible.
            process.stage_errors.add();
        }
        process
    }

    fn new(policy: Policy, emitter: Option<Emitter>) -> Self {
        Self {
            generation: fork::generation(),
            epoch: clock_micros(),
            policy_errors: Count::default(),
            stage_errors: Count::default(),
            emitter,
            engine: ArcSwap::from_pointee(Engine::new(policy, None)),
            sequence: AtomicU64::new(0),
            followed: Mutex::default(),
        }
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
        let held = engine.follow(&stages).into_iter().map(str::to_owned).collect();
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = Followed { stages, held };
    }

    /// Gives the last good stages to an engine that has not seen them.
    pub(crate) fn reapply(&self, engine: &Engine) {
        let stages = self.followed.lock().unwrap_or_else(PoisonError::into_inner).stages.clone();
        self.follow(engine, stages);
    }
}
