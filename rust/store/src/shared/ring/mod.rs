//! A moving window in shared memory: one state word, and a ring of as many stamps as the window holds.
//!
//! A hit changes several words, and a process may die between any two instructions. So the state word alone decides: it
//! carries the last change in full, and the slots only follow it. Whoever comes next writes what the last change left to be
//! written, before the state moves on:
//!
//! 1. load the state and *complete* it: each slot that it speaks of and that is not yet as it says gets to be so;
//! 2. let the core's step look at the log and say what becomes of it;
//! 3. swap the state for the next one; if it moved meanwhile, begin again;
//! 4. complete that too.
//!
//! Between 3 and 4 a process may die, sleep for an hour or be overtaken: nobody waits for it, nobody needs to know.
//!
//! *A late completion never destroys a later stamp*: a slot is swapped from what it held while the state still was the one to
//! complete, and whatever is written to it under a later state differs from that, as a slot has the version of the state
//! that wrote it beside its stamp. *What a step reads belongs together*: the slots of a log are written only after its state
//! was replaced, and the swap, or a second load where nothing changes, shows that it was not.
//!
//! A charge that is given back leaves a gap, and newer stamps move into it: as many at a time as the gap is wide, so that none
//! is both read and written under one state. The gap wanders to the head and is gone; whoever finds it half-way goes on.
//!
//! | module | what it owns |
//! |---|---|
//! | `state` | the state word |
//! | `view` | the log that the core's step sees |

mod state;
mod view;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use super::atomic::Word;
use state::{Last, State, stamp_of};
use view::before;

pub(crate) use state::{MAX_LEN, begun, vacated};
pub(crate) use view::View;

/// The ring of one key.
pub(crate) struct Ring<'a, W, S> {
    state: &'a W,
    slots: &'a [S],
}

impl<'a, W: Word<u128>, S: Word<u64>> Ring<'a, W, S> {
    /// The ring in `state` and `slots` (1 to [`MAX_LEN`] of them).
    pub(crate) fn new(state: &'a W, slots: &'a [S]) -> Self {
        debug_assert!((1..=MAX_LEN).contains(&(slots.len() as u64)));
        Self { state, slots }
    }

    /// Lets `step` change the log of the state `seen`, once, and gives what it answered. `None`: the state moved on; load it
    /// again, and see whose it is.
    pub(crate) fn change<T>(&self, seen: u128, step: impl FnOnce(&mut View<'a, S>) -> T) -> Option<T> {
        let state = State::unpack(seen, self.room());
        if !self.complete(seen, state) {
            return None;
        }
        if let Last::Gap { .. } = state.last {
            self.state.swap(seen, state.gap_moved(self.room()).pack());
            return None;
        }
        let mut view = View::new(self.slots, state);
        let answer = step(&mut view);
        if view.next == state {
            return (self.state.load() == seen).then_some(answer);
        }
        let next = State { version: state.next_version(), ..view.next };
        if !self.state.swap(seen, next.pack()) {
            return None;
        }
        self.complete(next.pack(), next);
        Some(answer)
    }

    /// Writes what the slots do not show of a state yet; `false` if the state moved on, for then somebody did.
    fn complete(&self, word: u128, state: State) -> bool {
        match state.last {
            Last::Hit { stamp, cost } => (1..=cost).all(|back| self.write(word, state, back, |_| stamp)),
            Last::Gap { newer, width } => (0..width.min(newer)).all(|moved| {
                let back = newer - moved;
                self.write(word, state, back + width, |ring| stamp_of(ring.slot(state, back).load()))
            }),
        }
    }

    /// Puts a stamp into the slot `back` places before the head, under that state only.
    fn write(&self, word: u128, state: State, back: u32, stamp: impl Fn(&Self) -> u64) -> bool {
        let slot = self.slot(state, back);
        loop {
            let seen = slot.load();
            let mark = state.mark(stamp(self));
            if seen == mark {
                return true;
            }
            if self.state.load() != word {
                return false;
            }
            if slot.swap(seen, mark) {
                return true;
            }
        }
    }

    fn slot(&self, state: State, back: u32) -> &'a S {
        &self.slots[before(state.head, back, self.room())]
    }

    fn room(&self) -> u32 {
        self.slots.len() as u32
    }
}
