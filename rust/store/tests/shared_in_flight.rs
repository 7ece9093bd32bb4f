//! The laws of requests in flight in a shared table, as one process sees them. Those of many processes are in
//! tests/journey/test_in_flight_storms.py.
#![cfg(unix)]

#[path = "shared_support/mod.rs"]
mod shared_support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crossfade_core::Limit;
use crossfade_core::limit::{Charged, LimitCharge, Limiter, Strategy, Window};
use crossfade_store::shared::OnFull;
use crossfade_store::{Memory, Shared};
use proptest::prelude::*;
use shared_support::{STRATEGIES, Table, at, limit};

fn bound(id: u16, most: u64) -> Limit {
    limit(id, &format!("{most}/second"), Strategy::Concurrent { adaptive: None })
}

fn in_flight(shared: &Shared) -> (u64, u64) {
    let in_flight = shared.in_flight();
    (in_flight.places, in_flight.workers)
}

/// How many descriptors of a file this process has, where the system says so.
fn descriptors(path: &Path) -> Option<usize> {
    let all = fs::read_dir("/proc/self/fd").ok()?;
    Some(all.flatten().filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == path)).count())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// What one process is told is what it would be told over its own memory, whatever it does.
    #[test]
    fn answers_as_over_memory(steps in prop::collection::vec((0u8..7, 0u8..3, 0u64..4), 1..150)) {
        let table = Table::new(100, OnFull::Share);
        let (shared, memory) = (table.open(), Memory::new(100));
        let limit = bound(0, 5);
        for (step, key, cost) in steps {
            let (key, now) = ([key], at(0));
            let charged = Charged { cost: 2, at: now };
            let act = |limiter: &dyn Limiter| match step {
                0..=2 => format!("{:?}", limiter.hit(&limit, &key, cost, now)),
                3 => format!("{:?}", limiter.finish(&limit, &key, cost, None)),
                4 => format!("{:?}", limiter.test(&limit, &key, cost, now)),
                5 => format!("{:?}", limiter.settle(&limit, &key, charged, cost, now)),
                _ => format!("{:?}", limiter.reset(&limit, &key)),
            };
            prop_assert_eq!(act(&shared), act(&memory));
            prop_assert_eq!(shared.peek(&limit, &key, now), memory.peek(&limit, &key, now));
        }
    }
}

/// Places of changed terms and of other limits are others; all are counted in one row.
#[test]
fn limits_do_not_share_places() {
    let table = Table::new(1_000, OnFull::Share);
    let shared = table.open();
    assert_eq!(in_flight(&shared), (0, 0));
    let (few, many) = (bound(0, 1), bound(0, 2));
    assert!(shared.hit(&few, b"a", 1, at(0)).admitted && !shared.hit(&few, b"a", 1, at(0)).admitted);
    assert!(shared.hit(&many, b"a", 2, at(0)).admitted);
    assert_eq!(in_flight(&shared), (3, 1));
    shared.reset_all();
    assert_eq!(in_flight(&shared), (3, 1));
    shared.reset(&many, b"a");
    shared.finish(&few, b"a", 1, None);
    assert_eq!(in_flight(&shared), (0, 1));
}

/// All charges or none: what a refused one took with it is given back once, and nobody else's places are.
#[test]
fn a_refusal_gives_back_what_it_took() {
    let table = Table::new(1_000, OnFull::Share);
    let shared = table.open();
    let (places, rate) = (bound(0, 3), limit(1, "2/hour", STRATEGIES[0]));
    let charges = [(&places, 1), (&rate, 1)].map(|(limit, cost)| LimitCharge { limit, key: b"a", cost });
    let mut hits = Vec::new();
    let all = |hits: &mut Vec<_>| shared.hit_all(&charges, at(0), hits);
    assert_eq!((all(&mut hits), all(&mut hits), all(&mut hits)), (Ok(()), Ok(()), Err(1)));
    assert_eq!(in_flight(&shared), (2, 1));
    let twice = [charges[0], charges[0]];
    assert_eq!(shared.hit_all(&twice, at(0), &mut hits), Err(1));
    assert_eq!(in_flight(&shared), (2, 1));
}

/// A process has one row, however often it has the table open; it lasts as long as any of them.
#[test]
fn a_process_has_one_row() {
    let table = Table::new(1_000, OnFull::Share);
    let (first, limit) = (table.open(), bound(0, 4));
    assert!(first.hit(&limit, b"a", 1, at(0)).admitted);
    for _ in 0..200 {
        let again = table.open();
        assert!(again.hit(&limit, b"a", 1, at(0)).admitted);
        first.finish(&limit, b"a", 1, None);
    }
    assert_eq!(in_flight(&first), (1, 1));
    // One that is used, and one that is kept for the next.
    assert!(descriptors(&table.path).is_none_or(|count| count == 2));
    let second = table.open();
    drop(first);
    assert_eq!(in_flight(&second), (1, 1));
    drop(second);
    // Nobody is left who could give it back.
    assert_eq!(in_flight(&table.open()), (0, 0));
}

/// Threads take turns at the row: never do more hold places than there are, and none is lost.
#[test]
fn threads_share_a_row() {
    const MOST: u64 = 3;
    let table = Table::new(1_000, OnFull::Share);
    let (shared, limit) = (table.open(), bound(0, MOST));
    let (held, granted) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..6u64 {
            let (shared, limit, held, granted) = (&shared, &limit, &held, &granted);
            scope.spawn(move || {
                for hit in 0..20_000 {
                    let cost = 1 + (hit + thread) % 2;
                    if shared.hit(limit, b"a", cost, at(0)).admitted {
                        assert!(held.fetch_add(cost, SeqCst) + cost <= MOST);
                        granted.fetch_add(1, SeqCst);
                        held.fetch_sub(cost, SeqCst);
                        shared.finish(limit, b"a", cost, None);
                    }
                }
            });
        }
    });
    assert!(granted.load(SeqCst) > 6_000, "{granted:?}");
    assert_eq!(in_flight(&shared), (0, 1));
    assert!(shared.hit(&limit, b"a", MOST, at(0)).admitted);
}

/// A key for which the row of its process has no room left is refused, or with `admit` granted and not counted; others
/// keep theirs, and there is room as soon as some are done.
#[test]
fn a_row_can_be_full() {
    for on_full in [OnFull::Share, OnFull::Reject, OnFull::Admit] {
        let table = Table::new(1_000, on_full);
        let (shared, limit) = (table.open(), bound(0, 2));
        let counted: Vec<u32> = (0..2_000u32)
            .filter(|key| {
                let full = shared.stats().places_full;
                let admitted = shared.hit(&limit, &key.to_le_bytes(), 1, at(0)).admitted;
                let had_room = shared.stats().places_full == full;
                assert_eq!(admitted, had_room || on_full == OnFull::Admit);
                had_room
            })
            .collect();
        // A row has 256 words here; that few keys find both of their lines full does not begin before three quarters.
        assert!((192..=256).contains(&counted.len()), "{}", counted.len());
        assert!(counted.iter().take(160).copied().eq(0..160), "{counted:?}");
        assert_eq!(in_flight(&shared), (counted.len() as u64, 1));
        for key in counted {
            let Window { remaining, .. } = shared.peek(&limit, &key.to_le_bytes(), at(0));
            assert_eq!(remaining, 1);
            shared.finish(&limit, &key.to_le_bytes(), 1, None);
        }
        assert_eq!(in_flight(&shared), (0, 1));
        assert!(shared.hit(&limit, b"later", 2, at(0)).admitted && !shared.hit(&limit, b"later", 1, at(0)).admitted);
    }
}
