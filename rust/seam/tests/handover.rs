//! The counts of both sides, key by key, through any order of stages and clocks: each side decides as one that has
//! counted everything.

use crossfade_core::limit::{KeyState, Limit, LimitCharge, LimitId, fixed_window, sliding_window};
use crossfade_core::policy::{LimitsCharge, RouteId};
use crossfade_core::{Limiter, Outcome, Policy, Request, Scratch, Timestamp, admit, client};
use crossfade_seam::tally::Tally;
use crossfade_store::Memory;
use proptest::prelude::*;

const BEGIN: u64 = 1_700_000_000_000_000;
const CLIENTS: [&str; 3] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

fn policy(strategy: &str, charge: &str) -> Policy {
    let text = format!(
        r#"
version = 1
[limits.burst]
key = ["client"]
rate = "2/second"
strategy = "{strategy}"
[limits.steady]
key = ["literal:all", "client"]
rate = "5/10 second"
strategy = "{strategy}"
[[route]]
name = "pages"
match = "GET /"
limits = ["burst", "steady"]
limits_charge = "{charge}"
"#
    );
    Policy::parse("test", &text).expect("a policy")
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// The route is `off`: the candidate does not run.
    Off,
    /// Both sides count.
    Both,
    /// The route is `live`: the control does not run.
    Live,
    /// The route is not `off`, and the candidate cannot be asked.
    Unable,
    /// Both sides count, and then the candidate fails.
    Failed,
}

fn requests() -> impl Strategy<Value = Vec<(Way, usize, u64)>> {
    let way = prop_oneof![
        Just(Way::Off),
        Just(Way::Both),
        Just(Way::Live),
        Just(Way::Live),
        Just(Way::Unable),
        Just(Way::Failed)
    ];
    let gap = prop_oneof![Just(0), Just(100_000), Just(1_000_000), Just(10_000_000), 0u64..3_000_000];
    // Long stretches of one way, as stages are, and single requests between.
    let stretch = (way, prop::collection::vec((0..CLIENTS.len(), gap), 1..9));
    prop::collection::vec(stretch, 1..20).prop_map(|stretches| {
        let each = |(way, rest): (Way, Vec<(usize, u64)>)| rest.into_iter().map(move |(who, gap)| (way, who, gap));
        stretches.into_iter().flat_map(each).collect()
    })
}

/// Which limit refused, and what it said; `None`: granted.
type Decided = Option<(LimitId, u32)>;

fn decided(outcome: Outcome) -> Decided {
    match outcome {
        Outcome::Limited { limit, retry_after } => Some((limit, retry_after)),
        _ => None,
    }
}

/// The two sides, and a store that has counted everything.
struct Sides {
    policy: Policy,
    tally: Tally,
    control: Memory,
    whole: Memory,
    scratch: Scratch,
}

impl Sides {
    fn new(strategy: &str, charge: &str) -> Self {
        let policy = policy(strategy, charge);
        let tally = Tally::new(&policy, 0);
        Self { tally, policy, control: Memory::new(100), whole: Memory::new(100), scratch: Scratch::new() }
    }

    /// Each request is a way, a client, and how long after the one before it comes.
    fn serve_all(&mut self, requests: &[(Way, usize, u64)]) -> Result<(), TestCaseError> {
        let mut now = BEGIN;
        requests.iter().try_for_each(|&(way, who, gap)| {
            now += gap;
            let peer = Some(CLIENTS[who]);
            let request =
                Request { method: b"GET", raw_path: b"/", query: b"", headers: &[], peer, body: b"", given: &[] };
            self.serve(way, &request, Timestamp::from_micros(now))
        })
    }

    fn serve(&mut self, way: Way, request: &Request<'_>, now: Timestamp) -> Result<(), TestCaseError> {
        let id = RouteId(0);
        let whole = admit(&self.policy, id, &self.whole, request, now, &mut self.scratch).map(decided).expect("judged");
        if matches!(way, Way::Off | Way::Unable) {
            self.tally.missed(&self.policy.route(id).limits, now.micros());
        } else {
            prop_assert_eq!(self.candidate(way, request, now)?, whole, "the candidate, {:?}", way);
        }
        if way != Way::Live {
            prop_assert_eq!(self.control(way, request, now), whole, "the control, {:?}", way);
        }
        Ok(())
    }

