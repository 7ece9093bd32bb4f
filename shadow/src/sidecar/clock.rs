//! The sidecar's clock: this machine's, moved by what a file says, so that a test can let a day pass.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds of a second.
pub const SECOND: u64 = 1_000_000;

/// This machine's clock, in microseconds since the epoch.
pub fn real() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The clock that dwell is measured by.
#[derive(Debug, Default)]
pub struct Clock {
    offset_file: Option<PathBuf>,
    /// Microseconds.
    offset: AtomicI64,
}

impl Clock {
    /// This machine's clock, plus the seconds that `offset_file` holds as a decimal number.
    pub fn new(offset_file: Option<PathBuf>) -> Self {
        let clock = Self { offset_file, offset: AtomicI64::new(0) };
        clock.look();
        clock
    }

    /// Reads the offset again; one that cannot be read stays as it is.
    pub fn look(&self) {
        let text = self.offset_file.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        if let Some(seconds) = text.and_then(|text| text.trim().parse::<f64>().ok()).filter(|s| s.is_finite()) {
            self.offset.store((seconds * SECOND as f64) as i64, Ordering::Relaxed);
        }
    }

    /// Microseconds since the epoch.
    pub fn now(&self) -> u64 {
        real().saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }
}
