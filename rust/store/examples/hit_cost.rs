//! What one hit costs: `cargo run --profile perf -p crossfade-store --example hit_cost`.
//!
//! Nanoseconds for each strategy, on one key and over 100,000 keys of which some are asked for far more often than others.
//! The clock of the hits advances by a microsecond each.

use std::hint::black_box;
use std::time::Instant;

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Flavour, Limit, LimitId, Limiter, Strategy};
use crossfade_store::Memory;

const ROUNDS: usize = 1_000;
const HITS: usize = 2_000;
const KEYS: u64 = 100_000;

/// The bytes of one key. As in a service, the key of a hit has just been written when the store reads it.
type Key = [u8; 20];

fn main() {
    let hot = vec![key(0)];
    let many: Vec<Key> = zipf().collect();
    println!("{:24} {:>16} {:>10} {:>10}", "strategy", "rate", "hot key", "100,000");
    for (name, strategy) in [
        ("fixed window", Strategy::FixedWindow),
        ("moving window", Strategy::MovingWindow),
        ("sliding window counter", Strategy::SlidingWindowCounter),
        ("gcra", Strategy::Gcra { burst: 60 }),
    ] {
        // The first grants every hit on the hot key, the second refuses nearly all of them.
        for rate in ["10000/second", "60/minute"] {
            let limit = Limit {
                id: LimitId(0),
                name: "bench".into(),
                rate: rate.parse().expect("a rate"),
                strategy,
                flavour: Flavour::Memory,
                key: KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip },
                cost: Default::default(),
                settles: false,
            };
            let (hot, many) = (cost(&limit, &hot), cost(&limit, &many));
            println!("{name:24} {rate:>16} {hot:>7.1} ns {many:>7.1} ns");
        }
    }
}

/// Nanoseconds of one hit: the median of the quicker half of many short rounds, after one pass over all keys. What else
/// the machine does lands in the slower half.
fn cost(limit: &Limit, keys: &[Key]) -> f64 {
    let memory = Memory::new(2 * KEYS as usize);
    let mut now = 1_700_000_000_000_000;
    let mut hit = |key: &Key| {
        // Ten thousand a second, whichever the strategy and however fast this machine is.
        now += 100;
        black_box(memory.hit(limit, key, 1, Timestamp::from_micros(now)));
    };
    keys.iter().for_each(&mut hit);
    let mut keys = keys.iter().cycle();
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            keys.by_ref().take(HITS).for_each(&mut hit);
            start.elapsed().as_nanos() as f64 / HITS as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 4]
}

fn key(rank: u64) -> Key {
    // Neighbours in rank are no neighbours in memory.
    let i = rank * 7919 % KEYS;
    let text = format!("pages/{}.{}.{}.{:<20}", 11 + i % 97, i >> 16, i >> 8 & 255, i & 255);
    *text.as_bytes().first_chunk().expect("padded to more than 20 bytes")
}

/// A million keys in an order in which the k-th most frequent is asked for about 1/k as often as the first.
fn zipf() -> impl Iterator<Item = Key> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let top = (KEYS as f64).ln();
    (0..1_000_000).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
        key(((uniform * top).exp() as u64 - 1).min(KEYS - 1))
    })
}
