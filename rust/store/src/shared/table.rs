//! Finding a key's count, letting a step change it, and what becomes of a key that finds no room.

use std::sync::atomic::AtomicU64;

use crossfade_core::Timestamp;
use portable_atomic::AtomicU128;

use super::atomic::Word;
use super::counters::{self, Event};
use super::directory::{self, Line, Listed, UNLISTED};
use super::group::{self, Home, Keeper, Loss, Place};
use super::key::{Key, Seed};
use super::word;
use super::{Counted, OnFull};
use crate::memory::count::Terms;

pub(crate) type Group = group::Group<AtomicU64, AtomicU128>;

/// The table as one operation sees it.
pub(crate) struct Table<'a> {
    pub(crate) seed: Seed,
    pub(crate) generation: u64,
    pub(crate) now: Timestamp,
    pub(crate) lines: &'a [Line],
    pub(crate) counters: &'a [AtomicU64],
    pub(crate) groups: &'a [Group],
    pub(crate) overflow: &'a [Group],
    pub(crate) on_full: OnFull,
}

/// Domain of the keys under which newcomers are counted together.
const TOGETHER: u64 = 0x746f_6765_7468_6572;

impl Table<'_> {
    /// Lets `step` change the count of a key, which begins now if there is none. `step` runs again whenever somebody was
    /// faster.
    ///
    /// # Errors
    ///
    /// There is no room for the key, and `step` changed nothing: what stands in its way, and until when.
    #[inline]
    pub(crate) fn change<T>(
        &self,
        listed: &Listed,
        key: &[u8],
        step: impl Fn(&mut Counted, &Terms) -> T,
    ) -> Result<T, Loss> {
        let key = self.seed.key(listed.digest, key);
        let force = self.on_full == OnFull::Admit;
        let loss = match self.change_in(self.groups, &key, listed, force, &step) {
            Ok((answer, forced)) => {
                if forced {
                    counters::count(self.counters, Event::FullAdmitted);
                }
                return Ok(answer);
            }
            Err(loss) => loss,
        };
        if self.on_full == OnFull::Share
            && let Ok((answer, _)) = self.change_in(self.overflow, &self.together(&key, listed), listed, false, &step)
        {
            counters::count(self.counters, Event::FullShared);
            return Ok(answer);
        }
        counters::count(self.counters, Event::FullRejected);
        Err(loss)
    }

    fn change_in<T>(
        &self,
        groups: &[Group],
        key: &Key,
        listed: &Listed,
        force: bool,
        step: &impl Fn(&mut Counted, &Terms) -> T,
    ) -> Result<(T, bool), Loss> {
        let tag = word::tag(key, listed.index, self.generation);
        let home = home(groups, key, tag);
        loop {
            if let Some((slot, mut state)) = home.find::<Self>() {
                while state & Self::TAG == tag {
                    let (answer, next) = self.step(listed, state, step);
                    let next = next | tag;
                    // Where nothing changes it is as if it had happened when the state was loaded.
                    if next == state || home.swap(slot, state, next) {
                        return Ok((answer, false));
                    }
                    state = home.load(slot);
                }
                continue;
            }
            let (answer, first) = self.step(listed, 0, step);
            if first == 0 {
                return Ok((answer, false));
            }
            match home.insert(self, |_| first | tag, force) {
                Some(Place::Made { forced }) => return Ok((answer, forced)),
                Some(Place::Has) => {}
                Some(Place::Full(loss)) => return Err(loss),
                None => return Err(Loss { used: 1.0, until: self.now.seconds() }),
            }
        }
    }

    /// Lets `step` see the count of a key, and change it if there is one; else that of a key that was never seen. A newcomer
    /// without room is seen as it would be counted.
    #[inline]
    pub(crate) fn look<T>(&self, listed: &Listed, key: &[u8], step: impl Fn(&mut Counted, &Terms) -> T) -> T {
        let key = self.seed.key(listed.digest, key);
        self.look_in(self.groups, &key, listed, &step)
            .or_else(|| {
                let is_shared = self.on_full == OnFull::Share
                    && home(self.groups, &key, word::tag(&key, listed.index, self.generation)).is_full(self);
                is_shared.then(|| self.look_in(self.overflow, &self.together(&key, listed), listed, &step)).flatten()
            })
            .unwrap_or_else(|| self.step(listed, 0, &step).0)
    }

    fn look_in<T>(
        &self,
        groups: &[Group],
        key: &Key,
        listed: &Listed,
        step: &impl Fn(&mut Counted, &Terms) -> T,
    ) -> Option<T> {
        let tag = word::tag(key, listed.index, self.generation);
        let home = home(groups, key, tag);
        loop {
            let (slot, state) = home.find::<Self>()?;
            let (answer, next) = self.step(listed, state, step);
            if next | tag == state || home.swap(slot, state, next | tag) {
                return Some(answer);
            }
        }
    }

    /// Forgets a key.
    pub(crate) fn forget(&self, listed: &Listed, key: &[u8]) {
        let key = self.seed.key(listed.digest, key);
        let home = home(self.groups, &key, word::tag(&key, listed.index, self.generation));
        while !home.forget(self) {}
    }

    /// How many keys are counted whose windows are not over.
    pub(crate) fn count_keys(&self) -> u64 {
        let states = self.groups.iter().chain(self.overflow).flat_map(|group| &group.states);
        states.filter(|state| !matches!(self.loss(0, Word::load(*state)), Loss::NONE | Loss::OVER)).count() as u64
    }

    /// Before the generations begin again: forgets who was counted in earlier ones, so that they do not come back. Does nothing
    /// otherwise.
    pub(crate) fn sweep(&self) {
        if self.generation & 0xff != 0xff {
            return;
        }
        for group in self.groups.iter().chain(self.overflow) {
            for (print, state) in group.prints.iter().zip(&group.states) {
                let (print, seen) = (Word::load(print), Word::load(state));
                if word::limit(seen, self.generation) == 0 {
                    Word::swap(state, seen, word::vacated(print, seen));
                }
            }
        }
    }

    fn step<T>(&self, listed: &Listed, state: u128, step: &impl Fn(&mut Counted, &Terms) -> T) -> (T, u128) {
        let mut count = word::unpack(&listed.terms, state);
        let answer = step(&mut count, &listed.terms);
        (answer, word::pack(&count))
    }

    /// The key under which a newcomer without room is counted: one for each group of the overflow, so that it is a few
    /// dozen groups' newcomers who share a count.
    fn together(&self, key: &Key, listed: &Listed) -> Key {
        let part = group::place(key.place, self.groups.len())[0] / self.groups.len().div_ceil(self.overflow.len());
        self.seed.key(listed.digest ^ TOGETHER, &part.to_ne_bytes())
    }
}

/// The slots in which a key can be.
fn home<'a>(groups: &'a [Group], key: &Key, tag: u128) -> Home<'a, AtomicU64, AtomicU128> {
    let [first, second] = group::place(key.place, groups.len());
    Home::new([&groups[first], &groups[second]], key.print, tag)
}

impl Keeper for Table<'_> {
    const TAG: u128 = (1 << word::TAG) - 1;

    fn vacated(&self, print: u64, state: u128) -> u128 {
        word::vacated(print, state)
    }

    fn loss(&self, _: usize, state: u128) -> Loss {
        let terms = match word::limit(state, self.generation) {
            0 => return Loss::NONE,
            UNLISTED => None,
            index => directory::terms(&self.lines[usize::from(index)]),
        };
        let Some(terms) = terms else { return Loss { used: 0.5, until: f64::INFINITY } };
        let count = word::unpack(&terms, state);
        // Where nothing is ever granted nothing needs to be remembered.
        if count.is_over(&terms, self.now) || terms.most() == 0 {
            return Loss::OVER;
        }
        Loss { used: count.share(&terms, self.now), until: count.seen(&terms, self.now).reset }
    }

    fn gone(&self, loss: Loss) {
        counters::gone(self.counters, loss);
    }
}
