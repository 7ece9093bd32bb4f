//! The bounded queue between requests and the thread that sends.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossfade_exchange::wire::Dropped;

use crate::account::Ticket;
use crate::emitted::Emitted;

/// Exchanges that may wait: at 10,000 a second 0.4 s of a sidecar that stands still.
pub const ITEMS: usize = 4_096;

/// Bytes that may wait, so that a few large bodies cannot hold a worker's memory.
pub const BYTES: usize = 8 << 20;

/// One exchange that waits.
#[derive(Debug)]
pub(super) struct Item {
    pub exchange: Box<Emitted>,
    pub ticket: Ticket,
    pub bytes: usize,
}

/// The queue. Held for a push or a move of pointers, never while anything is written.
#[derive(Debug)]
pub(super) struct Ring {
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    /// Somebody listens, or may.
    is_open: bool,
}

impl Ring {
    /// An empty queue that is open.
    pub fn new() -> Self {
        Self { waiting: Mutex::new(Waiting { items: VecDeque::new(), bytes: 0, is_open: true }) }
    }

    /// Queues an exchange, or gives its ticket back with why there is no room.
    pub fn push(&self, item: Item) -> Result<(), (Ticket, Dropped)> {
        if item.bytes > BYTES {
            return Err((item.ticket, Dropped::TooLarge));
        }
        let mut waiting = self.lock();
        if !waiting.is_open {
            return Err((item.ticket, Dropped::NoSidecar));
        }
        if waiting.items.len() >= ITEMS || waiting.bytes + item.bytes > BYTES {
            return Err((item.ticket, Dropped::QueueFull));
        }
        waiting.bytes += item.bytes;
        waiting.items.push_back(item);
        Ok(())
    }

    /// Takes the oldest into `batch`: at most `most`, and none more when `bytes` are reached.
    pub fn take(&self, most: usize, bytes: usize, batch: &mut Vec<Item>) {
        let mut waiting = self.lock();
        let mut taken = 0;
        while batch.len() < most && taken < bytes {
            let Some(item) = waiting.items.pop_front() else { break };
            taken += item.bytes;
            batch.push(item);
        }
        waiting.bytes -= taken;
    }

    /// Nobody listens: takes all, and nothing more comes until it is opened.
    pub fn close(&self) -> VecDeque<Item> {
        let mut waiting = self.lock();
        waiting.is_open = false;
        waiting.bytes = 0;
        std::mem::take(&mut waiting.items)
    }

    /// Somebody listens.
    pub fn open(&self) {
        self.lock().is_open = true;
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
