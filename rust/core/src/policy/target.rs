//! `[route.target]`: path and query.

use super::file::{Element, Item};
/// Path and query of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetPolicy {
    /// Collapse repeated slashes.
    pub merge_slashes: bool,
    /// Dot segments.
    pub dots: Dots,
    /// What happens to a triplet like `%2F` that stands for a character with a meaning in a path.
    pub encoded_reserved: EncodedReserved,
    /// Query; `None` leaves it as it is.
    pub query: Option<QueryPolicy>,
}

/// What happens to `.` and `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dots {
    /// As Python's `posixpath.normpath`: `..` above the root stays at the root, and a last dot segment leaves no slash
    /// (RFC 3986 §5.2.4 would leave one).
    Clamp,
    /// The same, but climbing above the root is outside the grammar.
    Strict,
    /// Left as they are.
    Keep,
}

/// What happens to an encoded character that has a meaning unencoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedReserved {
    /// Outside the grammar.
    Outside,
    /// Kept encoded, hex digits upper-cased.
    Keep,
}

/// The query of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPolicy {
    /// Names that are removed: exact, or a prefix when written with a trailing `*`.
    pub drop: Vec<NamePattern>,
    /// Order of the pairs.
    pub sort: Sort,
    /// How a space is written.
    pub space_as_plus: bool,
}

/// A name or, with a trailing `*`, the start of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The name or its start.
    pub text: Box<str>,
    /// Whether it is only the start.
    pub prefix: bool,
}

/// Order of query pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// As received.
    No,
    /// Stable, by decoded name.
    ByName,
    /// By decoded name, then by decoded value, as Python's `sorted(pairs)`.
    ByPair,
}

/// Most names to drop: each is compared with every name of a query.
const MAX_DROP: usize = 100;

/// What was said of a target; what was not said is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct TargetKeys {
    /// `target = false`.
    off: bool,
    merge_slashes: Option<bool>,
    dots: Option<Dots>,
    encoded_reserved: Option<EncodedReserved>,
    query: Option<QueryPolicy>,
}

impl TargetKeys {
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        match item.raw().as_bool() {
            Some(false) => return Some(Self { off: true, ..Self::default() }),
            Some(true) => {
                item.complain("is true", "write a table for what is normalised, or false for nothing".to_owned());
                return None;
            }
            None => {}
        }
        let section = item.section(format!("{}, target", item.place))?;
        let keys = Self {
            off: false,
            merge_slashes: section.get("merge_slashes").and_then(|item| item.boolean()),
            dots: section.get("dots").and_then(|item| {
                item.choice(&[("clamp", Dots::Clamp), ("strict", Dots::Strict), ("keep", Dots::Keep)])
            }),
            encoded_reserved: section.get("encoded_reserved").and_then(|item| {
                item.choice(&[("outside", EncodedReserved::Outside), ("keep", EncodedReserved::Keep)])
            }),
            query: section.get("query").and_then(|item| query(&item)),
        };
        section.finish();
        Some(keys)
    }

    /// What holds where these are the defaults and `route` says more: key by key.
    pub(super) fn overridden_by(&self, route: Self) -> Self {
        Self {
            off: route.off,
            merge_slashes: route.merge_slashes.or(self.merge_slashes),
            dots: route.dots.or(self.dots),
            encoded_reserved: route.encoded_reserved.or(self.encoded_reserved),
            query: route.query.or_else(|| self.query.clone()),
        }
    }

    pub(super) fn into_policy(self) -> Option<TargetPolicy> {
        (!self.off).then(|| TargetPolicy {
            merge_slashes: self.merge_slashes.unwrap_or(true),
            dots: self.dots.unwrap_or(Dots::Clamp),
            encoded_reserved: self.encoded_reserved.unwrap_or(EncodedReserved::Outside),
            query: self.query,
        })
    }
}

fn query(item: &Item<'_>) -> Option<QueryPolicy> {
    let section = item.section(format!("{}, query", item.place))?;
    let query = QueryPolicy {
        drop: section.get("drop").and_then(|item| drop(&item)).unwrap_or_default(),
        sort: section.get("sort").and_then(|item| sort(&item)).unwrap_or(Sort::No),
        space_as_plus: section
            .get("space")
            .and_then(|item| item.choice(&[("+", true), ("%20", false)]))
            .unwrap_or(true),
    };
    section.finish();
    Some(query)
}

fn sort(item: &Item<'_>) -> Option<Sort> {
    match item.raw().as_bool() {
        Some(true) => Some(Sort::ByPair),
        Some(false) => Some(Sort::No),
        None if item.raw().as_str().is_some() => item.choice(&[("name", Sort::ByName), ("pair", Sort::ByPair)]),
        None => {
            item.complain("is no order", "use one of: true (by name, then by value), \"name\", false".to_owned());
            None
        }
    }
}

fn drop(item: &Item<'_>) -> Option<Vec<NamePattern>> {
    let texts = item.texts()?;
    if texts.len() > MAX_DROP {
        item.complain(format_args!("has {} names", texts.len()), format!("at most {MAX_DROP} are compared"));
        return None;
    }
    let mut patterns: Vec<NamePattern> = Vec::new();
    for Element { text, at } in texts {
        let pattern = match text.strip_suffix('*') {
            Some(start) => NamePattern { text: start.into(), prefix: true },
            None => NamePattern { text: text.into(), prefix: false },
        };
        let complain = |what: &str, advice: &str| {
            let message = format!("{}: drop \"{}\" {what}", item.place, text.escape_debug());
            item.file.complain(at, message, advice.to_owned());
        };
        if pattern.text.contains('*') {
            complain("has a star that is not at the end", "one trailing * stands for any rest of a name");
        }
        if let Some(other) = patterns.iter().find(|other| other.text == pattern.text || covers(other, &pattern)) {
            let star = if other.prefix { "*" } else { "" };
            complain(&format!("is already covered by \"{}{star}\"", other.text.escape_debug()), "name it once");
        }
        patterns.push(pattern);
    }
    Some(patterns)
}

fn covers(one: &NamePattern, other: &NamePattern) -> bool {
    one.prefix && other.text.starts_with(&*one.text)
}
