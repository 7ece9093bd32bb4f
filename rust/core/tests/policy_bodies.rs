//! What the compiler says of bodies: every key arrives, and what a second pass would undo is refused.

mod json_support;

use crossfade_core::policy::{Bounds, Empty, Null, Profile, Repeats, Unknown};
use crossfade_core::rollout::Rollout;
use json_support::compiled;

#[track_caller]
fn refused(table: &str, message: &str) {
    let errors = compiled(table).expect_err(table);
    assert!(errors.contains(message), "{table}\n{errors}");
}

#[test]
fn every_key_of_a_json_body_arrives() {
    let route = compiled(
        "[route.json]\noutput = 'jcs'\nmax_depth = 5\nmax_keys = 6\nmax_items = 7\nmax_string_bytes = 8\n[route.json.fields]\n\
         a = { integer = {}, null = 'drop', empty = 'drop', rename = 'b', rollout = 'warn' }\n\
         c = { null = 'keep', empty = 'null', integer = {} }\nd = { drop = true }\ne = { rename = 'f' }\n",
    )
    .unwrap();
    let json = route.json.unwrap();
    assert_eq!((json.output, json.bounds), (Profile::Jcs, Bounds { depth: 5, keys: 6, items: 7, string: 8 }));
    let [a, c, d, e] = &json.fields[..] else { panic!("four rules") };
    assert_eq!((a.null, a.empty, a.rename.as_deref()), (Some(Null::Drop), Some(Empty::Drop), Some("b")));
    assert_eq!((a.rollout, c.rollout, d.drop, a.drop), (Rollout::Warn, Rollout::Enforce, true, false));
    assert_eq!((c.null, c.empty, e.rename.as_deref()), (Some(Null::Keep), Some(Empty::Null), Some("f")));
    let names: Vec<_> = route.rules.iter().map(|rule| &*rule.operation).collect();
    assert_eq!(names, ["integer", "integer", "drop", "rename"]);
    let bounds = compiled("[route.json]").unwrap().json.unwrap().bounds;
    assert_eq!(bounds, Bounds { depth: 64, keys: usize::MAX, items: usize::MAX, string: usize::MAX });
}

#[test]
fn every_key_of_a_form_arrives() {
    let route = compiled(
        "[route.form]\nmax_params = 5\nmax_name_bytes = 6\nmax_value_bytes = 7\nduplicates = 'last'\nunknown = 'reject'\n\
         [route.form.fields]\n'a.b[]' = { rename = 'a', default = 1.50 }\nc = { empty = 'drop', required = true }\nd = { default = '\"' }\n",
    )
    .unwrap();
    let form = route.form.unwrap();
    assert_eq!((form.max_params, form.max_name_bytes, form.max_value_bytes), (5, 6, 7));
    assert_eq!((form.duplicates, form.unknown), (Repeats::Last, Unknown::Reject));
    let names: Vec<_> = form.names.iter().map(|(name, rule)| (&**name, *rule)).collect();
    assert_eq!(names, [("a", 0), ("a.b[]", 0), ("c", 1), ("d", 2)]);
    assert_eq!((form.fields[0].default.as_deref(), form.fields[2].default.as_deref()), (Some("1.50"), Some("\"")));
}

#[test]
fn bounds_have_their_range() {
    for key in ["max_depth = 0", "max_depth = 65", "max_keys = 0", "max_items = 1073741825", "max_string_bytes = 'x'"] {
        refused(&format!("[route.json]\n{key}"), &format!("key \"{}\" is ", key.split(' ').next().unwrap()));
    }
    for key in ["max_params = 0", "max_name_bytes = 0", "max_value_bytes = 2000000000", "duplicates = 'join'"] {
        refused(&format!("[route.form]\n{key}"), &format!("key \"{}\" is ", key.split(' ').next().unwrap()));
    }
}

