//! What the tests of this crate build observations from.
#![allow(dead_code, reason = "each test file uses its own part")]

use crossfade_core::Policy;
use crossfade_core::policy::Route;
use crossfade_exchange::{Charge, Exchange, Forward, Observation, Outcome, Request};

pub const POLICY: &str = r#"
version = 1

[client]
trusted_proxies = []
ipv6_prefix = 64

[store]
url = "memory://"

[limits.per-client]
key = ["client"]
rate = "2/minute"
strategy = "fixed-window"

[[route]]
name = "api"
match = ["POST /api/{rest*}"]
limits = ["per-client"]

[route.json]
output = "python"

[route.json.fields]
"name" = { text = ["trim"], wrong_type = "keep" }

[[route.known_difference]]
id = "case"
field = "$.id"
rule = "ascii-case"
reason = "compared without case behind"
owner = "orders"
expires = 2027-01-31
budget = 0.5

[[route]]
name = "loose"
match = ["POST /loose/{rest*}"]

[route.json]
output = "python"
compare = "meaning"

[route.json.fields]
"name" = { text = ["trim"], wrong_type = "keep" }
"#;

pub fn policy() -> Policy {
    Policy::parse("crossfade.toml", POLICY).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn route<'a>(policy: &'a Policy, name: &str) -> &'a Route {
    policy.route(policy.route_named(name).expect("the policy has the route"))
}

pub fn accepted(body: &[u8]) -> Observation {
    let forward = Forward { body: Some(body.to_vec().into()), ..Forward::default() };
    Observation { outcome: Some(Outcome::Accepted(forward)), charges: Some(Vec::new()), ..Observation::default() }
}

pub fn limited(limit: &str, retry_after: Option<u32>) -> Observation {
    Observation {
        outcome: Some(Outcome::Limited { limit: limit.to_owned(), retry_after }),
        charges: Some(vec![charge(limit, b"10.0.0.1", 1)]),
        ..Observation::default()
    }
}

pub fn charge(limit: &str, key: &[u8], cost: u64) -> Charge {
    Charge { limit: limit.to_owned(), key: key.to_vec(), cost }
}

pub fn request(method: &str, path: &str, body: &[u8]) -> Request {
    Request {
        method: method.as_bytes().to_vec(),
        raw_path: path.as_bytes().to_vec(),
        peer: Some("10.0.0.1".to_owned()),
        body: Some(body.to_vec().into()),
        body_bytes: body.len() as u64,
        ..Request::default()
    }
}

pub fn exchange(received_at: u64, request: Request) -> Exchange {
    Exchange {
        version: 1,
        received_at,
        sequence: received_at,
        stage: "imported".to_owned(),
        request,
        ..Exchange::default()
    }
}
