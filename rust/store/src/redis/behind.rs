//! Counts that are told to the server later. What is left of a key was said by the server a moment ago, and hits are
//! taken from that here; every [`FLUSH`] the server is told, and says anew.
//!
//! Between two flushes a store does not see the hits of the others: all stores together can grant too much, at most what
//! was left when they last heard of it, for each store but one. A key that is not known here is asked about first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossfade_core::limit::{Hit, Window};

use super::charge::{Charge, Seen};

/// How often the server is told.
pub(super) const FLUSH: Duration = Duration::from_millis(100);

/// What was said so long ago says nothing any more: the server is asked.
const STALE: Duration = Duration::from_secs(1);

/// Charges that are told in one script: it blocks the server for a fraction of a millisecond.
pub(super) const AT_ONCE: usize = 64;

struct Known {
    charge: Charge,
    window: Window,
    /// When; `None`: it is to be asked anew.
    heard: Option<Instant>,
    /// Granted since the last flush.
    spent: u64,
    /// Being told.
    told: u64,
    touched: bool,
}

/// The keys that were asked about lately: at most so many. The others are asked about each time.
pub(super) struct Behind {
    most: usize,
    keys: Mutex<HashMap<Box<[u8]>, Known>>,
}

impl Behind {
    pub(super) fn new(most: usize) -> Self {
        Self { most, keys: Mutex::default() }
    }

    /// The hits, if every key is known; up to the first that is refused, or nothing counted where `atomic`.
    pub(super) fn hit(&self, charges: &[Charge], atomic: bool) -> Option<Vec<Hit>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |charge: &Charge| keys.get(&charge.name[..]).is_some_and(Known::is_fresh);
        if !charges.iter().all(fresh) {
            return None;
        }
        let mut hits = Vec::with_capacity(charges.len());
        for charge in charges {
            let known = keys.get_mut(&charge.name[..])?;
            let left = known.left();
            let admitted = charge.cost <= left;
            known.touched = true;
            if admitted {
                known.spent += charge.cost;
            }
            hits.push(Hit { admitted, remaining: known.left(), reset: known.window.reset });
            if !admitted {
                break;
            }
        }
        if atomic && hits.last().is_some_and(|hit| !hit.admitted) {
            for (charge, hit) in charges.iter().zip(&mut hits).filter(|(_, hit)| hit.admitted) {
                if let Some(known) = keys.get_mut(&charge.name[..]) {
                    known.spent -= charge.cost;
                    hit.remaining = known.left();
                }
            }
        }
        Some(hits)
    }

    /// What the server said of a key; `told` of what was spent is in it. `None`: it said nothing, and is told again.
    pub(super) fn learn(&self, charge: &Charge, seen: Option<&Seen>, told: u64) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.get_mut(&charge.name[..]) {
            let told = told.min(known.told);
            known.told -= told;
            match seen {
                Some(seen) => (known.window, known.heard) = (seen.window, Some(Instant::now())),
                None => known.spent += told,
            }
        } else if let Some(seen) = seen
            && keys.len() < self.most
        {
            let (charge, window, heard) = (charge.clone(), seen.window, Some(Instant::now()));
            let name = charge.name.as_slice().into();
            keys.insert(name, Known { charge, window, heard, spent: 0, told: 0, touched: false });
        }
    }

    /// What is to be told now. Keys that nobody asked about since the last time are forgotten.
    pub(super) fn flush(&self) -> Vec<Charge> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, known| known.touched || known.spent > 0 || known.told > 0);
        let due = keys.values_mut().filter(|known| known.touched || known.spent > 0);
        let told = due.map(|known| {
            let spent = std::mem::take(&mut known.spent);
            known.told += spent;
            known.touched = false;
            Charge { cost: spent, wanted: spent, ..known.charge.clone() }
        });
        told.collect()
    }

    /// Whether there is anything to tell, or to forget.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Something was given back, or forgotten: the server is asked next time.
    pub(super) fn forget(&self, name: &[u8]) {
        if let Some(known) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name) {
            known.heard = None;
        }
    }
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.heard.is_some_and(|heard| heard.elapsed() < STALE)
    }

    fn left(&self) -> u64 {
        self.window.remaining.saturating_sub(self.spent).saturating_sub(self.told)
    }
}
