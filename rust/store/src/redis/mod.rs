//! Counts in Redis or Valkey, for limits of more than one host.
//!
//! A request's charges go to the server in one round trip, as one script. Nobody who asks waits for a socket: one thread
//! of ours, started by the first request of a process (and of a forked child), writes what all callers ask at once and
//! tells them what came back. Who asked waits on a condition with a deadline, or has an event loop told by a [`Bell`]; in
//! either case there is an answer at the deadline, from the server or from what stands in for it.
//!
//! | module | what it owns |
//! |---|---|
//! | `charge` | one charge: its key at the server, the script's numbers, the reading of its answer |
//! | `request` | charges on their way, and who waits for them |
//! | `client` | what one process keeps: queue, breaker, blocks, counts |
//! | `wire`, `connection` | the thread, and its socket |
//! | `answers` | the server's answer, or what stands in for it |
//! | `breaker`, `blocked` | when, and whom, not to ask |
//! | `lease`, `behind` | what is granted here: taken in advance, or told later |
//! | `lua/` | the strategies, at the server |

mod answers;
mod behind;
mod bell;
mod blocked;
mod breaker;
mod charge;
mod client;
mod connection;
mod lease;
mod limiter;
mod request;
mod stats;
mod ticket;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwapOption;
use crossfade_core::Timestamp;
use crossfade_core::limit::{Hit, LimitCharge};
use crossfade_core::policy::{Counting, RedisStore};

pub use answers::{Answers, By};
pub use bell::Bell;
pub use stats::Stats;
pub use ticket::Ticket;

use charge::Charge;
use client::Client;
use request::What;
use stats::one;

/// How the charges of one request belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// One after the other, until one is refused; those before it stay counted.
    #[default]
    Sequential,
    /// All or none.
    Atomic,
}

/// What a submission comes to.
#[derive(Debug)]
pub enum Submitted {
    /// The answers were known here.
    Ready(Answers),
    /// The server is asked.
    Pending(Ticket),
}

impl Submitted {
    /// The answers, at the latest after the store's timeout. Blocks: not for an event loop, nor with the GIL held.
    pub fn wait(self) -> Answers {
        match self {
            Self::Ready(answers) => answers,
            Self::Pending(ticket) => ticket.wait(),
        }
    }
}

/// Counts at a server. Until the first request there is no thread, no descriptor and no lock, so that any process may
/// fork; a child that uses the store of its parent gets a thread and a connection of its own.
pub struct Redis {
    store: RedisStore,
    password: Option<Box<str>>,
    /// What keys have after their prefix.
    namespace: Box<str>,
    client: ArcSwapOption<Client>,
}

impl Redis {
    /// A store at the server of the policy. Starts nothing.
    pub fn new(store: RedisStore, password: Option<Box<str>>) -> Self {
        // Where not every hit is asked about, the control counts for itself, perhaps in this server: never in these keys.
        let namespace = match store.counting {
            Counting::Sync => store.namespace.clone(),
            Counting::Lease | Counting::WriteBehind => format!("{}/crossfade", store.namespace).into(),
        };
        Self { store, password, namespace, client: ArcSwapOption::empty() }
    }

