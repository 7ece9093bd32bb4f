//! Laws: total on any bytes, idempotent, and true to the value.

mod json_support;

use crossfade_core::Scratch;
use crossfade_core::field::Op;
use crossfade_core::field::text::{Step, Text};
use crossfade_core::outcome::Part;
use crossfade_core::policy::{FieldRule, Misfit, Profile, Route, Unknown};
use json_support::{normalized, route, rule, with_rules};
use proptest::prelude::*;
use serde_json::Value;

fn profiles() -> impl Strategy<Value = Profile> {
    prop_oneof![lossless_profiles(), Just(Profile::Jcs)]
}

/// Those that take every document.
fn lossless_profiles() -> impl Strategy<Value = Profile> {
    prop::sample::select(vec![
        Profile::Original,
        Profile::Compact,
        Profile::Python,
        Profile::PythonUtf8,
        Profile::Sorted,
    ])
}

/// Names that the rules below know, and others.
fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[abcd]", ".{0,12}"]
}

fn documents() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        " {0,2}.{0,12} {0,2}".prop_map(Value::from),
        "-?[0-9]{1,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// JSON text, written tightly or with white space.
fn texts() -> impl Strategy<Value = String> {
    (documents(), any::<bool>()).prop_map(|(document, pretty)| {
        if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap()
    })
}

/// Pieces of JSON in any order: near enough to get deep, seldom right.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"{"[..],
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"\"",
        b"\"a\"",
        b"\"b\":",
        b"\"\\u00e9\"",
        b"\\",
        b"\\ud800",
        b"-0",
        b"1.5e3",
        b"true",
        b"null",
        b"\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xff",
        b"\x7f",
        b"\0",
        b"[{\"a\":",
        b"\"\\n \"}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn rules(route: Route, unknown: Unknown) -> Route {
    let text = Op::Text(Text { steps: vec![Step::Trim, Step::Nfc], max_chars: Some(40), ..Text::default() });
    let mut route = with_rules(
        route,
        [
            rule("a", text.clone()),
            FieldRule { invalid: Misfit::Reject, ..rule("b.a", Op::Integer(Default::default())) },
            rule("b.c[*]", Op::Boolean(Default::default())),
            FieldRule { default: Some("{\"a\": \"é\"}".into()), ..rule("b.d", Op::Nothing) },
            rule("[*].a", text),
            FieldRule { wrong_type: Misfit::Reject, required: true, ..rule("[*].b", Op::Integer(Default::default())) },
        ],
    );
    route.json.as_mut().unwrap().unknown = unknown;
    route
}

fn unknowns() -> impl Strategy<Value = Unknown> {
    prop_oneof![Just(Unknown::Keep), Just(Unknown::Drop), Just(Unknown::Reject)]
}

/// What is accepted is accepted again as it is, and changes nothing a second time.
fn is_settled(route: &Route, body: &[u8]) -> Result<(), TestCaseError> {
    let mut scratch = Scratch::new();
    let Ok((_, once)) = normalized(route, body, &mut scratch) else { return Ok(()) };
    let mut again = Scratch::new();
    prop_assert_eq!(normalized(route, once, &mut again), Ok((Part::Same, once)));
    prop_assert!(again.exercised.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(body in prop::collection::vec(any::<u8>(), 0..200), profile in profiles(), unknown in unknowns()) {
        is_settled(&rules(route(profile), unknown), &body)?;
    }

    #[test]
    fn any_pieces_get_an_answer(body in pieces(), profile in profiles(), unknown in unknowns()) {
        is_settled(&rules(route(profile), unknown), &body)?;
    }

    #[test]
    fn the_written_body_is_settled(text in texts(), profile in profiles(), unknown in unknowns()) {
        is_settled(&rules(route(profile), unknown), text.as_bytes())?;
    }

    #[test]
    fn without_rules_every_document_is_taken_and_means_the_same(text in texts(), profile in lossless_profiles()) {
        let mut scratch = Scratch::new();
        let route = route(profile);
        let (part, written) = normalized(&route, text.as_bytes(), &mut scratch).expect("serde_json writes JSON");
        prop_assert_eq!(part == Part::Same, written == text.as_bytes());
        let value = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        prop_assert_eq!(value(written), value(text.as_bytes()));
    }

    #[test]
    fn a_compact_body_is_what_serde_json_writes(document in documents()) {
        let mut scratch = Scratch::new();
        let (route, pretty) = (route(Profile::Compact), serde_json::to_string_pretty(&document).unwrap());
        let (_, written) = normalized(&route, pretty.as_bytes(), &mut scratch).expect("serde_json writes JSON");
        prop_assert_eq!(String::from_utf8_lossy(written), document.to_string());
    }

    #[test]
    fn a_used_scratch_decides_like_a_new_one(first in pieces(), second in texts(), profile in profiles()) {
        let route = rules(route(profile), Unknown::Keep);
        let (mut used, mut new) = (Scratch::new(), Scratch::new());
        let _ = normalized(&route, &first, &mut used);
        prop_assert_eq!(normalized(&route, second.as_bytes(), &mut used), normalized(&route, second.as_bytes(), &mut new));
        prop_assert_eq!(&used.exercised, &new.exercised);
    }
}
