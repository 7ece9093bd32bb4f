//! Keys that find, take and leave slots under every order of instructions that a scheduler finds, with a thread that dies at
//! any of them: no key is there twice, and none is forgotten for another while there is room.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use shuttle::rand::Rng;
use shuttle::thread;

use super::group::{Group, Home, Keeper, Loss, Place};
use super::stop::{LONG, Stop, mortal, orders};
use super::word;

/// Judges counts: those of the limit 1 are live, those of any other are over.
struct Judge;

impl Keeper for Judge {
    fn vacated(&self, _: u128) -> u128 {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        word::vacated(COUNT.fetch_add(1, Relaxed))
    }

    fn loss(&self, _: usize, state: u128) -> Loss {
        match word::limit(state, 0) {
            0 => Loss::NONE,
            1 => Loss { used: 0.5, until: 1.0 },
            _ => Loss::OVER,
        }
    }

    fn gone(&self, _: Loss) {}
}

type Groups = [Group<Stop<u64>, Stop<u128>>; 2];

const ONE: u128 = 1 << word::TAG;

/// A key by its number, under the limit 1. Every second has the same tag, so that the print alone tells it.
fn home(groups: &Groups, key: u64) -> Home<'_, Stop<u64>, Stop<u128>> {
    Home::new(groups, [0, 1], (key + 1) << 32, tag(key))
}

fn tag(key: u64) -> u128 {
    1 << 8 | u128::from(key % 2)
}

/// Counts one for a key.
fn hit(groups: &Groups, key: u64) {
    let home = home(groups, key);
    loop {
        if let Some((slot, state)) = home.find() {
            if home.swap(slot, state, state + ONE) {
                return;
            }
        } else if let Some(Place::Made { .. }) = home.insert(&Judge, |_| tag(key) | ONE, false) {
            return;
        }
    }
}

/// Counts `lives` at once – each the keys that it hits – where `over` slots of each group are those of keys whose windows are
/// over and the others are empty. The last one dies at some word.
fn live(over: usize, fuse: u32, lives: &[Vec<u64>]) {
    let group = |of: usize| Group {
        prints: std::array::from_fn(|slot| Stop::new(if slot < over { (100 + of * 8 + slot) as u64 * 256 } else { 0 })),
        states: std::array::from_fn(|slot| Stop::new(if slot < over { ONE | 2 << 8 } else { 0 })),
    };
    let groups = Arc::new([group(0), group(1)]);
    let counted: Vec<_> = lives.iter().map(|_| Arc::new(Mutex::new(Vec::new()))).collect();
    let threads = lives.iter().zip(&counted).enumerate().map(|(index, (keys, counted))| {
        let (groups, keys, counted) = (groups.clone(), keys.clone(), counted.clone());
        let fuse = if index + 1 == lives.len() { fuse } else { LONG };
        thread::spawn(move || {
            mortal(fuse, || {
                for key in keys {
                    hit(&groups, key);
                    counted.lock().expect("no panic").push(key);
                }
            });
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().expect("it dies inside"));
    let counted: Vec<Vec<u64>> = counted.iter().map(|counted| counted.lock().expect("no panic").clone()).collect();
    for key in lives.iter().flatten().collect::<BTreeSet<_>>() {
        let known = counted.iter().flatten().filter(|counted| *counted == key).count() as u128;
        // What the last one died in perhaps happened.
        let died_in = lives.last().and_then(|keys| keys.get(counted.last().map_or(0, Vec::len)));
        let most = known + u128::from(died_in == Some(key));
        let count = home(&groups, *key).find().map_or(0, |(_, state)| state >> word::TAG);
        assert!((known..=most).contains(&count), "{key}: {count} of {known} to {most}, {lives:?}");
        hit(&groups, *key);
        let count = home(&groups, *key).find().map_or(0, |(_, state)| state >> word::TAG);
        assert!((known + 1..=most + 1).contains(&count), "{key} is stuck");
    }
}

fn mixed(over: usize, lives: &[&[u64]]) {
    let lives: Vec<_> = lives.iter().map(|keys| keys.to_vec()).collect();
    let run = move || live(over, shuttle::rand::thread_rng().gen_range(0..250), &lives);
    shuttle::check_random(run.clone(), orders() / 4);
    shuttle::check_pct(run, orders(), 4);
}

/// Who inserts one key at once counts it in one place.
#[test]
fn no_key_is_there_twice() {
    mixed(0, &[&[0, 0], &[0], &[0, 0]]);
    mixed(8, &[&[0, 0], &[0], &[0, 0]]);
}

/// Who inserts other keys at once takes no slot away that has just become somebody's.
#[test]
fn nobody_is_forgotten_while_there_is_room() {
    mixed(0, &[&[0, 2], &[2, 1], &[4, 0]]);
    mixed(8, &[&[0, 1], &[2, 0], &[4, 2]]);
}
