//! Laws of the comparison.

mod support;

use std::sync::LazyLock;

use crossfade_core::Policy;
use crossfade_exchange::{Forward, Observation, Outcome, Raised, Request};
use crossfade_shadow::compare::{Difference, Kind, Value, compare, unreported};
use crossfade_shadow::known::Day;
use crossfade_shadow::verdict::{NotJudged, Verdict, judge};
use proptest::prelude::*;
use support::{accepted, charge, limited, policy, route};

/// A body in pieces, each with the place that a change inside it belongs to.
const PIECES: &[(&str, &str)] = &[
    ("{\"name\": ", "$"),
    ("\"Zoë \\u00e9\"", "$.name"),
    (", \"items\": [{\"price\": ", "$"),
    ("12.50", "$.items[*].price"),
    ("}, {\"price\": ", "$"),
    ("-3e2", "$.items[*].price"),
    ("}], \"ok\": ", "$"),
    ("true", "$.ok"),
    (", \"none\": ", "$"),
    ("null", "$.none"),
    (", \"ana@example.com\": ", "$"),
    ("1", "$.*"),
    ("}", "$"),
];

fn differences(control: &Observation, candidate: &Observation) -> Vec<Difference> {
    static POLICY: LazyLock<Policy> = LazyLock::new(policy);
    compare(route(&POLICY, "api"), &Request::default(), control, candidate)
}

fn bodies(control: &str, candidate: &str) -> Vec<(String, Kind)> {
    let found = differences(&accepted(control.as_bytes()), &accepted(candidate.as_bytes()));
    found.into_iter().map(|difference| (difference.place, difference.kind)).collect()
}

/// Every change of one byte of a body is found; one inside a value, at that value's place.
#[test]
fn every_changed_byte_is_found_and_located() {
    let body: Vec<u8> = PIECES.iter().flat_map(|(text, _)| text.bytes()).collect();
    let places: Vec<&str> = PIECES.iter().flat_map(|(text, place)| text.bytes().map(move |_| *place)).collect();
    for at in 0..body.len() {
        for change in 1..=255_u8 {
            let mut changed = body.clone();
            changed[at] ^= change;
            let found = differences(&accepted(&body), &accepted(&changed));
            assert!(!found.is_empty(), "byte {at} ^ {change} was not found");
            let whole = found.iter().any(|difference| difference.place == "$");
            let there = found.iter().any(|difference| difference.place == places[at]);
            // A change may break the JSON or move a member elsewhere; then the whole body differs, from that byte on.
            if !there && places[at] != "$" {
                assert!(whole, "byte {at} ^ {change}: {found:?}");
                assert!(found.iter().all(|d| d.offset.is_none_or(|offset| offset == at)), "{found:?}");
            }
        }
    }
}

/// Bodies that are not JSON are compared as bytes, and the first byte that differs is named.
#[test]
fn bodies_that_are_no_json_are_compared_as_bytes() {
    let found = differences(&accepted(b"\xff\xfe one"), &accepted(b"\xff\xfe two"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].place.as_str(), found[0].kind, found[0].offset), ("$", Kind::Bytes, Some(3)));
}

/// A body that is nested deeper than any stack should follow is compared as bytes, in bounded time.
#[test]
fn deep_bodies_are_compared_as_bytes() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(bodies(&deep("1"), &deep("2")), [("$".to_owned(), Kind::Bytes)]);
}

