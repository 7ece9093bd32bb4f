//! What has become of a route lately: for whoever sees its counts again and again.

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::{Facts, Recent, Tally};
use super::ruling::FAILED_BELOW;
use super::sequential::{Drift, Sequential};
use crate::evidence::Durations;

/// Exchanges of a window of latency, on both sides: its 99th percentile stands on ten of them.
const WINDOW: u64 = 1_000;

/// So many windows in a row: one can be a pause of the machine.
const WINDOWS: u32 = 3;

/// A candidate that takes so much longer than the control, in percent …
const TIMES: u64 = 120;

/// … and so many nanoseconds: below that no client notices, and a fifth of a microsecond is nothing.
const FLOOR: u64 = 2_000_000;

/// A candidate that is slower than the control.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Slow {
    /// 99th percentile of the control in the last window, in nanoseconds.
    pub control: u64,
    /// The same of the candidate.
    pub candidate: u64,
    /// Windows in a row.
    pub windows: u32,
}

/// What one stay of a route has shown, as it was seen again and again. A stay that is seen for the first time begins here: what
/// came before speaks through the counts themselves.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    entered: u64,
    last: Tally,
    mismatches: Drift,
    failed: Drift,
    window: Window,
}

impl Watch {
    /// Takes over what the counts are now, and says what speaks against the route.
    pub fn look(&mut self, test: &Sequential, facts: &Facts) -> Recent {
        if self.entered != facts.entered {
            *self = Self { entered: facts.entered, last: facts.all, ..Self::default() };
            self.window.begin(facts);
            return Recent::default();
        }
        let (last, now) = (std::mem::replace(&mut self.last, facts.all), facts.all);
        let judged = now.judged.saturating_sub(last.judged);
        // A known difference's budget grows with the exchanges, so what is beyond it can become less.
        let mismatches = now.mismatches.saturating_sub(last.mismatches).min(judged);
        let requests = now.requests.saturating_sub(last.requests);
        let failed = now.failed.saturating_sub(last.failed);
        Recent {
            mismatches: self.mismatches.add(test, judged, mismatches),
            failed: self.failed.add(&Sequential::new(FAILED_BELOW), requests.max(failed), failed),
            slow: self.window.look(facts),
        }
    }
}

/// The exchanges since a window began, by differences of what only grows.
#[derive(Debug, Clone, Default)]
struct Window {
    control: BTreeMap<u64, u64>,
    candidate: BTreeMap<u64, u64>,
    slow: u32,
    found: Option<Slow>,
}

impl Window {
    fn begin(&mut self, facts: &Facts) {
        self.control = facts.counts.control.steps().collect();
        self.candidate = facts.counts.candidate.steps().collect();
    }

    fn look(&mut self, facts: &Facts) -> Option<Slow> {
        let since = (since(&facts.counts.control, &self.control), since(&facts.counts.candidate, &self.candidate));
        let (Some(control), Some(candidate)) = since else { return self.found };
        self.begin(facts);
        self.slow = if is_slow(control, candidate) { self.slow + 1 } else { 0 };
        self.found = (self.slow >= WINDOWS).then_some(Slow { control, candidate, windows: self.slow });
        self.found
    }
}

/// Whether these 99th percentiles, in nanoseconds, are too far apart.
pub(super) fn is_slow(control: u64, candidate: u64) -> bool {
    candidate > control.saturating_mul(TIMES) / 100 && candidate > control.saturating_add(FLOOR)
}

/// Whether a whole stay is slower than the control; `None`: there are too few exchanges to tell, or it is not.
pub(super) fn slow_stay(facts: &Facts) -> Option<Slow> {
    let (control, candidate) = (&facts.counts.control, &facts.counts.candidate);
    let enough = control.count() >= WINDOW && candidate.count() >= WINDOW;
    let slow = Slow { control: control.at(0.99), candidate: candidate.at(0.99), windows: 0 };
    (enough && is_slow(slow.control, slow.candidate)).then_some(slow)
}

/// The 99th percentile of what was added since `before`; `None`: too little was.
fn since(now: &Durations, before: &BTreeMap<u64, u64>) -> Option<u64> {
    let steps = || now.steps().map(|(end, count)| (end, count.saturating_sub(before.get(&end).copied().unwrap_or(0))));
    let total: u64 = steps().map(|(_, count)| count).sum();
    if total < WINDOW {
        return None;
    }
    let (rank, mut seen) = (total - total / 100, 0);
    steps().find_map(|(end, count)| {
        seen += count;
        (seen >= rank).then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(control: u64, candidate: u64) -> impl FnMut(u64) -> Facts {
        let mut facts = Facts { entered: 7, ..Facts::default() };
        move |exchanges| {
            for n in 0..exchanges {
                facts.counts.control.add(control + n);
                facts.counts.candidate.add(candidate + n);
            }
            facts.clone()
        }
    }

    /// Three windows in a row have to be slow, each of a thousand exchanges; fewer exchanges are no window.
    #[test]
    fn three_slow_windows_in_a_row() {
        let test = Sequential::new(1e-3);
        let (mut slow, mut watch) = (facts(1_000_000, 6_000_000), Watch::default());
        assert_eq!(watch.look(&test, &slow(5_000)).slow, None, "what came before is not lately");
        for _ in 0..2 {
            assert_eq!(watch.look(&test, &slow(999)).slow, None);
            assert_eq!(watch.look(&test, &slow(1)).slow, None);
        }
        let found = watch.look(&test, &slow(1_000)).slow.expect("the third");
        assert!(found.windows == 3 && found.candidate > 5 * found.control, "{found:?}");
        assert!(watch.look(&test, &slow(1)).slow.is_some(), "it stays until a window says otherwise");
    }

    /// Neither a fifth more of little, nor two milliseconds more of much, is slow.
    #[test]
    fn both_bounds_have_to_be_passed() {
        assert!(!is_slow(5_000, 1_500_000) && !is_slow(100_000_000, 119_000_000));
        assert!(is_slow(5_000, 2_100_000) && is_slow(100_000_000, 121_000_000));
    }

    /// Failures and mismatches speak from when they come, and another stay starts anew.
    #[test]
    fn what_comes_speaks() {
        let (test, mut watch) = (Sequential::new(1e-3), Watch::default());
        let at = |entered, judged, mismatches, failed| Facts {
            entered,
            all: Tally { judged, mismatches, requests: judged, failed },
            ..Facts::default()
        };
        assert_eq!(watch.look(&test, &at(1, 90_000, 900, 900)), Recent::default());
        assert_eq!(watch.look(&test, &at(1, 91_000, 900, 900)), Recent::default());
        let recent = watch.look(&test, &at(1, 91_010, 906, 905));
        assert_eq!((recent.mismatches, recent.failed), (Some((10, 6)), Some((10, 5))));
        assert_eq!(watch.look(&test, &at(2, 91_020, 916, 915)), Recent::default());
    }
}
