//! The sidecar: what workers say comes in, verdicts are counted and written down, and only then is it acknowledged.
//!
//! | module | what it owns |
//! |---|---|
//! | `follow` | the policy file, when it changes |
//! | `door`, `receive` | the lock, the socket, frames out of bytes |
//! | `arrival` | what passes from step to step, and the one bound on it |
//! | `judging`, `judge`, `judged` | the judges' threads, one exchange at a time, what they make of it |
//! | `process`, `teach`, `whole` | what is known of a process: what its control has granted, and whether that is everything |
//! | `counting`, `tally` | the one owner of the evidence |
//! | `reverse` | the control beside the sidecar |
//! | `capture` | what is stored of exchanges |
//! | `metrics`, `http`, `voice`, `clock` | what others see of it |
//!
//! Work flows one way, through bounded ways: sockets, judges, the one who counts. Where a way is full, the step before it
//! waits; the first step then does not read its socket, and the worker's ring drops and counts. Nothing is shed here.

mod arrival;
#[cfg(test)]
mod bounds;
mod capture;
mod clock;
mod counting;
mod door;
mod edge;
mod follow;
mod http;
mod judge;
mod judged;
mod judging;
#[cfg(test)]
mod laws;
mod metrics;
mod process;
mod receive;
mod reverse;
mod tally;
mod teach;
mod voice;
mod whole;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossfade_core::Policy;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

pub use capture::{BYTES, Captures, Keep};
pub use counting::Turn;

use arrival::{Desk, JUDGED};
use clock::Clock;
use counting::Counting;
use door::Door;
use follow::Follow;
use judge::Case;
use judging::Judge;
use metrics::Metrics;
use receive::Reception;
use tally::Tally;

use crate::control::Spec;
use crate::evidence::{Book, BookError, FILE};

/// Name of the socket in the sidecar's directory.
pub const SOCKET: &str = "sidecar.sock";

/// How long what was received may take to be counted once it has to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// How often it looks whether its socket is still there.
const LOOK: Duration = Duration::from_secs(1);

/// What a sidecar is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The state directory.
    pub directory: PathBuf,
    /// Where workers find it.
    pub socket: PathBuf,
    /// The policy file, whose changes are followed.
    pub policy: PathBuf,
    /// Digest of this build.
    pub build: String,
    /// Where metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// What is stored of exchanges.
    pub captures: Captures,
    /// How to run the control here, if it is to be.
    pub control: Option<Spec>,
    /// Show clients' values in groups and logs.
    pub show_values: bool,
    /// Seconds to add to the clock are in this file.
    pub clock_offset_file: Option<PathBuf>,
}

/// Why a sidecar cannot be.
#[derive(Debug)]
pub enum Error {
    /// Another one holds this directory.
    Running(PathBuf),
    /// Somebody answers at this socket.
    Taken(PathBuf),
    /// A file cannot be made or used.
    File(PathBuf, io::Error),
    /// The evidence cannot be used.
    Evidence(BookError),
    /// Metrics cannot be served there.
    Listen(SocketAddr, io::Error),
    /// Anything else.
    Other(String),
}

impl Error {
    fn at(path: &Path, error: io::Error) -> Self {
        Self::File(path.to_owned(), error)
    }

    fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running(directory) => {
                write!(f, "a sidecar is running over {}: stop it, or use another --dir", directory.display())
            }
            Self::Taken(path) => {
                write!(f, "{}: somebody answers there: stop that sidecar, or use another --socket", path.display())
            }
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Evidence(error) => error.fmt(f),
            Self::Listen(address, error) => write!(f, "cannot serve metrics at {address}: {error}"),
            Self::Other(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for Error {}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
///
/// It could not begin. Once it has, it goes on.
pub fn run(policy: Policy, options: Options, turn: Box<dyn Turn>) -> Result<(), Error> {
    let lock = door::lock(&options.directory)?;
    let metrics = Arc::new(Metrics::new(&policy, &options.build).map_err(Error::other)?);
    let book = Book::open(&options.directory.join(FILE)).map_err(Error::Evidence)?;
    let evidence = book.load().map_err(Error::Evidence)?;
    let clock = Arc::new(Clock::new(options.clock_offset_file.clone()));
    let full = Arc::new(AtomicBool::new(false));
    let (taken, capture) = capture::open(&options.directory, &options.captures, &options.build, &metrics, &full)
        .map_err(|error| Error::at(&options.directory.join(capture::FOLDER), error))?;

    let ways_back = Arc::new(Mutex::new(None));
    let (reverse, controls) = reverse::open(options.control.clone(), &metrics, &ways_back);
    let case = Arc::new(Case::new(policy, options.build.clone(), options.show_values));
    let (onward, passed) = sync_channel(JUDGED);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let judges = cores.saturating_sub(1).max(1);
    let mut ways = Vec::new();
    for _ in 0..judges {
        let (way, arrivals) = channel();
        ways.push(way);
        let judge = Judge::new(
            Arc::clone(&case),
            Arc::clone(&clock),
            Arc::clone(&metrics),
            (taken.clone(), reverse.clone()),
            onward.clone(),
        );
        spawn("judge", move || judge.work(&arrivals))?;
    }
    drop((onward, taken, reverse));
    controls.map(|controls| spawn("control", move || controls.work())).transpose()?;
    let stored = capture.map(|capture| spawn("capture", move || capture.work())).transpose()?;
    let parts = (Tally::new(evidence, clock.now()), book);
    let counting = Counting::new(parts, options.directory.clone(), clock, Arc::clone(&metrics), turn, full);
    let (counted, done) = oneshot::channel();
    spawn("counting", move || {
        counting.work(&passed, judges);
        let _ = counted.send(());
    })?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::other)?;
    let desk = Desk::new(ways);
    *ways_back.lock().unwrap_or_else(PoisonError::into_inner) = Some(desk.clone());
    let outcome = runtime.block_on(serve(&options, desk, metrics, &ways_back, done));
    if outcome.is_ok()
        && let Some(stored) = stored
    {
        // It ends with the judges, who are done; a disk that hangs must not keep us.
        let until = std::time::Instant::now() + DRAIN;
        while !stored.is_finished() && std::time::Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
    drop(lock);
    outcome
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(Error::other)
}

async fn serve(
    options: &Options,
    desk: Desk,
    metrics: Arc<Metrics>,
    ways_back: &Mutex<Option<Desk>>,
    mut done: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let mut ends = signal(SignalKind::terminate()).map_err(Error::other)?;
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::other)?;
    let user = door::own_user().map_err(Error::other)?;
    if let Some(address) = options.metrics {
        let listener = http::listen(address).await?;
        let address = listener.local_addr().map_err(Error::other)?;
        tracing::info!(event = "metrics_served", %address);
        tokio::spawn(http::serve(listener, Arc::clone(&metrics)));
    }
    let (close, closing) = watch::channel(false);
    let (alive, mut gone) = mpsc::channel(1);
    let mut follow = Follow::new(options, desk.clone(), Arc::clone(&metrics));
    let reception = Reception::new(desk, metrics, user, closing, alive);
    let (mut door, listener) = Door::open(&options.socket)?;
    tokio::spawn(reception.clone().accept(listener));
    tracing::info!(event = "started", socket = %options.socket.display(), directory = %options.directory.display());
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = ends.recv() => break,
            _ = interrupts.recv() => break,
            // Without whoever counts nothing can be acknowledged: a panic there is a bug, and a restart goes on.
            _ = &mut done => return Err(Error::Other("the counting thread ended".to_owned())),
            _ = looks.tick() => {
                follow.look();
                if door.leads_here() {
                    continue;
                }
                match Door::open(&options.socket) {
                    Ok((again, listener)) => {
                        tracing::warn!(event = "socket_replaced", socket = %options.socket.display());
                        door = again;
                        tokio::spawn(reception.clone().accept(listener));
                    }
                    Err(error) => tracing::error!(event = "socket_lost", %error),
                }
            }
        }
    }
    tracing::info!(event = "stopping");
    door.close();
    let until = Instant::now() + DRAIN;
    drop((reception, follow));
    *ways_back.lock().unwrap_or_else(PoisonError::into_inner) = None;
    // Nobody listens any more if everybody is gone.
    let _ = close.send(true);
    let drained = timeout_at(until, done).await.is_ok() && timeout_at(until, gone.recv()).await.is_ok();
    match drained {
        true => tracing::info!(event = "stopped"),
        false => tracing::warn!(event = "stopped_early", seconds = DRAIN.as_secs()),
    }
    Ok(())
}
