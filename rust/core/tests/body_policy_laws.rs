//! Law: whatever policy the compiler accepts, a second pass changes nothing. Policies and bodies are made of the same few
//! names and values, so that they meet.

mod json_support;

use crossfade_core::policy::Route;
use crossfade_core::{Request, Scratch, body};
use json_support::{compiled, post};
use proptest::prelude::*;

const OPERATIONS: [&str; 30] = [
    "text = ['trim']",
    "text = ['trim', 'nfc'], max_chars = 3",
    "text = ['strip_invisible', 'nfkc', 'fold', 'nfkc', 'trim'], min_chars = 1",
    "text = ['nfc', 'collapse', 'trim'], unassigned = 'keep'",
    "controls = 'strip'",
    "max_chars = 2",
    "integer = {}",
    "integer = { numbers = 'whole', max = 2000 }",
    "integer = { from_string = false }",
    "boolean = {}",
    "decimal = { scale = 2, rounding = 'half_even' }",
    "decimal = { scale = 18, rounding = 'half_up' }",
    "decimal = { scale = 1, rounding = 'reject', output = 'string' }",
    "enum = { on = ['yes', '1'], X = [] }",
    "timestamp = { digits = 3, naive = 'utc' }",
    "timestamp = { digits = 0, epoch = 's' }",
    "timestamp = { digits = 0, epoch = 'ms' }",
    "date = {}",
    "uuid = {}",
    "email = {}",
    "phone = {}",
    "country = {}",
    "currency = {}",
    "language = {}",
    "ip = {}",
    "cidr = {}",
    "url = {}",
    "",
    "",
    "",
];
const BESIDE: [&str; 22] = [
    "required = true",
    "default = 'x'",
    "default = 1.50",
    "default = 7",
    "default = ''",
    "default = true",
    "null = 'keep'",
    "null = 'drop'",
    "null = 'reject'",
    "empty = 'keep'",
    "empty = 'null'",
    "empty = 'drop'",
    "rename = 'a'",
    "rename = 'y'",
    "rename = 'z'",
    "rename = 'é\"'",
    "drop = true",
    "wrong_type = 'keep'",
    "invalid = 'keep'",
    "invalid = 'keep'",
    "rollout = 'observe'",
    "rollout = 'warn'",
];
const PATHS: [&str; 9] = ["a", "b", "c", "o.a", "o.b", "l[*]", "l[*].a", "l[*].b", "o.p.a"];
const VALUES: [&str; 44] = [
    "null",
    "\"\"",
    "\" \"",
    "\" x \"",
    "\"x\"",
    "\"on\"",
    "\"YES\"",
    "true",
    "\"f\"",
    "7",
    "\"7\"",
    "\" +07 \"",
    "-0",
    "1.5",
    "1.50",
    "1.005",
    "\"1.25\"",
    "1e3",
    "1.5e9",
    "1700000000",
    "1.7e12",
    "0.1",
    "0.30000000000000004",
    "123456789.123456789012",
    "9007199254740993",
    "1e21",
    "1e400",
    "\"A@B.c\"",
    "\"2020-01-01\"",
    "\"2020-01-01T00:00:00\"",
    "\"2020-01-01T00:00:00.5+02:00\"",
    "\"6F9619FF8B86D011B42D00C04FC964FF\"",
    "\"\u{212b} \u{3000}\"",
    "\"\u{fdfa}\"",
    "\"\u{378} \"",
    "\"a\\u0000\\u0085b\"",
    "\"\u{130}\u{200b}K\"",
    "\"us\"",
    "\"usd\"",
    "\"EN-latn-us\"",
    "\"::FFFF:1.2.3.4\"",
    "\"10.0.0.7/8\"",
    "\"HTTP://Ex.org:80/%7e?q\"",
    "\"(0049) 30-123.456\"",
];
const NAMES: [&str; 9] = ["a", "b", "c", "o", "l", "y", "z", "p", "é\\\""];

fn rule() -> impl Strategy<Value = String> {
    let beside = prop::collection::vec(prop::sample::select(&BESIDE[..]), 0..4);
    (prop::sample::select(&OPERATIONS[..]), beside).prop_map(|(operation, beside)| {
        let mut keys: Vec<&str> = vec![operation];
        keys.extend(beside);
        keys.retain(|key| !key.is_empty());
        format!("{{ {} }}", keys.join(", "))
    })
}

