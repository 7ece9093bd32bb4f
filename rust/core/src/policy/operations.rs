//! What a field rule does to a value: `text = ["trim"]`, `decimal = { scale = 2, rounding = "half_even" }`, …

use super::file::{Element, Item, Section};
use super::text;
use crate::field::Op;
use crate::field::decimal::{Decimal, Rounding};
use crate::field::enumeration::Enumeration;
use crate::field::timestamp::Instant;

/// Most spellings of an enum: a lookup stays a handful of comparisons.
const MAX_SPELLINGS: usize = 10_000;

/// Reads the arguments of one operation.
type Read = fn(&Item<'_>) -> Option<Op>;

/// An operation as it stands in the file: its name in reports, its key, and what it does unless there was a complaint.
pub(super) type Written<'a> = (&'static str, Item<'a>, Option<Op>);

/// Reads the operation of a rule: (its name in reports, what it does). `None` after a complaint.
pub(super) fn read(rule: &Section<'_>) -> Option<(&'static str, Op)> {
    let others: [(&'static str, Read); 7] = [
        ("email", |item| empty(item, Op::Email)),
        ("uuid", |item| empty(item, Op::Uuid)),
        ("integer", |item| empty(item, Op::Integer)),
        ("boolean", |item| empty(item, Op::Boolean)),
        ("decimal", decimal),
        ("timestamp", timestamp),
        ("enum", enumeration),
    ];
    let mut written: Vec<Written<'_>> = text::read(rule).into_iter().collect();
    for (name, read) in others {
        if let Some(item) = rule.get(name) {
            let op = read(&item);
            written.push((name, item, op));
        }
    }
    written.sort_by_key(|(_, item, _)| item.at);
    for window in written.windows(2) {
        if let [(first, at, _), (second, item, _)] = window {
            let message = format!(
                "{}: \"{first}\" on line {} and \"{second}\" on line {} are two operations",
                rule.place,
                at.line(),
                item.line()
            );
            let bound = [first, second].into_iter().find(|name| **name != "text" && text::KEYS.contains(name));
            let advice = match bound {
                Some(key) => format!("\"{key}\" bounds a text: use it with text = [...] or alone"),
                None => "one field has one operation: keep one of them".to_owned(),
            };
            rule.file.complain(item.at, message, advice);
        }
    }
    match written.into_iter().next() {
        None => Some(("presence", Op::Nothing)),
        Some((name, _, op)) => Some((name, op?)),
    }
}

fn empty(item: &Item<'_>, op: Op) -> Option<Op> {
    item.section(format!("{}, {}", item.place, item.key))?.finish();
    Some(op)
}

fn decimal(item: &Item<'_>) -> Option<Op> {
    let section = item.section(format!("{}, decimal", item.place))?;
    let scale = section.require("scale", "say how many digits stand after the point: scale = 2");
    let scale = scale.and_then(|item| item.whole(0, 18));
    let rounding = section
        .require("rounding", "say what happens to further digits: half_even, half_up or reject")
        .and_then(|item| {
            item.choice(&[
                ("half_even", Rounding::HalfEven),
                ("half_up", Rounding::HalfUp),
                ("reject", Rounding::Reject),
            ])
        });
    let as_string =
        section.get("output").map_or(Some(false), |item| item.choice(&[("number", false), ("string", true)]));
    section.finish();
    Some(Op::Decimal(Decimal { scale: u8::try_from(scale?).ok()?, rounding: rounding?, as_string: as_string? }))
}

fn timestamp(item: &Item<'_>) -> Option<Op> {
    let section = item.section(format!("{}, timestamp", item.place))?;
    let digits = section.require("digits", "say how many digits of a second are written: digits = 3");
    let digits = digits.and_then(|item| item.whole(0, 9));
    let assume_utc = section.get("naive").map_or(Some(false), |item| item.choice(&[("utc", true), ("reject", false)]));
    section.finish();
    Some(Op::Timestamp(Instant { digits: u8::try_from(digits?).ok()?, assume_utc: assume_utc? }))
}

fn enumeration(item: &Item<'_>) -> Option<Op> {
    let section = item.section(format!("{}, enum", item.place))?;
    let mut names: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut add = |spelling: &str, canonical: &str, at: usize| {
        let folded: Box<str> = spelling.to_ascii_lowercase().into();
        let complain = |what: String, advice: &str| {
            let message = format!("{}: \"{}\" {what}", section.place, spelling.escape_debug());
            section.file.complain(at, message, advice.to_owned());
        };
        if spelling != spelling.trim() || spelling.is_empty() {
            complain("can never match".to_owned(), "values are compared without the white space around them");
        }
        match names.binary_search_by(|(known, _)| known.cmp(&folded)) {
            Ok(found) => complain(
                format!("stands for \"{}\" already", names[found].1.escape_debug()),
                "spellings are compared without ASCII case: name each once",
            ),
            Err(place) => names.insert(place, (folded, canonical.into())),
        }
    };
    for canonical in section.entries() {
        add(canonical.key, canonical.key, canonical.at);
    }
    for canonical in section.entries() {
        for Element { text, at } in canonical.texts().unwrap_or_default() {
            add(text, canonical.key, at);
        }
    }
    if names.is_empty() {
        section.complain(
            "names nothing",
            "write each name with its aliases: { active = [\"on\"], muted = [] }".to_owned(),
        );
    }
    if names.len() > MAX_SPELLINGS {
        section.complain(format_args!("has {} spellings", names.len()), format!("at most {MAX_SPELLINGS} are read"));
    }
    Some(Op::Enum(Enumeration { names }))
}
