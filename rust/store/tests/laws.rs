//! The laws of the store: what holds whatever is hit, in whatever order.

use std::collections::{HashMap, HashSet};

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyPart, KeyTemplate, OnMissing};
use crossfade_core::limit::{Charged, Flavour, Hit, Limit, LimitCharge, LimitId, Limiter, Strategy};
use crossfade_store::Memory;
use proptest::prelude::Strategy as Generator;
use proptest::prelude::*;

const STRATEGIES: [Strategy; 4] =
    [Strategy::FixedWindow, Strategy::MovingWindow, Strategy::SlidingWindowCounter, Strategy::Gcra { burst: 3 }];

const START: u64 = 1_700_000_000_000_000;

fn limit(id: u16, rate: &str, strategy: Strategy) -> Limit {
    let key = KeyTemplate { parts: vec![KeyPart::Client], on_missing: OnMissing::Skip };
    Limit {
        id: LimitId(id),
        name: rate.into(),
        rate: rate.parse().expect("a rate"),
        strategy,
        flavour: Flavour::Memory,
        key,
        cost: Default::default(),
        settles: false,
    }
}

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(START + micros)
}

fn strategy() -> impl Generator<Value = Strategy> {
    prop::sample::select(STRATEGIES.to_vec())
}

fn flavour() -> impl Generator<Value = Flavour> {
    prop::sample::select(vec![Flavour::Memory, Flavour::Redis])
}

/// Microseconds between two hits: often none, or exactly to the end of a window.
fn gap() -> impl Generator<Value = u64> {
    prop_oneof![Just(0), Just(500_000), Just(1_000_000), 0u64..400_000]
}

proptest! {
    /// Total: no cost, key or order of times panics, and there are never more keys than room.
    #[test]
    fn total_and_bounded(
        room in 0usize..50, strategy in strategy(),
        hits in prop::collection::vec((any::<u8>(), prop_oneof![0u64..3, any::<u64>()], any::<u64>()), 0..300),
    ) {
        let memory = Memory::new(room);
        let limit = limit(0, "3/second", strategy);
        for (key, cost, now) in hits {
            memory.hit(&limit, &[key], cost, Timestamp::from_micros(now));
            prop_assert!(memory.len() <= room.max(1));
        }
    }

    /// Nobody is lost or counted twice: every key that came is held, was reclaimed or was evicted.
    #[test]
    fn the_account_adds_up(room in 1usize..40, strategy in strategy(), gap in 0u64..500_000, keys in 1u32..200) {
        let memory = Memory::new(room);
        let limit = limit(0, "3/second", strategy);
        let mut refused = 0;
        for key in 0..keys {
            refused += u64::from(!memory.hit(&limit, &key.to_be_bytes(), 2, at(u64::from(key) * gap)).admitted);
        }
        let stats = memory.stats();
        prop_assert_eq!(stats.keys + stats.reclaimed + stats.reset + stats.evicted_live, u64::from(keys));
        prop_assert_eq!((stats.hits, stats.refused), (u64::from(keys), refused));
        prop_assert_eq!(stats.keys, memory.len() as u64);
    }

    /// Reclaiming is never noticed: with room for the live keys, a crowded store answers like one store for each key.
    #[test]
    fn reclaiming_changes_nothing(
        strategy in strategy(),
        hits in prop::collection::vec((0u8..40, 0u64..4, gap(), any::<bool>()), 1..400),
    ) {
        let limits = [limit(0, "3/second", strategy), limit(1, "2/1second", strategy)];
        let memory = Memory::new(80);
        let mut alone: HashMap<(u16, u8), Memory> = HashMap::new();
        let mut now = 0;
        for (key, cost, gap, second) in hits {
            now += gap;
            let limit = &limits[usize::from(second)];
            let own = alone.entry((limit.id.0, key)).or_insert_with(|| Memory::new(1));
            prop_assert_eq!(memory.hit(limit, &[key], cost, at(now)), own.hit(limit, &[key], cost, at(now)));
            prop_assert_eq!(memory.peek(limit, &[key], at(now)), own.peek(limit, &[key], at(now)));
        }
        prop_assert_eq!(memory.stats().evicted_live, 0);
    }
}

