//! One worker: decides, sends, connects again when the sidecar has gone, and counts.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::AddAssign;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossfade_core::{Policy, Request, Scratch, Timestamp, admit};
use crossfade_exchange::frame;
use crossfade_exchange::hash::of_key;
use crossfade_exchange::wire::{Account, Dropped, Heard, Hello, RouteAccount, Said, VERSION};
use crossfade_exchange::{Exchange, Observation, Outcome, observe};
use crossfade_store::Memory;

use super::Arguments;

/// How long the end waits for the last acknowledgement.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often a worker says what became of its exchanges.
const ACCOUNT: Duration = Duration::from_millis(500);

/// What one worker came to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sum {
    pub requests: u64,
    pub sent: u64,
    pub seeded: u64,
    pub dropped: u64,
    pub lost: u64,
    pub wrong: u64,
    pub acknowledged: u64,
    pub connections: u64,
    pub unanswered: u64,
}

/// One worker.
pub struct Worker<'a> {
    arguments: &'a Arguments,
    policy: &'a Policy,
    index: u64,
    workers: u64,
    epoch: u64,
    memory: Memory,
    scratch: Scratch,
    sum: Sum,
    account: RouteAccount,
    route: String,
    line: Option<Line>,
}

/// A connection.
struct Line {
    stream: UnixStream,
    /// What the sidecar has said last.
    heard: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
}

impl<'a> Worker<'a> {
    /// A worker that has done nothing yet.
    pub fn new(index: u64, workers: u64, arguments: &'a Arguments, policy: &'a Policy) -> Self {
        Self {
            arguments,
            policy,
            index,
            workers,
            epoch: micros() + index,
            memory: Memory::new(policy.store.max_keys()),
            scratch: Scratch::new(),
            sum: Sum::default(),
            account: RouteAccount::default(),
            route: String::new(),
            line: None,
        }
    }

    /// Works until its time or its count is over, and all is acknowledged.
    pub fn work(mut self) -> Sum {
        let arguments = self.arguments;
        let rate = arguments.number("rate", 1_000).max(1) as f64 / self.workers as f64;
        let until = Duration::from_secs(arguments.number("seconds", 10));
        let count = arguments.0.get("count").map(|_| arguments.number("count", 0) / self.workers);
        let every = |name: &str, nth: u64| {
            let one_in = arguments.number(name, 0);
            one_in > 0 && nth.is_multiple_of(one_in)
        };
        let step = arguments.number("step", 0);
        let (began, start) = (Instant::now(), self.epoch);
        let mut accounted = Instant::now();
        for nth in 0.. {
            match count {
                Some(count) if nth >= count => break,
                None if began.elapsed() >= until => break,
                _ => {}
            }
            let due = Duration::from_secs_f64(nth as f64 / rate);
            thread::sleep(due.saturating_sub(began.elapsed()));
            let received_at = if step > 0 { start + nth * step } else { micros() };
            let (wrong, seeded) = (every("wrong", nth + 1), every("seeded", nth + 1));
            let exchange = self.exchange(nth, received_at, wrong || seeded, seeded);
            self.account.requests += u64::from(!seeded);
            self.sum.requests += u64::from(!seeded);
            if every("dropped", nth + 1) {
                self.drop(&exchange, Dropped::QueueFull);
            } else {
                self.sum.wrong += u64::from(wrong && !seeded);
                self.send(exchange);
            }
            if accounted.elapsed() >= ACCOUNT || (step > 0 && nth.is_multiple_of(100)) {
                accounted = Instant::now();
                self.say_account();
            }
        }
        self.say_account();
        self.wait();
        self.sum
    }

    fn drop(&mut self, exchange: &Exchange, why: Dropped) {
        self.sum.dropped += 1;
        *self.account.dropped.entry(why).or_default() += 1;
        if !self.arguments.0.contains_key("silent-about-drops") {
            let charges = exchange.control.iter().filter_map(|side| side.charges.as_ref()).flatten();
            self.account.missed.extend(charges.map(|charge| of_key(&charge.limit, &charge.key)));
        }
    }

