//! What passes from one step to the next: from the sockets to the judges, and from them to the one who counts.

use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};

use crossfade_exchange::stage::Subject;
use crossfade_exchange::wire::{Account, RouteAccount};
use crossfade_exchange::{Exchange, hash};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::judge::Case;
use super::judged::Judged;
use super::reverse::Answers;
use crate::evidence::{Source, Stay};

/// Bytes of exchanges that were read and not judged yet: the largest one, or ten thousand usual ones, which take less than the
/// second that a worker waits for its first answer. Beyond
/// it sockets are not read, and the workers' rings drop and count.
const ROOM: usize = 20 << 20;

/// What an exchange weighs apart from its frame: its parts as separate allocations.
const APART: usize = 1_024;

/// Exchanges that were judged and are not counted yet.
pub const JUDGED: usize = 4_096;

/// What arrived of one process.
pub struct Arrived {
    /// Which.
    pub source: Source,
    /// What.
    pub what: Arrival,
}

/// What can arrive.
pub enum Arrival {
    /// The first message of a connection: how it wants to hear what is written down.
    Joined(watch::Sender<Option<u64>>),
    /// An exchange, with the room that it takes.
    Exchange(Box<Exchange>, OwnedSemaphorePermit),
    /// An account.
    Account(Account),
    /// The control beside the sidecar has answered a question, told by its number.
    Answered(u64, Box<Answers>),
    /// The policy has changed. It is of no process.
    Case(Arc<Case>),
}

/// What the judges pass on.
pub enum Passed {
    /// See [`Arrival::Joined`].
    Joined(Source, watch::Sender<Option<u64>>),
    /// A verdict.
    Judged(Box<Judged>),
    /// What a process says became of its exchanges.
    Account(Source, Box<Account>),
    /// Everything that was received has been passed on.
    Done,
}

/// Where the judges pass on to.
pub type Onward = SyncSender<Passed>;

/// The way to the judges. What one process says always goes to the same one, so its order holds.
#[derive(Clone)]
pub struct Desk {
    judges: Arc<[Sender<Arrived>]>,
    room: Arc<Semaphore>,
}

impl Desk {
    /// The way to these.
    pub fn new(judges: Vec<Sender<Arrived>>) -> Self {
        Self { judges: judges.into(), room: Arc::new(Semaphore::new(ROOM)) }
    }

    /// Waits until there is room for an exchange whose frame has so many bytes.
    pub async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let weight = u32::try_from((bytes + APART).min(ROOM)).unwrap_or(u32::MAX);
        Arc::clone(&self.room).acquire_many_owned(weight).await.ok()
    }

    /// Hands it over. `false`: that judge is gone.
    pub fn put(&self, source: Source, what: Arrival) -> bool {
        let mixed = hash::hash(source.epoch, &source.worker.to_le_bytes());
        let judge = hash::part(mixed, self.judges.len() as u64) as usize;
        self.judges[judge].send(Arrived { source, what }).is_ok()
    }

    /// Tells every judge to go by another case.
    pub fn change(&self, case: &Arc<Case>) {
        let nobody = Source { worker: 0, epoch: 0 };
        for judge in self.judges.iter() {
            // One that is gone judges no more.
            let _ = judge.send(Arrived { source: nobody, what: Arrival::Case(Arc::clone(case)) });
        }
    }
}

/// The stay of an exchange.
pub fn stay_of(exchange: &Exchange) -> Stay {
    Stay {
        route: exchange.route.clone(),
        subject: Subject {
            build: exchange.build.clone(),
            policy: exchange.policy.clone(),
            control: exchange.control_digest.clone(),
        },
        stage: exchange.stage.clone(),
        entered: exchange.entered,
    }
}

/// What `now` counts beyond `before`, of one process.
pub fn beyond(now: &RouteAccount, before: &RouteAccount) -> RouteAccount {
    let dropped = now
        .dropped
        .iter()
        .map(|(&reason, &count)| (reason, count.saturating_sub(before.dropped.get(&reason).copied().unwrap_or(0))));
    RouteAccount {
        requests: now.requests.saturating_sub(before.requests),
        sampled_out: now.sampled_out.saturating_sub(before.sampled_out),
        sent: now.sent.saturating_sub(before.sent),
        lost: now.lost.saturating_sub(before.lost),
        dropped: dropped.filter(|(_, count)| *count > 0).collect(),
        failed: now.failed.saturating_sub(before.failed),
        ..RouteAccount::default()
    }
}
