//! A worker that hits a shared table as fast as it can, so that it can be killed while it does: for the storms of
//! tests/journey/test_shared_storms.py.
//!
//! ```text
//! storm work  TABLE KEYS RING_BYTES LIMITS CLOCK TRACE SEED    hits keys at random until its standard input ends
//! storm sweep TABLE KEYS RING_BYTES LIMITS NOW                 hits each key once, and prints those that were refused
//! storm flood TABLE KEYS RING_BYTES LIMITS NOW COUNT           blocks each key, hits COUNT others, prints who got free
//! ```
//!
//! LIMITS is a file with a line for each limit: its name, strategy (`gcra:BURST`), rate, and how many keys it has. CLOCK holds
//! `now` in microseconds, eight bytes; while it is 0, a worker prints `paused` and waits for a line.
//!
//! TRACE.try holds what the worker is about to hit (sequence number, now, limit, key); TRACE.hits what was answered (now, limit,
//! key, twice the sequence number and 1 if it was granted), but for repeated refusals of one key at one time. Whatever is
//! written there stays when the worker is killed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, Write, stdin};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Flavour, Limit, LimitId, Limiter, Strategy};
use crossfade_store::Shared;
use crossfade_store::shared::{OnFull, Opened, Options};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map(String::as_str).ok_or("too few arguments");
    let options = Options { keys: word(2)?.parse()?, ring_bytes: word(3)?.parse()?, on_full: OnFull::Share };
    let shared = Shared::open(Path::new(word(1)?), &options)?;
    let limits = limits(&std::fs::read_to_string(word(4)?)?)?;
    match word(0)? {
        "work" => work(&shared, &limits, word(5)?, word(6)?, word(7)?.parse()?),
        "sweep" => sweep(&shared, &limits, word(5)?.parse()?),
        "flood" => flood(&shared, &limits, word(5)?.parse()?, word(6)?.parse()?),
        other => Err(format!("no such storm: {other}").into()),
    }
}

/// Limits, each with its number of keys.
fn limits(text: &str) -> Outcome<Vec<(Limit, u64)>> {
    text.lines().enumerate().map(|(index, line)| limit(index, line)).collect()
}

fn limit(index: usize, line: &str) -> Outcome<(Limit, u64)> {
    let [name, strategy, rate, keys] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(format!("not four words: {line}").into());
    };
    let strategy = match strategy.split_once(':').unwrap_or((strategy, "")) {
        ("fixed-window", "") => Strategy::FixedWindow,
        ("moving-window", "") => Strategy::MovingWindow,
        ("sliding-window-counter", "") => Strategy::SlidingWindowCounter,
        ("gcra", burst) => Strategy::Gcra { burst: burst.parse()? },
        _ => return Err(format!("no strategy: {strategy}").into()),
    };
    let key = KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip };
    let (id, flavour) = (LimitId(u16::try_from(index)?), Flavour::Memory);
    let (name, rate) = (name.into(), rate.parse()?);
    Ok((Limit { id, name, rate, strategy, flavour, key, cost: Default::default(), settles: false }, keys.parse()?))
}

fn work(shared: &Shared, limits: &[(Limit, u64)], clock: &str, trace: &str, seed: u64) -> Outcome<()> {
    let clock = File::open(clock)?;
    let trying = File::create(format!("{trace}.try"))?;
    let mut hits = File::create(format!("{trace}.hits"))?;
    let (mut random, mut refused, mut last, mut sequence) = (Random(seed), HashSet::new(), 0, 0);
    loop {
        let mut now = [0; 8];
        clock.read_exact_at(&mut now, 0)?;
        let now = u64::from_ne_bytes(now);
        if now != last {
            refused.clear();
            last = now;
        }
        if now == 0 {
            println!("paused");
            if stdin().lock().read_line(&mut String::new())? == 0 {
                return Ok(());
            }
            continue;
        }
        // A limit with one key is hammered as much as one with a hundred thousand.
        let index = random.below(limits.len() as u64);
        let (limit, keys) = &limits[index as usize];
        let key = random.below(*keys);
        sequence += 1;
        trying.write_all_at(bytes([sequence, now, index, key]).as_flattened(), 0)?;
        let granted = shared.hit(limit, &key.to_ne_bytes(), 1, Timestamp::from_micros(now)).admitted;
        if granted || refused.insert((index, key)) {
            // One call, so that it is there as a whole or not at all.
            hits.write_all(bytes([now, index, key, sequence << 1 | u64::from(granted)]).as_flattened())?;
        }
    }
}

fn sweep(shared: &Shared, limits: &[(Limit, u64)], now: u64) -> Outcome<()> {
    if shared.opened() != Opened::Joined {
        return Err("the table was no longer there".into());
    }
    for (limit, keys) in limits {
        for key in 0..*keys {
            if !shared.hit(limit, &key.to_ne_bytes(), 1, Timestamp::from_micros(now)).admitted {
                println!("{} {key}", limit.name);
            }
        }
    }
    Ok(())
}

fn flood(shared: &Shared, limits: &[(Limit, u64)], now: u64, count: u64) -> Outcome<()> {
    let now = Timestamp::from_micros(now);
    let is_free = |limit: &Limit, key: u64| shared.hit(limit, &key.to_ne_bytes(), 1, now).admitted;
    for (limit, keys) in limits {
        (0..*keys).for_each(|key| while is_free(limit, key) {});
    }
    let before = resident()?;
    let mut random = Random(count);
    for _ in 0..count {
        let (limit, keys) = &limits[random.below(limits.len() as u64) as usize];
        is_free(limit, random.below(u64::MAX - keys) + keys);
    }
    let after = resident()?;
    let free = |(limit, keys): &(Limit, u64)| (0..*keys).filter(|key| is_free(limit, *key)).count();
    let stats = shared.stats();
    println!("free {}", limits.iter().map(free).sum::<usize>());
    println!("grown {}", after.saturating_sub(before));
    println!("evicted {}", stats.evicted_live);
    println!("blocked {}", stats.evicted_blocked);
    Ok(())
}

/// Memory of this process alone, in bytes: the file that it shares is not in it.
fn resident() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0 kB");
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024)
}

fn bytes<const N: usize>(words: [u64; N]) -> [[u8; 8]; N] {
    words.map(u64::to_ne_bytes)
}

/// Numbers that look random: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound.max(1)
    }
}
