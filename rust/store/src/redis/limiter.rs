//! A store like any other: each call waits for its answer, at most the timeout.
//!
//! For tools and plug-ins that count one charge at a time. A seam submits all charges of a request at once instead.

use crossfade_core::Timestamp;
use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, Limit, LimitCharge, Limiter, Window};

use super::request::What;
use super::stats::one;
use super::{Order, Redis, submit};

impl Redis {
    /// One look, waited for.
    fn look(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let client = self.client();
        one(&client.counts.asked);
        let charge = self.charge(&LimitCharge { limit, key, cost });
        let answers = submit(client, What::Look, (now, now), vec![charge], None).wait();
        single(&answers.hits, now)
    }
}

impl Limiter for Redis {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let charges = [LimitCharge { limit, key, cost }];
        single(&self.submit(&charges, Order::Sequential, now, None).wait().hits, now)
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        let answers = self.submit(charges, Order::Atomic, now, None).wait();
        let refused = answers.refused();
        *hits = answers.hits;
        refused.map_or(Ok(()), Err)
    }

    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool {
        self.look(limit, key, cost, now).admitted
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        let Hit { remaining, reset, .. } = self.look(limit, key, 0, now);
        Window { remaining, reset }
    }

    /// Told to the server, and not waited for.
    fn settle(&self, limit: &Limit, key: &[u8], charged: Charged, cost: u64, now: Timestamp) {
        let client = self.client();
        let charge = |cost| {
            let charge = self.charge(&LimitCharge { limit, key, cost });
            // A refusal now ends at another time.
            client.blocked.forget(&charge.name);
            vec![charge]
        };
        if cost > charged.cost {
            client.tell(What::Take, (now, now), charge(cost - charged.cost));
        } else if cost < charged.cost {
            client.tell(What::Back, (now, charged.at), charge(charged.cost - cost));
        }
    }

    /// There are no places in flight at a server.
    fn finish(&self, _: &Limit, _: &[u8], _: u64, _: Option<Sample>) {}

    /// Told to the server, and not waited for; later requests of this process come after it.
    fn reset(&self, limit: &Limit, key: &[u8]) {
        let client = self.client();
        let charge = self.charge(&LimitCharge { limit, key, cost: 0 });
        client.forget(&charge.name);
        client.tell(What::Reset, Default::default(), vec![charge]);
    }
}

/// One charge has one hit.
fn single(hits: &[Hit], now: Timestamp) -> Hit {
    hits.first().copied().unwrap_or(Hit { admitted: false, remaining: 0, reset: now.seconds() })
}
