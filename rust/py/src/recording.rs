//! One exchange as it is recorded, for each that wants it.

use crossfade_exchange::stage::Stage;
use crossfade_exchange::wire::Dropped;
use crossfade_exchange::{Exchange, Observation, Request, record};
use crossfade_seam::account::Ticket;
use crossfade_seam::engine::{Engine, Place, clock_micros};
use crossfade_seam::process::Process;

use crate::decision::Decision;

/// Gives an exchange to the capture and to the sidecar. `taken`: the request and what the control did; `None`: they cannot
/// be read. `place`: where a request stands that nothing was decided of.
pub fn record(
    process: &Process,
    engine: &Engine,
    place: Option<Place>,
    now: u64,
    taken: Option<(Request, Option<Observation>)>,
    decision: Option<&Decision>,
) -> bool {
    let ticket = decision.and_then(Decision::ticket);
    let Some((request, control)) = taken else {
        if let Some(ticket) = ticket {
            ticket.drop_for(Dropped::Unreadable);
        }
        count(process, engine, place, false);
        return false;
    };
    let exchange = exchange(process, engine, place, now, request, control, decision);
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

fn offer(process: &Process, exchange: Exchange, mut ticket: Ticket) {
    if let Some(charges) = exchange.control.as_ref().and_then(|control| control.charges.as_ref()) {
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

fn exchange(
    process: &Process,
    engine: &Engine,
    place: Option<Place>,
    now: u64,
    request: Request,
    control: Option<Observation>,
    decision: Option<&Decision>,
) -> Exchange {
    let route = place.map(|place| engine.policy.route(place.route));
    let named = match decision {
        Some(Decision { route, stage, entered, policy, candidate_answers, .. }) => Exchange {
            route: route.clone(),
            stage: (*stage).to_owned(),
            entered: *entered,
            policy: policy.clone(),
            authoritative: if *candidate_answers { "candidate" } else { "control" }.to_owned(),
            ..Exchange::default()
        },
        None => Exchange {
            route: route.map_or_else(String::new, |route| route.name.to_string()),
            stage: place.map_or(Stage::Off, |place| place.stage).word().to_owned(),
            entered: place.map_or(0, |place| place.entered),
            policy: route.map_or_else(String::new, |route| route.digest.to_string()),
            authoritative: "control".to_owned(),
            ..Exchange::default()
        },
    };
    Exchange {
        version: record::VERSION,
        received_at: now,
        worker: u64::from(std::process::id()),
        epoch: process.epoch,
        sequence: process.next_sequence(),
        elapsed: clock_micros().saturating_sub(now).saturating_mul(1_000),
        request,
        control,
        candidate: decision.map(|decision| decision.observation.clone()),
        build: crossfade_seam::BUILD.to_owned(),
        control_digest: process.control(),
        ..named
    }
}
