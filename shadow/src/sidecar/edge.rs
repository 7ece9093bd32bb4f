//! Between which instants a control can have decided, and what follows from that.

use std::collections::HashMap;
use std::time::Duration;

use crossfade_core::Timestamp;
use crossfade_exchange::{Exchange, Observation, Outcome};

/// The longest that an exchange can take whose control has read its clock on the other side of an edge. Of one that took
/// longer nobody can say what it should have answered.
const EDGE: Duration = Duration::from_millis(50);

/// The latest instant at which a side can have read a clock for an exchange.
pub fn end_of(exchange: &Exchange) -> Timestamp {
    Timestamp::from_micros(exchange.received_at.saturating_add(exchange.elapsed / 1_000))
}

/// Keys that are remembered for a stall, as many as are watched one by one.
const KEYS: usize = 1 << 16;

/// Keys that were hit at an instant that nobody knows well enough, by [`crossfade_exchange::hash::of_key`].
#[derive(Debug, Default)]
pub struct Stalls {
    /// Until when that hit weighs, in microseconds since the epoch.
    until: HashMap<u64, u64>,
}

impl Stalls {
    /// A key was hit so at `now`, and that weighs `until` then.
    pub fn add(&mut self, key: u64, now: u64, until: u64) {
        if self.until.len() >= KEYS && !self.until.contains_key(&key) {
            self.until.retain(|_, &mut until| until >= now);
            if self.until.len() >= KEYS {
                // What such a hit explains is an edge then, and too many edges are mismatches.
                return;
            }
        }
        let known = self.until.entry(key).or_default();
        *known = until.max(*known);
    }

    /// Whether such a hit weighs on this key at `now`.
    pub fn weigh(&self, key: u64, now: u64) -> bool {
        self.until.get(&key).is_some_and(|&until| now <= until)
    }
}

/// Whether another clock is no more than an edge.
pub fn is_brief(exchange: &Exchange) -> bool {
    Duration::from_nanos(exchange.elapsed) <= EDGE
}

/// When and how the control decided, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// It looked at its clock no sooner,
    pub now: Timestamp,
    /// and no later.
    pub end: Timestamp,
    /// The limit that refused, if one did.
    pub refuser: Option<&'a str>,
}

/// The least and the longest wait for a limit, of instants and counts between which those are by which the control decided: it
/// may have told any between them.
pub struct Waits<'a> {
    /// The limit, and the control's wait.
    told: Option<(&'a str, u32)>,
    seen: Option<(u32, u32)>,
}

impl<'a> Waits<'a> {
    /// For a control that told this.
    pub fn of(refusal: Option<(&'a str, Option<u32>)>) -> Self {
        Self { told: refusal.and_then(|(limit, wait)| Some((limit, wait?))), seen: None }
    }

    /// Adds that of `later`, and gives it the control's where that is between those so far.
    pub fn add(&mut self, later: &mut Observation) {
        let Some((refuser, told)) = self.told else { return };
        let wait = match &mut later.outcome {
            Some(Outcome::Limited { limit, retry_after: Some(wait) }) if *limit == *refuser => wait,
            // It may have been about to grant.
            _ => &mut 0,
        };
        let (least, most) = self.seen.map_or((*wait, *wait), |(least, most)| (least.min(*wait), most.max(*wait)));
        self.seen = Some((least, most));
        if (least..=most).contains(&told) {
            *wait = told;
        }
    }
}
