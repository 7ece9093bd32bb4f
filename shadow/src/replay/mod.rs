//! Both sides over a capture again, at the recorded time.

mod account;
mod board;
mod candidate;
mod lanes;
mod prepare;
mod run;
#[cfg(test)]
mod tests;

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use crossfade_core::{Limiter, Policy};
use crossfade_exchange::Exchange;
use crossfade_store::Memory;

use crate::control::{Fault, Spec, Worker};
use crate::known::Day;
use crate::report::Report;
use prepare::Capture;
use run::{Job, Ran};

pub(crate) use board::Judged;
pub use candidate::THREAD as CANDIDATE_THREAD;
pub(crate) use prepare::{Lent, Prepared};

/// What a replay is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// How to start the control; `None`: the candidate alone, and nothing is judged.
    pub control: Option<Spec>,
    /// Control workers at a time.
    pub workers: usize,
    /// The route that the report is about; `None`: all.
    pub only: Option<String>,
    /// The day that known differences expire against.
    pub today: Day,
    /// Show clients' values in the report.
    pub show_values: bool,
    /// What the report names; nothing is read from there.
    pub names: Names,
}

/// What the report calls its inputs.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The capture directory.
    pub capture: String,
    /// The policy file.
    pub policy: String,
    /// Digest of this build.
    pub build: String,
    /// The command that does this replay again, without `--only`.
    pub command: String,
    /// What of the capture could not be read.
    pub losses: Vec<String>,
}

/// How far a replay is. Anybody may look at it while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Exchanges that run.
    pub total: AtomicUsize,
    /// Exchanges that both sides are done with.
    pub done: AtomicUsize,
    /// What is going on, for a person.
    pub phase: Mutex<String>,
}

impl Progress {
    fn say(&self, text: String) {
        *self.phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = text;
    }
}

/// Why a replay could not be done.
#[derive(Debug)]
pub enum Error {
    /// `--only` names no route of the policy.
    UnknownRoute(String),
    /// The control did not do its part, at this exchange if at one.
    Control(Option<Which>, Fault),
    /// The account does not add up: an error of ours.
    Inconsistent(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownRoute(name) => write!(f, "the policy has no route {name:?}"),
            Self::Control(None, fault) => fault.fmt(f),
            Self::Control(Some(which), fault) => write!(f, "{which}: {fault}"),
            Self::Inconsistent(what) => {
                write!(f, "the account does not add up, which is an error of crossfade: {what}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Which exchange is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    /// Position in the order of time, from 1.
    pub position: usize,
    /// Its worker.
    pub worker: u64,
    /// Its position in that worker's stream.
    pub sequence: u64,
    /// When it was received, in microseconds since the epoch.
    pub received_at: u64,
}

impl Which {
    fn of(capture: &Capture, index: usize) -> Self {
        let exchange = &capture.exchanges[index].exchange;
        Self {
            position: index + 1,
            worker: exchange.worker,
            sequence: exchange.sequence,
            received_at: exchange.received_at,
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { position, worker, sequence, received_at } = self;
        write!(f, "exchange {position} (worker {worker}, sequence {sequence}, received at {received_at} µs)")
    }
}

/// Replays `exchanges` and reports. The candidate counts in memory, one for each memory that the capture speaks of.
pub fn replay(
    policy: &Policy,
    exchanges: Vec<Exchange>,
    options: &Options,
    progress: &Progress,
) -> Result<Report, Error> {
    replay_with(policy, exchanges, options, || Memory::new(policy.store.max_keys()), progress)
}

/// The same with limiters of the caller's choice; each call of `limiter` makes an empty one.
pub fn replay_with<L: Limiter>(
    policy: &Policy,
    exchanges: Vec<Exchange>,
    options: &Options,
    limiter: impl Fn() -> L + Send + Copy,
    progress: &Progress,
) -> Result<Report, Error> {
    run_whole(policy, exchanges, options, limiter, progress, account::report)
}

/// Runs `exchanges` through both sides, and lets `finish` make something of all of it.
pub(crate) fn run_whole<L: Limiter, T>(
    policy: &Policy,
    exchanges: Vec<Exchange>,
    options: &Options,
    limiter: impl Fn() -> L + Send + Copy,
    progress: &Progress,
    finish: impl FnOnce(account::Run<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let only = match &options.only {
        Some(name) => Some(policy.route_named(name).ok_or_else(|| Error::UnknownRoute(name.clone()))?),
        None => None,
    };
    progress.say("sorting the capture".to_owned());
    let capture = prepare::prepare(policy, exchanges, only);
    progress.say("starting the control".to_owned());
    let mut first = match &options.control {
        Some(spec) => Some(Worker::start(spec).map_err(|fault| Error::Control(None, fault))?),
        None => None,
    };
    let hello = first.as_ref().map(|worker| worker.hello.clone());
    let has_control: Vec<bool> = policy
        .routes
        .iter()
        .map(|route| hello.as_ref().is_some_and(|hello| hello.routes.iter().any(|name| **name == *route.name)))
        .collect();
    let called: Vec<bool> = capture
        .exchanges
        .iter()
        .map(|prepared| prepared.runs && prepared.route.is_some_and(|route| has_control[usize::from(route.0)]))
        .collect();

    let mut serial = None;
    loop {
        let lanes = lanes::lanes(&capture, options.workers, serial.is_some(), |index| called[index]);
        let workers = options.workers.min(lanes.len());
        let runs = capture.exchanges.iter().filter(|prepared| prepared.runs).count();
        progress.total.store(runs, std::sync::atomic::Ordering::Relaxed);
        progress.done.store(0, std::sync::atomic::Ordering::Relaxed);
        progress.say(headline(policy, &capture, options, workers));
        let job = Job {
            policy,
            capture: &capture,
            today: &options.today,
            control: options.control.as_ref(),
            called: &called,
            lanes: &lanes,
            workers,
            progress,
        };
        match run::run(&job, first.take(), limiter)? {
            Ran::Entangled(why) => serial = Some(why),
            Ran::Whole(judged, exercised) => {
                let run = account::Run {
                    policy,
                    capture: &capture,
                    options,
                    only,
                    hello: hello.as_ref(),
                    workers,
                    serial,
                    judged,
                    exercised,
                };
                return finish(run);
            }
        }
    }
}

fn headline(policy: &Policy, capture: &Capture, options: &Options, workers: usize) -> String {
    let routes: std::collections::HashSet<_> = capture.exchanges.iter().filter_map(|prepared| prepared.route).collect();
    let exchanges = crate::report::grouped(capture.exchanges.len() as u64);
    let of = format!("{exchanges} exchanges of {} of {} routes", routes.len(), policy.routes.len());
    match (&options.control, workers) {
        (None, _) => format!("replaying {of}, without a control"),
        (Some(_), 1) => format!("replaying {of}, control in 1 worker"),
        (Some(_), workers) => format!("replaying {of}, control in {workers} workers"),
    }
}
