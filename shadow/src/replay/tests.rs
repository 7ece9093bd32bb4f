//! Laws of the plan: which worker runs what.

use std::collections::{HashMap, HashSet};

use crossfade_core::Policy;
use crossfade_exchange::{Exchange, Request};
use proptest::prelude::*;

use super::lanes::lanes;
use super::prepare::{Capture, prepare};

const POLICY: &str = r#"
version = 1
[client]
trusted_proxies = []
ipv6_prefix = 64
[store]
url = "memory://"
[limits.client]
key = ["client"]
rate = "2/minute"
strategy = "fixed-window"
[limits.tenant]
key = ["header:x-tenant"]
on_missing = "skip"
rate = "2/minute"
strategy = "fixed-window"
[[route]]
name = "both"
match = ["GET /both"]
limits = ["client", "tenant"]
[[route]]
name = "none"
match = ["GET /none"]
"#;

fn policy() -> Policy {
    Policy::parse("crossfade.toml", POLICY).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A request of one of the routes, by one of a few clients and tenants, in one of a few workers.
fn exchange() -> impl Strategy<Value = Exchange> {
    (0..50_u64, 0..3_u64, 0..6_u8, prop::option::of(0..6_u8), any::<bool>()).prop_map(
        |(received_at, worker, client, tenant, both)| {
            let tenant = tenant.map(|tenant| (b"x-tenant".to_vec().into(), vec![b'a' + tenant].into()));
            let request = Request {
                method: b"GET".to_vec(),
                raw_path: if both { b"/both".to_vec() } else { b"/none".to_vec() },
                headers: tenant.into_iter().collect(),
                peer: Some(format!("10.0.0.{client}")),
                ..Request::default()
            };
            Exchange { received_at, worker, epoch: 1, request, ..Exchange::default() }
        },
    )
}

/// What each exchange counts under, as the policy above says.
fn keys(exchange: &Exchange) -> Vec<String> {
    if exchange.request.raw_path != b"/both" {
        return Vec::new();
    }
    let client = format!("{} client {:?}", exchange.worker, exchange.request.peer);
    let tenant = exchange.request.headers.iter().map(|(_, tenant)| format!("{} tenant {tenant:?}", exchange.worker));
    std::iter::once(client).chain(tenant).collect()
}

fn order(capture: &Capture) -> Vec<u64> {
    capture.exchanges.iter().map(|prepared| prepared.exchange.received_at).collect()
}

proptest! {
    /// Every exchange is in one lane, in the order of time; no key and no worker's memory is in two.
    #[test]
    fn no_key_is_counted_in_two_workers(exchanges in prop::collection::vec(exchange(), 1..60), workers in 1..5_usize, serial: bool) {
        let capture = prepare(&policy(), exchanges, None);
        prop_assert!(order(&capture).is_sorted());
        let plan = lanes(&capture, workers, serial, |_| true);
        let mut seen = HashSet::new();
        let mut lane_of_key = HashMap::new();
        let mut lanes_of_home: HashMap<u64, HashSet<usize>> = HashMap::new();
        for (number, lane) in plan.iter().enumerate() {
            prop_assert!(lane.exchanges.is_sorted());
            for &index in &lane.exchanges {
                prop_assert!(seen.insert(index));
                let exchange = &capture.exchanges[index as usize].exchange;
                prop_assert_eq!(capture.exchanges[index as usize].home, lane.home);
                for key in keys(exchange) {
                    prop_assert_eq!(*lane_of_key.entry(key).or_insert(number), number);
                }
                // Imported traffic, worker 0, is a memory like any other.
                lanes_of_home.entry(exchange.worker).or_default().insert(number);
            }
        }
        prop_assert_eq!(seen.len(), capture.exchanges.len());
        if serial {
            prop_assert!(lanes_of_home.values().all(|lanes| lanes.len() == 1));
        }
        prop_assert_eq!(plan, lanes(&capture, workers, serial, |_| true));
    }

    /// A replay of one route runs everything that shares a key with it, so its verdicts are those of a whole replay.
    #[test]
    fn one_route_alone_keeps_what_shares_its_keys(exchanges in prop::collection::vec(exchange(), 1..60)) {
        let policy = policy();
        let both = policy.route_named("both");
        let of_route = |capture: &Capture| capture.exchanges.iter().filter(|prepared| prepared.route == both).count();
        let whole = prepare(&policy, exchanges.clone(), None);
        let part = prepare(&policy, exchanges, both);
        prop_assert_eq!(of_route(&whole), of_route(&part));
        prop_assert_eq!(part.exchanges.iter().filter(|prepared| prepared.reported).count(), of_route(&part));
    }
}
