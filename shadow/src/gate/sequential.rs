//! The sequential test: what comparisons so far say against a share of mismatches that is too large.
//!
//! Wald's sequential probability ratio test (Annals of Mathematical Statistics 16, 1945), read as an e-process: the
//! evidence is the likelihood of what was seen at a tenth of that share, over that at the share itself. If the true share
//! is that large or larger, evidence is a supermartingale that begins at 1, so by Ville's inequality it *ever* reaches
//! 1 / α with a probability of at most α. So it may be looked at after every comparison, by anybody, for as long as one likes.

/// The probability with which a candidate that is just too often wrong is promoted at any time, at most.
pub const ALPHA: f64 = 0.01;

/// How much better than the bound a candidate is taken to be, if it is good.
const BETTER: f64 = 10.0;

/// Sums of logarithms are that exact: two mismatches are 1 / α.
const ROUNDING: f64 = 1e-9;

/// A sum that starts again and again fires by chance sometimes. At twice the logarithm of 1 / α it takes four mismatches at
/// once, and a candidate that is a tenth as often wrong fires less than once in ten million comparisons.
const DRIFT: f64 = 2.0;

/// The test against one share of mismatches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequential {
    /// The share that is ruled out.
    below: f64,
    /// Evidence by each match, and against by each mismatch, as natural logarithms.
    by_match: f64,
    by_mismatch: f64,
}

impl Sequential {
    /// Against `below`, between 0 and 1.
    pub fn new(below: f64) -> Self {
        Self { below, by_match: (-below / BETTER).ln_1p() - (-below).ln_1p(), by_mismatch: BETTER.ln() }
    }

    /// The share that is ruled out.
    pub fn below(&self) -> f64 {
        self.below
    }

    /// Whether so many comparisons, so many of them mismatches, rule it out.
    pub fn rules_out(&self, comparisons: u64, mismatches: u64) -> bool {
        self.needed(comparisons, mismatches) == 0
    }

    /// How many more comparisons are needed, if each of them matches.
    pub fn needed(&self, comparisons: u64, mismatches: u64) -> u64 {
        let missing = -ALPHA.ln() - self.evidence(comparisons, mismatches);
        (missing / self.by_match).ceil().max(0.0) as u64
    }

    /// Whether so many comparisons, so many of them mismatches, are 1 / α times as likely at that share as at a tenth of
    /// it: the test the other way round. Two mismatches at once are enough.
    pub fn rejects(&self, comparisons: u64, mismatches: u64) -> bool {
        self.evidence(comparisons, mismatches) <= ALPHA.ln() + ROUNDING
    }

    /// The evidence, as a natural logarithm: above 0 for a tenth of the share, below 0 for all of it.
    fn evidence(&self, comparisons: u64, mismatches: u64) -> f64 {
        let matches = comparisons.saturating_sub(mismatches) as f64;
        matches * self.by_match - mismatches as f64 * self.by_mismatch
    }
}

/// The test the other way round over a stay of any length: what speaks for the candidate is never saved up, so that one that
/// turns bad after a good month is noticed as fast as one that was bad from the first day (Page's cumulative sum).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Drift {
    evidence: f64,
    /// Since the evidence was last not against the candidate.
    comparisons: u64,
    mismatches: u64,
}

