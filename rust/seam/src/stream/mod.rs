//! Exchanges leave the worker for a sidecar: through a bounded ring and one thread, over a Unix socket.
//!
//! A request never waits: while nobody listens nothing is even built, a full ring drops the newest, and each of them ends in
//! one count of [`crate::account`]. The thread starts with the first exchange, belongs to one process, and ends with it.
//!
//! | module | what it owns |
//! |---|---|
//! | `ring` | what waits |
//! | `connection` | one connection |
//! | `unheard` | what was sent and is not known to be kept |
//! | `seeds` | exchanges that are wrong on purpose |
//! | `sender` | the thread |

mod connection;
mod ring;
mod seeds;
mod sender;
mod unheard;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossfade_exchange::wire::{Dropped, Hello, VERSION};

use crate::account::{Sums, Ticket};
use crate::emitted::Emitted;
pub use ring::{BYTES, ITEMS};
use ring::{Item, Ring};

/// Values of [`Shared::listens`].
mod listens {
    /// Nobody has looked yet: what comes waits.
    pub const MAYBE: u8 = 0;
    pub const YES: u8 = 1;
    pub const NO: u8 = 2;
}

/// The worker's end.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    thread: OnceLock<Option<Thread>>,
}

/// What requests and the thread both see.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    hello: Hello,
    ring: Ring,
    listens: AtomicU8,
    /// The thread sleeps until it is woken.
    sleeps: AtomicBool,
    ends: AtomicBool,
    routes: Mutex<Vec<Arc<Sums>>>,
    /// Why nobody listens, for a person.
    why: Mutex<String>,
    /// How many flushes were asked for, and how many are done.
    asked: AtomicU64,
    flushed: Mutex<u64>,
    done: Condvar,
}

impl Stream {
    /// A stream to the socket at `path` for the process that began at `epoch`, in microseconds. Nothing runs yet.
    pub fn new(path: PathBuf, epoch: u64) -> Self {
        let worker = u64::from(std::process::id());
        let hello = Hello { version: VERSION, worker, epoch, build: crate::BUILD.to_owned() };
        let shared = Shared {
            path,
            hello,
            ring: Ring::new(),
            listens: AtomicU8::new(listens::MAYBE),
            sleeps: AtomicBool::new(false),
            ends: AtomicBool::new(false),
            routes: Mutex::default(),
            why: Mutex::new("nothing to say yet".to_owned()),
            asked: AtomicU64::new(0),
            flushed: Mutex::default(),
            done: Condvar::new(),
        };
        Self { shared: Arc::new(shared), thread: OnceLock::new() }
    }

    /// Whether an exchange of this route is wanted; if not, it is not worth building. Starts the thread.
    pub fn listens(&self, sums: &Arc<Sums>) -> bool {
        if sums.registers() {
            self.shared.routes().push(Arc::clone(sums));
            self.thread.get_or_init(|| self.start());
        }
        self.is_heard()
    }

    /// Whether a sidecar hears what is offered, or may.
    pub fn is_heard(&self) -> bool {
        self.shared.listens.load(Ordering::Relaxed) != listens::NO
    }

    #[cold]
    fn start(&self) -> Option<Thread> {
        // Mostly there is a sidecar or there is none: the first exchanges wait for no answer to that.
        if let Err(error) = self.shared.path.metadata() {
            self.shared.end(error.to_string());
        }
        sender::start(&self.shared)
    }

    /// Queues one exchange; never waits. What has no room is counted.
    pub fn offer(&self, exchange: Emitted, ticket: Ticket) {
        let bytes = exchange.weight();
        match self.shared.ring.push(Item { exchange: Box::new(exchange), ticket, bytes }) {
            Ok(()) => self.shared.wake(self.thread.get()),
            Err((ticket, why)) => ticket.drop_for(why),
        }
    }

    /// Waits until what is queued is written, with an account of it, at most `patience`; whether it is. Where nobody listens
    /// nothing waits.
    pub fn flush(&self, patience: Duration) -> bool {
        let Some(Some(thread)) = self.thread.get() else { return true };
        if self.shared.listens.load(Ordering::SeqCst) == listens::NO {
            return true;
        }
        let deadline = Instant::now() + patience;
        let number = self.shared.asked.fetch_add(1, Ordering::SeqCst) + 1;
        thread.unpark();
        let mut flushed = self.shared.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        while *flushed < number {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (flushed, _) = self.shared.done.wait_timeout(flushed, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Why nobody gets exchanges; `None`: a sidecar does.
    pub fn absence(&self) -> Option<String> {
        let is_there = self.shared.listens.load(Ordering::Relaxed) == listens::YES;
        (!is_there).then(|| self.shared.why.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Exchanges that wait in the ring.
    pub fn waiting(&self) -> usize {
        self.shared.ring.len()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        if let Some(Some(thread)) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Shared {
    fn routes(&self) -> MutexGuard<'_, Vec<Arc<Sums>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// While there is traffic the thread looks by itself: waking it for each request would cost that request a system call.
    fn wake(&self, thread: Option<&Option<Thread>>) {
        if self.sleeps.load(Ordering::SeqCst)
            && self.sleeps.swap(false, Ordering::SeqCst)
            && let Some(Some(thread)) = thread
        {
            thread.unpark();
        }
    }

    /// Sleeps until there is something to send, at most `patience`.
    fn sleep(&self, patience: Duration) {
        self.sleeps.store(true, Ordering::SeqCst);
        if self.ring.len() == 0 && !self.ends() {
            thread::park_timeout(patience);
        }
        self.sleeps.store(false, Ordering::SeqCst);
    }

    fn ends(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    /// A sidecar listens.
    fn begin(&self) {
        self.ring.open();
        self.listens.store(listens::YES, Ordering::SeqCst);
    }

    /// Nobody listens: what waits is dropped, and nothing more comes.
    fn end(&self, why: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
        self.listens.store(listens::NO, Ordering::SeqCst);
        for item in self.ring.close() {
            item.ticket.drop_for(Dropped::NoSidecar);
        }
        self.flush_done(self.asked.load(Ordering::SeqCst));
    }

    fn flush_done(&self, number: u64) {
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        *flushed = number.max(*flushed);
        self.done.notify_all();
    }

    fn flushed(&self) -> u64 {
        *self.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
