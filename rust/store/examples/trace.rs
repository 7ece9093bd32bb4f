//! Runs a trace of hits through the store and prints what it answers, bit for bit: for the differential tests.
//!
//! One operation a line on standard input, five words:
//!
//! ```text
//! STRATEGY RATE KEY COST MICROSECONDS     strategies as in a policy, `gcra:BURST`; rate as `10/1second`; cost `-` only looks
//! ```
//!
//! One answer a line on standard output: `1` admitted, `0` refused or `-` looked; remaining; the bits of reset in hex.

use std::collections::HashMap;
use std::io::{BufWriter, Write, stdin, stdout};

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Flavour, Limit, LimitId, Limiter, Strategy};
use crossfade_store::Memory;

/// More keys than any trace names.
const KEYS: usize = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new(KEYS);
    let mut limits = HashMap::new();
    let mut out = BufWriter::new(stdout().lock());
    for line in stdin().lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().ok_or_else(|| format!("too few words: {line}"));
        let name = (word()?.to_owned(), word()?.to_owned());
        let (key, cost, now) = (word()?, word()?, Timestamp::from_micros(word()?.parse()?));
        if !limits.contains_key(&name) {
            let limit = limit(limits.len(), &name.0, &name.1)?;
            limits.insert(name.clone(), limit);
        }
        let limit = &limits[&name];
        if cost == "-" {
            let window = memory.peek(limit, key.as_bytes(), now);
            writeln!(out, "- {} {:016x}", window.remaining, window.reset.to_bits())?;
        } else {
            let hit = memory.hit(limit, key.as_bytes(), cost.parse()?, now);
            writeln!(out, "{} {} {:016x}", u8::from(hit.admitted), hit.remaining, hit.reset.to_bits())?;
        }
    }
    Ok(out.flush()?)
}

fn limit(index: usize, strategy: &str, rate: &str) -> Result<Limit, Box<dyn std::error::Error>> {
    let strategy = match strategy.split_once(':').unwrap_or((strategy, "")) {
        ("fixed-window", "") => Strategy::FixedWindow,
        ("moving-window", "") => Strategy::MovingWindow,
        ("sliding-window-counter", "") => Strategy::SlidingWindowCounter,
        ("gcra", burst) => Strategy::Gcra { burst: burst.parse()? },
        _ => return Err(format!("no strategy: {strategy}").into()),
    };
    let key = KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip };
    Ok(Limit {
        id: LimitId(u16::try_from(index)?),
        name: rate.into(),
        rate: rate.parse()?,
        strategy,
        flavour: Flavour::Memory,
        key,
        cost: Default::default(),
        settles: false,
    })
}
