//! Of which keys everything is known that the control has granted.
//!
//! What a process had counted before this sidecar heard of it is unknown. A moving window forgets it by itself, one window
//! later; a sliding one, which looks at two windows, after two. A fixed window begins with a hit and GCRA never forgets a
//! client that keeps it busy: there a key is known again once it was silent for a window, or for a whole burst; and a fixed
//! window also by a grant that follows a refusal, since such a grant begins a window. As long as a key stays so far below
//! its limit that any window would grant, nobody needs to know when its windows begin. And whoever was granted anything by GCRA
//! owes a burst at most: between that and what is known to be owed lies the truth, and often both would answer the same.

use std::collections::HashMap;

use crossfade_core::limit::{Limit, Strategy};

/// Keys that are watched one by one. With more of them the whole limit is unknown until later.
const KEYS: usize = 1 << 16;

/// Microseconds of a second.
const SECOND: u64 = 1_000_000;

/// What is known of the keys of one process.
#[derive(Debug, Default)]
pub struct Whole {
    /// By limit: since when everything arrives, in microseconds since the epoch.
    begun: HashMap<u16, u64>,
    /// What is known of single keys, by [`crossfade_exchange::hash::of_key`].
    keys: HashMap<u64, Known>,
    /// The longest memory of a limit.
    longest: u64,
}

#[derive(Debug, Clone, Copy)]
enum Known {
    /// Not all of it.
    Since {
        /// When something was missed, or when it was last charged, whichever its strategy waits from.
        at: u64,
        /// The last that was seen of it is a refusal.
        refused: bool,
        /// When something was missed, if anything was.
        missed: u64,
        /// What it was charged lately.
        lately: Lately,
        /// What is counted for it is known to lie between two bounds.
        bounded: bool,
    },
    /// All of it, earlier than its limit's.
    All,
}

/// What a key was charged in this stretch of time, as long as a window, and in the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Lately {
    stretch: u64,
    charged: u64,
    before: u64,
}

impl Lately {
    /// The same, as of this stretch.
    fn at(self, stretch: u64) -> Self {
        match stretch.saturating_sub(self.stretch) {
            0 => self,
            1 => Self { stretch, charged: 0, before: self.charged },
            _ => Self { stretch, charged: 0, before: 0 },
        }
    }
}

/// How long it takes until a count says nothing of a hit before it, in microseconds.
pub fn memory_of(limit: &Limit) -> u64 {
    let window = limit.rate.window().saturating_mul(SECOND);
    match limit.strategy {
        Strategy::SlidingWindowCounter => window.saturating_mul(2),
        Strategy::Gcra { burst } => {
            let all = u128::from(window) * u128::from(burst) / u128::from(limit.rate.amount.max(1));
            u64::try_from(all).unwrap_or(u64::MAX).max(window)
        }
        Strategy::FixedWindow | Strategy::MovingWindow | Strategy::Concurrent { .. } => window,
    }
}

/// Whether each hit makes the wait begin again.
fn waits_for_silence(limit: &Limit) -> bool {
    matches!(limit.strategy, Strategy::FixedWindow | Strategy::Gcra { .. })
}

impl Whole {
    /// Everything about `limit` arrives from `at` on. Earlier knowledge of it is worth nothing.
    pub fn begin(&mut self, limit: &Limit, at: u64) {
        let begun = self.begun.entry(limit.id.0).or_default();
        *begun = (*begun).max(at);
        self.longest = self.longest.max(memory_of(limit));
        self.keys.retain(|_, known| match known {
            Known::Since { bounded, .. } => {
                *bounded = false;
                true
            }
            Known::All => false,
        });
    }

    /// Something about this key did not arrive, until `at`. `false`: there is no room to remember it.
    pub fn miss(&mut self, key: u64, at: u64) -> bool {
        self.put(key, Known::Since { at, refused: false, missed: at, lately: Lately::default(), bounded: false }, at)
    }

    /// Whether what is counted for this key is not known, but lies between two bounds.
    pub fn is_bounded(&self, key: u64) -> bool {
        matches!(self.keys.get(&key), Some(Known::Since { bounded: true, .. }))
    }

    /// Notes that this key has bounds now, if it is not known. `true`: it had none.
    pub fn bind(&mut self, key: u64) -> bool {
        match self.keys.get_mut(&key) {
            Some(Known::Since { bounded, .. }) => !std::mem::replace(bounded, true),
            _ => false,
        }
    }

    /// Whether all is known of `key` that weighs on a hit of `cost` at `at`.
    pub fn is_whole(&self, limit: &Limit, key: u64, cost: u64, at: u64) -> bool {
        self.knows(limit, key, at) || self.is_granted_anyhow(limit, key, cost, at)
    }

