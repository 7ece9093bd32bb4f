//! A count as one word of 128 bits, which is swapped at once.
//!
//! | strategy | lowest 96 of the bits above the tag |
//! |---|---|
//! | fixed window | 54: its end, in 2^-22 s since the epoch; 42: the count |
//! | sliding window counter | 32: number of the newest window; 32: its count; 32: that of the one before |
//! | gcra | 96: when all is paid, in the core's ticks |
//!
//! The lowest 26 bits are the tag: 8 of the generation, 10 that say which limit, 8 of the key. A word without a limit is
//! nobody's; above the tag it has a token that no other has.

use crossfade_core::limit::{Flavour, Strategy, fixed_window, sliding_window};

use super::Counted;
use super::key::Key;
use super::ring;
use crate::memory::count::{Count, Terms};

/// Bits of the tag.
pub(crate) const TAG: u32 = 26;

const LIMIT: u32 = 10;
const OF_KEY: u32 = 8;

const END: u32 = 54;
const COUNT: u32 = 42;
const HALF: u32 = 32;

/// From 2004 to 2106 the doubles of Python's clock are multiples of the inverse.
const PER_SECOND: f64 = (1u64 << 22) as f64;

/// Largest amounts that the words hold. A count goes on above the amount, and must not come to look like less.
const MOST_FIXED: u64 = (1 << COUNT) - 2;
const MOST_SLIDING: u64 = (1 << HALF) - 2;
const MOST_GCRA: u64 = 1 << 43;

/// The bits by which a state is known as one of that key.
pub(crate) fn tag(key: &Key, limit: u16, generation: u64) -> u128 {
    let of_key = key.place & ((1 << OF_KEY) - 1);
    u128::from((generation & 0xff) << (LIMIT + OF_KEY) | u64::from(limit) << OF_KEY | of_key)
}

/// Which limit a word is of, in that generation. 0: it is nobody's.
pub(crate) fn limit(word: u128, generation: u64) -> u16 {
    if (word as u64 >> (LIMIT + OF_KEY)) & 0xff != generation & 0xff {
        return 0;
    }
    (word as u64 >> OF_KEY) as u16 & ((1 << LIMIT) - 1)
}

/// A word of nobody's, with that token.
pub(crate) fn vacated(token: u64) -> u128 {
    u128::from(token) << TAG
}

/// The terms as far as a word can hold a count of theirs: a larger amount or burst counts as the largest that it holds. A policy
/// refuses those, and the flavour of Redis, whose answers are not to be had from a word.
pub(crate) fn holdable(mut terms: Terms) -> Terms {
    let most = match terms.strategy {
        Strategy::FixedWindow => MOST_FIXED,
        Strategy::SlidingWindowCounter => MOST_SLIDING,
        Strategy::Gcra { .. } => MOST_GCRA,
        Strategy::MovingWindow => ring::MAX_LEN,
        Strategy::Concurrent { .. } => u64::MAX,
    };
    terms.rate.amount = terms.rate.amount.min(most);
    terms.flavour = Flavour::Memory;
    if let Strategy::Gcra { burst } = &mut terms.strategy {
        // What is owed, and the time until 2106, take at most half of the word each.
        let interval = u128::from(terms.rate.window()) * 1_000_000;
        *burst = (*burst).min(u64::try_from((1u128 << 95) / interval.max(1)).unwrap_or(u64::MAX));
    }
    terms
}

/// The word of a count, without a tag.
pub(crate) fn pack(count: &Counted) -> u128 {
    let narrow = |number: u64, bits: u32| u128::from(number.min((1 << bits) - 1));
    let fields = match count {
        Count::Fixed(state) => narrow((state.expiry * PER_SECOND) as u64, END) << COUNT | narrow(state.count, COUNT),
        Count::Sliding(state) => {
            let [newest, previous, _] = state.counts.map(|count| narrow(count, HALF));
            narrow(state.newest, HALF) << (2 * HALF) | newest << HALF | previous
        }
        Count::Gcra(paid) => u128::from_ne_bytes(*paid).min(u128::MAX >> TAG),
        // Never in a word.
        _ => 0,
    };
    fields << TAG
}

/// The count of a word.
pub(crate) fn unpack<'a>(terms: &Terms, word: u128) -> Counted<'a> {
    let fields = word >> TAG;
    let part = |from: u32, bits: u32| (fields >> from) as u64 & ((1 << bits) - 1);
    match terms.strategy {
        Strategy::FixedWindow => {
            Count::Fixed(fixed_window::State { expiry: part(COUNT, END) as f64 / PER_SECOND, count: part(0, COUNT) })
        }
        Strategy::SlidingWindowCounter => Count::Sliding(sliding_window::State {
            newest: part(2 * HALF, HALF),
            counts: [part(HALF, HALF), part(0, HALF), 0],
        }),
        // The others are counted elsewhere, and have no word here.
        Strategy::Gcra { .. } | Strategy::MovingWindow | Strategy::Concurrent { .. } => {
            Count::Gcra(fields.to_ne_bytes())
        }
    }
}