#[test]
fn rules_that_a_second_pass_would_undo_are_refused() {
    for (rules, message) in [
        ("a = { empty = 'null', null = 'drop' }", "which this rule would not leave as it is"),
        ("a = { integer = {}, empty = 'null' }", "which this rule would not leave as it is"),
        ("a = { empty = 'drop', default = '' }", "is empty, which the field's own rule would leave out"),
        ("a = { empty = 'null', default = '' }", "is empty, which the field's own rule would write as null"),
        ("a = { text = ['trim'], default = ' x' }", "is \" x\", which the field's own rule would write as x"),
        ("a = { rename = 'a' }", "field \"a\" is renamed to \"a\", its own name"),
        ("a = { rename = 'b' }\nb = { integer = {} }", "which the path \"b\" on line 9 goes by"),
        ("a = { rename = 'b' }\n'b.c' = { integer = {} }", "which the path \"b.c\" on line 9 goes by"),
        ("a = { rename = 'b' }\n'b[*]' = { integer = {} }", "which the path \"b[*]\" on line 9 goes by"),
        ("a = { rename = 'b' }\nb = { rename = 'c' }", "which the path \"b\" on line 9 goes by"),
        ("a = { rename = 'c' }\nb = { rename = 'c' }", "fields \"a\" and \"b\" are renamed to one name"),
        ("'o.a' = { rename = 'c' }\n'o.b' = { rename = 'c' }", "fields \"o.a\" and \"o.b\" are renamed to one name"),
        ("'a[*]' = { rename = 'b' }", "key \"rename\" says nothing of the items of an array"),
        ("'a[*]' = { null = 'drop' }", "key \"null\" leaves out an item of an array"),
        ("'a[*]' = { empty = 'drop' }", "key \"empty\" leaves out an item of an array"),
        ("'a[*]' = { drop = true }", "key \"drop\" leaves out an item of an array"),
        ("a = { drop = true, required = true }", "key \"required\" contradicts drop = true on line 8"),
        ("a = { drop = true, integer = {} }", "key \"integer\" contradicts drop = true on line 8"),
        (
            "a = { drop = true }\n'a.b' = { integer = {} }",
            "field \"a.b\" lies in \"a\", which the rule on line 8 leaves out",
        ),
        ("a = { null = 'keep' }", "key \"null\" says nothing without an operation"),
        ("a = { empty = 'keep' }", "key \"empty\" says nothing without an operation"),
        ("a = { rollout = 'observe' }", "the rule does nothing"),
        ("a = { drop = false }", "the rule does nothing"),
        ("a = { null = 'none' }", "key \"null\" is \"none\", which is no choice"),
    ] {
        refused(&format!("[route.json]\noutput = 'python'\n[route.json.fields]\n{rules}"), message);
    }
    for rules in [
        "a = { rename = 'b' }\n'o.a' = { rename = 'b' }\n'c.b' = { integer = {} }\n'a.b' = { integer = {} }",
        "a = { integer = {}, empty = 'null', wrong_type = 'keep' }\nb = { empty = 'null' }",
        "'a[*]' = { text = ['trim'], empty = 'null', null = 'keep' }\nb = { drop = true, rollout = 'warn' }",
        "a = { empty = 'keep', text = ['trim'], default = '' }",
    ] {
        compiled(&format!("[route.json]\noutput = 'python'\n[route.json.fields]\n{rules}")).unwrap();
    }
}

#[test]
fn nothing_changes_where_the_body_goes_on_as_it_came() {
    for rule in ["rename = 'b'", "drop = true", "null = 'drop'", "empty = 'drop'", "empty = 'null', null = 'keep'"] {
        refused(&format!("[route.json.fields]\na = {{ {rule} }}"), "which contradicts output = \"original\"");
    }
    compiled("[route.json.fields]\na = { null = 'reject', required = true }\nb = { max_chars = 3, empty = 'keep' }")
        .unwrap();
}

#[test]
fn jcs_takes_only_defaults_that_it_can_write() {
    let jcs = |default: &str| format!("[route.json]\noutput = 'jcs'\n[route.json.fields]\na = {{ {default} }}");
    refused(&jcs("default = 9007199254740992"), "which output = \"jcs\" cannot write");
    refused(&jcs("default = 1e20"), "which output = \"jcs\" cannot write");
    for fine in ["default = 1.50", "default = 1e21", "default = 1.50, decimal = { scale = 2, rounding = 'reject' }"] {
        compiled(&jcs(fine)).unwrap();
    }
}

