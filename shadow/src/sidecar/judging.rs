//! The judges' threads: each takes what its processes say in the order in which they said it, and passes it on in that order.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crossfade_core::Scratch;
use crossfade_exchange::Exchange;
use crossfade_exchange::wire::Account;

use super::arrival::{Arrival, Arrived, Onward, Passed, stay_of};
use super::capture::Taken;
use super::clock::{self, Clock, SECOND};
use super::judge::{Case, Settled};
use super::judged::{Judged, reason};
use super::metrics::Metrics;
use super::process::{Interval, Process};
use super::reverse::{Answers, Reverse};
use crate::evidence::Source;
use crate::known::Day;
use crate::verdict::{NotJudged, Verdict};

/// The most that one comparison should take. It is not cut short: bodies and differences are bounded before it.
const BUDGET: Duration = Duration::from_millis(20);

/// How long a disputed verdict waits for exchanges that were under way with it. Most decisions take less.
const DISPUTE: Duration = Duration::from_secs(1);

/// How long it waits for the next account, which says what was dropped before it.
const DISPUTE_MOST: Duration = Duration::from_secs(3);

/// Processes that are remembered by one judge. Beyond it the one that was silent longest is forgotten, and begins anew.
const PROCESSES: usize = 256;

/// One judge.
pub struct Judge {
    case: Arc<Case>,
    clock: Arc<Clock>,
    metrics: Arc<Metrics>,
    taken: Taken,
    reverse: Reverse,
    /// Number of the next question.
    ticket: u64,
    onward: Onward,
    today: (u64, Day),
    scratch: Scratch,
    processes: HashMap<Source, Lane>,
}

/// One process, and what waits of it.
#[derive(Default)]
struct Lane {
    process: Process,
    waiting: VecDeque<Waiting>,
    seen: Option<Instant>,
}

/// What waits for its turn.
struct Waiting {
    passed: Passed,
    disputed: Option<Dispute>,
    asked: Option<Asked>,
}

/// A question to the control that is not answered yet.
struct Asked {
    ticket: u64,
    exchange: Arc<Exchange>,
    since: Instant,
}

struct Dispute {
    interval: Interval,
    route: String,
    since: Instant,
    /// An account has come since.
    accounted: bool,
}

impl Judge {
    /// A judge who knows nobody yet.
    pub fn new(
        case: Arc<Case>,
        clock: Arc<Clock>,
        metrics: Arc<Metrics>,
        (taken, reverse): (Taken, Reverse),
        onward: Onward,
    ) -> Self {
        let today = (0, Day::of_micros(0));
        Self {
            case,
            clock,
            metrics,
            taken,
            reverse,
            ticket: 0,
            onward,
            today,
            scratch: Scratch::new(),
            processes: HashMap::new(),
        }
    }

