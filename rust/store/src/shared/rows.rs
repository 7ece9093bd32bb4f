//! Requests in flight: a row for each process, in which nobody else counts, so that what a process held ends with it.
//!
//! A row is lines of eight words. A word is a key – the highest 44 bits of its print – and below it the places that
//! requests of that key hold in this process; 0 is nobody's. A key has two lines and one word in them. All that is
//! done is one swap of one word, so that a process may die anywhere.
//!
//! Rows are in use, or not. Only what is in use is read; whoever takes a row has emptied it before it is in use.

use super::atomic::Word;
use super::group;
use super::key::Key;

/// Rows: one for each process that counts.
pub(crate) const MOST: usize = 256;

/// Words that say which rows are in use.
pub(crate) const IN_USE: usize = MOST / u64::BITS as usize;

/// Words of a line: what a processor fetches at once.
pub(crate) const LINE: usize = 8;

/// The bits of a word that count: more than a policy lets be in flight.
const COUNT: u64 = (1 << 20) - 1;

/// All rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a, W> {
    /// One bit for each row.
    pub(crate) in_use: &'a [W],
    /// One row after the other.
    pub(crate) lines: &'a [[W; LINE]],
    /// How many lines a row has; at least 2.
    pub(crate) lines_per_row: usize,
}

/// Where a key is in each row, and how its word is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    print: u64,
    two: [usize; 2],
}

impl<'a, W: Word<u64>> Rows<'a, W> {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len() / self.lines_per_row
    }

    /// Where that key is.
    #[inline]
    pub(crate) fn spot(&self, key: &Key) -> Spot {
        Spot { print: (key.print & !COUNT).max(COUNT + 1), two: group::place(key.place, self.lines_per_row) }
    }

    #[inline]
    fn line(&self, row: usize, line: usize) -> &'a [W; LINE] {
        &self.lines[row * self.lines_per_row + line]
    }

    fn row(&self, row: usize) -> impl Iterator<Item = &'a W> {
        self.lines[row * self.lines_per_row..][..self.lines_per_row].iter().flatten()
    }

    /// The rows in use.
    #[inline]
    pub(crate) fn in_use(&self) -> impl Iterator<Item = usize> {
        let (mut index, mut bits) = (0, self.in_use[0].load());
        std::iter::from_fn(move || {
            while bits == 0 {
                index += 1;
                bits = self.in_use.get(index)?.load();
            }
            let bit = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            Some(index * u64::BITS as usize + bit)
        })
    }

    /// Says whether a row is in use.
    pub(crate) fn put_in_use(&self, row: usize, used: bool) {
        let (word, bit) = (&self.in_use[row / u64::BITS as usize], 1 << (row % u64::BITS as usize));
        loop {
            let seen = word.load();
            if word.swap(seen, if used { seen | bit } else { seen & !bit }) {
                return;
            }
        }
    }

    /// The word of a key in that row, and what it holds.
    #[inline]
    fn find(&self, row: usize, spot: &Spot) -> Option<(&'a W, u64)> {
        for line in spot.two {
            for word in self.line(row, line) {
                let seen = word.load();
                if seen & !COUNT == spot.print {
                    return Some((word, seen));
                }
            }
        }
        None
    }

    /// The places of a key that are held in that row.
    #[inline]
    pub(crate) fn held(&self, row: usize, spot: &Spot) -> u64 {
        self.find(row, spot).map_or(0, |(_, word)| word & COUNT)
    }

    /// The places of a key that are held in all rows in use. Places that are held all the while are all in it.
    #[inline]
    pub(crate) fn total(&self, spot: &Spot) -> u64 {
        let mut total = 0;
        for row in self.in_use() {
            total += self.held(row, spot);
        }
        total
    }

    /// All places that are held in a row.
    pub(crate) fn all(&self, row: usize) -> u64 {
        self.row(row).map(|word| word.load() & COUNT).sum()
    }

    /// Adds places of a key to a row, which is that of the caller, and of one thread at a time; `false` where there is
    /// no room.
    pub(crate) fn add(&self, row: usize, spot: &Spot, places: u64) -> bool {
        let mut room: Option<(usize, &W)> = None;
        for line in spot.two {
            let (mut empty, mut first) = (0, None);
            for word in self.line(row, line) {
                let seen = word.load();
                if seen & !COUNT == spot.print {
                    return (seen & COUNT).saturating_add(places) <= COUNT && word.swap(seen, seen + places);
                }
                if seen == 0 {
                    empty += 1;
                    first = first.or(Some(word));
                }
            }
            // The emptier line, so that few keys find both of theirs full.
            if let Some(word) = first
                && room.is_none_or(|(most, _)| empty > most)
            {
                room = Some((empty, word));
            }
        }
        places <= COUNT && room.is_some_and(|(_, word)| word.swap(0, spot.print | places))
    }

    /// Takes places of a key away from a row, which is that of the caller, as far as there are any.
    pub(crate) fn subtract(&self, row: usize, spot: &Spot, places: u64) {
        if let Some((word, seen)) = self.find(row, spot) {
            let left = (seen & COUNT).saturating_sub(places);
            word.swap(seen, if left == 0 { 0 } else { spot.print | left });
        }
    }

    /// Empties a row that belongs to nobody, or to the caller.
    pub(crate) fn clear(&self, row: usize) {
        for word in self.row(row) {
            let seen = word.load();
            if seen != 0 {
                word.swap(seen, 0);
            }
        }
    }
}
