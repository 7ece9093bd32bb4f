//! Laws of clocks: what a control decides a moment later than its request was received is no fault of the candidate.

use super::*;

/// How much later a control looks at its clock, in microseconds: mostly a moment, sometimes a stall.
fn lateness() -> impl Strategy<Value = u64> {
    prop_oneof![0..2_000u64, 0..2_000u64, 40_000..400_000u64, SECOND..8 * SECOND]
}

/// Three clients of one team, who ask for more than each of them and all together are granted: both limits are at their edges
/// most of the time.
fn greedy() -> impl Strategy<Value = Vec<(u8, u64)>> {
    let client = prop::sample::select(&[0u8, 2, 4][..]);
    prop::collection::vec((client, prop_oneof![0u64..SECOND, 0u64..SECOND, 5 * SECOND..12 * SECOND]), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whenever a control looks at its clock between the start and the end of its requests, it makes no mismatch; and once it
    /// has been silent for long enough, everything matches again.
    #[test]
    fn another_clock_is_no_mismatch(
        strategy in prop::sample::select(&STRATEGIES[..]),
        traffic in prop_oneof![traffic(), greedy()],
        late in prop::collection::vec((lateness(), 0..2_000u64), 120),
    ) {
        let mut world = World::whole(strategy);
        let (mut now, mut stalled) = (START, false);
        for (nth, ((who, gap), (late, rest))) in traffic.into_iter().zip(late).enumerate() {
            now += gap;
            // No two of them exactly a window apart: there the original refuses by one stamp and tells the wait for the next.
            let late = late + (1_000 + nth as u64 - (now + late) % 1_000) % 1_000;
            let mut exchange = world.exchange(who, now, late);
            exchange.elapsed += rest * 1_000;
            let judged = world.judge(&exchange);
            prop_assert_ne!(judged.gating, Verdict::Mismatch, "{:?}", judged);
            stalled |= late + rest > 50_000;
            prop_assert!(stalled || judged.reason != Some(reason::STALLED), "{:?}", judged);
            now += late + rest;
        }
        for client in 0..4 {
            prop_assert_eq!(world.hit(client, now + 100 * SECOND).gating, Verdict::Match);
        }
    }
}

/// A control that reads its own clock after the window's end is on another side of the edge, if its own time allows that. One
/// that took very long may have.
#[test]
fn an_edge_is_an_edge() {
    for (early, late, told, expected) in [
        (300, 700, 700, (Verdict::Edge, None)),
        (300, 700, 100, (Verdict::Mismatch, None)),
        (400_000, 500_000, 500_000, (Verdict::NotJudged, Some(reason::STALLED))),
        (400_000, 500_000, 300_000, (Verdict::Mismatch, None)),
    ] {
        let mut world = World::whole("fixed-window");
        (0..4).for_each(|nth| _ = world.hit(1, START + nth));
        let mut exchange = world.exchange(1, START + 10 * SECOND - early, late);
        exchange.elapsed = told * 1_000;
        let judged = world.judge(&exchange);
        assert_eq!((judged.gating, judged.reason), expected);
    }
}

/// Of a hit that may have begun a fixed window or not nobody knows when the window ends, so its key is not judged by that.
#[test]
fn a_window_that_may_have_begun_is_not_known() {
    let mut world = World::whole("fixed-window");
    let millis = |count: u64| START + count * 1_000;
    world.hit(1, millis(0));
    let mut stalled = world.exchange(1, millis(9_900), 150_000);
    stalled.elapsed = 300_000_000;
    world.judge(&stalled);
    let later = [10_500, 11_000, 12_000].map(|at| world.hit(1, millis(at)));
    assert_eq!(later[2].kind, "limited:small");
    let mut first_again = world.exchange(1, millis(20_100), 0);
    assert!(matches!(outcome(&mut first_again.control), Outcome::Accepted(_)));
    let judged = world.judge(&first_again);
    assert_eq!((judged.gating, judged.reason), (Verdict::NotJudged, Some(reason::COLD)));
}

/// What only the stall of an earlier request explains is no edge either, as long as that one weighs.
#[test]
fn a_stall_weighs_on_what_follows() {
    for (took, expected) in [(40_000, Verdict::Edge), (60_000, Verdict::NotJudged)] {
        let mut world = World::whole("moving-window");
        let first = world.exchange(1, START, took);
        world.judge(&first);
        (1..3).for_each(|nth| _ = world.hit(1, START + nth * SECOND));
        // To the control the first one is still in the window.
        let fourth = world.exchange(1, START + 10 * SECOND + 20_000, 1);
        let judged = world.judge(&fourth);
        assert_eq!((judged.kind.as_str(), judged.gating), ("limited:small", expected));
    }
}

/// A stall hides nothing of what comes after it: a limit that grants one more is found at once.
#[test]
fn a_fault_after_a_stall_is_found() {
    for strategy in STRATEGIES {
        let mut world = World::whole(strategy);
        let most = if strategy == "gcra" { 4 } else { 3 };
        for nth in 0..most {
            let exchange = world.exchange(1, START + nth * 200_000, 150_000);
            assert_eq!(world.judge(&exchange).gating, Verdict::Match, "{strategy}");
        }
        let mut exchange = world.exchange(1, START + SECOND, 400);
        *outcome(&mut exchange.control) = Outcome::Accepted(Default::default());
        assert_eq!(world.judge(&exchange).gating, Verdict::Mismatch, "{strategy}");
    }
}
