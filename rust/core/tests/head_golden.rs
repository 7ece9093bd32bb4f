//! What the host and the headers become: together, where checks are watched, and under attack.

mod head_support;

use std::time::{Duration, Instant};

use crossfade_core::Scratch;
use crossfade_core::head::rule;
use crossfade_core::rollout::{Remark, Rollout};
use head_support::{Lines, Said, file, said, said_into};

/// Lines from `name: value | name: value`.
fn lines(text: &str) -> Lines {
    let line = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a colon");
        (name.into(), value.into())
    };
    if text.is_empty() { Lines::new() } else { text.split(" | ").map(line).collect() }
}

fn invalid(code: &str) -> Said {
    Said::Invalid(code.to_owned())
}

#[test]
fn the_host_goes_into_the_list() {
    let both = file("[route.host]\n[route.headers]");
    let host = file("[route.host]");
    let came = lines("Accept: */* | HOST: A.example:443 | Accept:  x");
    assert_eq!(said(&both, &came), Said::Rewritten(lines("accept: */*, x | host: a.example")));
    assert_eq!(said(&host, &came), Said::Rewritten(lines("Accept: */* | HOST: a.example | Accept:  x")));
    let came = lines("host: a.example | accept: */*");
    assert_eq!((said(&both, &came), said(&host, &came)), (Said::Same, Said::Same));
    assert_eq!(said(&both, &lines("host: a | a b: c")), Said::Unsupported("header.name".to_owned()));
    // The host is looked at before the headers.
    assert_eq!(said(&both, &lines("a b: c")), invalid("missing_host"));
}

#[test]
fn a_route_that_is_strict_refuses_what_is_outside() {
    let strict = file("outside = \"reject\"\n[route.host]\n[route.headers]");
    assert_eq!(said(&strict, &lines("host: a..b")), invalid("invalid_host"));
    assert_eq!(said(&strict, &lines("host: a | b: \0")), invalid("invalid_header"));
}

#[test]
fn what_changed_is_a_rule_of_the_route() {
    let policy = file(
        "[route.target]\n[route.host]\n[route.headers]\naccept_language = \"normalize\"\ncontent_type = \"normalize\"\ndrop = [\"x-*\"]",
    );
    let route = &policy.routes[0];
    let (host, first) = (route.host.as_ref().expect("a host").rule, route.headers.as_ref().expect("headers").rule.0);
    let exercised = |text: &str| {
        let mut scratch = Scratch::new();
        said_into(&policy, &lines(text), &mut scratch);
        let rule = |id: &crossfade_core::policy::RuleId| (*id != host).then(|| id.0 - first);
        scratch.exercised.iter().map(rule).collect::<Vec<_>>()
    };
    for (text, rules) in [
        ("host: a", &[][..]),
        ("host: A", &[None]),
        ("Host: a", &[Some(rule::NAMES_LOWER)]),
        ("host:  a", &[None, Some(rule::TRIM)]),
        ("host: a | x_y: 1 | x_z: 1", &[Some(rule::UNDERSCORE)]),
        ("host: a | x-y: 1", &[Some(rule::DROP)]),
        ("host: a | te: a", &[Some(rule::HOP_BY_HOP)]),
        ("host: a | via: a | via: b", &[Some(rule::JOIN)]),
        ("host: a | content-length: 1 | content-length: 1", &[Some(rule::JOIN)]),
        ("host: a | content-type: A/B", &[Some(rule::CONTENT_TYPE)]),
        ("host: a | accept-language: DE", &[Some(rule::ACCEPT_LANGUAGE)]),
    ] {
        assert_eq!(exercised(text), rules, "{text}");
    }
    assert_eq!(&*route.rules[usize::from(first + rule::ACCEPT_LANGUAGE)].operation, "accept_language");
}

