//! One key's state by itself, on its way from one place that counts to another.

use super::{Flavour, Limit, Strategy, fixed_window, gcra, redis, sliding_window};

/// What is kept for one key under one limit, whole: whoever goes on with it answers as whoever had it would have.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyState {
    /// A fixed window: when it ends, and its count. `expirations` and `storage` of the memory storage of `limits`.
    Fixed(fixed_window::State),
    /// A moving window: seconds since the epoch, newest first. `events` of the memory storage, the items of the list in
    /// Redis. Only the newest that the limit's amount needs are ever looked at.
    Moving(Vec<f64>),
    /// A sliding window over memory: counts by the number of their window. The keys `KEY/NUMBER` of the memory storage.
    Sliding(sliding_window::State),
    /// A sliding window over Redis: two counts and when their keys go.
    RedisSliding(redis::sliding_window::State),
    /// GCRA: when all is paid for, in ticks of one amount-th of a microsecond, so only under the same amount.
    Gcra(gcra::State),
}

impl KeyState {
    /// Whether this is what `limit` keeps.
    pub fn fits(&self, limit: &Limit) -> bool {
        matches!(
            (self, limit.strategy, limit.flavour),
            (Self::Fixed(_), Strategy::FixedWindow, _)
                | (Self::Moving(_), Strategy::MovingWindow, _)
                | (Self::Sliding(_), Strategy::SlidingWindowCounter, Flavour::Memory)
                | (Self::RedisSliding(_), Strategy::SlidingWindowCounter, Flavour::Redis)
                | (Self::Gcra(_), Strategy::Gcra { .. }, _)
        )
    }
}
