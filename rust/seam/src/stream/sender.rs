//! The thread that sends: connect, write what waits, say what became of all, and again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crossfade_exchange::frame::MAX_BYTES;
use crossfade_exchange::hash::{hash, part};
use crossfade_exchange::wire::{self, Account, Dropped, RouteAccount, Said};

use super::Shared;
use super::connection::Connection;
use super::ring::Item;
use super::seeds::Seeds;
use super::unheard::Unheard;
use crate::account::{Missed, Sums};
use crate::engine::clock_micros;

/// One write to the socket: large enough that system calls do not count, small enough to be in hand twice.
const BATCH_BYTES: usize = 256 << 10;

/// Exchanges taken from the ring at a time, so that few are in hand; each may have a seeded copy.
const BATCH: usize = 64;
const ROOM: usize = 2 * BATCH;

/// How long the thread leaves the ring alone while there is traffic, and how often it finds nothing before it sleeps.
const NAP: Duration = Duration::from_millis(5);
const NAPS: u32 = 50;

/// A sidecar that stands still is looked at this often.
const STANDSTILL: Duration = Duration::from_millis(100);

/// An account is said this often, and after a drop no sooner than this.
const ACCOUNT: Duration = Duration::from_secs(1);
const ACCOUNT_OF_DROPS: Duration = Duration::from_millis(100);

/// How often the socket's file is looked at: another sidecar may have taken its place.
const LOOK: Duration = Duration::from_secs(1);

/// The wait before the next attempt to connect: doubled each time, with up to a quarter more by chance, so that the workers
/// of a host do not come all at once.
const BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Starts the thread; `None`: there is none to be had.
pub(super) fn start(shared: &Arc<Shared>) -> Option<Thread> {
    let mut sender =
        Sender { shared: Arc::clone(shared), unheard: Unheard::default(), seeds: Seeds::default(), routes: Vec::new() };
    let begun = thread::Builder::new().name("crossfade-send".into()).spawn(move || {
        let ran = catch_unwind(AssertUnwindSafe(|| sender.run()));
        if ran.is_err() {
            sender.shared.end("the thread that sends has panicked".to_owned());
        }
    });
    match begun {
        Ok(handle) => Some(handle.thread().clone()),
        Err(error) => {
            shared.end(format!("no thread to send: {error}"));
            None
        }
    }
}

struct Sender {
    shared: Arc<Shared>,
    unheard: Unheard,
    seeds: Seeds,
    routes: Vec<Route>,
}

/// What the thread keeps of a route.
struct Route {
    sums: Arc<Sums>,
    /// Missed keys that were said on this connection, and the count of exchanges that shows that they were heard.
    said: Missed,
    said_at: u64,
}

