//! A panic is a verdict, never an exception: PyO3's PanicException is a BaseException, and a service must not meet it.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
#[cfg(debug_assertions)]
use std::sync::OnceLock;

thread_local! {
    /// Message and place of this thread's last panic inside [`guarded`].
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the message of a guarded panic instead of printing it, which under load would flood the log. Every other panic
/// goes to the hook that was there. The hook belongs to this extension: each has its own copy of `std`. Later calls do
/// nothing.
pub fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                let text = info.to_string();
                MESSAGE.with_borrow_mut(|message| *message = text);
            } else {
                before(info);
            }
        }));
    });
}

/// Runs `f`; `None` when it panicked, see [`message`]. Guards nest.
pub fn guarded<T>(f: impl FnOnce() -> T) -> Option<T> {
    let outside = GUARDED.replace(true);
    // What a panic leaves half done is scratch space, which the next decision clears, and counters, which stay valid.
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(outside);
    outcome.ok()
}

/// Message of this thread's last guarded panic.
pub fn message() -> String {
    MESSAGE.with_borrow(Clone::clone)
}

/// Panics at a named place where a debug build is asked to by CROSSFADE_PANIC_AT (names joined by commas), so that tests
/// can see what a bug of ours does. A release build does not contain this.
#[cfg(debug_assertions)]
pub fn may_panic(place: &str) {
    static PLACES: OnceLock<String> = OnceLock::new();
    let places = PLACES.get_or_init(|| std::env::var("CROSSFADE_PANIC_AT").unwrap_or_default());
    if places.split(',').any(|name| name == place) {
        panic!("asked to panic at {place}");
    }
}

/// See the debug build's.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn may_panic(_place: &str) {}