impl Drift {
    /// Adds what came since the last time; gives the comparisons and mismatches that speak against the candidate, if
    /// they do.
    pub fn add(&mut self, test: &Sequential, comparisons: u64, mismatches: u64) -> Option<(u64, u64)> {
        self.evidence += test.evidence(comparisons, mismatches);
        (self.comparisons, self.mismatches) = (self.comparisons + comparisons, self.mismatches + mismatches);
        if self.evidence >= 0.0 {
            *self = Self::default();
        }
        (self.evidence <= DRIFT * ALPHA.ln() + ROUNDING).then_some((self.comparisons, self.mismatches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number below 1, each one as likely (SplitMix64).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }

        /// How many matches come before the next mismatch, at that share of mismatches.
        fn matches(&mut self, share: f64) -> u64 {
            ((1.0 - self.roll()).ln() / (-share).ln_1p()) as u64
        }
    }

    /// After how many comparisons a candidate is promoted that is looked at after each of them; `None`: not within `most`.
    fn promoted(test: &Sequential, share: f64, most: u64, dice: &mut Dice) -> Option<u64> {
        let (mut comparisons, mut mismatches) = (0u64, 0u64);
        loop {
            let (needed, matches) = (test.needed(comparisons, mismatches), dice.matches(share));
            if needed <= matches {
                return Some(comparisons + needed).filter(|&at| at <= most);
            }
            (comparisons, mismatches) = (comparisons + matches + 1, mismatches + 1);
            if comparisons > most {
                return None;
            }
        }
    }

    /// The figures that are written down: a clean candidate's comparisons, and what one mismatch costs.
    #[test]
    fn a_clean_candidate_needs_so_many() {
        for (below, clean, cost) in [(1e-2, 509, 254), (1e-3, 5_115, 2_557), (1e-4, 51_166, 25_583)] {
            let test = Sequential::new(below);
            assert_eq!(test.needed(0, 0), clean, "{below}");
            assert!(!test.rules_out(clean - 1, 0) && test.rules_out(clean, 0));
            let more = test.needed(clean + 1, 1);
            assert!(more.abs_diff(cost) <= 1, "{below}: {more}");
            assert!(!test.rules_out(clean + 1, 1) && test.rules_out(clean + 1 + more, 1));
        }
    }

    /// Two mismatches at once reject; each match between them is worth as much as it is in the test itself.
    #[test]
    fn two_at_once_reject() {
        let test = Sequential::new(1e-3);
        assert!(test.rejects(2, 2) && !test.rejects(1, 1) && !test.rejects(0, 0));
        assert!(!test.rejects(12, 2) && test.rejects(12, 3) && !test.rejects(5_115, 3));
        for (comparisons, mismatches) in [(0, 0), (10, 3), (6_000, 0), (100_000, 99)] {
            assert!(!(test.rejects(comparisons, mismatches) && test.rules_out(comparisons, mismatches)));
        }
    }

    /// A candidate that turns bad after a million good comparisons is noticed as fast as one that was bad at once, which
    /// the sum over all of them does not notice; and one that stays good for as long is not accused.
    #[test]
    fn what_turns_bad_is_noticed() {
        let (test, mut dice) = (Sequential::new(1e-3), Dice(5));
        let mut drift = Drift::default();
        for _ in 0..1_000 {
            let wrong = u64::from(dice.roll() < 0.1);
            assert_eq!(drift.add(&test, 1_000, wrong), None);
        }
        let mut seconds = 0;
        while drift.add(&test, 100, 1).is_none() {
            seconds += 1;
        }
        assert!((4..=8).contains(&seconds), "{seconds}");
        assert!(!test.rejects(1_000_000 + 100 * seconds, 100 + seconds));
    }

    /// A candidate that is exactly as often wrong as is ruled out, watched after every comparison for 300 times as long as a
    /// clean one takes, is promoted in at most 1 % of 5,000 runs; 2 % are let pass for chance.
    #[test]
    fn a_bad_candidate_is_not_promoted_by_patience() {
        for below in [1e-2, 1e-3, 1e-4] {
            let (test, mut dice) = (Sequential::new(below), Dice(7));
            let most = 300 * test.needed(0, 0);
            let runs = (0..5_000).filter(|_| promoted(&test, below, most, &mut dice).is_some()).count();
            assert!(runs > 0, "the test never promotes, so this says nothing");
            assert!(runs <= 100, "{below}: {runs} of 5000");
        }
    }

    /// A candidate that is a tenth as often wrong is promoted, in 9 of 10 runs within three times a clean one's comparisons.
    #[test]
    fn a_good_candidate_is_promoted() {
        for below in [1e-2, 1e-3, 1e-4] {
            let (test, mut dice) = (Sequential::new(below), Dice(11));
            let most = 3 * test.needed(0, 0);
            let runs = (0..5_000).filter(|_| promoted(&test, below / BETTER, most, &mut dice).is_some()).count();
            assert!(runs >= 4_500, "{below}: {runs} of 5000");
        }
    }
}
