//! `[limits.NAME]`: the named limits and who is counted.

use super::file::{Element, Item, Section};
use super::{Route, Store, file::File, strategy};
use crate::key::{KeyPart, KeyTemplate, OnMissing};
use crate::limit::cost::MAX_COST;
use crate::limit::{Cost, Flavour, Limit, LimitId, Rate, Strategy};

/// Most limits of a policy: [`LimitId`] has 16 bits.
const MAX_LIMITS: usize = 10_000;

/// What a key part may be, for messages.
const PARTS: &str = "client, route, literal:TEXT, header:NAME, given:NAME";

/// The limits in the order of the file. A name that is known is no second error where a route uses it, even if its
/// limit is broken.
pub(super) struct Limits<'a> {
    file: &'a File<'a>,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    name: &'a str,
    limit: Option<Limit>,
    /// The part of the key that may be absent although nothing says what happens then, and where.
    unanswered: Option<(&'a str, usize)>,
}

/// Reads all limits.
pub(super) fn read<'a>(root: &Section<'a>, store: &Store) -> Limits<'a> {
    let mut limits = Limits { file: root.file, entries: Vec::new() };
    let Some(section) = root.get("limits").and_then(|item| item.section("[limits]".to_owned())) else {
        return limits;
    };
    for (index, item) in section.entries().iter().enumerate() {
        if index >= MAX_LIMITS {
            item.complain("is one limit too many", format!("a policy has at most {MAX_LIMITS}"));
            break;
        }
        check_name(item, item.key, "limit");
        limits.entries.push(entry(item, LimitId(index as u16), store));
    }
    limits
}

/// Names are used on the command line, in metrics and in keys, so they are plain.
pub(super) fn check_name(item: &Item<'_>, name: &str, what: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let message = format!("{}: \"{}\" is no name of a {what}", item.place, name.escape_debug());
        item.file.complain(item.at, message, "a name is 1 to 64 letters, digits, \".\", \"_\" or \"-\"".to_owned());
    }
}

fn entry<'a>(item: &Item<'a>, id: LimitId, store: &Store) -> Entry<'a> {
    let mut entry = Entry { name: item.key, limit: None, unanswered: None };
    let Some(section) = item.section(format!("limit \"{}\"", item.key.escape_debug())) else { return entry };
    let key = section.require("key", &format!("say who is counted: a list of {PARTS}"));
    let parts = key.as_ref().and_then(parts);
    let on_missing = on_missing(&section, parts.as_deref());
    if let (Some(key), Some(parts), None) = (&key, &parts, &on_missing)
        && section.get("on_missing").is_none()
    {
        entry.unanswered = parts.iter().find(|(_, part)| may_be_absent(part)).map(|&(text, _)| (text, key.at));
    }
    let counted = strategy::read(&section, store);
    let cost = section.get("cost").map_or(Some(Cost::default()), |item| cost(&item, counted));
    let settles = section.get("settles").map_or(Some(false), |item| settles(&item, counted));
    section.finish();
    if let (Some(parts), Some((rate, strategy)), Some(cost), Some(settles)) = (parts, counted, cost, settles) {
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        let key = KeyTemplate { parts, on_missing: on_missing.unwrap_or(OnMissing::Skip) };
        entry.limit =
            Some(Limit { id, name: item.key.into(), rate, strategy, flavour: Flavour::default(), key, cost, settles });
    }
    entry
}

fn may_be_absent(part: &KeyPart) -> bool {
    matches!(part, KeyPart::Header(_) | KeyPart::Given(_))
}

fn parts<'a>(item: &Item<'a>) -> Option<Vec<(&'a str, KeyPart)>> {
    let texts = item.text_or_texts()?;
    if texts.is_empty() {
        item.complain("is empty", format!("say who is counted: a list of {PARTS}"));
        return None;
    }
    let mut parts: Vec<(&str, KeyPart)> = Vec::new();
    let mut whole = true;
    for element in &texts {
        let Some(part) = part(item, *element) else {
            whole = false;
            continue;
        };
        if parts.iter().any(|(_, known)| *known == part) {
            let message = format!("{}: key part \"{}\" is named twice", item.place, element.text.escape_debug());
            item.file.complain(element.at, message, "name it once".to_owned());
        }
        parts.push((element.text, part));
    }
    whole.then_some(parts)
}

/// Whether `name` is one that a header or a given value can have.
fn is_token(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 256 && name.bytes().all(plain)
}

fn part(item: &Item<'_>, element: Element<'_>) -> Option<KeyPart> {
    let part = match element.text.split_once(':') {
        None if element.text == "client" => Some(KeyPart::Client),
        None if element.text == "route" => Some(KeyPart::Route),
        Some(("literal", text)) if !text.is_empty() => Some(KeyPart::Literal(text.into())),
        Some(("header", name)) if is_token(name) => Some(KeyPart::Header(name.to_ascii_lowercase().into())),
        Some(("given", name)) if is_token(name) => Some(KeyPart::Given(name.into())),
        _ => None,
    };
    if part.is_none() {
        let message = format!("{}: \"{}\" is no part of a key", item.place, element.text.escape_debug());
        item.file.complain(element.at, message, format!("use {PARTS}"));
    }
    part
}

