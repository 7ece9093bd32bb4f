//! Runs operations against a real server and prints what comes of each, bit for bit: for the tests over Redis.
//!
//! Arguments: the server (`host:port` or the path of a socket), then any of `failure=degrade|open|closed`,
//! `counting=sync|lease|write-behind`, `timeout=MILLISECONDS`, `key_prefix=TEXT`, `namespace=TEXT`, `database=NUMBER`.
//!
//! One operation a line on standard input, each answered by a line at once. Charges are `STRATEGY RATE KEY COST`, as in the
//! example `trace`; `now` is the clock's, unless a line begins with `@MICROSECONDS`.
//!
//! ```text
//! hit CHARGE…             hits so far, as `1|0 remaining reset-bits`, separated by `;`; then who answered
//! all CHARGE…             the same, all or none
//! look CHARGE             what `test` says, remaining, reset
//! settle CHARGE TRUE AT   corrects the cost of a charge made at AT
//! reset CHARGE            forgets
//! flood N THREADS CHARGE  N hits by each of so many threads at once: granted, longest wait in microseconds, waits above
//!                         25 ms, and by how much as many threads that only waited for a time woke up late, at most
//! storm MS THREADS CHARGE the same, for so many milliseconds, with a pause after each hit
//! stats                   every count as NAME=VALUE, and the hosts
//! ```

use std::io::{BufRead, Write, stdin, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Charged, Flavour, Hit, Limit, LimitCharge, LimitId, Limiter, Strategy};
use crossfade_core::policy::{Counting, Failure, RedisStore, Server};
use crossfade_store::Redis;
use crossfade_store::redis::{Answers, Order};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let mut arguments = std::env::args().skip(1);
    let redis = Redis::new(store(&arguments.next().ok_or("no server")?, arguments)?, None);
    let mut limits = Vec::new();
    for line in stdin().lock().lines() {
        let answer = answer(&redis, &mut limits, &line?)?;
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn store(server: &str, options: impl Iterator<Item = String>) -> Fallible<RedisStore> {
    let (host, port) = server.split_once(':').unwrap_or((server, "0"));
    let mut store = RedisStore {
        server: Server { host: host.into(), port: port.parse()?, ..Server::default() },
        password_env: None,
        counting: Counting::Sync,
        timeout: Duration::from_millis(20),
        failure: Failure::Degrade,
        key_prefix: "LIMITS".into(),
        namespace: "LIMITER".into(),
        max_keys: 100_000,
    };
    for option in options {
        match option.split_once('=').ok_or("not NAME=VALUE")? {
            ("failure", "degrade") => store.failure = Failure::Degrade,
            ("failure", "open") => store.failure = Failure::Open,
            ("failure", "closed") => store.failure = Failure::Closed,
            ("counting", "sync") => store.counting = Counting::Sync,
            ("counting", "lease") => store.counting = Counting::Lease,
            ("counting", "write-behind") => store.counting = Counting::WriteBehind,
            ("timeout", milliseconds) => store.timeout = Duration::from_millis(milliseconds.parse()?),
            ("key_prefix", key_prefix) => store.key_prefix = key_prefix.into(),
            ("namespace", namespace) => store.namespace = namespace.into(),
            ("database", number) => store.server.database = number.parse()?,
            ("max_keys", number) => store.max_keys = number.parse()?,
            _ => return Err(format!("unknown option {option}").into()),
        }
    }
    Ok(store)
}

fn answer(redis: &Redis, limits: &mut Vec<(String, Limit)>, line: &str) -> Fallible<String> {
    let mut words: Vec<_> = line.split_ascii_whitespace().collect();
    let now = match words.first().and_then(|word| word.strip_prefix('@')) {
        Some(micros) => {
            let now = Timestamp::from_micros(micros.parse()?);
            words.remove(0);
            now
        }
        None => clock()?,
    };
    let what = words.remove(0);
    let extra = match what {
        "settle" => words.split_off(4),
        "flood" | "storm" => words.drain(..2).collect(),
        _ => Vec::new(),
    };
    let mut charges = Vec::new();
    for charge in words.chunks_exact(4) {
        charges.push((limit(limits, charge[0], charge[1])?, charge[2].as_bytes(), charge[3].parse()?));
    }
    let charges: Vec<_> =
        charges.iter().map(|&(index, key, cost)| LimitCharge { limit: &limits[index].1, key, cost }).collect();
    let first = || charges.first().copied().ok_or("no charge");
    Ok(match what {
        "hit" => print(&redis.submit(&charges, Order::Sequential, now, None).wait()),
        "all" => print(&redis.submit(&charges, Order::Atomic, now, None).wait()),
        "look" => {
            let LimitCharge { limit, key, cost } = first()?;
            let window = redis.peek(limit, key, now);
            let (admitted, remaining, reset) = (redis.test(limit, key, cost, now), window.remaining, window.reset);
            one(&Hit { admitted, remaining, reset })
        }
        "settle" => {
            let LimitCharge { limit, key, cost } = first()?;
            let charged = Charged { cost, at: Timestamp::from_micros(extra[1].parse()?) };
            redis.settle(limit, key, charged, extra[0].parse()?, now);
            "told".to_owned()
        }
        "reset" => {
            let LimitCharge { limit, key, .. } = first()?;
            redis.reset(limit, key);
            "told".to_owned()
        }
        "flood" => {
            let (count, charge): (u64, _) = (extra[0].parse()?, first()?);
            together(extra[1].parse()?, |wave| (0..count).for_each(|_| wave.hit(redis, &charge)))
        }
        "storm" => {
            const PAUSE: Duration = Duration::from_micros(500);
            let (time, charge) = (Duration::from_millis(extra[0].parse()?), first()?);
            let start = Instant::now();
            together(extra[1].parse()?, |wave| {
                while start.elapsed() < time {
                    wave.hit(redis, &charge);
                    thread::park_timeout(PAUSE);
                }
            })
        }
        "stats" => {
            let stats: Vec<_> = redis.stats().named().iter().map(|(name, count)| format!("{name}={count}")).collect();
            format!("{} hosts={}", stats.join(" "), redis.hosts())
        }
        _ => return Err(format!("unknown operation {what}").into()),
    })
}

/// What came of a flood or a storm.
#[derive(Default)]
struct Wave {
    granted: u64,
    /// Longest wait, by the store's own clock.
    longest: Duration,
    /// Waits above this.
    slow: u64,
}

/// The default timeout, and a little.
const SLOW: Duration = Duration::from_millis(25);

impl Wave {
    fn hit(&mut self, redis: &Redis, charge: &LimitCharge<'_>) {
        let start = Instant::now();
        let answers = redis.submit(&[*charge], Order::Sequential, clock().unwrap_or_default(), None).wait();
        let took = start.elapsed();
        self.longest = self.longest.max(took);
        self.slow += u64::from(took > SLOW);
        self.granted += u64::from(answers.refused().is_none());
    }
}

/// Runs `hits` on some threads: granted, longest wait, waits above [`SLOW`], and the machine's own delay meanwhile; times
/// in microseconds.
fn together(threads: usize, hits: impl Fn(&mut Wave) + Sync) -> String {
    let running = AtomicBool::new(true);
    let idle = || {
        const NAP: Duration = Duration::from_millis(5);
        let mut latest = Duration::ZERO;
        while running.load(Ordering::Relaxed) {
            let start = Instant::now();
            thread::park_timeout(NAP);
            latest = latest.max(start.elapsed().saturating_sub(NAP));
        }
        latest
    };
    let one = || {
        let mut wave = Wave::default();
        hits(&mut wave);
        wave
    };
    thread::scope(|scope| {
        let idlers: Vec<_> = (0..threads).map(|_| scope.spawn(idle)).collect();
        let waves: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let waves: Vec<Wave> = waves.into_iter().map(|thread| thread.join().unwrap_or_default()).collect();
        running.store(false, Ordering::Relaxed);
        let late = idlers.into_iter().map(|thread| thread.join().unwrap_or_default()).max().unwrap_or_default();
        let longest = waves.iter().map(|wave| wave.longest).max().unwrap_or_default();
        let [granted, slow] =
            [|wave: &Wave| wave.granted, |wave: &Wave| wave.slow].map(|of| waves.iter().map(of).sum::<u64>());
        format!("{granted} {} {slow} {}", longest.as_micros(), late.as_micros())
    })
}

fn clock() -> Fallible<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::from_micros(u64::try_from(since.as_micros())?))
}

