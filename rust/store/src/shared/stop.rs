//! Words for models: a scheduler may switch threads before each touch of one, and a thread may die there.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;

use shuttle::sync::atomic::{AtomicBool, Ordering};

use super::atomic::Word;

/// A word that the scheduler may switch threads before, and at which a thread may die.
pub(crate) struct Stop<T> {
    gate: AtomicBool,
    value: Mutex<T>,
}

shuttle::thread_local! {
    /// How many more words this thread lives to touch.
    static FUSE: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// What a thread dies of.
struct Killed;

impl<T> Stop<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { gate: AtomicBool::new(false), value: Mutex::new(value) }
    }

    /// Does something to the value, unless the thread dies here.
    pub(crate) fn touch<R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
        // The scheduler switches here, and then not before the next of these.
        self.gate.load(Ordering::SeqCst);
        let fuse = FUSE.with(Cell::get);
        if fuse == 0 {
            resume_unwind(Box::new(Killed));
        }
        FUSE.with(|left| left.set(fuse - 1));
        with(&mut self.value.lock().expect("nobody dies while touching"))
    }
}

impl<T: Copy + PartialEq> Word<T> for Stop<T> {
    fn load(&self) -> T {
        self.touch(|value| *value)
    }

    fn swap(&self, seen: T, next: T) -> bool {
        self.touch(|value| {
            let same = *value == seen;
            if same {
                *value = next;
            }
            same
        })
    }
}

/// How many words a thread touches that lives.
pub(crate) const LONG: u32 = u32::MAX;

/// Does what a thread does that dies after it touched `fuse` words.
pub(crate) fn mortal(fuse: u32, act: impl FnOnce()) {
    FUSE.with(|left| left.set(fuse));
    if let Err(cause) = catch_unwind(AssertUnwindSafe(act))
        && !cause.is::<Killed>()
    {
        resume_unwind(cause);
    }
}

/// Orders that one test tries: a second or two of them, or with CROSSFADE_LONG some minutes.
pub(crate) fn orders() -> usize {
    if std::env::var_os("CROSSFADE_LONG").is_some() { 200_000 } else { 4_000 }
}
