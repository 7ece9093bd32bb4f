//! Laws of what is refused: every error at once, each with its place, what is wrong and what to do; and never a panic.

use crossfade_core::Policy;
use proptest::prelude::*;

const SURFACE: &str = include_str!("policy_cases/surface.toml");
const EVERYTHING: &str = include_str!("policy_cases/everything.toml");

/// What stands before every case; a case that begins with a table of its own is not in the route.
const START: &str = r#"version = 1
[limits.a]
key = ["client"]
rate = "1/second"
strategy = "fixed-window"
[[route]]
name = "r"
match = "POST /r"
"#;

fn errors(text: &str) -> String {
    match Policy::parse("f", text) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

/// The errors of `START` and one more thing, without the advice's margin.
#[track_caller]
fn refused(addition: &str, expected: &[&str]) {
    let said = errors(&format!("{START}{addition}"));
    let lines: Vec<&str> = said.lines().map(str::trim_start).collect();
    assert_eq!(lines, expected, "\n{addition}\n{said}");
}

#[test]
fn an_error_says_where_what_and_what_to_do() {
    let file = SURFACE.replace("key      = [\"client\"]", "key      = [\"header:x-api-key\"]");
    let line = 1 + file.lines().position(|line| line.contains("x-api-key\"]")).expect("the line");
    let place = format!("crossfade.toml:{line}:1");
    let margin = " ".repeat(place.len());
    let expected = format!(
        "{place}  route \"api.write\", limit \"per-client\": key \"header:x-api-key\" may be absent on this route\n\
         {margin}  add on_missing = \"share\" | \"skip\" | \"reject\", or use one of: client, route"
    );
    assert_eq!(Policy::parse("crossfade.toml", &file).expect_err("absent").to_string(), expected);
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let said = errors(
        "versoin = 1\n[limits.a]\nkey = ['client']\nrate = '1/fortnight'\nstrategy = 'fixed'\n[[route]]\nnmae = 'x'\nlimits = ['b']\n",
    );
    let lines: Vec<&str> = said.lines().map(str::trim_start).collect();
    assert_eq!(
        lines,
        [
            "f:1:1  policy: key \"version\" is missing",
            "begin the file with version = 1",
            "f:1:1  policy: unknown key \"versoin\"",
            "did you mean \"version\"?",
            "f:4:1  limit \"a\": key \"rate\" is \"1/fortnight\"",
            "`fortnight` is no unit of time: second, minute, hour, day, month (30 days) or year (360 days)",
            "f:5:1  limit \"a\": key \"strategy\" is \"fixed\", which is no choice",
            "use one of: fixed-window, moving-window, sliding-window-counter, gcra, concurrent",
            "f:6:1  route 1: key \"name\" is missing",
            "give it a name, for example name = \"api.write\"",
            "f:6:1  route 1: key \"match\" is missing",
            "for example match = \"POST /api/{resource}\"",
            "f:7:1  route 1: unknown key \"nmae\"",
            "did you mean \"name\"?",
            "f:8:11  route 1: limit \"b\" does not exist",
            "add [limits.b], or use one of: a",
        ]
    );
}

#[test]
fn broken_syntax_has_its_place_too() {
    let said = errors("version = 1\n[limits.a]\nrate = \n\u{e9} = 1\n[limits.a]\n");
    assert!(said.contains("f:3:8  "), "{said}");
    assert!(said.lines().count() > 1, "every error of the syntax: {said}");
}

#[test]
fn places_count_characters() {
    let said = errors("version = 1 # é\n[client]\ntrusted_proxies = ['é', '10.0.0.1/8']\n");
    assert!(said.contains("f:3:25  [client]: \"10.0.0.1/8\" has host bits set"), "{said}");
    assert!(said.contains("did you mean \"10.0.0.0/8\"?"), "{said}");
}

#[test]
fn a_rate_that_its_strategy_cannot_count_is_refused() {
    refused(
        "[limits.b]\nkey = [\"client\"]\nrate = \"2000000/day\"\nstrategy = \"moving-window\"\n",
        &[
            "f:11:1  limit \"b\": key \"rate\" is \"2000000 per 1 day\"",
            "the amount is above 1048576 for this strategy, which keeps a stamp for each hit",
        ],
    );
}

#[test]
fn limits_that_contradict_themselves_are_refused() {
    let limit = |lines: &str| format!("[limits.b]\nrate = '1/minute'\n{lines}\n");
    refused(
        &limit("key = ['client']\nstrategy = 'gcra'"),
        &[
            "f:12:1  limit \"b\": key \"strategy\" is \"gcra\" and burst is missing",
            "add how many may come at once: burst = 10",
        ],
    );
    refused(
        &limit("key = ['client']\nstrategy = 'fixed-window'\nburst = 3"),
        &[
            "f:13:1  limit \"b\": key \"burst\" contradicts strategy = \"fixed-window\" on line 12",
            "only \"gcra\" has a burst: remove it",
        ],
    );
    refused(
        &limit("key = ['given:t']\nstrategy = 'fixed-window'\non_missing = 'share'"),
        &[
            "f:13:1  limit \"b\": key \"on_missing\" is \"share\" and shared_as is missing",
            "add the text that stands in for what is absent, as the control has it: shared_as = \"anonymous\"",
        ],
    );
    refused(
        &limit("key = ['client']\nstrategy = 'fixed-window'\non_missing = 'skip'"),
        &["f:13:1  limit \"b\": key \"on_missing\" says nothing here: no part of the key can be absent", "remove it"],
    );
    refused(
        &limit("key = ['given:t', 'ip']\nstrategy = 'fixed-window'\non_missing = 'skip'\nshared_as = 'x'"),
        &[
            "f:11:19  limit \"b\": \"ip\" is no part of a key",
            "use client, route, literal:TEXT, header:NAME, given:NAME",
            "f:14:1  limit \"b\": key \"shared_as\" contradicts on_missing on line 13, which is not \"share\"",
            "remove one of them",
        ],
    );
}

#[test]
fn names_are_used_once_and_exist() {
    assert!(errors(&format!("{START}[limits.a]\nrate = '1/day'\n")).contains("f:9:9  duplicate key"), "limits");
    refused(
        "[[route]]\nname = 'r'\nmatch = 'GET /s'\nlimits = ['a', 'a']\n",
        &[
            "f:10:1  route \"r\": key \"name\" is the name of the route on line 7 too",
            "rename one",
            "f:12:16  route \"r\": limit \"a\" is named twice",
            "a request counts once in one limit: name it once",
        ],
    );
    refused(
        "cutover_key = 'c'\n",
        &["f:9:15  route \"r\": limit \"c\" does not exist", "add [limits.c], or use one of: a"],
    );
}

#[test]
fn a_pattern_that_can_never_match_is_refused() {
    for (later, earlier) in [
        ("POST /r", "POST /r"),
        ("POST /s/1", "GET|POST /s/{id}"),
        ("POST|GET /s/{id}", "* /s/{id}"),
        ("POST /s/{id}/x", "POST /s/{rest*}"),
        ("* /s/{rest*}", "* /{rest*}"),
    ] {
        let said = errors(
            &format!("{START}[[route]]\nname = 'e'\nmatch = 'GET /e'\n[[route]]\nname = 'l'\nmatch = '{later}'\n")
                .replace("GET /e", earlier),
        );
        let line = if later == earlier { 8 } else { 11 };
        assert!(said.contains("f:14:9  route \"l\": pattern") || later == earlier, "{said}");
        assert!(
            said.contains(" can never match: ") && said.contains(&format!("on line {line} is tried first")),
            "{said}"
        );
    }
    for (later, earlier) in [
        ("* /s/1", "GET /s/1"),
        ("GET /s/{rest*}", "GET /s/{id}"),
        ("GET /s", "GET /s/{rest*}"),
        ("GET /s/", "GET /s/{id}"),
        ("GET /s/{id}", "GET /s/1"),
    ] {
        let addition =
            format!("[[route]]\nname = 'e'\nmatch = '{earlier}'\n[[route]]\nname = 'l'\nmatch = '{later}'\n");
        refused(&addition, &[]);
    }
    let two = "[[route]]\nname = 'g'\nmatch = ['GET /s', 'PUT /s']\n[[route]]\nname = 'l'\nmatch = 'GET|PUT /s'\n";
    assert!(errors(&format!("{START}{two}")).contains("can never match"), "one earlier pattern for each method");
}

#[test]
fn field_rules_do_not_contradict_each_other() {
    let with = |output: &str, rule: &str| format!("[route.json]\n{output}\n[route.json.fields]\n{rule}\n");
    let python = |rule: &str| with("output = 'python'", rule);
    for (rule, message) in [
        ("f = { email = {}, uuid = {} }", "\"email\" on line 12 and \"uuid\" on line 12 are two operations"),
        ("f = { email = {}, max_chars = 3 }", "\"email\" on line 12 and \"max_chars\" on line 12 are two operations"),
        ("f = { required = true, default = 1 }", "key \"default\" contradicts required = true on line 12"),
        ("f = { timestamp = { digits = 10 } }", "key \"digits\" is 10"),
        ("f = { decimal = { scale = 19, rounding = 'half_up' } }", "key \"scale\" is 19"),
        ("f = { decimal = { scale = 2, rounding = 'down' } }", "key \"rounding\" is \"down\", which is no choice"),
        ("f = { enum = {} }", "enum: names nothing"),
        ("f = { enum = { on = ['ON'] } }", "\"ON\" stands for \"on\" already"),
        ("f = { enum = { on = ['x'], off = ['X'] } }", "\"X\" stands for \"on\" already"),
        ("f = { enum = { on = [' x'] } }", "\" x\" can never match"),
        ("f = {}", "the rule does nothing"),
        ("f = { wrong_type = 'keep', required = true }", "key \"wrong_type\" says nothing without an operation"),
        ("f = { default = [] }", "key \"default\" is no JSON scalar"),
        ("f = { default = inf }", "key \"default\" is no JSON scalar"),
        ("f = { default = 2024-01-01 }", "key \"default\" is no JSON scalar"),
        ("'f[*]' = { required = true }", "key \"required\" says nothing of the items of an array"),
        ("'a..b' = { email = {} }", "field \"a..b\": the path cannot be read"),
        ("f = { email = { lower = true } }", "unknown key \"lower\""),
        ("a.b = { email = {} }", "a path with dots stands in quotes: \"a.b\""),
        (
            "a = { uuid = {} }\n'a.b' = { uuid = {} }",
            "field \"a.b\" lies in \"a\", which the rule on line 12 reads as one value",
        ),
        ("'a.b' = { uuid = {} }\n'a.\"b\"' = { uuid = {} }", "has a rule on line 12 too"),
    ] {
        let said = errors(&format!("{START}{}", python(rule)));
        assert!(said.contains(message), "{rule}\n{said}");
    }
    for rule in ["f = { uuid = {} }", "f = { text = ['trim'] }", "f = { default = 1 }"] {
        for output in ["output = 'original'", ""] {
            let said = errors(&format!("{START}{}", with(output, rule)));
            assert!(said.contains("which contradicts output = \"original\""), "{rule}\n{said}");
        }
    }
    let fine = "a = { uuid = {}, wrong_type = 'keep' }\n'a.b' = { uuid = {} }\n'a[*]' = { uuid = {} }";
    refused(&python(fine), &[]);
    refused(&with("", "f = { required = true, max_chars = 5 }"), &[]);
    let dropped = errors(&format!("{START}{}", with("unknown = 'drop'", "f = { required = true }")));
    assert!(dropped.contains("key \"unknown\" is \"drop\", which contradicts output"), "{dropped}");
}

#[test]
fn bounds_and_targets_are_checked() {
    refused(
        "max_bytes = '64KiB'\n[route.json]\nmax_bytes = 10\n",
        &[
            "f:11:1  route \"r\", json: key \"max_bytes\" (10 bytes) is set for the whole route too: 65536 bytes on line 9",
            "keep one of them: a route has one bound",
        ],
    );
    for (addition, message) in [
        ("max_bytes = '64KB'\n", "key \"max_bytes\" is \"64KB\", which is no size"),
        ("max_bytes = 0\n", "key \"max_bytes\" is 0"),
        ("target = true\n", "key \"target\" is true"),
        ("[route.target]\nquery = { drop = ['a*b'] }\n", "drop \"a*b\" has a star that is not at the end"),
        ("[route.target]\nquery = { drop = ['utm_*', 'utm_source'] }\n", "is already covered by \"utm_*\""),
        ("[route.target]\nquery = { sort = 'value' }\n", "key \"sort\" is \"value\", which is no choice"),
        ("[route.target]\nmerge_slash = true\n", "did you mean \"merge_slashes\"?"),
        ("[client]\nipv6_prefix = 0\n", "key \"ipv6_prefix\" is 0"),
        ("[client]\nipv6_prefix = 129\n", "key \"ipv6_prefix\" is 129"),
        ("[client]\ntrusted_proxies = ['10.0.0.0/255.0.0.0']\n", "\"10.0.0.0/255.0.0.0\" is no network"),
        ("[client]\ntrusted_proxies = ['::ffff:10.0.0.0/104']\n", "can never match"),
        ("[route.gate]\nmismatch_below = 1\n", "key \"mismatch_below\" is 1"),
        ("[route.gate]\nsample = 0\n", "key \"sample\" is 0"),
        ("[route.gate]\nsample = 1.5\n", "key \"sample\" is 1.5"),
        ("[route.gate]\ndrift = 'nowhere'\n", "key \"drift\" is \"nowhere\", which is no choice"),
        ("[route.gate]\ndwell = '1 week'\n", "key \"dwell\" is \"1 week\", which is no time"),
        ("[route.gate]\ncanary = []\n", "key \"canary\" is [], which are no steps of a canary"),
        ("[route.gate]\ncanary = [10, 1]\n", "key \"canary\" is [10.0, 1.0], which are no steps of a canary"),
        ("[route.gate]\ncanary = [1, 1]\n", "which are no steps of a canary"),
        ("[route.gate]\ncanary = [0.001]\n", "which are no steps of a canary"),
        ("[route.gate]\ncanary = [100]\n", "which are no steps of a canary"),
        ("[route.gate]\ncanary = [nan]\n", "which are no steps of a canary"),
        ("[route.gate]\ncanary = 5\n", "key \"canary\" is an integer"),
    ] {
        let said = errors(&format!("{START}{addition}"));
        assert!(said.contains(message), "{addition}\n{said}");
    }
}

#[test]
fn a_known_difference_has_somebody_who_answers() {
    let known = "[[route.known_difference]]\nid = 'i'\nfield = '$.id'\nrule = 'any'\nreason = 'r'\nowner = 'o'\nexpires = 2027-01-31\nbudget = 0.1\n";
    refused(known, &[]);
    for (from, to, message) in [
        ("reason = 'r'", "", "key \"reason\" is missing"),
        ("owner = 'o'", "owner = ' '", "key \"owner\" is empty"),
        ("2027-01-31", "2027-02-29", "f:"),
        ("2027-01-31", "'2027-02-29'", "key \"expires\" is 2027-02-29, which is no day"),
        ("2027-01-31", "2027-01-31T00:00:00Z", "which is no day"),
        ("2027-01-31", "'soon'", "key \"expires\" is soon, which is no day"),
        ("budget = 0.1", "budget = 1.5", "key \"budget\" is 1.5"),
        ("budget = 0.1", "budget = -1", "key \"budget\" is -1"),
        ("budget = 0.1", "budget = nan", "key \"budget\" is NaN"),
        ("'$.id'", "'id'", "key \"field\" is \"id\""),
        ("'any'", "'all'", "which is no choice"),
    ] {
        let said = errors(&format!("{START}{}", known.replace(from, to)));
        assert!(said.contains(message), "{to}\n{said}");
    }
    assert!(errors(&format!("{START}{known}{known}")).contains("is the id of the one on line 10 too"));
}

#[test]
fn hostile_files_are_bounded() {
    let nested = format!("version = {}", "[".repeat(100_000));
    assert!(!errors(&nested).is_empty());
    assert!(errors(&"x".repeat(2 << 20)).contains("at most 1048576 are read"));
    let networks = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("'10.0.{}.{}'", n / 256, n % 256)).collect();
        errors(&format!("{START}[client]\ntrusted_proxies = [{}]\n", list.join(", ")))
    };
    assert_eq!(networks(1_000), "");
    let said = networks(1_001);
    assert!(said.contains("[client]: key \"trusted_proxies\" has 1001 networks"), "{said}");
    assert!(said.contains("at most 1000 are compared"), "{said}");
    let unknown: String = (0..5_000).map(|n| format!("k{n} = 1\n")).collect();
    let said = errors(&unknown);
    assert!(said.contains("more errors are not shown") && said.lines().count() < 500, "{} lines", said.lines().count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", lines in prop::collection::vec("[a-z_.\\[\\]\"'= {}0-9,-]{0,30}", 0..10)) {
        let _ = Policy::parse("f", &text);
        let _ = Policy::parse("f", &lines.join("\n"));
    }

    /// A valid file with a few pieces cut, doubled, swapped or replaced: it is refused with a place, or it is a policy.
    #[test]
    fn no_mutation_makes_it_panic(
        file in prop_oneof![Just(SURFACE), Just(EVERYTHING)],
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..20usize, "[a-z\"'{}\\[\\]=.,*\n0-9é]{0,4}"), 1..6),
    ) {
        let mut text: Vec<char> = file.chars().collect();
        for (at, length, instead) in cuts {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, instead.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(errors) = Policy::parse("f", &text) {
            prop_assert!(!errors.errors.is_empty());
            let lines = text.lines().count() + 1;
            prop_assert!(errors.errors.iter().all(|e| e.line >= 1 && e.line <= lines && e.column >= 1), "{}", errors);
        }
    }
}

