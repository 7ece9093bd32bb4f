//! A route's stage as the request path reads it: a few atomics, no lock, nothing that a fork could leave half done.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::bucket;
use crossfade_exchange::stage::{Fault, Row, Stage};

/// Keys of a live route for which the control still runs, in basis points: enough to see drift, too few to cost.
pub const DRIFT_SAMPLE: u64 = 100;

/// Makes the drift sample independent of the canary's buckets.
const DRIFT_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// [`Switch::entered`] while a row is taken over.
const CHANGING: u64 = u64::MAX;

/// The switch of one route in one process.
#[derive(Debug, Default)]
pub struct Switch {
    stage: AtomicU32,
    seed: AtomicU64,
    fault: AtomicU64,
    /// When the route entered its stage, by the row.
    entered: AtomicU64,
}

impl Switch {
    /// Takes over a row of the stage file; `at_most` caps the stage (a worker with another subject).
    pub fn set(&self, route: &str, row: Option<&Row>, at_most: Stage) {
        let (stage, salt, fault, entered) = match row {
            Some(row) => (row.stage.min(at_most), row.salt.as_str(), row.fault, row.at),
            None => (Stage::Off, "", None, 0),
        };
        let (seed, fault, stage) = (bucket::seed(salt, route), fault_code(fault), stage_code(stage));
        let [was_seed, was_entered] = [&self.seed, &self.entered].map(|known| known.load(Ordering::Relaxed));
        let same = was_seed == seed && was_entered == entered && self.stage.load(Ordering::Relaxed) == stage;
        if !same {
            self.entered.store(CHANGING, Ordering::Release);
            // The seed first: a canary never runs with another campaign's buckets.
            self.seed.store(seed, Ordering::Release);
            self.stage.store(stage, Ordering::Release);
            self.entered.store(entered, Ordering::Release);
        }
        self.fault.store(fault, Ordering::Release);
    }

    /// The stage, and when it was entered, 0 where no row says it; `None`: it changes in this moment.
    pub fn standing(&self) -> (Stage, Option<u64>) {
        let entered = self.entered.load(Ordering::Acquire);
        let stage = self.stage();
        let is_one = entered == self.entered.load(Ordering::Acquire) && entered != CHANGING;
        (stage, is_one.then_some(entered))
    }

    /// The stage now.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Off,
            1 => Stage::Shadow,
            2 => Stage::Live,
            points => Stage::Canary((points >> 8) as u16),
        }
    }

    /// The injected fault, if any.
    pub fn fault(&self) -> Option<Fault> {
        let code = self.fault.load(Ordering::Relaxed);
        let number = (code >> 8) as u32;
        match code & 0xff {
            1 => Some(Fault::Panic),
            2 => Some(Fault::Unsupported),
            3 => Some(Fault::Wrong(number)),
            4 => Some(Fault::Slow(number)),
            _ => None,
        }
    }

    /// Whether the candidate answers for `key`, its counts being warm.
    pub fn candidate_answers(&self, stage: Stage, key: &[u8]) -> bool {
        match stage {
            Stage::Off | Stage::Shadow => false,
            Stage::Canary(points) => bucket::bucket(self.seed.load(Ordering::Acquire), key) < u64::from(points),
            Stage::Live => true,
        }
    }

    /// Whether the control runs beside a live candidate for `key`.
    pub fn drift_sampled(&self, key: &[u8]) -> bool {
        bucket::bucket(self.seed.load(Ordering::Acquire) ^ DRIFT_SEED, key) < DRIFT_SAMPLE
    }
}

fn stage_code(stage: Stage) -> u32 {
    match stage {
        Stage::Off => 0,
        Stage::Shadow => 1,
        Stage::Live => 2,
        Stage::Canary(points) => u32::from(points) << 8 | 3,
    }
}

fn fault_code(fault: Option<Fault>) -> u64 {
    match fault {
        None => 0,
        Some(Fault::Panic) => 1,
        Some(Fault::Unsupported) => 2,
        Some(Fault::Wrong(one_in)) => u64::from(one_in) << 8 | 3,
        Some(Fault::Slow(times)) => u64::from(times) << 8 | 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(stage: Stage) -> Row {
        Row { stage, salt: "s".into(), ..Row::default() }
    }

    /// Every stage survives its way through the atomics.
    #[test]
    fn stages_survive() {
        let switch = Switch::default();
        for stage in [Stage::Off, Stage::Shadow, Stage::Canary(1), Stage::Canary(9_999), Stage::Live] {
            switch.set("r", Some(&row(stage)), Stage::Live);
            assert_eq!(switch.stage(), stage);
        }
        switch.set("r", Some(&row(Stage::Live)), Stage::Shadow);
        assert_eq!(switch.stage(), Stage::Shadow);
    }

    /// Raising the share only adds keys, and lowering it takes the same ones away.
    #[test]
    fn canaries_are_monotone() {
        let switch = Switch::default();
        let keys: Vec<String> = (0..2_000).map(|i| format!("10.0.{}.{}", i / 250, i % 250)).collect();
        let mut taken = vec![false; keys.len()];
        for points in [1, 100, 500, 2_500, 5_000, 9_999] {
            switch.set("r", Some(&row(Stage::Canary(points))), Stage::Live);
            for (key, was) in keys.iter().zip(&mut taken) {
                let is = switch.candidate_answers(Stage::Canary(points), key.as_bytes());
                assert!(is || !*was, "{key} left at {points}");
                *was = is;
            }
        }
    }
}
