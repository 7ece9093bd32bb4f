//! The writers that sort: against a plain reference, whatever rules do beside them.

mod json_support;

use crossfade_core::Scratch;
use crossfade_core::outcome::Part;
use crossfade_core::policy::{Profile, RuleId};
use json_support::{json, normalized, route, verdict};
use proptest::prelude::*;
use serde_json::Value;

/// Names whose two orders differ, with escapes and common beginnings.
fn names() -> impl Strategy<Value = String> {
    "(a|b|ab|\u{0}|\"|\\\\|/|é|\u{7f}|\u{d7ff}|\u{e000}|\u{ffff}|\u{10000}|\u{10ffff}){0,3}"
}

fn documents() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        names().prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// The document with the members of every object in an order that `turn` chooses, loosely written.
fn loose(document: &Value, turn: usize) -> String {
    match document {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| loose(item, turn)).collect();
            format!("[ {} ]", items.join(" , "))
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{}\n: {}", Value::from(&**name), loose(value, turn / 2));
            let mut members: Vec<_> = members.iter().map(member).collect();
            let count = members.len();
            members.rotate_left(turn % count.max(1));
            if turn % 2 == 1 {
                members.reverse();
            }
            format!("{{ {} }}", members.join("\t,"))
        }
        scalar => scalar.to_string(),
    }
}

/// RFC 8785 by the book; `None`: a number that it cannot write without loss.
fn by_the_book(document: &Value) -> Option<String> {
    match document {
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(by_the_book).collect();
            Some(format!("[{}]", items?.join(",")))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            let member =
                |(name, value): (&String, &Value)| Some(format!("{}:{}", Value::from(&**name), by_the_book(value)?));
            let members: Option<Vec<_>> = members.into_iter().map(member).collect();
            Some(format!("{{{}}}", members?.join(",")))
        }
        Value::Number(number) => {
            let (text, double) = (number.to_string(), number.as_f64()?);
            if number.is_i64() || number.is_u64() {
                return Some(text);
            }
            if double == 0.0 {
                return Some("0".to_owned());
            }
            (!(9_007_199_254_740_992.0..1e21).contains(&double.abs())).then(|| laid_out(&text))
        }
        scalar => Some(scalar.to_string()),
    }
}

/// ECMA-262 `Number::toString` of the digits that serde_json writes, which are right but laid out otherwise.
fn laid_out(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    // The value is 0.DIGITS times ten to the n.
    let n = exponent.parse::<i32>().unwrap() + whole.len() as i32 - (all.len() - digits.len()) as i32;
    let digits = digits.trim_end_matches('0');
    let k = digits.len() as i32;
    let zeros = |count: i32| "0".repeat(count as usize);
    let text = match n {
        _ if k <= n && n <= 21 => format!("{digits}{}", zeros(n - k)),
        1..=21 => format!("{}.{}", &digits[..n as usize], &digits[n as usize..]),
        -5..=0 => format!("0.{}{digits}", zeros(-n)),
        _ if k == 1 => format!("{digits}e{:+}", n - 1),
        _ => format!("{}.{}e{:+}", &digits[..1], &digits[1..], n - 1),
    };
    format!("{sign}{text}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// serde_json keeps members in the order of their names' bytes, which is that of their code points.
    #[test]
    fn sorted_is_what_a_sorted_map_writes(document in documents(), turn in 0usize..100) {
        let mut scratch = Scratch::new();
        let (route, body) = (route(Profile::Sorted), loose(&document, turn));
        let (_, written) = normalized(&route, body.as_bytes(), &mut scratch).expect("it is JSON");
        prop_assert_eq!(String::from_utf8_lossy(written), document.to_string());
    }

    #[test]
    fn jcs_is_rfc_8785_by_the_book(document in documents(), turn in 0usize..100) {
        let route = route(Profile::Jcs);
        let expected = by_the_book(&document).unwrap_or_else(|| "invalid jcs_number".to_owned());
        prop_assert_eq!(verdict(&route, loose(&document, turn)), &*expected);
        if by_the_book(&document).is_some() {
            let again = normalized(&route, expected.as_bytes(), &mut Scratch::new()).map(|(part, _)| part);
            prop_assert_eq!(again, Ok(Part::Same));
        }
    }

    #[test]
    fn a_number_comes_out_as_the_double_it_is(bits in prop_oneof![any::<u64>(), 0x42e0_0000_0000_0000..0x4340_0000_0000_0000_u64]) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        let written = verdict(&route(Profile::Jcs), format!("{double:e}"));
        let is_wide = (9_007_199_254_740_992.0..1e21).contains(&double.abs());
        prop_assert_eq!(is_wide, written == "invalid jcs_number");
        if !is_wide {
            prop_assert_eq!(written.parse::<f64>().unwrap(), double);
            prop_assert_eq!(&written, &by_the_book(&Value::from(double)).unwrap());
            prop_assert_eq!(verdict(&route(Profile::Jcs), &written), &*written);
        }
    }
}

