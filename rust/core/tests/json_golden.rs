//! Golden cases: the grammar, the profiles, and what is outside.

mod json_support;

use crossfade_core::body::normalize;
use crossfade_core::outcome::{Part, Reason, Stop};
use crossfade_core::policy::{Outside, Profile};
use crossfade_core::{Request, Scratch};
use json_support::{normalized, post, route, verdict};

const ALL: [Profile; 6] =
    [Profile::Original, Profile::Compact, Profile::Python, Profile::PythonUtf8, Profile::Sorted, Profile::Jcs];

#[test]
fn each_profile_writes_in_its_own_way() {
    let body = r#" { "a" : [1.10,-0,1E5,true ,null], "é\u00E9\/\u0041":"\ud83d\ude00😀\n\u000a\u007f" , "":{ }} "#;
    assert_eq!(
        verdict(&route(Profile::Python), body),
        r#"{"a": [1.10, 0, 1E5, true, null], "\u00e9\u00e9/A": "\ud83d\ude00\ud83d\ude00\n\n\u007f", "": {}}"#
    );
    assert_eq!(
        verdict(&route(Profile::PythonUtf8), body),
        "{\"a\": [1.10, 0, 1E5, true, null], \"éé/A\": \"😀😀\\n\\n\u{7f}\", \"\": {}}"
    );
    assert_eq!(
        verdict(&route(Profile::Compact), body),
        "{\"a\":[1.10,0,1E5,true,null],\"éé/A\":\"😀😀\\n\\n\u{7f}\",\"\":{}}"
    );
    assert_eq!(verdict(&route(Profile::Original), body), body);
}

