//! One table of a policy's limits: each count lies under the terms of its limit.

use crossfade_core::Timestamp;
use crossfade_core::limit::{Hit, Limit};

use super::Stats;
use super::count::{Count, Terms};
use super::name::Name;
use super::table::{Entry, Judge, Table};

/// At most so many counts.
pub(crate) struct Shard {
    table: Table<Count>,
    // All terms ever seen, and by `LimitId` the ones that hold now. They change only with the policy.
    terms: Vec<Terms>,
    current: Vec<Option<u32>>,
    stats: Stats,
}

/// The counts of these terms at this time.
struct At<'a>(&'a [Terms], Timestamp);

impl Judge<Count> for At<'_> {
    fn is_over(&self, entry: &Entry<Count>) -> bool {
        let terms = &self.0[entry.under as usize];
        // Who has tagged a count that nothing is in yet is about to count.
        if entry.tag == 0 { entry.count.is_over(terms, self.1) } else { entry.count.is_past(terms, self.1) }
    }

    fn share(&self, entry: &Entry<Count>) -> f64 {
        entry.count.share(&self.0[entry.under as usize], self.1)
    }
}

impl Shard {
    pub(crate) fn new(room: usize) -> Self {
        Self { table: Table::new(room), terms: Vec::new(), current: Vec::new(), stats: Stats::default() }
    }

    /// Lets `step` change the count of a key, which begins now if there is none.
    pub(crate) fn update<T>(
        &mut self,
        name: &Name<'_>,
        limit: &Limit,
        now: Timestamp,
        step: impl FnOnce(&mut Count, &Terms) -> T,
    ) -> T {
        let under = self.terms(limit);
        let terms = &self.terms[under as usize];
        let index = match self.table.find(name.hash, under, name.bytes()) {
            Some(index) => index,
            None => self.table.insert(name.hash, under, name.bytes(), Count::new(terms), &At(&self.terms, now)),
        };
        let entry = self.table.entry_mut(index);
        if entry.tag != 0 && entry.count.is_past(terms, now) {
            // What begins now is another count.
            entry.tag = 0;
        }
        step(&mut entry.count, terms)
    }

    /// Lets `step` see the count of a key, and change it if there is one; else that of a key that was never seen.
    pub(crate) fn look<T>(&mut self, name: &Name<'_>, limit: &Limit, step: impl FnOnce(&mut Count, &Terms) -> T) -> T {
        let under = self.terms(limit);
        let terms = &self.terms[under as usize];
        match self.table.find(name.hash, under, name.bytes()) {
            Some(index) => step(self.table.count_mut(index), terms),
            None => step(&mut Count::new(terms), terms),
        }
    }

    /// Notes what became of a hit.
    pub(crate) fn note(&mut self, hit: &Hit) {
        self.stats.hits += 1;
        self.stats.refused += u64::from(!hit.admitted);
    }

    /// The entry of a key, and its terms.
    pub(crate) fn entry(&mut self, name: &Name<'_>, limit: &Limit) -> Option<(&mut Entry<Count>, &Terms)> {
        let under = self.terms(limit);
        let index = self.table.find(name.hash, under, name.bytes())?;
        Some((self.table.entry_mut(index), &self.terms[under as usize]))
    }

    /// Forgets a key.
    pub(crate) fn reset(&mut self, name: &Name<'_>, limit: &Limit) {
        let under = self.terms(limit);
        if let Some(index) = self.table.find(name.hash, under, name.bytes()) {
            self.table.remove(index);
            self.stats.reset += 1;
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let Table { reclaimed, evicted_live, .. } = self.table;
        Stats { keys: self.table.len() as u64, reclaimed, evicted_live, ..self.stats }
    }

    /// The index of the limit's terms; noted if they are new.
    fn terms(&mut self, limit: &Limit) -> u32 {
        let terms = Terms::of(limit);
        let id = usize::from(limit.id.0);
        if let Some(&Some(index)) = self.current.get(id)
            && self.terms[index as usize] == terms
        {
            return index;
        }
        let index = self.terms.iter().position(|known| *known == terms).unwrap_or_else(|| {
            self.terms.push(terms);
            self.terms.len() - 1
        });
        if self.current.len() <= id {
            self.current.resize(id + 1, None);
        }
        self.current[id] = Some(index as u32);
        index as u32
    }
}
