//! A request on its way to the server, and who waits for its answer.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crossfade_core::Timestamp;

use super::bell::Bell;
use super::charge::{Charge, Seen};

/// What is asked of the charges. The names are the script's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// One after the other, until one is refused.
    Sequential,
    /// All or none.
    Atomic,
    /// What is left.
    Look,
    /// Count, whatever is left.
    Take,
    /// The same, of what was granted here.
    Flush,
    /// Give back.
    Back,
    /// As many as are wanted and there are.
    Lease,
    /// Forget.
    Reset,
}

impl What {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Atomic => "atomic",
            Self::Look => "look",
            Self::Take | Self::Flush => "take",
            Self::Back => "back",
            Self::Lease => "lease",
            Self::Reset => "reset",
        }
    }
}

/// Why the server did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Timeout,
    Disconnected,
    Refusal,
    Breaker,
    Full,
}

pub(super) type Reply = Result<Vec<Seen>, Cause>;

/// All that is asked at once.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) what: What,
    pub(super) now: Timestamp,
    /// The time that what is counted, or given back, is stamped with.
    pub(super) at: Timestamp,
    pub(super) charges: Vec<Charge>,
    pub(super) number: u64,
    /// By when it is answered, by whomever.
    pub(super) deadline: Instant,
    /// Whether somebody waits for the reply.
    pub(super) awaited: bool,
    /// Rung when it is answered.
    pub(super) bell: Option<Arc<Bell>>,
    reply: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug)]
enum Waiting {
    Yes,
    Told(Reply),
    No,
}

impl Request {
    pub(super) fn new(
        what: What,
        (now, at): (Timestamp, Timestamp),
        charges: Vec<Charge>,
        (number, deadline): (u64, Instant),
        bell: Option<&Arc<Bell>>,
    ) -> Self {
        let (reply, changed) = (Mutex::new(Waiting::Yes), Condvar::new());
        Self { what, now, at, charges, number, deadline, awaited: true, bell: bell.cloned(), reply, changed }
    }

    /// The same, for something that nobody waits for.
    pub(super) fn unawaited(self) -> Self {
        Self { awaited: false, reply: Mutex::new(Waiting::No), ..self }
    }

    /// Tells who waits; `false`: nobody does any more.
    pub(super) fn tell(&self, reply: Reply) -> bool {
        let mut waiting = self.reply.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*waiting, Waiting::Yes) {
            return false;
        }
        *waiting = Waiting::Told(reply);
        drop(waiting);
        self.changed.notify_one();
        if let Some(bell) = &self.bell {
            bell.ring(self.number);
        }
        true
    }

    /// The reply if it is there, or if the deadline is over; it is given once. With `patience`, waits for either.
    pub(super) fn take(&self, patience: bool) -> Option<Reply> {
        let mut waiting = self.reply.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if matches!(*waiting, Waiting::Told(_)) {
                break;
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if !patience {
                return None;
            }
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        match std::mem::replace(&mut *waiting, Waiting::No) {
            Waiting::Told(reply) => Some(reply),
            Waiting::Yes => Some(Err(Cause::Timeout)),
            Waiting::No => None,
        }
    }

    /// Nobody waits any more; whether somebody did.
    pub(super) fn give_up(&self) -> bool {
        let mut waiting = self.reply.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(std::mem::replace(&mut *waiting, Waiting::No), Waiting::No)
    }
}
