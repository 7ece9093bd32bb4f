//! One key's count, handed over from and to another store.

use crossfade_core::Timestamp;
use crossfade_core::limit::moving_window::Log;
use crossfade_core::limit::{KeyState, Limit, Limiter};

use super::Shared;
use crate::memory::count::Count;

impl Shared {
    /// What is kept for `key` under `limit`; `None` for a key that is not held, of which nothing counts at `now` any more, or
    /// whose limit bounds requests in flight.
    pub fn state(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Option<KeyState> {
        if limit.strategy.is_concurrent() {
            return None;
        }
        self.look(limit, key, now, |count, terms| if count.is_over(terms, now) { None } else { count.state() })
    }

    /// Goes on with `key` from `state`, instead of from what is kept for it. Says whether it did: not if the state is one of
    /// another strategy or flavour than the limit's, or if there is no room.
    ///
    /// The stamps of a moving window go in one by one: whoever hits the key meanwhile sees some of them.
    pub fn seed(&self, limit: &Limit, key: &[u8], state: &KeyState, now: Timestamp) -> bool {
        if !state.fits(limit) {
            return false;
        }
        if let KeyState::Moving(stamps) = state {
            self.reset(limit, key);
            let most = usize::try_from(limit.rate.amount).unwrap_or(usize::MAX);
            return stamps.iter().take(most).rev().all(|&stamp| {
                let pushed = self.change(limit, key, now, |count, terms| {
                    if let Count::Moving(log) = count {
                        log.push(stamp, 1, terms.most());
                    }
                });
                pushed.is_ok()
            });
        }
        let put = self.change(limit, key, now, |count, _| match (count, state) {
            (Count::Fixed(kept), KeyState::Fixed(from)) => *kept = *from,
            (Count::Sliding(kept), KeyState::Sliding(from)) => *kept = *from,
            (Count::Gcra(kept), KeyState::Gcra(from)) => *kept = from.paid.to_ne_bytes(),
            _ => {}
        });
        put.is_ok()
    }
}
