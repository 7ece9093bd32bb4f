//! The thread that speaks with the server. It is the only one that ever waits for a socket or a name server, and it never
//! waits for anybody who asked.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossfade_core::Timestamp;
use redis::{ConnectionInfo, RedisResult, Value};

use super::behind::{AT_ONCE, FLUSH};
use super::client::{Client, Next};
use super::connection::{Connection, address, is_forgotten};
use super::request::{Cause, Reply, Request, What};
use super::stats::one;

/// How often a server that does not answer is tried.
const PROBE: Duration = Duration::from_millis(250);

/// How long a try may take: nobody waits for it.
const PROBE_PATIENCE: Duration = Duration::from_millis(200);

/// How often this store says that it is there, while it asks something.
const PRESENCE: Duration = Duration::from_secs(5);

/// After so many seconds of silence a store is gone.
const GONE: u64 = 15;

/// Most stores that are counted.
const HOSTS: u64 = 10_000;

/// Starts the thread.
pub(super) fn start(client: &Arc<Client>) -> io::Result<()> {
    let client = Arc::clone(client);
    thread::Builder::new().name("crossfade-redis".into()).spawn(move || {
        let mut wire = Wire::new(&client);
        // A panic must not end the thread: whoever asked gets no reply, and answers by itself.
        while catch_unwind(AssertUnwindSafe(|| wire.run())).is_err() {
            wire.connection = None;
        }
    })?;
    Ok(())
}

struct Wire<'a> {
    client: &'a Client,
    address: Option<ConnectionInfo>,
    connection: Option<Connection>,
    said_at: Option<Instant>,
    flushed_at: Instant,
}

impl<'a> Wire<'a> {
    fn new(client: &'a Client) -> Self {
        let address = address(&client.store, client.password.as_deref()).ok();
        Self { client, address, connection: None, said_at: None, flushed_at: Instant::now() }
    }

    fn run(&mut self) {
        loop {
            let probes = self.client.breaker.is_open().then_some(PROBE);
            let flushes = (!self.client.behind.is_empty())
                .then(|| (self.flushed_at + FLUSH).saturating_duration_since(Instant::now()));
            let next = self.client.next(flushes.into_iter().chain(probes).min());
            // First what was granted here: what is asked now may be about the same keys.
            if self.flushed_at.elapsed() >= FLUSH {
                self.flush();
            }
            match next {
                Next::Batch(batch) => self.answer(&batch),
                Next::Idle if probes.is_some() => self.probe(),
                Next::Idle => {}
                Next::Closed => return self.flush(),
            }
        }
    }

    /// Tells what was granted here.
    fn flush(&mut self) {
        self.flushed_at = Instant::now();
        if self.client.breaker.is_open() {
            return;
        }
        let latest = Timestamp::from_micros(self.client.latest.load(Ordering::Relaxed));
        for charges in self.client.behind.flush().chunks(AT_ONCE) {
            let request = self.client.request(What::Flush, (latest, latest), charges.to_vec(), None).unawaited();
            self.answer(&[Arc::new(request)]);
        }
    }

    /// Asks everything at once, and tells whoever waits.
    fn answer(&mut self, batch: &[Arc<Request>]) {
        let now = Instant::now();
        let (asked, late): (Vec<_>, Vec<_>) = batch.iter().partition(|request| request.deadline > now);
        for request in late {
            self.tell(request, Err(Cause::Timeout));
        }
        let Some(deadline) = asked.iter().map(|request| request.deadline).max() else { return };
        if self.client.breaker.is_open() {
            return asked.into_iter().for_each(|request| self.tell(request, Err(Cause::Breaker)));
        }
        match self.exchange(&asked, deadline) {
            Ok(answers) => {
                for (request, answer) in asked.into_iter().zip(answers) {
                    self.tell(request, answer.map_err(|_| Cause::Refusal).and_then(|value| read(request, &value)));
                }
            }
            Err(error) => {
                self.connection = None;
                let cause = if error.is_timeout() { Cause::Timeout } else { Cause::Disconnected };
                asked.into_iter().for_each(|request| self.tell(request, Err(cause)));
            }
        }
    }

    /// One round trip; two where the server has forgotten the scripts.
    fn exchange(&mut self, requests: &[&Arc<Request>], deadline: Instant) -> RedisResult<Vec<RedisResult<Value>>> {
        let says = self.said_at.is_none_or(|at| at.elapsed() > PRESENCE);
        let (name, key) = (&self.client.name, self.presence_key());
        let connection = self.connected(deadline)?;
        let mut commands: Vec<_> = requests.iter().map(|request| connection.command(request)).collect();
        if says {
            commands.push(connection.hosts(&key, name, GONE, HOSTS));
        }
        let mut answers = connection.exchange(&commands, deadline)?;
        if answers.iter().any(|answer| answer.as_ref().is_err_and(is_forgotten)) {
            one(&self.client.counts.scripts_lost);
            self.again(requests, &mut answers, deadline)?;
        }
        if says {
            self.said_at = Some(Instant::now());
            if let Some(Ok(Value::Int(hosts))) = answers.get(requests.len()) {
                self.client.hosts.store((*hosts).max(1) as u64, Ordering::Relaxed);
            }
        }
        Ok(answers)
    }

    /// Brings the scripts again, and asks what was not understood. What was not understood was not counted.
    fn again(
        &mut self,
        requests: &[&Arc<Request>],
        answers: &mut [RedisResult<Value>],
        deadline: Instant,
    ) -> RedisResult<()> {
        let connection = self.connected(deadline)?;
        connection.load(deadline)?;
        let lost: Vec<usize> =
            (0..requests.len()).filter(|&index| answers[index].as_ref().is_err_and(is_forgotten)).collect();
        let commands: Vec<_> = lost.iter().map(|&index| connection.command(requests[index])).collect();
        for (index, answer) in lost.into_iter().zip(connection.exchange(&commands, deadline)?) {
            answers[index] = answer;
        }
        Ok(())
    }

    /// The connection; a new one if there is none, or if it did not survive a silence.
    fn connected(&mut self, deadline: Instant) -> RedisResult<&mut Connection> {
        if let Some(connection) = &mut self.connection
            && connection.greet(deadline).is_err()
        {
            self.connection = None;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let address = self.address.as_ref().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
                let connection = Connection::open(address, self.client.store.timeout, deadline)?;
                one(&self.client.counts.connects);
                self.said_at = None;
                Ok(none.insert(connection))
            }
        }
    }

    /// While the breaker is open: whether the server answers again.
    fn probe(&mut self) {
        self.connection = None;
        if self.client.breaker.is_open() && self.connected(Instant::now() + PROBE_PATIENCE).is_ok() {
            self.client.breaker.close();
        }
    }

    fn tell(&self, request: &Request, reply: Reply) {
        self.client.learn(request, &reply);
        let failed = reply.is_err();
        if request.tell(reply) {
            return;
        }
        if request.awaited && !failed {
            one(&self.client.counts.late);
        } else if !request.awaited && failed {
            one(&self.client.counts.lost);
        }
    }

    fn presence_key(&self) -> String {
        format!("{}:{}/crossfade/hosts", self.client.store.key_prefix, self.client.store.namespace)
    }
}

fn read(request: &Request, value: &Value) -> Reply {
    if request.what == What::Reset {
        return Ok(Vec::new());
    }
    let Value::Array(answers) = value else { return Err(Cause::Refusal) };
    let seen = request.charges.iter().zip(answers).map(|(charge, answer)| charge.read(answer, request.now, request.at));
    seen.collect::<Option<_>>().ok_or(Cause::Refusal)
}
