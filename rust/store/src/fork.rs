//! Which process this is, without asking the kernel: a generation that a fork increments in the child.
//!
//! A forked child inherits memory but no threads. Everything that owns a thread or counts for a process remembers the
//! generation it was made in, and is made anew when the generation has moved on.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(1);
static REGISTERED: Once = Once::new();

/// Registers the fork hook. Called before the generation matters; later calls do nothing.
pub fn register() {
    REGISTERED.call_once(|| {
        // SAFETY: the child handler only touches an atomic, which is async-signal-safe, and lives as long as the program.
        unsafe {
            libc::pthread_atfork(None, None, Some(after_fork_in_child));
        }
    });
}

/// The generation of this process; differs between a parent and its forked child.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

// `pthread_atfork` takes a safe function of C's calling convention.
extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
