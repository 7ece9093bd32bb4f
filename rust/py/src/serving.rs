//! One process's half of a seam: made with its first request, and guarded.

use std::sync::Arc;

use crossfade_seam::emitter::Emitter;
use crossfade_seam::engine::Engine;
use crossfade_seam::fork;
use crossfade_seam::process::Process;
use pyo3::prelude::*;

use crate::guard::{self, guarded, may_panic};
use crate::native::NativeSeam;

impl NativeSeam {
    /// This process's half. Made with the first call after a fork: nothing with a thread or a file exists before.
    pub(crate) fn process(&self) -> arc_swap::Guard<Option<Arc<Process>>> {
        let current = self.process.load();
        match &*current {
            Some(process) if process.generation == fork::generation() => current,
            _ => self.start(current),
        }
    }

    #[cold]
    fn start(&self, before: arc_swap::Guard<Option<Arc<Process>>>) -> arc_swap::Guard<Option<Arc<Process>>> {
        // A forked child's copy of its parent's half: its threads are gone and its locks may be held, so it is never
        // dropped.
        std::mem::forget(before.clone());
        // A capture directory that cannot be used is counted, not raised: the service comes first.
        let emitter = self.capture.as_ref().map(|directory| Emitter::start(directory.clone()));
        let process = Process::start(self.policy.clone(), &self.text, &self.paths, emitter, before.is_some());
        process.set_control(String::clone(&self.control.load()));
        // Whoever comes second drops its own, and its threads end.
        self.process.compare_and_swap(&*before, Some(process));
        self.process.load()
    }

    /// Runs `f` with the counts of this process, if it serves already. Who only counts must not make it.
    pub(crate) fn with_counts<T>(&self, at: &str, f: impl FnOnce(&Process, &Engine) -> Option<T>) -> Option<T> {
        let serves =
            |process: &Option<Arc<Process>>| process.as_ref().is_some_and(|p| p.generation == fork::generation());
        if !serves(&self.process.load()) {
            return None;
        }
        self.with(at, None, |process, engine| f(process, engine))
    }

    /// Runs `f` with this process and its engine. A panic of ours is counted and answered by `fallback`, which leaves
    /// everything to the control.
    pub(crate) fn with<T>(&self, at: &str, fallback: T, f: impl FnOnce(&Process, &Arc<Engine>) -> T) -> T {
        let ran = guarded(|| {
            let process = self.process();
            let process = process.as_ref().expect("process() has just stored one");
            may_panic(at);
            if process.news.any() {
                tell(process);
            }
            f(process, &process.engine_guard())
        });
        ran.unwrap_or_else(|| {
            if let Some(process) = self.process.load().as_ref() {
                process.panics.add();
                process.note_failure(guard::message());
            }
            fallback
        })
    }
}

/// Logs what there is to be told.
#[cold]
fn tell(process: &Process) {
    for line in process.news.take() {
        // What logging is set up to do is the service's; it must not stop the request that came first.
        let _ = Python::attach(|py| warn(py, &line));
    }
}

/// One line in the log of `crossfade`.
fn warn(py: Python<'_>, message: &str) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("crossfade",))?;
    logger.call_method1("warning", ("%s", message)).map(drop)
}
