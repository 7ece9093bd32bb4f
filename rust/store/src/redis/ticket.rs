//! An answer that is on its way.

use std::sync::Arc;
use std::time::Instant;

use super::answers::Answers;
use super::client::Client;
use super::request::Request;
use super::stats::one;

/// Stands for answers that are there by its deadline, at the latest; dropping it gives them up. What the server counts
/// for a ticket that was given up, or timed out, stays counted.
pub struct Ticket {
    client: Arc<Client>,
    request: Arc<Request>,
}

impl Ticket {
    pub(super) fn new(client: Arc<Client>, request: Arc<Request>) -> Self {
        Self { client, request }
    }

    /// Its number, by which a [`Bell`](super::Bell) names it. Unique within one store and process.
    pub fn number(&self) -> u64 {
        self.request.number
    }

    /// From then on [`poll`](Self::poll) has answers, whatever the server does. An event loop sets a timer for it: the
    /// thread of the connection may itself be waiting.
    pub fn deadline(&self) -> Instant {
        self.request.deadline
    }

    /// The answers, if they are there or the deadline is over. It gives them once.
    pub fn poll(&mut self) -> Option<Answers> {
        let reply = self.request.take(false)?;
        Some(self.client.answers(&self.request, reply))
    }

    /// Waits for the answers, until the deadline at most.
    pub fn wait(self) -> Answers {
        // Only one who polled before finds none.
        let reply = self.request.take(true).unwrap_or(Err(super::request::Cause::Timeout));
        self.client.answers(&self.request, reply)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.request.give_up() {
            one(&self.client.counts.abandoned);
        }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("number", &self.number()).finish_non_exhaustive()
    }
}