    /// Whether a fixed window grants, whenever it began: no window of that length was charged more than is granted.
    fn is_granted_anyhow(&self, limit: &Limit, key: u64, cost: u64, at: u64) -> bool {
        let Some(&begun) = self.begun.get(&limit.id.0) else { return false };
        let Some(Known::Since { missed, lately, .. }) = self.keys.get(&key) else { return false };
        let Lately { charged, before, .. } = lately.at(at / memory_of(limit).max(1));
        limit.strategy == Strategy::FixedWindow
            && at.saturating_sub(begun.max(*missed)) > memory_of(limit)
            && charged.saturating_add(before).saturating_add(cost) <= limit.rate.amount
    }

    fn knows(&self, limit: &Limit, key: u64, at: u64) -> bool {
        let Some(&begun) = self.begun.get(&limit.id.0) else { return false };
        let since = match self.keys.get(&key) {
            Some(Known::All) => return true,
            Some(Known::Since { at, .. }) => begun.max(*at),
            None => begun,
        };
        // Both ends of a moving window are within it.
        at.saturating_sub(since) > memory_of(limit)
    }

    /// The control has charged `key` at `at`. `true`: that began a window of which everything is known from now on.
    pub fn charged(&mut self, limit: &Limit, key: u64, cost: u64, at: u64, granted: bool) -> bool {
        if self.knows(limit, key, at) {
            let of_its_limit =
                self.begun.get(&limit.id.0).is_some_and(|begun| at.saturating_sub(*begun) > memory_of(limit));
            if of_its_limit {
                self.keys.remove(&key);
            }
            return false;
        }
        if !waits_for_silence(limit) {
            return false;
        }
        let (was_refused, missed, lately, bounded) = match self.keys.get(&key) {
            Some(&Known::Since { refused, missed, lately, bounded, .. }) => (refused, missed, lately, bounded),
            _ => (false, 0, Lately::default(), false),
        };
        let begins = granted && was_refused && limit.strategy == Strategy::FixedWindow;
        let mut lately = lately.at(at / memory_of(limit).max(1));
        lately.charged = lately.charged.saturating_add(cost);
        let known = if begins { Known::All } else { Known::Since { at, refused: !granted, missed, lately, bounded } };
        if !self.put(key, known, at) {
            self.begin(limit, at);
        }
        begins
    }

    fn put(&mut self, key: u64, known: Known, at: u64) -> bool {
        if self.keys.len() >= KEYS && !self.keys.contains_key(&key) {
            let longest = self.longest;
            self.keys.retain(
                |_, known| matches!(known, Known::Since { at: since, .. } if at.saturating_sub(*since) <= longest),
            );
            if self.keys.len() >= KEYS {
                return false;
            }
        }
        self.keys.insert(key, known);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossfade_core::Policy;

    const SECONDS: u64 = SECOND;

    fn fixed() -> Limit {
        let text = "version = 1\n[limits.a]\nkey = [\"client\"]\nrate = \"10/minute\"\nstrategy = \"fixed-window\"\n\
                    [[route]]\nname = \"r\"\nmatch = \"GET /\"\nlimits = [\"a\"]\n";
        Policy::parse("test", text).expect("a policy").limits[0].clone()
    }

    /// A key that never rests is known, once a window has passed, while no window can have been charged its amount; a miss
    /// makes it wait again.
    #[test]
    fn a_busy_key_is_granted_anyhow() {
        let (limit, mut whole) = (fixed(), Whole::default());
        whole.begin(&limit, 1);
        let mut known = Vec::new();
        for second in (0..240).step_by(15) {
            let at = second * SECONDS + 2;
            if second == 120 {
                assert!(whole.miss(7, at));
            }
            known.push(whole.is_whole(&limit, 7, 1, at));
            whole.charged(&limit, 7, 1, at, true);
        }
        let expected: Vec<bool> = (0..240).step_by(15).map(|s| (60..120).contains(&s) || s > 180).collect();
        assert_eq!(known, expected);
    }

    /// One that may have used up its amount is not.
    #[test]
    fn a_key_near_its_limit_is_not_known() {
        let (limit, mut whole) = (fixed(), Whole::default());
        whole.begin(&limit, 1);
        let known = (0..240).step_by(5).filter(|second| {
            let known = whole.is_whole(&limit, 7, 1, second * SECONDS + 2);
            whole.charged(&limit, 7, 1, second * SECONDS + 2, true);
            known
        });
        assert_eq!(known.count(), 0, "12 a minute");
    }
}
