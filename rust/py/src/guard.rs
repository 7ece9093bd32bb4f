//! A panic of the candidate is a verdict, never an exception: PyO3's PanicException is a BaseException, and a service
//! must not meet it.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Message and place of this thread's last panic inside [`guarded`].
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
    static GUARDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Keeps the message of a guarded panic instead of printing it, which under load would flood the log. Every other panic
/// goes to the hook that was there. The hook belongs to this extension: each has its own copy of `std`.
pub fn install_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if GUARDED.get() {
            let text = info.to_string();
            MESSAGE.with_borrow_mut(|message| {
                message.clear();
                message.push_str(&text);
            });
        } else {
            before(info);
        }
    }));
}

/// Runs `f`; `None` when it panicked, see [`message`].
pub fn guarded<T>(f: impl FnOnce() -> T) -> Option<T> {
    GUARDED.set(true);
    // What a panic leaves half done is scratch space, which the next decision clears, and counters, which stay valid.
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(false);
    outcome.ok()
}

/// Message of this thread's last guarded panic.
pub fn message() -> String {
    MESSAGE.with_borrow(Clone::clone)
}
