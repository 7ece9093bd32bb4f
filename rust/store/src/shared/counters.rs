//! What happened in a table so far.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::group::Loss;

/// What happens where all processes count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    EvictedExpired,
    EvictedLive,
    EvictedBlocked,
    FullShared,
    FullAdmitted,
    FullRejected,
    RingsFull,
    WorkersFull,
    PlacesFull,
}

/// How many kinds of events there is room for.
pub(crate) const EVENTS: usize = 16;

/// What happened in a shared table since it was made, in all processes; but hits are those of this one, as counting them in
/// one place would cost more than the hit itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Hits of this process, refused ones too.
    pub hits: u64,
    /// Hits of this process that were refused.
    pub refused: u64,
    /// Keys that gave their place to others after their windows were over. Nothing is lost by that.
    pub evicted_expired: u64,
    /// Keys that gave their place to others while they counted, but were not refused: each starts over with a full quota.
    pub evicted_live: u64,
    /// Keys that gave their place to others while they were refused. Only with `on_full = "admit"`.
    pub evicted_blocked: u64,
    /// Hits that found no room and were counted together with their neighbours'.
    pub full_shared: u64,
    /// Hits that found no room and took that of a key that was refused.
    pub full_admitted: u64,
    /// Hits that found no room and were refused.
    pub full_rejected: u64,
    /// Hits of moving windows that found no room for a table of rings of their length.
    pub rings_full: u64,
    /// Hits on requests in flight of a process for which there was no row.
    pub workers_full: u64,
    /// Hits on requests in flight whose key found no room in its process's row.
    pub places_full: u64,
}

/// Counts an event.
pub(crate) fn count(counters: &[AtomicU64], event: Event) {
    counters[event as usize].fetch_add(1, Relaxed);
}

/// Counts that a key gave its place to another.
pub(crate) fn gone(counters: &[AtomicU64], loss: Loss) {
    match loss {
        Loss::NONE => {}
        Loss::OVER => count(counters, Event::EvictedExpired),
        loss if loss.is_blocked() => count(counters, Event::EvictedBlocked),
        _ => count(counters, Event::EvictedLive),
    }
}

/// All events.
pub(crate) fn stats(counters: &[AtomicU64], hits: u64, refused: u64) -> Stats {
    let of = |event: Event| counters[event as usize].load(Relaxed);
    Stats {
        hits,
        refused,
        evicted_expired: of(Event::EvictedExpired),
        evicted_live: of(Event::EvictedLive),
        evicted_blocked: of(Event::EvictedBlocked),
        full_shared: of(Event::FullShared),
        full_admitted: of(Event::FullAdmitted),
        full_rejected: of(Event::FullRejected),
        rings_full: of(Event::RingsFull),
        workers_full: of(Event::WorkersFull),
        places_full: of(Event::PlacesFull),
    }
}