#[test]
fn a_default_is_a_number_that_the_reader_takes() {
    let json = |default: &str| format!("[route.json]\noutput = 'python'\n[route.json.fields]\na = {{ {default} }}");
    let nines = "9".repeat(128);
    for long in ["1e100000", "-1.5e-100000", &format!("{nines}9"), &format!("-{nines}")] {
        refused(&json(&format!("default = {long}")), "is longer than a number in a body may be");
        compiled(&format!("[route.form.fields]\na = {{ default = {long} }}")).unwrap();
    }
    for fine in ["1e99999", &nines] {
        compiled(&json(&format!("default = {fine}"))).unwrap();
    }
}

#[test]
fn a_form_has_texts_only() {
    for (rules, message) in [
        ("a = { null = 'keep', integer = {} }", "key \"null\" says nothing of a form"),
        ("a = { wrong_type = 'keep', integer = {} }", "key \"wrong_type\" says nothing of a form"),
        ("a = { empty = 'null' }", "key \"empty\" is \"null\", which a form does not have"),
        ("a = { integer = {}, default = '07' }", "which the field's own rule would write as 7"),
        ("a = { rename = 'b' }\nb = { integer = {} }", "form field \"a\" is renamed to \"b\", a name with a rule"),
        ("a = { rename = 'c' }\nb = { rename = 'c' }", "form field \"b\" is renamed to \"c\", a name with a rule"),
        ("a = { rename = 'a' }", "form field \"a\" is renamed to \"a\", a name with a rule"),
        ("a = {}", "the rule does nothing"),
    ] {
        refused(&format!("[route.form.fields]\n{rules}"), message);
    }
    refused("[route.form]\nunknown = 'drop'", "key \"unknown\" is \"drop\" and no field is named");
    refused("[route.form]\nsort = true", "unknown key \"sort\"");
    compiled("[route.form.fields]\na = { integer = {}, default = 7 }\nb = { boolean = {}, default = true }").unwrap();
}

#[test]
fn a_digest_follows_every_key() {
    let digest = |table: &str| compiled(table).unwrap_or_else(|errors| panic!("{errors}")).digest;
    let json =
        |keys: &str, rule: &str| digest(&format!("[route.json]\noutput = 'python'\n{keys}\nfields.a = {{ {rule} }}"));
    let form = |keys: &str, rule: &str| digest(&format!("[route.form]\n{keys}\nfields.a = {{ {rule} }}"));
    let mut digests = vec![json("", "integer = {}"), form("", "integer = {}")];
    for rule in
        ["empty = 'drop'", "empty = 'keep'", "rename = 'b'", "rename = 'c'", "rollout = 'warn'", "required = true"]
    {
        digests.push(json("", &format!("integer = {{}}, {rule}")));
        digests.push(form("", &format!("integer = {{}}, {rule}")));
    }
    digests.extend(["null = 'drop'", "null = 'keep'"].map(|rule| json("", &format!("integer = {{}}, {rule}"))));
    digests.extend(["drop = true", "drop = true, rollout = 'observe'"].map(|rule| json("", rule)));
    for keys in ["max_depth = 9", "max_keys = 9", "max_items = 9", "max_string_bytes = 9"] {
        digests.push(json(keys, "integer = {}"));
    }
    for keys in
        ["max_params = 9", "max_name_bytes = 9", "max_value_bytes = 9", "duplicates = 'last'", "unknown = 'drop'"]
    {
        digests.push(form(keys, "integer = {}"));
    }
    digests.extend(["sorted", "jcs"].map(|output| digest(&format!("[route.json]\noutput = '{output}'"))));
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
    assert_eq!(json("max_depth = 64", "integer = {}"), json("", "integer = {}"), "what is the default is not said");
}
