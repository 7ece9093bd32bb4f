//! The words that processes share, and all that is ever done to them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use portable_atomic::AtomicU128;

/// One word of shared memory. Every access is sequentially consistent: what a model explores is then what runs.
pub(crate) trait Word<T> {
    /// What it holds.
    fn load(&self) -> T;

    /// Puts `next` where `seen` stands; says whether `seen` still stood there.
    fn swap(&self, seen: T, next: T) -> bool;
}

impl Word<u64> for AtomicU64 {
    #[inline]
    fn load(&self) -> u64 {
        self.load(SeqCst)
    }

    #[inline]
    fn swap(&self, seen: u64, next: u64) -> bool {
        self.compare_exchange(seen, next, SeqCst, SeqCst).is_ok()
    }
}

impl Word<u128> for AtomicU128 {
    #[inline]
    fn load(&self) -> u128 {
        self.load(SeqCst)
    }

    #[inline]
    fn swap(&self, seen: u128, next: u128) -> bool {
        self.compare_exchange(seen, next, SeqCst, SeqCst).is_ok()
    }
}