/// What each check leaves behind where it is only watched.
#[test]
fn a_watched_check_goes_on_as_the_chapter_says() {
    let go_on = |codes: &[&str], keys: &str, came: &str, expected: &str| {
        let watched: Vec<String> = codes.iter().map(|code| format!("\"{code}\" = \"observe\"")).collect();
        let policy = file(&format!("rollout = {{ {} }}\n{keys}", watched.join(", ")));
        let mut scratch = Scratch::new();
        let expected = if expected == "same" { Said::Same } else { Said::Rewritten(lines(expected)) };
        assert_eq!(said_into(&policy, &lines(came), &mut scratch), expected, "{codes:?} {came}");
        let remark = |code: &&str| {
            let remark = scratch.remarks.iter().find(|remark| remark.code == *code).copied();
            assert!(matches!(remark, Some(Remark { rollout: Rollout::Observe, rule: None, .. })), "{codes:?} {came}");
        };
        codes.iter().for_each(remark);
        assert_eq!(scratch.remarks.len(), codes.len(), "{codes:?} {came}");
        let policy = file(keys);
        let enforced = said(&policy, &lines(came));
        assert!(matches!(enforced, Said::Invalid(code) | Said::Unsupported(code) if code == codes[0]), "{came}");
    };
    let host = "[route.host]\nallow = [\"a\"]";
    go_on(&["missing_host"], host, "b: 1", "same");
    go_on(&["duplicate_host"], host, "host: A | host: a. | b: B", "host: a | host: a | b: B");
    go_on(&["host_not_allowed"], host, "host: B", "host: b");
    go_on(&["duplicate_host", "host_not_allowed"], host, "host: B | host: B", "host: b | host: b");
    go_on(&["duplicate_host", "host.form"], host, "host: A | host: a..", "same");
    go_on(&["host.form"], "[route.host]\n[route.headers]", "Host: a..", "host: a..");
    go_on(&["host.underscore"], "[route.host]\n[route.headers]", "Host: A_B.:80", "host: a_b");
    go_on(&["host.port"], host, "host: A:x0", "same");
    go_on(&["host.port", "host_not_allowed"], host, "host: B:x0", "same");
    let long = format!("host: {}.A", "a".repeat(64));
    go_on(&["host.length"], "[route.host]\nallow = [\"*.a\"]", &long, "same");
    go_on(&["host.length", "host_not_allowed"], host, &long, "same");
    let headers = "[route.headers]\nunderscore = \"reject\"\nobs_text = \"outside\"\ncontent_type = \"normalize\"\naccept_language = \"normalize\"\n";
    go_on(&["header.name"], headers, "A: 1 | a b: 1", "same");
    go_on(&["header.name"], "[route.host]\n[route.headers]", "Host: A | a b: 1", "Host: a | a b: 1");
    go_on(&["header.name", "framing"], headers, "a b: 1 | content-length: +5 | c d: 1", "same");
    go_on(&["header.name", "json_charset"], headers, "a b: 1 | content-type: text/json;charset=x", "same");
    go_on(&["header_underscore"], headers, "A_B: 1 | c_d: 1", "a_b: 1 | c_d: 1");
    go_on(&["header.value"], headers, "a:  x\0  | b: \r\n", "a: x\0 | b: \r\n");
    go_on(&["header.obs_text"], headers, "a: é", "same");
    go_on(&["framing"], headers, "content-length: +5 | transfer-encoding: x", "content-length: +5");
    go_on(&["framing", "duplicate_header"], headers, "content-length: 5 | content-length: 6", "same");
    go_on(
        &["connection_names_protected"],
        headers,
        "connection: x-forwarded-for, a, cookie | x-forwarded-for: 1 | a: 1",
        "x-forwarded-for: 1",
    );
    go_on(&["duplicate_header"], headers, "host: a | host: a", "same");
    go_on(&["header.content_type"], headers, "content-type: A ", "content-type: A");
    go_on(&["duplicate_media_parameter"], headers, "content-type: a/b; x=1;X=2", "content-type: a/b; x=1; x=2");
    go_on(&["json_charset"], headers, "content-type: text/json;charset=X", "content-type: text/json; charset=x");
    go_on(&["header.accept_language"], headers, "accept-language: DE | accept-language: _", "accept-language: DE, _");
    let separate = "[route.headers]\njoin = false\naccept_language = { negotiate = [\"de\"], default = \"de\" }";
    go_on(&["header.accept_language"], separate, "accept-language: DE | accept-language: _", "same");
    go_on(&["missing_header"], "[route.headers]\nrequired = [\"b\", \"c\"]", "a: 1", "same");
    let bounds = "[route.headers]\nmax_count = 1\nmax_bytes = 6\nmax_name_bytes = 2\nmax_value_bytes = 2";
    go_on(&["too_many_headers"], bounds, "a: 1 | b: 1", "same");
    go_on(&["header_too_large"], bounds, "a: 123", "same");
    go_on(&["too_many_headers", "headers_too_large", "header_too_large"], bounds, "abc: 1 | b: 123", "same");
}

