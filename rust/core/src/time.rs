//! The one instant that a decision may know.

/// Microseconds of CLOCK_REALTIME since the Unix epoch, read once at the seam and given to both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// An instant from whole microseconds since the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Whole microseconds since the epoch.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Seconds as the f64 that Python's `time.time()` gives for the same instant: `micros / 1e6`, correctly rounded.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}
