//! Without anybody else, a ring is a list that is cut to what is kept.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crossfade_core::Timestamp;
use crossfade_core::limit::moving_window::{self, Log};
use crossfade_core::limit::{Rate, Window};
use portable_atomic::AtomicU128;
use proptest::prelude::*;

use super::super::atomic::Word;
use super::state::State;
use super::{Ring, View, begun, vacated};

/// A log as simple as can be: stamps, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct List(pub(super) Vec<f64>);

impl Log for List {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn stamp(&self, age: u64) -> f64 {
        self.0[age as usize]
    }

    fn push(&mut self, stamp: f64, count: u64, keep: u64) {
        self.0.splice(0..0, (0..count.min(keep)).map(|_| stamp));
        self.0.truncate(keep as usize);
    }

    fn remove(&mut self, stamp: f64, mut count: u64) {
        let newest = self.0.iter().position(|&known| known == stamp).unwrap_or(self.0.len());
        while count > 0 && self.0.get(newest) == Some(&stamp) {
            self.0.remove(newest);
            count -= 1;
        }
    }
}

/// What can happen to a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Hit { cost: u64, now: u64 },
    GiveBack { cost: u64, at: u64 },
    Peek { now: u64 },
    Reset,
}

impl Op {
    /// Does it to a log; `clear` empties it.
    pub(super) fn on<L: Log>(self, log: &mut L, rate: &Rate, clear: impl Fn(&mut L)) -> Answer {
        let mut now = at(0);
        let mut granted = true;
        match self {
            Self::Hit { cost, now: micros } => {
                now = at(micros);
                granted = moving_window::hit(log, rate, cost, now);
            }
            Self::GiveBack { cost, at: micros } => moving_window::give_back(log, cost, at(micros)),
            Self::Peek { now: micros } => now = at(micros),
            Self::Reset => clear(log),
        }
        (granted, moving_window::peek(log, rate, now))
    }
}

/// Whether it was granted, and what is left after it.
pub(super) type Answer = (bool, Window);

/// Microseconds after an instant of 2023.
pub(super) fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + micros)
}

pub(super) fn rate(amount: u64) -> Rate {
    Rate { amount, multiples: 1, unit: "1/second".parse::<Rate>().expect("a rate").unit }
}

fn op() -> impl Strategy<Value = Op> {
    let micros = || prop_oneof![(0u64..8).prop_map(|half| half * 500_000), 0u64..4_000_000];
    prop_oneof![
        8 => (0u64..9, micros()).prop_map(|(cost, now)| Op::Hit { cost, now }),
        4 => (0u64..5, micros()).prop_map(|(cost, at)| Op::GiveBack { cost, at }),
        1 => micros().prop_map(|now| Op::Peek { now }),
        1 => Just(Op::Reset),
    ]
}

/// Lets `step` change the log of the key of that tag; `None` if the ring is not that key's.
pub(super) fn change<W: Word<u128>, S: Word<u64>, T>(
    (state, slots): (&W, &[S]),
    tag: u32,
    step: impl Fn(&mut View<'_, S>) -> T,
) -> Option<T> {
    loop {
        let seen = state.load();
        if State::unpack(seen, slots.len() as u32).tag != tag {
            return None;
        }
        if let Some(answer) = Ring::new(state, slots).change(seen, &step) {
            return Some(answer);
        }
    }
}

/// The stamps of the key of that tag.
pub(super) fn stamps<W: Word<u128>, S: Word<u64>>(ring: (&W, &[S]), tag: u32) -> Option<List> {
    change(ring, tag, |log| List((0..log.len()).map(|age| log.stamp(age)).collect()))
}

proptest! {
    /// Whatever is done to a key, in whatever order of times, and to the one that has the ring after it: it answers like a
    /// list that starts empty.
    #[test]
    fn is_a_cut_list(amount in 1u64..12, ops in prop::collection::vec((prop::bool::weighted(0.1), op()), 1..80)) {
        let (rate, slots) = (rate(amount), slots(amount));
        let (mut tag, mut list) = (1, List::default());
        let state = AtomicU128::new(empty(vacated(7, 0), tag));
        let ring = (&state, &slots[..]);
        for (evicted, op) in ops {
            if evicted {
                tag += 1;
                state.store(empty(vacated(u64::from(tag), state.load(SeqCst)), tag), SeqCst);
                list = List::default();
                prop_assert_eq!(stamps(ring, tag - 1), None);
            }
            let answer = op.on(&mut list, &rate, |list| list.0.clear());
            prop_assert_eq!(change(ring, tag, |log| op.on(log, &rate, View::clear)), Some(answer));
            prop_assert_eq!(stamps(ring, tag), Some(list.clone()));
        }
    }

    /// Whatever a damaged file holds, nothing panics or hangs, and once a window has passed the key is granted again.
    #[test]
    fn damage_passes(word: u128, marks in prop::collection::vec(any::<u64>(), 1..12), ops in prop::collection::vec(op(), 1..20)) {
        let rate = rate(marks.len() as u64);
        let (state, slots) = (AtomicU128::new(word), marks.into_iter().map(AtomicU64::new).collect::<Vec<_>>());
        let (ring, tag) = ((&state, &slots[..]), word as u32 & 0x3ff_ffff);
        for op in ops {
            change(ring, tag, |log| op.on(log, &rate, View::clear));
        }
        let late = Timestamp::from_micros((1 << 32) * 1_000_000 + 2_000_000);
        prop_assert!(change(ring, tag, |log| moving_window::hit(log, &rate, 1, late)).is_some_and(|granted| granted));
    }
}

/// The first state of the key of that tag, after a vacated one.
pub(super) fn empty(vacated: u128, tag: u32) -> u128 {
    begun(State { tag, ..State::default() }.pack(), vacated, super::MAX_LEN as u32)
}

fn slots(amount: u64) -> Vec<AtomicU64> {
    (0..amount).map(|_| AtomicU64::new(0)).collect()
}
