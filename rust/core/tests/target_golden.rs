//! What targets come out as, the rules that did it, and the cases that attackers made famous.

use crossfade_core::outcome::{Part, Reason, Stop};
use crossfade_core::policy::{
    Allow, Backslash, Dots, Duplicates, EncodedReserved, Expected, NamePattern, Names, Outside, Params, PathCase,
    QueryPolicy, RuleId, Sort, TargetPolicy, TrailingSlash, UnknownParameter,
};
use crossfade_core::rollout::{Checks, Remarks, Rollouts};
use crossfade_core::target::{path, query, rule};

type Said = Result<(Vec<u8>, Vec<RuleId>), Stop>;

fn path_of(policy: &TargetPolicy, raw: &[u8]) -> Said {
    let (mut out, mut exercised) = (b"left over".to_vec(), Vec::new());
    let (rollouts, mut remarks) = (Rollouts::default(), Remarks::default());
    let mut checks = Checks::new(&rollouts, &mut remarks);
    let part = path::normalize(policy, raw, &mut out, &mut exercised, &mut checks)?;
    assert_eq!(part == Part::Rewritten, !exercised.is_empty(), "a change has a rule, and a rule is a change");
    Ok(if part == Part::Same { (raw.to_vec(), exercised) } else { (out, exercised) })
}

fn query_of(policy: &QueryPolicy, raw: &[u8]) -> Said {
    let (mut out, mut exercised, mut work) = (b"left over".to_vec(), Vec::new(), query::Work::default());
    let (rollouts, mut remarks) = (Rollouts::default(), Remarks::default());
    let mut checks = Checks::new(&rollouts, &mut remarks);
    let part = query::normalize(policy, raw, &mut out, &mut work, &mut exercised, &mut checks)?;
    assert_eq!(part == Part::Rewritten, !exercised.is_empty(), "a change has a rule, and a rule is a change");
    Ok(if part == Part::Same { (raw.to_vec(), exercised) } else { (out, exercised) })
}

fn unsupported(why: &'static str) -> Said {
    Err(Stop::outside(why))
}

