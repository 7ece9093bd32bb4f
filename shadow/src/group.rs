//! Mismatches that differ in the same way, with one example.

use std::collections::{BTreeMap, HashSet};

use crossfade_core::Policy;
use crossfade_core::policy::Route;

use crate::compare::{Difference, Kind};
use crate::known::{Day, Standing};
use crate::redact::{Redactor, shown};
use crate::replay::{Judged, Options, Prepared};
use crate::report::{Example, Group, KnownReport, NotExplained};

/// Groups of one route. Traffic can make up places without end; what comes later is one group.
pub(crate) const MAX_GROUPS: usize = 200;

/// Where the groups beyond the bound are counted.
const OTHERS: &str = "(other places)";

/// Collects groups in the order of time.
pub struct Groups<'a> {
    options: &'a Options,
    redactor: Redactor,
    groups: BTreeMap<Identity, Found>,
    of_route: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Identity {
    route: String,
    place: String,
    kind: Kind,
    limit: Option<String>,
}

struct Found {
    count: u64,
    keys: HashSet<u64>,
    first_seen: u64,
    last_seen: u64,
    not_explained_by: Option<NotExplained>,
    size: usize,
    example: Example,
}

impl<'a> Groups<'a> {
    /// No groups yet.
    pub fn new(options: &'a Options) -> Self {
        let redactor = Redactor::new(options.show_values);
        Self { options, redactor, groups: BTreeMap::new(), of_route: BTreeMap::new() }
    }

    /// Adds what is unexplained of one exchange. `known` are the known differences of all routes, with their standing.
    pub fn add(&mut self, route: &Route, prepared: &Prepared, judged: &Judged, known: &[KnownReport]) {
        let judgement = &judged.judgement;
        if !judgement.verdict.is_unexplained() {
            return;
        }
        let standing = |index: &usize| {
            let id = &*route.known_differences[*index].id;
            known.iter().find(|known| known.route == *route.name && known.id == id)
        };
        let mut counted = HashSet::new();
        for (difference, covers) in judgement.differences.iter().zip(&judgement.known) {
            let covers: Vec<&KnownReport> = covers.iter().filter_map(standing).collect();
            if covers.iter().any(|known| known.standing == Standing::Live) {
                continue;
            }
            let reason = covers.first().map(|known| NotExplained { id: known.id.clone(), standing: known.standing });
            let identity = self.identity(route, difference);
            // Several differences of one exchange at one place are one exchange.
            let first_here = counted.insert(identity.clone());
            self.put(identity, difference, prepared, reason, first_here);
        }
    }

    fn identity(&mut self, route: &Route, difference: &Difference) -> Identity {
        let identity = Identity {
            route: route.name.to_string(),
            place: difference.place.clone(),
            kind: difference.kind,
            limit: difference.limit.clone(),
        };
        if self.groups.contains_key(&identity) {
            return identity;
        }
        let count = self.of_route.entry(identity.route.clone()).or_default();
        if *count >= MAX_GROUPS {
            return Identity { place: OTHERS.to_owned(), kind: Kind::More, limit: None, ..identity };
        }
        *count += 1;
        identity
    }

    fn put(
        &mut self,
        identity: Identity,
        difference: &Difference,
        prepared: &Prepared,
        not_explained_by: Option<NotExplained>,
        first_here: bool,
    ) {
        let request = &prepared.exchange.request;
        let size = request.raw_path.len() + request.query.len() + request.body_bytes as usize;
        let received_at = prepared.exchange.received_at;
        let example = |groups: &Self| groups.example(difference, prepared);
        match self.groups.get(&identity).map(|found| size < found.size) {
            None => {
                let example = example(self);
                let found = Found {
                    count: 1,
                    keys: HashSet::from([prepared.who]),
                    first_seen: received_at,
                    last_seen: received_at,
                    not_explained_by,
                    size,
                    example,
                };
                self.groups.insert(identity, found);
            }
            Some(smaller) => {
                let example = smaller.then(|| example(self));
                let Some(found) = self.groups.get_mut(&identity) else { return };
                found.count += u64::from(first_here);
                found.keys.insert(prepared.who);
                found.first_seen = found.first_seen.min(received_at);
                found.last_seen = found.last_seen.max(received_at);
                if let Some(example) = example {
                    found.size = size;
                    found.example = example;
                }
            }
        }
    }

    fn example(&self, difference: &Difference, prepared: &Prepared) -> Example {
        let exchange = &prepared.exchange;
        let request = self.options.show_values.then(|| {
            let mut target = [&exchange.request.method, &b" "[..], &exchange.request.raw_path].concat();
            if !exchange.request.query.is_empty() {
                target.push(b'?');
                target.extend_from_slice(&exchange.request.query);
            }
            shown(&target)
        });
        Example {
            worker: exchange.worker,
            epoch: exchange.epoch,
            sequence: exchange.sequence,
            received_at: Day::instant(exchange.received_at),
            request,
            control: self.redactor.value(&difference.control),
            candidate: self.redactor.value(&difference.candidate),
            offset: difference.offset,
        }
    }

    /// The groups, routes in the order of the policy, most frequent first.
    pub fn into_list(self, policy: &Policy) -> Vec<Group> {
        let command = &self.options.names.command;
        let position = |route: &str| policy.route_named(route).map_or(u16::MAX, |id| id.0);
        let mut groups: Vec<Group> = self
            .groups
            .into_iter()
            .map(|(identity, found)| Group {
                reproduce: format!("{command} --only {}", identity.route),
                route: identity.route,
                place: identity.place,
                kind: identity.kind,
                limit: identity.limit,
                count: found.count,
                keys: found.keys.len() as u64,
                first_seen: Day::instant(found.first_seen),
                last_seen: Day::instant(found.last_seen),
                not_explained_by: found.not_explained_by,
                example: found.example,
            })
            .collect();
        // Stable: equal counts stay in the order of places.
        groups.sort_by_key(|group| (position(&group.route), std::cmp::Reverse(group.count)));
        groups
    }
}