#[test]
fn a_limit_in_flight_has_no_rate() {
    let limit = |lines: &str| format!("[limits.b]\nkey = [\"client\"]\nstrategy = \"concurrent\"\n{lines}");
    refused(&limit("most = 1\n"), &[]);
    refused(&limit("most = 1\nadaptive = \"gradient2\"\n"), &[]);
    refused(
        &limit("rate = \"1/second\"\nmost = 1\n"),
        &[
            "f:12:1  limit \"b\": key \"rate\" contradicts strategy = \"concurrent\" on line 11",
            "requests in flight have no rate: remove it",
        ],
    );
    refused(
        &limit(""),
        &["f:9:9  limit \"b\": is \"concurrent\" and most is missing", "add how many may be in flight: most = 10"],
    );
    refused(
        "[limits.b]\nkey = [\"client\"]\nrate = \"1/second\"\nstrategy = \"fixed-window\"\nmost = 3\n",
        &[
            "f:13:1  limit \"b\": key \"most\" contradicts strategy = \"fixed-window\" on line 12",
            "only \"concurrent\" has it: remove it",
        ],
    );
    refused(
        &limit("most = 1\nsettles = true\n"),
        &[
            "f:13:1  limit \"b\": key \"settles\" contradicts strategy = \"concurrent\": places come back by themselves",
            "remove it",
        ],
    );
}
