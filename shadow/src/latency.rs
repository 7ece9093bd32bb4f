//! How long decisions took.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest duration that is told apart, in nanoseconds: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// Durations of one side on one route.
pub struct Latency(Histogram<u64>);

/// The figures that a report shows, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// How many decisions were measured.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// Half were shorter.
    pub p50: u64,
    /// 99 of 100 were shorter.
    pub p99: u64,
    /// 999 of 1000 were shorter.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Latency {
    /// Nothing measured yet.
    pub fn new() -> Self {
        // Three digits: one more than the tables show, so that none is off by rounding twice.
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3);
        Self(histogram.unwrap_or_else(|error| unreachable!("constant bounds are valid: {error}")))
    }

    /// Adds one duration.
    pub fn add(&mut self, nanos: u64) {
        self.0.saturating_record(nanos.max(1));
    }

    /// The figures; `None` when nothing was measured.
    pub fn figures(&self) -> Option<Figures> {
        let at = |quantile| self.0.value_at_quantile(quantile).min(self.0.max());
        (!self.0.is_empty()).then(|| Figures {
            count: self.0.len(),
            min: self.0.min(),
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max(),
        })
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// A duration with two significant digits and its unit: `1.9 µs`, `5.8 ms`, `212 µs`.
pub fn show(nanos: u64) -> String {
    let (value, unit) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => (nanos as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (nanos as f64 / 1e6, "ms"),
        _ => (nanos as f64 / 1e9, "s"),
    };
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}
