//! Which slots a limit counts in: those of words, or those with rings of its length.

use std::path::Path;

use crossfade_core::limit::{Limit, Strategy};

use super::area::{self, Area};
use super::error::{Error, Problem};
use super::layout;
use super::ring;
use super::rings::{self, RingTable};
use super::{Shared, directory::Listed};

/// The slots for keys, and those for newcomers without room.
pub(crate) type Both<'a> = (Area<'a>, Area<'a>);

/// Fewest groups that a table of rings is worth: two for keys, two for those without room.
const FEWEST: u64 = 4;

/// Groups of keys for which there is one of the overflow.
const PER_OVERFLOW: u64 = 32;

impl Shared {
    /// Makes room for the moving windows of `limits` at once, for as many keys of each as of the others. Without it, each
    /// length of a window takes half of the room that is left when its first hit comes. Where there is less room than for all
    /// keys, a quarter of it stays for lengths that come later.
    ///
    /// # Errors
    ///
    /// [`Problem::Window`] for a window that is too long for any ring, [`Problem::Rings`] where `ring_bytes` is too small, or
    /// used up by other lengths. Lengths that there is room for have theirs all the same.
    pub fn reserve<'l>(&self, path: &Path, limits: impl IntoIterator<Item = &'l Limit>) -> Result<(), Error> {
        let mut lengths = Vec::new();
        for limit in limits.into_iter().filter(|limit| limit.strategy == Strategy::MovingWindow) {
            let (length, most) = (limit.rate.amount.max(1), ring::MAX_LEN);
            if length > most {
                return Err(Problem::Window { amount: length, most }.of(path));
            }
            if !lengths.contains(&length) {
                lengths.push(length);
            }
        }
        let bytes = |lengths: &[u64]| lengths.iter().map(|length| area::bytes(*length)).sum::<u64>();
        let needed = bytes(&lengths) * FEWEST;
        lengths.retain(|length| rings::all(self.ring_log()).all(|table| table.length != *length));
        let left = self.rings_left();
        let groups = ((left - left / 4) / bytes(&lengths).max(1)).min(self.groups_wanted()).max(FEWEST);
        let without = lengths.into_iter().filter(|length| self.ring_table(*length, groups).is_none());
        // All of them are tried.
        match without.min() {
            Some(length) => Err(Problem::Rings { length, bytes: self.layout.ring_bytes, needed }.of(path)),
            None => Ok(()),
        }
    }

    /// Whether there are rings for the moving window `limit`, or room for some, which is taken then.
    ///
    /// # Errors
    ///
    /// As [`Self::reserve`].
    pub(super) fn check_rings(&self, path: &Path, limit: &Limit) -> Result<(), Error> {
        let (length, most) = (limit.rate.amount.max(1), ring::MAX_LEN);
        if length > most {
            return Err(Problem::Window { amount: length, most }.of(path));
        }
        if self.areas_of(&self.listed(limit)).is_none() {
            let needed = area::bytes(length) * FEWEST;
            return Err(Problem::Rings { length, bytes: self.layout.ring_bytes, needed }.of(path));
        }
        Ok(())
    }

    /// Where a limit's keys are. `None`: there is no room for rings of its length.
    #[inline]
    pub(crate) fn areas_of(&self, listed: &Listed) -> Option<Both<'_>> {
        if listed.terms.strategy != Strategy::MovingWindow {
            return Some(self.words());
        }
        let length = listed.terms.most().max(1);
        let groups = self.groups_wanted().min(self.rings_left() / 2 / area::bytes(length)).max(FEWEST);
        self.ring_table(length, groups).map(|table| self.rings(table))
    }

    /// All slots.
    pub(crate) fn areas(&self) -> impl Iterator<Item = Both<'_>> {
        std::iter::once(self.words()).chain(rings::all(self.ring_log()).map(|table| self.rings(table)))
    }

    fn ring_table(&self, length: u64, groups: u64) -> Option<RingTable> {
        rings::table(self.ring_log(), self.layout.ring_bytes, length, groups * area::bytes(length))
    }

    fn words(&self) -> Both<'_> {
        let layout = &self.layout;
        let groups = |at: u64, count: u64| Area::of_words(self.map.cells(at as usize, count as usize));
        (groups(layout.groups_at(), layout.groups), groups(layout.overflow_at(), layout.overflow_groups()))
    }

    /// First all groups of the table, then all rings.
    fn rings(&self, table: RingTable) -> Both<'_> {
        let (at, length) = ((self.layout.rings_at() + table.at) as usize, table.length as usize);
        let count = (table.bytes / area::bytes(table.length)) as usize;
        let overflow = (count / (PER_OVERFLOW as usize + 1)).max(2);
        let groups = self.map.cells(at, count);
        let slots = count * super::group::SLOTS;
        let rings = self.map.cells(at + count * super::group::BYTES as usize, slots * length);
        let (keys, rest) = groups.split_at(count - overflow);
        let (of_keys, of_rest) = rings.split_at(keys.len() * super::group::SLOTS * length);
        (Area { groups: keys, rings: of_keys, length }, Area { groups: rest, rings: of_rest, length })
    }

    /// Groups that a table has for as many keys as were asked for.
    fn groups_wanted(&self) -> u64 {
        self.layout.groups + self.layout.groups.div_ceil(PER_OVERFLOW)
    }

    fn rings_left(&self) -> u64 {
        rings::all(self.ring_log())
            .last()
            .map_or(self.layout.ring_bytes, |table| self.layout.ring_bytes.saturating_sub(table.at + table.bytes))
    }

    fn ring_log(&self) -> &[std::sync::atomic::AtomicU64] {
        self.map.cells(layout::RING_LOG, layout::RING_TABLES)
    }
}
