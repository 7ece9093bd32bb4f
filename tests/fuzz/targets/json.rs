//! The transcoder against two other parsers: what it accepts they accept, what it calls malformed they refuse, and what
//! it writes means what it read.
#![no_main]

use crossfade_core::Outcome;
use crossfade_fuzz::{Choices, Parts, policy, settled};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((mut choices, body)) = Choices::of(input) else { return };
    let output = choices.pick(&["python", "python_utf8", "compact", "sorted", "jcs", "original"]);
    let Some(policy) = policy(&format!("[route.json]\noutput = \"{output}\"\n")) else { return };
    let (outcome, on) = settled(&policy, &Parts::with_body(b"application/json", body));
    if body.is_empty() {
        return; // no body is no JSON, and nobody asks it to be
    }
    let (ours, theirs) = (serde_json::from_slice::<Value>(body), jiter::JsonValue::parse(body, false));
    match outcome {
        Ok(Outcome::Accepted(_)) => {
            assert!(theirs.is_ok(), "jiter: {theirs:?}");
            let before = ours.expect("serde_json reads what is accepted");
            let after: Value = serde_json::from_slice(&on.body).expect("what is written is JSON");
            assert_eq!(meaning(&before, output == "jcs"), meaning(&after, output == "jcs"));
        }
        Ok(Outcome::Invalid(reason)) if reason.code == "malformed_json" => {
            assert!(ours.is_err(), "serde_json reads {ours:?}");
            assert!(theirs.is_err(), "jiter reads {theirs:?}");
        }
        _ => {} // outside: the others do as they like
    }
});

/// A value in which equal numbers are equal: text without the sign of -0, or doubles.
fn meaning(value: &Value, doubles: bool) -> Value {
    match value {
        Value::Number(number) if doubles => format!("{:?}", number.as_f64().map(|n| n + 0.0)).into(),
        Value::Number(number) if number.to_string() == "-0" => "0".into(),
        Value::Number(number) => number.to_string().into(),
        Value::Array(items) => items.iter().map(|item| meaning(item, doubles)).collect(),
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.iter().map(|(name, value)| (name.clone(), meaning(value, doubles))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.into_iter().map(|(name, value)| Value::from(vec![Value::from(name), value])).collect()
        }
        other => other.clone(),
    }
}
