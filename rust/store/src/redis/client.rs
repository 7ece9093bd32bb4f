//! What one process keeps of a server: the queue to its thread, and what is known without asking.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crossfade_core::Timestamp;
use crossfade_core::policy::{Counting, RedisStore};

use super::behind::Behind;
use super::bell::Bell;
use super::blocked::Blocked;
use super::breaker::Breaker;
use super::charge::Charge;
use super::lease::Leases;
use super::request::{Cause, Reply, Request, What};
use super::stats::{Counts, one};
use super::wire;
use crate::Memory;

/// Requests that may wait for the thread: more than any server answers within a timeout.
const QUEUE: usize = 10_000;

/// Requests that are written at once.
const BATCH: usize = 512;

/// All state of a store that belongs to one process. A forked child makes its own.
pub(super) struct Client {
    pub(super) process: u32,
    pub(super) store: RedisStore,
    pub(super) password: Option<Box<str>>,
    pub(super) counts: Counts,
    pub(super) breaker: Breaker,
    pub(super) blocked: Blocked,
    pub(super) leases: Leases,
    pub(super) behind: Behind,
    /// The latest time that was submitted: what is told later is told as of then.
    pub(super) latest: AtomicU64,
    /// Stores that were heard of lately; at least this one.
    pub(super) hosts: AtomicU64,
    /// What this one is called among them.
    pub(super) name: String,
    fallback: OnceLock<Memory>,
    numbers: AtomicU64,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    requests: VecDeque<Arc<Request>>,
    runs: bool,
    /// What the thread waits for is to be thought over.
    nudged: bool,
    closed: bool,
}

/// What the thread does next.
pub(super) enum Next {
    Batch(Vec<Arc<Request>>),
    /// Nothing was asked for that long, or there is something else to do.
    Idle,
    Closed,
}

impl Client {
    pub(super) fn new(store: RedisStore, password: Option<Box<str>>) -> Self {
        let process = std::process::id();
        Self {
            process,
            password,
            counts: Counts::default(),
            breaker: Breaker::default(),
            blocked: Blocked::new(store.max_keys),
            leases: Leases::new(store.max_keys),
            behind: Behind::new(store.max_keys),
            latest: AtomicU64::new(0),
            hosts: AtomicU64::new(1),
            // Seeded by chance, so that the processes of many hosts do not meet in one name.
            name: format!("{:016x}", RandomState::new().hash_one(process)),
            fallback: OnceLock::new(),
            numbers: AtomicU64::new(0),
            queue: Mutex::default(),
            wake: Condvar::new(),
            store,
        }
    }

    /// The counts of this process alone, for when the server does not answer.
    pub(super) fn fallback(&self) -> &Memory {
        self.fallback.get_or_init(|| Memory::new(self.store.max_keys))
    }

    pub(super) fn hosts(&self) -> u64 {
        self.hosts.load(Ordering::Relaxed).max(1)
    }

    /// A request for the server. Nobody has to wait for it.
    pub(super) fn request(
        &self,
        what: What,
        (now, at): (Timestamp, Timestamp),
        charges: Vec<Charge>,
        bell: Option<&Arc<Bell>>,
    ) -> Request {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + self.store.timeout;
        Request::new(what, (now, at), charges, (number, deadline), bell)
    }

    /// Queues a request, and starts the thread if there is none.
    ///
    /// # Errors
    ///
    /// Why the server is not asked.
    pub(super) fn ask(self: &Arc<Self>, request: &Arc<Request>) -> Result<(), Cause> {
        if self.breaker.is_open() {
            // Only the thread closes it again, so there must be one; it was started by the requests that opened it.
            return Err(Cause::Breaker);
        }
        let mut queue = self.queue();
        if queue.requests.len() >= QUEUE {
            return Err(Cause::Full);
        }
        if !queue.runs {
            wire::start(self).map_err(|_| Cause::Disconnected)?;
            queue.runs = true;
        }
        queue.requests.push_back(Arc::clone(request));
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// For something that nobody waits for.
    pub(super) fn tell(self: &Arc<Self>, what: What, times: (Timestamp, Timestamp), charges: Vec<Charge>) {
        let request = Arc::new(self.request(what, times, charges, None).unawaited());
        if let Err(cause) = self.ask(&request) {
            self.learn(&request, &Err(cause));
            one(&self.counts.lost);
        }
    }

    /// Keeps what an answer says to requests that come later.
    pub(super) fn learn(&self, request: &Request, reply: &Reply) {
        let seen = |index: usize| reply.as_ref().ok().and_then(|seen| seen.get(index));
        for (index, charge) in request.charges.iter().enumerate() {
            match request.what {
                What::Lease => {
                    let spent = if request.awaited { charge.cost } else { 0 };
                    self.leases.put(charge, seen(index), spent, request.now);
                }
                What::Flush => self.behind.learn(charge, seen(index), charge.cost),
                What::Sequential | What::Atomic if self.store.counting == Counting::WriteBehind => {
                    self.behind.learn(charge, seen(index), 0);
                }
                _ => {}
            }
        }
    }

    /// Something was given back, or reset: what is remembered of the key holds no more.
    pub(super) fn forget(&self, name: &[u8]) {
        self.blocked.forget(name);
        self.leases.forget(name);
        self.behind.forget(name);
    }

    /// What the thread does next: as soon as something is asked, or after `patience`.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let mut queue = self.queue();
        let until = patience.map(|patience| Instant::now() + patience);
        loop {
            if queue.closed {
                return Next::Closed;
            }
            if !queue.requests.is_empty() {
                let some = queue.requests.len().min(BATCH);
                return Next::Batch(queue.requests.drain(..some).collect());
            }
            if std::mem::take(&mut queue.nudged) {
                return Next::Idle;
            }
            queue = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Next::Idle,
                Some(left) => self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Wakes the thread although nothing was asked.
    pub(super) fn nudge(&self) {
        self.queue().nudged = true;
        self.wake.notify_one();
    }

    /// The thread ends, when it has done what it is at.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.wake.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
