//! Runs a trace of operations through the store and gives what it answers, bit for bit: for the differential tests.
//!
//! One line on standard input declares a limit, numbered from 0, or asks something; times are microseconds:
//!
//! ```text
//! limit STRATEGY RATE memory|redis     strategies as in a policy, `gcra:BURST`; rate as `10/1second`
//! hit LIMIT KEY COST NOW
//! test LIMIT KEY COST NOW
//! peek LIMIT KEY NOW
//! settle LIMIT KEY COST NOW CHARGED AT
//! reset LIMIT KEY NOW
//! all NOW [LIMIT KEY COST]...
//! ```
//!
//! Each question has an answer of 17 bytes on standard output, little-endian: what was said (1 yes, 0 no, 2 nothing), and
//! what is left then: remaining (u64) and reset (f64). Of `all` it is the index of the refused charge, or how many there are, and 0.

use std::io::{BufWriter, Write, stdin, stdout};

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Charged, Flavour, Hit, Limit, LimitCharge, LimitId, Limiter, Strategy, Window};
use crossfade_store::Memory;

/// More keys than any trace names.
const KEYS: usize = 1_000_000;

type Error = Box<dyn std::error::Error>;
type Words<'a> = std::str::SplitAsciiWhitespace<'a>;

fn main() -> Result<(), Error> {
    let (memory, mut limits) = (Memory::new(KEYS), Vec::new());
    let mut out = BufWriter::new(stdout().lock());
    for line in stdin().lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        let verb = word(&mut words)?;
        if verb == "limit" {
            limits.push(limit(limits.len(), &mut words)?);
            continue;
        }
        let (said, Window { remaining, reset }) = answer(&memory, &limits, verb, &mut words)?;
        out.write_all(&[said])?;
        out.write_all(&remaining.to_le_bytes())?;
        out.write_all(&reset.to_le_bytes())?;
    }
    Ok(out.flush()?)
}

fn answer(memory: &Memory, limits: &[Limit], verb: &str, words: &mut Words<'_>) -> Result<(u8, Window), Error> {
    if verb == "all" {
        return all(memory, limits, words);
    }
    let limit = limits.get(number(words)? as usize).ok_or("no such limit")?;
    let key = word(words)?.as_bytes();
    let cost = if matches!(verb, "peek" | "reset") { 0 } else { number(words)? };
    let now = Timestamp::from_micros(number(words)?);
    let said = match verb {
        "hit" => {
            let Hit { admitted, remaining, reset } = memory.hit(limit, key, cost, now);
            return Ok((admitted.into(), Window { remaining, reset }));
        }
        "test" => memory.test(limit, key, cost, now).into(),
        "peek" => 2,
        "settle" => {
            let charged = Charged { cost: number(words)?, at: Timestamp::from_micros(number(words)?) };
            memory.settle(limit, key, charged, cost, now);
            2
        }
        "reset" => {
            memory.reset(limit, key);
            2
        }
        _ => return Err(format!("no operation: {verb}").into()),
    };
    Ok((said, memory.peek(limit, key, now)))
}

fn all(memory: &Memory, limits: &[Limit], words: &mut Words<'_>) -> Result<(u8, Window), Error> {
    let now = Timestamp::from_micros(number(words)?);
    let mut charges = Vec::new();
    while let Some(limit) = words.next() {
        let limit = limits.get(limit.parse::<usize>()?).ok_or("no such limit")?;
        charges.push(LimitCharge { limit, key: word(words)?.as_bytes(), cost: number(words)? });
    }
    let (said, count) = match memory.hit_all(&charges, now, &mut Vec::new()) {
        Ok(()) => (1, charges.len()),
        Err(refused) => (0, refused),
    };
    Ok((said, Window { remaining: count as u64, reset: 0.0 }))
}

fn word<'a>(words: &mut Words<'a>) -> Result<&'a str, Error> {
    Ok(words.next().ok_or("too few words")?)
}

fn number(words: &mut Words<'_>) -> Result<u64, Error> {
    Ok(word(words)?.parse()?)
}

fn limit(index: usize, words: &mut Words<'_>) -> Result<Limit, Error> {
    let (strategy, rate, flavour) = (word(words)?, word(words)?, word(words)?);
    let strategy = match strategy.split_once(':').unwrap_or((strategy, "")) {
        ("fixed-window", "") => Strategy::FixedWindow,
        ("moving-window", "") => Strategy::MovingWindow,
        ("sliding-window-counter", "") => Strategy::SlidingWindowCounter,
        ("gcra", burst) => Strategy::Gcra { burst: burst.parse()? },
        _ => return Err(format!("no strategy: {strategy}").into()),
    };
    Ok(Limit {
        id: LimitId(u16::try_from(index)?),
        name: rate.into(),
        rate: rate.parse()?,
        strategy,
        flavour: if flavour == "redis" { Flavour::Redis } else { Flavour::Memory },
        key: KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip },
        cost: Default::default(),
        settles: false,
    })
}
