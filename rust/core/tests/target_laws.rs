//! Laws of the canonical target, for every policy that compiles: total, idempotent, bounded, and of linear cost.

use std::time::{Duration, Instant};

use crossfade_core::limit::Unlimited;
use crossfade_core::target::{path::most_path_bytes, query::most_query_bytes};
use crossfade_core::{Outcome, Part, Policy, Request, Scratch, Timestamp, Unsupported, admit};
use proptest::prelude::*;

type Said = Result<Result<(Vec<u8>, Vec<u8>), &'static str>, Unsupported>;

/// Path and query that go on, or the refusal.
fn decide(policy: &Policy, scratch: &mut Scratch, raw_path: &[u8], query: &[u8]) -> Said {
    let request = Request { method: b"GET", raw_path, query, headers: &[], peer: None, body: b"", given: &[] };
    let route = policy.route_named("all").expect("the route");
    let normalized = match admit(policy, route, &Unlimited, &request, Timestamp::from_micros(0), scratch)? {
        Outcome::Accepted(normalized) => normalized,
        Outcome::Invalid(reason) => return Ok(Err(reason.code)),
        Outcome::Limited { .. } => unreachable!("no limits"),
    };
    let part = |part, raw: &[u8], written: &[u8]| if part == Part::Same { raw.to_vec() } else { written.to_vec() };
    Ok(Ok((part(normalized.path, raw_path, &scratch.path), part(normalized.query, query, &scratch.query))))
}

fn policy(path: &str, query: &str, rollout: &str) -> Option<Policy> {
    let text = format!(
        "version = 1\n[[route]]\nname = \"all\"\nmatch = \"* /{{path*}}\"\nrollout = {{ {rollout} }}\n\
         [route.target]\n{path}\n[route.target.query]\n{query}\n"
    );
    Policy::parse("f", &text).ok()
}

/// One of the lines, or more often none: a policy that says everything accepts nothing.
fn line(lines: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just(""), 1 => prop::sample::select(lines)]
}

fn any_path_policy() -> impl Strategy<Value = String> {
    let keys = (
        line(&["max_bytes = 1", "max_bytes = 12", "max_bytes = 40"]),
        line(&["backslash = 'slash'"]),
        line(&["encoded_reserved = 'keep'", "encoded_reserved = ['%2F', '%3B']"]),
        line(&["encoded_special = 'outside'"]),
        line(&["params = 'strip'", "params = 'reject'"]),
        line(&["merge_slashes = false"]),
        line(&["dots = 'strict'", "dots = 'keep'"]),
        line(&["trailing_slash = 'strip'", "trailing_slash = 'add'"]),
        line(&["case = 'ascii_lower'"]),
    );
    keys.prop_map(|(a, b, c, d, e, f, g, h, i)| [a, b, c, d, e, f, g, h, i].join("\n"))
}

fn any_query_policy() -> impl Strategy<Value = String> {
    let names = (
        line(&["drop = ['b', 'utm_*']", "drop = ['@trackers']", "drop = ['a*']", "drop = ['z']"]),
        line(&["allow = ['a', 'b']", "allow = ['a*', 'utm_id', '', 'z']", "allow = []"]),
        line(&["unknown = 'reject'", "unknown = 'drop'"]),
        line(&["required = ['a']", "required = ['a', 'b']", "required = ['a ']"]),
        line(&["default = { z = '1' }", "default = { z = '12345', '' = \"\\u0000é\" }"]),
        line(&["duplicates = 'first'", "duplicates = 'last'", "duplicates = 'join'", "duplicates = 'reject'"]),
    );
    let values = (
        line(&["bad_triplet = 'reject'"]),
        line(&["nul = 'reject'"]),
        line(&["bare = 'keep'"]),
        line(&["sort = 'name'", "sort = 'pair'"]),
        line(&["space = '%20'"]),
        line(&["max_params = 2", "max_params = 5"]),
        line(&["max_name_bytes = 1", "max_name_bytes = 2"]),
        line(&["max_value_bytes = 3", "max_value_bytes = 5"]),
    );
    (names, values).prop_map(|((a, b, c, d, e, f), (g, h, i, j, k, l, m, n))| {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n].join("\n")
    })
}

const CODES: [&str; 19] = [
    "path_too_long",
    "path.form",
    "path.character",
    "path.triplet",
    "path.encoded_reserved",
    "path.encoded_special",
    "path.dot_parameter",
    "path_parameter",
    "path.above_root",
    "query.length",
    "too_many_parameters",
    "query.character",
    "unknown_parameter",
    "query.utf8",
    "bad_triplet",
    "nul_parameter",
    "parameter_too_long",
    "duplicate_parameter",
    "missing_parameter",
];

fn any_rollout() -> impl Strategy<Value = String> {
    let some = prop::sample::subsequence(&CODES[..], 0..=CODES.len());
    prop_oneof![Just(Vec::new()), Just(CODES.to_vec()), some]
        .prop_map(|codes| codes.iter().map(|code| format!("\"{code}\" = \"observe\"")).collect::<Vec<_>>().join(", "))
}

fn any_path() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(&["/", "/", "//", ".", "..", ";", "/..;", "\\", "%2e", "%", "A", "b"][..])
            .prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "%[0-9a-fA-F]{2}|[ -~]|%2[eEfF]|%5[cC]|%3[bB]".prop_map(String::into_bytes),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    (prop::bool::weighted(0.95), prop::collection::vec(piece, 0..16)).prop_map(|(slash, pieces)| {
        let start: &[u8] = if slash { b"/" } else { b"" };
        [start, &pieces.concat()].concat()
    })
}