#[test]
fn rules_and_order_do_not_disturb_each_other() {
    let keys = "output = 'sorted'\nunknown = 'drop'\nfields.z = { text = ['trim'], rename = 'B' }\nfields.m = { default = 1 }\n\
                fields.'l[*].z' = { null = 'drop' }\nfields.'l[*].a' = { default = 'x' }\nfields.y = { drop = true }\nfields.k = { required = true }";
    let route = json(keys);
    let body = r#"{"z":" v ","y":{"2":[{"b":1,"a":2}],"1":{}},"u":{"b":1,"a":2},"k":{"b":{"d":1,"c":2},"a":3},"l":[{"z":null},{"z":7,"q":{"b":1,"a":0}}]}"#;
    let after = r#"{"B":"v","k":{"a":3,"b":{"c":2,"d":1}},"l":[{"a":"x"},{"a":"x","z":7}],"m":1}"#;
    assert_eq!(verdict(&route, body), after);
    let mut scratch = Scratch::new();
    assert_eq!(normalized(&route, after.as_bytes(), &mut scratch), Ok((Part::Same, after.as_bytes())));
    assert_eq!(scratch.exercised, [] as [RuleId; 0]);
}

#[test]
fn a_number_is_refused_only_where_it_is_written() {
    let route = json(
        "output = 'jcs'\nunknown = 'drop'\nfields.a = { decimal = { scale = 2, rounding = 'half_even', output = 'string' } }\n\
         fields.b = { decimal = { scale = 2, rounding = 'half_even' } }\nfields.c = { required = false, null = 'drop' }\nfields.d = { drop = true }",
    );
    assert_eq!(verdict(&route, r#"{"a":9007199254740993}"#), r#"{"a":"9007199254740993.00"}"#);
    assert_eq!(verdict(&route, r#"{"c":9007199254740993}"#), "invalid jcs_number");
    assert_eq!(verdict(&route, r#"{"d":[9007199254740993],"u":1e999}"#), "{}");
    assert_eq!(verdict(&route, r#"{"c":1e400,"u":1}"#), "invalid jcs_number");
    assert_eq!(verdict(&route, r#"{"b":"12345678901234567890.12"}"#), "invalid jcs_number");
    assert_eq!(verdict(&route, r#"{"b":1.5e0}"#), r#"{"b":1.5}"#);
    let mut scratch = Scratch::new();
    assert_eq!(normalized(&route, br#"{"b":1.5}"#, &mut scratch).map(|(part, _)| part), Ok(Part::Same));
    assert!(scratch.exercised.is_empty(), "1.50 is written 1.5, which stands there already");
}

#[test]
fn deep_objects_out_of_order_are_moved_once() {
    let text = "x".repeat(2_000_000);
    let open: String = (0..63).map(|level| format!("{{\"b{level}\":0,\"a\":")).collect();
    let body = format!("{open}\"{text}\"{}", "}".repeat(63));
    let after = format!(
        "{}\"{text}\"{}",
        "{\"a\":".repeat(63),
        (0..63).rev().map(|level| format!(",\"b{level}\":0}}")).collect::<String>()
    );
    let mut scratch = Scratch::new();
    let route = route(Profile::Sorted);
    assert!(normalized(&route, body.as_bytes(), &mut scratch).is_ok_and(|(_, written)| written == after.as_bytes()));
}
