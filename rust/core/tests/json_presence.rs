//! Null, empty, absent, renamed and left out: what stands beside a field's operation.

mod json_support;

use crossfade_core::Scratch;
use crossfade_core::policy::RuleId;
use json_support::{json, normalized, remarks, verdict};

fn exercised(keys: &str, body: &str) -> Vec<u16> {
    let mut scratch = Scratch::new();
    let _ = normalized(&json(keys), body.as_bytes(), &mut scratch);
    scratch.exercised.iter().map(|&RuleId(id)| id).collect()
}

#[test]
fn null_empty_and_absent_are_three_things() {
    let with = |keys: &str| json(&format!("output = 'compact'\nfields.a = {{ {keys} }}"));
    for (keys, null, empty, blank) in [
        ("text = ['trim']", "invalid wrong_type by 0", r#"{"a":""}"#, r#"{"a":""}"#),
        ("text = ['trim'], wrong_type = 'keep'", r#"{"a":null}"#, r#"{"a":""}"#, r#"{"a":""}"#),
        ("text = ['trim'], null = 'keep', empty = 'keep'", r#"{"a":null}"#, r#"{"a":""}"#, r#"{"a":""}"#),
        ("text = ['trim'], null = 'drop', empty = 'drop'", "{}", "{}", "{}"),
        ("text = ['trim'], null = 'keep', empty = 'null'", r#"{"a":null}"#, r#"{"a":null}"#, r#"{"a":null}"#),
        (
            "text = ['trim'], null = 'reject', empty = 'drop', required = true",
            "invalid null_value by 0",
            "invalid missing by 0",
            "invalid missing by 0",
        ),
        (
            "text = ['trim'], null = 'drop', empty = 'drop', default = 'x'",
            r#"{"a":"x"}"#,
            r#"{"a":"x"}"#,
            r#"{"a":"x"}"#,
        ),
        ("integer = {}, empty = 'keep'", "invalid wrong_type by 0", r#"{"a":""}"#, "invalid invalid_integer by 0"),
        ("empty = 'drop'", r#"{"a":null}"#, "{}", r#"{"a":" "}"#),
    ] {
        let route = with(keys);
        assert_eq!(verdict(&route, r#"{"a":null}"#), null, "{keys}");
        assert_eq!(verdict(&route, r#"{"a":""}"#), empty, "{keys}");
        assert_eq!(verdict(&route, r#"{"a":" "}"#), blank, "{keys}");
    }
}

#[test]
fn a_renamed_field_is_known_under_both_names_with_all_that_is_in_it() {
    let keys = "output = 'python'\nunknown = 'reject'\nfields.old = { rename = 'né\"w', required = true }\n\
                fields.'old.a' = { text = ['trim'] }\nfields.'old.l[*].b' = { integer = {}, rename = 'c' }";
    let route = json(keys);
    let after = r#"{"n\u00e9\"w": {"a": "x", "l": [{"c": 7}, {"c": 8}]}}"#;
    assert_eq!(verdict(&route, r#"{"ol\u0064":{"a":" x ","l":[{"b":"7"},{"c":"8"}]}}"#), after);
    assert_eq!(verdict(&route, after), after);
    assert_eq!(exercised(keys, r#"{"old":{"a":" x ","l":[{"b":"7"}]}}"#), [1, 2, 2, 0]);
    assert_eq!(verdict(&route, r#"{"old":{},"né\"w":{}}"#), "invalid rename_conflict by 0");
    assert_eq!(verdict(&route, r#"{"né\"w":{},"old":{}}"#), "invalid rename_conflict by 0");
    assert_eq!(verdict(&route, r#"{"old":{"l":[{"b":1,"c":1}]}}"#), "invalid rename_conflict by 2");
    assert_eq!(verdict(&route, "{}"), "invalid missing by 0");
    assert_eq!(verdict(&route, r#"{"old":1,"c":2}"#), "invalid unknown_field");
}

#[test]
fn what_is_left_out_is_absent_and_leaves_no_trace() {
    let keys = "output = 'compact'\nfields.a = { null = 'drop', rename = 'b', default = 1 }\nfields.x = { drop = true }\n\
                fields.'o.x' = { drop = true }";
    let route = json(keys);
    assert_eq!(verdict(&route, r#" { "a" : null , "b" : 2 } "#), r#"{"b":2}"#, "no conflict");
    assert_eq!(verdict(&route, r#"{"a":null}"#), r#"{"b":1}"#);
    assert_eq!(verdict(&route, r#"{"x":[{"x":1}],"q":1,"x2":{},"o":{"x":{}}}"#), r#"{"q":1,"x2":{},"o":{},"b":1}"#);
    assert_eq!(verdict(&route, r#"{"b":1,"x":{"d":1,"d":2}}"#), "unsupported: json.duplicate_key");
    assert_eq!(exercised(keys, r#"{"a":null,"x":1}"#), [0, 1, 0]);
}

#[test]
fn of_one_rules_refusals_the_first_that_is_met_counts() {
    let route = json(
        "output = 'compact'\nfields.'l[*].n' = { integer = {}, required = true, rename = 'm' }\nfields.z = { required = true }",
    );
    assert_eq!(verdict(&route, r#"{"l":[{},{"n":"x"}]}"#), "invalid missing by 0");
    assert_eq!(verdict(&route, r#"{"l":[{"n":"x"},{}]}"#), "invalid invalid_integer by 0");
    assert_eq!(verdict(&route, r#"{"l":[{"m":1,"n":"x"},{}]}"#), "invalid invalid_integer by 0");
    assert_eq!(verdict(&route, r#"{"l":[{"m":1,"n":2},{"n":"x"}]}"#), "invalid rename_conflict by 0");
    assert_eq!(verdict(&route, r#"{"l":[{"n":1}]}"#), "invalid missing by 1");
}

#[test]
fn a_rule_that_is_watched_changes_nothing_and_says_what_it_would_do() {
    let rule = |keys: &str| json(&format!("output = 'compact'\nfields.a = {{ {keys}, rollout = 'observe' }}"));
    for (keys, body, said) in [
        ("text = ['trim']", r#"{"a":" x"}"#, &["changed"][..]),
        ("text = ['trim']", r#"{"a":"x"}"#, &[]),
        ("text = ['trim']", r#"{"a":[]}"#, &["wrong_type"]),
        ("text = ['trim'], max_chars = 1", r#"{"a":" xy"}"#, &["too_long"]),
        ("integer = {}", "{\"a\":\"\u{663}\"}", &["integer.form"]),
        ("null = 'reject'", r#"{"a":null}"#, &["null_value"]),
        ("empty = 'drop', required = true", r#"{"a":""}"#, &["dropped", "missing"]),
        ("empty = 'drop', default = 1", r#"{"a":""}"#, &["dropped", "added"]),
        ("default = 1", "{}", &["added"]),
        ("drop = true", r#"{"a":{"b":[1]}}"#, &["dropped"]),
        ("rename = 'b'", r#"{"a":{"b":[1]}}"#, &["renamed"]),
        ("text = ['trim'], rename = 'b'", r#"{"a":" ","b":""}"#, &["changed", "renamed", "rename_conflict"]),
    ] {
        let route = rule(keys);
        assert_eq!(verdict(&route, body), body, "{keys}");
        let said: Vec<_> = said.iter().map(|&code| (code, Some(0))).collect();
        assert_eq!(remarks(&route, body), said, "{keys}");
        assert_eq!(remarks(&route, &format!("{body}x")), [], "not of a body that is refused");
    }
    let known = json("output = 'compact'\nunknown = 'reject'\nfields.a = { rename = 'b', rollout = 'warn' }");
    assert_eq!(verdict(&known, r#"{"b":1}"#), r#"{"b":1}"#);
}
