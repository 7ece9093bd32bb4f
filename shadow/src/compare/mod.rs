//! What two observations of one request differ in. Pure: the same arguments give the same differences.

mod body;
mod difference;
mod headers;
mod json;

use crossfade_core::policy::{CompareBody, Route};
use crossfade_exchange::{Charge, Forward, Observation, Outcome, Request};

pub use difference::{Difference, Kind, Value};
use difference::{Found, word};

/// Compares what the control and the candidate did with `request` on `route`.
///
/// An empty list means that everything both sides reported is equal. What a side does not report (charges, seconds of a
/// refusal) is not compared here; [`unreported`] says so. A side that decided nothing differs from one that did.
pub fn compare(route: &Route, request: &Request, control: &Observation, candidate: &Observation) -> Vec<Difference> {
    let mut found = Found::default();
    outcomes(route, request, control, candidate, &mut found);
    if let (Some(control), Some(candidate)) = (&control.charges, &candidate.charges) {
        charges(control, candidate, &mut found);
    }
    found.into_list()
}

/// What one of the sides did not report, so that [`compare`] could not look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unreported {
    /// Hits of limits.
    pub charges: bool,
    /// Seconds until a retry can succeed.
    pub retry_after: bool,
}

/// Says which parts of the two observations could not be compared.
pub fn unreported(control: &Observation, candidate: &Observation) -> Unreported {
    let retry_after = match (&control.outcome, &candidate.outcome) {
        (
            Some(Outcome::Limited { retry_after: control, .. }),
            Some(Outcome::Limited { retry_after: candidate, .. }),
        ) => control.is_none() || candidate.is_none(),
        _ => false,
    };
    Unreported { charges: control.charges.is_none() || candidate.charges.is_none(), retry_after }
}

fn outcomes(route: &Route, request: &Request, control: &Observation, candidate: &Observation, found: &mut Found) {
    if control.raised.is_some() || candidate.raised.is_some() {
        // Even two equal exceptions are none that the policy speaks of.
        if control.raised != candidate.raised || control.outcome != candidate.outcome {
            found.add("outcome", Kind::Raised, word(name_of(control)), word(name_of(candidate)));
        }
        return;
    }
    match (&control.outcome, &candidate.outcome) {
        (Some(Outcome::Accepted(control)), Some(Outcome::Accepted(candidate))) => {
            accepted(route, request, control, candidate, found);
        }
        (
            Some(Outcome::Limited { limit, retry_after }),
            Some(Outcome::Limited { limit: candidate_limit, retry_after: candidate_retry }),
        ) => {
            if limit != candidate_limit {
                found.add_limit("limit", Kind::Limit, limit, word(limit), word(candidate_limit));
            } else if let (Some(a), Some(b)) = (retry_after, candidate_retry)
                && a != b
            {
                found.add_limit("retry_after", Kind::Value, limit, word(a), word(b));
            }
        }
        (
            Some(Outcome::Invalid { code, field }),
            Some(Outcome::Invalid { code: candidate_code, field: candidate_field }),
        ) => {
            if code != candidate_code {
                found.add("outcome", Kind::Code, word(code), word(candidate_code));
            }
            if field != candidate_field {
                let name = |field: &Option<String>| field.as_ref().map_or(Value::Absent, word);
                found.add("outcome", Kind::Field, name(field), name(candidate_field));
            }
        }
        (Some(Outcome::Outside { status }), Some(Outcome::Outside { status: candidate_status }))
            if status == candidate_status => {}
        _ if decided_nothing(control) && decided_nothing(candidate) => {}
        _ => {
            let limit = [control, candidate].into_iter().find_map(|side| match &side.outcome {
                Some(Outcome::Limited { limit, .. }) => Some(limit.clone()),
                _ => None,
            });
            let sides = (word(name_of(control)), word(name_of(candidate)));
            found.push(Difference::new("outcome", Kind::Outcome, sides.0, sides.1).of_limit(limit));
        }
    }
}

fn decided_nothing(side: &Observation) -> bool {
    side.outcome.is_none() && side.unsupported.is_none() && side.failed.is_none()
}

/// The name under which outcomes are counted: `accepted`, `limited:NAME`, `invalid:CODE`, `outside:STATUS`, `raised:CLASS`,
/// `unsupported:CODE`, `failed`, or `none` for a side that decided nothing.
pub fn name_of(side: &Observation) -> String {
    match &side.outcome {
        Some(Outcome::Accepted(_)) => "accepted".to_owned(),
        Some(Outcome::Limited { limit, .. }) => format!("limited:{limit}"),
        Some(Outcome::Invalid { code, .. }) => format!("invalid:{code}"),
        Some(Outcome::Outside { status }) => format!("outside:{status}"),
        None => match (&side.raised, &side.unsupported, &side.failed) {
            (Some(raised), ..) => format!("raised:{}", raised.kind),
            (_, Some(code), _) => format!("unsupported:{code}"),
            (_, _, Some(_)) => "failed".to_owned(),
            _ => "none".to_owned(),
        },
    }
}

/// Compares the requests that go on. A part that a side leaves alone is the client's own bytes.
fn accepted<'a>(route: &Route, request: &'a Request, control: &'a Forward, candidate: &'a Forward, found: &mut Found) {
    for (place, control, candidate, own) in [
        ("path", control.path.as_deref(), candidate.path.as_deref(), &request.raw_path),
        ("query", control.query.as_deref(), candidate.query.as_deref(), &request.query),
    ] {
        let (control, candidate) = (control.unwrap_or(own), candidate.unwrap_or(own));
        if control != candidate {
            found.add(place, Kind::Value, Value::Bytes(control.clone()), Value::Bytes(candidate.clone()));
        }
    }
    if control.headers != candidate.headers {
        headers::diff(request, control, candidate, found);
    }
    let own: &[u8] = request.body.as_ref().map_or(&[], |body| body);
    let part = |side: &'a Forward| side.body.as_ref().map_or(own, |body| body);
    let meaning = route.json.as_ref().is_some_and(|json| json.compare == CompareBody::Meaning);
    body::diff(part(control), part(candidate), meaning, found);
}

/// Compares hits of limits in the order in which they were made.
fn charges(control: &[Charge], candidate: &[Charge], found: &mut Found) {
    for index in 0..control.len().max(candidate.len()) {
        match (control.get(index), candidate.get(index)) {
            (Some(a), Some(b)) if a.limit != b.limit => {
                found.add_limit("charges", Kind::Limit, &a.limit, word(&a.limit), word(&b.limit));
            }
            (Some(a), Some(b)) => {
                if a.key != b.key {
                    let sides = (Value::Bytes(a.key.clone()), Value::Bytes(b.key.clone()));
                    found.add_limit("charges", Kind::Key, &a.limit, sides.0, sides.1);
                }
                if a.cost != b.cost {
                    found.add_limit("charges", Kind::Cost, &a.limit, word(a.cost), word(b.cost));
                }
            }
            (Some(a), None) => found.add_limit("charges", Kind::Absent, &a.limit, word(&a.limit), Value::Absent),
            (None, Some(b)) => found.add_limit("charges", Kind::Absent, &b.limit, Value::Absent, word(&b.limit)),
            (None, None) => {}
        }
    }
}
