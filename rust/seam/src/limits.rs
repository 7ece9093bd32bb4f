//! Limits by hand: what a service settles, looks at and forgets outside of a decision.
//!
//! It is the candidate's own counts that are meant. The control's are the service's.

use crossfade_core::Timestamp;
use crossfade_core::limit::{Charged, Limit, Limiter, Window};

use crate::engine::Engine;

impl Engine {
    /// Corrects what was charged at a decision to what the request has cost in truth; `false`: there is no such limit.
    pub fn settle_charge(&self, limit: &str, key: &[u8], charged: Charged, cost: u64, now: Timestamp) -> bool {
        let found = self.limit(limit);
        found.inspect(|limit| self.store().settle(limit, key, charged, cost, now)).is_some()
    }

    /// What is left of a limit for a key; `None`: there is no such limit.
    pub fn peek(&self, limit: &str, key: &[u8], now: Timestamp) -> Option<Window> {
        Some(self.store().peek(self.limit(limit)?, key, now))
    }

    /// Forgets what a key has used of a limit; `false`: there is no such limit.
    pub fn reset(&self, limit: &str, key: &[u8]) -> bool {
        self.limit(limit).inspect(|limit| self.store().reset(limit, key)).is_some()
    }

    fn limit(&self, name: &str) -> Option<&Limit> {
        self.policy.limits.iter().find(|limit| &*limit.name == name)
    }
}
