//! The state word of a ring: all that one compare-and-swap decides.
//!
//! | field | bits | |
//! |---|---|---|
//! | stamp | 54 | when the last hit was, in 2^-22 s since the epoch; of a gap, how many stamps are newer and how wide it is |
//! | head | 12 | the slot that the next stamp goes to |
//! | version | 10 | another one with every change of the state, so that no state comes back |
//! | cost | 13 | how many stamps before the head the last hit left; all ones for a gap |
//! | len | 13 | how many stamps before the head belong to the key |
//! | tag | 26 | whose they are; 0 is nobody |

use super::super::word::TAG;
use super::view::before;

/// Longest ring: lengths and costs up to it have a place in the state word.
pub(crate) const MAX_LEN: u64 = 1 << HEAD;

const STAMP: u32 = 54;
const HEAD: u32 = 12;
const VERSION: u32 = 10;
const COST: u32 = 13;
const LEN: u32 = 13;

/// The cost that no hit has.
const GAP: u32 = mask(COST) as u32;

/// One state of a ring. Memory that nobody wrote to yet is in the default one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(super) last: Last,
    pub(super) head: u32,
    pub(super) version: u32,
    pub(super) len: u32,
    pub(super) tag: u32,
}

/// What the last change was: the slots may not show it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// The `cost` slots before the head are to hold `stamp`.
    Hit { stamp: u64, cost: u32 },
    /// The `width` slots that have `newer` stamps between them and the head were given back: the newer ones are to move
    /// there.
    Gap { newer: u32, width: u32 },
}

impl Default for Last {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl Last {
    /// Nothing is to be written.
    pub(super) const NOTHING: Self = Self::Hit { stamp: 0, cost: 0 };
}

impl State {
    pub(super) fn pack(self) -> u128 {
        let (stamp, cost) = match self.last {
            Last::Hit { stamp, cost } => (stamp, cost),
            Last::Gap { newer, width } => (u64::from(newer) << LEN | u64::from(width), GAP),
        };
        let fields = [(self.head, HEAD), (self.version, VERSION), (cost, COST), (self.len, LEN), (self.tag, TAG)];
        fields.into_iter().fold(u128::from(stamp), |word, (field, bits)| word << bits | u128::from(field))
    }

    /// The state of a ring of `room` slots, at least one. Total: whatever the word, nothing points outside the ring.
    pub(super) fn unpack(mut word: u128, room: u32) -> Self {
        let mut take = |bits: u32| {
            let field = word as u64 & mask(bits);
            word >>= bits;
            field
        };
        let (tag, len, cost) = (take(TAG) as u32, take(LEN) as u32, take(COST) as u32);
        let (version, head, stamp) = (take(VERSION) as u32, take(HEAD) as u32, take(STAMP));
        let (newer, width) = ((stamp >> LEN & mask(LEN)) as u32, (stamp & mask(LEN)) as u32);
        let last = match cost {
            GAP if width == 0 || newer.saturating_add(width) > room => Last::NOTHING,
            GAP => Last::Gap { newer, width },
            cost => Last::Hit { stamp, cost: cost.min(room) },
        };
        Self { last, head: head % room, version, len: len.min(room), tag }
    }

    /// The same ring without a stamp that counts.
    #[cfg(test)]
    pub(super) fn emptied(self) -> Self {
        Self { last: Last::NOTHING, len: 0, ..self }
    }

    /// The state after a gap moved its width towards the head.
    pub(super) fn gap_moved(mut self, room: u32) -> Self {
        self.version = self.next_version();
        match self.last {
            Last::Gap { newer, width } if newer > width => self.last = Last::Gap { newer: newer - width, width },
            Last::Gap { width, .. } => self.close(width, room),
            Last::Hit { .. } => {}
        }
        self
    }

    /// Takes a gap of that width away, which is just before the head.
    pub(super) fn close(&mut self, width: u32, room: u32) {
        self.head = before(self.head, width, room) as u32;
        self.last = Last::NOTHING;
    }

    /// The version after `self.version`.
    pub(super) fn next_version(self) -> u32 {
        (self.version + 1) & mask(VERSION) as u32
    }

    /// What a slot holds when this state wrote `stamp` to it.
    pub(super) fn mark(self, stamp: u64) -> u64 {
        stamp << VERSION | u64::from(self.version)
    }
}

/// The stamp that a slot holds.
pub(super) fn stamp_of(mark: u64) -> u64 {
    mark >> VERSION
}

/// A state of nobody's to stand after `word`, with that token where a stamp was.
pub(crate) fn vacated(token: u64, word: u128) -> u128 {
    let state = State::unpack(word, MAX_LEN as u32);
    let last = Last::Hit { stamp: token & mask(STAMP), cost: 0 };
    State { last, len: 0, version: state.next_version(), tag: 0, ..state }.pack()
}

/// What a key began with, in a ring of `room` slots that nobody had before, as what it begins with after a vacated state.
pub(crate) fn begun(first: u128, vacated: u128, room: u32) -> u128 {
    let (first, seen) = (State::unpack(first, room), State::unpack(vacated, room));
    State { head: (seen.head + first.head) % room, version: seen.next_version(), ..first }.pack()
}

/// Seconds since the epoch as a stamp. Exact from 2004 to 2106, where such doubles are multiples of 2^-22; before, it is
/// rounded down; what is later counts as the end of 2106.
pub(super) fn stamp(seconds: f64) -> u64 {
    ((seconds * PER_SECOND) as u64).min(mask(STAMP))
}

/// A stamp as seconds since the epoch.
pub(super) fn seconds(stamp: u64) -> f64 {
    stamp as f64 / PER_SECOND
}

const PER_SECOND: f64 = (1u64 << 22) as f64;

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossfade_core::Timestamp;
    use proptest::prelude::*;

    const _: () = assert!(STAMP + HEAD + VERSION + COST + LEN + TAG == u128::BITS && STAMP + VERSION == u64::BITS);

    proptest! {
        /// Whatever a file holds is a state within the ring, and a state survives being written.
        #[test]
        fn any_word_is_a_state(word: u128, room in 1..=MAX_LEN as u32) {
            let state = State::unpack(word, room);
            prop_assert!(state.head < room && state.len <= room);
            prop_assert_eq!(State::unpack(state.pack(), room), state);
        }

        /// A stamp is the double that Python's clock gives, to the last bit, from 2004 to 2106.
        #[test]
        fn stamps_are_exact(micros in (1u64 << 30) * 1_000_000..(1u64 << 32) * 1_000_000) {
            let now = Timestamp::from_micros(micros).seconds();
            prop_assert_eq!(seconds(stamp(now)).to_bits(), now.to_bits());
        }
    }
}