impl Sender {
    fn run(&mut self) {
        let mut backoff = BACKOFF;
        while !self.shared.ends() {
            let why = match Connection::open(&self.shared.path, &self.shared.hello) {
                Ok((connection, heard)) => {
                    backoff = BACKOFF;
                    self.unheard.begin(heard.exchanges);
                    // Those of the connection before may be lost.
                    self.seeds = Seeds::default();
                    self.shared.begin();
                    let why = self.serve(connection).err();
                    self.say_again();
                    why.unwrap_or_default()
                }
                Err(why) => why,
            };
            self.shared.end(why);
            let until = Instant::now() + jittered(backoff);
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
            while !self.shared.ends() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                thread::park_timeout(left);
                self.shared.flush_done(self.shared.asked.load(Ordering::SeqCst));
            }
        }
    }

    /// Sends until the connection ends, and says why it did. `Ok`: the process's half of the seam is gone.
    fn serve(&mut self, mut connection: Connection) -> Result<(), String> {
        let begun = Instant::now();
        let (mut account_at, mut look_at, mut quiet) = (begun, begun + LOOK, 0);
        let (mut drops, mut said, mut flushing) = (0, begun, None);
        while !self.shared.ends() {
            if let Some(heard) = connection.heard()? {
                self.unheard.keep(heard.exchanges);
                self.forget_heard();
            }
            let now = Instant::now();
            if now >= look_at {
                look_at = now + LOOK;
                if connection.is_replaced(&self.shared.path) {
                    return Err("another sidecar has taken its place".to_owned());
                }
            }
            let mut sent = 0;
            // What stands in front of a full socket is not added to.
            if connection.out.is_empty() {
                let asked = self.shared.asked.load(Ordering::SeqCst);
                sent = self.fill(&mut connection.out);
                let flushes = asked > self.shared.flushed() && self.shared.ring.len() == 0;
                let dropped = self.dropped();
                if now >= account_at || flushes || dropped != drops && now >= said + ACCOUNT_OF_DROPS {
                    self.account(&mut connection.out);
                    (account_at, said, drops) = (now + ACCOUNT, now, dropped);
                    flushing = flushes.then_some(asked);
                }
            }
            if !connection.write()? {
                connection.wait(STANDSTILL);
                continue;
            }
            if let Some(asked) = flushing.take() {
                self.shared.flush_done(asked);
            }
            quiet = if sent > 0 { 0 } else { quiet + 1 };
            if self.unheard.room() < ROOM {
                connection.wait(STANDSTILL);
            } else if quiet > NAPS {
                self.shared.sleep(account_at.min(look_at).saturating_duration_since(now));
            } else if sent == 0 || self.shared.ring.len() == 0 {
                thread::park_timeout(NAP);
            }
        }
        Ok(())
    }

    /// Writes what waits into `out`, as far as there is room; returns how many exchanges.
    fn fill(&mut self, out: &mut Vec<u8>) -> usize {
        let (mut count, mut batch) = (0, Vec::new());
        while out.len() < BATCH_BYTES && self.unheard.room() >= ROOM {
            self.shared.ring.take(BATCH, BATCH_BYTES, &mut batch);
            if batch.is_empty() {
                break;
            }
            count += batch.len();
            batch.drain(..).for_each(|item| self.send(item, out));
        }
        count
    }

    fn send(&mut self, item: Item, out: &mut Vec<u8>) {
        let start = out.len();
        let said = Said::Exchange(Box::new(item.exchange.record()));
        if wire::append(&said, out) > MAX_BYTES {
            out.truncate(start);
            item.ticket.drop_for(Dropped::TooLarge);
            return;
        }
        let (sums, keys) = item.ticket.send();
        self.unheard.add((Arc::clone(&sums), keys), false);
        if let Said::Exchange(exchange) = said
            && let Some(seeded) = self.seeds.of(exchange)
        {
            wire::append(&Said::Exchange(seeded), out);
            self.unheard.add((sums, keys), true);
        }
    }

    fn dropped(&self) -> u64 {
        self.shared.routes().iter().map(|sums| sums.dropped_in_all()).sum()
    }

    /// Says what became of all exchanges so far.
    fn account(&mut self, out: &mut Vec<u8>) {
        for sums in &self.shared.routes()[self.routes.len()..] {
            self.routes.push(Route { sums: Arc::clone(sums), said: Missed::default(), said_at: 0 });
        }
        let position = self.unheard.position();
        let mut account = Account { routes: BTreeMap::<String, RouteAccount>::new() };
        for route in &mut self.routes {
            let missed = route.sums.take_missed();
            // A route that a policy took away and another brought back counts in two places.
            route.sums.add_to(account.routes.entry(route.sums.route.to_string()).or_default(), &missed);
            if !missed.is_empty() {
                route.said.join(missed);
                route.said_at = position;
            }
        }
        wire::append(&Said::Account(account), out);
    }

    /// What was said before an exchange that is kept was heard.
    fn forget_heard(&mut self) {
        let kept = self.unheard.kept();
        for route in self.routes.iter_mut().filter(|route| kept > route.said_at) {
            route.said = Missed::default();
        }
    }

    /// Nobody knows what of the last words was heard.
    fn say_again(&mut self) {
        for route in &mut self.routes {
            route.sums.miss_again(std::mem::take(&mut route.said));
        }
    }
}

/// Up to a quarter longer.
fn jittered(wait: Duration) -> Duration {
    let chance = hash(u64::from(std::process::id()), &clock_micros().to_le_bytes());
    wait + wait * part(chance, 256) as u32 / 1_024
}
