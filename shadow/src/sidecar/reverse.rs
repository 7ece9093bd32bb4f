//! The control beside the sidecar: for what the service did not run it for, and as a witness of its own noise.
//!
//! It runs in processes of its own, after the answer, at the recorded time. A judge that asks it never waits for it here: its
//! answer comes back as an arrival, in its own time, or not at all.

use std::io;
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossfade_exchange::hash::{hash, part};
use crossfade_exchange::{Exchange, Observation, frame};

use super::arrival::{Arrival, Desk};
use super::metrics::Metrics;
use crate::control::{Call, Fault, Spec, Worker};
use crate::evidence::Source;

/// Questions that wait. Beyond them nobody is asked: a control slower than its sample says less, and holds nobody up.
const WAITING: usize = 256;

/// One key in so many is a witness: enough to see a noise of one in a thousand within a day of ten requests a second.
const WITNESSES: u64 = 100;

/// Keeps the witnesses apart from every other sample of keys.
const WITNESS_SEED: u64 = 0x7769_746e_6573_7365;

/// How long after its first failure a control is started again; twice as long each time, up to [`MOST_BACKOFF`].
const BACKOFF: Duration = Duration::from_secs(1);
const MOST_BACKOFF: Duration = Duration::from_secs(60);

/// What the control is asked.
pub struct Question {
    source: Source,
    ticket: u64,
    exchange: Arc<Exchange>,
    /// In two processes, to compare their answers.
    twice: bool,
}

/// What it answered: the second only where it was asked twice. `None`: it could not.
pub type Answers = [Option<Observation>; 2];

/// Asks, without waiting.
#[derive(Clone)]
pub struct Reverse {
    way: Option<SyncSender<Question>>,
    metrics: Arc<Metrics>,
}

impl Reverse {
    /// Whether the control is to be asked: the service ran none for it, or its key is a witness.
    pub fn wants(&self, key: u64, exchange: &Exchange) -> bool {
        let wanted = match exchange.control.is_some() {
            true => part(hash(WITNESS_SEED, &key.to_le_bytes()), WITNESSES) == 0,
            false => exchange.stage == "live",
        };
        // Without its body the control would be asked something else.
        let whole = exchange.request.body.is_some() || exchange.request.body_bytes == 0;
        self.way.is_some() && wanted && whole && !exchange.seeded
    }

    /// Asks about an exchange. Whether there was room for the question.
    pub fn ask(&self, source: Source, ticket: u64, exchange: &Arc<Exchange>) -> bool {
        let Some(way) = &self.way else { return false };
        let twice = exchange.control.is_some();
        let asked = way.try_send(Question { source, ticket, exchange: Arc::clone(exchange), twice }).is_ok();
        if !asked {
            self.metrics.trouble("control_behind");
        }
        asked
    }
}

/// The one who runs the control.
pub struct Controls {
    spec: Spec,
    questions: Receiver<Question>,
    /// Taken away when the judges are to end.
    desk: Arc<Mutex<Option<Desk>>>,
    metrics: Arc<Metrics>,
    running: [Running; 2],
}

/// Both ends; `None` of the second where there is no control.
pub fn open(
    spec: Option<Spec>,
    metrics: &Arc<Metrics>,
    desk: &Arc<Mutex<Option<Desk>>>,
) -> (Reverse, Option<Controls>) {
    let Some(spec) = spec else { return (Reverse { way: None, metrics: Arc::clone(metrics) }, None) };
    let (way, questions) = sync_channel(WAITING);
    let controls =
        Controls { spec, questions, desk: Arc::clone(desk), metrics: Arc::clone(metrics), running: Default::default() };
    (Reverse { way: Some(way), metrics: Arc::clone(metrics) }, Some(controls))
}

impl Controls {
    /// Answers until nobody asks any more.
    pub fn work(mut self) {
        while let Ok(question) = self.questions.recv() {
            let Question { source, ticket, exchange, twice } = question;
            let mut answers = [None, None];
            for (running, answer) in self.running.iter_mut().zip(&mut answers).take(1 + usize::from(twice)) {
                *answer = running.ask(&self.spec, &exchange, &self.metrics);
            }
            let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(desk) = &*desk else { return };
            desk.put(source, Arrival::Answered(ticket, Box::new(answers)));
        }
    }
}

/// One process of the control, or when to start the next.
#[derive(Default)]
struct Running {
    worker: Option<(Worker, ChildStdin)>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Running {
    fn ask(&mut self, spec: &Spec, exchange: &Exchange, metrics: &Metrics) -> Option<Observation> {
        let answered = self.started(spec).and_then(|running| {
            let Some((worker, calls)) = running else { return Ok(None) };
            if !worker.hello.routes.contains(&exchange.route) {
                return Ok(None);
            }
            let Exchange { route, received_at, request, .. } = exchange;
            let call = Call { route, received_at: *received_at, request };
            // Why it takes no more calls is found by reading its answer.
            let _: io::Result<()> = frame::write(calls, &call, &mut Vec::new());
            worker.reply()
        });
        match answered {
            Ok(answer) => {
                self.failures = if answer.is_some() { 0 } else { self.failures };
                answer
            }
            Err(fault) => {
                self.worker = None;
                self.failures = self.failures.saturating_add(1);
                let wait = BACKOFF.saturating_mul(1 << (self.failures - 1).min(16)).min(MOST_BACKOFF);
                self.not_before = Some(Instant::now() + wait);
                metrics.trouble("control");
                tracing::error!(event = "control_failed", %fault, seconds = wait.as_secs());
                None
            }
        }
    }

    /// The process, started if it is time to; `None`: it is not.
    fn started(&mut self, spec: &Spec) -> Result<Option<&mut (Worker, ChildStdin)>, Fault> {
        if self.worker.is_none() && self.not_before.is_none_or(|until| Instant::now() >= until) {
            let mut worker = Worker::start(spec)?;
            let calls = worker.take_calls().ok_or(Fault::Ended(None))?;
            tracing::info!(event = "control_started", digest = worker.hello.control_digest);
            self.worker = Some((worker, calls));
        }
        Ok(self.worker.as_mut())
    }
}
