//! The places in flight that one request holds, until it is done.

use std::sync::Arc;
use std::time::Instant;

use crossfade_core::Scratch;
use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{LimitId, Limiter};

use crate::engine::{Engine, clock_micros};
use crate::fork;

/// The places that a request has taken under `concurrent` limits. They come back when it is finished, or when nobody
/// holds it any more: a request that was cancelled or forgotten is not in flight. A fork takes a copy along, which gives
/// nothing back: the request is in flight in the parent.
#[derive(Debug)]
pub struct Permit {
    engine: Arc<Engine>,
    places: Vec<(LimitId, Box<[u8]>, u64)>,
    begun: Instant,
    generation: u64,
}

impl Permit {
    /// The places that the last decision of `scratch` took; `None` if it took none.
    pub fn take(engine: &Arc<Engine>, scratch: &Scratch) -> Option<Self> {
        let places: Vec<_> =
            scratch.places(&engine.policy).map(|place| (place.limit, place.key.into(), place.cost)).collect();
        (!places.is_empty()).then(|| Self {
            engine: Arc::clone(engine),
            places,
            begun: Instant::now(),
            generation: fork::generation(),
        })
    }

    /// Gives the places back, and lets bounds that adapt learn how long the request took and whether it `failed`.
    pub fn finish(mut self, failed: bool) {
        let micros = self.begun.elapsed().as_micros() as u64;
        self.give_back(Some(Sample { micros, failed, now: clock_micros() }));
    }

    fn give_back(&mut self, sample: Option<Sample>) {
        if self.generation != fork::generation() {
            return;
        }
        for (limit, key, cost) in self.places.drain(..) {
            self.engine.store().finish(self.engine.policy.limit(limit), &key, cost, sample);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(None);
    }
}
