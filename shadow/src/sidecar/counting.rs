//! The one who counts: owns the evidence, writes it down, and only then tells the workers.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crossfade_exchange::stage::{Stage, Stages};
use crossfade_exchange::stage_file::{self, StageError};
use tokio::sync::watch;

use super::arrival::Passed;
use super::clock::{self, Clock, SECOND};
use super::judged::Judged;
use super::metrics::Metrics;
use super::tally::Tally;
use super::voice::Voice;
use crate::evidence::{Book, Source, Stay};
use crate::gate::Standing;

/// The longest that a worker waits to hear that something is written down.
const SAVE_EVERY: Duration = Duration::from_millis(250);

/// Verdicts that are written at once.
const SAVE_AFTER: u64 = 512;

/// How long after a failed write the next is tried.
const RETRY: Duration = Duration::from_secs(1);

/// How often the clocks are written, the stage file is read and somebody may turn.
const TICK: Duration = Duration::from_secs(1);

/// A stay of which nothing was seen for so long is forgotten: 30 days, in microseconds.
const STAY_KEPT: u64 = 30 * 86_400 * SECOND;

/// How often that is looked for, in ticks.
const FORGET_EVERY: u64 = 3_600;

/// Who looks at all evidence once a second, and may move a stage by it.
pub trait Turn: Send {
    /// Looks at `evidence`, at `now` by the sidecar's clock in microseconds since the epoch. Gives lines for the log.
    fn turn(&mut self, evidence: &crate::evidence::Evidence, now: u64) -> Vec<String>;

    /// What was ruled last, route by route, for metrics.
    fn standings(&self) -> Vec<Standing> {
        Vec::new()
    }
}

/// Nobody turns anything.
impl Turn for () {
    fn turn(&mut self, _: &crate::evidence::Evidence, _: u64) -> Vec<String> {
        Vec::new()
    }
}

/// The one who counts.
pub struct Counting {
    tally: Tally,
    book: Book,
    directory: PathBuf,
    clock: Arc<Clock>,
    metrics: Arc<Metrics>,
    voice: Voice,
    turn: Box<dyn Turn>,
    /// Set while the evidence cannot be written: captures leave the disk to it.
    full: Arc<AtomicBool>,
    hears: HashMap<Source, Vec<watch::Sender<Option<u64>>>>,
    /// Processes that are to hear something after the next save.
    waiting: HashSet<Source>,
    next_save: Instant,
    next_tick: Instant,
    ticks: u64,
    stages: Option<Stages>,
}

impl Counting {
    /// Goes on with what `book` holds.
    pub fn new(
        (tally, book): (Tally, Book),
        directory: PathBuf,
        clock: Arc<Clock>,
        metrics: Arc<Metrics>,
        turn: Box<dyn Turn>,
        full: Arc<AtomicBool>,
    ) -> Self {
        let now = Instant::now();
        Self {
            tally,
            book,
            directory,
            clock,
            metrics,
            voice: Voice::default(),
            turn,
            full,
            hears: HashMap::new(),
            waiting: HashSet::new(),
            next_save: now,
            next_tick: now,
            ticks: 0,
            stages: None,
        }
    }

    /// Counts until `judges` of them are done, then writes and tells the rest.
    pub fn work(mut self, passed: &Receiver<Passed>, judges: usize) {
        let mut done = 0;
        while done < judges {
            let due = if self.is_dirty() { self.next_save.min(self.next_tick) } else { self.next_tick };
            match passed.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Passed::Done) => done += 1,
                Ok(passed) => self.take(passed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = Instant::now();
            if now >= self.next_tick {
                self.tick();
                self.next_tick = now + TICK;
            }
            if (self.is_dirty() && now >= self.next_save) || (self.tally.unsaved >= SAVE_AFTER && !self.is_full()) {
                self.save();
            }
        }
        self.clocks();
        self.save();
    }

