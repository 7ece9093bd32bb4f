//! How long things took, as counts that can be summed and written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Steps of each power of two: a figure is at most 4.5 % above what was measured.
const STEPS: u64 = 16;

/// Durations in nanoseconds, counted by steps of a sixteenth of a power of two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations(BTreeMap<u16, u64>);

impl Durations {
    /// Adds one duration.
    pub fn add(&mut self, nanos: u64) {
        *self.0.entry(step_of(nanos)).or_default() += 1;
    }

    /// Adds the durations of `other`.
    pub fn join(&mut self, other: &Self) {
        for (&step, &count) in &other.0 {
            *self.0.entry(step).or_default() += count;
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The duration that the share `quantile` of them does not exceed, in nanoseconds; 0 of none.
    pub fn at(&self, quantile: f64) -> u64 {
        let rank = (self.count() as f64 * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (&step, &count) in &self.0 {
            seen += count;
            if seen >= rank {
                return end_of(step);
            }
        }
        0
    }

    /// Ends of the steps in nanoseconds, with their counts, shortest first.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(&step, &count)| (end_of(step), count))
    }
}

/// Below [`STEPS`] each value has its own step; above, the top four bits after the first say which.
fn step_of(nanos: u64) -> u16 {
    if nanos < STEPS {
        return nanos as u16;
    }
    let power = u64::from(63 - nanos.leading_zeros());
    let within = (nanos >> (power - 4)) - STEPS;
    ((power - 3) * STEPS + within) as u16
}

/// The largest value of a step.
fn end_of(step: u16) -> u64 {
    let step = u64::from(step);
    if step < STEPS {
        return step;
    }
    let (power, within) = (step / STEPS + 3, step % STEPS);
    let width = 1u64 << (power - 4);
    (STEPS + within) * width + (width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value lies in its step, and the step ends less than a sixteenth above it.
    #[test]
    fn steps_are_narrow() {
        let mut before = 0;
        for nanos in (0..5_000).chain([1 << 20, (1 << 40) + 12_345, u64::MAX / 2, u64::MAX]) {
            let step = step_of(nanos);
            assert!(step >= before, "{nanos}");
            before = step;
            let end = end_of(step);
            assert!(end >= nanos && (end - nanos) as f64 <= nanos as f64 / 16.0, "{nanos} in {end}");
        }
    }

    /// Quantiles of sums are those of all values together.
    #[test]
    fn durations_add_up() {
        let (mut one, mut other) = (Durations::default(), Durations::default());
        (1..=500).for_each(|n| one.add(n * 1_000));
        (501..=1_000).for_each(|n| other.add(n * 1_000));
        one.join(&other);
        assert_eq!(one.count(), 1_000);
        for (quantile, value) in [(0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let at = one.at(quantile);
            assert!(at >= value && at <= value + value / 16, "{quantile}: {at}");
        }
        assert_eq!(Durations::default().at(0.5), 0);
    }
}
