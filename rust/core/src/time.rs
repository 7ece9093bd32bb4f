//! The one instant that a decision may know, and what a window needs of it.

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

/// An instant, as far as the window strategies ask: they calculate in Python's seconds.
///
/// A [`Timestamp`] is one, and so are the seconds that `time.time()` gave, whose last bits are below a microsecond.
pub trait Moment: Copy {
    /// Seconds since the epoch.
    fn seconds(self) -> f64;
}

impl Moment for Timestamp {
    fn seconds(self) -> f64 {
        Timestamp::seconds(self)
    }
}

impl Moment for f64 {
    fn seconds(self) -> f64 {
        self
    }
}
