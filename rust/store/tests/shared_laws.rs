//! The laws of the shared table: what holds whatever is hit, by whomever, in whatever order.
#![cfg(unix)]

mod shared_support;

use std::collections::HashSet;
use std::process::{Command, Stdio};

use crossfade_core::Timestamp;
use crossfade_core::limit::{Charged, Limit, LimitCharge, Limiter};
use crossfade_store::shared::OnFull;
use crossfade_store::{Memory, Shared};
use proptest::prelude::Strategy as Generator;
use proptest::prelude::*;
use shared_support::{STRATEGIES, Table, at, limit};

/// What is done to one key of one limit, so much later than what was done before.
#[derive(Debug, Clone)]
enum Op {
    Hit(u64),
    Test(u64),
    Peek,
    Settle { charged: u64, ago: u64, cost: u64 },
    Reset,
    HitAll(Vec<(usize, u8, u64)>),
}

fn op() -> impl Generator<Value = Op> {
    let cost = || prop_oneof![4 => 0u64..4, 1 => Just(1 << 33), 1 => any::<u64>()];
    let charge = (0..4usize, 0u8..3, 0u64..3);
    prop_oneof![
        6 => cost().prop_map(Op::Hit),
        1 => cost().prop_map(Op::Test),
        2 => Just(Op::Peek),
        1 => (0u64..4, 0u64..1_500_000, 0u64..5).prop_map(|(charged, ago, cost)| Op::Settle { charged, ago, cost }),
        1 => Just(Op::Reset),
        2 => prop::collection::vec(charge, 0..5).prop_map(Op::HitAll),
    ]
}

/// Microseconds between two operations: often none, or exactly to the end of a window.
fn gap() -> impl Generator<Value = u64> {
    prop_oneof![Just(0), Just(500_000), Just(1_000_000), 0u64..400_000]
}

proptest! {
    /// As long as there is room and time goes on, nobody can tell the shared table from a process's memory: the same answers, to
    /// the last bit.
    #[test]
    fn is_a_memory(
        start in (1u64 << 30) * 1_000_000..(1 << 31) * 1_000_000,
        ops in prop::collection::vec((0..4usize, 0u8..6, gap(), op()), 1..200),
    ) {
        let table = Table::new(1_000, OnFull::Share);
        let shared = table.open();
        let memory = Memory::new(1_000);
        let limits = [0, 1, 2, 3].map(|id| limit(id, ["3/second", "5/2seconds"][id as usize / 2], STRATEGIES[id as usize % 3]));
        let mut now = start;
        for (id, key, gap, op) in ops {
            now += gap;
            let (limit, key, now) = (&limits[id], &[key][..], Timestamp::from_micros(now));
            match op {
                Op::Hit(cost) => prop_assert_eq!(shared.hit(limit, key, cost, now), memory.hit(limit, key, cost, now)),
                Op::Test(cost) => prop_assert_eq!(shared.test(limit, key, cost, now), memory.test(limit, key, cost, now)),
                Op::Peek => prop_assert_eq!(shared.peek(limit, key, now), memory.peek(limit, key, now)),
                Op::Settle { charged, ago, cost } => {
                    let at = Timestamp::from_micros(now.micros() - ago);
                    let charged = Charged { cost: charged, at };
                    shared.settle(limit, key, charged, cost, now);
                    memory.settle(limit, key, charged, cost, now);
                }
                Op::Reset => {
                    shared.reset(limit, key);
                    memory.reset(limit, key);
                }
                Op::HitAll(charges) => {
                    let keys: Vec<[u8; 1]> = charges.iter().map(|(_, key, _)| [*key]).collect();
                    let charges: Vec<_> = charges.iter().zip(&keys)
                        .map(|((id, _, cost), key)| LimitCharge { limit: &limits[*id], key, cost: *cost }).collect();
                    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                    prop_assert_eq!(shared.hit_all(&charges, now, &mut ours), memory.hit_all(&charges, now, &mut theirs));
                    prop_assert_eq!(ours, theirs);
                }
            }
            prop_assert_eq!(shared.peek(limit, key, now), memory.peek(limit, key, now));
        }
        prop_assert_eq!(shared.stats().evicted_live, 0);
    }

    /// Total: no cost, key, rate or order of times panics, and no window is ever left with more than it grants.
    #[test]
    fn total(
        amount: u64, burst in 1u64.., strategy in prop::sample::select(STRATEGIES.to_vec()),
        hits in prop::collection::vec((any::<u8>(), prop_oneof![0u64..3, any::<u64>()], any::<u64>()), 0..100),
    ) {
        let table = Table::new(10, OnFull::Admit);
        let shared = table.open();
        let mut limit = limit(0, "3/second", strategy);
        limit.rate.amount = amount;
        if let crossfade_core::limit::Strategy::Gcra { burst: most } = &mut limit.strategy {
            *most = burst;
        }
        for (key, cost, now) in hits {
            let now = Timestamp::from_micros(now);
            shared.hit(&limit, &[key], cost, now);
            prop_assert!(shared.peek(&limit, &[key], now).remaining <= amount.max(burst));
            shared.settle(&limit, &[key], Charged { cost, at: now }, 1, now);
        }
    }
}

