//! What one hit of the crate `governor` costs, in the rows of `limits_cost`: the same rate, keys and times.
//!
//! Its keys are never forgotten, and its only strategy is `gcra`. It reads a clock itself; with one that is moved on by
//! hand, as ours are told the time, the clock is not in the figure.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

type Key = [u8; 16];
type Instant = <FakeRelativeClock as Clock>::Instant;
type Told = RateLimiter<Key, DefaultKeyedStateStore<Key>, FakeRelativeClock, NoOpMiddleware<Instant>>;

const KEYS: u64 = 1 << 20;
const HITS: u64 = 500_000;

fn main() {
    for (name, count) in [("hot", 1), ("many", KEYS)] {
        let clock = FakeRelativeClock::default();
        let told: Told = RateLimiter::new(quota(), DefaultKeyedStateStore::default(), clock.clone());
        row(&format!("governor, {name}, gcra"), count, |key| {
            clock.advance(Duration::from_millis(1));
            told.check_key(key).is_ok()
        });
        let reads = RateLimiter::keyed(quota());
        row(&format!("governor with its clock, {name}, gcra"), count, |key| reads.check_key(key).is_ok());
    }
}

fn quota() -> Quota {
    Quota::per_second(NonZeroU32::new(4_000).expect("not 0"))
}

/// The quickest of several rounds, after each key was hit once.
fn row(name: &str, count: u64, hit: impl Fn(&Key) -> bool) {
    (0..count).for_each(|number| {
        hit(&key(number));
    });
    let mut state = 1u64;
    let keys: Vec<Key> = (0..count.min(1 << 18))
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            key((state >> 33) % count)
        })
        .collect();
    let times = (0..7).map(|_| {
        let start = worked();
        keys.iter().cycle().take(HITS as usize).for_each(|key| {
            black_box(hit(key));
        });
        (worked() - start) / HITS as f64
    });
    let each = times.fold(f64::INFINITY, f64::min);
    println!("{name}\t{each:.1}\t{:.2}", 1e3 / each);
}

fn key(number: u64) -> Key {
    let text = format!("pages/{:010}", number % KEYS);
    *text.as_bytes().first_chunk().expect("16 bytes")
}

/// Nanoseconds that a processor has worked for this process.
fn worked() -> f64 {
    let times = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    times.split(' ').next().and_then(|time| time.parse().ok()).expect("a number")
}
