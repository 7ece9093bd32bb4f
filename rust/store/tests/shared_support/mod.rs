//! What the laws of the shared table are tried on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Flavour, Limit, LimitId, Strategy};
use crossfade_store::Shared;
use crossfade_store::shared::{OnFull, Options};

pub const STRATEGIES: [Strategy; 4] =
    [Strategy::FixedWindow, Strategy::MovingWindow, Strategy::SlidingWindowCounter, Strategy::Gcra { burst: 3 }];

const START: u64 = 1_700_000_000_000_000;

pub fn limit(id: u16, rate: &str, strategy: Strategy) -> Limit {
    let key = KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip };
    let rate_of = rate.parse().expect("a rate");
    Limit {
        id: LimitId(id),
        name: "limit".into(),
        rate: rate_of,
        strategy,
        flavour: Flavour::Memory,
        key,
        cost: Default::default(),
        settles: false,
    }
}

pub fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(START + micros)
}

/// A file of its own for one test, removed with it.
pub struct Table {
    pub path: PathBuf,
    pub options: Options,
}

impl Table {
    pub fn new(keys: u64, on_full: OnFull) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("crossfade-law-{}-{}.shm", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { path: std::env::temp_dir().join(name), options: Options { keys, ring_bytes: 16 << 20, on_full } }
    }

    pub fn open(&self) -> Shared {
        Shared::open(&self.path, &self.options).expect("a table")
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
