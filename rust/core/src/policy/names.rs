//! Lists of names of parameters, and a look-up in them that no name makes slow.

use super::file::{Element, Item};
use super::{suggest, trackers};

/// Most entries of a list.
const MAX_NAMES: usize = 100;

/// A name or, with a trailing `*`, the start of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The name or its start.
    pub text: Box<str>,
    /// Whether it is only the start.
    pub prefix: bool,
}

impl NamePattern {
    /// Reads `utm_*` or `gclid`.
    pub fn of(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) => Self { text: start.into(), prefix: true },
            None => Self { text: text.into(), prefix: false },
        }
    }

    /// Whether it means the decoded name.
    pub fn matches(&self, name: &[u8]) -> bool {
        if self.prefix { name.starts_with(self.text.as_bytes()) } else { name == self.text.as_bytes() }
    }

    /// Whether it means every name that `other` means.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self.prefix { other.text.starts_with(&*self.text) } else { self == other }
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.text.escape_debug(), if self.prefix { "*" } else { "" })
    }
}

/// A list of patterns: a slice of them in the order of the file, and what is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    written: Vec<NamePattern>,
    /// Sorted by text; none covers another, so that the last one not above a name is the only one that can mean it.
    sorted: Vec<NamePattern>,
}

impl Names {
    /// Whether one of the patterns means the decoded name.
    pub fn hold(&self, name: &[u8]) -> bool {
        let after = self.sorted.partition_point(|pattern| pattern.text.as_bytes() <= name);
        after.checked_sub(1).is_some_and(|at| self.sorted[at].matches(name))
    }
}

impl FromIterator<NamePattern> for Names {
    fn from_iter<I: IntoIterator<Item = NamePattern>>(patterns: I) -> Self {
        let written: Vec<NamePattern> = patterns.into_iter().collect();
        let mut all = written.clone();
        // Of one text the prefix comes first, since it covers the name.
        all.sort_by(|a, b| a.text.cmp(&b.text).then(b.prefix.cmp(&a.prefix)));
        let mut sorted: Vec<NamePattern> = Vec::new();
        for pattern in all {
            // What a prefix covers stands right after it.
            if !sorted.last().is_some_and(|last| last.covers(&pattern)) {
                sorted.push(pattern);
            }
        }
        Self { written, sorted }
    }
}

impl std::ops::Deref for Names {
    type Target = [NamePattern];

    fn deref(&self) -> &[NamePattern] {
        &self.written
    }
}

/// One entry of a list in the file: a pattern, or the list of trackers.
pub(super) struct Entry<'a> {
    pub(super) element: Element<'a>,
    pub(super) patterns: Vec<NamePattern>,
}

/// Reads a list. Only `drop` knows the list of trackers.
pub(super) fn read<'a>(item: &Item<'a>, knows_trackers: bool) -> Option<Vec<Entry<'a>>> {
    let texts = item.texts()?;
    if texts.len() > MAX_NAMES {
        item.complain(format_args!("has {} names", texts.len()), format!("at most {MAX_NAMES} are compared"));
        return None;
    }
    let mut entries: Vec<Entry<'a>> = Vec::new();
    for element in texts {
        let text = element.text;
        if knows_trackers && text == trackers::LIST {
            if entries.iter().any(|entry| entry.element.text == text) {
                complain(item, element, "is named twice", "name it once");
            }
            entries.push(Entry { element, patterns: trackers::patterns().collect() });
            continue;
        }
        if text.starts_with('@') && suggest::nearest(text, &[trackers::LIST]).is_some() {
            let advice = if knows_trackers { "did you mean \"@trackers\"?" } else { "only drop knows this list" };
            complain(item, element, "is no name of a parameter", advice);
        }
        let pattern = NamePattern::of(text);
        if pattern.text.contains('*') {
            let advice = "one trailing * stands for any rest of a name";
            complain(item, element, "has a star that is not at the end", advice);
        }
        let own = entries.iter().filter(|entry| entry.element.text != trackers::LIST || !knows_trackers);
        if let Some(other) = own.flat_map(|entry| &entry.patterns).find(|other| other.covers(&pattern)) {
            complain(item, element, &format!("is already covered by \"{other}\""), "name it once");
        }
        entries.push(Entry { element, patterns: vec![pattern] });
    }
    Some(entries)
}

/// Complains about one entry.
pub(super) fn complain(item: &Item<'_>, element: Element<'_>, what: &str, advice: &str) {
    let message = format!("{}: {} \"{}\" {what}", item.place, item.key, element.text.escape_debug());
    item.file.complain(element.at, message, advice.to_owned());
}

/// The patterns of all entries.
pub(super) fn names(entries: &[Entry<'_>]) -> Names {
    entries.iter().flat_map(|entry| entry.patterns.iter().cloned()).collect()
}
