//! Follows the stage file and the policy file: one thread per process, started with the first request after a fork. It
//! ends with the process's half of the seam.
//!
//! It compares contents, not times, so that a restored backup is seen too. A file that cannot be used changes nothing
//! and is counted; a stage file that is gone means `off`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_core::field::phone::METADATA;
use crossfade_core::policy::{Errors, Policy};
use crossfade_exchange::stage_file::{self, StageError};
use crossfade_exchange::workers::{self, Worker};

use crate::engine::Engine;
use crate::opener::Opener;
use crate::process::Process;

/// How often the files are looked at: a stage change reaches every worker within a second with room to spare.
const INTERVAL: Duration = Duration::from_millis(200);

/// Where the files are.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The policy file.
    pub policy: PathBuf,
    /// Version of the metadata by which the service itself reads telephone numbers, if it does.
    pub phone_metadata: Option<String>,
    /// The state directory, which holds the stage file.
    pub directory: PathBuf,
    /// The sidecar's socket.
    pub socket: PathBuf,
}

/// Starts the thread. `policy` is the text of the policy that the process began with.
pub fn start(process: &Arc<Process>, paths: Paths, mut policy: Vec<u8>) -> std::io::Result<()> {
    let process: Weak<Process> = Arc::downgrade(process);
    thread::Builder::new().name("crossfade-follow".into()).spawn(move || {
        let (mut announced, mut opener) = (None, Opener::default());
        while let Some(process) = process.upgrade() {
            // A turn that panics must not end the thread: nobody would hear that a route is off.
            let turn = catch_unwind(AssertUnwindSafe(|| {
                follow_policy(&process, &paths, &mut policy);
                follow_stages(&process, &process.engine(), &paths);
                opener.turn(&process, &paths);
                announce(&process, &paths, &mut announced);
            }));
            if turn.is_err() {
                process.policy_errors.add();
            }
            drop(process);
            thread::sleep(INTERVAL);
        }
    })?;
    Ok(())
}

/// Says what this worker follows: at once when that has changed, else from time to time.
fn announce(process: &Process, paths: &Paths, last: &mut Option<(Worker, Instant)>) {
    let (generation, held) = process.followed();
    let errors = process.stage_errors.get() + process.policy_errors.get();
    let (pid, build, store) = (std::process::id(), crate::BUILD.to_owned(), process.note_store());
    let (pinned, control) = (process.engine().pins(), process.control().to_string());
    let worker = Worker { pid, generation, build, held, errors, store, pinned, control };
    let news = last.as_ref().is_none_or(|(said, at)| *said != worker || at.elapsed() >= workers::RENEWAL);
    // What cannot be written is said again at the next turn.
    if news && workers::announce(&paths.directory, &worker).is_ok() && paths.directory.is_dir() {
        *last = Some((worker, Instant::now()));
    }
}

/// The policy in `text`. Two versions of the metadata read some telephone numbers differently: where the service's is not
/// this build's, what a region makes of a number is the control's to say.
///
/// # Errors
///
/// Every error of the policy.
pub fn read_policy(paths: &Paths, text: &str) -> Result<Policy, Errors> {
    let policy = Policy::parse(&paths.policy.display().to_string(), text)?;
    Ok(if paths.phone_metadata.as_deref() == METADATA { policy } else { policy.without_phone_regions() })
}

/// Takes over a policy file that has changed and is good. `last` is what was looked at last.
pub fn follow_policy(process: &Process, paths: &Paths, last: &mut Vec<u8>) {
    let Ok(bytes) = fs::read(&paths.policy) else { return process.policy_errors.add() };
    if bytes == *last {
        return;
    }
    *last = bytes;
    match std::str::from_utf8(last).ok().and_then(|text| read_policy(paths, text).ok()) {
        Some(policy) => {
            let engine = Engine::new(policy, Some(&process.engine()));
            // Stages first: a request never meets a new policy with every route off.
            follow_stages(process, &engine, paths);
            process.replace(engine);
        }
        None => process.policy_errors.add(),
    }
}

/// Takes over the stage file, or keeps the last good stages.
pub fn follow_stages(process: &Process, engine: &Engine, paths: &Paths) {
    let stages = match stage_file::read(&paths.directory) {
        Ok(stages) => stages,
        Err(StageError::Missing) => Default::default(),
        Err(_) => {
            process.stage_errors.add();
            // A process that has never seen a good file has every route off already.
            return process.reapply(engine);
        }
    };
    process.follow(engine, stages);
}
