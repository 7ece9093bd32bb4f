//! Runs both sides of a prepared capture: the candidate on one thread, the control in its workers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crossfade_core::{Limiter, Policy};
use crossfade_exchange::{Observation, frame};

use super::board::{Board, Judged};
use super::candidate::{self, Exercised};
use super::lanes::Lane;
use super::prepare::{Capture, hash};
use super::{Error, Progress, Which};
use crate::control::{Call, Fault, IN_FLIGHT, Spec, Worker};
use crate::known::Day;

/// What one run came to.
pub enum Ran {
    /// Every exchange, judged.
    Whole(Vec<Judged>, Vec<Exercised>),
    /// The exchanges were not independent after all, for this reason.
    Entangled(String),
}

/// Everything that a run needs.
pub struct Job<'a> {
    pub policy: &'a Policy,
    pub capture: &'a Capture,
    pub today: &'a Day,
    /// How to start workers; `None`: the candidate alone.
    pub control: Option<&'a Spec>,
    /// Which exchanges the control is asked about.
    pub called: &'a [bool],
    pub lanes: &'a [Lane],
    /// Workers at a time.
    pub workers: usize,
    pub progress: &'a Progress,
}

/// Runs everything once. `first` is a worker that is already there.
pub fn run<L: Limiter>(job: &Job<'_>, first: Option<Worker>, limiter: impl Fn() -> L + Send) -> Result<Ran, Error> {
    let board = Board::new(job.policy, job.capture, job.today, job.called, job.progress);
    let desk = Desk {
        job,
        board: &board,
        lanes: Mutex::new(job.lanes.iter().enumerate().rev().collect()),
        spare: Mutex::new(first),
        seen: Mutex::default(),
        watch: has_split_home(job.lanes),
        end: AtomicBool::new(false),
        outcome: Mutex::new(None),
    };
    let exercised = thread::scope(|scope| {
        for _ in 0..job.workers.min(job.lanes.len()) {
            scope.spawn(|| desk.work());
        }
        let candidate = thread::Builder::new().name(candidate::THREAD.to_owned()).spawn_scoped(scope, || {
            candidate::run(job.policy, job.capture, limiter, |index, observation| {
                board.candidate(index, observation);
                !desk.end.load(Ordering::Relaxed)
            })
        });
        candidate.map(|candidate| candidate.join())
    });
    match desk.outcome.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(Stop::Entangled(why)) => return Ok(Ran::Entangled(why)),
        Some(Stop::Error(error)) => return Err(error),
        None => {}
    }
    let exercised = match exercised {
        Ok(Ok(exercised)) => exercised,
        Ok(Err(_)) => return Err(Error::Inconsistent("the candidate's thread ended early".to_owned())),
        Err(error) => return Err(Error::Inconsistent(format!("no thread for the candidate: {error}"))),
    };
    match board.into_judged() {
        Ok(judged) => Ok(Ran::Whole(judged, exercised)),
        Err(index) => Err(Error::Inconsistent(format!("{} was not settled", Which::of(job.capture, index)))),
    }
}

fn has_split_home(lanes: &[Lane]) -> bool {
    let mut homes = std::collections::HashSet::new();
    !lanes.iter().all(|lane| homes.insert(lane.home))
}

enum Stop {
    Entangled(String),
    Error(Error),
}

/// What the control's threads share.
struct Desk<'a> {
    job: &'a Job<'a>,
    board: &'a Board<'a>,
    /// Lanes that nobody works on yet, heaviest last.
    lanes: Mutex<Vec<(usize, &'a Lane)>>,
    spare: Mutex<Option<Worker>>,
    /// Which lane a key was charged in.
    seen: Mutex<HashMap<u64, usize>>,
    /// Whether keys have to be watched: some home is split over several lanes.
    watch: bool,
    end: AtomicBool,
    outcome: Mutex<Option<Stop>>,
}

impl Desk<'_> {
    /// Works off lanes, each in a worker of its own, until there are none.
    fn work(&self) {
        while !self.end.load(Ordering::Relaxed) {
            let Some((number, lane)) = lock(&self.lanes).pop() else { return };
            let Some(spec) = self.job.control else { return };
            let spare = lock(&self.spare).take();
            let worker = match spare.map_or_else(|| Worker::start(spec), Ok) {
                Ok(worker) => worker,
                Err(fault) => return self.stop(Stop::Error(Error::Control(None, fault))),
            };
            if let Err(stop) = self.run_lane(worker, number, lane) {
                return self.stop(stop);
            }
        }
    }

    fn stop(&self, stop: Stop) {
        self.end.store(true, Ordering::Relaxed);
        lock(&self.outcome).get_or_insert(stop);
    }

    fn run_lane(&self, mut worker: Worker, number: usize, lane: &Lane) -> Result<(), Stop> {
        let (permit, answered) = sync_channel::<()>(IN_FLIGHT);
        let calls = worker.take_calls();
        thread::scope(|scope| {
            scope.spawn(move || {
                let Some(mut calls) = calls else { return };
                let mut buffer = Vec::new();
                for &index in &lane.exchanges {
                    let prepared = &self.job.capture.exchanges[index as usize];
                    let Some(route) = prepared.route else { continue };
                    let call = Call {
                        route: &self.job.policy.route(route).name,
                        received_at: prepared.exchange.received_at,
                        request: &prepared.exchange.request,
                    };
                    // Whoever reads the replies finds out why a worker takes no more calls.
                    if permit.send(()).is_err() || frame::write(&mut calls, &call, &mut buffer).is_err() {
                        return;
                    }
                }
            });
            for &index in &lane.exchanges {
                let index = index as usize;
                let settled = match worker.reply() {
                    _ if self.end.load(Ordering::Relaxed) => Err(None),
                    Ok(observation) => self.take(index, number, observation).map_err(Some),
                    Err(fault) => Err(Some(Stop::Error(self.fault(index, fault)))),
                };
                if let Err(stop) = settled {
                    // The writer may be waiting for room in a pipe that nobody reads.
                    worker.kill();
                    drop(answered);
                    return stop.map_or(Ok(()), Err);
                }
                let _ = answered.recv();
            }
            Ok(())
        })?;
        if !self.end.load(Ordering::Relaxed) {
            worker.finish();
        }
        Ok(())
    }

    fn fault(&self, index: usize, fault: Fault) -> Error {
        Error::Control(Some(Which::of(self.job.capture, index)), fault)
    }

    fn take(&self, index: usize, lane: usize, observation: Option<Observation>) -> Result<(), Stop> {
        if let Some(observation) = &observation
            && self.watch
        {
            self.watch(index, lane, observation).map_err(Stop::Entangled)?;
        }
        self.board.control(index, observation);
        Ok(())
    }

    /// Makes sure that no key that the control charged is counted in two workers.
    fn watch(&self, index: usize, lane: usize, observation: &Observation) -> Result<(), String> {
        let prepared = &self.job.capture.exchanges[index];
        let route = prepared.route.map_or("", |route| &self.job.policy.route(route).name);
        let Some(charges) = &observation.charges else {
            return Err(format!("the control of {route} does not report what it counted"));
        };
        let mut seen = lock(&self.seen);
        for charge in charges {
            let key = hash(&(prepared.home, charge.limit.as_str(), charge.key.as_slice()));
            if *seen.entry(key).or_insert(lane) != lane {
                return Err(format!(
                    "the control of {route} counts {} under a key that joins requests which the policy's keys keep apart",
                    charge.limit
                ));
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
