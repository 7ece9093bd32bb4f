//! Processes that take and give back places under every order of instructions that a scheduler finds, and one that
//! dies at any of them: never do more hold places than there are, and what the dead held is free again.

use std::sync::{Arc, Mutex};

use shuttle::rand::Rng;
use shuttle::thread;

use super::key::Key;
use super::rows::{IN_USE, LINE, Rows, Spot};
use super::stop::{LONG, Stop, mortal, orders};
use super::worker::{Own, Owners, Taken, Worker};

const ROWS: usize = 3;
const LINES_PER_ROW: usize = 2;

/// What all processes share, and the system's locks: the process that has each row, or 0.
struct Host {
    in_use: [Stop<u64>; IN_USE],
    lines: Vec<[Stop<u64>; LINE]>,
    locks: [Stop<u64>; ROWS],
    /// Somewhere to die at, with a place.
    serving: Stop<u64>,
    /// The processes that were told that they hold a place, once for each.
    held: Mutex<Vec<u64>>,
}

struct Locks<'a> {
    host: &'a Host,
    process: u64,
}

impl Owners for Locks<'_> {
    fn seize(&self, row: usize) -> bool {
        self.host.locks[row].touch(|owner| {
            let free = *owner == 0 || *owner == self.process;
            if free {
                *owner = self.process;
            }
            free
        })
    }

    fn release(&self, row: usize) {
        self.host.locks[row].touch(|owner| *owner = 0);
    }
}

impl Host {
    fn new() -> Self {
        let word = |_| Stop::new(0);
        Self {
            in_use: std::array::from_fn(word),
            lines: (0..ROWS * LINES_PER_ROW).map(|_| std::array::from_fn(word)).collect(),
            locks: std::array::from_fn(word),
            serving: Stop::new(0),
            held: Mutex::default(),
        }
    }

    fn worker<'a>(&'a self, process: u64, own: &'a Own) -> (Worker<'a, Stop<u64>, Locks<'a>>, Spot) {
        let rows = Rows { in_use: &self.in_use, lines: &self.lines, lines_per_row: LINES_PER_ROW };
        let spot = rows.spot(&Key { print: 7 << 32, place: 7 << 32 });
        (Worker { rows, owners: Locks { host: self, process }, own, generation: 1 }, spot)
    }

    /// A process that serves requests, each of so many places, and ends: at the latest after it touched `fuse` words.
    fn live(&self, process: u64, fuse: u32, most: u64, requests: &[u64]) {
        let own = Own::default();
        mortal(fuse, || {
            let (worker, spot) = self.worker(process, &own);
            for &places in requests {
                if !matches!(worker.take(&spot, places, most), Taken::Granted(_)) {
                    continue;
                }
                let now = {
                    let mut held = self.held.lock().expect("no panic");
                    held.extend((0..places).map(|_| process));
                    held.len() as u64
                };
                assert!(now <= most, "{now} hold {most} places");
                self.serving.touch(|_| ());
                let mut given = 0;
                self.held.lock().expect("no panic").retain(|of| {
                    *of != process || given == places || {
                        given += 1;
                        false
                    }
                });
                worker.give_back(&spot, places);
            }
        });
        // It ends: nobody holds anything for it, and then the system unlocks its rows.
        self.held.lock().expect("no panic").retain(|of| *of != process);
        mortal(LONG, || {
            for lock in &self.locks {
                lock.touch(|owner| *owner = if *owner == process { 0 } else { *owner });
            }
        });
    }

    /// Whether a process that comes when all others have ended gets all places, and no more.
    fn is_whole(&self, most: u64) {
        let own = Own::default();
        let (worker, spot) = self.worker(99, &own);
        for place in 0..most {
            let taken = worker.take(&spot, 1, most);
            assert!(matches!(taken, Taken::Granted(_)), "{taken:?} of {place}");
        }
        assert_eq!(worker.take(&spot, 1, most), Taken::Refused(most));
    }
}

fn mixed(most: u64, lives: &[&[u64]]) {
    let lives: Vec<Vec<u64>> = lives.iter().map(|requests| requests.to_vec()).collect();
    let run = move || {
        let host = Arc::new(Host::new());
        let mut fuse = shuttle::rand::thread_rng().gen_range(0..300);
        let threads: Vec<_> = (1u64..)
            .zip(lives.clone())
            .map(|(process, requests)| {
                let (host, fuse) = (host.clone(), std::mem::replace(&mut fuse, LONG));
                thread::spawn(move || host.live(process, fuse, most, &requests))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it dies inside"));
        mortal(LONG, || host.is_whole(most));
    };
    shuttle::check_random(run.clone(), orders() / 4);
    shuttle::check_pct(run, orders(), 4);
}

/// Whatever the order and wherever one dies.
#[test]
fn never_more_than_there_are_and_none_is_lost() {
    mixed(1, &[&[1, 1], &[1, 1]]);
    mixed(2, &[&[1, 1], &[1, 1], &[2, 1]]);
}