#[test]
fn a_body_that_is_already_written_so_is_the_same() {
    let mut scratch = Scratch::new();
    for (profile, body) in [
        (Profile::Python, r#"{"a": [1, "\u00e9\n\u0001"], "b": {}}"#),
        (Profile::PythonUtf8, r#"{"a": [1, "é\n\u0001"], "b": {}}"#),
        (Profile::Compact, r#"{"a":[1,"é\n\u0001"],"b":{}}"#),
        (Profile::Original, " [ 1 , -0 ] "),
        (Profile::Python, "\"\""),
    ] {
        let same = Ok((Part::Same, body.as_bytes()));
        assert_eq!(normalized(&route(profile), body.as_bytes(), &mut scratch), same, "{body}");
    }
}

#[test]
fn what_python_refuses_is_malformed() {
    let malformed = [
        " ",
        "{",
        "}",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "\"",
        "\"a",
        "\"\\",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"\\x\"",
        "\"\t\"",
        "\"\u{0}\"",
        "tru",
        "nul",
        "falsee",
        "True",
        "NaN",
        "-Infinity",
        "Infinity",
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "0x1",
        "1 2",
        "[] []",
        "'a'",
        "[1}",
        "{]",
        "\u{a0}1",
        "/**/1",
        "\u{b}1",
    ];
    for body in malformed {
        for profile in ALL {
            assert_eq!(verdict(&route(profile), body), "invalid malformed_json", "{body:?}");
        }
    }
    for body in [&b"\"\xff\""[..], b"\"\xc0\xaf\"", b"\xed\xa0\x80\xff", b"[\"\xed\xa0\"]", b"\x80"] {
        assert_eq!(verdict(&route(Profile::Python), body), "invalid malformed_json", "{body:?}");
    }
}

#[test]
fn what_python_might_take_is_outside() {
    let long = "1".repeat(129);
    let deep = "[".repeat(65) + &"]".repeat(65);
    for (body, unsupported, rejected) in [
        (&b"\xef\xbb\xbf{}"[..], "encoding", "malformed_json"),
        (b"{\0}\0", "encoding", "malformed_json"),
        (b"\"\xed\xa0\x80\"", "encoding", "malformed_json"),
        (br#"{"a": 1, "b": 2, "\u0061": 3}"#, "duplicate_key", "duplicate_key"),
        (br#"["\ud800"]"#, "lone_surrogate", "lone_surrogate"),
        (br#"["\ude00\ud83d"]"#, "lone_surrogate", "lone_surrogate"),
        (br#"{"\ud83d ": 1}"#, "lone_surrogate", "lone_surrogate"),
        (br"[1e100000]", "number_length", "number_length"),
        (long.as_bytes(), "number_length", "number_length"),
        (deep.as_bytes(), "depth", "too_deep"),
    ] {
        let mut route = route(Profile::Python);
        assert_eq!(verdict(&route, body), format!("unsupported: json.{unsupported}"), "{body:?}");
        route.outside = Outside::Reject;
        assert_eq!(verdict(&route, body), format!("invalid {rejected}"), "{body:?}");
    }
}

#[test]
fn a_syntax_error_beats_an_outside_remark() {
    for body in [r#"{"a":1,"a":2"#, r#"["\ud800",]"#, "[1e100000 1]", r#"{"a":"\ud800","a":1}}"#] {
        assert_eq!(verdict(&route(Profile::Python), body), "invalid malformed_json", "{body}");
    }
}

#[test]
fn the_deepest_document_that_is_read_has_64_levels() {
    let nested = |open: &str, close: &str, depth| open.repeat(depth) + &close.repeat(depth);
    let route = route(Profile::Compact);
    assert_eq!(verdict(&route, nested("[", "]", 64)), nested("[", "]", 64));
    assert_eq!(verdict(&route, nested("[", "]", 5_000)), "unsupported: json.depth");
    assert_eq!(verdict(&route, "{\"a\":".repeat(5_000)), "unsupported: json.depth");
    assert_eq!(verdict(&route, "[".repeat(64)), "invalid malformed_json");
}

#[test]
fn duplicates_are_found_among_ten_thousand_names() {
    let members = |extra: &str| {
        let names: Vec<String> = (0..10_000).map(|i| format!("\"name-{i}\":{i}")).collect();
        format!("{{{}{extra}}}", names.join(","))
    };
    let route = route(Profile::Compact);
    assert_eq!(verdict(&route, members("")), members(""));
    assert_eq!(verdict(&route, members(",\"name-5000\":0")), "unsupported: json.duplicate_key");
    let nested = r#"{"a":{"a":{"a":1},"b":[{"a":1},{"a":2}]}}"#;
    assert_eq!(verdict(&route, nested), nested, "the same name in different objects");
}

#[test]
fn megabytes_of_anything_get_an_answer() {
    let route = route(Profile::Python);
    let size = 10_000_000;
    let text = |body: &[u8]| verdict(&route, body);
    assert_eq!(text(&vec![b' '; size]), "invalid malformed_json");
    assert_eq!(text(&vec![0xff; size]), "invalid malformed_json");
    assert_eq!(text(&vec![0; size]), "unsupported: json.encoding");
    assert_eq!(text(&vec![b'['; size]), "unsupported: json.depth");
    assert_eq!(text(&vec![b'"'; size]), "invalid malformed_json");
    assert_eq!(text(&vec![b'1'; size]), "unsupported: json.number_length");
    assert_eq!(text(&b"\xed\xa0\x80".repeat(size / 3)), "unsupported: json.encoding");
    assert_eq!(text(&[&b"[0"[..], &b",0".repeat(size / 2), b"]"].concat()).len(), size / 2 * 3 + 3);
    assert_eq!(text(&[b"\"", "é".repeat(size / 2).as_bytes(), b"\""].concat()).len(), size / 2 * 6 + 2);
    assert_eq!(
        text(&[&b"{"[..], &b"\"a\":0,".repeat(size / 6), b"\"b\":0}"].concat()),
        "unsupported: json.duplicate_key"
    );
}

#[test]
fn the_length_of_the_body_comes_before_everything() {
    let mut route = route(Profile::Compact);
    route.max_body = Some(3);
    assert_eq!(verdict(&route, "[ ]"), "[]");
    assert_eq!(verdict(&route, "[  ]"), "invalid too_large");
    assert_eq!(verdict(&route, b"\xff\xff\xff\xff"), "invalid too_large");
    route.json = None;
    assert_eq!(verdict(&route, "any text"), "invalid too_large");
    assert_eq!(verdict(&route, "any"), "any");
}

#[test]
fn only_json_is_looked_at() {
    let route = route(Profile::Compact);
    let mut scratch = Scratch::new();
    let mut answer =
        |headers: &[(&[u8], &[u8])], body: &[u8]| normalize(&route, &Request { headers, ..post(body) }, &mut scratch);
    let json: (&[u8], &[u8]) = (b"CONTENT-type", b" Application/Problem+JSON ; charset=x");
    let text: (&[u8], &[u8]) = (b"content-type", b"text/plain");
    assert_eq!(answer(&[json], b"[ ]"), Ok(Part::Rewritten));
    assert_eq!(answer(&[json, text], b"[ ]"), Ok(Part::Rewritten), "the first counts");
    assert_eq!(answer(&[text, json], b"{"), Ok(Part::Same));
    assert_eq!(answer(&[], b"{"), Ok(Part::Same));
    assert_eq!(answer(&[json], b""), Ok(Part::Same));
    assert_eq!(answer(&[json], b" "), Err(Stop::Invalid(Reason::whole("malformed_json"))));
    let odd: (&[u8], &[u8]) = (b"content-type", b"application/json\xa0");
    assert_eq!(answer(&[odd], b"{}"), Err(Stop::outside("json.content_type")));
}