/// Differences are told apart by what they are: another value, another type, absent, or only another spelling.
#[test]
fn kinds_are_told_apart() {
    let at = |place: &str, kind| vec![(place.to_owned(), kind)];
    for (control, candidate, expected) in [
        (r#"{"a": 1.0}"#, r#"{"a": 1}"#, at("$.a", Kind::Spelling)),
        (r#"{"a": 1e2}"#, r#"{"a": 100}"#, at("$.a", Kind::Spelling)),
        (r#"{"a": -0}"#, r#"{"a": 0}"#, at("$.a", Kind::Value)),
        (r#"{"a": 9007199254740993}"#, r#"{"a": 9007199254740992}"#, at("$.a", Kind::Value)),
        (r#"{"a": "1"}"#, r#"{"a": 1}"#, at("$.a", Kind::Type)),
        (r#"{"a": null}"#, r#"{}"#, at("$.a", Kind::Absent)),
        (r#"{"a": "\u00e9"}"#, r#"{"a": "é"}"#, at("$.a", Kind::Spelling)),
        (r#"{"a": "\ud83d\ude00"}"#, r#"{"a": "😀"}"#, at("$.a", Kind::Spelling)),
        (r#"{"a": "\ud83d"}"#, r#"{"a": "\ufffd"}"#, at("$.a", Kind::Value)),
        ("{\"a\": \"e\u{301}\"}", r#"{"a": "é"}"#, at("$.a", Kind::Value)),
        (r#"{"\u0061": 1}"#, r#"{"a": 1}"#, at("$.a", Kind::Spelling)),
        (r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#, at("$", Kind::Spelling)),
        (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#, vec![("$.a".to_owned(), Kind::Value), ("$.a".to_owned(), Kind::Absent)]),
        (r#"{"a": [1, 2]}"#, r#"{"a": [1]}"#, at("$.a[*]", Kind::Absent)),
        (r#"{"a":1}"#, r#"{"a": 1}"#, at("$", Kind::Spelling)),
        (r#"{"a":true}"#, r#"{"a":false}"#, at("$.a", Kind::Value)),
    ] {
        assert_eq!(bodies(control, candidate), expected, "{control} against {candidate}");
    }
}

/// With compare = "meaning" another spelling is no difference, and another value still is.
#[test]
fn meaning_forgives_spelling_only() {
    let policy = policy();
    let loose = |control: &str, candidate: &str| {
        let sides = (accepted(control.as_bytes()), accepted(candidate.as_bytes()));
        compare(route(&policy, "loose"), &Request::default(), &sides.0, &sides.1)
    };
    assert!(loose(r#"{"a": 1.0, "b": "\u00e9"}"#, r#"{"b":"é","a":1}"#).is_empty());
    assert_eq!(loose(r#"{"a": 1.0}"#, r#"{"a": 1.1}"#).len(), 1);
    assert_eq!(loose(r#"{"a": 1, "a": 1}"#, r#"{"a": 1}"#).len(), 1);
}

/// A part that a side leaves alone is the client's own bytes, so rewriting to the same bytes is no difference.
#[test]
fn untouched_is_the_same_as_rewritten_to_the_same() {
    let policy = policy();
    let own = support::request("POST", "/api/x", b"{}");
    let untouched = Observation { outcome: Some(Outcome::Accepted(Default::default())), ..accepted(b"") };
    assert!(compare(route(&policy, "api"), &own, &untouched, &accepted(b"{}")).is_empty());
    assert_eq!(compare(route(&policy, "api"), &own, &untouched, &accepted(b"[]")).len(), 1);
}

/// Limits are compared by name and seconds, charges by limit, key and cost in order; silence is not compared.
/// Headers are compared name by name: case of names and order among different names say nothing, values and their order do.
#[test]
fn headers_are_compared_by_name() {
    let side = |lines: &[(&str, &str)]| {
        let headers =
            lines.iter().map(|(name, value)| (name.as_bytes().to_vec().into(), value.as_bytes().to_vec().into()));
        let forward = Forward { headers: Some(headers.collect()), ..Forward::default() };
        Observation { outcome: Some(Outcome::Accepted(forward)), ..Observation::default() }
    };
    let found = |one: &[(&str, &str)], other: &[(&str, &str)]| -> Vec<(String, Kind)> {
        let list = differences(&side(one), &side(other));
        list.into_iter().map(|difference| (difference.place, difference.kind)).collect()
    };
    assert_eq!(found(&[("a", "1"), ("B", "2")], &[("b", "2"), ("A", "1")]), []);
    assert_eq!(found(&[("a", "1"), ("a", "2")], &[("a", "2"), ("a", "1")]), [("headers.a".into(), Kind::Value)]);
    assert_eq!(found(&[("a", "1")], &[("a", "1"), ("b", "2")]), [("headers.b".into(), Kind::Absent)]);
    let untouched = Observation { outcome: Some(Outcome::Accepted(Forward::default())), ..Observation::default() };
    assert_eq!(differences(&untouched, &side(&[])), [], "the client sent none");
}

#[test]
fn limits_and_charges_are_compared_where_they_are_reported() {
    let one = |control: &Observation, candidate: &Observation| {
        let found = differences(control, candidate);
        found.into_iter().map(|d| (d.place, d.kind, d.limit.unwrap_or_default())).collect::<Vec<_>>()
    };
    let a = limited("a", Some(3));
    assert_eq!(one(&a, &limited("a", Some(4))), [("retry_after".into(), Kind::Value, "a".into())]);
    assert!(one(&a, &limited("a", None)).is_empty());
    assert!(unreported(&a, &limited("a", None)).retry_after);
    let other = Observation { charges: a.charges.clone(), ..limited("b", Some(3)) };
    assert_eq!(one(&a, &other), [("limit".into(), Kind::Limit, "a".into())]);
    let silent = Observation { charges: None, ..a.clone() };
    assert!(one(&a, &silent).is_empty());
    assert!(unreported(&a, &silent).charges);
    for (charges, kind) in [
        (vec![charge("a", b"10.0.0.2", 1)], Kind::Key),
        (vec![charge("a", b"10.0.0.1", 2)], Kind::Cost),
        (vec![charge("b", b"10.0.0.1", 1)], Kind::Limit),
        (vec![], Kind::Absent),
    ] {
        let other = Observation { charges: Some(charges), ..a.clone() };
        assert_eq!(one(&a, &other), [("charges".into(), kind, "a".into())]);
    }
    let against = one(&accepted(b"{}"), &a);
    assert!(against.contains(&("outcome".into(), Kind::Outcome, "a".into())), "{against:?}");
}

/// Each kind of observation leads to its verdict.
#[test]
fn verdicts() {
    let policy = policy();
    let api = route(&policy, "api");
    let today = Day::parse("2026-11-22").expect("a day");
    let own = Request::default();
    let verdict = |control: Option<&Observation>, candidate: &Observation| {
        let judgement = judge(api, &own, control, candidate, &today);
        (judgement.verdict, judgement.reason)
    };
    let fine = accepted(b"{}");
    let unsupported = Observation { unsupported: Some("json.depth".into()), ..Observation::default() };
    let failed = Observation { failed: Some("index out of bounds".into()), ..Observation::default() };
    let raised = Raised { kind: "builtins.KeyError".into(), message: "'x'".into() };
    let raised = Observation { raised: Some(raised), charges: Some(Vec::new()), ..Observation::default() };
    let outside = Observation { outcome: Some(Outcome::Outside { status: 404 }), ..Observation::default() };
    let silent = Observation { charges: None, ..fine.clone() };
    assert_eq!(verdict(Some(&fine), &fine), (Verdict::Match, None));
    assert_eq!(verdict(None, &fine), (Verdict::NotJudged, Some(NotJudged::NoControl)));
    assert_eq!(verdict(Some(&outside), &fine), (Verdict::NotJudged, Some(NotJudged::Outside)));
    assert_eq!(verdict(Some(&silent), &fine), (Verdict::NotJudged, Some(NotJudged::ChargesNotReported)));
    assert_eq!(verdict(Some(&raised), &fine), (Verdict::Mismatch, None));
    assert_eq!(verdict(Some(&raised), &unsupported), (Verdict::Unsupported, None));
    assert_eq!(verdict(Some(&fine), &failed), (Verdict::Failed, None));
    assert_eq!(verdict(None, &failed), (Verdict::Failed, None));
}

/// A known difference explains what it names, in the way it says, up to and including its last day.
#[test]
fn known_differences_explain_until_their_last_day() {
    let policy = policy();
    let verdict = |control: &str, candidate: &str, today: &str| {
        let sides = (accepted(control.as_bytes()), accepted(candidate.as_bytes()));
        let today = Day::parse(today).expect("a day");
        judge(route(&policy, "api"), &Request::default(), Some(&sides.0), &sides.1, &today).verdict
    };
    let (upper, lower) = (r#"{"id": "AB-12"}"#, r#"{"id": "ab-12"}"#);
    assert_eq!(verdict(upper, lower, "2026-11-22"), Verdict::Known);
    assert_eq!(verdict(upper, lower, "2027-01-31"), Verdict::Known);
    assert_eq!(verdict(upper, lower, "2027-02-01"), Verdict::Mismatch);
    assert_eq!(verdict(upper, r#"{"id": "ab-13"}"#, "2026-11-22"), Verdict::Mismatch);
    assert_eq!(verdict(upper, r#"{"id": "ab-12", "x": 1}"#, "2026-11-22"), Verdict::Mismatch);
}

/// JSON of a few members with names that repeat.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?",
        "\"[a-cA-Cé]{0,3}\"",
        Just("\"\\u00e9\"".to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(("[ab]", inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    /// Equal bodies never differ; unequal ones always do; and swapping the sides swaps the values and nothing else.
    #[test]
    fn differences_are_exact_and_symmetric(a in json(), b in json()) {
        let (a, b) = (accepted(a.as_bytes()), accepted(b.as_bytes()));
        prop_assert!(differences(&a, &a).is_empty());
        let mut there = differences(&a, &b);
        prop_assert_eq!(there.is_empty(), a == b);
        let mut back = differences(&b, &a);
        for difference in &mut back {
            std::mem::swap(&mut difference.control, &mut difference.candidate);
        }
        let order = |d: &Difference| (d.place.clone(), d.kind, format!("{:?}{:?}", d.control, d.candidate));
        there.sort_by_key(order);
        back.sort_by_key(order);
        prop_assert_eq!(there, back);
    }

    /// Any bytes are compared without a panic, and are equal to themselves only.
    #[test]
    fn any_bytes_can_be_compared(a in prop::collection::vec(any::<u8>(), 0..64), b in prop::collection::vec(any::<u8>(), 0..64)) {
        let found = differences(&accepted(&a), &accepted(&b));
        prop_assert_eq!(found.is_empty(), a == b);
        let absent = found.iter().filter(|d| d.control == Value::Absent && d.candidate == Value::Absent);
        prop_assert_eq!(absent.count(), 0);
    }
}
