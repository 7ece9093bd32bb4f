//! The ring under every order of instructions that a scheduler finds, with a thread that dies at any of them.
//!
//! What is held: however the threads were mixed, their answers are those of *some* one-after-the-other of their operations
//! on a plain list, each dead thread's last one having happened as a whole or not at all; and so is every stamp that is
//! found in the end. That is all at once: no more is admitted than the limit allows, no stamp is missing after a later hit,
//! no key is stuck.

use std::sync::Arc;

use crossfade_core::limit::Rate;
use shuttle::rand::Rng;
use shuttle::thread;

use super::super::atomic::Word;
use super::super::stop::{LONG, Stop, mortal, orders};
use super::tests::{Answer, List, Op, change, empty, rate, stamps};
use super::{View, vacated};

/// What a thread does.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// To the key of that tag.
    Key(u32, Op),
    /// Forgets whoever has the ring. Only one thread of a test does.
    Vacate,
    /// Gives the ring, which it vacated, to the key of that tag.
    Give(u32),
}

/// What it was told. `None`: the ring is another key's.
type Told = Option<Answer>;

/// A thread: what it does, and how many words it lives to touch.
#[derive(Debug, Clone)]
struct Life {
    acts: Vec<Act>,
    fuse: u32,
}

/// The ring, where threads and instructions are as they come.
struct Real {
    state: Stop<u128>,
    slots: Vec<Stop<u64>>,
    rate: Rate,
}

impl Real {
    fn act(&self, act: Act) -> Told {
        let swap_state = |next: fn(u128, u32) -> u128, tag| {
            while let word = self.state.load()
                && !self.state.swap(word, next(word, tag))
            {}
            None
        };
        match act {
            Act::Key(tag, op) => change(self.ring(), tag, |log| op.on(log, &self.rate, View::clear)),
            Act::Vacate => swap_state(|word, _| vacated(7, word), 0),
            Act::Give(tag) => swap_state(empty, tag),
        }
    }

    fn ring(&self) -> (&Stop<u128>, &[Stop<u64>]) {
        (&self.state, &self.slots)
    }
}

/// The same, where one act happens after the other: whose the ring is, and the stamps of that key.
#[derive(Debug, Clone, Default)]
struct Plain {
    tag: u32,
    list: List,
}

impl Plain {
    fn act(&mut self, act: Act, rate: &Rate) -> Told {
        match act {
            Act::Key(tag, op) => (tag == self.tag).then(|| op.on(&mut self.list, rate, |list| list.0.clear())),
            Act::Vacate | Act::Give(_) => {
                *self = Self { tag: if let Act::Give(tag) = act { tag } else { 0 }, list: List::default() };
                None
            }
        }
    }
}

/// Lives `lives` at once, and holds what they were told and what is left against every one-after-the-other.
fn live(amount: u64, before: &[Act], lives: &[Life]) {
    let rate = rate(amount);
    let real = Arc::new(Real { state: Stop::new(0), slots: (0..amount).map(|_| Stop::new(0)).collect(), rate });
    let mut plain = Plain::default();
    for &act in before {
        assert_eq!(real.act(act), plain.act(act, &rate));
    }
    let threads = lives.iter().cloned().map(|life| {
        let real = real.clone();
        thread::spawn(move || {
            let mut told = Vec::new();
            mortal(life.fuse, || life.acts.iter().for_each(|&act| told.push(real.act(act))));
            told
        })
    });
    let threads: Vec<_> = threads.collect();
    let told: Vec<Vec<Told>> = threads.into_iter().map(|thread| thread.join().expect("it dies inside")).collect();
    let found = [1, 2].map(|tag| (tag, stamps(real.ring(), tag)));
    let explained = Story { rate, lives, told: &told, found: &found }.is_true(&plain, &vec![0; lives.len()]);
    assert!(explained, "no order of {lives:?} explains {told:?} and {found:?}");
}

/// What happened, as far as anybody knows.
struct Story<'a> {
    rate: Rate,
    lives: &'a [Life],
    told: &'a [Vec<Told>],
    found: &'a [(u32, Option<List>)],
}