/// What is watched lets nothing else through that is enforced.
#[test]
fn a_watched_check_switches_off_no_other() {
    let stops = |watched: &str, keys: &str, came: &str, code: &str| {
        let policy = file(&format!("rollout = {{ {watched} }}\n{keys}"));
        match said(&policy, &lines(came)) {
            Said::Invalid(said) | Said::Unsupported(said) => assert_eq!(said, code, "{watched} {came}"),
            other => panic!("{watched} {came}: {other:?}"),
        }
    };
    let host = "[route.host]\nallow = [\"a\"]";
    stops("\"host.underscore\" = \"observe\"", host, "host: a_b", "host_not_allowed");
    stops("\"host.underscore\" = \"observe\"", host, "host: a_b:x", "host.port");
    stops("\"host.port\" = \"observe\"", host, "host: b:080", "host_not_allowed");
    stops("\"host.port\" = \"observe\"", host, "host: [::1]:080", "host_not_allowed");
    stops("\"host.port\" = \"observe\"", host, "host: a..b:080", "host.form");
    let long = format!("host: {}", "b".repeat(254));
    stops("\"host.length\" = \"observe\"", host, &long, "host_not_allowed");
    stops("\"host.length\" = \"observe\"", host, &format!("{long}..c"), "host.form");
    let twice = "\"host.form\" = \"observe\", duplicate_host = \"observe\"";
    stops(twice, host, "host: a.. | host: b", "host_not_allowed");
    let name = "\"header.name\" = \"observe\"";
    let headers = "[route.headers]\nobs_text = \"outside\"\nrequired = [\"b\"]";
    for (came, code) in [
        ("content-length: 5 | content-length: 6", "framing"),
        ("content-length: 5 | transfer-encoding: chunked", "framing"),
        ("connection: cookie", "connection_names_protected"),
        ("host: a | host: a", "duplicate_header"),
        ("a: \0", "header.value"),
        ("a: é", "header.obs_text"),
        ("a: 1", "missing_header"),
    ] {
        stops(name, headers, &format!("c d: 1 | {came}"), code);
        stops(name, headers, &format!("{came} | c d: 1"), code);
    }
}

#[test]
fn connection_cannot_take_what_limits_count() {
    let policy = |limits: &str| {
        file(&format!(
            "{limits}\n[route.headers]\n[limits.a]\nkey = \"header:X-Api-Key\"\non_missing = \"skip\"\nrate = \"1/day\"\nstrategy = \"fixed-window\""
        ))
    };
    let came = lines("connection: x-api-key | x-api-key: 1");
    assert_eq!(said(&policy("limits = [\"a\"]"), &came), invalid("connection_names_protected"));
    assert_eq!(said(&policy("cutover_key = \"a\""), &came), invalid("connection_names_protected"));
    assert_eq!(said(&policy(""), &came), Said::Rewritten(Lines::new()));
    let negotiated = file("[route.headers]\naccept_language = { negotiate = [\"de\"], default = \"de\" }");
    assert_eq!(said(&negotiated, &lines("connection: Accept-Language")), invalid("connection_names_protected"));
}

