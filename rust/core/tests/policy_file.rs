//! Laws of the policy file: what it says is what the policy holds, and the digest follows the decision only.

use std::net::IpAddr;
use std::time::Duration;

use crossfade_core::Policy;
use crossfade_core::field::Op;
use crossfade_core::field::text::Step;
use crossfade_core::key::{KeyPart, OnMissing};
use crossfade_core::limit::{LimitId, Strategy};
use crossfade_core::policy::{
    Backslash, BadTriplet, Bare, CompareBody, DifferenceRule, Dots, Duplicates, EncodedReserved, EncodedSpecial,
    LimitsStand, Misfit, Nul, Outside, Params, PathCase, Profile, Rejects, RuleId, Sort, TrailingSlash, Unknown,
    UnknownParameter,
};
use crossfade_core::target::rule;

const SURFACE: &str = include_str!("policy_cases/surface.toml");
const EVERYTHING: &str = include_str!("policy_cases/everything.toml");

fn parse(text: &str) -> Policy {
    match Policy::parse("crossfade.toml", text) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

fn digest(text: &str, route: &str) -> String {
    let policy = parse(text);
    let id = policy.route_named(route).expect("the route exists");
    policy.route(id).digest.to_string()
}

#[test]
fn the_first_file_of_a_user_is_read() {
    let policy = parse(SURFACE);
    assert_eq!((policy.store.scheme(), policy.store.max_keys()), ("memory", 1_000_000));
    assert_eq!(policy.client.trusted_proxies[0].address, IpAddr::from([10, 0, 0, 0]));
    let route = &policy.routes[0];
    assert_eq!((&*route.name, route.patterns.len(), route.limits.len()), ("api.write", 2, 1));
    assert_eq!(route.max_body, Some(64 * 1024));
    assert_eq!((route.gate.mismatch_below, route.gate.dwell), (Some(1e-3), Some(Duration::from_secs(86_400))));
    let known = &route.known_differences[0];
    assert_eq!((&*known.id, known.rule, &*known.expires), ("uuid-case", DifferenceRule::AsciiCase, "2027-01-31"));
    let paths: Vec<_> = route.json.as_ref().expect("a body").fields.iter().map(|f| &*f.path).collect();
    assert_eq!(paths, ["name", "customer.email", "items[*].price", "created_at", "status"], "in the file's order");
    assert_eq!(policy.route_of(b"PUT", b"/api/orders/7"), policy.route_named("api.write"));
    assert_eq!(policy.route_of(b"PUT", b"/api/orders"), None);
}

#[test]
fn every_key_arrives() {
    let policy = parse(EVERYTHING);
    assert_eq!((policy.client.ipv6_prefix, policy.store.max_keys()), (56, 5_000));
    assert_eq!(policy.client.trusted_proxies[2].prefix, 32, "an address alone is a network of one");
    let [one, two, three, four] = &policy.limits[..] else { panic!("four limits") };
    assert_eq!((one.strategy, &one.key.on_missing), (Strategy::FixedWindow, &OnMissing::Share("nobody".into())));
    let parts = [KeyPart::Literal("a:b".into()), KeyPart::Client, KeyPart::Route, KeyPart::Header("x-api-key".into())];
    assert_eq!(one.key.parts, parts);
    assert_eq!((two.strategy, &two.key.on_missing), (Strategy::SlidingWindowCounter, &OnMissing::Skip));
    assert_eq!((three.strategy, &three.key.on_missing), (Strategy::Gcra { burst: 5 }, &OnMissing::Reject));
    assert_eq!(four.strategy, Strategy::MovingWindow);

    let [all, bare, off] = &policy.routes[..] else { panic!("three routes") };
    assert_eq!(
        (all.limits_stand, all.outside, all.rejects),
        (LimitsStand::AfterBody, Outside::Reject, Rejects::ProblemJson)
    );
    assert_eq!((&all.limits[..], all.cutover_key), (&[LimitId(2), LimitId(0)][..], Some(LimitId(3))));
    let target = all.target.as_ref().expect("a target");
    assert_eq!((target.merge_slashes, target.dots), (false, Dots::Strict), "a route overrides key by key");
    assert_eq!(target.encoded_reserved, EncodedReserved::Keep);
    let query = target.query.as_ref().expect("a query");
    assert_eq!((query.sort, query.space_as_plus, query.drop.len()), (Sort::ByName, false, 2));
    assert!(query.drop[0].prefix && !query.drop[1].prefix);
    assert_eq!((target.max_bytes, target.backslash, target.params), (Some(2_048), Backslash::Slash, Params::Strip));
    assert_eq!((target.trailing_slash, target.case), (TrailingSlash::Add, PathCase::AsciiLower));
    assert_eq!(target.encoded_special, EncodedSpecial::Outside);
    let allow = query.allow.as_ref().expect("allowed names");
    assert_eq!((allow.names.len(), allow.unknown), (3, UnknownParameter::Reject));
    assert_eq!(
        (query.expected.required(), query.expected.defaults()),
        (&["q".into()][..], &[("page".into(), "1".into())][..])
    );
    assert_eq!((query.duplicates, query.bare), (Duplicates::Join, Bare::Keep));
    assert_eq!((query.bad_triplet, query.nul), (BadTriplet::Reject, Nul::Reject));
    assert_eq!((query.max_params, query.max_name_bytes, query.max_value_bytes), (Some(9), Some(8), Some(1_024)));

    let json = all.json.as_ref().expect("a body");
    assert_eq!((json.output, json.unknown, json.compare), (Profile::PythonUtf8, Unknown::Reject, CompareBody::Meaning));
    let names: Vec<_> = all.rules.iter().map(|rule| (&*rule.place, &*rule.operation)).collect();
    assert_eq!(names[..13], rule::NAMES, "the rules of the target come first");
    assert_eq!((names[13], names[14]), (("host", "normalize"), ("headers", "lower")), "then host and headers");
    assert_eq!(names[22], ("title", "text"));
    assert!(json.fields.iter().enumerate().all(|(index, field)| field.id == RuleId(index as u16 + 22)));
    let field = |path: &str| json.fields.iter().find(|field| &*field.path == path).expect("a field");
    assert_eq!((field("title").wrong_type, field("title").invalid), (Misfit::Keep, Misfit::Reject));
    let Op::Text(text) = &field("title").op else { panic!("a text") };
    assert_eq!((&text.steps[..], text.max_chars), (&[Step::Trim, Step::Nfc][..], Some(10)));
    let defaults = ["s", "n", "f", "b"].map(|path| field(path).default.as_deref());
    assert_eq!(defaults, [Some(r#""a\"\\\u000aé""#), Some("-12"), Some("1.50"), Some("true")]);
    assert_eq!(&*field("a.\"b.c\"").name, "b.c");

    assert_eq!((&bare.limits[..], bare.cutover_key), (&[][..], Some(LimitId(3))));
    assert_eq!(bare.json.as_ref().map(|json| json.output), Some(Profile::Original));
    assert_eq!((&off.target, off.max_body), (&None, Some(2_048)));
    assert_eq!(off.json.as_ref().expect("a body").fields[0].id, RuleId(0), "without a target fields count from 0");
}

#[test]
fn the_tree_leads_to_every_rule() {
    let policy = parse(EVERYTHING);
    let json = policy.routes[0].json.as_ref().expect("a body");
    let root = &json.tree[0];
    let child = |node: usize, name: &str| {
        let found = json.tree[node].members.iter().find(|(known, _)| &**known == name);
        found.unwrap_or_else(|| panic!("{name}")).1
    };
    assert!(json.tree.iter().all(|node| node.members.is_sorted_by(|(a, _), (b, _)| a < b)));
    let items = json.tree[child(0, "items")].items.expect("items");
    let price = json.tree[child(items, "price")].rule.expect("a rule");
    assert_eq!(&*json.fields[price].path, "items[*].price");
    let dotted = json.tree[child(child(0, "a"), "b.c")].rule.expect("a rule");
    assert_eq!(&*json.fields[dotted].path, "a.\"b.c\"");
    let expected: Vec<_> = root.expected.iter().map(|&rule| &*json.fields[rule].path).collect();
    assert_eq!(expected, ["id", "s", "n", "f", "b"], "required or with a default, in the file's order");
    assert_eq!(json.tree[items].expected.len(), 1);
    let array = policy.routes[2].json.as_ref().expect("a body");
    assert!(array.tree[0].items.is_some(), "a body may be an array");
}

#[test]
fn a_digest_does_not_follow_the_layout_or_what_does_not_decide() {
    let one = digest(EVERYTHING, "all");
    assert_eq!(one.len(), 16);
    assert!(one.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    let (before, after) = EVERYTHING.split_once("# --- another route").expect("the mark");
    for (what, text) in [
        ("comments", EVERYTHING.replace('\n', " # x\n").replace("\\ # x", "\\")),
        ("another file name and other ends of lines", EVERYTHING.replace('\n', "\r\n")),
        ("sizes written differently", EVERYTHING.replace("\"64KiB\"", "65536")),
        ("rates written differently", EVERYTHING.replace("60/minute", "60 per 1 minute")),
        ("gate", EVERYTHING.replace("dwell = \"36h\"", "dwell = \"2d\"")),
        ("known difference", EVERYTHING.replace("budget = 0.5", "budget = 1")),
        ("names in templates", EVERYTHING.replace("{kind}", "{sort}")),
        ("other routes", before.to_owned()),
        ("limits of others", EVERYTHING.replace("7/hour", "8/hour")),
    ] {
        assert!(text != EVERYTHING || after.is_empty(), "{what} changes the text");
        assert_eq!(digest(&text, "all"), one, "{what}");
    }
}

#[test]
fn a_digest_follows_everything_that_decides() {
    let one = digest(EVERYTHING, "all");
    let changes = [
        ("ipv6_prefix = 56", "ipv6_prefix = 64"),
        ("\"10.0.0.0/8\"", "\"10.0.0.0/9\""),
        ("POST /a/{kind}", "POST /b/{kind}"),
        ("GET|HEAD", "GET"),
        ("60/minute", "61/minute"),
        ("burst = 5", "burst = 6"),
        ("literal:a:b", "literal:a:c"),
        ("shared_as = \"nobody\"", "shared_as = \"none\""),
        ("strategy = \"fixed-window\"", "strategy = \"moving-window\""),
        ("limits = [\"three\", \"one\"]", "limits = [\"one\", \"three\"]"),
        ("limits = [\"three\", \"one\"]", "limits = [\"three\"]"),
        ("limits_stand = \"after-body\"", "limits_stand = \"before-body\""),
        ("outside = \"reject\"", "outside = \"unsupported\""),
        ("merge_slashes = false", "merge_slashes = true"),
        ("dots = \"strict\"", "dots = \"clamp\""),
        ("encoded_reserved = \"keep\"", "encoded_reserved = \"outside\""),
        ("\"utm_*\"", "\"utm*\""),
        ("sort = \"name\"", "sort = true"),
        ("space = \"%20\"", "space = \"+\""),
        ("\"64KiB\"", "\"65KiB\""),
        ("output = \"python_utf8\"", "output = \"python\""),
        ("unknown = \"reject\"", "unknown = \"keep\""),
        ("[\"trim\", \"nfc\"]", "[\"nfc\", \"trim\"]"),
        ("max_chars = 10", "max_chars = 11"),
        ("scale = 2", "scale = 3"),
        ("digits = 3", "digits = 2"),
        ("naive = \"utc\"", "naive = \"reject\""),
        ("muted = [\"off\"]", "muted = [\"of\"]"),
        ("default = -12", "default = -13"),
        ("id = { uuid = {}, required = true }", "id = { uuid = {} }"),
        ("invalid = \"keep\"", "invalid = \"reject\""),
    ];
    let mut seen = vec![one];
    for (from, to) in changes {
        let text = EVERYTHING.replacen(from, to, 1);
        assert_ne!(text, EVERYTHING, "{from}");
        let changed = digest(&text, "all");
        assert!(!seen.contains(&changed), "{from} to {to}");
        seen.push(changed);
    }
}

/// What the documentation shows works as shown.
#[test]
fn every_example_of_the_documentation_is_a_policy() {
    let pages = [include_str!("../../../docs/policy.md"), include_str!("../../../docs/policy/target.md")];
    let blocks: Vec<&str> = pages.iter().flat_map(|page| page.split("```toml\n").skip(1)).collect();
    assert!(blocks.len() >= 5);
    for block in blocks {
        parse(block.split("```").next().unwrap_or_default());
    }
}

/// The structural limits bound what is taken and what goes on; a check that is only watched bounds nothing.
#[test]
fn bounds_are_computed() {
    let bounds = |line: &str| {
        let text = format!(
            "version = 1\n[[route]]\nname = \"r\"\nmatch = \"* /{{a*}}\"\n{line}\n[route.target]\nmax_bytes = 100\n\
             query = {{ sort = true }}\n[route.headers]\nmax_bytes = \"8KiB\"\n[route.json]\nmax_bytes = \"1KiB\"\n\
             output = \"python\"\n"
        );
        let policy = Policy::parse("test.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
        policy.routes[0].bounds().map(|bound| (bound.part, bound.taken, bound.forwarded))
    };
    let [path, query, headers, (_, taken, forwarded)] = bounds("");
    assert_eq!(path, ("path", Some(100), Some(100)));
    assert_eq!(query, ("query", Some(1 << 20), Some(1 << 20)));
    assert_eq!(headers, ("headers", Some(8192), Some(8192)));
    assert_eq!(taken, Some(1024));
    // DEL, one byte, is written as six.
    assert!(forwarded.is_some_and(|most| most >= 6 * 1000), "{forwarded:?}");
    let watched = bounds("rollout = { too_large = \"observe\", path_too_long = \"warn\" }");
    assert_eq!((watched[0].1, watched[3].1), (None, None));
}