impl Story<'_> {
    /// Whether some order of what each thread has yet to do, from its act `at[thread]` on, explains it.
    fn is_true(&self, plain: &Plain, at: &[usize]) -> bool {
        let over = (0..at.len()).all(|thread| at[thread] >= self.told[thread].len());
        let left = |&(tag, ref list): &(u32, Option<List>)| (tag == plain.tag).then_some(&plain.list) == list.as_ref();
        if over && self.found.iter().all(left) {
            return true;
        }
        (0..at.len()).any(|thread| {
            let (now, told) = (at[thread], &self.told[thread]);
            // The act after the last that it was told of is what a thread died in: perhaps it happened, perhaps not.
            let Some(&act) = self.lives[thread].acts.get(now).filter(|_| now <= told.len()) else { return false };
            let (mut plain, mut at) = (plain.clone(), at.to_vec());
            let answer = plain.act(act, &self.rate);
            at[thread] += 1;
            told.get(now).is_none_or(|told| *told == answer) && self.is_true(&plain, &at)
        })
    }
}

/// Words that are touched in the longest life of these tests when nobody interferes, and some more.
const LONGEST: u32 = 30;

fn hit(cost: u64, now: u64) -> Act {
    Act::Key(1, Op::Hit { cost, now })
}

fn back(cost: u64, at: u64) -> Act {
    Act::Key(1, Op::GiveBack { cost, at })
}

/// Runs the last of `lives`, which dies at some word, with the others, in many orders.
fn mixed(amount: u64, before: &[Act], lives: &[&[Act]]) {
    let before = before.to_vec();
    let lives: Vec<_> = lives.iter().map(|acts| Life { acts: acts.to_vec(), fuse: LONG }).collect();
    let run = move || {
        let mut lives = lives.clone();
        if let Some(last) = lives.last_mut() {
            last.fuse = shuttle::rand::thread_rng().gen_range(0..LONGEST);
        }
        live(amount, &before, &lives);
    };
    shuttle::check_random(run.clone(), orders() / 2);
    shuttle::check_pct(run, orders() / 2, 4);
}

/// There is one place left: one of two gets it, or who died in the attempt.
#[test]
fn one_place_is_given_once() {
    let before = [Act::Give(1), hit(1, 0)];
    mixed(2, &before, &[&[hit(1, 1)], &[hit(1, 2)]]);
}

/// Hits of several places go round the ring, in and out of their windows.
#[test]
fn stamps_go_round() {
    let before = [Act::Give(1), hit(2, 0)];
    mixed(
        3,
        &before,
        &[&[hit(2, 1_000_001), hit(1, 1_000_003)], &[hit(1, 1_000_002)], &[hit(3, 2_000_004), hit(1, 3_000_005)]],
    );
}

/// The shortest ring laps soonest: a helper that is late meets the next stamp in the very slot, even the very stamp that it
/// set out to replace.
#[test]
fn a_late_helper_does_no_harm() {
    let before = [Act::Give(1), hit(1, 0)];
    let later = [hit(1, 1_100_000), hit(1, 2_200_000), hit(1, 3_300_000)];
    mixed(1, &before, &[&later, &[hit(1, 2_200_001)], &later]);
    let again = [back(1, 1), hit(1, 0), hit(1, 2)];
    mixed(1, &[Act::Give(1), hit(1, 0), back(1, 0)], &[&[hit(1, 1)], &again, &again]);
}

/// What is given back closes up, wherever others are in it and whoever dies.
#[test]
fn gaps_close() {
    let before = [Act::Give(1), hit(2, 0), hit(1, 1), hit(1, 2), hit(1, 3)];
    mixed(6, &before, &[&[hit(1, 4)], &[back(1, 0)], &[back(2, 0), hit(1, 5)]]);
    mixed(6, &before, &[&[hit(1, 4), back(1, 4)], &[back(1, 1), hit(2, 6)]]);
}

/// A reset happens as a whole too.
#[test]
fn a_reset_forgets_all() {
    let before = [Act::Give(1), hit(2, 0)];
    mixed(2, &before, &[&[hit(1, 1), hit(1, 2)], &[hit(1, 3)], &[Act::Key(1, Op::Reset), hit(2, 4)]]);
}

/// A ring that goes to another key takes no stamp along, and who still writes for the former key does no harm.
#[test]
fn another_key_starts_empty() {
    let before = [Act::Give(1), hit(1, 0)];
    let takes = [Act::Vacate, Act::Give(2), Act::Key(2, Op::Hit { cost: 1, now: 3 })];
    let again = [Act::Vacate, Act::Give(1), hit(2, 3), hit(1, 4)];
    mixed(2, &before, &[&[hit(1, 1)], &[hit(1, 2), Act::Key(2, Op::Peek { now: 5 })], &takes]);
    mixed(2, &before, &[&[hit(1, 1)], &[hit(1, 2), hit(1, 5)], &again]);
}
