//! The order of the steps. Each step lives in a module of its own; this file is the story.

use crate::limit::{LimitId, Limiter};
use crate::outcome::{Normalized, Outcome, Part, Stop, Unsupported};
use crate::policy::{LimitsCharge, LimitsStand, Policy, Route, RouteId};
use crate::rollout::Checks;
use crate::{Request, Scratch, Timestamp, body, client, head, target};

/// Decides one request of `route` at `now`.
///
/// Writes the normalised parts, the charges and the rules that changed something into `scratch`, which it clears first.
/// A refusal by one of several limits leaves the earlier ones consumed, as the services do that call `limits` one
/// limit after the other, unless the route says that it is all or nothing. Places in flight come back with any refusal;
/// else they are the caller's to give back ([`Scratch::places`]), also where the control must judge: its answer is in
/// flight.
///
/// # Errors
///
/// [`Unsupported`] when the request is outside the declared domain and the control must judge. Charges that were made
/// before that was known are in `scratch` all the same.
pub fn admit(
    policy: &Policy,
    route: RouteId,
    limiter: &impl Limiter,
    request: &Request<'_>,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Result<Outcome, Unsupported> {
    scratch.clear();
    scratch.now = now;
    let route = policy.route(route);
    let decided = steps(policy, route, limiter, request, now, scratch)
        .or_else(|stop| stop.answer(route.outside).map(Outcome::Invalid));
    if matches!(decided, Ok(Outcome::Limited { .. } | Outcome::Invalid(_))) {
        // What is refused is not in flight.
        scratch.places(policy).for_each(|taken| {
            limiter.finish(policy.limit(taken.limit), taken.key, taken.cost, None);
        });
        scratch.gave_back();
    }
    decided
}

fn steps(
    policy: &Policy,
    route: &Route,
    limiter: &impl Limiter,
    request: &Request<'_>,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Result<Outcome, Stop> {
    client::address(&policy.client, request, &mut scratch.client);
    if route.limits_stand == LimitsStand::BeforeBody
        && let Some(limited) = charge(policy, route, limiter, request, now, scratch)?
    {
        return Ok(limited);
    }
    let normalized = normalize(route, request, scratch)?;
    if route.limits_stand == LimitsStand::AfterBody
        && let Some(limited) = charge(policy, route, limiter, request, now, scratch)?
    {
        return Ok(limited);
    }
    Ok(Outcome::Accepted(normalized))
}

/// Hits the route's limits: one after the other until one refuses, or all of them or none.
fn charge(
    policy: &Policy,
    route: &Route,
    limiter: &impl Limiter,
    request: &Request<'_>,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Result<Option<Outcome>, Stop> {
    for &id in &route.limits {
        let limit = policy.limit(id);
        let cost = limit.cost.of(request);
        match scratch.charge(id, cost, |client, out| limit.key.write(&route.name, client, request, out)) {
            Ok(true) => {}
            Ok(false) => continue,
            // Without the check the limit does not apply, as with on_missing = "skip".
            Err(stop) => {
                Checks::new(&route.rollouts, &mut scratch.remarks).fired(stop)?;
                continue;
            }
        }
        if route.limits_charge == LimitsCharge::Sequential && !scratch.hit(limit, limiter, now) {
            return Ok(Some(limited(scratch, id, now)));
        }
    }
    if route.limits_charge == LimitsCharge::Atomic
        && let Err(id) = scratch.hit_all(policy, limiter, now)
    {
        return Ok(Some(limited(scratch, id, now)));
    }
    Ok(None)
}

/// The refusal by the hit that was made last.
fn limited(scratch: &Scratch, limit: LimitId, now: Timestamp) -> Outcome {
    Outcome::Limited { limit, retry_after: scratch.hits().last().map_or(1, |hit| hit.retry_after(now)) }
}

/// Part after part, in the order in which the reasons of a request with several faults are found.
fn normalize(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Normalized, Stop> {
    let path = part(route, scratch, |scratch| target::path(route, request, scratch))?;
    let query = part(route, scratch, |scratch| target::query(route, request, scratch))?;
    let host = part(route, scratch, |scratch| head::host(route, request, scratch))?;
    let headers = part(route, scratch, |scratch| head::headers(route, request, host, scratch))?;
    let headers = head::with_host(request, host, headers, scratch);
    let body = part(route, scratch, |scratch| body::normalize(route, request, scratch))?;
    Ok(Normalized { path, query, headers, body })
}

/// Runs the step of one part. A check that stops it but is not enforced leaves the whole part as it came.
fn part(
    route: &Route,
    scratch: &mut Scratch,
    step: impl FnOnce(&mut Scratch) -> Result<Part, Stop>,
) -> Result<Part, Stop> {
    let before = scratch.exercised.len();
    step(scratch).or_else(|stop| {
        Checks::new(&route.rollouts, &mut scratch.remarks).fired(stop)?;
        scratch.exercised.truncate(before);
        Ok(Part::Same)
    })
}
