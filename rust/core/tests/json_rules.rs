//! Field rules along the document: what changes, what refuses, and which of several refusals counts.

mod json_support;

use crossfade_core::Scratch;
use crossfade_core::field::Op;
use crossfade_core::field::enumeration::Enumeration;
use crossfade_core::field::text::{Step, Text};
use crossfade_core::policy::{FieldRule, Misfit, Outside, Profile, Route, RuleId, Unknown};
use json_support::{normalized, route, rule, verdict, with_rules};

fn text(max_chars: usize) -> Op {
    Op::Text(Text { steps: vec![Step::Trim], max_chars: Some(max_chars), ..Text::default() })
}

fn strict(path: &str, op: Op) -> FieldRule {
    FieldRule { wrong_type: Misfit::Reject, invalid: Misfit::Reject, ..rule(path, op) }
}

fn required(path: &str) -> FieldRule {
    FieldRule { required: true, ..rule(path, Op::Nothing) }
}

fn default(path: &str, value: &str) -> FieldRule {
    FieldRule { default: Some(value.into()), ..rule(path, Op::Nothing) }
}

fn compact(rules: impl IntoIterator<Item = FieldRule>) -> Route {
    with_rules(route(Profile::Compact), rules)
}

fn exercised(route: &Route, body: &str) -> Vec<u16> {
    let mut scratch = Scratch::new();
    let _ = normalized(route, body.as_bytes(), &mut scratch);
    scratch.exercised.iter().map(|&RuleId(id)| id).collect()
}

#[test]
fn values_are_changed_where_the_paths_lead_and_nowhere_else() {
    let route = compact([
        rule("a.b", text(9)),
        rule("list[*]", Op::Integer(Default::default())),
        rule("rows[*].on", Op::Boolean(Default::default())),
    ]);
    let body =
        r#"{"b":" x ","a":{"b":" \u0078\n"},"list":["1",2,"+03",[" 4 "],null],"rows":[{"on":"yes"},{},{"on":0},"no"]}"#;
    let after = r#"{"b":" x ","a":{"b":"x"},"list":[1,2,3,[" 4 "],null],"rows":[{"on":true},{},{"on":0},"no"]}"#;
    assert_eq!(verdict(&route, body), after);
    assert_eq!(exercised(&route, body), [0, 1, 1, 2]);
    assert_eq!(verdict(&route, after), after);
    assert_eq!(exercised(&route, after), [0; 0]);
}

