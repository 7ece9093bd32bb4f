//! What a service sees of a shared table: hits, and all else that a limiter does.

use crossfade_core::Timestamp;
use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, Limit, LimitCharge, Limiter, Window};

use super::counters::{self, Event};
use super::group::Loss;
use super::ring::View;
use super::{Counted, OnFull, Shared};
use crate::memory::count::{Count, Terms};

impl Shared {
    /// Lets `step` change the count of a key. If there is no room for it, nothing is changed, and what is in the way is said.
    #[inline]
    pub(super) fn change<T>(
        &self,
        limit: &Limit,
        key: &[u8],
        now: Timestamp,
        step: impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> Result<T, Loss> {
        let listed = self.listed(limit);
        if let Some(areas) = self.areas_of(&listed) {
            return self.table_of(areas, now).change(&listed, key, step);
        }
        counters::count(self.counters(), Event::RingsFull);
        if self.on_full == OnFull::Admit {
            return Ok(step(&mut nothing(), &listed.terms));
        }
        Err(Loss { used: 1.0, until: now.seconds() + listed.terms.rate.window() as f64 })
    }

    /// Lets `step` see the count of a key, and change it if there is one.
    #[inline]
    pub(super) fn look<T>(
        &self,
        limit: &Limit,
        key: &[u8],
        now: Timestamp,
        step: impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> T {
        let listed = self.listed(limit);
        match self.areas_of(&listed) {
            Some(areas) => self.table_of(areas, now).look(&listed, key, step),
            None => step(&mut nothing(), &listed.terms),
        }
    }

    /// What a hit would be told, and nothing is counted.
    fn would(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        if limit.strategy.is_concurrent() {
            return self.would_take(limit, key, cost, now);
        }
        self.look(limit, key, now, |count, terms| count.would(terms, cost, now))
    }

    /// Takes the cost if it would be granted, and else counts nothing.
    fn take(&self, charge: &LimitCharge<'_>, now: Timestamp) -> Hit {
        let LimitCharge { limit, key, cost } = *charge;
        if limit.strategy.is_concurrent() {
            return self.take_places(limit, key, cost, now);
        }
        let taken = self.change(limit, key, now, |count, terms| {
            let hit = count.would(terms, cost, now);
            if !hit.admitted {
                return hit;
            }
            count.take(terms, cost, now);
            let Window { remaining, reset } = count.peek(terms, now);
            Hit { admitted: true, remaining, reset }
        });
        taken.unwrap_or_else(refusal)
    }
}

/// The count of a moving window for which there is no ring.
fn nothing<'a>() -> Counted<'a> {
    Count::Moving(View::of(&[], 0))
}

/// What a hit is told that finds no room: it has to wait until a place is free.
fn refusal(loss: Loss) -> Hit {
    Hit { admitted: false, remaining: 0, reset: loss.until }
}

impl Limiter for Shared {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        if limit.strategy.is_concurrent() {
            return self.note(self.take_places(limit, key, cost, now));
        }
        self.note(self.change(limit, key, now, |count, terms| count.hit(terms, cost, now)).unwrap_or_else(refusal))
    }

    /// First all are looked at, then taken one by one. Another process may be faster in between: then what was taken is
    /// given back, and for that moment others saw less left than there was.
    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        hits.clear();
        for (index, charge) in charges.iter().enumerate() {
            let LimitCharge { limit, key, .. } = *charge;
            let same = charges[..=index].iter().filter(|other| (other.limit.id, other.key) == (limit.id, key));
            let cost = same.fold(0u64, |sum, other| sum.saturating_add(other.cost));
            let hit = self.would(limit, key, cost, now);
            hits.push(hit);
            if !hit.admitted {
                self.note(hit);
                return Err(index);
            }
        }
        for (index, charge) in charges.iter().enumerate() {
            let hit = self.take(charge, now);
            if !hit.admitted {
                self.note(hit);
                for LimitCharge { limit, key, cost } in &charges[..index] {
                    self.settle(limit, key, Charged { cost: *cost, at: now }, 0, now);
                }
                hits.truncate(index);
                hits.push(hit);
                return Err(index);
            }
            hits[index] = hit;
        }
        for hit in hits {
            self.note(*hit);
        }
        Ok(())
    }

    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool {
        if limit.strategy.is_concurrent() {
            return self.would_take(limit, key, cost, now).admitted;
        }
        self.look(limit, key, now, |count, terms| count.test(terms, cost, now))
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        if limit.strategy.is_concurrent() {
            return self.peek_places(limit, key, now);
        }
        self.look(limit, key, now, |count, terms| count.peek(terms, now))
    }

    fn settle(&self, limit: &Limit, key: &[u8], charged: Charged, cost: u64, now: Timestamp) {
        if limit.strategy.is_concurrent() {
            return self.settle_places(limit, key, charged, cost);
        }
        if let Some(back) = charged.cost.checked_sub(cost) {
            self.look(limit, key, now, |count, terms| count.give_back(terms, back, charged.at, now));
        } else {
            // Without room there is nothing to take it from.
            let _ = self.change(limit, key, now, |count, terms| count.take(terms, cost - charged.cost, now));
        }
    }

    fn finish(&self, limit: &Limit, key: &[u8], cost: u64, _: Option<Sample>) {
        if limit.strategy.is_concurrent() {
            self.give_places_back(limit, key, cost);
        }
    }

    /// Of requests in flight it forgets those of this process: no other may write what they hold.
    fn reset(&self, limit: &Limit, key: &[u8]) {
        if limit.strategy.is_concurrent() {
            return self.give_places_back(limit, key, u64::MAX);
        }
        let listed = self.listed(limit);
        if let Some(areas) = self.areas_of(&listed) {
            self.table_of(areas, Timestamp::default()).forget(&listed, key);
        }
    }
}