    /// The candidate's turn, as the binding runs it.
    fn candidate(&mut self, way: Way, request: &Request<'_>, now: Timestamp) -> Result<Decided, TestCaseError> {
        let route = self.policy.route(RouteId(0));
        for (id, key) in self.tally.short_keys(&self.policy, route, request, now) {
            let limit = self.policy.limit(id);
            let state = self.control.state(limit, &key, now).unwrap_or_else(|| match limit.strategy.name() {
                "fixed-window" => KeyState::Fixed(fixed_window::State::default()),
                "moving-window" => KeyState::Moving(Vec::new()),
                _ => KeyState::Sliding(sliding_window::State::default()),
            });
            prop_assert!(self.tally.seed(limit, &key, &state, self.tally.alone(id), now));
        }
        let limiter = self.tally.memory().expect("a memory");
        let outcome = admit(&self.policy, RouteId(0), limiter, request, now, &mut self.scratch).expect("judged");
        prop_assert!(self.tally.warm(&self.policy, &self.scratch, now));
        if way == Way::Failed {
            self.tally.missed(&route.limits, now.micros());
        }
        self.tally.counted(&self.policy, route, &self.scratch, way != Way::Live, now);
        Ok(decided(outcome))
    }

    /// The control's turn, each hit as `crossfade.observe` has it.
    fn control(&self, way: Way, request: &Request<'_>, now: Timestamp) -> Decided {
        let mut address = String::new();
        client::address(&self.policy.client, request, &mut address);
        let route = self.policy.route(RouteId(0));
        let key_of = |limit: &Limit| {
            let mut key = Vec::new();
            limit.key.write(&route.name, &address, request, &mut key).expect("a key");
            key
        };
        let limits: Vec<_> =
            route.limits.iter().map(|&id| (self.policy.limit(id), key_of(self.policy.limit(id)))).collect();
        let at_a_time = if route.limits_charge == LimitsCharge::Atomic { limits.len() } else { 1 };
        for some in limits.chunks(at_a_time) {
            for (limit, key) in some {
                if let Some(state) = self.tally.owed(limit, key, now) {
                    self.control.seed(limit, key, &state, now);
                }
            }
            let charges: Vec<_> = some.iter().map(|(limit, key)| LimitCharge { limit, key, cost: 1 }).collect();
            let mut hits = Vec::new();
            let refused = match at_a_time {
                1 => {
                    hits.push(self.control.hit(charges[0].limit, charges[0].key, 1, now));
                    (!hits[0].admitted).then_some(0)
                }
                _ => self.control.hit_all(&charges, now, &mut hits).err(),
            };
            for (limit, key) in some.iter().filter(|_| way != Way::Both) {
                self.tally.counted_alone(limit, key, 1, now);
            }
            if let Some(index) = refused {
                return Some((charges[index].limit.id, hits.last().expect("the refused hit").retry_after(now)));
            }
        }
        None
    }
}

proptest! {
    /// Whatever way requests go, and in whatever order, each side that decides one decides as if it had counted all of
    /// them: no key starts over, and none is refused for what it did not ask.
    #[test]
    fn no_count_is_lost_or_made_up(
        strategy in prop_oneof![Just("fixed-window"), Just("moving-window"), Just("sliding-window-counter")],
        charge in prop_oneof![Just("sequential"), Just("atomic")],
        requests in requests(),
    ) {
        Sides::new(strategy, charge).serve_all(&requests)?;
    }
}

/// A key that the candidate alone has counted once is not ahead for ever: long after, the control alone counts it, and
/// the candidate takes that over.
#[test]
fn a_key_is_not_ahead_for_ever() -> Result<(), TestCaseError> {
    use Way::{Both, Failed, Live, Off};
    let requests = [
        (Off, 1, 0),
        (Off, 1, 1_000_000),
        (Off, 1, 0),
        (Off, 1, 1_000_000),
        (Off, 1, 0),
        (Off, 0, 645_371),
        (Live, 0, 100_000),
        (Live, 1, 254_629),
        (Failed, 0, 1_000_000),
        (Failed, 0, 10_000_000),
        (Failed, 1, 0),
        (Both, 1, 0),
    ];
    ["sequential", "atomic"].iter().try_for_each(|charge| Sides::new("fixed-window", charge).serve_all(&requests))
}