/// What comes out, and the rules that did it.
#[test]
fn paths_come_out_in_one_spelling() {
    const SAME: [RuleId; 0] = [];
    for (raw, canonical, rules) in [
        ("/", "/", &SAME[..]),
        ("/a/b", "/a/b", &[]),
        ("/a/", "/a/", &[]),
        ("/.hidden/..a/...", "/.hidden/..a/...", &[]),
        ("/a%20b%22%C3%A9%FF%00%25", "/a%20b%22%C3%A9%FF%00%25", &[]),
        ("/%7e%41%2D", "/~A-", &[rule::DECODE]),
        ("/%c3%a9", "/%C3%A9", &[rule::DECODE]),
        ("/[a|b]\"", "/%5Ba%7Cb%5D%22", &[rule::DECODE]),
        ("//", "/", &[rule::SLASHES]),
        ("//a///b//", "/a/b/", &[rule::SLASHES]),
        ("/a/./b", "/a/b", &[rule::DOTS]),
        ("/a/.", "/a", &[rule::DOTS]),
        ("/a/./", "/a/", &[rule::DOTS]),
        ("/a/..", "/", &[rule::DOTS]),
        ("/a/b/../", "/a/", &[rule::DOTS]),
        ("/../../etc/passwd", "/etc/passwd", &[rule::DOTS]),
        ("/a//../b", "/b", &[rule::SLASHES, rule::DOTS]),
        ("/a/%2e%2E/b", "/b", &[rule::DECODE, rule::DOTS]),
        // Decoded once and never again.
        ("/%252e%252e%252f", "/%252e%252e%252f", &[]),
        ("/%2541", "/%2541", &[]),
        ("/%25%32%65", "/%252e", &[rule::DECODE]),
        ("/a/..%00/b", "/a/..%00/b", &[]),
    ] {
        assert_eq!(path_of(&TargetPolicy::default(), raw.as_bytes()), Ok((canonical.into(), rules.into())), "{raw}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_outside() {
    for (raw, why) in [
        ("", "path.form"),
        ("*", "path.form"),
        ("http://host/a", "path.form"),
        ("/%2e%2e%2f", "path.encoded_reserved"),
        ("/a%2Fb", "path.encoded_reserved"),
        ("/a%3b", "path.encoded_reserved"),
        ("/..;/admin", "path.dot_parameter"),
        ("/a/.;x=1/b", "path.dot_parameter"),
        ("/%2e%2e;/admin", "path.dot_parameter"),
        ("/a\\b", "path.character"),
        ("/a b", "path.character"),
        ("/a#b", "path.character"),
        ("/a?b", "path.character"),
        ("/é", "path.character"),
        ("/%", "path.triplet"),
        ("/%4", "path.triplet"),
        ("/%zz", "path.triplet"),
        ("/%u0041", "path.triplet"),
    ] {
        assert_eq!(path_of(&TargetPolicy::default(), raw.as_bytes()), unsupported(why), "{raw}");
    }
    let refused = path_of(&TargetPolicy::default(), b"/%2f").map_err(|stop| stop.answer(Outside::Reject));
    assert_eq!(refused, Err(Ok(Reason::whole("invalid_path"))));
}

#[test]
fn the_policy_chooses_the_steps() {
    let say = |policy: TargetPolicy, raw: &str| path_of(&policy, raw.as_bytes()).map(|(path, _)| path);
    let strict = TargetPolicy { dots: Dots::Strict, ..TargetPolicy::default() };
    assert_eq!(say(strict.clone(), "/a/../b"), Ok(b"/b".to_vec()));
    assert_eq!(say(strict, "/a/../../b"), Err(Stop::outside("path.above_root")));
    assert_eq!(
        say(TargetPolicy { dots: Dots::Keep, ..TargetPolicy::default() }, "/a//../..;"),
        Ok(b"/a/../..;".to_vec())
    );
    let slashes = TargetPolicy { merge_slashes: false, ..TargetPolicy::default() };
    assert_eq!(say(slashes.clone(), "/a//b"), Ok(b"/a//b".to_vec()));
    assert_eq!(say(slashes, "/a//../b"), Ok(b"/a/b".to_vec()));
    let keep = TargetPolicy { encoded_reserved: EncodedReserved::Keep, ..TargetPolicy::default() };
    assert_eq!(say(keep, "/a%2f%3A"), Ok(b"/a%2F%3A".to_vec()));
}

fn names(patterns: &[&str]) -> Names {
    patterns.iter().map(|text| NamePattern::of(text)).collect()
}

fn pages() -> QueryPolicy {
    QueryPolicy { drop: names(&["utm_*", "gclid"]), sort: Sort::ByPair, ..QueryPolicy::default() }
}

#[test]
fn queries_come_out_as_urlencode_writes_them() {
    for (raw, canonical, rules) in [
        ("", "", &[][..]),
        ("a=1&b=2", "a=1&b=2", &[]),
        ("b=2&a=1", "a=1&b=2", &[rule::SORT]),
        ("a=2&a=1", "a=1&a=2", &[rule::SORT]),
        ("a&=&b", "=&a=&b=", &[rule::SORT, rule::ENCODE]),
        ("&&a=1&", "a=1", &[rule::ENCODE]),
        ("a=b=c", "a=b%3Dc", &[rule::ENCODE]),
        ("a=%7e+%20*", "a=~++%2A", &[rule::ENCODE]),
        ("a=%zz%", "a=%25zz%25", &[rule::ENCODE]),
        ("a=%c3%a9", "a=%C3%A9", &[rule::ENCODE]),
        ("a=%00", "a=%00", &[]),
        ("utm_source=x", "", &[rule::DROP]),
        ("%75tm_=x&b=1&gclid&gclid2=1", "b=1&gclid2=1", &[rule::DROP]),
        // What is dropped may hold anything.
        ("a=1&utm_source=%FF", "a=1", &[rule::DROP]),
        // By code point, not by UTF-16 unit.
        ("a=%F0%90%80%80&a=%EF%BF%BD", "a=%EF%BF%BD&a=%F0%90%80%80", &[rule::SORT]),
    ] {
        assert_eq!(query_of(&pages(), raw.as_bytes()), Ok((canonical.into(), rules.into())), "{raw}");
    }
    for (raw, why) in [
        (&b"a=%FF"[..], "query.utf8"),
        (b"%C3=%A9", "query.utf8"),
        (b"a=%ED%A0%80", "query.utf8"),
        (b"a=\xc3\xa9", "query.character"),
        (b"\xe9=1", "query.character"),
    ] {
        assert_eq!(query_of(&pages(), raw), unsupported(why), "{raw:?}");
    }
}

#[test]
fn the_order_is_stable_by_name_or_kept() {
    let by_name = QueryPolicy { sort: Sort::ByName, space_as_plus: false, ..pages() };
    assert_eq!(
        query_of(&by_name, b"b=1&a=2&a=1+").expect("in"),
        (b"a=2&a=1%20&b=1".to_vec(), vec![rule::SORT, rule::ENCODE])
    );
    let kept = QueryPolicy { sort: Sort::No, ..pages() };
    assert_eq!(query_of(&kept, b"b=1&a=2").expect("in").0, b"b=1&a=2");
    // More pairs than a small sort holds, all equal but for their place.
    let raw: String = (0..1000).map(|n| format!("b={n}&a={n}&")).collect();
    let (sorted, _) = query_of(&by_name, raw.as_bytes()).expect("in");
    let expected: Vec<String> =
        ["a", "b"].iter().flat_map(|name| (0..1000).map(move |n| format!("{name}={n}"))).collect();
    assert_eq!(String::from_utf8(sorted).expect("ASCII"), expected.join("&"));
}

/// Steps that came later, and that each has a rule of its own.
#[test]
fn every_step_of_a_path_has_a_rule() {
    let policy = TargetPolicy {
        backslash: Backslash::Slash,
        encoded_reserved: EncodedReserved::Only([b'/', b'x'].into_iter().collect()),
        params: Params::Strip,
        trailing_slash: TrailingSlash::Add,
        case: PathCase::AsciiLower,
        ..TargetPolicy::default()
    };
    for (raw, canonical, rules) in [
        ("/a/", "/a/", &[][..]),
        ("/a\\b/", "/a/b/", &[rule::BACKSLASH]),
        ("\\", "/", &[rule::BACKSLASH]),
        ("/a;x=1/", "/a/", &[rule::PARAMS]),
        ("/a", "/a/", &[rule::TRAILING_SLASH]),
        ("/A/", "/a/", &[rule::CASE]),
        ("/%41/", "/a/", &[rule::DECODE, rule::CASE]),
        ("/%2f%2F/", "/%2F%2F/", &[rule::DECODE]),
    ] {
        assert_eq!(path_of(&policy, raw.as_bytes()), Ok((canonical.into(), rules.into())), "{raw}");
    }
    assert_eq!(path_of(&policy, b"/%3A/"), unsupported("path.encoded_reserved"));
}

#[test]
fn every_step_of_a_query_has_a_rule() {
    let defaults = vec![("z".into(), "1".into())];
    let policy = QueryPolicy {
        allow: Some(Allow { names: names(&["a*", "z"]), unknown: UnknownParameter::Drop }),
        duplicates: Duplicates::Join,
        expected: Expected::new(Vec::new(), defaults).expect("few"),
        ..QueryPolicy::default()
    };
    for (raw, canonical, rules) in [
        ("a=1&z=", "a=1&z=", &[][..]),
        ("a=1&z=&b=%FF", "a=1&z=", &[rule::ALLOW]),
        ("a=1&z=&a=2", "a=1%2C2&z=", &[rule::DUPLICATES]),
        ("a=1&z=&a=2&ab", "a=1%2C2&z=&ab=", &[rule::ENCODE, rule::DUPLICATES]),
        ("", "z=1", &[rule::DEFAULT]),
        ("b", "z=1", &[rule::ALLOW, rule::DEFAULT]),
    ] {
        assert_eq!(query_of(&policy, raw.as_bytes()), Ok((canonical.into(), rules.into())), "{raw}");
    }
}

/// The sorted look-up says what a comparison with each pattern says.
#[test]
fn names_are_found_among_all_patterns() {
    let patterns = ["utm_", "utm_*", "ut*", "utm", "z*", "a", "a*b", "", "zz"].map(NamePattern::of);
    let names: Names = patterns.iter().filter(|pattern| !pattern.text.contains('*')).cloned().collect();
    for name in ["", "a", "ab", "b", "u", "ut", "utm", "utm_", "utm_x", "utn", "uu", "z", "zz", "zzz", "\u{10ffff}"] {
        let one_by_one = names.iter().any(|pattern| pattern.matches(name.as_bytes()));
        assert_eq!(names.hold(name.as_bytes()), one_by_one, "{name}");
    }
}
