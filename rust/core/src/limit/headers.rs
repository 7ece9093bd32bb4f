//! What a response says of a route's limits, in four styles: text made from what the limiter answered to the hits.
//!
//! Two styles are those of Python libraries, byte for byte: Flask-Limiter 4.1.1 and slowapi 0.1.10. They ask the storage
//! once more after the view; here the answer of the hit is told, which is the same where nobody else hit meanwhile.
//! The third is draft-ietf-httpapi-ratelimit-headers-10.

use std::fmt::Write;

use super::{Cost, Hit, Limit, Strategy};
use crate::policy::{Policy, Route};
use crate::{Outcome, Scratch, Timestamp};

/// How a route's responses speak of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitHeaders {
    /// Not at all.
    None,
    /// `X-RateLimit-Limit`, `-Remaining`, `-Reset` in whole seconds, and `Retry-After`, on every response.
    FlaskLimiter,
    /// The same names; the reset is a float as Python writes it.
    Slowapi,
    /// `RateLimit-Policy` and `RateLimit` as structured fields, and `Retry-After` on a refusal.
    Ietf10,
}

/// Name and value of a header.
pub type Header = (&'static str, String);

/// The largest integer of a structured field (RFC 9651 §3.3.1).
const MOST: u64 = 999_999_999_999_999;

/// A limit that was asked, what for, and what it answered.
#[derive(Clone, Copy)]
struct Asked<'a> {
    limit: &'a Limit,
    cost: u64,
    hit: Hit,
    /// It is the one that refused.
    refused: bool,
}

/// The headers that the response to the last decision of `scratch` gets; none where no limit was hit.
pub fn of(policy: &Policy, route: &Route, outcome: &Outcome, scratch: &Scratch) -> Vec<Header> {
    let now = scratch.now;
    // A refusal ends the hits.
    let last = scratch.hits().len().saturating_sub(1);
    let asked = scratch.charges().zip(scratch.hits()).enumerate().map(|(index, (charge, &hit))| Asked {
        limit: policy.limit(charge.limit),
        cost: charge.cost,
        hit,
        refused: index == last && !hit.admitted,
    });
    let mut asked: Vec<_> = asked.collect();
    if route.limit_headers != LimitHeaders::Ietf10 {
        // The libraries know no such limits.
        asked.retain(|asked| !asked.limit.strategy.is_concurrent());
    }
    let refuses = matches!(outcome, Outcome::Limited { .. });
    match route.limit_headers {
        _ if asked.is_empty() => Vec::new(),
        LimitHeaders::None => Vec::new(),
        LimitHeaders::FlaskLimiter => flask_limiter(&asked, now),
        LimitHeaders::Slowapi => slowapi(&asked, now),
        LimitHeaders::Ietf10 => ietf(policy, route, &asked, refuses, now),
    }
}

