//! The text rule of a field: `text = ["trim", "nfc"]` and the keys that bound it.

use super::file::{Element, Item, Section};
use super::inherited::size;
use super::operations::Written;
use super::suggest::nearest;
use crate::field::Op;
use crate::field::text::{Clash, Controls, Step, Text, Unassigned, clash};

/// The keys of the rule. In reports it is called after the first of this list that stands.
pub(super) const KEYS: [&str; 6] = ["text", "max_chars", "max_bytes", "min_chars", "controls", "unassigned"];

/// Longest text bound that can be asked for: longer bodies are not read.
const MOST_CHARS: u64 = 1 << 30;

/// Reads the text rule, if one of its keys stands here.
pub(super) fn read<'a>(rule: &Section<'a>) -> Option<Written<'a>> {
    let items = KEYS.map(|key| rule.get(key));
    let (name, item) = KEYS.iter().zip(&items).find_map(|(&name, item)| Some((name, item.clone()?)))?;
    let [text, max_chars, max_bytes, min_chars, controls, unassigned] = items.each_ref().map(Option::as_ref);
    let rule = (|| {
        // All are read before one is missed, so that every complaint is made.
        let steps = optional(text, steps);
        let bounds = [optional(max_bytes, size), optional(max_chars, chars), optional(min_chars, chars)];
        let controls = optional(controls, |item| {
            item.choice(&[
                ("keep", Controls::Keep),
                ("strip", Controls::Strip),
                ("keep_tnl", Controls::KeepTabsAndNewlines),
                ("reject", Controls::Reject),
            ])
        });
        let treated = optional(unassigned, |item| {
            item.choice(&[("outside", Unassigned::Outside), ("keep", Unassigned::Keep), ("reject", Unassigned::Reject)])
        });
        let [most_bytes, most_chars, least_chars] = bounds;
        Some(Text {
            steps: steps?.unwrap_or_default(),
            max_bytes: most_bytes?,
            max_chars: most_chars?,
            min_chars: least_chars?,
            controls: controls?.unwrap_or_default(),
            unassigned: treated?.unwrap_or_default(),
        })
    })();
    if let Some(rule) = &rule {
        for (most, item) in [(rule.max_bytes, max_bytes), (rule.max_chars, max_chars)] {
            if let (Some(least), Some(most), Some(below), Some(above)) = (rule.min_chars, most, min_chars, item)
                && least > most
            {
                let what = format!("({least}) contradicts {} = {most} on line {}", above.key, above.line());
                below.complain(what, "no text has as many and as few: change one of them".to_owned());
            }
        }
        if let Some(item) = unassigned
            && rule.unassigned != Unassigned::Reject
            && !rule.steps.iter().any(|step| step.asks_tables())
        {
            let advice = "only nfc, nfkc and fold ask what is assigned: name one of them, or write \"reject\"";
            item.complain("says nothing of these steps", advice.to_owned());
        }
    }
    Some((name, item, rule.map(Op::Text)))
}

/// What stands at a key: `Some(None)` where it does not stand, `None` after a complaint.
fn optional<T>(item: Option<&Item<'_>>, read: impl Fn(&Item<'_>) -> Option<T>) -> Option<Option<T>> {
    item.map_or(Some(None), |item| read(item).map(Some))
}

fn chars(item: &Item<'_>) -> Option<usize> {
    item.whole(1, MOST_CHARS).and_then(|chars| usize::try_from(chars).ok())
}

/// Steps of which a list has one at most, and why.
const ALTERNATIVES: [(&[Step], &str); 3] = [
    (&[Step::Nfc, Step::Nfkc], "nfkc does what nfc does: keep one of them"),
    (
        &[Step::Fold, Step::AsciiLower, Step::AsciiUpper],
        "each takes back or repeats what the other does: keep one of them",
    ),
    (&[Step::StripBidi, Step::StripInvisible], "strip_invisible removes what strip_bidi removes: keep one of them"),
];

fn steps(item: &Item<'_>) -> Option<Vec<Step>> {
    let elements = item.texts()?;
    let names = Step::NAMES.map(|(name, _)| name);
    if elements.is_empty() {
        item.complain("names no step", format!("use: {}", names.join(", ")));
    }
    let complain = |Element { text, at }: Element<'_>, what: &str, advice: String| {
        item.file.complain(at, format!("{}: text step \"{}\" {what}", item.place, text.escape_debug()), advice);
    };
    let mut steps = Vec::new();
    for &element in &elements {
        match Step::NAMES.iter().find(|(name, _)| *name == element.text) {
            Some(&(_, step)) => steps.push(step),
            None => complain(
                element,
                "is unknown",
                match nearest(element.text, &names) {
                    Some(name) => format!("did you mean \"{name}\"?"),
                    None => format!("use: {}", names.join(", ")),
                },
            ),
        }
    }
    if steps.len() < elements.len() {
        return None;
    }
    let mut is_sound = true;
    for (at, &step) in steps.iter().enumerate() {
        if let Some((what, advice)) = objection(&steps[..at], step) {
            complain(elements[at], &what, advice);
            is_sound = false;
        }
    }
    if is_sound && let Some(Clash { earlier, at, example }) = clash(&steps) {
        let (first, second) = (steps[earlier], steps[at]);
        let advice = match (is_form(first), is_form(second)) {
            (true, false) if is_case(second) => surrounded(second, first),
            (false, true) if is_case(first) => surrounded(first, second),
            _ => format!("write \"{}\" before \"{}\"", second.name(), first.name()),
        };
        let advice = format!("a second pass would change \"{}\" again: {advice}", example.escape_default());
        complain(elements[at], &format!("stands after \"{}\"", first.name()), advice);
    }
    Some(steps)
}

/// Why `step` has no place after `before`, whatever texts come.
fn objection(before: &[Step], step: Step) -> Option<(String, String)> {
    if let Some(first) = before.iter().position(|earlier| *earlier == step) {
        let again = is_form(step)
            && before.iter().filter(|earlier| **earlier == step).count() == 1
            && before[first..].iter().any(|&between| is_case(between));
        let advice = "every step stands once, nfc and nfkc once more after fold, ascii_lower or ascii_upper";
        return (!again).then(|| ("repeats".to_owned(), advice.to_owned()));
    }
    let (members, advice) = ALTERNATIVES.iter().find(|(members, _)| members.contains(&step))?;
    let other = before.iter().find(|earlier| members.contains(earlier))?;
    Some((format!("does not go with \"{}\"", other.name()), (*advice).to_owned()))
}

fn is_form(step: Step) -> bool {
    matches!(step, Step::Nfc | Step::Nfkc)
}

fn is_case(step: Step) -> bool {
    matches!(step, Step::Fold | Step::AsciiLower | Step::AsciiUpper)
}

/// The closed form of a case step and a normalisation form.
fn surrounded(case: Step, form: Step) -> String {
    format!("write \"{form}\", \"{}\", \"{form}\"", case.name(), form = form.name())
}
