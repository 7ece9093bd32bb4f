//! Slots of one kind – counts that are a word, or moving windows with rings of one length – and what is done to one of them.

use std::sync::atomic::AtomicU64;

use portable_atomic::AtomicU128;

use super::Counted;
use super::group::{self, Home, SLOTS, TAG};
use super::key::Key;
use super::ring::{self, Ring, View};
use super::{token, word};
use crate::memory::count::{Count, Terms};

pub(crate) type Group = group::Group<AtomicU64, AtomicU128>;

/// Groups of slots, at least two, and the ring of each slot.
#[derive(Clone, Copy)]
pub(crate) struct Area<'a> {
    pub(crate) groups: &'a [Group],
    /// `length` stamps for each slot; none where counts are words.
    pub(crate) rings: &'a [AtomicU64],
    pub(crate) length: usize,
}

impl<'a> Area<'a> {
    /// Slots for counts that are words.
    pub(crate) fn of_words(groups: &'a [Group]) -> Self {
        Self { groups, rings: &[], length: 0 }
    }

    /// The slots in which a key can be.
    pub(crate) fn home(&self, key: &Key, tag: u128) -> Home<'a, AtomicU64, AtomicU128> {
        Home::new(self.groups, group::place(key.place, self.groups.len()), key.print, tag)
    }

    /// Lets `step` change the count in a slot that was found with that state. `None`: somebody was faster.
    #[inline]
    pub(crate) fn change<T>(
        &self,
        home: &Home<'a, AtomicU64, AtomicU128>,
        (slot, state): (usize, u128),
        terms: &Terms,
        step: &impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> Option<T> {
        if self.length != 0 {
            let ring = Ring::new(home.state(slot), self.ring(home.number(slot)));
            return ring.change(state, |log| moved(log, terms, step));
        }
        let mut count = word::unpack(terms, state);
        let answer = step(&mut count, terms);
        let next = word::pack(&count) | state & TAG;
        // Where nothing changes it is as if it had happened when the state was loaded.
        (next == state || home.swap(slot, state, next)).then_some(answer)
    }

    /// Lets `step` change the count of a key that was never seen: its answer, and what the key begins with if anything.
    #[inline]
    pub(crate) fn begin<T>(
        &self,
        tag: u128,
        terms: &Terms,
        step: &impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> (T, Option<u128>) {
        if self.length != 0 {
            let mut log = View::of(self.ring(0), tag);
            let answer = moved(&mut log, terms, step);
            return (answer, (log.word() != tag).then_some(log.word()));
        }
        let mut count = word::unpack(terms, 0);
        let answer = step(&mut count, terms);
        let first = word::pack(&count);
        (answer, (first != 0).then_some(first | tag))
    }

    /// What a key that begins with `first` has for a state after a vacated one.
    pub(crate) fn first(&self, first: u128, vacated: u128) -> u128 {
        if self.length == 0 { first } else { ring::begun(first, vacated, self.length as u32) }
    }

    /// A state of nobody's to stand after `state`. No other is the same.
    pub(crate) fn vacated(&self, state: u128) -> u128 {
        let token = token::fresh();
        if self.length == 0 { word::vacated(token) } else { ring::vacated(token, state) }
    }

    /// The count in a slot, counting all slots, that has that state.
    pub(crate) fn count(&self, number: usize, terms: &Terms, state: u128) -> Counted<'a> {
        if self.length == 0 {
            return word::unpack(terms, state);
        }
        Count::Moving(View::of(self.ring(number), state))
    }

    /// The state of each slot, and the slot's number.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (usize, &'a AtomicU128)> {
        self.groups.iter().flat_map(|group| &group.states).enumerate()
    }

    fn ring(&self, number: usize) -> &'a [AtomicU64] {
        &self.rings[number * self.length..][..self.length]
    }
}

/// Bytes that a group and its rings take.
pub(crate) fn bytes(length: u64) -> u64 {
    group::BYTES + SLOTS as u64 * length * 8
}

fn moved<'a, T>(log: &mut View<'a, AtomicU64>, terms: &Terms, step: &impl Fn(&mut Counted<'_>, &Terms) -> T) -> T {
    let mut count = Count::Moving(log.clone());
    let answer = step(&mut count, terms);
    if let Count::Moving(changed) = count {
        *log = changed;
    }
    answer
}
