//! What a field rule does to a value: `text = ["trim"]`, `decimal = { scale = 2, rounding = "half_even" }`, …

use super::file::{Element, Item, Section};
use crate::field::Op;
use crate::field::decimal::{Decimal, Rounding};
use crate::field::enumeration::Enumeration;
use crate::field::text::{Step, Text};
use crate::field::timestamp::Instant;

/// Longest text bound that can be asked for: longer bodies are not read.
const MOST_CHARS: u64 = 1 << 30;

/// Most spellings of an enum: a lookup stays a handful of comparisons.
const MAX_SPELLINGS: usize = 10_000;

/// Reads the arguments of one operation.
type Read = fn(&Item<'_>) -> Option<Op>;

/// Reads the operation of a rule: (its name in reports, what it does). `None` after a complaint.
pub(super) fn read(rule: &Section<'_>) -> Option<(&'static str, Op)> {
    let max_chars = rule.get("max_chars");
    let text = rule.get("text");
    let others: [(&'static str, Read); 7] = [
        ("email", |item| empty(item, Op::Email)),
        ("uuid", |item| empty(item, Op::Uuid)),
        ("integer", |item| empty(item, Op::Integer)),
        ("boolean", |item| empty(item, Op::Boolean)),
        ("decimal", decimal),
        ("timestamp", timestamp),
        ("enum", enumeration),
    ];
    let mut written: Vec<(&'static str, Item<'_>, Option<Op>)> = Vec::new();
    if let Some(item) = &text {
        let op = steps(item).and_then(|steps| Some(Op::Text(Text { steps, max_chars: bound(max_chars.as_ref())? })));
        written.push(("text", item.clone(), op));
    }
    for (name, read) in others {
        if let Some(item) = rule.get(name) {
            let op = read(&item);
            written.push((name, item, op));
        }
    }
    if let (None, Some(item)) = (&text, &max_chars) {
        let op = bound(Some(item)).map(|max_chars| Op::Text(Text { steps: Vec::new(), max_chars }));
        written.push(("max_chars", item.clone(), op));
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
            let advice = if *second == "max_chars" || *first == "max_chars" {
                "\"max_chars\" bounds a text: use it with text = [...] or alone"
            } else {
                "one field has one operation: keep one of them"
            };
            rule.file.complain(item.at, message, advice.to_owned());
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

fn bound(item: Option<&Item<'_>>) -> Option<Option<usize>> {
    let Some(item) = item else { return Some(None) };
    item.whole(1, MOST_CHARS).and_then(|most| usize::try_from(most).ok()).map(Some)
}

fn steps(item: &Item<'_>) -> Option<Vec<Step>> {
    const STEPS: [(&str, Step); 4] = [
        ("trim", Step::Trim),
        ("nfc", Step::Nfc),
        ("ascii_lower", Step::AsciiLower),
        ("ascii_upper", Step::AsciiUpper),
    ];
    let names = STEPS.map(|(name, _)| name);
    let mut steps: Vec<Step> = Vec::new();
    for Element { text, at } in item.texts()? {
        let complain = |what: String, advice: String| {
            item.file.complain(at, format!("{}: text step \"{}\" {what}", item.place, text.escape_debug()), advice);
        };
        let Some(&(_, step)) = STEPS.iter().find(|(name, _)| *name == text) else {
            let advice = match super::suggest::nearest(text, &names) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("use: {}", names.join(", ")),
            };
            complain("is unknown".to_owned(), advice);
            continue;
        };
        let before = |earlier: Step| steps.contains(&earlier);
        if before(step) {
            complain("repeats".to_owned(), "every step stands once".to_owned());
        }
        let folded = before(Step::AsciiLower) || before(Step::AsciiUpper);
        if matches!(step, Step::AsciiLower | Step::AsciiUpper) && folded && !before(step) {
            complain("contradicts the other one".to_owned(), "keep ascii_lower or ascii_upper".to_owned());
        }
        // Measured: K (the Kelvin sign) becomes K under NFC, and H with a macron below has a composed form in lower case only.
        let lower_and_nfc =
            (step == Step::AsciiLower && before(Step::Nfc)) || (step == Step::Nfc && before(Step::AsciiLower));
        if lower_and_nfc {
            let advice = "a second pass would change some texts again (\"H\u{331}\", \"\u{212a}\"): keep one of them";
            complain("does not go with the other: \"nfc\" and \"ascii_lower\"".to_owned(), advice.to_owned());
        }
        if step == Step::AsciiUpper && before(Step::Nfc) {
            let advice = "a second pass would change some texts again (\"i\u{307}\"): write [\"ascii_upper\", \"nfc\"]";
            complain("stands after \"nfc\"".to_owned(), advice.to_owned());
        }
        steps.push(step);
    }
    Some(steps)
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
