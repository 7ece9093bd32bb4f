//! Finding a key's count, letting a step change it, and what becomes of a key that finds no room.

use std::sync::atomic::AtomicU64;

use crossfade_core::Timestamp;

use super::area::Area;
use super::atomic::Word;
use super::counters::{self, Event};
use super::directory::{self, Line, Listed, UNLISTED};
use super::group::{self, Keeper, Loss, Place};
use super::key::{Key, Seed};
use super::word;
use super::{Counted, OnFull};
use crate::memory::count::Terms;

/// The table as one operation sees it.
pub(crate) struct Table<'a> {
    pub(crate) seed: Seed,
    pub(crate) generation: u64,
    pub(crate) now: Timestamp,
    pub(crate) lines: &'a [Line],
    pub(crate) counters: &'a [AtomicU64],
    pub(crate) keys: Area<'a>,
    pub(crate) overflow: Area<'a>,
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
        step: impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> Result<T, Loss> {
        let key = self.seed.key(listed.digest, key);
        let force = self.on_full == OnFull::Admit;
        let loss = match self.change_in(self.keys, &key, listed, force, &step) {
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
        area: Area<'_>,
        key: &Key,
        listed: &Listed,
        force: bool,
        step: &impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> Result<(T, bool), Loss> {
        let tag = word::tag(key, listed.index, self.generation);
        let home = area.home(key, tag);
        loop {
            if let Some(found) = home.find() {
                match area.change(&home, found, &listed.terms, step) {
                    Some(answer) => return Ok((answer, false)),
                    None => continue,
                }
            }
            let (answer, first) = area.begin(tag, &listed.terms, step);
            let Some(first) = first else { return Ok((answer, false)) };
            match home.insert(&self.within(area), |vacated| area.first(first, vacated), force) {
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
    pub(crate) fn look<T>(&self, listed: &Listed, key: &[u8], step: impl Fn(&mut Counted<'_>, &Terms) -> T) -> T {
        let key = self.seed.key(listed.digest, key);
        self.look_in(self.keys, &key, listed, &step)
            .or_else(|| {
                let is_shared = self.on_full == OnFull::Share
                    && self
                        .keys
                        .home(&key, word::tag(&key, listed.index, self.generation))
                        .is_full(&self.within(self.keys));
                is_shared.then(|| self.look_in(self.overflow, &self.together(&key, listed), listed, &step)).flatten()
            })
            .unwrap_or_else(|| self.keys.begin(word::tag(&key, listed.index, self.generation), &listed.terms, &step).0)
    }

    fn look_in<T>(
        &self,
        area: Area<'_>,
        key: &Key,
        listed: &Listed,
        step: &impl Fn(&mut Counted<'_>, &Terms) -> T,
    ) -> Option<T> {
        let home = area.home(key, word::tag(key, listed.index, self.generation));
        loop {
            if let Some(answer) = area.change(&home, home.find()?, &listed.terms, step) {
                return Some(answer);
            }
        }
    }

    /// Forgets a key.
    pub(crate) fn forget(&self, listed: &Listed, key: &[u8]) {
        let key = self.seed.key(listed.digest, key);
        let home = self.keys.home(&key, word::tag(&key, listed.index, self.generation));
        while !home.forget(&self.within(self.keys)) {}
    }

    /// How many keys are counted whose windows are not over.
    pub(crate) fn count_keys(&self) -> u64 {
        let live = |area: Area<'_>| {
            let losses = area.slots().map(|(number, state)| self.within(area).loss(number, Word::load(state)));
            losses.filter(|loss| !matches!(*loss, Loss::NONE | Loss::OVER)).count() as u64
        };
        live(self.keys) + live(self.overflow)
    }

    /// Before the generations begin again: forgets who was counted in earlier ones, so that they do not come back. Does nothing
    /// otherwise.
    pub(crate) fn sweep(&self) {
        if self.generation & 0xff != 0xff {
            return;
        }
        for area in [self.keys, self.overflow] {
            for (_, state) in area.slots() {
                let seen = Word::load(state);
                if word::limit(seen, self.generation) == 0 {
                    Word::swap(state, seen, area.vacated(seen));
                }
            }
        }
    }

    fn within<'a>(&'a self, area: Area<'a>) -> Within<'a> {
        Within { table: self, area }
    }

    /// The key under which a newcomer without room is counted: one for each group of the overflow, so that it is a few
    /// dozen groups' newcomers who share a count.
    fn together(&self, key: &Key, listed: &Listed) -> Key {
        let part = group::place(key.place, self.keys.groups.len())[0]
            / self.keys.groups.len().div_ceil(self.overflow.groups.len());
        self.seed.key(listed.digest ^ TOGETHER, &part.to_ne_bytes())
    }
}

/// One area, and what the table knows to judge it.
struct Within<'a> {
    table: &'a Table<'a>,
    area: Area<'a>,
}

impl Keeper for Within<'_> {
    fn vacated(&self, state: u128) -> u128 {
        self.area.vacated(state)
    }

    fn loss(&self, number: usize, state: u128) -> Loss {
        let Table { generation, lines, now, .. } = *self.table;
        let terms = match word::limit(state, generation) {
            0 => return Loss::NONE,
            UNLISTED => None,
            index => directory::terms(&lines[usize::from(index)]),
        };
        let Some(terms) = terms else { return Loss { used: 0.5, until: f64::INFINITY } };
        let count = self.area.count(number, &terms, state);
        // Where nothing is ever granted nothing needs to be remembered.
        if count.is_over(&terms, now) || terms.most() == 0 {
            return Loss::OVER;
        }
        Loss { used: count.share(&terms, now), until: count.seen(&terms, now).reset }
    }

    fn gone(&self, loss: Loss) {
        counters::gone(self.table.counters, loss);
    }
}