    /// Judges until nobody can say anything any more, then settles what waits.
    pub fn work(mut self, arrivals: &Receiver<Arrived>) {
        loop {
            let arrived = match self.next_due() {
                None => arrivals.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => arrivals.recv_timeout(wait),
            };
            let goes_on = match arrived {
                Ok(Arrived { source, what }) => self.take(source, what),
                Err(RecvTimeoutError::Timeout) => self.settle(Instant::now()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !goes_on {
                return;
            }
        }
        for lane in self.processes.values_mut() {
            lane.waiting.drain(..).for_each(|waiting| _ = self.onward.send(waiting.passed));
        }
        // Nobody is left to be told if this fails.
        let _ = self.onward.send(Passed::Done);
    }

    /// `false`: the one who counts is gone.
    fn take(&mut self, source: Source, what: Arrival) -> bool {
        if let Arrival::Case(case) = what {
            self.change(case);
            return true;
        }
        self.make_room(source);
        let lane = self.processes.entry(source).or_default();
        lane.seen = Some(Instant::now());
        let waiting = match what {
            Arrival::Joined(heard) => {
                // The connection before it has broken, perhaps with something on its way.
                lane.give_up(reason::COLD);
                Waiting { passed: Passed::Joined(source, heard), disputed: None, asked: None }
            }
            Arrival::Account(account) => {
                lane.process.miss(&self.case.policy, &account, clock::real());
                lane.hear(&account);
                Waiting { passed: Passed::Account(source, Box::new(account)), disputed: None, asked: None }
            }
            Arrival::Answered(ticket, answers) => {
                let Self { case, today, .. } = self;
                lane.answered(ticket, *answers, case, &today.1);
                return lane.pass_on(&self.onward, Instant::now());
            }
            // Taken above.
            Arrival::Case(_) => return true,
            Arrival::Exchange(exchange, room) => {
                let mut waiting = self.judge(source, &exchange);
                waiting.asked = self.ask(source, &waiting, &exchange);
                self.taken.take(exchange);
                drop(room);
                waiting
            }
        };
        let Some(lane) = self.processes.get_mut(&source) else { return true };
        lane.waiting.push_back(waiting);
        lane.pass_on(&self.onward, Instant::now())
    }

    fn judge(&mut self, source: Source, exchange: &Exchange) -> Waiting {
        let day = self.clock.now() / (86_400 * SECOND);
        if self.today.0 != day {
            self.today = (day, Day::of_micros(day * 86_400 * SECOND));
        }
        let Self { case, today, scratch, processes, .. } = self;
        let lane = processes.entry(source).or_default();
        let interval = Interval::of(exchange);
        lane.meet(&interval);
        let started = Instant::now();
        let judged = catch_unwind(AssertUnwindSafe(|| case.judge(&mut lane.process, exchange, &today.1, scratch)));
        if started.elapsed() > BUDGET {
            self.metrics.slow.inc();
            let micros = started.elapsed().as_micros() as u64;
            tracing::warn!(event = "slow_comparison", route = exchange.route, sequence = exchange.sequence, micros);
        }
        let dispute =
            |interval| Dispute { interval, route: exchange.route.clone(), since: Instant::now(), accounted: false };
        match judged {
            Ok(Settled::Now(judged)) => Waiting { passed: Passed::Judged(judged), disputed: None, asked: None },
            Ok(Settled::Disputed(judged)) => {
                Waiting { passed: Passed::Judged(judged), disputed: Some(dispute(interval)), asked: None }
            }
            Err(_) => {
                // What a panic left behind is not to be used again: what this process was granted is unknown now.
                lane.process = Process::default();
                self.scratch = Scratch::new();
                self.metrics.trouble("judge");
                tracing::error!(event = "comparison_panicked", route = exchange.route, sequence = exchange.sequence);
                let judged = Judged::of(exchange, stay_of(exchange)).unjudged(reason::HARNESS_ERROR);
                Waiting { passed: Passed::Judged(Box::new(judged)), disputed: None, asked: None }
            }
        }
    }

    /// Asks the control about an exchange, if it is to be asked.
    fn ask(&mut self, source: Source, waiting: &Waiting, exchange: &Exchange) -> Option<Asked> {
        let Passed::Judged(judged) = &waiting.passed else { return None };
        let judgeable = judged.reason.is_none_or(|reason| reason == NotJudged::NoControl.name());
        if !judgeable || !self.reverse.wants(judged.key, exchange) {
            return None;
        }
        self.ticket += 1;
        let exchange = Arc::new(exchange.clone());
        let asked = self.reverse.ask(source, self.ticket, &exchange);
        asked.then(|| Asked { ticket: self.ticket, exchange, since: Instant::now() })
    }

    /// Goes by another case. What was granted stays known where limits are counted as before.
    fn change(&mut self, case: Arc<Case>) {
        let (one, other) = (&self.case.policy, &case.policy);
        if one.limits != other.limits || one.store != other.store {
            self.processes.values_mut().for_each(|lane| lane.process = Process::default());
        }
        self.case = case;
    }

    /// When the next dispute is over.
    fn next_due(&self) -> Option<Duration> {
        let dues = self.processes.values().filter_map(|lane| lane.waiting.front()?.due());
        dues.map(|due| due.saturating_duration_since(Instant::now())).min()
    }

    fn settle(&mut self, now: Instant) -> bool {
        let onward = &self.onward;
        self.processes.values_mut().all(|lane| lane.pass_on(onward, now))
    }

    fn make_room(&mut self, source: Source) {
        if self.processes.len() < PROCESSES || self.processes.contains_key(&source) {
            return;
        }
        let silent = self.processes.iter().filter(|(_, lane)| lane.waiting.is_empty());
        if let Some(longest) = silent.min_by_key(|(_, lane)| lane.seen).map(|(&source, _)| source) {
            self.processes.remove(&longest);
        }
    }
}

impl Lane {
    /// An exchange has come that was under way at this time.
    fn meet(&mut self, interval: &Interval) {
        for waiting in &mut self.waiting {
            if waiting.disputed.as_ref().is_some_and(|dispute| dispute.interval.is_together(interval)) {
                waiting.withdraw(reason::IN_FLIGHT_TOGETHER);
            }
        }
    }

    /// An account has come: what was missed before it may be why something differs.
    fn hear(&mut self, account: &Account) {
        for waiting in &mut self.waiting {
            let Some(dispute) = &mut waiting.disputed else { continue };
            dispute.accounted = true;
            let missed = |name: &str, missed: &[u64], more: bool| {
                dispute.interval.has_one_of(missed) || (more && dispute.route == name)
            };
            if account.routes.iter().any(|(name, account)| missed(name, &account.missed, account.missed_more)) {
                waiting.withdraw(reason::COLD);
            }
        }
    }

    /// The control has answered.
    fn answered(&mut self, ticket: u64, answers: Answers, case: &Case, today: &Day) {
        let is_it = |waiting: &&mut Waiting| waiting.asked.as_ref().is_some_and(|asked| asked.ticket == ticket);
        // One that has waited too long has been passed on.
        let Some(waiting) = self.waiting.iter_mut().find(is_it) else { return };
        let Some(asked) = waiting.asked.take() else { return };
        let Passed::Judged(judged) = &mut waiting.passed else { return };
        match answers {
            [Some(control), None] if asked.exchange.control.is_none() => {
                **judged = case.reverse(&asked.exchange, judged, control, today);
            }
            [Some(one), Some(other)] => {
                judged.witness(&case.noise(&asked.exchange, [&one, &other]));
                if judged.gating != Verdict::Mismatch {
                    waiting.disputed = None;
                }
            }
            _ => {}
        }
    }

    /// Nobody will know any more.
    fn give_up(&mut self, reason: &'static str) {
        self.waiting
            .iter_mut()
            .filter(|waiting| waiting.disputed.is_some())
            .for_each(|waiting| waiting.withdraw(reason));
    }

    /// Passes on what need not wait; `false`: nobody takes it.
    fn pass_on(&mut self, onward: &Onward, now: Instant) -> bool {
        while let Some(first) = self.waiting.front() {
            if first.due().is_some_and(|due| due > now) {
                return true;
            }
            let passed = self.waiting.pop_front().map(|waiting| waiting.passed);
            if passed.is_some_and(|passed| onward.send(passed).is_err()) {
                return false;
            }
        }
        true
    }
}

impl Waiting {
    /// Until when it waits, if it does.
    fn due(&self) -> Option<Instant> {
        let asked = self.asked.as_ref().map(|asked| asked.since + DISPUTE_MOST);
        asked.max(self.disputed.as_ref().map(Dispute::due))
    }

    /// It is no mismatch, nor anything else.
    fn withdraw(&mut self, reason: &'static str) {
        self.disputed = None;
        if let Passed::Judged(judged) = &mut self.passed
            && judged.gating == Verdict::Mismatch
        {
            judged.not_judged(reason);
        }
    }
}

impl Dispute {
    fn due(&self) -> Instant {
        self.since + if self.accounted { DISPUTE } else { DISPUTE_MOST }
    }
}
