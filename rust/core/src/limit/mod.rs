//! Limits: the rule, the answer, and the strategies as steps on a state that a store keeps.
//!
//! The strategies are those of the Python library `limits` 5.8 with its memory storage, decision for decision, plus GCRA
//! under its own name. The core owns the step; a store owns where the state lives and who may touch it.

pub mod fixed_window;
pub mod gcra;
pub mod moving_window;
pub mod rate;
pub mod sliding_window;

use crate::Timestamp;
use crate::key::KeyTemplate;

pub use rate::Rate;

/// Index of a limit in [`Policy::limits`](crate::Policy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(pub u16);

/// One named limit of the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Index of this limit in the policy.
    pub id: LimitId,
    /// Name in the policy, e.g. `per-client`.
    pub name: Box<str>,
    /// How much in which time.
    pub rate: Rate,
    /// How it is counted.
    pub strategy: Strategy,
    /// Who is counted.
    pub key: KeyTemplate,
}

/// How a limit counts. Never substituted for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// `limits.strategies.FixedWindowRateLimiter`: the window starts at the first hit; a refused hit is counted.
    FixedWindow,
    /// `limits.strategies.MovingWindowRateLimiter`: a log of the last N stamps; a refused hit is not stored.
    MovingWindow,
    /// `limits.strategies.SlidingWindowCounterRateLimiter` over memory: two clock-aligned counters, weighted.
    SlidingWindowCounter,
    /// Generic cell rate algorithm: rate N per P with `burst` cells at once. Not a window; admits up to
    /// `burst + N` in one period after idling.
    Gcra {
        /// Cells that may be taken at once; at least 1.
        burst: u64,
    },
}

/// What a store answered for one hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Whether the cost was granted.
    pub admitted: bool,
    /// What is left after this hit, as the strategy's `get_window_stats` would say.
    pub remaining: u64,
    /// When the window resets, in seconds since the epoch, as the strategy's `get_window_stats` would say.
    pub reset: f64,
}

impl Hit {
    /// Whole seconds from `now` until a retry can succeed: rounded up, at least 1.
    pub fn retry_after(&self, now: Timestamp) -> u32 {
        // `as` saturates: a reset in the past or beyond u32 stays in range.
        ((self.reset - now.seconds()).ceil() as u32).max(1)
    }
}

/// What applies limits. Implemented by the stores; an implementation must be usable from many threads at once.
pub trait Limiter {
    /// Counts `cost` for `key` under `limit` at `now`, and says whether it was granted.
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit;
}
