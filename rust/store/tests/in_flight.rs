//! Laws of limits on requests in flight: places come back with whatever ends a request.

use crossfade_core::limit::Limiter;
use crossfade_core::limit::adaptive::{LEAST, Sample};
use crossfade_core::{Outcome, Policy, Request, Scratch, Timestamp, admit};
use crossfade_store::Memory;

const POLICY: &str = r#"
version = 1
[limits.in-flight]
key = ["client"]
strategy = "concurrent"
most = 2
[limits.rate]
key = ["client"]
rate = "3/minute"
strategy = "moving-window"
[limits.adaptive]
key = ["route"]
strategy = "concurrent"
most = 1000
adaptive = "aimd"
[[route]]
name = "both"
match = "POST /both"
limits = ["in-flight", "rate"]
[route.json]
output = "compact"
[[route]]
name = "backend"
match = "GET /backend"
limits = ["adaptive"]
"#;

struct Service {
    policy: Policy,
    memory: Memory,
    scratch: Scratch,
}

impl Service {
    fn new() -> Self {
        let policy = Policy::parse("test.toml", POLICY).unwrap_or_else(|errors| panic!("{errors}"));
        Self { policy, memory: Memory::new(100), scratch: Scratch::new() }
    }

    fn ask(&mut self, route: &str, body: &[u8]) -> Outcome {
        let headers: [(&[u8], &[u8]); 1] = [(b"content-type", b"application/json")];
        let peer = Some("10.0.0.1");
        let request =
            Request { method: b"POST", raw_path: b"/", query: b"", headers: &headers, peer, body, given: &[] };
        let route = self.policy.route_named(route).expect("the route");
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        admit(&self.policy, route, &self.memory, &request, now, &mut self.scratch).expect("inside the grammar")
    }

    /// Name of the limit that refuses, if one does.
    fn refused_by(&mut self, route: &str) -> Option<String> {
        match self.ask(route, b"{}") {
            Outcome::Limited { limit, .. } => Some(self.policy.limit(limit).name.to_string()),
            _ => None,
        }
    }

    /// Ends the request that was asked for last.
    fn finish(&self, sample: Option<Sample>) -> usize {
        let places = self.scratch.places(&self.policy);
        places.map(|place| self.memory.finish(self.policy.limit(place.limit), place.key, place.cost, sample)).count()
    }
}

/// No more are in flight than the bound, and a place is free again as soon as one ends.
#[test]
fn bounds_what_is_in_flight() {
    let mut service = Service::new();
    assert_eq!(service.refused_by("both"), None);
    assert_eq!(service.refused_by("both"), None);
    assert_eq!(service.refused_by("both").as_deref(), Some("in-flight"));
    assert_eq!(service.ask("both", b"{}"), Outcome::Limited { limit: service.policy.limits[0].id, retry_after: 1 });
    service.ask("backend", b"{}");
    let limit = &service.policy.limits[0];
    service.memory.finish(limit, b"10.0.0.1", 1, None);
    assert_eq!(service.refused_by("both"), None);
    assert_eq!(service.finish(None), 1);
}

/// A request that is refused after it took a place is not in flight: by another limit, or for what it says.
#[test]
fn a_refusal_gives_its_place_back() {
    let mut service = Service::new();
    assert!(matches!(service.ask("both", b"{"), Outcome::Invalid(_)));
    for _ in 0..2 {
        assert_eq!(service.refused_by("both"), None);
        assert_eq!(service.finish(None), 1);
    }
    for _ in 0..5 {
        assert_eq!(service.refused_by("both").as_deref(), Some("rate"));
    }
    let window = service.memory.peek(&service.policy.limits[0], b"10.0.0.1", Timestamp::from_micros(0));
    assert_eq!(window.remaining, 2);
}

/// An adaptive bound begins at its least, grows while requests go well and shrinks when they fail.
#[test]
fn an_adaptive_bound_follows_what_is_measured() {
    let mut service = Service::new();
    let room = |service: &mut Service| {
        let taken = (0..1_000).take_while(|_| service.refused_by("backend").is_none()).count();
        let limit = &service.policy.limits[2];
        service.memory.finish(limit, b"backend", taken as u64, None);
        taken as u64
    };
    assert_eq!(room(&mut service), LEAST);
    let sample = |failed| Some(Sample { micros: 1_000, failed, now: 0 });
    for _ in 0..100 {
        for _ in 0..LEAST {
            assert_eq!(service.refused_by("backend"), None);
        }
        let limit = &service.policy.limits[2];
        (0..LEAST).for_each(|_| service.memory.finish(limit, b"backend", 1, sample(false)));
    }
    // Half of it is in use up to here.
    let grown = room(&mut service);
    assert!((2 * LEAST - 1..=2 * LEAST + 1).contains(&grown), "{grown}");
    service.ask("backend", b"{}");
    service.finish(sample(true));
    assert_eq!(room(&mut service), grown * 9 / 10);
}
