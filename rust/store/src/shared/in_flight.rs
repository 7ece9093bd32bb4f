//! Limits on requests in flight: what a limiter does to the rows of places.

use std::sync::atomic::AtomicU64;

use crossfade_core::Timestamp;
use crossfade_core::limit::{Charged, Hit, Limit, Window};

use super::counters::{self, Event};
use super::handle::Handle;
use super::layout::{self, Layout};
use super::rows::{self, Rows, Spot};
use super::worker::{Full, Owners, Taken, Worker};
use super::{OnFull, Shared, map};
use crate::fork;

/// Rows whose first bytes the owners have locked in the file.
pub(super) struct Locks<'a> {
    handle: &'a Handle,
    layout: &'a Layout,
}

impl Owners for Locks<'_> {
    fn seize(&self, row: usize) -> bool {
        self.handle.is_open() && map::lock(self.handle, self.layout.row_at(row))
    }

    fn release(&self, row: usize) {
        map::unlock(self.handle, self.layout.row_at(row));
    }
}

/// Requests in flight on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Places that living processes hold, of all keys.
    pub places: u64,
    /// Living processes that have taken places.
    pub workers: u64,
}

impl Shared {
    /// Requests in flight on this host, under all limits. Asks the system about each worker.
    pub fn in_flight(&self) -> InFlight {
        let (places, workers) = self.worker().all();
        InFlight { places, workers }
    }

    pub(super) fn take_places(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let worker = self.worker();
        let (admitted, held) = match worker.take(&self.spot(&worker.rows, limit, key), cost, limit.rate.amount) {
            Taken::Granted(held) => (true, held),
            Taken::Refused(held) => (false, held),
            Taken::Full(full) => (self.note_full(full) == OnFull::Admit, limit.rate.amount),
        };
        let Window { remaining, reset } = left(limit, held, now);
        Hit { admitted, remaining, reset }
    }

    /// What [`Self::take_places`] would answer, but for want of room; nothing is taken.
    pub(super) fn would_take(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> Hit {
        let most = limit.rate.amount;
        let held = self.held(limit, key, most.saturating_sub(cost).saturating_add(1));
        let Window { remaining, reset } = left(limit, held, now);
        Hit { admitted: held.saturating_add(cost) <= most, remaining, reset }
    }

    pub(super) fn peek_places(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        left(limit, self.held(limit, key, limit.rate.amount), now)
    }

    /// Corrects what was taken.
    pub(super) fn settle_places(&self, limit: &Limit, key: &[u8], charged: Charged, cost: u64) {
        if let Some(back) = charged.cost.checked_sub(cost) {
            return self.give_places_back(limit, key, back);
        }
        let worker = self.worker();
        if let Err(full) = worker.put(&self.spot(&worker.rows, limit, key), cost - charged.cost) {
            self.note_full(full);
        }
    }

    /// Gives places back, as far as this process holds any.
    pub(super) fn give_places_back(&self, limit: &Limit, key: &[u8], places: u64) {
        let worker = self.worker();
        worker.give_back(&self.spot(&worker.rows, limit, key), places);
    }

    /// Places that are held, and if they are `enough` only those of living processes.
    fn held(&self, limit: &Limit, key: &[u8], enough: u64) -> u64 {
        let worker = self.worker();
        worker.look(&self.spot(&worker.rows, limit, key), enough)
    }

    fn worker(&self) -> Worker<'_, AtomicU64, Locks<'_>> {
        let lines_per_row = self.layout.lines_per_row() as usize;
        let rows = Rows {
            in_use: self.map.cells(self.layout.rows_in_use_at() as usize, rows::IN_USE),
            lines: self.map.cells(self.layout.row_at(0) as usize, rows::MOST * lines_per_row),
            lines_per_row,
        };
        let owners = Locks { handle: &self.handle, layout: &self.layout };
        Worker { rows, owners, own: &self.handle.own, generation: fork::generation() }
    }

    fn spot(&self, rows: &Rows<'_, AtomicU64>, limit: &Limit, key: &[u8]) -> Spot {
        rows.spot(&self.seed.key(self.listed(limit).digest, key))
    }

    fn note_full(&self, full: Full) -> OnFull {
        let event = match full {
            Full::Rows => Event::WorkersFull,
            Full::Words => Event::PlacesFull,
        };
        counters::count(self.counters(), event);
        self.on_full
    }
}

/// What is left, as [`crossfade_core::limit::concurrent::peek`] says it.
fn left(limit: &Limit, held: u64, now: Timestamp) -> Window {
    let reset = now.seconds() + limit.rate.window() as f64;
    Window { remaining: limit.rate.amount.saturating_sub(held), reset }
}

const _: () = assert!(layout::LINE as usize == size_of::<[AtomicU64; rows::LINE]>());
const _: () = assert!(rows::IN_USE <= rows::LINE, "which rows are in use takes one line");