/// All who have the file open count in one place, also under a limit that one of them saw first.
#[test]
fn whoever_has_the_file_counts_there() {
    let table = Table::new(1_000, OnFull::Share);
    let tables = [table.open(), table.open(), table.open()];
    for strategy in STRATEGIES {
        let limit = limit(0, "3/hour", strategy);
        let granted = (0..9).filter(|turn| tables[turn % 3].hit(&limit, b"a", 1, at(0)).admitted).count();
        assert_eq!(granted, 3, "{strategy:?}");
    }
}

/// Threads that insert the same keys at once are granted what one thread would be: no key is there twice.
#[test]
fn racing_threads_share_each_count() {
    for strategy in STRATEGIES {
        let limit = limit(0, "3/hour", strategy);
        let table = Table::new(20_000, OnFull::Share);
        let shared = table.open();
        let granted = || -> Vec<bool> {
            let hit = |key: u32| shared.hit(&limit, &key.to_be_bytes(), 1, at(0)).admitted;
            (0..5_000).map(hit).collect()
        };
        let granted: Vec<Vec<bool>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(granted)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let sums: Vec<usize> = (0..5_000).map(|key| granted.iter().filter(|thread| thread[key]).count()).collect();
        assert!(sums.iter().all(|&sum| sum == 3), "{strategy:?} {:?}", shared.stats());
    }
}

/// Processes that start at once, make the file, list the limit and insert the same keys are together granted what one would be.
#[test]
fn racing_processes_share_each_count() {
    const KEYS: u32 = 3_000;
    const PLACE: &str = "CROSSFADE_TEST_TABLE";
    let limit = limit(0, "3/hour", STRATEGIES[0]);
    if let Some(path) = std::env::var_os(PLACE) {
        // One of the processes below.
        let shared = Shared::open(path.as_ref(), &Table::new(10_000, OnFull::Share).options).expect("a table");
        let hits = (0..2 * KEYS).filter(|key| shared.hit(&limit, &(key % KEYS).to_be_bytes(), 1, at(0)).admitted);
        println!("granted {}", hits.count());
        return;
    }
    let table = Table::new(10_000, OnFull::Share);
    let start = |_| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "racing_processes_share_each_count", "--nocapture"]).env(PLACE, &table.path);
        command.stdout(Stdio::piped()).spawn().expect("a process")
    };
    let processes: Vec<_> = (0..4).map(start).collect();
    let granted = processes.into_iter().map(|process| {
        let said = String::from_utf8(process.wait_with_output().expect("an end").stdout).expect("text");
        let granted = said.split("granted ").nth(1).and_then(|rest| rest.split_whitespace().next());
        granted.and_then(|granted| granted.parse::<u32>().ok()).expect("a number")
    });
    assert_eq!(granted.sum::<u32>(), 3 * KEYS);
}

/// A limit that counts otherwise than before starts over; back again, the former counts are there. So does another limit of
/// the same terms: a key is the limit and all of its bytes.
#[test]
fn keys_are_exact() {
    let table = Table::new(50_000, OnFull::Share);
    let shared = table.open();
    let first = limit(0, "1/hour", STRATEGIES[0]);
    let named = Limit { name: "another".into(), ..first.clone() };
    let minutes = limit(0, "1/60minutes", STRATEGIES[0]);
    let long = vec![b'x'; 10_000];
    let mut keys: HashSet<&[u8]> = HashSet::from([&b""[..], b"\0", b"\0\0", b"a", b"A", b"a/b", &long, &long[1..]]);
    let bytes: Vec<[u8; 2]> = (0..=u16::MAX).step_by(16).map(u16::to_le_bytes).collect();
    keys.extend(bytes.iter().map(|key| &key[..]));
    for limit in [&first, &named, &minutes] {
        assert!(keys.iter().all(|key| shared.hit(limit, key, 1, at(0)).admitted));
    }
    assert!(!shared.hit(&first, b"a", 1, at(0)).admitted);
    assert_eq!(shared.count_keys(at(0)), 3 * keys.len() as u64);
}