fn any_query() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(&["&", "&a=1", "&a=12", "&b=123", "&a", "&z", "a", "=", "utm_id", "+", ",", "%", "%00"][..])
            .prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "%[0-9a-fA-F]{2}|[ -~]|%C3%A9|%61".prop_map(String::into_bytes),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// What goes on would go on as it is, and it is not longer than it may get.
    #[test]
    fn what_goes_on_is_its_own_canonical_form(
        path_policy in any_path_policy(),
        query_policy in any_query_policy(),
        rollout in any_rollout(),
        path in any_path(),
        query in any_query(),
    ) {
        let Some(policy) = policy(&path_policy, &query_policy, &rollout) else { return Ok(()) };
        let mut scratch = Scratch::new();
        let target = policy.routes[0].target.as_ref().expect("a target");
        let queries = target.query.as_ref().expect("a query");
        for (path, query) in [(&path[..], &b"a=1"[..]), (b"/", &query)] {
            if let Ok(Ok(once)) = decide(&policy, &mut scratch, path, query) {
                prop_assert!(once.0.len() <= most_path_bytes(target, path.len()));
                prop_assert!(once.1.len() <= most_query_bytes(queries, query.len()));
                prop_assert_eq!(decide(&policy, &mut scratch, &once.0, &once.1), Ok(Ok(once)));
                prop_assert!(scratch.exercised.is_empty());
            }
        }
    }

    /// A check that is watched lets through what it refused, and changes nothing of what it did not refuse.
    #[test]
    fn a_watched_check_only_lets_more_through(
        path_policy in any_path_policy(),
        query_policy in any_query_policy(),
        path in any_path(),
        query in any_query(),
        code in prop::sample::select(&CODES[..]),
    ) {
        let Some(enforced) = policy(&path_policy, &query_policy, "") else { return Ok(()) };
        let watched = policy(&path_policy, &query_policy, &format!("'{code}' = 'observe'")).expect("it compiled before");
        let mut scratch = Scratch::new();
        let before = decide(&enforced, &mut scratch, &path, &query);
        let after = decide(&watched, &mut scratch, &path, &query);
        let refused = match before {
            Err(Unsupported(why)) => why == code,
            Ok(ref said) => *said == Err(code),
        };
        prop_assert_eq!(scratch.remarks.iter().any(|remark| remark.code == code), refused);
        prop_assert!(refused || before == after, "{before:?} {after:?}");
        prop_assert!(scratch.remarks.len() <= 1);
    }

    #[test]
    fn every_input_gets_an_answer(
        path_policy in any_path_policy(),
        query_policy in any_query_policy(),
        path in any::<Vec<u8>>(),
        query in any::<Vec<u8>>(),
    ) {
        let Some(policy) = policy(&path_policy, &query_policy, "") else { return Ok(()) };
        let mut scratch = Scratch::new();
        let _ = decide(&policy, &mut scratch, &path, b"");
        let _ = decide(&policy, &mut scratch, &[b"/", &path[..]].concat(), b"");
        let _ = decide(&policy, &mut scratch, b"/", &query);
    }
}

/// A long target costs its length, not its square: those would take minutes.
#[test]
fn hostile_targets_are_bounded() {
    const SOON: Duration = Duration::from_secs(20);
    let start = Instant::now();
    let mut scratch = Scratch::new();
    let all = |query: &str| policy("params = 'strip'\ntrailing_slash = 'strip'", query, "'path.triplet' = 'observe'");
    let plain = all("").expect("a policy");
    let mut path = |raw: String| decide(&plain, &mut scratch, raw.as_bytes(), b"").expect("in").expect("in").0;
    assert_eq!(path("/a/..".repeat(200_000)), b"/");
    assert_eq!(path(format!("/a{}", "/".repeat(1_000_000))), b"/a");
    assert_eq!(path(format!("/a{}", ";x=1".repeat(200_000))), b"/a");
    assert_eq!(path(format!("/{}", "%".repeat(200_000))).len(), 1 + 600_000);
    assert_eq!(scratch.remarks.len(), 1, "one remark stands for all");
    let mut query = |policy: &str, raw: &str| {
        let policy = all(policy).expect("a policy");
        decide(&policy, &mut scratch, b"/", raw.as_bytes()).map(|said| said.map(|(_, query)| query))
    };
    let falling: String = (0..100_000).rev().map(|n| format!("p{n:06}=&")).collect();
    assert_eq!(query("sort = 'pair'", &falling).expect("in").expect("in").len(), 100_000 * 9 - 1);
    let same = "a=1&".repeat(100_000);
    assert_eq!(query("duplicates = 'first'", &same), Ok(Ok(b"a=1".to_vec())));
    assert_eq!(query("duplicates = 'last'", &same), Ok(Ok(b"a=1".to_vec())));
    assert_eq!(query("duplicates = 'join'", &same).expect("in").expect("in").len(), 2 + 100_000 + 3 * 99_999);
    assert_eq!(query("duplicates = 'reject'", &falling), Ok(Ok(falling.trim_end_matches('&').into())));
    // Long names that differ only at their ends are the worst for a comparison.
    let long: String = (0..1_000).map(|n| format!("{}{n}&", "x".repeat(1_000))).collect();
    assert_eq!(query("duplicates = 'reject'\nbare = 'keep'", &long).expect("in").expect("in").len(), long.len() - 1);
    assert_eq!(query("", &"a&".repeat(1 << 20)), Err(Unsupported("query.length")));
    assert_eq!(query("", &"'".repeat(1 << 19)), Err(Unsupported("query.length")), "it would go on with 1.5 MiB");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}
