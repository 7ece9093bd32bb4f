//! A ring as the core's step sees it: the log of one state, and what the step would make of it.

use crossfade_core::limit::moving_window::Log;

use super::super::atomic::Word;
use super::state::{Last, State, seconds, stamp, stamp_of};

/// The log of one state. What a step changes is in `next` alone, where nobody else sees it; a step changes it once, as a state
/// can say no more.
///
/// What is read here holds only if the state is still the same afterwards; whoever made the view makes sure of that.
pub(crate) struct View<'a, S> {
    slots: &'a [S],
    pub(super) next: State,
}

impl<S> Clone for View<'_, S> {
    fn clone(&self) -> Self {
        Self { slots: self.slots, next: self.next }
    }
}

impl<'a, S: Word<u64>> View<'a, S> {
    pub(super) fn new(slots: &'a [S], state: State) -> Self {
        Self { slots, next: state }
    }

    /// The log of the state `word`, whether or not the slots show it yet.
    pub(crate) fn of(slots: &'a [S], word: u128) -> Self {
        Self::new(slots, State::unpack(word, (slots.len() as u32).max(1)))
    }

    /// The state of what became of it.
    pub(crate) fn word(&self) -> u128 {
        self.next.pack()
    }

    /// Forgets every stamp.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.next = self.next.emptied();
    }

    fn room(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The slots may not show the last change yet, so what it says comes first.
    fn at(&self, age: u32) -> u64 {
        let slot = |back: u32| stamp_of(self.slots[before(self.next.head, back, self.room())].load());
        match self.next.last {
            Last::Hit { stamp, cost } if age < cost => stamp,
            Last::Gap { newer, width } if age >= newer => slot(age + width + 1),
            _ => slot(age + 1),
        }
    }
}

impl<S: Word<u64>> Log for View<'_, S> {
    fn len(&self) -> u64 {
        u64::from(self.next.len)
    }

    fn stamp(&self, age: u64) -> f64 {
        seconds(self.at(age as u32))
    }

    fn push(&mut self, at: f64, count: u64, keep: u64) {
        let room = self.room();
        let keep = keep.min(u64::from(room)) as u32;
        let cost = count.min(u64::from(keep)) as u32;
        if cost == 0 {
            return;
        }
        self.next.last = Last::Hit { stamp: stamp(at), cost };
        self.next.head = (self.next.head + cost) % room;
        self.next.len = (self.next.len + cost).min(keep);
    }

    /// Of the newest run of such stamps: there is another one only where time ran backwards.
    fn remove(&mut self, at: f64, count: u64) {
        let (stamp, len) = (stamp(at), self.next.len);
        let newer = (0..len).take_while(|&age| self.at(age) != stamp).count() as u32;
        let run = (newer..len).take_while(|&age| self.at(age) == stamp).count() as u32;
        let width = count.min(u64::from(run)) as u32;
        if width == 0 {
            return;
        }
        self.next.len -= width;
        self.next.last = Last::Gap { newer, width };
        if newer == 0 {
            self.next.close(width, self.room());
        }
    }
}

/// The slot `back` places before `head`; `back` is at most `room`.
pub(super) fn before(head: u32, back: u32, room: u32) -> usize {
    (if head >= back { head - back } else { head + room - back }) as usize
}
