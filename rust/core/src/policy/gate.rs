//! `[route.gate]` and `[[route.known_difference]]`: what promotes a route, and what somebody answers for.

use std::time::Duration;

use super::file::{Item, Section};
use super::inherited::count;
use super::limits::check_name;

/// What a route's gate looks at and asks for; `None` is the built-in threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct GatePolicy {
    /// The share of mismatches that must be ruled out, between 0 and 1.
    pub mismatch_below: Option<f64>,
    /// How long a stage has to be watched.
    pub dwell: Option<Duration>,
    /// Shares of the canary's steps in basis points, 1 to 9,999, rising; at least one.
    pub canary: Option<Box<[u16]>>,
    /// The share of keys whose exchanges are compared, above 0 and at most 1. All requests are counted by both sides.
    pub sample: f64,
    /// Where the control runs for the drift sample of a `live` route.
    pub drift: Drift,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self { mismatch_below: None, dwell: None, canary: None, sample: 1.0, drift: Drift::Worker }
    }
}

/// Where the control runs beside a candidate that is `live`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// In the request, before its answer.
    Worker,
    /// In the sidecar's own control process, after the answer.
    Sidecar,
}

const DRIFTS: [(&str, Drift); 2] = [("worker", Drift::Worker), ("sidecar", Drift::Sidecar)];

/// A difference between the sides that somebody answers for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownDifference {
    /// Name, unique in the route.
    pub id: Box<str>,
    /// Where: a JSON path such as `$.id`, or `path`, `query`, `outcome`, `limit`, `retry_after`, `charges`.
    pub field: Box<str>,
    /// Which difference is meant.
    pub rule: DifferenceRule,
    /// Why it is accepted.
    pub reason: Box<str>,
    /// Who answers for it.
    pub owner: Box<str>,
    /// Last day on which it counts, `YYYY-MM-DD`.
    pub expires: Box<str>,
    /// Largest share of the route's exchanges that it may explain, 0 to 1.
    pub budget: f64,
}

/// Which differences a known difference explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceRule {
    /// Equal but for the case of ASCII letters.
    AsciiCase,
    /// Any difference at that place.
    Any,
    /// One side has the field, the other has not.
    Absent,
    /// Both are numbers of the same value written differently.
    NumberText,
}

/// Reads the differences that somebody answers for.
pub(super) fn known_differences(section: &Section<'_>) -> Vec<KnownDifference> {
    let tables = section.get("known_difference").and_then(|item| item.tables()).unwrap_or_default();
    let mut ids: Vec<(&str, usize)> = Vec::new();
    let mut known = Vec::new();
    for (index, (at, table)) in tables.into_iter().enumerate() {
        let place = format!("{}, known_difference {}", section.place, index + 1);
        let section = Section::new(section.file, place, at, table);
        let id = section.require("id", "give it a name, for example id = \"uuid-case\"");
        let name = id.as_ref().and_then(Item::text);
        if let (Some(id), Some(name)) = (&id, name) {
            check_name(id, name, "known difference");
            if let Some((_, line)) = ids.iter().find(|(known, _)| *known == name) {
                id.complain(format_args!("is the id of the one on line {line} too"), "rename one".to_owned());
            }
            ids.push((name, id.line()));
        }
        known.extend(known_difference(&section, name));
        section.finish();
    }
    known
}

fn known_difference(section: &Section<'_>, id: Option<&str>) -> Option<KnownDifference> {
    const RULES: [(&str, DifferenceRule); 4] = [
        ("ascii-case", DifferenceRule::AsciiCase),
        ("any", DifferenceRule::Any),
        ("absent", DifferenceRule::Absent),
        ("number-text", DifferenceRule::NumberText),
    ];
    let field = section.require("field", DIFFERENCE_FIELDS).and_then(|item| {
        let text = item.text()?;
        let named = ["path", "query", "outcome", "limit", "retry_after", "charges"].contains(&text);
        let header = text.strip_prefix("headers.").is_some_and(|name| !name.is_empty());
        if !named && !header && text != "$" && !text.starts_with("$.") && !text.starts_with("$[") {
            item.complain(format_args!("is \"{}\"", text.escape_debug()), DIFFERENCE_FIELDS.to_owned());
        }
        Some(text)
    });
    let rule = section
        .require("rule", "say which difference is meant: ascii-case, number-text, absent or any")
        .and_then(|item| item.choice(&RULES));
    let reason = section.require("reason", "say why it is accepted").and_then(|item| item.prose());
    let owner = section.require("owner", "say who answers for it").and_then(|item| item.prose());
    let expires = section.require("expires", "say until when: expires = 2027-01-31").and_then(|item| date(&item));
    let budget = section.require("budget", "say which share of the exchanges it may explain: budget = 0.01");
    let budget = budget.and_then(|item| {
        let share = item.number()?;
        if !(0.0..=1.0).contains(&share) {
            item.complain(format_args!("is {share}"), "write a share of the exchanges, from 0 to 1".to_owned());
        }
        Some(share)
    });
    Some(KnownDifference {
        id: id?.into(),
        field: field?.into(),
        rule: rule?,
        reason: reason?.into(),
        owner: owner?.into(),
        expires: expires?,
        budget: budget?,
    })
}

