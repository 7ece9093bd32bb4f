//! Forms: how they are read and written, what rules do to them, and which of several findings counts.

mod json_support;

use crossfade_core::outcome::{Part, Stop};
use crossfade_core::policy::{Outside, Route, RuleId};
use crossfade_core::{Request, Scratch, body};
use json_support::{compiled, post};

const FORM: (&[u8], &[u8]) = (b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8");

fn form(keys: &str) -> Route {
    compiled(&format!("[route.form]\n{keys}")).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What goes on for `sent`, or the code that ends it.
fn pass(route: &Route, sent: impl AsRef<[u8]>, scratch: &mut Scratch) -> String {
    scratch.clear();
    let sent = sent.as_ref();
    match body::normalize(route, &Request { headers: &[FORM], ..post(sent) }, scratch) {
        Ok(Part::Same) => String::from_utf8_lossy(sent).into_owned(),
        Ok(Part::Rewritten) => String::from_utf8_lossy(&scratch.body).into_owned(),
        Err(stop) => match stop.answer(route.outside) {
            Ok(reason) => format!("invalid {}", reason.code),
            Err(unsupported) => unsupported.to_string(),
        },
    }
}

fn verdict(route: &Route, sent: impl AsRef<[u8]>) -> String {
    pass(route, sent, &mut Scratch::new())
}

#[test]
fn a_form_is_written_in_one_spelling() {
    let route = form("");
    assert_eq!(
        verdict(&route, "a=1&&b&=c&d=x=y&%41%2b=%7E+%20*%zz%e2%82%ac&"),
        "a=1&b=&=c&d=x%3Dy&A%2B=~++%2A%25zz%E2%82%AC"
    );
    assert_eq!(verdict(&route, ""), "");
    assert_eq!(verdict(&route, "&"), "");
    let mut scratch = Scratch::new();
    let same = body::normalize(&route, &Request { headers: &[FORM], ..post(b"a=1&b=+&%C3%A9=") }, &mut scratch);
    assert_eq!(same, Ok(Part::Same));
}

#[test]
fn the_media_type_says_what_is_a_form() {
    let both = compiled("[route.json]\noutput = 'compact'\n[route.form.fields]\na = { required = true }").unwrap();
    let answer = |route: &Route, content_type: &str, sent: &str| {
        let headers: &[(&[u8], &[u8])] = &[(b"content-type", content_type.as_bytes())];
        let mut scratch = Scratch::new();
        match body::normalize(route, &Request { headers, ..post(sent.as_bytes()) }, &mut scratch) {
            Ok(part) => format!("{part:?}"),
            Err(Stop::Invalid(reason)) => reason.code.to_owned(),
            Err(Stop::Outside { why, .. }) => why.to_owned(),
        }
    };
    assert_eq!(answer(&both, "application/json", "[ ]"), "Rewritten");
    assert_eq!(answer(&both, "application/json", ""), "Same");
    assert_eq!(answer(&both, "Application/X-WWW-Form-URLencoded", "b=1"), "missing");
    assert_eq!(answer(&both, "application/x-www-form-urlencoded", ""), "missing", "an empty body is an empty form");
    assert_eq!(answer(&both, "text/plain", "b=1"), "Same");
    assert_eq!(answer(&both, "multipart/form-data; boundary=x", "--x"), "form.multipart");
    assert_eq!(answer(&both, "multipart/form-data", ""), "Same");
    assert_eq!(answer(&both, "text/\u{e9}", "x"), "json.content_type");
    let form = form("");
    assert_eq!(answer(&form, "text/\u{e9}", "x"), "form.content_type");
    assert_eq!(answer(&form, "application/json", "[ ]"), "Same");
    let json = compiled("[route.json]").unwrap();
    assert_eq!(answer(&json, "multipart/form-data", "--x"), "Same");
}

#[test]
fn findings_count_in_their_order() {
    let mut route = form(
        "max_params = 2\nmax_name_bytes = 2\nmax_value_bytes = 2\nduplicates = 'reject'\nunknown = 'reject'\n\
         fields.b = { integer = {} }\nfields.a = { integer = {}, required = true }",
    );
    for (sent, code) in [
        (&b"abc=1&a=\xff&a=%ff"[..], "unsupported: form.character"),
        (b"abc=1&a=%ff&b=\xff", "unsupported: form.utf8"),
        (b"abc=123&a=1&a=2", "invalid too_many_fields"),
        (b"abc=123", "invalid name_too_long"),
        (b"a=123&a=x", "invalid value_too_long"),
        (b"b=x&b=x", "invalid duplicate_field"),
        (b"a=x&b=x", "invalid invalid_integer"),
        (b"q=1", "invalid missing"),
        (b"a=1&q=1", "invalid unknown_field"),
    ] {
        assert_eq!(verdict(&route, sent), code, "{}", String::from_utf8_lossy(sent));
    }
    assert_eq!(verdict(&route, "%61%62=+7&a=%207"), "invalid unknown_field", "names are compared decoded");
    assert_eq!(verdict(&route, "%62=+7&a=%207"), "b=7&a=7");
    route.outside = Outside::Reject;
    assert_eq!(verdict(&route, "a=%ff"), "invalid invalid_form");
}

#[test]
fn names_that_come_twice_are_settled_before_rules_see_them() {
    let with =
        |duplicates: &str| form(&format!("duplicates = '{duplicates}'\nfields.a = {{ integer = {{}}, rename = 'b' }}"));
    assert_eq!(verdict(&with("keep"), "a=1&c=&a=02"), "b=1&c=&b=2");
    assert_eq!(verdict(&with("first"), "a=1&c=&a=x&c=2"), "b=1&c=");
    assert_eq!(verdict(&with("last"), "a=x&c=&a=02&c=2"), "b=2&c=2");
    assert_eq!(verdict(&with("first"), "a=1&b=2"), "invalid rename_conflict");
    assert_eq!(verdict(&with("first"), "b=02&b=x"), "b=2");
    let many: String = (0..20_000).map(|n| format!("n{n}=1&n{n}=2&")).collect();
    assert_eq!(verdict(&with("last"), many).matches("=2").count(), 20_000);
}

#[test]
fn rules_and_presence_are_those_of_other_bodies() {
    let route = form(
        "unknown = 'drop'\nfields.d = { default = 'x y', rename = 'e' }\nfields.a = { text = ['trim'], empty = 'drop' }\n\
         fields.n = { decimal = { scale = 1, rounding = 'half_up' }, invalid = 'keep' }\nfields.f = { drop = true }",
    );
    let mut scratch = Scratch::new();
    assert_eq!(pass(&route, "f=1&a=+&n=1.25&q=2&a=+b", &mut scratch), "n=1.3&a=b&e=x+y");
    assert_eq!(scratch.exercised, [RuleId(3), RuleId(1), RuleId(2), RuleId(1), RuleId(0)]);
    assert_eq!(pass(&route, "n=1.3&a=b&e=x+y", &mut scratch), "n=1.3&a=b&e=x+y");
    assert_eq!(scratch.exercised, []);
    assert_eq!(pass(&route, "e=1&d=2", &mut scratch), "invalid rename_conflict");
    assert_eq!(scratch.exercised, [], "nothing goes on");
    assert_eq!(verdict(&route, "d=&n=x"), "e=&n=x");
}

#[test]
fn what_is_watched_changes_nothing() {
    let watched = "duplicates = 'reject'\nmax_params = 1\nunknown = 'reject'\n\
                   fields.a = { text = ['trim'], empty = 'drop', rename = 'b', required = true, rollout = 'warn' }\n\
                   fields.c = { default = 1, rollout = 'observe' }\n[route.rollout]\n\"duplicate_field\" = \"observe\"\n\
                   \"too_many_fields\" = \"observe\"\n\"unknown_field\" = \"observe\"\n";
    let mut scratch = Scratch::new();
    let said = |scratch: &Scratch| -> Vec<_> {
        scratch.remarks.iter().map(|remark| (remark.code, remark.rule.map(|rule| rule.0))).collect()
    };
    assert_eq!(pass(&form(watched), "a=+x&q=1&q=2", &mut scratch), "a=+x&q=1&q=2");
    let expected = [
        ("too_many_fields", None),
        ("duplicate_field", None),
        ("changed", Some(0)),
        ("renamed", Some(0)),
        ("added", Some(1)),
        ("unknown_field", None),
    ];
    assert_eq!(said(&scratch), expected);
    assert_eq!(pass(&form(watched), "a=", &mut scratch), "a=");
    assert_eq!(said(&scratch), [("dropped", Some(0)), ("missing", Some(0)), ("added", Some(1))]);
    assert_eq!(scratch.exercised, []);
}

#[test]
fn megabytes_of_anything_get_an_answer() {
    let route = form("duplicates = 'first'\nunknown = 'drop'\nfields.a = { text = ['trim'] }");
    let size = 2_000_000;
    assert_eq!(verdict(&route, "&".repeat(size)), "");
    assert_eq!(verdict(&route, "=".repeat(size)), "");
    assert_eq!(verdict(&route, "a&".repeat(size / 2)), "a=");
    assert_eq!(verdict(&route, format!("a={}", "+".repeat(size))), "a=");
    assert_eq!(verdict(&route, vec![0xff; size]), "unsupported: form.character");
    assert_eq!(verdict(&route, format!("a={}", "%".repeat(size))).len(), 2 + 3 * size);
}
