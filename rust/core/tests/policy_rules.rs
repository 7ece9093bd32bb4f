//! Which steps and rules of a route can change something: for the others no report asks for traffic.

use crossfade_core::Policy;
use crossfade_core::policy::RuleId;

/// The operations of what the route can take, in order.
fn taken(route: &str) -> Vec<String> {
    let text = format!("version = 1\n[[route]]\nname = 'r'\nmatch = '* /r'\n{route}\n");
    let policy = Policy::parse("f", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let route = &policy.routes[0];
    let named = route.rules.iter().enumerate().filter(|(index, _)| route.can_take(RuleId(*index as u16)));
    named.map(|(_, rule)| rule.operation.to_string()).collect()
}

#[test]
fn headers_change_what_their_keys_say() {
    assert_eq!(taken("[route.host]"), ["normalize"]);
    assert_eq!(taken("[route.headers]"), ["lower", "underscore", "trim", "hop_by_hop", "join"]);
    // Equal lines of Content-Length become one where duplicates are looked for.
    let keep = "[route.headers]\nunderscore = 'keep'\nhop_by_hop = 'keep'\njoin = false\n";
    assert_eq!(taken(keep), ["lower", "trim", "join"]);
    assert_eq!(taken(&format!("{keep}duplicates = 'keep'")), ["lower", "trim"]);
    assert_eq!(taken(&format!("{keep}duplicates = 'keep'\ndrop = ['x-a']")), ["lower", "drop", "trim"]);
    assert_eq!(taken(&format!("{keep}duplicates = 'keep'\ndrop = ['x-*']")), ["lower", "drop", "trim"]);
    let refusing = "[route.headers]\nunderscore = 'reject'";
    assert_eq!(taken(refusing), ["lower", "trim", "hop_by_hop", "join"]);
    let all = "drop = ['x-a']\ncontent_type = 'normalize'\naccept_language = 'normalize'";
    let names = ["lower", "underscore", "drop", "trim", "hop_by_hop", "join", "content_type", "accept_language"];
    assert_eq!(taken(&format!("[route.headers]\n{all}")), names);
    let counted_on = taken(&format!("[route.target]\n[route.host]\n[route.headers]\n{all}"));
    assert_eq!(counted_on, [&["decode", "merge_slashes", "dots", "normalize"], &names[..]].concat());
}

#[test]
fn a_field_rule_changes_what_it_says() {
    let body = |table: &str, rule: &str| {
        taken(&format!("[route.target]\n[route.host]\n[route.headers]\n[route.{table}.fields]\na = {rule}"))
            .split_off(taken("[route.target]\n[route.host]\n[route.headers]").len())
    };
    let json = |rule: &str| body("json]\noutput = 'compact'\n[route.json", rule);
    let form = |rule: &str| body("form", rule);
    for checked in [
        "{ date = {} }",
        "{ required = true }",
        "{ max_chars = 3 }",
        "{ date = {}, required = true, empty = 'keep' }",
        "{ uuid = {}, rollout = 'observe' }",
        "{ uuid = {}, rollout = 'warn' }",
    ] {
        assert!(json(checked).is_empty() && form(checked).is_empty(), "{checked}");
    }
    for changing in [
        "{ text = ['trim'] }",
        "{ uuid = {} }",
        "{ date = {}, default = '2026-01-02' }",
        "{ date = {}, empty = 'drop' }",
        "{ rename = 'b' }",
        "{ drop = true }",
    ] {
        assert_eq!((json(changing).len(), form(changing).len()), (1, 1), "{changing}");
    }
    assert_eq!(json("{ date = {}, null = 'drop' }"), ["date"]);
    assert!(json("{ date = {}, null = 'reject' }").is_empty());
}
