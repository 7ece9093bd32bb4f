//! Laws of keys that never rest, so that what they were granted before is never over.

use super::*;

fn gcra() -> World {
    World::new(policy("gcra", 3), policy("gcra", 3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever GCRA has granted before somebody listened, or where nobody did, and however late its clock: no mismatch.
    #[test]
    fn bounds_hold(
        traffic in prop::collection::vec((0u8..2, 0..3 * SECOND), 1..120),
        late in prop::collection::vec((prop_oneof![0..2_000u64, 0..2 * SECOND], 0..2_000u64), 120),
        lost in prop::collection::vec(prop::sample::select(&[false, false, false, true][..]), 120),
    ) {
        let mut world = gcra();
        let mut now = START;
        for (((who, gap), (late, rest)), lost) in traffic.into_iter().zip(late).zip(lost) {
            now += gap;
            let mut exchange = world.exchange(who, now, late);
            exchange.elapsed += rest * 1_000;
            if lost {
                world.miss(&exchange);
            } else {
                let judged = world.judge(&exchange);
                prop_assert_ne!(judged.gating, Verdict::Mismatch, "{:?}", judged);
            }
            now += late + rest;
        }
    }
}

/// More than half of what a client asks that never rests is judged, and a fault is found soon.
#[test]
fn a_busy_key_is_judged() {
    for millis in [300, 1_000, 4_000] {
        let mut world = gcra();
        (0..50).for_each(|nth| _ = world.exchange(1, START + nth * 50_000, 0));
        let at = |nth: u64| START + 3 * SECOND + nth * millis * 1_000;
        let judged: Vec<Judged> = (0..100).map(|nth| world.hit(1, at(nth))).collect();
        let matches = judged.iter().filter(|judged| judged.gating == Verdict::Match).count();
        assert!(matches >= 50, "{matches} each {millis} ms: {:?}", judged.iter().map(|j| j.gating).collect::<Vec<_>>());
        let found = (100..110).any(|nth| {
            let mut exchange = world.exchange(1, at(nth), 0);
            let granted = matches!(outcome(&mut exchange.control), Outcome::Accepted(_));
            let limited = Outcome::Limited { limit: "small".to_owned(), retry_after: Some(1) };
            *outcome(&mut exchange.control) = if granted { limited } else { Outcome::Accepted(Default::default()) };
            world.judge(&exchange).gating == Verdict::Mismatch
        });
        assert!(found, "each {millis} ms");
    }
}
