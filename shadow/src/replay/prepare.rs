//! What is known of each exchange before anything runs: its route, whose memory it counts in, and who shares its limits.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crossfade_core::policy::{RouteId, Scope};
use crossfade_core::{Policy, client};
use crossfade_exchange::{Exchange, Request};

/// One exchange, in the order of time.
pub struct Prepared {
    /// The exchange as captured.
    pub exchange: Exchange,
    /// Its route in the policy of this replay.
    pub route: Option<RouteId>,
    /// Index of the memory that its counts live in.
    pub home: u32,
    /// Hash of who is counted: the route's cutover key, else the client.
    pub who: u64,
    /// Exchanges of different components share no limit key.
    pub component: u32,
    /// Whether both sides can run it: it has a route, and its body is whole.
    pub runs: bool,
    /// Whether the report is about it; others only run for their counts.
    pub reported: bool,
}

/// A capture, ready to run.
pub struct Capture {
    /// The exchanges, stable by `received_at`.
    pub exchanges: Vec<Prepared>,
    /// How many memories the counts live in.
    pub homes: u32,
}

/// Buffers in which a captured request is lent to the candidate.
#[derive(Default)]
pub struct Lent<'a> {
    headers: Vec<(&'a [u8], &'a [u8])>,
    given: Vec<(&'a str, &'a str)>,
}

impl<'a> Lent<'a> {
    /// `request` as the candidate sees it.
    pub fn request(&mut self, request: &'a Request) -> crossfade_core::Request<'_> {
        self.headers.clear();
        self.headers.extend(request.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
        self.given.clear();
        self.given.extend(request.given.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        crossfade_core::Request {
            method: &request.method,
            raw_path: &request.raw_path,
            query: &request.query,
            headers: &self.headers,
            peer: request.peer.as_deref(),
            body: request.body.as_ref().map_or(&[], |body| body.as_slice()),
            given: &self.given,
        }
    }
}

/// Prepares a capture. With `only`, exchanges that share no limit key with that route are left out, and those that do
/// are kept for their counts: the verdicts of the route are those of a whole replay.
pub fn prepare(policy: &Policy, mut exchanges: Vec<Exchange>, only: Option<RouteId>) -> Capture {
    exchanges.sort_by_key(|exchange| exchange.received_at);
    let mut homes = Homes::new(policy);
    let mut keys = Keys::default();
    let mut first_keys = Vec::with_capacity(exchanges.len());
    let mut prepared: Vec<Prepared> = Vec::with_capacity(exchanges.len());
    for exchange in exchanges {
        let route = policy.route_of(&exchange.request.method, &exchange.request.raw_path);
        let home = homes.of(&exchange);
        let whole = exchange.request.body.is_some() || exchange.request.body_bytes == 0;
        let (who, first) = match route {
            Some(route) => keys.of(policy, route, home, &exchange.request),
            None => (0, None),
        };
        first_keys.push(first);
        prepared.push(Prepared {
            exchange,
            route,
            home,
            who,
            component: 0,
            runs: route.is_some() && whole,
            reported: only.is_none() || route == only,
        });
    }
    let mut alone = keys.parents.len() as u32;
    for (exchange, first) in prepared.iter_mut().zip(first_keys) {
        exchange.component = match first {
            Some(key) => keys.root(key),
            None => {
                alone += 1;
                alone
            }
        };
    }
    if only.is_some() {
        let touched: std::collections::HashSet<u32> =
            prepared.iter().filter(|exchange| exchange.reported).map(|exchange| exchange.component).collect();
        prepared.retain(|exchange| touched.contains(&exchange.component));
    }
    Capture { exchanges: prepared, homes: homes.count }
}

/// Whose memory counts live in: each worker process has its own where the store's scope is worker.
struct Homes {
    per_worker: bool,
    seen: HashMap<(u64, u64), u32>,
    count: u32,
}

impl Homes {
    fn new(policy: &Policy) -> Self {
        Self { per_worker: policy.store.scope() == Scope::Worker, seen: HashMap::new(), count: 0 }
    }

    fn of(&mut self, exchange: &Exchange) -> u32 {
        // Imported traffic is worker 0 and has no process; a live worker that restarts begins with an empty memory.
        let epoch = if exchange.worker == 0 { 0 } else { exchange.epoch };
        let place = if self.per_worker { (exchange.worker, epoch) } else { (0, 0) };
        *self.seen.entry(place).or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }
}

/// Limit keys, and which of them some exchange joins.
#[derive(Default)]
struct Keys {
    ids: HashMap<u64, u32>,
    parents: Vec<u32>,
    client: String,
    key: Vec<u8>,
}

impl Keys {
    /// Hash of who is counted, and one of the exchange's keys, joined with its others. All limits of the route are
    /// looked at, also those that a refusal would keep from being hit.
    fn of(&mut self, policy: &Policy, route: RouteId, home: u32, request: &Request) -> (u64, Option<u32>) {
        let mut lent = Lent::default();
        let request = lent.request(request);
        let route = policy.route(route);
        self.client.clear();
        client::address(&policy.client, &request, &mut self.client);
        let mut who = hash(&(0_u8, self.client.as_bytes()));
        let cutover = route.cutover_key.or(route.limits.first().copied());
        let mut first = None;
        for &id in &route.limits {
            self.key.clear();
            // A limit that is skipped or whose absence refuses the request counts nobody.
            let limit = policy.limit(id);
            if limit.key.write(&route.name, &self.client, &request, &mut self.key) != Ok(true) {
                continue;
            }
            if Some(id) == cutover {
                who = hash(&(1_u8, self.key.as_slice()));
            }
            let key = self.id(hash(&(home, id.0, self.key.as_slice())));
            match first {
                Some(first) => self.join(first, key),
                None => first = Some(key),
            }
        }
        (who, first)
    }

    fn id(&mut self, hash: u64) -> u32 {
        let next = self.parents.len() as u32;
        let id = *self.ids.entry(hash).or_insert(next);
        if id == next {
            self.parents.push(next);
        }
        id
    }

    fn root(&mut self, mut id: u32) -> u32 {
        while self.parents[id as usize] != id {
            let grandparent = self.parents[self.parents[id as usize] as usize];
            self.parents[id as usize] = grandparent;
            id = grandparent;
        }
        id
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

/// A hash that is the same in every run. Two keys that share one are only kept in one worker.
pub fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
