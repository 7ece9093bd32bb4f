//! Two bodies, field by field.

use std::borrow::Cow;
use std::collections::HashMap;

use super::difference::{Difference, Found, Kind, Value};
use super::json::{self, Node, Shape};

/// Longest member name that a place shows.
const MAX_NAME: usize = 40;

/// Most digits in a member name that a place shows: a name with more is an identifier of somebody or something.
const MAX_DIGITS: usize = 5;

/// Adds what the bodies differ in. With `meaning`, the same value in other bytes is no difference.
pub fn diff(control: &[u8], candidate: &[u8], meaning: bool, found: &mut Found) {
    if control == candidate {
        return;
    }
    let whole = |kind| {
        let offset = control.iter().zip(candidate).position(|(a, b)| a != b);
        Difference {
            offset: offset.or(Some(control.len().min(candidate.len()))),
            ..Difference::new("$", kind, Value::Bytes(control.to_vec()), Value::Bytes(candidate.to_vec()))
        }
    };
    match (json::parse(control), json::parse(candidate)) {
        (Some(a), Some(b)) => {
            let before = found.len();
            let mut walk = Walk { place: "$".to_owned(), meaning, found };
            walk.values(&a, &b);
            if found.len() == before && !meaning {
                // Only white space between values is left.
                found.push(whole(Kind::Spelling));
            }
        }
        _ => found.push(whole(Kind::Bytes)),
    }
}

struct Walk<'f> {
    place: String,
    meaning: bool,
    found: &'f mut Found,
}

impl Walk<'_> {
    fn add(&mut self, kind: Kind, control: Option<&[u8]>, candidate: Option<&[u8]>) {
        if kind == Kind::Spelling && self.meaning {
            return;
        }
        let value = |raw: Option<&[u8]>| raw.map_or(Value::Absent, |raw| Value::Json(raw.to_vec()));
        self.found.add(&self.place, kind, value(control), value(candidate));
    }

    fn values(&mut self, a: &Node<'_>, b: &Node<'_>) {
        if a.raw == b.raw || self.found.is_full() {
            return;
        }
        let kind = match (&a.shape, &b.shape) {
            (Shape::Array(a), Shape::Array(b)) => return self.arrays(a, b),
            (Shape::Object(x), Shape::Object(y)) => return self.objects(a, b, x, y),
            (Shape::Number, Shape::Number) if json::same_number(a.raw, b.raw) => Kind::Spelling,
            (Shape::String, Shape::String) if json::text(a.raw) == json::text(b.raw) => Kind::Spelling,
            (a, b) if std::mem::discriminant(a) == std::mem::discriminant(b) => Kind::Value,
            _ => Kind::Type,
        };
        self.add(kind, Some(a.raw), Some(b.raw));
    }

    fn arrays(&mut self, a: &[Node<'_>], b: &[Node<'_>]) {
        self.inside("[*]", |walk| {
            for index in 0..a.len().max(b.len()) {
                match (a.get(index), b.get(index)) {
                    (Some(a), Some(b)) => walk.values(a, b),
                    (a, b) => walk.add(Kind::Absent, a.map(|n| n.raw), b.map(|n| n.raw)),
                }
            }
        });
    }

    /// Members by name; of a repeated name the first with the first, the second with the second.
    fn objects(&mut self, a: &Node<'_>, b: &Node<'_>, x: &[(&[u8], Node<'_>)], y: &[(&[u8], Node<'_>)]) {
        let mut by_name: HashMap<Cow<'_, [u8]>, Vec<usize>> = HashMap::with_capacity(y.len());
        for (index, (name, _)) in y.iter().enumerate().rev() {
            by_name.entry(json::text(name)).or_default().push(index);
        }
        let mut paired = vec![false; y.len()];
        let mut last = None;
        let mut in_order = true;
        for (name, value) in x {
            let text = json::text(name);
            let partner = by_name.get_mut(&text).and_then(Vec::pop);
            self.inside(&step(&text), |walk| match partner {
                Some(index) => {
                    let (other_name, other) = &y[index];
                    if name != other_name {
                        walk.add(Kind::Spelling, Some(name), Some(other_name));
                    }
                    walk.values(value, other);
                }
                None => walk.add(Kind::Absent, Some(value.raw), None),
            });
            if let Some(index) = partner {
                paired[index] = true;
                in_order &= last < Some(index);
                last = last.max(Some(index));
            }
        }
        for ((name, value), _) in y.iter().zip(&paired).filter(|(_, paired)| !**paired) {
            self.inside(&step(&json::text(name)), |walk| walk.add(Kind::Absent, None, Some(value.raw)));
        }
        if !in_order {
            self.add(Kind::Spelling, Some(a.raw), Some(b.raw));
        }
    }

    fn inside(&mut self, step: &str, then: impl FnOnce(&mut Self)) {
        let length = self.place.len();
        self.place.push_str(step);
        then(self);
        self.place.truncate(length);
    }
}

/// How a member's name is shown in a place. A name that looks like somebody's or something's own (an address, an
/// identifier, a sentence) is content, not structure, and becomes `*`.
fn step(name: &[u8]) -> String {
    let plain = name.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$'))
        && name.len() <= MAX_NAME
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
        && name.iter().filter(|b| b.is_ascii_digit()).count() <= MAX_DIGITS;
    match std::str::from_utf8(name) {
        Ok(name) if plain => format!(".{name}"),
        _ => ".*".to_owned(),
    }
}
