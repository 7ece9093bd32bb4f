//! How much of a route's recent traffic was outside the grammar, held against the route's cap.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Requests that are remembered, about: when so many were seen, both counts are halved, so that yesterday does not hide
/// what happens now.
const WINDOW: u64 = 1_024;

/// Fewer than this say nothing yet: one odd request among ten is no attack.
const FEW: u64 = 100;

/// The recent share of one route.
#[derive(Debug, Default)]
pub struct Cap {
    /// Requests seen in the high half, those outside in the low half, so that both are read and written as one.
    counts: AtomicU64,
    is_above: AtomicBool,
}

/// What one more request did to a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Below it.
    Below,
    /// Above it, and it was already.
    Above,
    /// Above it since this request.
    Crossed,
}

impl Cap {
    /// Adds a request and says how its route stands against `cap`, a share.
    pub fn add(&self, outside: bool, cap: f64) -> Standing {
        let step = |counts: u64| {
            let (seen, foul) = ((counts >> 32) + 1, (counts & 0xffff_ffff) + u64::from(outside));
            if seen >= WINDOW { (seen / 2) << 32 | (foul / 2) } else { seen << 32 | foul }
        };
        let before = self.counts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counts| Some(step(counts)));
        let counts = step(before.unwrap_or_else(|counts| counts));
        let (seen, foul) = (counts >> 32, counts & 0xffff_ffff);
        // An alarm that is on stays on down to half the cap, so that it does not flicker at the edge.
        let was_above = self.is_above.load(Ordering::Relaxed);
        let share = if was_above { cap / 2.0 } else { cap };
        // Both are far below 2^53.
        let is_above = seen >= FEW && foul as f64 > share * seen as f64;
        match (was_above, is_above) {
            (false, false) => Standing::Below,
            (true, true) => Standing::Above,
            (true, false) => {
                self.is_above.store(false, Ordering::Relaxed);
                Standing::Below
            }
            // Of two threads that cross it at once one says so.
            (false, true) if self.is_above.swap(true, Ordering::Relaxed) => Standing::Above,
            (false, true) => Standing::Crossed,
        }
    }

    /// Whether the route is above its cap now.
    pub fn is_above(&self) -> bool {
        self.is_above.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The alarm rises once when the share passes the cap, and falls when it is below again.
    #[test]
    fn the_alarm_follows_the_recent_share() {
        let cap = Cap::default();
        let add = |outside: bool| cap.add(outside, 0.05);
        assert!((0..99).all(|_| add(true) == Standing::Below), "too few to say");
        assert_eq!(add(true), Standing::Crossed);
        assert_eq!(add(true), Standing::Above);
        let calm = (0..100_000).take_while(|_| add(false) == Standing::Above).count();
        assert!((1_000..10_000).contains(&calm), "{calm} requests until it fell");
        assert!(!cap.is_above());
        let mut crossed = 0;
        for request in 0..100_000 {
            crossed += u32::from(add(request % 100 == 0) == Standing::Crossed);
        }
        assert_eq!(crossed, 0, "one in a hundred is below five in a hundred");
    }

    #[test]
    fn a_cap_of_all_is_never_passed() {
        let cap = Cap::default();
        assert!((0..10_000).all(|_| cap.add(true, 1.0) == Standing::Below));
    }
}
