//! One exchange as it is handed over, for each that wants it.

use std::sync::Arc;

use crossfade_exchange::Observation;
use crossfade_exchange::stage::Stage;
use crossfade_exchange::wire::Dropped;
use crossfade_seam::account::Ticket;
use crossfade_seam::emitted::{Emitted, Known};
use crossfade_seam::engine::{Engine, Place, clock_micros};
use crossfade_seam::process::Process;

use crate::decision::Decision;
use crate::scope::Parts;

/// A request that was read, and what the control did.
pub struct Taken<'py, 'b> {
    pub parts: Parts<'py>,
    /// `None` where it is not kept.
    pub body: Option<&'b [u8]>,
    pub body_bytes: u64,
    pub now: u64,
    pub control: Option<Observation>,
}

/// Gives an exchange to the capture and to the sidecar. `taken`: `None` where that cannot be read. `place`: where a request stands that nothing was decided of.
pub fn record(
    process: &Process,
    engine: &Engine,
    place: Option<Place>,
    taken: Option<Taken<'_, '_>>,
    decision: Option<&Decision>,
) -> bool {
    let ticket = decision.and_then(Decision::ticket);
    let Some(emitted) = taken.and_then(|taken| emitted(process, engine, place, taken, decision)) else {
        if let Some(ticket) = ticket {
            ticket.drop_for(Dropped::Unreadable);
        }
        count(process, engine, place, false);
        return false;
    };
    match (ticket, &process.emitter) {
        (None, None) => false,
        (Some(ticket), None) => {
            offer(process, emitted, ticket);
            true
        }
        (ticket, Some(emitter)) => {
            if let Some(ticket) = ticket {
                offer(process, emitted.clone(), ticket);
            }
            let queued = emitter.emit(emitted);
            count(process, engine, place, queued);
            queued
        }
    }
}

fn offer(process: &Process, emitted: Emitted, mut ticket: Ticket) {
    if let Some(charges) = emitted.control().and_then(|control| control.charges.as_ref()) {
        ticket.keys.join(charges);
    }
    process.stream.offer(emitted, ticket);
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

/// `None`: the request is not of the shape that ASGI describes.
fn emitted(
    process: &Process,
    engine: &Engine,
    place: Option<Place>,
    taken: Taken<'_, '_>,
    decision: Option<&Decision>,
) -> Option<Emitted> {
    let Taken { parts, body, body_bytes, now, control } = taken;
    let (engine, place) = decision.map_or((engine, place), |decision| (&*decision.engine, Some(decision.place)));
    let route = place.map(|place| engine.policy.route(place.route));
    let candidate_answers = decision.is_some_and(|decision| decision.candidate_answers);
    let known = Known {
        route: route.map_or("", |route| &route.name),
        policy: route.map_or("", |route| &route.digest),
        control_digest: &process.control(),
        stage: place.map_or(Stage::Off, |place| place.stage).word(),
        authoritative: if candidate_answers { "candidate" } else { "control" },
        entered: place.map_or(0, |place| place.entered),
        received_at: now,
        worker: process.worker,
        epoch: process.epoch,
        elapsed: clock_micros().saturating_sub(now).saturating_mul(1_000),
        body_bytes,
        keeps_body: body.is_some(),
        ..Known::default()
    };
    let candidate = decision.map(|decision| Arc::clone(&decision.observation));
    parts.with_request(body.unwrap_or_default(), |request| {
        // Only what can be handed over takes a place.
        let known = Known { sequence: process.next_sequence(), ..known };
        Emitted::new(known, request, control, candidate)
    })
}
