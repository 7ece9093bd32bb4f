//! What is too large in a body, which of several findings counts, and what happens where a check is only watched.

mod json_support;

use json_support::{compiled, json, remarks, verdict};

#[test]
fn each_bound_counts_from_the_next_one_on() {
    let route = json("output = 'compact'\nmax_depth = 3\nmax_keys = 2\nmax_items = 2\nmax_string_bytes = 4");
    for body in ["[[[]]]", r#"{"a":1,"b":{"c":[1,2]}}"#, r#"["abcd","éé"]"#, r#"{"abcd":[]}"#] {
        assert_eq!(verdict(&route, body), body);
    }
    for (body, code) in [
        ("[[[[]]]]", "too_deep"),
        (r#"[[{"a":{}}]]"#, "too_deep"),
        (r#"{"a":1,"b":2,"c":3}"#, "too_many_keys"),
        (r#"[{"a":1,"b":2,"c":3}]"#, "too_many_keys"),
        ("[1,2,3]", "too_many_items"),
        (r#"["abcde"]"#, "string_too_long"),
        (r#"["\u00e9\u00e9a"]"#, "string_too_long"),
        (r#"{"\u00e9\u00e9a":1}"#, "string_too_long"),
        (r#"["abcde",2,3]"#, "too_many_items"),
        (r#"{"abcde":1,"b":[1,2,3],"c":[[[]]]}"#, "too_deep"),
    ] {
        assert_eq!(verdict(&route, body), format!("invalid {code}"), "{body}");
    }
    assert_eq!(verdict(&route, r#"["\u00e9\u00e9"]"#), r#"["éé"]"#, "escapes are not counted");
}

#[test]
fn bounds_stand_between_the_grammar_and_the_rules() {
    let route = json("output = 'compact'\nmax_depth = 1\nunknown = 'drop'\nfields.a = { integer = {} }");
    assert_eq!(verdict(&route, r#"{"a":"x","b":[[1,]]}"#), "invalid malformed_json");
    assert_eq!(verdict(&route, r#"{"a":"x","b":[[1,"\ud800"]]}"#), "unsupported: json.lone_surrogate");
    assert_eq!(verdict(&route, r#"{"a":"x","b":[]}"#), "invalid too_deep");
    assert_eq!(verdict(&route, &("[".repeat(65) + &"]".repeat(65))), "unsupported: json.depth");
    assert_eq!(verdict(&route, r#"{"a":"x","b":1}"#), "invalid invalid_integer by 0");
}

#[test]
fn a_check_that_is_watched_leaves_one_remark_and_the_body_goes_on() {
    let codes =
        ["too_deep", "too_many_keys", "too_many_items", "string_too_long", "unknown_field", "json.duplicate_key"];
    let rollout: String = codes.iter().map(|code| format!("\"{code}\" = \"observe\"\n")).collect();
    let table = "[route.json]\noutput = 'sorted'\nmax_depth = 2\nmax_keys = 1\nmax_items = 1\nmax_string_bytes = 1\n\
                 unknown = 'reject'\nfields.a = { integer = {} }\n[route.rollout]\n";
    let route = compiled(&format!("{table}{rollout}")).unwrap();
    let body = r#"{"b":["long",[[2]],{"c":1,"a":2}],"a":"1","a":"0","q":{}}"#;
    let after = r#"{"a":1,"a":0,"b":["long",[[2]],{"a":2,"c":1}],"q":{}}"#;
    assert_eq!(verdict(&route, body), after, "equal names keep their order");
    let mut said = remarks(&route, body);
    said.sort_unstable();
    let mut expected = codes.map(|code| (code, None));
    expected.sort_unstable();
    assert_eq!(said, expected);
    assert_eq!(remarks(&route, r#"{"a":"x","b":1}"#), [], "refused by a rule");
}

#[test]
fn a_number_that_is_too_long_stays_and_no_rule_sees_it() {
    let long = "1".repeat(200);
    let table = |output: &str| {
        format!(
            "[route.json]\noutput = '{output}'\nfields.a = {{ integer = {{}} }}\n\
             [route.rollout]\n\"json.number_length\" = \"warn\"\n\"jcs_number\" = \"warn\"\n"
        )
    };
    let body = format!("{{\"a\":{long}}}");
    for (output, said) in [
        ("compact", &[("json.number_length", None)][..]),
        ("jcs", &[("json.number_length", None), ("jcs_number", None)]),
    ] {
        let route = compiled(&table(output)).unwrap();
        assert_eq!(verdict(&route, &body), body);
        assert_eq!(remarks(&route, &body), said);
    }
}

#[test]
fn a_whole_body_goes_on_as_it_came_only_through_admit() {
    let route =
        compiled("[route.json]\noutput = 'compact'\n[route.rollout]\n\"malformed_json\" = \"observe\"\n").unwrap();
    assert_eq!(verdict(&route, "[1,]"), "invalid malformed_json", "the part itself has no way to go on");
}
