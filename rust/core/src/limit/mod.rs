//! Limits: the rule, the answer, and the strategies as steps on a state that a store keeps.
//!
//! The strategies are those of the Python library `limits` 5.8 with its memory storage, decision for decision, plus GCRA
//! under its own name. The core owns the step; a store owns where the state lives and who may touch it. A step takes the
//! state and gives the next one, so that a store can swap it in under a lock or by compare-and-swap; only the moving
//! window's log is changed in place. `peek` says what is left without counting anything.

pub mod adaptive;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod concurrent;
pub mod cost;
pub mod fixed_window;
pub mod gcra;
pub mod headers;
mod limiter;
pub mod moving_window;
pub mod rate;
pub mod redis;
pub mod sliding_window;
mod state;

use crate::Timestamp;
use crate::key::KeyTemplate;

pub use cost::Cost;
pub use headers::LimitHeaders;
pub use limiter::{Charged, LimitCharge, Limiter, Unlimited};
pub use rate::{Rate, RateError};
pub use state::KeyState;

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
    /// As over which storage of `limits` it is counted. From the policy's `[store] url`.
    pub flavour: Flavour,
    /// Who is counted.
    pub key: KeyTemplate,
    /// How much one request counts for.
    pub cost: Cost,
    /// The true cost may become known after the response, and is then settled: decisions keep what was charged.
    pub settles: bool,
}

/// The storage of the library `limits` whose answers are given: its strategies differ by what they live in. GCRA, which
/// it does not have, is the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// `MemoryStorage`.
    #[default]
    Memory,
    /// `RedisStorage`, for Redis and Valkey.
    Redis,
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
    /// Requests in flight, at most the rate's amount. A hit takes places until the request is done, so time plays no
    /// part; the rate's window is what a refused client is told to wait.
    Concurrent {
        /// How the bound follows what is measured; the rate's amount is then what it never exceeds.
        adaptive: Option<adaptive::Adaptive>,
    },
}

impl Strategy {
    /// Its name in a policy.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FixedWindow => "fixed-window",
            Self::MovingWindow => "moving-window",
            Self::SlidingWindowCounter => "sliding-window-counter",
            Self::Gcra { .. } => "gcra",
            Self::Concurrent { .. } => "concurrent",
        }
    }

    /// Whether what is taken comes back when the request is done.
    pub fn is_concurrent(&self) -> bool {
        matches!(self, Self::Concurrent { .. })
    }

    /// The most that one hit can ever be granted.
    pub fn most(&self, rate: &Rate) -> u64 {
        match self {
            Self::FixedWindow | Self::MovingWindow | Self::SlidingWindowCounter | Self::Concurrent { .. } => {
                rate.amount
            }
            Self::Gcra { burst } => *burst,
        }
    }

    /// Refuses a rate that this strategy cannot keep count of: a moving window keeps one stamp for each hit.
    ///
    /// # Errors
    ///
    /// [`RateError::AmountTooLarge`], with the largest amount that can be.
    pub fn check(&self, rate: &Rate) -> Result<(), RateError> {
        match self {
            Self::MovingWindow if rate.amount > moving_window::MAX_AMOUNT => {
                Err(RateError::AmountTooLarge(moving_window::MAX_AMOUNT))
            }
            _ => Ok(()),
        }
    }
}

/// What is left of a limit at one instant, as the strategy's `get_window_stats` says it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// What can still be granted.
    pub remaining: u64,
    /// When the window resets, in seconds since the epoch.
    pub reset: f64,
}

/// What a store answered for one hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Whether the cost was granted.
    pub admitted: bool,
    /// What is left after this hit, as the strategy's `get_window_stats` would say.
    pub remaining: u64,
    /// When the window resets, in seconds since the epoch, as the strategy's `get_window_stats` would say. For a refusal
    /// by GCRA, which has no window: when this cost would be granted.
    pub reset: f64,
}

impl Hit {
    /// Whole seconds from `now` until a retry can succeed: rounded up, at least 1.
    ///
    /// As exact as the strategy's own reset. A moving window and a sliding one still refuse at the very microsecond of
    /// theirs, as the original does.
    pub fn retry_after(&self, now: Timestamp) -> u32 {
        // `as` saturates: a reset in the past or beyond u32 stays in range.
        ((self.reset - now.seconds()).ceil() as u32).max(1)
    }
}
