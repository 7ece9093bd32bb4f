//! Keys of limits beside rate and key: what a request costs, in which order limits are hit.

use crossfade_core::Policy;
use crossfade_core::limit::Cost;

const LIMITS: &str = r#"
version = 1
[limits.hours]
key = ["client"]
rate = "100/2 hours"
strategy = "fixed-window"
[limits.sixty-seconds]
key = ["client"]
rate = "10/60 seconds"
strategy = "fixed-window"
[limits.minute]
key = ["client"]
rate = "10/minute"
strategy = "fixed-window"
[limits.ten-minutes]
key = ["client"]
rate = "50/10 minutes"
strategy = "fixed-window"
[[route]]
name = "all"
match = "GET /{path*}"
limits = ["ten-minutes", "hours", "minute", "sixty-seconds"]
"#;

fn hit_order(policy: &Policy) -> Vec<&str> {
    policy.routes[0].limits.iter().map(|&id| &*policy.limit(id).name).collect()
}

/// Flask-Limiter sorts by the unit alone and keeps the order of equal ones: 60 seconds come before a minute, 10 minutes
/// beside it. The cutover key stays that of the first limit listed.
#[test]
fn granularity_is_that_of_the_unit() {
    let listed = Policy::parse("test", LIMITS).expect("a policy");
    let sorted = Policy::parse("test", &format!("{LIMITS}limits_order = \"granularity\"\n")).expect("a policy");
    assert_eq!(hit_order(&listed), ["ten-minutes", "hours", "minute", "sixty-seconds"]);
    assert_eq!(hit_order(&sorted), ["sixty-seconds", "ten-minutes", "minute", "hours"]);
    assert_eq!(listed.routes[0].cutover_key, sorted.routes[0].cutover_key);
    assert_ne!(listed.routes[0].digest, sorted.routes[0].digest, "the order decides");
}

fn with_cost(strategy: &str, cost: &str) -> String {
    format!(
        "version = 1\n[limits.one]\nkey = [\"client\"]\nrate = \"10/minute\"\n{strategy}\ncost = {cost}\n\
         [[route]]\nname = \"all\"\nmatch = \"GET /\"\nlimits = [\"one\"]\n"
    )
}

#[test]
fn a_cost_is_a_number_or_given() {
    for (text, cost) in
        [("0", Cost::Fixed(0)), ("10", Cost::Fixed(10)), ("\"given:tokens\"", Cost::Given("tokens".into()))]
    {
        let policy = Policy::parse("test", &with_cost("strategy = \"fixed-window\"", text)).expect("a policy");
        assert_eq!(policy.limits[0].cost, cost);
    }
    let digest = |cost: &str| {
        let text = with_cost("strategy = \"fixed-window\"", cost);
        Policy::parse("test", &text).expect("a policy").routes[0].digest.clone()
    };
    assert_ne!(digest("1"), digest("2"));
    assert_ne!(digest("2"), digest("\"given:2\""));
}

/// A cost that can never be granted, or that nobody can read, is an error in its place.
#[test]
fn a_cost_that_cannot_be_is_refused() {
    for (strategy, cost, said) in [
        ("strategy = \"moving-window\"", "11", "key \"cost\" is 11, and the limit grants at most 10"),
        ("strategy = \"gcra\"\nburst = 3", "4", "key \"cost\" is 4, and the limit grants at most 3"),
        ("strategy = \"fixed-window\"", "-1", "key \"cost\" is -1"),
        ("strategy = \"fixed-window\"", "\"tokens\"", "key \"cost\" is \"tokens\""),
        ("strategy = \"fixed-window\"", "\"given:\"", "key \"cost\" is \"given:\""),
        ("strategy = \"fixed-window\"", "1.5", "key \"cost\" is a float"),
    ] {
        let errors = Policy::parse("test", &with_cost(strategy, cost)).expect_err(cost).to_string();
        assert!(errors.contains(said), "{cost}: {errors}");
    }
}
