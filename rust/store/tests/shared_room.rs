//! The laws of a shared table that is full: who is forgotten, who never is, and what becomes of newcomers.
#![cfg(unix)]

#[path = "shared_support/mod.rs"]
mod shared_support;

use crossfade_core::limit::Limiter;
use crossfade_store::shared::OnFull;
use shared_support::{STRATEGIES, Table, at, limit};

const HOUR: u64 = 3_600_000_000;

/// Whoever is being refused stays refused: no flood of fresh keys pushes out a key that used up its limit.
#[test]
fn a_flood_frees_nobody() {
    for strategy in STRATEGIES {
        let limit = limit(0, "3/hour", strategy);
        let table = Table::new(2_000, OnFull::Share);
        let shared = table.open();
        for key in 0..200u32 {
            (0..3).for_each(|_| assert!(shared.hit(&limit, &key.to_le_bytes(), 1, at(0)).admitted));
        }
        for key in 200..50_000u32 {
            assert!(shared.hit(&limit, &key.to_le_bytes(), 1, at(u64::from(key))).admitted);
        }
        let freed = (0..200u32).filter(|key| shared.hit(&limit, &key.to_le_bytes(), 1, at(50_000)).admitted).count();
        let stats = shared.stats();
        assert_eq!((freed, stats.evicted_blocked, stats.full_shared), (0, 0, 0), "{strategy:?}");
        assert!(stats.evicted_live > 40_000, "{stats:?}");
    }
}

/// Keys whose windows are over give their place first: while those that count fit, none of them is forgotten.
#[test]
fn what_is_over_goes_first() {
    for strategy in STRATEGIES {
        let limit = limit(0, "3/second", strategy);
        // At a thousand keys a second two thousand count at most: no sixteen of them meet in one home.
        let table = Table::new(20_000, OnFull::Share);
        let shared = table.open();
        for key in 0..200_000u32 {
            shared.hit(&limit, &key.to_le_bytes(), 1, at(u64::from(key) * 1_000));
        }
        let stats = shared.stats();
        assert_eq!((stats.evicted_live, stats.evicted_blocked), (0, 0), "{strategy:?}");
        assert!(stats.evicted_expired > 150_000, "{stats:?}");
    }
}

/// As many keys as were asked for have room, but for a few in a thousand that find their places crowded.
#[test]
fn there_is_room_for_the_keys_asked_for() {
    let limit = limit(0, "3/hour", STRATEGIES[0]);
    let table = Table::new(100_000, OnFull::Share);
    let shared = table.open();
    for key in 0..100_000u32 {
        assert!(shared.hit(&limit, &key.to_le_bytes(), 1, at(0)).admitted);
    }
    let stats = shared.stats();
    assert_eq!(shared.count_keys(at(0)) + stats.evicted_live, 100_000);
    assert!(stats.evicted_live < 500, "{stats:?}");
}

/// A table in which everybody is being refused, and newcomers after it.
fn crowded(on_full: OnFull) -> (Table, crossfade_store::Shared, crossfade_core::Limit) {
    let limit = limit(0, "3/hour", STRATEGIES[0]);
    let table = Table::new(1_000, on_full);
    let shared = table.open();
    for key in 0..20_000u32 {
        shared.hit(&limit, &key.to_le_bytes(), 3, at(u64::from(key)));
    }
    (table, shared, limit)
}

/// `share`: newcomers count together with their neighbours, so all of them are granted no more than a few; nobody who is
/// refused is freed; and what is seen of a newcomer is what it would get.
#[test]
fn newcomers_share() {
    let (_table, shared, limit) = crowded(OnFull::Share);
    let before = shared.stats();
    let granted = (20_000..40_000u32)
        .filter(|key| {
            let key = key.to_le_bytes();
            let expected = shared.test(&limit, &key, 1, at(40_000));
            let hit = shared.hit(&limit, &key, 1, at(40_000));
            assert_eq!(hit.admitted, expected);
            hit.admitted
        })
        .count();
    let stats = shared.stats();
    assert!(granted <= 3 * 8, "{granted}");
    assert_eq!(stats.evicted_blocked, 0);
    assert_eq!(stats.full_shared - before.full_shared, 20_000, "{stats:?}");
    assert!(shared.hit(&limit, b"later", 1, at(2 * HOUR)).admitted);
}

/// `reject`: newcomers are refused until somebody's window is over, and told when.
#[test]
fn newcomers_wait() {
    let (_table, shared, limit) = crowded(OnFull::Reject);
    let (key, now) = (99_999u32.to_le_bytes(), at(99_999));
    let hit = shared.hit(&limit, &key, 1, now);
    assert!(!hit.admitted && hit.remaining == 0 && shared.stats().full_rejected > 0, "{hit:?}");
    let reset = crossfade_core::Timestamp::from_micros((hit.reset * 1e6).round() as u64);
    assert!((at(HOUR)..at(HOUR + 20_000)).contains(&reset), "{reset:?}");
    assert!(!shared.hit(&limit, &key, 1, crossfade_core::Timestamp::from_micros(reset.micros() - 1)).admitted);
    assert!(shared.hit(&limit, &key, 1, reset).admitted);
}

/// `admit`: a newcomer takes the place of whoever would be free soonest, and is counted from then on.
#[test]
fn newcomers_are_let_in() {
    let (_table, shared, limit) = crowded(OnFull::Admit);
    let key = 99_999u32.to_le_bytes();
    let granted = (0..10).filter(|_| shared.hit(&limit, &key, 1, at(99_999)).admitted).count();
    let stats = shared.stats();
    assert_eq!(granted, 3);
    assert_eq!(stats.evicted_blocked, stats.full_admitted);
    assert!(stats.evicted_blocked > 10_000, "{stats:?}");
}