const DIFFERENCE_FIELDS: &str =
    "use a JSON path like \"$.id\", or path, query, headers.NAME, outcome, retry_after, charges";

/// A day, as a TOML date or as text.
fn date(item: &Item<'_>) -> Option<Box<str>> {
    let written = match item.raw() {
        toml::de::DeValue::Datetime(date) => date.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let day = is_day(&written);
    if !day {
        let shown = if written.is_empty() { item.raw().type_str() } else { &written };
        item.complain(
            format_args!("is {}, which is no day", shown.escape_debug()),
            "write it like 2027-01-31".to_owned(),
        );
    }
    day.then(|| written.into())
}

fn is_day(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |length| parts.next().filter(|part| part.len() == length).and_then(count);
    let (Some(year), Some(month), Some(day)) = (next(4), next(2), next(2)) else { return false };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    parts.next().is_none() && year > 0 && (1..=days).contains(&day)
}

/// Reads the thresholds of a route.
pub(super) fn gate(item: &Item<'_>) -> Option<GatePolicy> {
    let section = item.section(format!("{}, gate", item.place))?;
    let mismatch_below = section.get("mismatch_below").and_then(|item| {
        let share = item.number()?;
        if !(share > 0.0 && share < 1.0) {
            item.complain(format_args!("is {share}"), "write a share between 0 and 1, for example 1e-3".to_owned());
        }
        Some(share)
    });
    let dwell = section.get("dwell").and_then(|item| duration(&item));
    let canary = section.get("canary").and_then(|item| shares(&item));
    let sample = section.get("sample").and_then(|item| {
        let share = item.number()?;
        if !(share > 0.0 && share <= 1.0) {
            let advice = "write a share of the keys, above 0 and at most 1, for example 0.25";
            item.complain(format_args!("is {share}"), advice.to_owned());
        }
        Some(share)
    });
    let drift = section.get("drift").and_then(|item| item.choice(&DRIFTS));
    section.finish();
    let unsaid = GatePolicy::default();
    let (sample, drift) = (sample.unwrap_or(unsaid.sample), drift.unwrap_or(unsaid.drift));
    Some(GatePolicy { mismatch_below, dwell, canary, sample, drift })
}

/// The shares of a canary in percent, `[1, 10]`, as basis points.
fn shares(item: &Item<'_>) -> Option<Box<[u16]>> {
    // More steps than this nobody watches; each lasts a dwell.
    const MOST: usize = 16;
    const ADVICE: &str = "write rising shares in percent, each from 0.01 to 99.99, for example [1, 10]";
    let written = item.numbers()?;
    let shares: Vec<u16> = written.iter().filter_map(|&percent| basis_points(percent)).collect();
    let rising = shares.windows(2).all(|two| two[0] < two[1]);
    if written.is_empty() || written.len() > MOST || shares.len() != written.len() || !rising {
        item.complain(format_args!("is {written:?}, which are no steps of a canary"), ADVICE.to_owned());
        return None;
    }
    Some(shares.into())
}

/// A share in percent as basis points; `None`: it is none, or finer than that.
fn basis_points(percent: f64) -> Option<u16> {
    let points = percent * 100.0;
    let whole = points.round();
    ((points - whole).abs() < 1e-6 && (1.0..=9_999.0).contains(&whole)).then_some(whole as u16)
}

/// A time like `24h`.
fn duration(item: &Item<'_>) -> Option<Duration> {
    const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    const MOST: u64 = 366 * 86_400;
    let text = item.text()?;
    let seconds =
        UNITS.iter().find_map(|&(unit, factor)| count(text.strip_suffix(unit)?.trim_end())?.checked_mul(factor));
    let seconds = seconds.filter(|&seconds| seconds <= MOST);
    if seconds.is_none() {
        let advice = "write a whole number and s, m, h or d, for example \"24h\"; at most \"366d\"";
        item.complain(format_args!("is \"{}\", which is no time", text.escape_debug()), advice.to_owned());
    }
    seconds.map(Duration::from_secs)
}
