//! How far a long command is: a bar at a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_shadow::replay::{CANDIDATE_THREAD, Progress};
use crossfade_shadow::report::grouped;

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How often a line is written where nobody watches.
const LINE: Duration = Duration::from_secs(5);

/// Characters of the bar.
const WIDTH: usize = 20;

/// Does something long, and shows on stderr how far it is.
pub fn shown<T>(work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::default();
    thread::scope(|scope| {
        let (end, ended) = mpsc::channel();
        let watched = &progress;
        scope.spawn(move || show(watched, &ended));
        let done = work(watched);
        drop(end);
        done
    })
}

/// A panic of the candidate is a verdict with an example; what the runtime prints of it could be a client's value, once
/// for each exchange.
pub fn quieten() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some(CANDIDATE_THREAD) {
            loud(panic);
        }
    }));
}

/// Shows `progress` on stderr until the other end of `ended` is dropped.
fn show(progress: &Progress, ended: &Receiver<()>) {
    let started = Instant::now();
    let watched = io::stderr().is_terminal();
    let mut said = String::new();
    loop {
        let over = ended.recv_timeout(if watched { FRAME } else { LINE }) == Err(RecvTimeoutError::Disconnected);
        let phase = progress.phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, total) = (progress.done.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed));
        let seconds = started.elapsed().as_secs();
        let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let share = (done * 100).checked_div(total).unwrap_or(0);
        let mut err = io::stderr().lock();
        // A closed stderr is no reason to stop.
        let _ = match (watched, over) {
            (true, _) => {
                let filled = share * WIDTH / 100;
                let bar = "━".repeat(filled) + &"╌".repeat(WIDTH - filled);
                write!(err, "\r\x1b[2K{phase} {bar} {share} %  {clock}{}", if over { "\n" } else { "" })
            }
            (false, true) => writeln!(err, "{phase}: {} in {clock}", grouped(done as u64)),
            (false, false) if said != phase => {
                said.clone_from(&phase);
                writeln!(err, "{phase}")
            }
            (false, false) => {
                writeln!(err, "{} of {} ({share} %)  {clock}", grouped(done as u64), grouped(total as u64))
            }
        }
        .and_then(|()| err.flush());
        if over {
            return;
        }
    }
}
