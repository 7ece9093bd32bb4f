//! The stage of each route in this process: that of the stage file, or a lower one.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crossfade_core::Timestamp;
use crossfade_core::limit::Limit;
use crossfade_exchange::stage::{Stage, Stages, Subject};

use crate::account::Keys;
use crate::engine::{Answer, Engine, Place, RouteState};

impl Engine {
    /// Takes over a stage file. A row that was set for another build, policy or control counts as `shadow` at most; returns
    /// the names of the routes that this lowers. `control` identifies the control of this process.
    pub fn follow(&self, stages: &Stages, control: &str) -> Vec<&str> {
        let mut held = Vec::new();
        for (route, state) in self.policy.routes.iter().zip(&self.routes) {
            let row = stages.routes.get(&*route.name);
            let (build, policy) = (crate::BUILD.to_owned(), route.digest.to_string());
            let subject = Subject { build, policy, control: control.to_owned() };
            let ours = row.is_none_or(|row| row.subject.covers(&subject));
            if !ours && row.is_some_and(|row| row.stage > Stage::Shadow) {
                held.push(&*route.name);
            }
            let before = state.stage();
            state.switch.set(&route.name, row, if ours { Stage::Live } else { Stage::Shadow });
            state.sums.breaker.follow(row.map_or(0, |row| row.at));
            if before == Stage::Live && state.stage() != Stage::Live {
                // The control is given what the candidate counted alone, of which nobody was told.
                state.sums.miss_all();
            }
        }
        self.restage();
        held
    }

    /// Notes that the control has charged a key where no exchange will say so: a route that is `off` counts there, for one.
    pub fn untold(&self, limit: &Limit, key: &[u8]) {
        let mut routes = self.policy.routes.iter().zip(&self.routes);
        // A key is missed by all routes that it is told for.
        let told = routes.find(|(route, state)| route.limits.contains(&limit.id) && state.sums.is_registered());
        if let Some((_, state)) = told {
            state.sums.miss(&Keys::of_charges([(&*limit.name, key)].into_iter()));
        }
    }

    /// Lets the control alone judge a route whose candidate failed or took too long, and says so: once.
    pub fn watch(&self, place: Place, answer: Answer, nanos: u64, body: usize, now: Timestamp) -> Option<String> {
        let state = self.state(place.route);
        let why = match answer {
            Answer::Failed => state.sums.breaker.failed(place.entered, now.micros()),
            _ => state.sums.breaker.took(place.entered, nanos, body),
        }?;
        if !state.sums.breaker.pin(place.entered, &why) {
            return None;
        }
        state.counts.pinned.add();
        if place.stage == Stage::Live {
            state.sums.miss_all();
        }
        self.restage();
        let name = &self.policy.route(place.route).name;
        Some(format!("route {name}: {why}; in this process the control alone judges it until its stage is set again"))
    }

    /// Routes whose control is pinned, with why.
    pub fn pins(&self) -> BTreeMap<String, String> {
        let pinned = |state: &RouteState| Some((state.sums.route.to_string(), state.sums.breaker.why()?));
        self.routes.iter().filter_map(pinned).collect()
    }

    /// What follows from the stages of all routes together.
    fn restage(&self) {
        for (route, state) in self.policy.routes.iter().zip(&self.routes) {
            let shares = self.policy.routes.iter().zip(&self.routes).any(|(other, others)| {
                other.name != route.name
                    && others.stage() != Stage::Live
                    && !self.policy.store.is_the_controls()
                    && route.limits.iter().any(|&id| other.limits.contains(&id) && self.tally.crosses_routes(id))
            });
            state.shares.store(shares, Ordering::Relaxed);
        }
        if self.tally.set_busy(self.routes.iter().any(|state| state.stage() != Stage::Off)) {
            self.routes.iter().for_each(|state| state.sums.miss_all());
        }
    }
}