    /// Asks for all charges of one request at once; never waits. With a bell, the bell rings when the ticket is answered.
    pub fn submit(
        &self,
        charges: &[LimitCharge<'_>],
        order: Order,
        now: Timestamp,
        bell: Option<&Arc<Bell>>,
    ) -> Submitted {
        let client = self.client();
        let mut charges: Vec<_> = charges.iter().map(|charge| self.charge(charge)).collect();
        one(&client.counts.asked);
        if let Some(hits) = self.here(&client, &mut charges, order, now) {
            one(&client.counts.held);
            return Submitted::Ready(Answers { hits, by: By::Held });
        }
        if order == Order::Atomic {
            sum_up(&mut charges);
        }
        if let Some(hits) = blocks(&client, &charges, order, now) {
            one(&client.counts.blocked);
            return Submitted::Ready(Answers { hits, by: By::Block });
        }
        let (what, at) = match (order, self.store.counting) {
            (Order::Atomic, _) => (What::Atomic, now),
            (Order::Sequential, Counting::Lease) => (What::Lease, lease::stamp(now)),
            (Order::Sequential, _) => (What::Sequential, now),
        };
        submit(client, what, (now, at), charges, bell)
    }

    /// The hits, if they can be decided without the server.
    fn here(&self, client: &Arc<Client>, charges: &mut [Charge], order: Order, now: Timestamp) -> Option<Vec<Hit>> {
        match self.store.counting {
            _ if charges.is_empty() => Some(Vec::new()),
            Counting::Sync => None,
            Counting::Lease => {
                let (hits, low) = client.leases.take(charges, now, client.hosts())?;
                if !low.is_empty() {
                    client.tell(What::Lease, (now, lease::stamp(now)), low);
                }
                Some(hits)
            }
            Counting::WriteBehind => {
                client.latest.fetch_max(now.micros(), Ordering::Relaxed);
                client.behind.hit(charges, order == Order::Atomic)
            }
        }
    }

    /// What happened in this process so far.
    pub fn stats(&self) -> Stats {
        self.client().counts.snapshot()
    }

    /// How many stores were heard of lately, this one included: each process that counts here is one.
    pub fn hosts(&self) -> u64 {
        self.client().hosts()
    }

    fn charge(&self, charge: &LimitCharge<'_>) -> Charge {
        Charge::of(charge, &self.store.key_prefix, &self.namespace)
    }

    /// This process's own.
    fn client(&self) -> Arc<Client> {
        let process = std::process::id();
        loop {
            let known = self.client.load_full();
            match known {
                Some(client) if client.process == process => return client,
                foreign => {
                    let fresh = Arc::new(Client::new(self.store.clone(), self.password.clone()));
                    self.client.compare_and_swap(&foreign, Some(fresh));
                    // A parent's may be in the middle of anything: it is left as it is.
                    std::mem::forget(foreign);
                }
            }
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(client) = self.client.load_full() {
            if client.process == std::process::id() {
                client.close();
            } else {
                std::mem::forget(client);
            }
        }
    }
}

impl std::fmt::Debug for Redis {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Of each charge all that is wanted of its key up to it: they are judged together.
fn sum_up(charges: &mut [Charge]) {
    for index in 0..charges.len() {
        let same = charges[..=index].iter().filter(|other| other.name == charges[index].name);
        charges[index].wanted = same.fold(0u64, |sum, other| sum.saturating_add(other.cost));
    }
}

/// The hits up to the first charge that is known to be refused. What comes before one is counted first, if it is counted
/// at all.
fn blocks(client: &Client, charges: &[Charge], order: Order, now: Timestamp) -> Option<Vec<Hit>> {
    let find = |charge: &Charge| {
        let cost = if order == Order::Atomic { charge.wanted } else { charge.cost };
        client.blocked.find(&charge.name, cost, now)
    };
    let known = if order == Order::Atomic { charges } else { &charges[..1] };
    let (index, refused) = known.iter().enumerate().find_map(|(index, charge)| Some((index, find(charge)?)))?;
    let whole = |charge: &Charge| Hit { admitted: true, remaining: charge.rate.amount, reset: now.seconds() };
    Some(charges[..index].iter().map(whole).chain([refused]).collect())
}

fn submit(
    client: Arc<Client>,
    what: What,
    times: (Timestamp, Timestamp),
    charges: Vec<Charge>,
    bell: Option<&Arc<Bell>>,
) -> Submitted {
    let request = Arc::new(client.request(what, times, charges, bell));
    match client.ask(&request) {
        Ok(()) => Submitted::Pending(Ticket::new(client, request)),
        Err(cause) => Submitted::Ready(client.without(&request, cause)),
    }
}
