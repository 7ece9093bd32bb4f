//! What a store does with the steps of the strategies.

use super::adaptive::Sample;
use super::{Hit, Limit, Window};
use crate::Timestamp;

/// What applies limits. Implemented by the stores; an implementation must be usable from many threads at once.
pub trait Limiter {
    /// Counts `cost` for `key` under `limit` at `now`, and says whether it was granted. A fixed window counts a refused
    /// cost too; the other strategies leave nothing behind.
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit;

    /// Counts all charges, or none: a refusal consumes nothing, in a fixed window neither.
    ///
    /// Charges of the same limit and key are judged by the sum of their costs. `hits` is cleared; then it gets one hit for
    /// each charge.
    ///
    /// # Errors
    ///
    /// The index of the first charge that is refused. `hits` then ends with its hit; those before it say what is left
    /// as nothing was counted.
    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize>;

    /// What `test` of `limits` says: whether `cost` is within what is left. It counts nothing, and is not always what
    /// [`hit`](Self::hit) would say: over memory, a moving window grants at the very end of a stamp's window what its hit refuses.
    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool;

    /// What is left of `limit` for `key` at `now`, as `get_window_stats` says it. Counts nothing.
    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window;

    /// Corrects a granted charge, once its true cost is known: gives back what was charged too much, as far as it still
    /// counts at `now`, or takes the rest, even beyond the limit.
    fn settle(&self, limit: &Limit, key: &[u8], charged: Charged, cost: u64, now: Timestamp);

    /// Gives back the places that a request in flight has taken under a `concurrent` limit. `sample` says how it went, for
    /// bounds that adapt; `None` where it says nothing of the service, as for a request that was refused after all. Without
    /// effect on other limits.
    fn finish(&self, limit: &Limit, key: &[u8], cost: u64, sample: Option<Sample>);

    /// Forgets what was counted for `key` under `limit`: `clear` of `limits`.
    fn reset(&self, limit: &Limit, key: &[u8]);
}

/// One charge that is to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitCharge<'a> {
    /// The rule.
    pub limit: &'a Limit,
    /// Who is counted.
    pub key: &'a [u8],
    /// How much.
    pub cost: u64,
}

/// A charge that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// How much was charged.
    pub cost: u64,
    /// The `now` of its hit. It tells what of it still counts: the window it was counted in, the stamps it left.
    pub at: Timestamp,
}

/// Grants everything and counts nothing: to see what a policy makes of a request when no limit is in the way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl Limiter for Unlimited {
    fn hit(&self, limit: &Limit, key: &[u8], _: u64, now: Timestamp) -> Hit {
        let Window { remaining, reset } = self.peek(limit, key, now);
        Hit { admitted: true, remaining, reset }
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        hits.clear();
        hits.extend(charges.iter().map(|charge| self.hit(charge.limit, charge.key, charge.cost, now)));
        Ok(())
    }

    fn test(&self, _: &Limit, _: &[u8], _: u64, _: Timestamp) -> bool {
        true
    }

    fn peek(&self, limit: &Limit, _: &[u8], now: Timestamp) -> Window {
        Window { remaining: limit.rate.amount, reset: now.seconds() }
    }

    fn settle(&self, _: &Limit, _: &[u8], _: Charged, _: u64, _: Timestamp) {}

    fn finish(&self, _: &Limit, _: &[u8], _: u64, _: Option<Sample>) {}

    fn reset(&self, _: &Limit, _: &[u8]) {}
}