proptest! {
    /// All or none: granted charges count as hits one after the other would, a refusal changes nothing that is ever seen.
    #[test]
    fn all_or_none(
        strategies in prop::collection::vec((strategy(), flavour()), 3),
        rounds in prop::collection::vec((prop::collection::vec((0usize..3, 0u8..2, 0u64..3), 0..5), gap()), 1..40),
    ) {
        let limits: Vec<_> = (0..).zip(strategies).map(|(id, (strategy, flavour))| {
            Limit { flavour, ..limit(id, "3/second", strategy) }
        }).collect();
        let (memory, plain, mut hits, mut now) = (Memory::new(100), Memory::new(100), Vec::new(), 0);
        for (charges, gap) in rounds {
            now += gap;
            let keys: Vec<_> = charges.iter().map(|(_, key, _)| [*key]).collect();
            let charges: Vec<_> = (charges.iter().zip(&keys))
                .map(|((limit, _, cost), key)| LimitCharge { limit: &limits[*limit], key, cost: *cost })
                .collect();
            match memory.hit_all(&charges, at(now), &mut hits) {
                Ok(()) => {
                    let expected = charges.iter().map(|charge| plain.hit(charge.limit, charge.key, charge.cost, at(now)));
                    prop_assert_eq!(&hits, &expected.collect::<Vec<_>>());
                    prop_assert!(hits.iter().all(|hit| hit.admitted));
                }
                Err(refused) => {
                    prop_assert_eq!(hits.len(), refused + 1);
                    prop_assert_eq!(hits.iter().position(|hit| !hit.admitted), Some(refused));
                    let same = charges[..=refused].iter().filter(|other| {
                        (other.limit.id, other.key) == (charges[refused].limit.id, charges[refused].key)
                    });
                    let cost = same.map(|charge| charge.cost).sum();
                    // The other store shows that a hit would have been refused as well, which a fixed window counts.
                    let LimitCharge { limit, key, .. } = charges[refused];
                    if limit.strategy == Strategy::FixedWindow {
                        prop_assert!(!plain.test(limit, key, cost, at(now)));
                    } else {
                        prop_assert!(!plain.hit(limit, key, cost, at(now)).admitted);
                    }
                }
            }
            for limit in &limits {
                for key in [[0], [1]] {
                    prop_assert_eq!(memory.peek(limit, &key, at(now)), plain.peek(limit, &key, at(now)));
                }
            }
        }
    }

    /// What is charged and given back in full was never charged; what is reset was never seen.
    #[test]
    fn given_back_was_never_charged(
        strategy in strategy(), hits in prop::collection::vec((0u64..3, gap()), 0..20), cost in 1u64..4, later in gap(),
    ) {
        let limit = limit(0, "3/second", strategy);
        let (memory, plain, mut now) = (Memory::new(9), Memory::new(9), 0);
        for (cost, gap) in hits {
            now += gap;
            prop_assert_eq!(memory.hit(&limit, b"a", cost, at(now)), plain.hit(&limit, b"a", cost, at(now)));
        }
        let charged = Charged { cost, at: at(now) };
        let starts = plain.peek(&limit, b"a", at(now)).remaining == 3;
        if plain.test(&limit, b"a", cost, at(now)) && memory.hit(&limit, b"a", cost, at(now)).admitted {
            now += later;
            memory.settle(&limit, b"a", charged, 0, at(now));
            // A fixed window that began with the charge goes on.
            if strategy != Strategy::FixedWindow || !starts {
                prop_assert_eq!(memory.peek(&limit, b"a", at(now)).remaining, plain.peek(&limit, b"a", at(now)).remaining);
            }
            prop_assert_eq!(memory.test(&limit, b"a", 3, at(now)), plain.test(&limit, b"a", 3, at(now)));
        }
        memory.reset(&limit, b"a");
        prop_assert_eq!(memory.peek(&limit, b"a", at(now)), Memory::new(9).peek(&limit, b"a", at(now)));
        prop_assert_eq!(memory.len(), 0);
    }

    /// What a charge turned out to cost beyond its charge is counted even beyond the limit, and nothing is granted then.
    #[test]
    fn the_rest_is_taken(strategy in strategy(), cost in 4u64..1_000_000_000, later in 0u64..200_000) {
        let limit = limit(0, "3/second", strategy);
        let memory = Memory::new(9);
        prop_assert!(memory.hit(&limit, b"a", 1, at(0)).admitted);
        memory.settle(&limit, b"a", Charged { cost: 1, at: at(0) }, cost, at(later));
        prop_assert_eq!(memory.peek(&limit, b"a", at(later)).remaining, 0);
        prop_assert!(!memory.hit(&limit, b"a", 1, at(later)).admitted);
    }
}

