//! Laws of rolled-out checks: what is watched changes nothing but the count, and one check is watched at a time.

use crossfade_core::limit::Unlimited;
use crossfade_core::rollout::{Remark, Rollout};
use crossfade_core::{Outcome, Part, Policy, Reason, Request, Scratch, Timestamp, Unsupported, admit};

fn decide(
    rollout: &str,
    raw_path: &[u8],
    query: &[u8],
    body: &[u8],
) -> (Result<Outcome, Unsupported>, Vec<Remark>, Scratch) {
    let text = format!(
        r#"
version = 1
[[route]]
name = "all"
match = "* /{{path*}}"
{rollout}
[route.target]
dots = "strict"
query = {{ sort = true }}
[route.json]
output = "compact"
"#
    );
    let policy = Policy::parse("test.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", b"application/json")];
    let request = Request { method: b"POST", raw_path, query, headers: &headers, peer: None, body, given: &[] };
    let route = policy.route_named("all").unwrap();
    let mut scratch = Scratch::new();
    let outcome = admit(&policy, route, &Unlimited, &request, Timestamp::from_micros(0), &mut scratch);
    (outcome, scratch.remarks.to_vec(), scratch)
}

const fn observed(code: &'static str) -> Remark {
    Remark { code, rule: None, rollout: Rollout::Observe }
}

/// A check without a way to go on leaves its part as it came, and the others are normalised.
#[test]
fn a_watched_check_leaves_its_part_alone() {
    let rollout = "rollout = { malformed_json = \"observe\" }";
    let (outcome, remarks, scratch) = decide(rollout, b"/a/./b", b"b=1&a=2", b"{ ");
    let Ok(Outcome::Accepted(normalized)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((normalized.path, normalized.query, normalized.body), (Part::Rewritten, Part::Rewritten, Part::Same));
    assert_eq!((&scratch.path[..], &scratch.query[..]), (&b"/a/b"[..], &b"a=2&b=1"[..]));
    assert_eq!(remarks, [observed("malformed_json")]);
}

/// A check with a way to go on goes on; a path leaves one remark of each code.
#[test]
fn a_watched_check_goes_on_where_it_can() {
    let rollout = "rollout = { \"path.above_root\" = \"observe\", \"path.encoded_reserved\" = \"warn\" }";
    let (outcome, remarks, scratch) = decide(rollout, b"/../../%2fb", b"", b"");
    assert!(matches!(outcome, Ok(Outcome::Accepted(_))), "{outcome:?}");
    assert_eq!(scratch.path, b"/%2Fb");
    let warned = Remark { code: "path.encoded_reserved", rule: None, rollout: Rollout::Warn };
    assert_eq!(remarks, [observed("path.above_root"), warned]);
}

#[test]
fn other_checks_stay_enforced() {
    let rollout = "rollout = { \"path.above_root\" = \"observe\" }";
    let (outcome, remarks, _) = decide(rollout, b"/%2f", b"", b"");
    assert_eq!((outcome, remarks), (Err(Unsupported("path.encoded_reserved")), vec![]));
    let (outcome, remarks, _) = decide("", b"/..", b"", b"");
    assert_eq!((outcome, remarks), (Err(Unsupported("path.above_root")), vec![]));
    let (outcome, _, _) = decide("outside = \"reject\"", b"/..", b"", b"");
    assert_eq!(outcome, Ok(Outcome::Invalid(Reason::whole("invalid_path"))));
}

#[test]
fn only_checks_of_the_request_as_a_whole_are_named() {
    let error = |rollout: &str| {
        let text = format!("version = 1\n[[route]]\nname = \"r\"\nmatch = \"* /\"\n[route.rollout]\n{rollout}");
        Policy::parse("test.toml", &text).unwrap_err().to_string()
    };
    assert!(error("\"path.above_rot\" = \"observe\"").contains("did you mean \"path.above_root\"?"));
    assert!(error("invalid_email = \"warn\"").contains("is the code of a field"));
    assert!(error("\"email.form\" = \"warn\"").contains("is the code of a field"));
    assert!(error("too_large = \"maybe\"").contains("enforce"));
}

/// A client cannot make more remarks than the policy has rules and codes: a body of many bad values leaves one.
#[test]
fn remarks_do_not_grow_with_the_request() {
    let text = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"* /\"\n[route.json]\noutput = \"compact\"\n\
                [route.json.fields]\n\"[*].x\" = { required = true, rollout = \"observe\" }\n\
                \"[*].t\" = { text = [\"nfc\"], unassigned = \"keep\" }\n";
    let policy = Policy::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"));
    let body = format!("[{}{{}}]", "{\"t\":\"\u{378}\"},".repeat(1_000));
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", b"application/json")];
    let request = Request {
        method: b"POST",
        raw_path: b"/",
        query: b"",
        headers: &headers,
        peer: None,
        body: body.as_bytes(),
        given: &[],
    };
    let mut scratch = Scratch::new();
    let route = policy.route_named("r").unwrap();
    assert!(admit(&policy, route, &Unlimited, &request, Timestamp::from_micros(0), &mut scratch).is_ok());
    let codes: Vec<&str> = scratch.remarks.iter().map(|remark| remark.code).collect();
    assert_eq!(codes, ["text.unassigned", "missing"]);
}
