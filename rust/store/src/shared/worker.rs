//! Which row is this process's, and how places are taken in it: first they are written, then all rows are read. Of all
//! who hold places, whoever wrote last has read what the others wrote, so never do more hold places than there are.
//!
//! Two who take the last place at once may both see the other's, and both give theirs back. They try again a few
//! times; then both are refused, as a request would be that came a moment earlier.
//!
//! A row belongs to the process that has locked it, and the lock ends with the process. Whether an owner lives is
//! asked only where a request would be refused otherwise: then rows of the dead that have places of its key are
//! emptied.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::atomic::Word;
use super::rows::{Rows, Spot};

/// How often one tries again whom others were in the way.
const RACES: u32 = 4;

/// A process that found no row looks for one again at each of so many hits: each row is a call of the system.
const LOOK_AGAIN: u64 = 256;

/// Who owns rows. What one process owns, no other does until it ends.
pub(crate) trait Owners {
    /// Takes a row that no living process owns, or that this process owns.
    fn seize(&self, row: usize) -> bool;

    /// Gives it back.
    fn release(&self, row: usize);
}

/// What a process knows of its row. A fork takes a copy, and finds that it is another process's.
#[derive(Debug, Default)]
pub(crate) struct Own {
    // The generation of the process one of whose threads writes or seizes rows; 0: nobody does. Another generation is
    // the parent's, none of whose threads is here.
    turn: AtomicU64,
    // The row, and the generation of the process that has it; 0: none has.
    row: AtomicU64,
    generation: AtomicU64,
    // Hits that found no row.
    missed: AtomicU64,
}

/// Rows as this process sees them.
pub(crate) struct Worker<'a, W, O> {
    pub(crate) rows: Rows<'a, W>,
    pub(crate) owners: O,
    pub(crate) own: &'a Own,
    /// That of this process.
    pub(crate) generation: u64,
}

/// What came of taking places. What is said of places is what all hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They are taken.
    Granted(u64),
    /// There are not as many.
    Refused(u64),
    /// There is no room to write it.
    Full(Full),
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All rows are other processes'.
    Rows,
    /// The row has no word left for the key.
    Words,
}

impl<W: Word<u64>, O: Owners> Worker<'_, W, O> {
    /// Takes places of a key, if no more than `most` are held then.
    #[inline]
    pub(crate) fn take(&self, spot: &Spot, places: u64, most: u64) -> Taken {
        let mut races = 0;
        loop {
            let held = self.rows.total(spot);
            if held.saturating_add(places) <= most {
                if places == 0 {
                    return Taken::Granted(held);
                }
                if let Err(full) = self.put(spot, places) {
                    return Taken::Full(full);
                }
                let held = self.rows.total(spot);
                if held <= most {
                    return Taken::Granted(held);
                }
                self.give_back(spot, places);
            } else if races == 0 && !self.bury(spot) {
                return Taken::Refused(held);
            }
            if races == RACES {
                return Taken::Refused(most);
            }
            races += 1;
            self.wait(races);
        }
    }

    /// Writes places of a key, whatever is held.
    pub(crate) fn put(&self, spot: &Spot, places: u64) -> Result<(), Full> {
        let _turn = self.turn();
        let row = self.row().or_else(|| self.claim()).ok_or(Full::Rows)?;
        if self.rows.add(row, spot, places) { Ok(()) } else { Err(Full::Words) }
    }

    /// Gives places of a key back, as far as this process holds any.
    pub(crate) fn give_back(&self, spot: &Spot, places: u64) {
        let _turn = self.turn();
        if let Some(row) = self.row() {
            self.rows.subtract(row, spot, places);
        }
    }

    /// The places of a key that are held, if they are fewer than `most`, or else that living processes hold.
    pub(crate) fn look(&self, spot: &Spot, most: u64) -> u64 {
        let held = self.rows.total(spot);
        if held >= most && self.bury(spot) { self.rows.total(spot) } else { held }
    }

    /// How many places living processes hold, and how many of them have a row.
    pub(crate) fn all(&self) -> (u64, u64) {
        self.bury_rows(|_| true);
        self.rows.in_use().fold((0, 0), |(places, rows), row| (places + self.rows.all(row), rows + 1))
    }

    /// Empties the rows of the dead that have places of a key; says whether there were any.
    fn bury(&self, spot: &Spot) -> bool {
        self.bury_rows(|row| self.rows.held(row, spot) > 0)
    }

    fn bury_rows(&self, wanted: impl Fn(usize) -> bool) -> bool {
        let _turn = self.turn();
        let own = self.row();
        let mut found = false;
        for row in self.rows.in_use().filter(|&row| Some(row) != own && wanted(row)) {
            if self.owners.seize(row) {
                self.rows.clear(row);
                self.rows.put_in_use(row, false);
                self.owners.release(row);
                found = true;
            }
        }
        found
    }

    /// The row of this process.
    fn row(&self) -> Option<usize> {
        let Own { generation, row, .. } = self.own;
        (generation.load(Relaxed) == self.generation).then(|| row.load(Relaxed) as usize)
    }

    /// Makes a row this process's. The caller has the turn.
    #[cold]
    fn claim(&self) -> Option<usize> {
        let missed = self.own.missed.load(Relaxed);
        let row = if missed.is_multiple_of(LOOK_AGAIN) {
            (0..self.rows.len()).find(|&row| self.owners.seize(row))
        } else {
            None
        };
        let Some(row) = row else {
            self.own.missed.store(missed + 1, Relaxed);
            return None;
        };
        self.own.missed.store(0, Relaxed);
        self.rows.clear(row);
        self.rows.put_in_use(row, true);
        self.own.row.store(row as u64, Relaxed);
        self.own.generation.store(self.generation, Relaxed);
        Some(row)
    }

    /// Lets others finish, and each a different time, so that not all come back together.
    fn wait(&self, races: u32) {
        let spread = self.own.row.load(Relaxed) % 8 + 1;
        (0..spread << (2 + races)).for_each(|_| std::hint::spin_loop());
        std::thread::yield_now();
    }

    /// Waits until no other thread of this process writes or seizes rows. What is done then takes moments, so nobody
    /// sleeps; and it is no mutex, as a fork would copy it as held.
    #[inline]
    fn turn(&self) -> Turn<'_> {
        let turn = &self.own.turn;
        let mut tries = 0u32;
        loop {
            let seen = turn.load(Relaxed);
            if seen != self.generation && turn.compare_exchange(seen, self.generation, Acquire, Relaxed).is_ok() {
                return Turn(turn);
            }
            tries = tries.wrapping_add(1);
            if tries.is_multiple_of(64) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

struct Turn<'a>(&'a AtomicU64);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}
