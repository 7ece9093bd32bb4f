//! What comes of a request: the server's answer, or what stands in for it.

use std::sync::Arc;
use std::time::Instant;

use crossfade_core::Timestamp;
use crossfade_core::limit::{Hit, Limit, LimitCharge, Limiter, Strategy, Window};
use crossfade_core::policy::Failure;

use super::blocked::Block;
use super::charge::{Charge, Seen};
use super::client::Client;
use super::request::{Cause, Reply, Request, What};
use super::stats::one;

/// The answer to all the charges of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// One hit for each charge, up to and with the first that is refused. Before an atomic refusal they say what is left
    /// as nothing was counted.
    pub hits: Vec<Hit>,
    /// Who said so.
    pub by: By,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The server.
    Server,
    /// What was leased from it, or is written to it later.
    Held,
    /// An earlier refusal of the server, which still holds.
    Block,
    /// The table in this process, because the server did not answer.
    Degraded,
    /// Granted because the server did not answer.
    Open,
    /// Refused because the server did not answer.
    Closed,
}

impl Answers {
    /// The index of the charge that was refused.
    pub fn refused(&self) -> Option<usize> {
        self.hits.iter().position(|hit| !hit.admitted)
    }
}

/// How long who is refused for want of an answer is told to wait, in seconds: the breaker has tried again by then.
const WAIT: f64 = 1.0;

impl Client {
    /// Makes answers of a reply, and keeps what is to be remembered of it.
    pub(super) fn answers(self: &Arc<Self>, request: &Request, reply: Reply) -> Answers {
        match reply {
            Ok(seen) => {
                one(&self.counts.answered);
                for (charge, seen) in request.charges.iter().zip(&seen) {
                    self.remember(request, charge, seen);
                }
                let hit = |(seen, charge): (&Seen, &Charge)| match request.what {
                    What::Look => Hit { admitted: seen.test, ..seen.hit() },
                    What::Lease => self.leased(seen, charge),
                    _ => seen.hit(),
                };
                Answers { hits: seen.iter().zip(&request.charges).map(hit).collect(), by: By::Server }
            }
            Err(cause) => self.without(request, cause),
        }
    }

    /// What was taken in advance remains, as the next hits will say that are granted from it.
    fn leased(&self, seen: &Seen, charge: &Charge) -> Hit {
        let hit = seen.hit();
        let held = if hit.admitted { self.leases.held(&charge.name) } else { 0 };
        Hit { remaining: hit.remaining.saturating_add(held), ..hit }
    }

    fn remember(&self, request: &Request, charge: &Charge, seen: &Seen) {
        if seen.granted.is_some() || request.what == What::Look {
            return;
        }
        let cost = if request.what == What::Atomic { charge.wanted } else { charge.cost };
        let costs = match charge.strategy {
            // It has counted what it refused: nothing is granted any more, however small.
            Strategy::FixedWindow if request.what == What::Sequential => 0..=u64::MAX,
            // A higher cost waits longer, and the longer the more lower ones are granted meanwhile: only 1 has none below.
            Strategy::Gcra { .. } if cost != 1 => return,
            Strategy::Gcra { .. } => 1..=1,
            _ => cost..=u64::MAX,
        };
        let (hit, since) = (seen.hit(), request.now.micros());
        self.blocked.note(&charge.name, Block { costs, since, until: seen.until, hit });
    }

    /// The answers when the server does not give any.
    pub(super) fn without(&self, request: &Request, cause: Cause) -> Answers {
        let counts = &self.counts;
        one(match cause {
            Cause::Timeout => &counts.timeouts,
            Cause::Disconnected => &counts.disconnected,
            Cause::Refusal => &counts.refusals,
            Cause::Breaker => &counts.breaker_shed,
            Cause::Full => &counts.queue_full,
        });
        // An error of the server's is an answer, and comes at once: it says nothing of the next one.
        if !matches!(cause, Cause::Breaker | Cause::Refusal) && self.breaker.failed(Instant::now()) {
            one(&counts.breaker_opens);
            // From now on nobody asks: the thread has to try by itself.
            self.nudge();
        }
        let now = request.now;
        match self.store.failure {
            Failure::Degrade => {
                one(&counts.degraded);
                Answers { hits: self.degraded(request), by: By::Degraded }
            }
            Failure::Open => {
                one(&counts.opened);
                let granted = |charge: &Charge| {
                    let remaining = charge.rate.amount.saturating_sub(charge.cost);
                    Hit { admitted: true, remaining, reset: now.seconds() }
                };
                Answers { hits: request.charges.iter().map(granted).collect(), by: By::Open }
            }
            Failure::Closed => {
                one(&counts.closed);
                let refused = Hit { admitted: false, remaining: 0, reset: now.seconds() + WAIT };
                Answers { hits: request.charges.iter().take(1).map(|_| refused).collect(), by: By::Closed }
            }
        }
    }

    /// The answers of the table in this process: of each limit it gives what is one store's share.
    fn degraded(&self, request: &Request) -> Vec<Hit> {
        let (memory, hosts, now) = (self.fallback(), self.hosts(), request.now);
        let limits: Vec<_> = request.charges.iter().map(|charge| charge.limit(hosts)).collect();
        let mut hits = Vec::with_capacity(limits.len());
        match request.what {
            What::Atomic => {
                let charges = limits.iter().zip(&request.charges);
                let charges: Vec<_> =
                    charges.map(|(limit, charge)| LimitCharge { limit, key: &charge.key, cost: charge.cost }).collect();
                // The hits say it all.
                let _ = memory.hit_all(&charges, now, &mut hits);
            }
            What::Look => {
                for (limit, charge) in limits.iter().zip(&request.charges) {
                    hits.push(look(memory, limit, charge, now));
                }
            }
            _ => {
                for (limit, charge) in limits.iter().zip(&request.charges) {
                    let hit = memory.hit(limit, &charge.key, charge.cost, now);
                    hits.push(hit);
                    if !hit.admitted {
                        break;
                    }
                }
            }
        }
        hits
    }
}

fn look(memory: &impl Limiter, limit: &Limit, charge: &Charge, now: Timestamp) -> Hit {
    let Window { remaining, reset } = memory.peek(limit, &charge.key, now);
    Hit { admitted: memory.test(limit, &charge.key, charge.cost, now), remaining, reset }
}
