//! Numbers that no two calls get, in whatever process: whoever waits to swap a state with one meets no other of the same look.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// A number that is equal to another's with a chance of 2^-64. A fork takes the counter and the key along, so the process is
/// in it.
pub(crate) fn fresh() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    KEY.get_or_init(RandomState::new).hash_one((std::process::id(), COUNT.fetch_add(1, Relaxed)))
}