fn fields(paths: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::btree_map(prop::sample::select(paths), rule(), 1..4)
        .prop_map(|rules| rules.iter().map(|(path, rule)| format!("fields.'{path}' = {rule}\n")).collect())
}

fn json_policies() -> impl Strategy<Value = String> {
    let outputs = prop::sample::select(vec!["compact", "python", "python_utf8", "sorted", "jcs", "jcs", "original"]);
    let unknown = prop::sample::select(vec!["keep", "keep", "drop", "reject"]);
    let rollout = prop::sample::select(vec![
        "",
        "[route.rollout]\n\"json.duplicate_key\" = \"observe\"\n\"jcs_number\" = \"warn\"",
    ]);
    (outputs, unknown, fields(&PATHS), rollout).prop_map(|(output, unknown, fields, rollout)| {
        format!("[route.json]\noutput = '{output}'\nunknown = '{unknown}'\n{fields}{rollout}")
    })
}

fn documents() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(&VALUES[..]).prop_map(str::to_owned);
    let inner = scalar.prop_recursive(4, 30, 5, |inner| {
        let member =
            (prop::sample::select(&NAMES[..]), inner.clone()).prop_map(|(name, value)| format!("\"{name}\": {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(", "))),
        ]
    });
    let member = (prop::sample::select(&NAMES[..]), inner).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn form_policies() -> impl Strategy<Value = String> {
    let duplicates = prop::sample::select(vec!["keep", "first", "last", "reject"]);
    let unknown = prop::sample::select(vec!["keep", "keep", "drop", "reject"]);
    (duplicates, unknown, fields(&PATHS)).prop_map(|(duplicates, unknown, fields)| {
        format!("[route.form]\nduplicates = '{duplicates}'\nunknown = '{unknown}'\n{fields}")
    })
}

fn forms() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec!["a", "b", "%63", "o.a", "y", "z", "%C3%A9%22", "q", "l[*]", ""]);
    let values = prop::sample::select(vec![
        "",
        "=",
        "=+",
        "=+x+",
        "=x",
        "=7",
        "=+%2B07",
        "=1.50",
        "=1.005",
        "=yes",
        "=true",
        "=a@B.c",
        "=%zz",
        "=%E2%84%AB",
        "=2020-01-01T00:00:00Z",
    ]);
    let pair = (names, values).prop_map(|(name, value)| format!("{name}{value}"));
    prop::collection::vec(pair, 0..7).prop_map(|pairs| pairs.join("&"))
}

/// What goes on for a body, and which rules changed something; `None`: nothing goes on.
fn pass(route: &Route, body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let form: &[(&[u8], &[u8])] = &[(b"content-type", b"application/x-www-form-urlencoded")];
    let request = post(body);
    let headers = if route.form.is_some() { form } else { request.headers };
    let mut scratch = Scratch::new();
    let part = body::normalize(route, &Request { headers, ..request }, &mut scratch).ok()?;
    let written = if part == crossfade_core::Part::Same { body.to_vec() } else { scratch.body };
    Some((written, scratch.exercised.len()))
}

fn is_settled(policy: &str, bodies: &[String]) -> Result<(), TestCaseError> {
    let Ok(route) = compiled(policy) else { return Err(TestCaseError::reject("the compiler refuses it")) };
    for body in bodies {
        let Some((once, _)) = pass(&route, body.as_bytes()) else { continue };
        let shown = String::from_utf8_lossy(&once).into_owned();
        let again =
            pass(&route, &once).map(|(twice, exercised)| (String::from_utf8_lossy(&twice).into_owned(), exercised));
        prop_assert_eq!(again, Some((shown, 0)), "{}\n{}", policy, body);
        prop_assert!(once.len() <= route.most_body_bytes(body.len()), "{}\n{}", policy, body);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_json_body_is_settled_after_one_pass(policy in json_policies(), bodies in prop::collection::vec(documents(), 1..8)) {
        is_settled(&policy, &bodies)?;
    }

    #[test]
    fn a_form_is_settled_after_one_pass(policy in form_policies(), bodies in prop::collection::vec(forms(), 1..8)) {
        is_settled(&policy, &bodies)?;
    }
}
