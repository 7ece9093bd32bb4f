//! Which process this is, without asking the kernel: a generation that a fork increments in the child.
//!
//! A forked child inherits memory but no threads. Everything that owns a thread or counts for a process remembers the
//! generation it was made in, and is made anew when the generation has moved on.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::shared::handle;

static GENERATION: AtomicU64 = AtomicU64::new(1);
static REGISTERED: Once = Once::new();

/// Registers the fork hook. Called before the generation matters; later calls do nothing.
pub fn register() {
    REGISTERED.call_once(|| {
        // SAFETY: the handlers live as long as the program. That of the child touches an atomic, and unlocks what its
        // thread has locked before the fork.
        unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child));
        }
    });
}

/// The generation of this process; differs between a parent and its forked child.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

// `pthread_atfork` takes safe functions of C's calling convention.
extern "C" fn before_fork() {
    handle::hold();
}

extern "C" fn after_fork_in_parent() {
    handle::let_go();
}

extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    handle::let_go();
}
