//! What a field rule does to a value: `text = ["trim"]`, `decimal = { scale = 2, rounding = "half_even" }`, …

use super::file::{Item, Section};
use super::{identifiers, text, values};
use crate::field::Op;

/// Reads the arguments of one operation.
pub(super) type Read = fn(&Item<'_>) -> Option<Op>;

/// An operation as it stands in the file: its name in reports, its key, and what it does unless there was a complaint.
pub(super) type Written<'a> = (&'static str, Item<'a>, Option<Op>);

/// Reads the operation of a rule: (its name in reports, what it does). `None` after a complaint.
pub(super) fn read(rule: &Section<'_>) -> Option<(&'static str, Op)> {
    let mut written: Vec<Written<'_>> = text::read(rule).into_iter().collect();
    for &(name, read) in values::READERS.iter().chain(identifiers::READERS) {
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
