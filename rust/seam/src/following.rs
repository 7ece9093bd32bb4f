//! The stage of each route in this process: that of the stage file, or a lower one.

use std::sync::atomic::Ordering;

use crossfade_exchange::stage::{Stage, Stages, Subject};

use crate::engine::Engine;

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
            state.switch.set(&route.name, row, if ours { Stage::Live } else { Stage::Shadow });
        }
        for (route, state) in self.policy.routes.iter().zip(&self.routes) {
            let shares = self.policy.routes.iter().zip(&self.routes).any(|(other, others)| {
                other.name != route.name
                    && others.switch.stage() != Stage::Live
                    && !self.policy.store.is_the_controls()
                    && route.limits.iter().any(|&id| other.limits.contains(&id) && self.tally.crosses_routes(id))
            });
            state.shares.store(shares, Ordering::Relaxed);
        }
        self.tally.set_busy(self.routes.iter().any(|state| state.switch.stage() != Stage::Off));
        held
    }
}
