//! What the strategies of `limits` answer over Redis, where its scripts decide them and not its memory storage.
//!
//! The clock of the keys is the server's, in whole milliseconds, and a key is there up to and including the millisecond it
//! expires at. Here one instant is both the server's and the client's, as when a capture is replayed. A moving window keeps
//! its stamps as over memory; a fixed window keeps the same two numbers, its end being a whole millisecond.

pub mod fixed_window;
pub mod moving_window;
pub mod sliding_window;

use super::Rate;
use crate::Timestamp;

/// The server's clock.
fn millis(now: Timestamp) -> u64 {
    now.micros() / 1_000
}

/// Length of the window in milliseconds. At most 2^74, which saturates.
fn length(rate: &Rate) -> u64 {
    rate.window().saturating_mul(1_000)
}
