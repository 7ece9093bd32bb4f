//! What was handed to the socket and is not known to be kept.

use std::collections::VecDeque;
use std::sync::Arc;

use crossfade_exchange::wire::UNHEARD;

use crate::account::{Keys, Sums};

/// One exchange that was handed to the socket.
#[derive(Debug)]
struct Sent {
    sums: Arc<Sums>,
    keys: Keys,
    seeded: bool,
}

/// Exchanges in the order they were sent; the sidecar says how many of them all it has kept.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    sent: VecDeque<Sent>,
    /// What the sidecar counted last.
    kept: u64,
}

impl Unheard {
    /// How many more may be sent before the sidecar says that it has kept some.
    pub fn room(&self) -> usize {
        UNHEARD.saturating_sub(self.sent.len())
    }

    /// Adds one that is handed to the socket.
    pub fn add(&mut self, (sums, keys): (Arc<Sums>, Keys), seeded: bool) {
        self.sent.push_back(Sent { sums, keys, seeded });
    }

    /// A connection has begun with this count: what the one before has sent and is not in it is lost.
    pub fn begin(&mut self, kept: u64) {
        self.keep(kept);
        for Sent { sums, keys, seeded } in self.sent.drain(..) {
            if !seeded {
                sums.lose(&keys);
            }
        }
        // Another sidecar may have kept less than the one before.
        self.kept = kept;
    }

    /// The sidecar has kept so many.
    pub fn keep(&mut self, kept: u64) {
        let more = usize::try_from(kept.saturating_sub(self.kept)).unwrap_or(usize::MAX).min(self.sent.len());
        self.sent.drain(..more);
        self.kept = self.kept.max(kept);
    }

    /// What the sidecar counted last.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// What it will have counted when it has kept all that was sent.
    pub fn position(&self) -> u64 {
        self.kept + self.sent.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of ten sent, those that a new connection does not count are lost, seeded ones apart; what was kept is kept.
    #[test]
    fn what_is_not_counted_is_lost() {
        let (sums, mut unheard) = (Sums::of("r"), Unheard::default());
        let send = |unheard: &mut Unheard, amount: u64| {
            (0..amount).for_each(|index| unheard.add((Arc::clone(&sums), Keys::default()), index % 5 == 4));
            sums.lost.get()
        };
        unheard.begin(0);
        send(&mut unheard, 10);
        unheard.keep(3);
        unheard.keep(2);
        assert_eq!((unheard.kept(), unheard.position()), (3, 10));
        unheard.begin(6);
        assert_eq!(send(&mut unheard, 1), 3, "the seventh to the ninth");
        // A sidecar with another memory: what it counts is from now on.
        unheard.begin(0);
        assert_eq!(send(&mut unheard, 2), 4);
        unheard.keep(2);
        assert_eq!(unheard.position(), 2);
        unheard.keep(u64::MAX);
        assert_eq!(unheard.room(), UNHEARD);
    }
}
