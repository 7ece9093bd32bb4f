//! The laws of the room for moving windows in a shared table.
#![cfg(unix)]

#[path = "shared_support/mod.rs"]
mod shared_support;

use crossfade_core::limit::{Hit, Limit, Limiter};
use crossfade_store::shared::{OnFull, Problem};
use shared_support::{STRATEGIES, Table, at, limit};

fn moving(id: u16, rate: &str) -> Limit {
    limit(id, rate, STRATEGIES[1])
}

/// What is reserved at the start is shared fairly: the long window, which comes second, has room for as many keys as the short
/// one.
#[test]
fn what_is_reserved_is_shared_fairly() {
    let limits = [moving(0, "3/hour"), moving(1, "100/hour"), limit(2, "9/hour", STRATEGIES[0])];
    let table = Table::new(3_000, OnFull::Share);
    let shared = table.open();
    shared.reserve(&table.path, &limits).expect("room");
    for limit in &limits[..2] {
        (0..2_900u32).for_each(|key| assert!(shared.hit(limit, &key.to_le_bytes(), 1, at(0)).admitted));
    }
    let stats = shared.stats();
    assert!(shared.count_keys(at(0)) + stats.evicted_live == 5_800 && stats.evicted_live < 30, "{stats:?}");
    shared.reserve(&table.path, &limits).expect("what is there needs no more room");
}

/// Too little room, and a window too long for any, is said at the start, with what is needed.
#[test]
fn too_little_is_said_at_the_start() {
    let mut table = Table::new(1_000, OnFull::Share);
    table.options.ring_bytes = 64 << 10;
    let shared = table.open();
    let problem = |rate| shared.reserve(&table.path, &[moving(0, rate)]).expect_err("no room");
    assert!(matches!(problem("4097/hour").problem(), Problem::Window { amount: 4097, most: 4096 }));
    assert!(matches!(problem("4096/hour").problem(), Problem::Rings { length: 4096, bytes: 65_536, .. }));
    assert!(problem("4096/hour").to_string().contains("raise ring_bytes"));
}

/// What is reserved where there is room for few keys leaves some for lengths that come later; what is needed at least is told
/// for all lengths together, and those that there is room for have theirs.
#[test]
fn what_is_reserved_leaves_room_for_later() {
    let mut table = Table::new(1_000_000, OnFull::Share);
    table.options.ring_bytes = 1 << 20;
    let shared = table.open();
    let limits = [moving(0, "30/hour"), moving(1, "10/hour"), moving(2, "60/hour")];
    for limit in &limits {
        shared.reserve(&table.path, [limit]).expect("room");
    }
    shared.reserve(&table.path, &limits).expect("what is there needs no more room");

    let [long, short] = [moving(3, "500/hour"), moving(4, "20/hour")];
    let error = shared.reserve(&table.path, [&long, &limits[0], &short]).expect_err("no room");
    let all = [500, 30, 20].map(|length| 4 * (192 + 64 * length)).iter().sum::<u64>();
    assert!(matches!(error.problem(), Problem::Rings { length: 500, needed, .. } if *needed == all), "{error:?}");
    assert!(error.to_string().contains("windows of other lengths have it"), "{error}");
    assert!(!shared.hit(&long, b"a", 1, at(0)).admitted && shared.hit(&short, b"a", 1, at(0)).admitted);
}

/// A window that comes later and finds no room for its length is refused, or not counted at all, as the table was told; and that
/// is counted.
#[test]
fn without_room_on_full_decides() {
    for (on_full, admitted) in [(OnFull::Share, false), (OnFull::Reject, false), (OnFull::Admit, true)] {
        let mut table = Table::new(1_000, on_full);
        table.options.ring_bytes = 64 << 10;
        let shared = table.open();
        let limit = moving(0, "4000/hour");
        let hit = shared.hit(&limit, b"a", 1, at(0));
        let reset = at(0).seconds() + 3600.0;
        assert_eq!((hit.admitted, hit.reset), (admitted, reset), "{on_full:?}");
        assert_eq!((shared.stats().rings_full, shared.count_keys(at(0))), (1, 0));
        assert!(matches!(shared.hit(&moving(1, "5/hour"), b"a", 1, at(0)), Hit { admitted: true, remaining: 4, .. }));
    }
}