    fn exchange(&mut self, nth: u64, received_at: u64, wrong: bool, seeded: bool) -> Exchange {
        let target = self.arguments.text("target", "POST /api/things");
        let (method, path) = target.split_once(' ').expect("a target is METHOD PATH");
        let who = nth.wrapping_mul(2_654_435_761) % self.arguments.number("keys", 50).max(1);
        let peer = format!("10.{}.{}.{}", self.index, who / 250, 1 + who % 250);
        let body = vec![b' '; self.arguments.number("body", 2) as usize];
        let body = [b"{}", &body[..body.len().saturating_sub(2)]].concat();
        let kind = ("content-type", "application/json");
        let id = format!("feed-{}-{nth}", self.index);
        let headers = [
            (&b"host"[..], &b"example.org"[..]),
            (kind.0.as_bytes(), kind.1.as_bytes()),
            (b"x-request-id", id.as_bytes()),
        ];
        let request = Request {
            method: method.as_bytes(),
            raw_path: path.as_bytes(),
            query: b"",
            headers: &headers,
            peer: Some(&peer),
            body: &body,
            given: &[],
        };
        let route_id = self.policy.route_of(request.method, request.raw_path).expect("a target of the policy");
        let route = self.policy.route(route_id);
        self.route = route.name.to_string();
        let started = Instant::now();
        let now = Timestamp::from_micros(received_at);
        let answer = admit(self.policy, route_id, &self.memory, &request, now, &mut self.scratch);
        let mut control = observe(self.policy, route, answer, &self.scratch);
        control.nanos = started.elapsed().as_nanos() as u64;
        let mut candidate = control.clone();
        if wrong {
            candidate.outcome = Some(Outcome::Invalid { code: "wrong_on_purpose".to_owned(), field: None });
        }
        Exchange {
            version: crossfade_exchange::record::VERSION,
            route: self.route.clone(),
            received_at,
            worker: self.pid(),
            epoch: self.epoch,
            sequence: nth,
            stage: self.arguments.text("stage", "shadow"),
            entered: self.arguments.number("entered", 1),
            elapsed: started.elapsed().as_nanos() as u64 + 500,
            seeded,
            authoritative: "control".to_owned(),
            request: crossfade_exchange::Request {
                method: request.method.to_vec(),
                raw_path: request.raw_path.to_vec(),
                headers: headers.iter().map(|(name, value)| (name.to_vec().into(), value.to_vec().into())).collect(),
                peer: Some(peer.clone()),
                body_bytes: body.len() as u64,
                body: Some(body.clone().into()),
                ..Default::default()
            },
            control: Some(control).filter(|_| !self.arguments.0.contains_key("without-control")),
            candidate: Some(Observation { nanos: 2_000, ..candidate }),
            build: self.arguments.text("build", ""),
            policy: route.digest.to_string(),
            control_digest: "feed".to_owned(),
        }
    }

    fn pid(&self) -> u64 {
        1_000_000 + self.index
    }

    fn send(&mut self, exchange: Exchange) {
        if !self.connect() {
            return self.drop(&exchange, Dropped::NoSidecar);
        }
        let seeded = exchange.seeded;
        // Written or not, it left: what did not arrive is found to be lost when it is next heard.
        (if seeded { &mut self.sum.seeded } else { &mut self.sum.sent }).add_assign(1);
        self.account.sent += u64::from(!seeded);
        self.write(&Said::Exchange(Box::new(exchange)));
    }

    fn say_account(&mut self) {
        if !self.connect() {
            return;
        }
        let account = Account { routes: BTreeMap::from([(self.route.clone(), self.account.clone())]) };
        if self.write(&Said::Account(account)) {
            self.account.missed.clear();
            self.account.missed_more = false;
        }
    }

    fn write(&mut self, said: &Said) -> bool {
        let Some(line) = &mut self.line else { return false };
        let written = frame::write(&mut line.stream, said, &mut Vec::new()).and_then(|()| line.stream.flush());
        if written.is_err() {
            self.line = None;
        }
        written.is_ok()
    }

    /// Connects unless it is. What an earlier connection lost is counted.
    fn connect(&mut self) -> bool {
        if self.line.is_some() {
            return true;
        }
        let Ok(line) =
            Line::open(&self.arguments.text("socket", ""), self.pid(), self.epoch, &self.arguments.text("build", ""))
        else {
            return false;
        };
        let heard = line.heard.load(Ordering::Relaxed);
        // Seeded ones are in what is heard, and not in the account; a test that loses some has none.
        let lost = (self.sum.sent + self.sum.seeded).saturating_sub(heard + self.sum.lost);
        self.sum.lost += lost;
        self.account.lost += lost;
        self.account.missed_more |= lost > 0;
        self.sum.connections += 1;
        self.line = Some(line);
        true
    }

    /// Waits until everything is acknowledged that was not lost.
    fn wait(&mut self) {
        let until = Instant::now() + PATIENCE;
        let mut told = self.sum.lost;
        while Instant::now() < until {
            if !self.connect() {
                thread::sleep(Duration::from_millis(20));
                continue;
            }
            if told != self.sum.lost {
                told = self.sum.lost;
                self.say_account();
            }
            let Some(line) = &self.line else { continue };
            let heard = line.heard.load(Ordering::Relaxed);
            self.sum.acknowledged = heard;
            if heard + self.sum.lost >= self.sum.sent + self.sum.seeded {
                break;
            }
            if line.broken.load(Ordering::Relaxed) {
                self.line = None;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.sum.unanswered = (self.sum.sent + self.sum.seeded).saturating_sub(self.sum.acknowledged + self.sum.lost);
    }
}

impl Line {
    fn open(path: &str, worker: u64, epoch: u64, build: &str) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        let hello = Hello { version: VERSION, worker, epoch, build: build.to_owned() };
        frame::write(&mut stream, &Said::Hello(hello), &mut Vec::new())?;
        let mut reader = stream.try_clone()?;
        reader.set_read_timeout(Some(PATIENCE))?;
        let first: Option<Heard> = frame::read(&mut reader, &mut Vec::new())?;
        let first = first.ok_or(io::ErrorKind::UnexpectedEof)?;
        if first.version != VERSION {
            return Err(io::Error::other("another version"));
        }
        reader.set_read_timeout(None)?;
        let heard = Arc::new(AtomicU64::new(first.exchanges));
        let broken = Arc::new(AtomicBool::new(false));
        let (hears, breaks) = (Arc::clone(&heard), Arc::clone(&broken));
        thread::spawn(move || {
            let mut buffer = Vec::new();
            while let Ok(Some(Heard { exchanges, .. })) = frame::read(&mut reader, &mut buffer) {
                hears.store(exchanges, Ordering::Relaxed);
            }
            breaks.store(true, Ordering::Relaxed);
        });
        Ok(Self { stream, heard, broken })
    }
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}
