//! The text rule of a field: `text = ["trim", "nfc"]` and the keys that bound it.

use super::file::{Element, Item, Section};
use super::operations::Written;
use crate::field::Op;
use crate::field::text::{Step, Text};

/// Longest text bound that can be asked for: longer bodies are not read.
const MOST_CHARS: u64 = 1 << 30;

/// Reads the text rule, if one of its keys stands here.
pub(super) fn read<'a>(rule: &Section<'a>) -> Option<Written<'a>> {
    let max_chars = rule.get("max_chars");
    match (rule.get("text"), &max_chars) {
        (Some(item), _) => {
            let op =
                steps(&item).and_then(|steps| Some(Op::Text(Text { steps, max_chars: bound(max_chars.as_ref())? })));
            Some(("text", item, op))
        }
        (None, Some(item)) => {
            let op = bound(Some(item)).map(|max_chars| Op::Text(Text { steps: Vec::new(), max_chars }));
            Some(("max_chars", item.clone(), op))
        }
        (None, None) => None,
    }
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
