//! `[[route]]`: what a request of a route goes through.

use std::time::Duration;

use super::file::{Item, Section};
use super::inherited::{Inherited, count};
use super::limits::{Limits, check_name};
use super::{
    DifferenceRule, GatePolicy, KnownDifference, LimitsStand, Outside, Pattern, Rejects, Route, RuleName, json,
};
use crate::target::rule;

/// Most routes: a request is compared with one after the other.
const MAX_ROUTES: usize = 1_000;

/// Most patterns of one route, for the same reason.
const MAX_PATTERNS: usize = 32;

/// A pattern that was read, and where.
struct Seen<'a> {
    route: &'a str,
    line: usize,
    pattern: Pattern,
}

/// Reads all routes.
pub(super) fn read<'a>(root: &Section<'a>, limits: &Limits<'a>, defaults: Inherited) -> Vec<Route> {
    let Some(item) = root.get("route") else {
        root.complain("there is no route", "add [[route]] with a name and a match".to_owned());
        return Vec::new();
    };
    let tables = item.tables().unwrap_or_default();
    if tables.len() > MAX_ROUTES {
        item.complain(format_args!("stands for {} routes", tables.len()), format!("at most {MAX_ROUTES} are tried"));
        return Vec::new();
    }
    let mut names: Vec<(&str, usize)> = Vec::new();
    let mut seen: Vec<Seen<'a>> = Vec::new();
    let mut routes = Vec::new();
    for (index, (at, table)) in tables.into_iter().enumerate() {
        let name =
            table.iter().find(|(key, _)| key.get_ref() == "name").and_then(|(_, value)| value.get_ref().as_str());
        let place = match name {
            Some(name) => format!("route \"{}\"", name.escape_debug()),
            None => format!("route {}", index + 1),
        };
        let section = Section::new(root.file, place, at, table);
        if let Some(item) = section.require("name", "give it a name, for example name = \"api.write\"")
            && let Some(name) = item.text()
        {
            check_name(&item, name, "route");
            if let Some((_, line)) = names.iter().find(|(known, _)| *known == name) {
                item.complain(format_args!("is the name of the route on line {line} too"), "rename one".to_owned());
            }
            names.push((name, item.line()));
        }
        routes.push(route(&section, name.unwrap_or_default(), limits, &defaults, &mut seen));
        section.finish();
    }
    routes
}

fn route<'a>(
    section: &Section<'a>,
    name: &'a str,
    limits: &Limits<'a>,
    defaults: &Inherited,
    seen: &mut Vec<Seen<'a>>,
) -> Route {
    let patterns = patterns(section, name, seen);
    let own = Inherited::read(section, limits);
    let own_max_bytes = own.max_bytes;
    let common = defaults.overridden_by(own);
    let target = common.target.and_then(super::target::TargetKeys::into_policy);
    let mut rules: Vec<RuleName> = Vec::new();
    if target.is_some() {
        rules.extend(
            rule::NAMES.map(|(place, operation)| RuleName { place: place.into(), operation: operation.into() }),
        );
    }
    let json = section.get("json").and_then(|item| json::read(&item, own_max_bytes, &mut rules));
    let (json, json_max_bytes) = json.unzip();
    let limits = common.limits.unwrap_or_default();
    Route {
        name: name.into(),
        patterns,
        limits_stand: common.limits_stand.unwrap_or(LimitsStand::BeforeBody),
        outside: common.outside.unwrap_or(Outside::Unsupported),
        target,
        max_body: json_max_bytes.flatten().or(common.max_bytes.map(|(bytes, _)| bytes)),
        json,
        rules,
        digest: Box::default(),
        known_differences: known_differences(section),
        gate: section.get("gate").and_then(|item| gate(&item)).unwrap_or_default(),
        rejects: common.rejects.unwrap_or(Rejects::Control),
        cutover_key: common.cutover_key.or(limits.first().copied()),
        limits,
    }
}

fn patterns<'a>(section: &Section<'a>, name: &'a str, seen: &mut Vec<Seen<'a>>) -> Vec<Pattern> {
    let Some(item) = section.require("match", "for example match = \"POST /api/{resource}\"") else {
        return Vec::new();
    };
    let texts = item.text_or_texts().unwrap_or_default();
    if texts.is_empty() && item.raw().is_array() {
        item.complain("is empty", "name at least one pattern, for example \"POST /api/{resource}\"".to_owned());
    }
    if texts.len() > MAX_PATTERNS {
        item.complain(format_args!("has {} patterns", texts.len()), format!("at most {MAX_PATTERNS} are tried"));
        return Vec::new();
    }
    let mut patterns = Vec::new();
    for element in texts {
        let complain = |what: String, advice: &str| {
            let message = format!("{}: pattern \"{}\" {what}", section.place, element.text.escape_debug());
            section.file.complain(element.at, message, advice.to_owned());
        };
        let pattern = match Pattern::parse(element.text) {
            Ok(pattern) => pattern,
            Err(why) => {
                complain("cannot be read".to_owned(), why);
                continue;
            }
        };
        let line = section.file.line(element.at);
        if let Some(earlier) = shadow(&pattern, seen) {
            complain(
                format!(
                    "can never match: \"{}\" of route \"{}\" on line {} is tried first",
                    earlier.pattern, earlier.route, earlier.line
                ),
                "put the narrower pattern first, or remove it",
            );
        }
        seen.push(Seen { route: name, line, pattern: pattern.clone() });
        patterns.push(pattern);
    }
    patterns
}

/// The earlier pattern, if there is one for each method, that takes every request from `pattern`.
fn shadow<'s, 'a>(pattern: &Pattern, seen: &'s [Seen<'a>]) -> Option<&'s Seen<'a>> {
    let covering = |pattern: &Pattern| seen.iter().find(|earlier| earlier.pattern.covers(pattern));
    if pattern.methods.is_empty() {
        return covering(pattern);
    }
    let mut first = None;
    for method in &pattern.methods {
        let alone = Pattern { methods: vec![method.clone()], segments: pattern.segments.clone() };
        let earlier = covering(&alone)?;
        first = first.or(Some(earlier));
    }
    first
}

fn known_differences(section: &Section<'_>) -> Vec<KnownDifference> {
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
        if !named && text != "$" && !text.starts_with("$.") && !text.starts_with("$[") {
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

const DIFFERENCE_FIELDS: &str = "use a JSON path like \"$.id\", or path, query, outcome, retry_after, charges";

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

fn gate(item: &Item<'_>) -> Option<GatePolicy> {
    let section = item.section(format!("{}, gate", item.place))?;
    let mismatch_below = section.get("mismatch_below").and_then(|item| {
        let share = item.number()?;
        if !(share > 0.0 && share < 1.0) {
            item.complain(format_args!("is {share}"), "write a share between 0 and 1, for example 1e-3".to_owned());
        }
        Some(share)
    });
    let dwell = section.get("dwell").and_then(|item| duration(&item));
    section.finish();
    Some(GatePolicy { mismatch_below, dwell })
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
