//! Laws of what is kept: it is bounded, nothing is lost of the sums, and what a person still needs goes last.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossfade_core::policy::Policy;
use crossfade_exchange::Exchange;
use crossfade_exchange::wire::{Account, RouteAccount};

use super::capture::{self, Captures, FOLDER, Keep};
use super::judged::Judged;
use super::metrics::Metrics;
use super::tally::{GONE, Tally};
use crate::evidence::{Evidence, Source, Stay};
use crate::verdict::Verdict;

/// Processes that are told apart.
const SOURCES: u64 = 256;

fn metrics() -> Arc<Metrics> {
    let policy = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"GET /\"\n";
    Arc::new(Metrics::new(&Policy::parse("p", policy).expect("a policy"), "b").expect("metrics"))
}

fn stay(entered: u64) -> Stay {
    Stay { route: "r".to_owned(), subject: Default::default(), stage: "shadow".to_owned(), entered }
}

/// A match of process `worker` in the stay that was entered then.
fn judged(worker: u64, entered: u64) -> Judged {
    let exchange = Exchange { worker, epoch: worker, ..Exchange::default() };
    let (gating, free) = (Verdict::Match, Verdict::Match);
    Judged { gating, free, key: worker, most_of_a_key: 9, ..Judged::of(&exchange, stay(entered)) }
}

/// Of many processes those that are gone longest are counted as one, and every sum stays what it was.
#[test]
fn processes_that_are_gone_are_counted_together() {
    let (metrics, mut tally) = (metrics(), Tally::new(Evidence::default(), 0));
    let amount = SOURCES + 44;
    for worker in 1..=amount {
        let source = Source { worker, epoch: worker };
        (0..2).for_each(|_| tally.judged(judged(worker, 1), worker, &metrics));
        let said = RouteAccount { requests: 3, sent: 2, sampled_out: 1, ..RouteAccount::default() };
        tally.account(source, Account { routes: [("r".to_owned(), said)].into() }, &metrics);
    }
    let sums = |tally: &Tally| {
        let (evidence, total) = (tally.evidence(), tally.evidence().stays[&stay(1)].total());
        let requests: u64 = evidence.accounts.values().map(|account| account.said.requests).sum();
        (total.comparisons, total.requests, requests, evidence.received.values().sum::<u64>(), total.first, total.last)
    };
    let before = sums(&tally);
    assert_eq!(before, (2 * amount, 3 * amount, 3 * amount, 2 * amount, 1, amount));
    // The oldest of all is still connected.
    tally.fold(&HashSet::from([Source { worker: 1, epoch: 1 }]));
    assert_eq!(sums(&tally), before);
    let received = &tally.evidence().received;
    assert_eq!((received.len() as u64, received[&GONE]), (SOURCES, 2 * 45));
    assert!(received.contains_key(&Source { worker: 1, epoch: 1 }));
    let folded: Vec<u64> = tally.changes().folded.iter().map(|source| source.worker).collect();
    assert_eq!(folded, (2..=46).collect::<Vec<_>>());
    assert_eq!(tally.unaccounted().values().sum::<u64>(), 0);
}

/// A stay of which nothing was seen for long is given up, unless it is the one that its route is in.
#[test]
fn old_stays_are_given_up() {
    let (metrics, mut tally) = (metrics(), Tally::new(Evidence::default(), 0));
    for (entered, now) in [(1, 100), (2, 200), (3, 300)] {
        tally.judged(judged(7, entered), now, &metrics);
    }
    assert_eq!(tally.stale(300, |known| *known == stay(1)), [stay(2)]);
    tally.forget(&stay(2));
    assert_eq!(tally.evidence().stays.keys().cloned().collect::<Vec<_>>(), [stay(1), stay(3)]);
    assert!(tally.changes().counts.iter().all(|(known, ..)| **known != stay(2)), "nor written again");
}

/// The time in which no sidecar ran is that of every process that was there before it, and of none that came later.
#[test]
fn time_without_a_sidecar_is_counted_once() {
    let (metrics, mut tally) = (metrics(), Tally::new(Evidence::default(), 0));
    tally.judged(judged(1, 1), 100, &metrics);
    tally.clocks(110, 0);
    let mut tally = Tally::new(tally.evidence().clone(), 150);
    tally.judged(judged(2, 1), 160, &metrics);
    tally.clocks(170, 0);
    let tally = Tally::new(tally.evidence().clone(), 200);
    let away = |worker: u64| tally.evidence().stays[&stay(1)].by_source[&Source { worker, epoch: worker }].away;
    assert_eq!([away(1), away(2)], [70, 30]);
    assert_eq!(tally.evidence().stays[&stay(1)].total().away, 70);
    assert_eq!(tally.changes().counts.len(), 2, "both are written");
}

/// Captures that were exported go before those that were not, and the oldest first.
#[test]
fn exported_captures_go_first() {
    let place = std::env::temp_dir().join(format!("crossfade-bounds-{}", std::process::id()));
    let folder = place.join(FOLDER);
    fs::create_dir_all(&folder).expect("a folder");
    for name in ["1.seg", "2.seg", "3.seg", "4.seg"] {
        fs::write(folder.join(name), [0; 1_000]).expect("a segment");
    }
    fs::write(folder.join("3.seg.exported"), "").expect("a mark");
    let mut left = Vec::new();
    for bytes in [3_000, 2_000] {
        let wanted = Captures { keep: Keep::Raw, bytes };
        let (taken, capture) =
            capture::open(&place, &wanted, "b", &metrics(), &Arc::new(AtomicBool::new(false))).expect("opened");
        drop(taken);
        capture.expect("something is kept").work();
        let files = fs::read_dir(&folder).expect("a folder").flatten().map(|file| file.file_name());
        let mut names: Vec<String> = files.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name.contains(".seg"));
        names.sort();
        left.push(names);
    }
    fs::remove_dir_all(&place).expect("removed");
    assert_eq!(left, [vec!["1.seg", "2.seg", "4.seg"], vec!["2.seg", "4.seg"]]);
}
