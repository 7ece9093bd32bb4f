//! `[[route]]`: what a request of a route goes through.

use super::file::Section;
use super::inherited::{Inherited, LimitsOrder};
use super::limits::{Limits, check_name};
use super::{LimitsCharge, LimitsStand, Outside, Pattern, Rejects, Route, RuleName, form, gate, inherited, json};
use crate::limit::LimitHeaders;
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
    let host = common.host.and_then(|keys| keys.into_policy(section, &mut rules));
    let hit = common.limits.iter().flatten().chain(&common.cutover_key);
    let keyed = limits.headers_of(hit);
    let headers = common.headers.and_then(|keys| keys.into_policy(section, &keyed, &mut rules));
    let json = section.get("json").and_then(|item| json::read(&item, own_max_bytes, &mut rules));
    let (json, json_max_bytes) = json.unzip();
    let form = section.get("form").and_then(|item| form::read(&item, &mut rules));
    let listed = common.limits.unwrap_or_default();
    let cutover_key = common.cutover_key.or(listed.first().copied());
    let limits = match common.limits_order {
        None | Some(LimitsOrder::Listed) => listed,
        Some(LimitsOrder::Granularity) => limits.by_granularity(listed),
    };
    Route {
        name: name.into(),
        patterns,
        limits_stand: common.limits_stand.unwrap_or(LimitsStand::BeforeBody),
        limits_charge: common.limits_charge.unwrap_or(LimitsCharge::Sequential),
        limit_headers: common.limit_headers.unwrap_or(LimitHeaders::None),
        outside: common.outside.unwrap_or(Outside::Unsupported),
        unsupported: common.unsupported.unwrap_or(inherited::UNSUPPORTED),
        rollouts: common.rollout.unwrap_or_default().into_rollouts(),
        target,
        host,
        headers,
        max_body: json_max_bytes.flatten().or(common.max_bytes.map(|(bytes, _)| bytes)),
        tells: false,
        json,
        form,
        rules,
        digest: Box::default(),
        known_differences: gate::known_differences(section),
        gate: section.get("gate").and_then(|item| gate::gate(&item)).unwrap_or_default(),
        rejects: common.rejects.unwrap_or(Rejects::Control),
        cutover_key,
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
