//! One exchange as it is handed over, for each that wants it.

use std::sync::Arc;

use crossfade_core::Request;
use crossfade_exchange::Observation;
use crossfade_exchange::stage::Stage;
use crossfade_exchange::wire::Dropped;
use crossfade_seam::account::Ticket;
use crossfade_seam::emitted::{Emitted, Ended, Known};
use crossfade_seam::engine::{Engine, Place, clock_micros};
use crossfade_seam::process::Process;

use crate::decision::Decision;
use crate::scope::Parts;

/// A request that was read, and when that began.
#[derive(Clone, Copy)]
pub struct Taken<'a, 'py> {
    pub parts: &'a Parts<'py>,
    /// `None` where it is not kept.
    pub body: Option<&'a [u8]>,
    pub body_bytes: u64,
    /// In microseconds since the epoch.
    pub now: u64,
}

impl<'a, 'py> Taken<'a, 'py> {
    /// A request with all of its body.
    pub fn whole(parts: &'a Parts<'py>, body: &'a [u8], now: u64) -> Self {
        Self { parts, body: Some(body), body_bytes: body.len() as u64, now }
    }

    /// Calls `f` with it; `None`: it is not of the shape that ASGI describes.
    pub fn with_request<T>(&self, f: impl FnOnce(&Request<'_>) -> T) -> Option<T> {
        self.parts.with_request(self.body.unwrap_or_default(), f)
    }
}

/// An exchange that a sidecar is to get. Its request was copied where the candidate had read it: it is not read again.
pub struct Wanted {
    pub ticket: Ticket,
    /// `None`: it cannot be read.
    pub exchange: Option<Emitted>,
}

/// Copies a request. `place`: where it stands; `None`: it belongs to no route, or cannot be read. The result `None`: it is
/// not of the shape that ASGI describes.
pub fn copy(
    process: &Process,
    place: Option<(&Engine, Place)>,
    candidate_answers: bool,
    taken: Taken<'_, '_>,
) -> Option<Emitted> {
    let route = place.map(|(engine, place)| engine.policy.route(place.route));
    let known = Known {
        route: route.map_or("", |route| &route.name),
        policy: route.map_or("", |route| &route.digest),
        stage: place.map_or(Stage::Off, |(_, place)| place.stage).word(),
        authoritative: if candidate_answers { "candidate" } else { "control" },
        entered: place.map_or(0, |(_, place)| place.entered),
        received_at: taken.now,
        worker: process.worker,
        epoch: process.epoch,
        body_bytes: taken.body_bytes,
        keeps_body: taken.body.is_some(),
    };
    taken.with_request(|request| Emitted::new(known, request))
}

/// Gives an exchange to the capture and, where there is a ticket, to the sidecar. `exchange` and what the `control` did:
/// `None` where that cannot be read. `place`: where the request stands by what is so now.
pub fn record(
    process: &Process,
    engine: &Engine,
    place: Option<Place>,
    ticket: Option<Ticket>,
    exchange: Option<Emitted>,
    control: Option<Option<Observation>>,
    decision: Option<&Decision>,
) -> bool {
    let Some((exchange, control)) = exchange.zip(control) else {
        if let Some(ticket) = ticket {
            ticket.drop_for(Dropped::Unreadable);
        }
        count(process, engine, place, false);
        return false;
    };
    let exchange = exchange.ended(Ended {
        control_digest: process.control(),
        // Only what can be handed over takes a place.
        sequence: process.next_sequence(),
        at: clock_micros(),
        control,
        candidate: decision.map(|decision| Arc::clone(&decision.observation)),
    });
    match (ticket, &process.emitter) {
        (None, None) => false,
        (Some(ticket), None) => {
            offer(process, exchange, ticket);
            true
        }
        (ticket, Some(emitter)) => {
            if let Some(ticket) = ticket {
                offer(process, exchange.clone(), ticket);
            }
            let queued = emitter.emit(exchange);
            count(process, engine, place, queued);
            queued
        }
    }
}

fn offer(process: &Process, exchange: Emitted, mut ticket: Ticket) {
    if let Some(charges) = exchange.control().and_then(|control| control.charges.as_ref()) {
        ticket.keys.join(charges);
    }
    process.stream.offer(exchange, ticket);
}

/// Counts what the capture got, or did not.
fn count(process: &Process, engine: &Engine, place: Option<Place>, queued: bool) {
    match (&process.emitter, place, queued) {
        (None, ..) => {}
        (_, Some(place), true) => engine.counts(place.route).emitted.add(),
        (_, Some(place), false) => engine.counts(place.route).dropped.add(),
        (_, None, true) => process.passed_emitted.add(),
        (_, None, false) => process.passed_dropped.add(),
    }
}