#[test]
fn names_are_compared_decoded() {
    let route = compact([rule("ä", text(9))]);
    assert_eq!(verdict(&route, r#"{"\u00e4":" x "}"#), r#"{"ä":"x"}"#);
    assert_eq!(verdict(&route, r#"{"ä":" x "}"#), r#"{"ä":"x"}"#);
}

#[test]
fn many_names_are_found_like_few() {
    let names: Vec<String> = (0..40).map(|i| format!("n{i}")).collect();
    let route = compact(names.iter().map(|name| rule(name, Op::Integer(Default::default()))));
    let members =
        |value: &str| names.iter().rev().map(|name| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
    assert_eq!(verdict(&route, format!("{{{}}}", members("\"7\""))), format!("{{{}}}", members("7")));
}

#[test]
fn a_new_value_is_written_in_the_profile() {
    let names = Enumeration::new(vec![("alias".into(), "é\"\n\u{1f600}".into())]);
    let rules = || [rule("a", Op::Enum(names.clone()))];
    let body = r#"{"a":"Alias"}"#;
    assert_eq!(verdict(&with_rules(route(Profile::Python), rules()), body), r#"{"a": "\u00e9\"\n\ud83d\ude00"}"#);
    assert_eq!(verdict(&with_rules(route(Profile::Compact), rules()), body), "{\"a\":\"é\\\"\\n\u{1f600}\"}");
    assert_eq!(verdict(&with_rules(route(Profile::Original), rules()), body), body, "validated only");
}

#[test]
fn misfits_are_kept_or_refused_as_the_rule_says() {
    let keeping = compact([rule("a", Op::Integer(Default::default()))]);
    let refusing = compact([strict("a", Op::Integer(Default::default()))]);
    for (value, code) in [
        ("\"x\"", "invalid_integer"),
        ("null", "wrong_type"),
        ("true", "wrong_type"),
        ("{}", "wrong_type"),
        ("[1]", "wrong_type"),
    ] {
        let body = format!("{{\"a\":{value}}}");
        assert_eq!(verdict(&keeping, &body), body);
        assert_eq!(verdict(&refusing, &body), format!("invalid {code} by 0"), "{body}");
    }
    assert_eq!(verdict(&compact([strict("a", Op::Nothing)]), r#"{"a":[1]}"#), r#"{"a":[1]}"#);
}

#[test]
fn a_rule_on_the_root_is_a_rule() {
    let route = compact([strict("", Op::Integer(Default::default()))]);
    assert_eq!(verdict(&route, " \"12\" "), "12");
    assert_eq!(verdict(&route, "[]"), "invalid wrong_type by 0");
    let each = compact([rule("[*]", Op::Integer(Default::default()))]);
    assert_eq!(verdict(&each, r#"["1",["2"],{"a":"3"}]"#), r#"[1,["2"],{"a":"3"}]"#);
}

#[test]
fn of_several_refusals_the_lowest_rule_counts_at_its_first_place() {
    let route = compact([strict("z", text(1)), strict("list[*]", Op::Integer(Default::default())), required("m")]);
    assert_eq!(verdict(&route, r#"{"list":["x"],"z":"long","m":1}"#), "invalid too_long by 0");
    assert_eq!(verdict(&route, r#"{"list":["x",null],"z":""}"#), "invalid invalid_integer by 1");
    assert_eq!(verdict(&route, r#"{"list":[null,"x"],"z":""}"#), "invalid wrong_type by 1");
    assert_eq!(verdict(&route, r#"{"list":[],"z":""}"#), "invalid missing by 2");
    assert_eq!(verdict(&route, r#"{"list":["x"],"z":"long","#), "invalid malformed_json");
    assert_eq!(verdict(&route, r#"{"list":["x"],"z":"long","a":1,"a":2}"#), "unsupported: json.duplicate_key");
}

#[test]
fn a_field_outside_the_domain_counts_unless_a_lower_rule_refuses() {
    // Digits of other scripts are the control's.
    let outside = "\"\u{663}\"";
    let route = compact([
        strict("a", Op::Integer(Default::default())),
        strict("b[*]", Op::Integer(Default::default())),
        strict("c", Op::Integer(Default::default())),
    ]);
    assert_eq!(verdict(&route, format!("{{\"a\":1,\"b\":[{outside}]}}")), "unsupported: integer.form");
    assert_eq!(verdict(&route, format!("{{\"c\":\"x\",\"b\":[{outside}]}}")), "unsupported: integer.form");
    assert_eq!(verdict(&route, format!("{{\"b\":[{outside}],\"a\":\"x\"}}")), "invalid invalid_integer by 0");
    assert_eq!(verdict(&route, format!("{{\"b\":[\"x\",{outside}]}}")), "invalid invalid_integer by 1");
    assert_eq!(verdict(&route, format!("{{\"b\":[{outside},\"x\"]}}")), "unsupported: integer.form");
}

#[test]
fn required_members_are_missed_only_where_their_parent_is() {
    let route = compact([required("a.b"), required("rows[*].id")]);
    assert_eq!(verdict(&route, "{}"), "{}");
    assert_eq!(verdict(&route, r#"{"a":1,"rows":{}}"#), r#"{"a":1,"rows":{}}"#);
    assert_eq!(verdict(&route, r#"{"a":{"b":null}}"#), r#"{"a":{"b":null}}"#);
    assert_eq!(verdict(&route, r#"{"a":{"c":1}}"#), "invalid missing by 0");
    assert_eq!(verdict(&route, r#"{"rows":[{"id":1},{}]}"#), "invalid missing by 1");
}

#[test]
fn defaults_are_appended_in_policy_order_and_in_the_profile() {
    let rules = || [default("z", "\"é\""), default("o.n", "[1,{\"a\":-0}]"), default("k\"", "null")];
    let body = r#"{"o":{},"k\"":0}"#;
    assert_eq!(verdict(&compact(rules()), body), r#"{"o":{"n":[1,{"a":0}]},"k\"":0,"z":"é"}"#);
    let python = with_rules(route(Profile::Python), rules());
    assert_eq!(verdict(&python, body), r#"{"o": {"n": [1, {"a": 0}]}, "k\"": 0, "z": "\u00e9"}"#);
    assert_eq!(verdict(&python, "{ }"), r#"{"z": "\u00e9", "k\"": null}"#);
    assert_eq!(verdict(&python, r#"{"z": null, "k\"": []}"#), r#"{"z": null, "k\"": []}"#, "any value will do");
    assert_eq!(exercised(&python, body), [1, 0]);
    assert_eq!(verdict(&with_rules(route(Profile::Original), rules()), "{ }"), "{ }");
}

#[test]
fn unknown_fields_are_kept_dropped_or_refused_in_described_objects() {
    let mut route = compact([
        rule("a.b", text(9)),
        rule("list[*].id", Op::Integer(Default::default())),
        rule("any", Op::Nothing),
        strict("n", Op::Integer(Default::default())),
    ]);
    let body =
        r#"{"x":1,"a":{"y":[{}],"b":" b ","z":{"a":1}},"any":{"q":1},"list":[{"id":"1","w":0},3,{"w":0}],"v":[1]}"#;
    let kept = r#"{"x":1,"a":{"y":[{}],"b":"b","z":{"a":1}},"any":{"q":1},"list":[{"id":1,"w":0},3,{"w":0}],"v":[1]}"#;
    assert_eq!(verdict(&route, body), kept);
    let with = |route: &mut Route, unknown| route.json.as_mut().unwrap().unknown = unknown;
    with(&mut route, Unknown::Drop);
    assert_eq!(verdict(&route, body), r#"{"a":{"b":"b"},"any":{"q":1},"list":[{"id":1},3,{}]}"#);
    assert_eq!(verdict(&route, r#" {"u" : 1 , "a" : {"b" : "b"} , "v" : 2 } "#), r#"{"a":{"b":"b"}}"#);
    assert_eq!(verdict(&route, r#"{"u":{"a":1,"a":2}}"#), "unsupported: json.duplicate_key");
    assert_eq!(verdict(&route, r#"{"u":[1,]}"#), "invalid malformed_json");
    with(&mut route, Unknown::Reject);
    assert_eq!(verdict(&route, body), "invalid unknown_field");
    assert_eq!(verdict(&route, r#"{"x":1,"n":"no"}"#), "invalid invalid_integer by 3", "a field refusal comes first");
    assert_eq!(verdict(&route, r#"{"any":{"q":1}}"#), r#"{"any":{"q":1}}"#);
}

#[test]
fn a_refused_request_exercised_no_rule() {
    let route = compact([rule("a", text(9)), strict("b", Op::Integer(Default::default()))]);
    assert_eq!(exercised(&route, r#"{"a":" x ","b":"1"}"#), [0, 1]);
    assert_eq!(exercised(&route, r#"{"a":" x ","b":"x"}"#), [0; 0]);
    let mut rejecting = route;
    rejecting.outside = Outside::Reject;
    assert_eq!(exercised(&rejecting, r#"{"a":" x ","c":1,"c":2}"#), [0; 0]);
}

#[test]
fn a_negative_zero_is_pythons_zero_to_rules_too() {
    let route = compact([rule("a", Op::Integer(Default::default()))]);
    assert_eq!(verdict(&route, r#"{"a":-0}"#), r#"{"a":0}"#);
    assert_eq!(exercised(&route, r#"{"a":-0}"#), [0; 0], "the writer did it");
}
