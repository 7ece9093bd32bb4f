//! Deciding by counts that live outside of this process: collect, ask, repeat.
//!
//! A decision is pure and quick; a store at the other end of a connection is neither. So the candidate runs twice. The
//! first time everything is granted, which says what it would charge. The store is asked for all of that at once, by
//! whoever may wait. The second time the answers are repeated to it, and its outcome is the decision.
//!
//! Where the candidate counts in the control's own counters, one side counts a request and the other is told the answers:
//! the candidate counts where it answers the client, the control everywhere else.

use std::cell::RefCell;
use std::sync::Arc;

use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, Limit, LimitCharge, LimitId, Limiter, Unlimited, Window};
use crossfade_core::policy::{LimitsCharge, RouteId};
use crossfade_core::{Request, Scratch, Timestamp, Unsupported, admit};
use crossfade_store::redis::{Bell, Order, Submitted};

use crate::engine::{Answer, Engine, Place};
use crate::store::Store;

/// Keeps the candidate from judging: the store could not be opened.
pub const STORE_UNAVAILABLE: Unsupported = Unsupported("store.unavailable");
/// The same: the control's hits, which the candidate should have been told, were not reported.
pub const CHARGES_UNREPORTED: Unsupported = Unsupported("charges.unreported");

/// One hit that the candidate makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The rule.
    pub limit: LimitId,
    /// Who is counted.
    pub key: Box<[u8]>,
    /// How much.
    pub cost: u64,
}

/// A hit that was answered, by the store or by the control's limiter.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The hit.
    pub charge: Charge,
    /// The answer.
    pub hit: Hit,
}

/// Whose hits count a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    /// Each side for itself.
    Both,
    /// The candidate; the control is told its answers.
    Candidate,
    /// The control; the candidate is told its answers.
    Control,
}

/// How far the candidate gets without waiting.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// To its answer.
    Answered(Answer),
    /// To these charges, which the store has to be asked for.
    Store(Vec<Charge>),
    /// To charges that the control has to make first.
    Control,
}

/// What the candidate would charge, in its order.
pub(crate) fn charges(scratch: &Scratch) -> Vec<Charge> {
    let owned = |charge: crossfade_core::scratch::Charge<'_>| Charge {
        limit: charge.limit,
        key: charge.key.into(),
        cost: charge.cost,
    };
    scratch.charges().map(owned).collect()
}

/// A limiter that repeats answers and counts nothing.
///
/// Each answer is given once. A hit that has none was never made: it is granted, and stands among the candidate's charges
/// for whoever compares them.
#[derive(Debug)]
pub struct Answered<'a> {
    given: &'a [Given],
    taken: RefCell<Vec<bool>>,
}

impl<'a> Answered<'a> {
    /// A limiter with these answers.
    pub fn new(given: &'a [Given]) -> Self {
        Self { given, taken: RefCell::new(vec![false; given.len()]) }
    }
}

impl Limiter for Answered<'_> {
    fn hit(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let mut taken = self.taken.borrow_mut();
        let found = self.given.iter().zip(taken.iter_mut()).find(|(given, taken)| {
            !**taken && given.charge.limit == limit.id && given.charge.cost == cost && *given.charge.key == *key
        });
        match found {
            Some((given, taken)) => {
                *taken = true;
                given.hit
            }
            None => Unlimited.hit(limit, key, cost, now),
        }
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, hits: &mut Vec<Hit>) -> Result<(), usize> {
        hits.clear();
        for (index, charge) in charges.iter().enumerate() {
            hits.push(self.hit(charge.limit, charge.key, charge.cost, now));
            if !hits[index].admitted {
                return Err(index);
            }
        }
        Ok(())
    }

    fn test(&self, _: &Limit, _: &[u8], _: u64, _: Timestamp) -> bool {
        true
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        Unlimited.peek(limit, key, now)
    }

    fn settle(&self, _: &Limit, _: &[u8], _: Charged, _: u64, _: Timestamp) {}

    fn finish(&self, _: &Limit, _: &[u8], _: u64, _: Option<Sample>) {}

    fn reset(&self, _: &Limit, _: &[u8]) {}
}

