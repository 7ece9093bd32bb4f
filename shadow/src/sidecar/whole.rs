//! Of which keys everything is known that the control has granted.
//!
//! What a process had counted before this sidecar heard of it is unknown. A moving window forgets it by itself, one window
//! later; a sliding one, which looks at two windows, after two. A fixed window begins with a hit and GCRA never forgets a
//! client that keeps it busy: there a key is known again once it was silent for a window, or for a whole burst; and a fixed
//! window also by a grant that follows a refusal, since such a grant begins a window.

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
    },
    /// All of it, earlier than its limit's.
    All,
}

/// How long it takes until a count says nothing of a hit before it, in microseconds.
fn memory_of(limit: &Limit) -> u64 {
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
        self.keys.retain(|_, known| matches!(known, Known::Since { .. }));
    }

    /// Something about this key did not arrive, until `at`. `false`: there is no room to remember it.
    pub fn miss(&mut self, key: u64, at: u64) -> bool {
        self.put(key, Known::Since { at, refused: false }, at)
    }

    /// Whether all is known of `key` that weighs on a hit at `at`.
    pub fn is_whole(&self, limit: &Limit, key: u64, at: u64) -> bool {
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
    pub fn charged(&mut self, limit: &Limit, key: u64, at: u64, granted: bool) -> bool {
        if self.is_whole(limit, key, at) {
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
        let refused = matches!(self.keys.get(&key), Some(Known::Since { refused: true, .. }));
        let begins = granted && refused && limit.strategy == Strategy::FixedWindow;
        let known = if begins { Known::All } else { Known::Since { at, refused: !granted } };
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