    fn is_dirty(&self) -> bool {
        self.tally.unsaved > 0 || !self.waiting.is_empty()
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn take(&mut self, passed: Passed) {
        match passed {
            Passed::Joined(source, heard) => {
                self.hears.entry(source).or_default().push(heard);
                self.waiting.insert(source);
                // It waits for its first answer, and what came before it is written first.
                self.next_save = self.next_save.min(Instant::now());
            }
            Passed::Judged(judged) => self.judged(*judged),
            Passed::Account(source, account) => {
                self.tally.account(source, *account, &self.metrics);
                self.waiting.insert(source);
            }
            Passed::Done => {}
        }
    }

    fn judged(&mut self, judged: Judged) {
        self.waiting.insert(judged.source);
        self.voice.judged(&judged);
        self.tally.judged(judged, self.clock.now(), &self.metrics);
    }

    /// Writes what has changed, then tells those whom it concerns.
    fn save(&mut self) {
        self.next_save = Instant::now() + SAVE_EVERY;
        match self.book.save(&self.tally.changes()) {
            Ok(()) => {
                if self.full.swap(false, Ordering::Relaxed) {
                    tracing::info!(event = "evidence_written_again");
                }
                self.metrics.ready.set(1);
                self.metrics.saves.inc();
                self.tally.saved();
                self.tell();
            }
            Err(error) => {
                self.next_save = Instant::now() + RETRY;
                self.metrics.ready.set(0);
                self.metrics.trouble("save");
                if !self.full.swap(true, Ordering::Relaxed) {
                    tracing::error!(event = "evidence_not_written", %error);
                }
            }
        }
    }

    fn tell(&mut self) {
        for source in self.waiting.drain() {
            let exchanges = self.tally.received(source);
            for hears in self.hears.get(&source).into_iter().flatten() {
                // A connection that has ended hears nothing.
                let _ = hears.send(Some(exchanges));
            }
        }
    }

    fn clocks(&mut self) {
        self.clock.look();
        self.tally.clocks(self.clock.now(), clock::real());
    }

    /// What is done once a second, with traffic or without.
    fn tick(&mut self) {
        self.clocks();
        self.hears.retain(|_, hears| {
            hears.retain(|hears| !hears.is_closed());
            !hears.is_empty()
        });
        self.metrics.workers.set(i64::try_from(self.hears.len()).unwrap_or(i64::MAX));
        self.tally.fold(&self.hears.keys().copied().collect());
        for (route, count) in self.tally.unaccounted() {
            self.metrics.unaccounted(route, count);
        }
        self.look_at_stages();
        if self.ticks.is_multiple_of(FORGET_EVERY) {
            self.forget();
        }
        self.ticks += 1;
        for line in self.turn.turn(self.tally.evidence(), self.clock.now()) {
            tracing::warn!(event = "turn", line);
        }
        for standing in self.turn.standings() {
            self.metrics.standing(&standing);
        }
        self.voice.tick();
        if Instant::now() >= self.next_save {
            self.save();
        }
    }

    fn look_at_stages(&mut self) {
        match stage_file::read(&self.directory) {
            Ok(stages) => {
                self.metrics.generation.set(i64::try_from(stages.generation).unwrap_or(i64::MAX));
                for (route, row) in &stages.routes {
                    self.metrics.stage(route, row.stage.word());
                }
                self.voice.generation(stages.generation);
                self.stages = Some(stages);
            }
            Err(StageError::Missing) => self.stages = None,
            Err(error) => {
                // The last good one stays.
                self.metrics.trouble("stage_file");
                tracing::warn!(event = "stage_file_unusable", %error);
            }
        }
    }

    fn forget(&mut self) {
        let stages = self.stages.as_ref();
        let is_current = |stay: &Stay| {
            let row = stages.and_then(|stages| stages.routes.get(&stay.route));
            row.is_some_and(|row| row.stage != Stage::Off && row.at == stay.entered)
        };
        for stay in self.tally.stale(self.clock.now().saturating_sub(STAY_KEPT), is_current) {
            if let Err(error) = self.book.forget(&stay) {
                return tracing::warn!(event = "stay_not_forgotten", %error);
            }
            self.tally.forget(&stay);
        }
    }
}
