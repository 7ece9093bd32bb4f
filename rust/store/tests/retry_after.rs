//! Law: what `ietf-10` tells a client to wait is enough.

use crossfade_core::limit::headers;
use crossfade_core::{Outcome, Policy, Request, Scratch, Timestamp, admit};
use crossfade_store::Memory;
use proptest::prelude::*;

const REQUEST: Request<'_> =
    Request { method: b"GET", raw_path: b"/", query: b"", headers: &[], peer: Some("10.0.0.1"), body: b"", given: &[] };

fn limit() -> impl Strategy<Value = String> {
    let strategies = ["fixed-window", "moving-window", "sliding-window-counter", "gcra"];
    let units = ["second", "minute", "hour"];
    (0..strategies.len(), 1u64..12, 1u64..4, 0..units.len(), 1u64..4).prop_map(
        move |(strategy, amount, many, unit, cost)| {
            let burst = if strategies[strategy] == "gcra" { format!("burst = {amount}\n") } else { String::new() };
            format!(
                "key = [\"client\"]\nrate = \"{amount}/{many} {}\"\nstrategy = \"{}\"\n{burst}cost = {}\n",
                units[unit],
                strategies[strategy],
                cost.min(amount)
            )
        },
    )
}

fn policy(limits: &[String], charge: &str) -> Policy {
    let names: Vec<_> = (0..limits.len()).map(|index| format!("\"l{index}\"")).collect();
    let limits: String =
        limits.iter().enumerate().map(|(index, limit)| format!("[limits.l{index}]\n{limit}")).collect();
    let text = format!(
        "version = 1\n{limits}[[route]]\nname = \"r\"\nmatch = \"GET /\"\nlimits = [{}]\nlimits_charge = \"{charge}\"\n\
         limit_headers = \"ietf-10\"\n",
        names.join(", ")
    );
    Policy::parse("test", &text).expect("a policy")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whoever waits as long as a refusal says is granted, by all limits that were asked, if nobody else comes meanwhile;
    /// and `Retry-After` is never before the refusing limit's `t`.
    #[test]
    fn waiting_is_enough(
        limits in prop::collection::vec(limit(), 1..4),
        atomic: bool,
        start in 1_700_000_000_000_000u64..1_700_010_000_000_000,
        gaps in prop::collection::vec(prop_oneof![0u64..2_000_000, 0u64..90_000_000, Just(1_000_000u64)], 1..60),
    ) {
        let policy = policy(&limits, if atomic { "atomic" } else { "sequential" });
        let route = policy.route_named("r").expect("the route");
        let memory = Memory::new(100);
        let mut scratch = Scratch::new();
        let mut now = start;
        for gap in gaps {
            now += gap;
            let mut decide = |now| {
                let outcome = admit(&policy, route, &memory, &REQUEST, Timestamp::from_micros(now), &mut scratch);
                let outcome = outcome.expect("nothing here is outside");
                (outcome, headers::of(&policy, policy.route(route), &outcome, &scratch))
            };
            let (outcome, said) = decide(now);
            let Outcome::Limited { limit, .. } = outcome else { continue };
            let value = |wanted: &str| said.iter().find(|(name, _)| *name == wanted).map(|(_, value)| &**value);
            let wait: u64 = value("Retry-After").expect("a refusal says it").parse().expect("a number");
            let name = format!("\"{}\"", policy.limit(limit).name);
            let state = value("RateLimit").expect("all costs are fixed").split(", ").find(|item| item.starts_with(&name));
            if let Some((_, until)) = state.expect("it was hit").split_once(";t=") {
                prop_assert!(until.parse::<u64>().expect("a number") <= wait);
            }
            now += wait * 1_000_000;
            if let Outcome::Limited { limit: next, .. } = decide(now).0 {
                prop_assert!(next > limit, "{next:?} refuses after {wait} s: {said:?}");
            }
        }
    }
}