impl Engine {
    /// Runs the candidate once more, now that its charges are answered.
    ///
    /// # Panics
    ///
    /// As [`Engine::candidate`].
    pub fn repeat(
        &self,
        place: Place,
        given: &[Given],
        request: &Request<'_>,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Answer {
        let fault = self.fault(place);
        let answer = self.decide(place, &Answered::new(given), request, now, scratch);
        match fault {
            Some((fault, began)) => self.state(place.route).strikes.strike(fault, began, answer, request, scratch),
            None => answer,
        }
    }

    /// Asks the store for charges of a request; never waits. `None`: it is no store that is asked.
    pub fn ask(
        &self,
        route: RouteId,
        charges: &[Charge],
        now: Timestamp,
        bell: Option<&Arc<Bell>>,
    ) -> Option<Submitted> {
        let Store::Redis(redis) = self.store() else { return None };
        let order = match self.policy.route(route).limits_charge {
            LimitsCharge::Sequential => Order::Sequential,
            LimitsCharge::Atomic => Order::Atomic,
        };
        let charges = charges.iter().map(|Charge { limit, key, cost }| LimitCharge {
            limit: self.policy.limit(*limit),
            key,
            cost: *cost,
        });
        let charges: Vec<LimitCharge<'_>> = charges.collect();
        Some(redis.submit(&charges, order, now, bell))
    }

    /// What the candidate would charge, and who counts that.
    pub(crate) fn collect(&self, place: Place, request: &Request<'_>, now: Timestamp, scratch: &mut Scratch) -> Asked {
        if !self.policy.store.is_the_controls() {
            // An injected fault comes when it has counted.
            let decided = admit(&self.policy, place.route, &Unlimited, request, now, scratch);
            let charges = charges(scratch);
            return match decided {
                Ok(outcome) if charges.is_empty() => Asked::Answered(Answer::Decided(outcome)),
                Err(unsupported) if charges.is_empty() => Asked::Answered(self.unsupported(place, unsupported)),
                _ => Asked::Store(charges),
            };
        }
        let answer = self.decide(place, &Unlimited, request, now, scratch);
        let charges = charges(scratch);
        if charges.is_empty() || matches!(answer, Answer::Unsupported(_)) {
            // What the control judges it counts too.
            return Asked::Answered(answer);
        }
        if self.counts_here(place, request, scratch) { Asked::Store(charges) } else { Asked::Control }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossfade_core::Policy;

    const POLICY: &str = r#"
version = 1
[limits.one]
key = ["client"]
rate = "5/second"
strategy = "fixed-window"
[limits.two]
key = ["client"]
rate = "7/second"
strategy = "moving-window"
[[route]]
name = "r"
match = "GET /"
limits = ["one", "two"]
"#;

    /// Each answer is given once, to its own limit, key and cost; a hit without one is granted.
    #[test]
    fn answers_are_repeated_once() {
        let policy = Policy::parse("test", POLICY).expect("a policy");
        let [one, two] = &policy.limits[..] else { panic!("two limits") };
        let now = Timestamp::from_micros(1_000_000);
        let refused = Hit { admitted: false, remaining: 0, reset: 9.0 };
        let given = |limit: &Limit, key: &[u8], cost| Given {
            charge: Charge { limit: limit.id, key: key.into(), cost },
            hit: refused,
        };
        let all = [given(one, b"a", 1), given(two, b"a", 2)];
        let answered = Answered::new(&all);
        let admitted = |limit: &Limit, key: &[u8], cost| answered.hit(limit, key, cost, now).admitted;
        assert!(admitted(one, b"b", 1) && admitted(one, b"a", 2) && admitted(two, b"a", 1), "not these");
        assert_eq!(answered.hit(two, b"a", 2, now), refused);
        assert_eq!(answered.hit(one, b"a", 1, now), refused);
        assert!(admitted(one, b"a", 1) && admitted(two, b"a", 2), "given already");

        let charge = |limit, cost| LimitCharge { limit, key: b"a", cost };
        let mut hits = vec![refused; 5];
        let charges = [charge(two, 1), charge(one, 1), charge(two, 2)];
        assert_eq!(Answered::new(&all).hit_all(&charges, now, &mut hits), Err(1));
        assert_eq!((hits.len(), hits[1]), (2, refused));
    }
}
