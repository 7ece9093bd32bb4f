//! Laws of matching: which requests belong to a route.

use crossfade_core::Policy;
use crossfade_core::policy::Pattern;
use proptest::prelude::*;

fn pattern(text: &str) -> Pattern {
    let file = format!("version = 1\n[[route]]\nname = \"r\"\nmatch = '{text}'\n");
    let policy = Policy::parse("p", &file).unwrap_or_else(|errors| panic!("{errors}"));
    policy.routes[0].patterns[0].clone()
}

#[test]
fn templates_match_segment_by_segment() {
    for (text, matching, others) in [
        ("GET /", &["/"][..], &["", "//", "/a", "*"][..]),
        ("GET /a", &["/a", "/%61"], &["/a/", "/A", "/", "/ab", "/a%2F", "//a", "a"]),
        ("GET /a/", &["/a/"], &["/a", "/a//", "/a/b"]),
        ("GET /a/{x}", &["/a/b", "/a/%2F", "/a/..", "/a/b%"], &["/a", "/a/", "/a/b/", "/a/b/c"]),
        ("GET /a/{x*}", &["/a/", "/a/b", "/a/b/c/", "/a//"], &["/a", "/ab", "/"]),
        ("GET /{x*}", &["/", "/a", "//", "/%zz"], &["", "*", "http://h/"]),
        ("GET /{x}/b/{y*}", &["/a/b/", "/a/b/c"], &["//b/", "/a/b", "/a/c/"]),
        ("GET /~a-b/%20%C3%A9", &["/~a-b/%20%c3%a9", "/%7ea%2Db/%20%C3%A9"], &["/~a-b/ é", "/~a-b/%2520"]),
    ] {
        let pattern = pattern(text);
        for path in matching {
            assert!(pattern.matches(b"GET", path.as_bytes()), "{text} {path}");
        }
        for path in others {
            assert!(!pattern.matches(b"GET", path.as_bytes()), "{text} {path}");
        }
    }
}

#[test]
fn methods_are_matched_with_case() {
    let two = pattern("GET|HEAD /");
    assert!(two.matches(b"GET", b"/") && two.matches(b"HEAD", b"/"));
    assert!(!two.matches(b"get", b"/") && !two.matches(b"POST", b"/") && !two.matches(b"", b"/"));
    assert!(pattern("* /").matches(b"anything", b"/"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_bytes_match_or_do_not(method in any::<Vec<u8>>(), path in any::<Vec<u8>>()) {
        for text in ["* /a/{b}/c", "GET /{rest*}", "* /%C3%A9"] {
            let _ = pattern(text).matches(&method, &path);
        }
    }

    /// However an unreserved character is spelled, the route is the same.
    #[test]
    fn spelling_does_not_change_the_route(segment in "[A-Za-z0-9._~-]{1,8}", encoded in any::<u8>()) {
        prop_assume!(segment != "." && segment != "..");
        let pattern = pattern(&format!("GET /{segment}"));
        let spelled: String = segment.bytes().enumerate().map(|(index, byte)| match encoded >> (index % 8) & 1 {
            0 => char::from(byte).to_string(),
            _ if index % 2 == 0 => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        }).collect();
        let (same, longer) = (format!("/{spelled}"), format!("/{spelled}x"));
        prop_assert!(pattern.matches(b"GET", same.as_bytes()));
        prop_assert!(!pattern.matches(b"GET", longer.as_bytes()));
    }
}