/// The limit that refused, or else the one with the shortest unit; of several the one that was asked first.
fn most_telling<'a>(asked: &[Asked<'a>], among: impl Fn(&Asked<'a>) -> bool) -> Option<Asked<'a>> {
    let refused = asked.iter().find(|asked| asked.refused);
    let shortest = asked.iter().filter(|asked| among(asked)).min_by_key(|asked| asked.limit.rate.unit.seconds());
    refused.or(shortest).copied()
}

fn flask_limiter(asked: &[Asked<'_>], now: Timestamp) -> Vec<Header> {
    // It rather tells of a limit that the route has for itself than of one that routes share.
    let own = |asked: &Asked<'_>| !asked.limit.key.crosses_routes();
    let Some(told) = most_telling(asked, own).or_else(|| most_telling(asked, |_| true)) else { return Vec::new() };
    let reset = (told.hit.reset + 1.0).trunc();
    x_rate_limit(told, format!("{}", reset as i64), reset, now)
}

fn slowapi(asked: &[Asked<'_>], now: Timestamp) -> Vec<Header> {
    let Some(told) = most_telling(asked, |_| true) else { return Vec::new() };
    let reset = 1.0 + told.hit.reset;
    // `Debug` writes a float as Python's `str` does up to 1e16.
    x_rate_limit(told, format!("{reset:?}"), reset, now)
}

fn x_rate_limit(told: Asked<'_>, reset: String, retry_at: f64, now: Timestamp) -> Vec<Header> {
    let most = told.limit.strategy.most(&told.limit.rate);
    vec![
        ("X-RateLimit-Limit", most.to_string()),
        ("X-RateLimit-Remaining", told.hit.remaining.to_string()),
        ("X-RateLimit-Reset", reset),
        // `as` cuts off the fraction, as `int` does.
        ("Retry-After", ((retry_at - now.seconds()) as i64).to_string()),
    ]
}

fn ietf(policy: &Policy, route: &Route, asked: &[Asked<'_>], refuses: bool, now: Timestamp) -> Vec<Header> {
    let (mut policies, mut states) = (String::new(), String::new());
    for &id in &route.limits {
        let limit = policy.limit(id);
        let Some(cost) = per_request(limit) else { continue };
        let quota = limit.strategy.most(&limit.rate) / cost;
        let separator = if policies.is_empty() { "" } else { ", " };
        let (quota, window) = (quota.min(MOST), refill(limit).min(MOST));
        // Names of limits hold nothing that a String would have to escape.
        let _ = write!(policies, "{separator}\"{}\";q={quota};w={window}", limit.name);
    }
    for asked in asked {
        let Some(cost) = per_request(asked.limit) else { continue };
        // At the very end of a window the library counts what is left without what it still refuses for.
        let requests = if asked.refused { 0 } else { asked.hit.remaining / cost };
        let separator = if states.is_empty() { "" } else { ", " };
        let _ = write!(states, "{separator}\"{}\";r={}", asked.limit.name, requests.min(MOST));
        let more = (requests + 1).saturating_mul(cost);
        if more <= asked.limit.strategy.most(&asked.limit.rate) {
            let _ = write!(states, ";t={}", asked.wait(more, now).min(MOST));
        }
    }
    let mut headers = Vec::with_capacity(3);
    if !policies.is_empty() {
        headers.push(("RateLimit-Policy", policies));
    }
    if !states.is_empty() {
        headers.push(("RateLimit", states));
    }
    if refuses {
        // Of a limit that granted its last too: a retry has to pass all of them.
        let wait = asked.iter().map(|asked| asked.wait(asked.cost, now)).max().unwrap_or(0);
        headers.push(("Retry-After", wait.max(1).to_string()));
    }
    headers
}

/// What every request costs; `None` where that is not known beforehand, so that no number of requests can be told.
fn per_request(limit: &Limit) -> Option<u64> {
    match limit.cost {
        // A quota over time says nothing of requests in flight.
        _ if limit.strategy.is_concurrent() => None,
        Cost::Fixed(cost) if cost > 0 && !limit.settles => Some(cost),
        Cost::Fixed(_) | Cost::Given(_) => None,
    }
}

/// Seconds in which the whole quota comes back, rounded up.
fn refill(limit: &Limit) -> u64 {
    let window = limit.rate.window();
    match limit.strategy {
        Strategy::Gcra { burst } => {
            let seconds = u128::from(window) * u128::from(burst);
            u64::try_from(seconds.div_ceil(u128::from(limit.rate.amount.max(1)))).unwrap_or(u64::MAX)
        }
        Strategy::FixedWindow
        | Strategy::MovingWindow
        | Strategy::SlidingWindowCounter
        | Strategy::Concurrent { .. } => window,
    }
}

impl Asked<'_> {
    /// Whole seconds after which `cost` is granted if nobody else hits meanwhile: never too few. A whole window where
    /// that is never.
    ///
    /// Moving and sliding windows are asked for one unit more than is left, or for all of them: their answer does not say
    /// when the ones between come back.
    fn wait(&self, cost: u64, now: Timestamp) -> u64 {
        let Self { limit, hit, .. } = self;
        let window = limit.rate.window();
        let seconds = hit.reset - now.seconds();
        let next = cost <= hit.remaining.saturating_add(1);
        match limit.strategy {
            _ if cost > limit.strategy.most(&limit.rate) || limit.rate.amount == 0 => window,
            _ if !self.refused && cost <= hit.remaining => 0,
            Strategy::FixedWindow | Strategy::Concurrent { .. } => seconds.ceil() as u64,
            // At the very end of their windows both still count what is about to leave.
            Strategy::MovingWindow if next => seconds.floor() as u64 + 1,
            Strategy::MovingWindow => window + 1,
            Strategy::SlidingWindowCounter if next => seconds.floor() as u64 + 1,
            Strategy::SlidingWindowCounter => 2 * window + 1,
            Strategy::Gcra { .. } if self.refused && cost <= self.cost => seconds.ceil() as u64,
            // Its reset is when the whole burst is back; so much of it can still be missing.
            Strategy::Gcra { burst } => {
                let missing = (burst - cost) as f64 * window as f64 / limit.rate.amount as f64;
                (seconds - missing).ceil() as u64
            }
        }
    }
}