/// One call forgets every key of every limit for all who have the file; however often it is made, nothing comes back.
#[test]
fn all_is_forgotten_at_once() {
    let table = Table::new(1_000, OnFull::Share);
    let (shared, other) = (table.open(), table.open());
    let limits = STRATEGIES.map(|strategy| limit(0, "3/hour", strategy));
    let key = |round: u32| [b'k', (round % 251) as u8];
    for round in 0..600 {
        for limit in &limits {
            assert!(shared.hit(limit, &key(round), 3, at(0)).admitted, "{round}");
            assert!(!other.hit(limit, &key(round), 1, at(0)).admitted);
        }
        shared.reset_all();
        assert_eq!(other.count_keys(at(0)), 0, "{round}");
    }
}

/// A key's count goes over to a process's memory and back: what is left of it is the same, and so is what it is granted.
#[test]
fn a_count_goes_over_and_back() {
    let (table, other) = (Table::new(100, OnFull::Share), Table::new(100, OnFull::Share));
    let (shared, back, memory) = (table.open(), other.open(), Memory::new(100));
    for strategy in STRATEGIES {
        let limit = limit(0, "3/minute", strategy);
        assert!(shared.hit(&limit, b"a", 1, at(0)).admitted && shared.hit(&limit, b"a", 1, at(500)).admitted);
        let state = shared.state(&limit, b"a", at(1_000)).expect("a state");
        assert!(memory.seed(&limit, b"a", &state, at(1_000)));
        assert!(back.seed(&limit, b"a", &memory.state(&limit, b"a", at(1_000)).expect("a state"), at(1_000)));
        for store in [&memory as &dyn Limiter, &back] {
            assert_eq!(store.peek(&limit, b"a", at(2_000)), shared.peek(&limit, b"a", at(2_000)), "{strategy:?}");
            assert!(store.hit(&limit, b"a", 1, at(2_000)).admitted && !store.hit(&limit, b"a", 1, at(2_000)).admitted);
        }
        assert!(shared.state(&limit, b"b", at(0)).is_none() && shared.state(&limit, b"a", at(200_000_000)).is_none());
    }
}

/// The longest fixed window that a policy lets in ends when that of a memory does, whoever hits until 2038.
#[test]
fn a_slot_holds_the_longest_window() {
    let table = Table::new(10, OnFull::Share);
    let (shared, memory) = (table.open(), Memory::new(10));
    let limit = limit(0, "2/2147483648 seconds", STRATEGIES[0]);
    let latest = Timestamp::from_micros((1 << 31) * 1_000_000 - 1);
    assert_eq!(shared.hit(&limit, b"a", 1, latest), memory.hit(&limit, b"a", 1, latest));
}

/// What is cold under a limit all processes know, under that limit alone, and no word makes it shorter.
#[test]
fn all_know_what_is_cold() {
    let table = Table::new(10, OnFull::Share);
    let (shared, other) = (table.open(), table.open());
    let [warm, cold] = [limit(0, "1/hour", STRATEGIES[0]), limit(1, "2/hour", STRATEGIES[0])];
    shared.cool(&cold, at(3_600));
    shared.cool(&cold, at(60));
    assert_eq!((other.cold_until(&cold), other.cold_until(&warm).micros()), (at(3_600), 0));
}

/// More limits than the file has lines for are still counted, each for itself.
#[test]
fn limits_without_a_line_count_too() {
    let table = Table::new(10_000, OnFull::Share);
    let shared = table.open();
    for id in 0..2_000u16 {
        let limit = limit(id, &format!("{}/hour", 1 + u64::from(id)), STRATEGIES[0]);
        assert!(shared.hit(&limit, b"a", 1 + u64::from(id), at(0)).admitted, "{id}");
        assert!(!shared.hit(&limit, b"a", 1, at(0)).admitted, "{id}");
    }
}