fn on_missing(section: &Section<'_>, parts: Option<&[(&str, KeyPart)]>) -> Option<OnMissing> {
    let shared_as = section.get("shared_as");
    let item = section.get("on_missing");
    let Some(item) = item else {
        if let Some(shared_as) = shared_as {
            shared_as.complain("says nothing without on_missing", "add on_missing = \"share\"".to_owned());
        }
        return None;
    };
    if let Some(parts) = parts
        && !parts.iter().any(|(_, part)| may_be_absent(part))
    {
        item.complain("says nothing here: no part of the key can be absent", "remove it".to_owned());
    }
    #[derive(Clone, Copy, PartialEq)]
    enum Missing {
        Share,
        Skip,
        Reject,
    }
    let choice = item.choice(&[("share", Missing::Share), ("skip", Missing::Skip), ("reject", Missing::Reject)])?;
    match (choice, shared_as) {
        (Missing::Share, None) => {
            let advice =
                "add the text that stands in for what is absent, as the control has it: shared_as = \"anonymous\"";
            item.complain("is \"share\" and shared_as is missing", advice.to_owned());
            None
        }
        (Missing::Share, Some(shared_as)) => shared_as.text().map(|text| OnMissing::Share(text.into())),
        (other, shared_as) => {
            if let Some(shared_as) = shared_as {
                let line = item.line();
                shared_as.complain(
                    format_args!("contradicts on_missing on line {line}, which is not \"share\""),
                    "remove one of them".to_owned(),
                );
            }
            Some(if other == Missing::Skip { OnMissing::Skip } else { OnMissing::Reject })
        }
    }
}

/// A number, or the name of a given one. `limit`: what the cost has to fit, if that is known.
fn cost(item: &Item<'_>, limit: Option<(Rate, Strategy)>) -> Option<Cost> {
    if let Some(text) = item.raw().as_str() {
        let name = text.strip_prefix("given:").filter(|name| is_token(name));
        if name.is_none() {
            let advice = "write a whole number, or \"given:NAME\" for one that Python computes";
            item.complain(format_args!("is \"{}\"", text.escape_debug()), advice.to_owned());
        }
        return name.map(|name| Cost::Given(name.into()));
    }
    let cost = item.whole(0, MAX_COST)?;
    if let Some((rate, strategy)) = limit
        && let most = strategy.most(&rate)
        && cost > most
    {
        let advice = "no request would ever be granted: lower the cost, or raise what it is taken from";
        item.complain(format_args!("is {cost}, and the limit grants at most {most}"), advice.to_owned());
    }
    Some(Cost::Fixed(cost))
}

fn settles(item: &Item<'_>, limit: Option<(Rate, Strategy)>) -> Option<bool> {
    let settles = item.boolean()?;
    if settles && matches!(limit, Some((_, Strategy::Concurrent { .. }))) {
        item.complain("contradicts strategy = \"concurrent\": places come back by themselves", "remove it".to_owned());
    }
    Some(settles)
}

impl<'a> Limits<'a> {
    /// The limit that a route names.
    pub(super) fn named(&self, item: &Item<'_>, element: Element<'_>) -> Option<LimitId> {
        let found = self.entries.iter().position(|entry| entry.name == element.text);
        if found.is_none() {
            let text = element.text.escape_debug();
            let message = format!("{}: limit \"{text}\" does not exist", item.place);
            let advice = if self.entries.is_empty() {
                format!("add [limits.{text}]")
            } else {
                let names: Vec<_> = self.entries.iter().take(20).map(|entry| entry.name).collect();
                format!("add [limits.{text}], or use one of: {}", names.join(", "))
            };
            item.file.complain(element.at, message, advice);
        }
        found.map(|index| LimitId(index as u16))
    }

    /// The headers that the keys of some limits look at, in lower case.
    pub(super) fn headers_of<'s>(&'s self, ids: impl Iterator<Item = &'s LimitId>) -> Vec<&'s str> {
        let limits = ids.filter_map(|id| self.entries.get(usize::from(id.0))?.limit.as_ref());
        let parts = limits.flat_map(|limit| &limit.key.parts);
        let headers = parts.filter_map(|part| match part {
            KeyPart::Header(name) => Some(&**name),
            KeyPart::Client | KeyPart::Route | KeyPart::Literal(_) | KeyPart::Given(_) => None,
        });
        headers.collect()
    }

    /// The same limits, those with shorter units of time first, whatever their multiples; else in the order given.
    pub(super) fn by_granularity(&self, mut ids: Vec<LimitId>) -> Vec<LimitId> {
        ids.sort_by_key(|id| {
            let entry = self.entries.get(usize::from(id.0));
            entry.and_then(|entry| entry.limit.as_ref()).map(|limit| limit.rate.unit.seconds())
        });
        ids
    }

    /// Complains about keys that may be absent without an answer, naming the first route that would meet it.
    pub(super) fn check_keys(&self, routes: &[Route]) {
        for (index, entry) in self.entries.iter().enumerate() {
            let Some((part, at)) = entry.unanswered else { continue };
            let user = routes.iter().find(|route| route.limits.iter().any(|id| usize::from(id.0) == index));
            let (limit, part) = (entry.name.escape_debug(), part.escape_debug());
            let message = match user {
                Some(Route { name, .. }) => {
                    format!("route \"{name}\", limit \"{limit}\": key \"{part}\" may be absent on this route")
                }
                None => format!("limit \"{limit}\": key \"{part}\" may be absent"),
            };
            let advice = "add on_missing = \"share\" | \"skip\" | \"reject\", or use one of: client, route";
            self.file.complain(at, message, advice.to_owned());
        }
    }

    /// All limits, if none is broken.
    pub(super) fn into_limits(self) -> Option<Vec<Limit>> {
        self.entries.into_iter().map(|entry| entry.limit).collect()
    }
}
