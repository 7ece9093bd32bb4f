//! The limits that the file knows: one line each, appended and never changed, so that whoever judges a state knows what it
//! counts under, and what all processes know of a limit has a place.
//!
//! A line is found by its digest, which names the terms; so whoever writes one writes the same, and who was killed half-way is
//! in nobody's way: each process writes the lines that it counts under before it counts.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crossfade_core::Timestamp;
use crossfade_core::limit::rate::Unit;
use crossfade_core::limit::{Flavour, Limit, LimitId, Rate, Strategy};

use super::key::Seed;
use super::layout::MOST_LIMITS;
use super::word;
use crate::memory::count::Terms;

/// One limit: its digest, strategy and unit, amount, multiples and burst, and until when its counts are cold; the rest is
/// spare. Line 0 stays empty.
pub(crate) type Line = [AtomicU64; 8];

const DIGEST: usize = 0;
const KIND: usize = 1;
const AMOUNT: usize = 2;
const MULTIPLES: usize = 3;
const BURST: usize = 4;
const COLD_UNTIL: usize = 5;

/// The index of the limits that the file has no line for. Their keys count as half used up when something is to be forgotten.
pub(crate) const UNLISTED: u16 = MOST_LIMITS as u16;

/// A limit as a process knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    /// Names the limit and its terms.
    pub(crate) digest: u64,
    /// Its line.
    pub(crate) index: u16,
    /// What it counts under, as far as a state can hold it.
    pub(crate) terms: Terms,
}

/// Which line is that limit's, found or written.
pub(crate) fn list(lines: &[Line], seed: &Seed, limit: &Limit) -> Listed {
    let digest = seed.limit(limit);
    let terms = word::holdable(Terms::of(limit));
    Listed { digest, index: index(lines, digest, &terms), terms }
}

fn index(lines: &[Line], digest: u64, terms: &Terms) -> u16 {
    let listable = usize::from(UNLISTED) - 1;
    for step in 0..listable {
        let index = 1 + (digest as usize % listable + step) % listable;
        let line = &lines[index];
        let there = match line[DIGEST].compare_exchange(0, digest, SeqCst, SeqCst) {
            Ok(_) => digest,
            Err(there) => there,
        };
        if there == digest {
            write(line, terms);
            return index as u16;
        }
    }
    UNLISTED
}

fn write(line: &Line, terms: &Terms) {
    let Rate { amount, multiples, unit } = terms.rate;
    let (strategy, burst) = code(&terms.strategy);
    let unit = UNITS.iter().position(|known| *known == unit).unwrap_or(0) as u64;
    for (at, word) in [(KIND, strategy | unit << 8), (AMOUNT, amount), (MULTIPLES, multiples), (BURST, burst)] {
        line[at].store(word, SeqCst);
    }
}

/// The terms in a line; `None` if nobody wrote them.
pub(crate) fn terms(line: &Line) -> Option<Terms> {
    let [kind, amount, multiples, burst] = [KIND, AMOUNT, MULTIPLES, BURST].map(|at| line[at].load(SeqCst));
    let strategy = match kind & 0xff {
        1 => Strategy::FixedWindow,
        2 => Strategy::MovingWindow,
        3 => Strategy::SlidingWindowCounter,
        4 => Strategy::Gcra { burst },
        _ => return None,
    };
    let unit = *UNITS.get((kind >> 8) as usize)?;
    let rate = Rate { amount, multiples, unit };
    Some(Terms { id: LimitId(0), rate, strategy, flavour: Flavour::Memory })
}

/// A strategy as a number, and its burst.
pub(crate) fn code(strategy: &Strategy) -> (u64, u64) {
    match strategy {
        Strategy::FixedWindow => (1, 0),
        Strategy::MovingWindow => (2, 0),
        Strategy::SlidingWindowCounter => (3, 0),
        Strategy::Gcra { burst } => (4, *burst),
        // Its line says nothing: it has rows.
        Strategy::Concurrent { .. } => (5, 0),
    }
}

const UNITS: [Unit; 6] = [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Month, Unit::Year];

/// Until when the counts under a limit are cold, in microseconds since the epoch; 0 if nobody said.
pub(crate) fn cold_until(line: &Line) -> Timestamp {
    Timestamp::from_micros(line[COLD_UNTIL].load(SeqCst))
}

/// Says that the counts under a limit are cold until then, or later if somebody said so.
pub(crate) fn cool(line: &Line, until: Timestamp) {
    line[COLD_UNTIL].fetch_max(until.micros(), SeqCst);
}

/// The limits that this process met, so that a hit need not look for their lines. Without a lock: a fork takes a copy.
#[derive(Debug)]
pub(crate) struct Known(Box<[OnceLock<Met>]>);

#[derive(Debug)]
struct Met {
    name: Box<str>,
    rate: Rate,
    strategy: Strategy,
    listed: Listed,
}

/// Limits that are kept at hand; those beyond are looked for each time.
const AT_HAND: usize = 256;

/// Places that are looked at for one limit.
const NEAR: usize = 8;

impl Known {
    pub(crate) fn new() -> Self {
        Self((0..AT_HAND + NEAR).map(|_| OnceLock::new()).collect())
    }

    /// What is known of `limit`; if nothing is, `list` says it.
    #[inline]
    pub(crate) fn of(&self, limit: &Limit, list: impl FnOnce() -> Listed) -> Listed {
        // Those who make limits as they go may give all of them one id.
        let mixed = u64::from(limit.id.0) ^ limit.rate.amount.wrapping_mul(31) ^ limit.rate.multiples.wrapping_mul(7);
        let near = &self.0[mixed as usize % AT_HAND..][..NEAR];
        for place in near {
            match place.get() {
                Some(met) if met.is(limit) => return met.listed,
                Some(_) => {}
                None => {
                    let listed = list();
                    let (name, rate, strategy) = (limit.name.clone(), limit.rate, limit.strategy);
                    // If another thread was faster, the next look finds it, or the next place.
                    let _ = place.set(Met { name, rate, strategy, listed });
                    return listed;
                }
            }
        }
        list()
    }
}

impl Met {
    fn is(&self, limit: &Limit) -> bool {
        self.rate == limit.rate && self.strategy == limit.strategy && self.name == limit.name
    }
}
