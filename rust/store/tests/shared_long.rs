//! What takes long to show: `make test-long`.
#![cfg(target_os = "linux")]

#[path = "shared_support/mod.rs"]
mod shared_support;

use crossfade_core::limit::Limiter;
use crossfade_store::shared::OnFull;
use shared_support::{STRATEGIES, Table, at, limit};

/// However many keys come, a process takes no more memory than the file has: after one million others, ten million take nothing.
#[test]
#[ignore = "long"]
fn keys_take_no_memory() {
    let table = Table::new(100_000, OnFull::Share);
    let shared = table.open();
    let limit = limit(0, "3/hour", STRATEGIES[0]);
    let mut key = 0u64;
    let mut flood = |keys: u64| {
        for _ in 0..keys {
            key += 1;
            shared.hit(&limit, &key.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes(), 1, at(key));
        }
        resident()
    };
    let (before, after) = (flood(1_000_000), flood(10_000_000));
    assert!(after <= before + (1 << 20), "{before} bytes before, {after} after");
    assert_eq!(shared.stats().hits, 11_000_000);
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
}