proptest! {
    /// Who goes on from a key's state answers as who had it would have, whichever the strategy and flavour.
    #[test]
    fn a_state_can_be_handed_over(
        strategy in strategy(), flavour in flavour(),
        before in prop::collection::vec((0u64..4, gap()), 0..40), after in prop::collection::vec((0u64..4, gap()), 1..40),
    ) {
        let limit = Limit { flavour, ..limit(0, "3/second", strategy) };
        let (from, to, mut now) = (Memory::new(9), Memory::new(9), 0);
        to.hit(&limit, b"a", 3, at(now));
        for (cost, gap) in before {
            now += gap;
            from.hit(&limit, b"a", cost, at(now));
        }
        match from.state(&limit, b"a", at(now)) {
            Some(state) => prop_assert!(to.seed(&limit, b"a", &state, at(now))),
            None => to.reset(&limit, b"a"),
        }
        for (cost, gap) in after {
            now += gap;
            prop_assert_eq!(from.test(&limit, b"a", cost, at(now)), to.test(&limit, b"a", cost, at(now)));
            prop_assert_eq!(from.hit(&limit, b"a", cost, at(now)), to.hit(&limit, b"a", cost, at(now)));
        }
    }
}

/// A state of another strategy or flavour is not taken for one's own.
#[test]
fn only_a_fitting_state_is_taken() {
    let limits = STRATEGIES.map(|strategy| limit(0, "3/second", strategy));
    let all = || {
        limits
            .iter()
            .flat_map(|limit| [Flavour::Memory, Flavour::Redis].map(|flavour| Limit { flavour, ..limit.clone() }))
    };
    for from in all() {
        let memory = Memory::new(9);
        memory.hit(&from, b"a", 1, at(0));
        let state = memory.state(&from, b"a", at(0)).expect("a hit counts");
        for to in all() {
            let same_kind = from.strategy == to.strategy
                && (from.strategy != Strategy::SlidingWindowCounter || from.flavour == to.flavour);
            assert_eq!(memory.seed(&to, b"b", &state, at(0)), same_kind, "{from:?} {to:?}");
        }
        assert_eq!(memory.state(&from, b"a", at(10_000_000)), None);
    }
}

/// Whoever is being refused stays refused: no flood of fresh keys, each hit once, pushes out a key that used up its limit.
#[test]
fn a_flood_frees_nobody() {
    for strategy in STRATEGIES {
        let limit = limit(0, "3/hour", strategy);
        let memory = Memory::new(5_000);
        let blocked: Vec<_> = (0..100).map(|key| format!("blocked {key}")).collect();
        let mut now = START / 3_600_000_000 * 3_600_000_000 + 3_600_000_000;
        for key in &blocked {
            for _ in 0..4 {
                memory.hit(&limit, key.as_bytes(), 1, Timestamp::from_micros(now));
            }
        }
        for key in 0..50_000u32 {
            now += 1;
            assert!(memory.hit(&limit, &key.to_be_bytes(), 1, Timestamp::from_micros(now)).admitted);
        }
        for key in &blocked {
            assert!(!memory.hit(&limit, key.as_bytes(), 1, Timestamp::from_micros(now)).admitted, "{strategy:?} {key}");
        }
        assert_eq!((memory.len(), memory.stats().evicted_live), (5_000, 45_100), "{strategy:?}");
    }
}

