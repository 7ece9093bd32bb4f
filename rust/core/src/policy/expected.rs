//! Parameters that a query has to have or is given: `required` and `default`.

use super::file::{Element, Item, Section};
use super::names::complain;
use super::{Nul, QueryPolicy};

/// Most names: each is a bit of a set.
const MAX_NAMES: usize = 100;

/// Names that are required, then names with defaults; each is known by its place among all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    required: Vec<Box<str>>,
    defaults: Vec<(Box<str>, Box<str>)>,
    /// All names and their places, sorted by name.
    sorted: Vec<(Box<str>, usize)>,
}

impl Expected {
    /// `None` if there are more than 100 names. Names are different.
    pub fn new(required: Vec<Box<str>>, defaults: Vec<(Box<str>, Box<str>)>) -> Option<Self> {
        let names = required.iter().chain(defaults.iter().map(|(name, _)| name));
        let mut sorted: Vec<_> = names.cloned().enumerate().map(|(place, name)| (name, place)).collect();
        sorted.sort_unstable();
        (sorted.len() <= MAX_NAMES).then_some(Self { required, defaults, sorted })
    }

    /// Nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Names that have to be there, in the order of the policy.
    pub fn required(&self) -> &[Box<str>] {
        &self.required
    }

    /// Names and the values that they get where they are absent, in the order of the policy.
    pub fn defaults(&self) -> &[(Box<str>, Box<str>)] {
        &self.defaults
    }

    /// The set of all names.
    pub(crate) fn all(&self) -> u128 {
        (1 << self.sorted.len()) - 1
    }

    /// The set of this name alone; empty if it is not expected.
    pub(crate) fn bit(&self, name: &[u8]) -> u128 {
        let found = self.sorted.binary_search_by(|(known, _)| known.as_bytes().cmp(name));
        found.map_or(0, |at| 1 << self.sorted[at].1)
    }

    /// Whether a required name is in the set.
    pub(crate) fn any_required(&self, set: u128) -> bool {
        set & ((1 << self.required.len()) - 1) != 0
    }

    /// Those with a default that are in the set, in the order of the policy.
    pub(crate) fn defaults_of(&self, set: u128) -> impl Iterator<Item = &(Box<str>, Box<str>)> {
        let set = set >> self.required.len();
        self.defaults.iter().enumerate().filter(move |(place, _)| set & (1 << place) != 0).map(|(_, pair)| pair)
    }
}

/// Reads both and holds them against the rest of the policy.
pub(super) fn read(section: &Section<'_>, policy: &QueryPolicy) -> Expected {
    let required_item = section.get("required");
    let default_item = section.get("default");
    let mut required: Vec<Box<str>> = Vec::new();
    if let Some(item) = &required_item {
        for element in item.texts().unwrap_or_default() {
            if required.iter().any(|known| **known == *element.text) {
                complain(item, element, "is named twice", "name it once");
                continue;
            }
            check(item, element, policy);
            required.push(element.text.into());
        }
    }
    let mut defaults = Vec::new();
    let table = default_item.as_ref().and_then(|item| item.section(format!("{}, default", item.place)));
    for entry in table.iter().flat_map(Section::entries) {
        let Some(value) = entry.text() else { continue };
        if let (Some(item), true) = (&required_item, required.iter().any(|known| **known == *entry.key)) {
            let what = format!("contradicts required on line {}, which names it", item.line());
            entry.complain(what, "remove one of them".to_owned());
        }
        if let Some(item) = &default_item {
            check(item, Element { text: entry.key, at: entry.at }, policy);
        }
        check_value(entry, value, policy);
        defaults.push((entry.key.into(), value.into()));
    }
    let count = required.len() + defaults.len();
    let item = default_item.or(required_item);
    let expected = Expected::new(required, defaults);
    let bound = match &expected {
        None => Some(format!("at most {MAX_NAMES} are looked for")),
        Some(_) => {
            (policy.max_params).filter(|&most| count > most).map(|most| format!("max_params lets only {most} through"))
        }
    };
    if let (Some(item), Some(bound)) = (item, bound) {
        item.complain(format_args!("makes {count} names that are required or have a default"), bound);
    }
    expected.unwrap_or_default()
}

/// Complains of a name that could never be there.
fn check(item: &Item<'_>, name: Element<'_>, policy: &QueryPolicy) {
    let bytes = name.text.as_bytes();
    if policy.drop.hold(bytes) {
        complain(item, name, "is dropped", "remove it here or from drop");
    } else if policy.allow.as_ref().is_some_and(|allow| !allow.names.hold(bytes)) {
        complain(item, name, "is not allowed", "add it to allow");
    }
    if let Some(most) = policy.max_name_bytes.filter(|&most| bytes.len() > most) {
        let what = format!("has {} bytes, and max_name_bytes is {most}", bytes.len());
        complain(item, name, &what, "no such name is accepted");
    }
    if policy.nul == Nul::Reject && bytes.contains(&0) {
        complain(item, name, "holds a NUL, which nul = \"reject\" refuses", "no such name is accepted");
    }
}

fn check_value(entry: &Item<'_>, value: &str, policy: &QueryPolicy) {
    if let Some(most) = policy.max_value_bytes.filter(|&most| value.len() > most) {
        let what = format_args!("has {} bytes, and max_value_bytes is {most}", value.len()).to_string();
        entry.complain(what, "a default has to be a value that is accepted".to_owned());
    }
    if policy.nul == Nul::Reject && value.contains('\0') {
        entry.complain(
            "holds a NUL, which nul = \"reject\" refuses",
            "a default has to be a value that is accepted".to_owned(),
        );
    }
}
