//! What one hit costs: `cargo run --profile perf -p crossfade-store --example hit_cost`.
//!
//! Nanoseconds for each strategy, on one key and over 100,000 keys of which some are asked for far more often than others.
//! The clock of the hits advances by a microsecond each.

use std::hint::black_box;
use std::time::Instant;

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Limit, LimitId, Limiter, Strategy};
use crossfade_store::Memory;

const HITS: usize = 2_000_000;
const KEYS: u64 = 100_000;

fn main() {
    let hot = vec![b"pages/203.0.113.7".to_vec()];
    let many: Vec<Vec<u8>> =
        (0..KEYS).map(|i| format!("pages/{}.{}.{}.{}", 11 + i % 97, i >> 16, i >> 8 & 255, i & 255).into()).collect();
    let spread = zipf();
    println!("{:24} {:>16} {:>10} {:>10}", "strategy", "rate", "hot key", "100,000");
    for (name, strategy) in [
        ("fixed window", Strategy::FixedWindow),
        ("moving window", Strategy::MovingWindow),
        ("sliding window counter", Strategy::SlidingWindowCounter),
        ("gcra", Strategy::Gcra { burst: 60 }),
    ] {
        // The first grants nearly all, the second refuses nearly all on the hot key.
        for rate in ["1000000/second", "60/minute"] {
            let limit = Limit {
                id: LimitId(0),
                name: "bench".into(),
                rate: rate.parse().expect("a rate"),
                strategy: match strategy {
                    Strategy::Gcra { .. } if rate != "60/minute" => Strategy::Gcra { burst: 1_000_000 },
                    strategy => strategy,
                },
                key: KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip },
            };
            let (hot, many) = (cost(&limit, &hot, &[0; 1]), cost(&limit, &many, &spread));
            println!("{name:24} {rate:>16} {hot:>7.1} ns {many:>7.1} ns");
        }
    }
}

/// Nanoseconds of one hit, the best of five rounds.
fn cost(limit: &Limit, keys: &[Vec<u8>], order: &[u32]) -> f64 {
    let memory = Memory::new(2 * KEYS as usize);
    let mut now = 1_700_000_000_000_000;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for index in 0..HITS {
            let key = &keys[order[index % order.len()] as usize];
            now += 1;
            black_box(memory.hit(limit, key, 1, Timestamp::from_micros(now)));
        }
        best = best.min(start.elapsed().as_nanos() as f64 / HITS as f64);
    }
    best
}

/// A million keys in an order in which the k-th most frequent is asked for about 1/k as often as the first.
fn zipf() -> Vec<u32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let top = (KEYS as f64).ln();
    (0..1_000_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
            ((uniform * top).exp() as u64 - 1).min(KEYS - 1) as u32
        })
        .map(|rank| (u64::from(rank) * 7919 % KEYS) as u32)
        .collect()
}
