//! An explanation says what the candidate does, operation by operation.

use crossfade_core::Policy;
use crossfade_exchange::{Observation, Outcome, Request};
use crossfade_shadow::explain::{Explanation, explain, read};

const POLICY: &str = r#"
version = 1
[client]
trusted_proxies = ["10.0.0.0/8"]
[limits.clients]
key = ["route", "client"]
rate = "60/minute"
strategy = "moving-window"
[[route]]
name = "api"
match = "* /api/{rest*}"
limits = ["clients"]
rollout = { unknown_parameter = "observe" }
[route.target]
query = { drop = ["utm_*"], sort = true, allow = ["a"], unknown = "reject" }
[route.host]
[route.headers]
[route.json]
output = "python_utf8"
[route.json.fields]
"name" = { text = ["trim"] }
"email" = { email = {} }
"tel" = { phone = {}, rollout = "observe" }
"[*].q" = { required = true }
"#;

fn explained(message: &str) -> Explanation {
    let policy = Policy::parse("test.toml", POLICY).unwrap_or_else(|errors| panic!("{errors}"));
    let request = Request { peer: Some("10.0.0.1".into()), ..read(message.as_bytes()).unwrap() };
    explain(&policy, policy.route_named("api").unwrap(), &request)
}

/// What each operation did, those that did nothing left out: `part name: place` or `part name! code`.
fn acts(explanation: &Explanation) -> Vec<String> {
    let mut acts = Vec::new();
    for operation in &explanation.operations {
        let (part, name) = (operation.part, &operation.name);
        acts.extend(operation.changes.iter().map(|change| format!("{part} {name}: {}", change.place)));
        acts.extend(operation.fired.iter().map(|code| format!("{part} {name}! {code}")));
    }
    acts
}

#[test]
fn each_operation_says_what_it_changed_and_what_fired() {
    let explanation = explained(
        "POST /api//x?utm_a=1&b=2&a=1 HTTP/1.1\nHost: A\nX-Forwarded-For: 9.9.9.9\nContent-Type: application/json\n\n\
         {\"name\":\" x \", \"email\": \"none\", \"tel\": \"1\"}",
    );
    assert_eq!(explanation.client, "9.9.9.9");
    assert_eq!(
        acts(&explanation),
        [
            "path merge_slashes: path",
            "query drop: query",
            "query allow! unknown_parameter",
            "query sort: query",
            "host normal form: headers.host",
            "body read and write: $",
            "body name text: $.name",
            "body email email! invalid_email",
            "body tel phone! invalid_phone",
        ]
    );
    let Observation { outcome, charges, remarks, .. } = &explanation.observation;
    assert!(matches!(outcome, Some(Outcome::Invalid { code, .. }) if code == "invalid_email"), "{outcome:?}");
    assert_eq!(charges.as_ref().unwrap()[0].key, b"api/9.9.9.9");
    assert_eq!(remarks[0].code, "unknown_parameter");
}

/// A check that ends the request does not hide what the operations after it would do.
#[test]
fn a_refusal_hides_nothing() {
    let explanation = explained("POST /api/%2F//x HTTP/1.1\nHost: a\nHost: b\nContent-Type: application/json\n\n{");
    let acts = acts(&explanation);
    assert_eq!(explanation.observation.unsupported.as_deref(), Some("path.encoded_reserved"));
    for act in [
        "path spelling! path.encoded_reserved",
        "path merge_slashes: path",
        "host normal form! duplicate_host",
        "body read and write! malformed_json",
    ] {
        assert!(acts.iter().any(|known| known == act), "{act} of {acts:?}");
    }
}

#[test]
fn what_is_normal_is_left_alone() {
    let explanation = explained("GET /api/x?a=1 HTTP/1.1\nhost: a\n\n");
    let silent: Vec<String> = acts(&explanation);
    assert_eq!(silent, [] as [&str; 0]);
}