/// Without a sweeper, keys whose windows are over go when others come; none of them counts as evicted.
#[test]
fn what_is_over_is_reclaimed() {
    for strategy in STRATEGIES {
        let limit = limit(0, "3/second", strategy);
        let memory = Memory::new(100_000);
        for key in 0..200_000u32 {
            memory.hit(&limit, &key.to_be_bytes(), 1, at(u64::from(key) * 1_000));
        }
        // At a thousand new keys a second, no more than those of the last seconds are of use.
        assert!(memory.len() < 10_000, "{strategy:?} {}", memory.len());
        assert_eq!(memory.stats().evicted_live, 0);
    }
}

/// A limit that counts otherwise than before starts over, as its key in `limits` has another name; back again, the old
/// counts are there.
#[test]
fn changed_terms_start_over() {
    let memory = Memory::new(10);
    let first = limit(0, "1/hour", Strategy::FixedWindow);
    assert!(memory.hit(&first, b"a", 1, at(0)).admitted);
    for changed in STRATEGIES.map(|strategy| limit(0, "1/day", strategy)) {
        assert!(memory.hit(&changed, b"a", 1, at(0)).admitted);
    }
    assert!(!memory.hit(&first, b"a", 1, at(0)).admitted);
}

/// A key is all of its bytes and its limit: whatever looks alike is counted apart.
#[test]
fn keys_are_exact() {
    let memory = Memory::new(10_000);
    let limits = [limit(0, "1/hour", Strategy::FixedWindow), limit(1, "1/hour", Strategy::FixedWindow)];
    let long = vec![b'x'; 10_000];
    let mut keys: HashSet<&[u8]> = HashSet::from([&b""[..], b"\0", b"\0\0", b"a", b"A", b"a/b", &long, &long[1..]]);
    let bytes: Vec<[u8; 2]> = (0..=u16::MAX).step_by(16).map(u16::to_le_bytes).collect();
    keys.extend(bytes.iter().map(|key| &key[..]));
    for limit in &limits {
        for key in &keys {
            assert!(memory.hit(limit, key, 1, at(0)).admitted, "{key:?}");
        }
    }
    assert_eq!(memory.len(), 2 * keys.len());
}

/// Threads that hit one key at once are granted what one thread would be: no hit is lost, none granted twice.
#[test]
fn threads_share_one_count() {
    for strategy in STRATEGIES {
        let limit = limit(0, "5000/hour", strategy);
        let memory = Memory::new(100_000);
        let granted = || (0..5_000).filter(|_| memory.hit(&limit, b"a", 1, at(0)).admitted).count();
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(granted)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(granted, if matches!(strategy, Strategy::Gcra { .. }) { 3 } else { 5_000 });
        assert_eq!(memory.stats().refused, 20_000 - granted as u64);
    }
}

/// Waits are true: whoever waits as long as a refusal says, and a microsecond for the strategies whose windows include
/// their last, is granted.
#[test]
fn whoever_waits_is_granted() {
    for strategy in STRATEGIES {
        let limit = limit(0, "3/7seconds", strategy);
        let memory = Memory::new(10);
        let (mut now, mut refused) = (0, 0);
        for step in 0..2_000u64 {
            now += step * 7919 % 900_000;
            let hit: Hit = memory.hit(&limit, b"a", 1, at(now));
            if !hit.admitted {
                refused += 1;
                now += u64::from(hit.retry_after(at(now))) * 1_000_000 + 1;
                assert!(memory.hit(&limit, b"a", 1, at(now)).admitted, "{strategy:?} {step}");
            }
        }
        assert!(refused > 100, "{strategy:?} {refused}");
    }
}