/// Requests that made proxies and servers disagree.
#[test]
fn known_attacks_have_their_answer() {
    let policy = file("[route.host]\n[route.headers]\ncontent_type = \"normalize\"\naccept_language = \"normalize\"");
    for (came, code) in [
        // Smuggling: CVE-2024-1135, CVE-2024-6827.
        ("host: a | content-length: 5 | transfer-encoding: chunked", "framing"),
        ("host: a | transfer-encoding: chunked, identity", "framing"),
        ("host: a | transfer-encoding: \u{b}chunked", "header.value"),
        ("host: a | transfer-encoding : chunked", "header.name"),
        ("host: a | content-length: 5 | Content-Length: 05", "framing"),
        ("host: a | content-length: -1", "framing"),
        ("host: a | content-length: 0x5", "framing"),
        // Two hosts, and hosts with more than a host.
        ("host: a | host: b", "duplicate_host"),
        ("host: a@b", "host.character"),
        ("host: a/../b", "host.character"),
        ("host: a:80@b", "host.character"),
        ("host: a, b", "host.character"),
        // Stripping what the service behind relies on.
        ("host: a | connection: close, X-Forwarded-For", "connection_names_protected"),
        ("host: a | connection: authorization", "connection_names_protected"),
        ("host: a | connection: close | connection: cookie", "connection_names_protected"),
        // Folded lines and split responses.
        ("host: a | x: a\r\n b", "header.value"),
        ("host: a | x: a\r\nset-cookie: b", "header.value"),
        ("host: a | x\0: a", "header.name"),
    ] {
        match said(&policy, &lines(came)) {
            Said::Invalid(said) | Said::Unsupported(said) => assert_eq!(said, code, "{came}"),
            other => panic!("{came}: {other:?}"),
        }
    }
    // Of two faults the earlier step's is said, wherever the lines stand.
    let faults = lines("host: a | accept-language: _ | content-type: text/json; charset=x");
    assert_eq!(said(&policy, &faults), invalid("json_charset"));
    let twins = lines("host: a | x-forwarded-for: 1.2.3.4 | X_Forwarded_For: 6.6.6.6 | X-Forwarded_For: 6.6.6.6");
    assert_eq!(said(&policy, &twins), Said::Rewritten(lines("host: a | x-forwarded-for: 1.2.3.4")));
}

/// Long lists cost their length: as squares these would take minutes.
#[test]
fn hostile_lists_are_bounded() {
    const MANY: usize = 200_000;
    let policy = file(
        "[route.headers]\nduplicates = \"keep\"\ncontent_type = \"normalize\"\naccept_language = \"normalize\"\ndrop = [\"y-*\"]",
    );
    let many = |line: &dyn Fn(usize) -> String| lines(&(0..MANY).map(line).collect::<Vec<_>>().join(" | "));
    let names: Vec<String> = (0..MANY).map(|n| format!("x-{:06}", MANY - n)).collect();
    let start = Instant::now();
    let joined = said(&policy, &many(&|_| "accept: a".to_owned()));
    assert_eq!(joined, Said::Rewritten(lines(&format!("accept: {}", vec!["a"; MANY].join(", ")))));
    assert_eq!(said(&policy, &many(&|n| format!("X-{n:06}: a"))), Said::Rewritten(many(&|n| format!("x-{n:06}: a"))));
    assert_eq!(said(&policy, &many(&|n| format!("y-{n}: a"))), Said::Rewritten(Lines::new()));
    let mut named = many(&|n| format!("x-{n:06}: a"));
    named.push((b"connection".to_vec(), names.join(",").into_bytes()));
    assert_eq!(said(&policy, &named), Said::Rewritten(lines("x-000000: a")));
    assert_eq!(said(&policy, &many(&|_| "content-type: a/b; c=d".to_owned())), Said::Same);
    let empty = Said::Unsupported("header.accept_language".to_owned());
    assert_eq!(said(&policy, &many(&|_| "accept-language: de".to_owned())), empty);
    let hosts = file("rollout = { duplicate_host = \"observe\" }\n[route.host]");
    assert_eq!(said(&hosts, &many(&|_| "host: a.b.c".to_owned())), Said::Same);
    assert_eq!(said(&hosts, &lines(&format!("host: {}", "a.".repeat(MANY)))), Said::Unsupported("host.length".into()));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