fn print(answers: &Answers) -> String {
    let hits: Vec<_> = answers.hits.iter().map(one).collect();
    format!("{} {:?}", hits.join(";"), answers.by)
}

fn one(hit: &Hit) -> String {
    format!("{} {} {:016x}", u8::from(hit.admitted), hit.remaining, hit.reset.to_bits())
}

fn limit(limits: &mut Vec<(String, Limit)>, strategy: &str, rate: &str) -> Fallible<usize> {
    let name = format!("{strategy} {rate}");
    if let Some(index) = limits.iter().position(|(known, _)| *known == name) {
        return Ok(index);
    }
    let strategy = match strategy.split_once(':').unwrap_or((strategy, "")) {
        ("fixed-window", "") => Strategy::FixedWindow,
        ("moving-window", "") => Strategy::MovingWindow,
        ("sliding-window-counter", "") => Strategy::SlidingWindowCounter,
        ("gcra", burst) => Strategy::Gcra { burst: burst.parse()? },
        _ => return Err(format!("no strategy: {strategy}").into()),
    };
    let key = KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip };
    let id = LimitId(u16::try_from(limits.len())?);
    let limit = Limit {
        id,
        name: rate.into(),
        rate: rate.parse()?,
        strategy,
        flavour: Flavour::Redis,
        key,
        cost: Default::default(),
        settles: false,
    };
    limits.push((name, limit));
    Ok(limits.len() - 1)
}
