//! Counts of limits, from and to the control's storage, in the shapes that `crossfade.observe._kept` documents.

use crossfade_core::limit::{KeyState, Limit, fixed_window, sliding_window};
use crossfade_core::{Policy, Timestamp};
use crossfade_seam::engine::{Engine, Place};
use pyo3::prelude::*;

use crate::scope::Parts;

/// Reads of one count that may be overtaken by hits of other threads, before the candidate waits instead.
const TRIES: usize = 3;

/// Strategy, amount and seconds of a limit.
type Terms<'a> = (&'a str, u64, u64);

fn terms(limit: &Limit) -> Terms<'_> {
    (limit.strategy.name(), limit.rate.amount, limit.rate.window())
}

/// The limit of that name, if it is of these terms: counts of others are no use.
pub fn limit<'a>(policy: &'a Policy, name: &str, of: Terms<'_>) -> Option<&'a Limit> {
    policy.limits.iter().find(|limit| &*limit.name == name).filter(|limit| terms(limit) == of)
}

/// Seconds since the epoch, as Python's clock gives them.
pub fn timestamp(seconds: f64) -> Timestamp {
    // `as` saturates.
    Timestamp::from_micros((seconds * 1e6).round() as u64)
}

/// Seeds the candidate with the control's counts of the keys that a request is counted under, where they are short.
/// `count_of` is `crossfade.observe._handover.count_of`. Runs Python code.
#[cold]
pub fn seed(count_of: &Bound<'_, PyAny>, engine: &Engine, place: Place, parts: &Parts<'_>, now: u64) {
    let (policy, tally, now) = (&engine.policy, engine.tally(), Timestamp::from_micros(now));
    let keys = parts.with_request(&[], |request| tally.short_keys(policy, policy.route(place.route), request, now));
    for (id, key) in keys.unwrap_or_default() {
        let limit = policy.limit(id);
        for _ in 0..TRIES {
            let alone = tally.alone(id);
            // Not known, or not to be had: the candidate waits until it does not matter any more.
            let Some(state) = ask(count_of, limit, &key, now) else { break };
            if tally.seed(limit, &key, &state, alone, now) {
                break;
            }
        }
    }
}

fn ask(count_of: &Bound<'_, PyAny>, limit: &Limit, key: &[u8], now: Timestamp) -> Option<KeyState> {
    let key = std::str::from_utf8(key).ok()?;
    let count = count_of.call1((&*limit.name, terms(limit), key, now.seconds())).ok()?;
    if count.is_none() {
        return None;
    }
    match limit.strategy.name() {
        "fixed-window" => {
            let (expiry, count) = count.extract().ok()?;
            Some(KeyState::Fixed(fixed_window::State { expiry, count }))
        }
        "moving-window" => Some(KeyState::Moving(count.extract().ok()?)),
        "sliding-window-counter" => {
            let (newest, counts) = count.extract().ok()?;
            Some(KeyState::Sliding(sliding_window::State { newest, counts }))
        }
        _ => None,
    }
}

/// A count as Python has it; `None` for those that `limits` has no such strategy for.
pub fn to_python<'py>(py: Python<'py>, state: KeyState) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match state {
        KeyState::Fixed(state) => (state.expiry, state.count).into_pyobject(py)?.into_any(),
        KeyState::Moving(stamps) => stamps.into_pyobject(py)?.into_any(),
        KeyState::Sliding(state) => (state.newest, state.counts).into_pyobject(py)?.into_any(),
        KeyState::Gcra(_) | KeyState::RedisSliding(_) => return Ok(None),
    }))
}
