//! The stamps of one moving window. Grows with use, up to what the window holds, and then goes round.

use crossfade_core::limit::moving_window::Log;

/// Room for the first stamps: most keys are seen a few times and never again.
const FIRST_ROOM: usize = 4;

/// Stamps in the order they came, starting again at the front once there are as many as are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring {
    stamps: Vec<f64>,
    // Where the newest stamp is; 0 when there is none.
    newest: usize,
}

impl Ring {
    /// In the order they came, the oldest first.
    pub(crate) fn unwind(&mut self) -> &[f64] {
        if !self.stamps.is_empty() {
            self.stamps.rotate_left(self.newest + 1);
            self.newest = self.stamps.len() - 1;
        }
        &self.stamps
    }

    fn push_one(&mut self, stamp: f64, keep: usize) {
        let len = self.stamps.len();
        if len < keep {
            if self.newest + 1 < len {
                // It went round when less was kept.
                self.unwind();
            }
            if len == self.stamps.capacity() {
                // Doubles, but never beyond what is kept.
                let room = (len * 2).max(FIRST_ROOM).min(keep);
                self.stamps.reserve_exact(room - len);
            }
            self.newest = len;
            self.stamps.push(stamp);
        } else if len > 0 {
            self.newest = if self.newest + 1 == len { 0 } else { self.newest + 1 };
            self.stamps[self.newest] = stamp;
        }
    }
}

impl Log for Ring {
    fn len(&self) -> u64 {
        self.stamps.len() as u64
    }

    fn stamp(&self, age: u64) -> f64 {
        let age = age as usize;
        let index = if age <= self.newest { self.newest - age } else { self.newest + self.stamps.len() - age };
        self.stamps[index]
    }

    fn push(&mut self, stamp: f64, count: u64, keep: u64) {
        // `keep` is at most `moving_window::MAX_AMOUNT`. One that gets smaller takes effect as the ring goes round.
        for _ in 0..count.min(keep) {
            self.push_one(stamp, keep as usize);
        }
    }

    fn remove(&mut self, stamp: f64, mut count: u64) {
        if self.stamps.is_empty() {
            return;
        }
        // In the order they came, so that the gap closes towards the end.
        let oldest = if self.newest + 1 == self.stamps.len() { 0 } else { self.newest + 1 };
        self.stamps.rotate_left(oldest);
        self.stamps.retain(|known| {
            let goes = count > 0 && *known == stamp;
            count -= u64::from(goes);
            !goes
        });
        self.newest = self.stamps.len().saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A ring answers like a list that is cut to what is kept, and never has room for more.
        #[test]
        fn is_a_cut_list(keep in 0u64..20, pushes in prop::collection::vec((any::<u32>(), 0u64..25), 0..40)) {
            let (mut ring, mut list) = (Ring::default(), Vec::new());
            for (stamp, count) in pushes {
                let stamp = f64::from(stamp);
                ring.push(stamp, count, keep);
                list.splice(0..0, (0..count).map(|_| stamp));
                list.truncate(keep as usize);
                prop_assert_eq!((0..ring.len()).map(|age| ring.stamp(age)).collect::<Vec<_>>(), list.clone());
                prop_assert!(ring.stamps.capacity() as u64 <= keep);
            }
        }

        /// When more is to be kept than before, nothing that was kept is lost or out of order.
        #[test]
        fn can_grow(keeps in prop::collection::vec(1u64..20, 1..8), each in 0u64..30) {
            let (mut ring, mut list, mut stamp, mut most) = (Ring::default(), Vec::new(), 0.0, 0);
            for keep in keeps {
                most = keep.max(most);
                for _ in 0..each {
                    stamp += 1.0;
                    ring.push(stamp, 1, most);
                    list.insert(0, stamp);
                    list.truncate(most as usize);
                }
                prop_assert_eq!((0..ring.len()).map(|age| ring.stamp(age)).collect::<Vec<_>>(), list.clone());
            }
            prop_assert_eq!(ring.unwind(), list.into_iter().rev().collect::<Vec<_>>());
        }
    }
}
