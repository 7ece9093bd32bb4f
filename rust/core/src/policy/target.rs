//! `[route.target]`: path and query.

use super::file::{Element, Item};
use super::inherited::size;
use super::query::{self, QueryPolicy};
use crate::target::spelling::{is_reserved, triplet};

/// Path and query of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetPolicy {
    /// The longest path in bytes, as it comes and as it goes on.
    pub max_bytes: Option<usize>,
    /// A backslash that is not encoded.
    pub backslash: Backslash,
    /// What happens to a triplet like `%2F` that stands for a character with a meaning in a path.
    pub encoded_reserved: EncodedReserved,
    /// What happens to `%00`, `%23`, `%25`, `%3F` and `%5C`.
    pub encoded_special: EncodedSpecial,
    /// What follows a semicolon in a segment.
    pub params: Params,
    /// Collapse repeated slashes.
    pub merge_slashes: bool,
    /// Dot segments.
    pub dots: Dots,
    /// A slash at the end.
    pub trailing_slash: TrailingSlash,
    /// Letters.
    pub case: PathCase,
    /// Query; `None` leaves it as it is.
    pub query: Option<QueryPolicy>,
}

impl Default for TargetPolicy {
    /// That of `target = {}`.
    fn default() -> Self {
        Self {
            max_bytes: None,
            backslash: Backslash::Outside,
            encoded_reserved: EncodedReserved::Outside,
            encoded_special: EncodedSpecial::Keep,
            params: Params::Keep,
            merge_slashes: true,
            dots: Dots::Clamp,
            trailing_slash: TrailingSlash::Keep,
            case: PathCase::Keep,
            query: None,
        }
    }
}

/// What a backslash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backslash {
    /// Outside the grammar.
    Outside,
    /// A slash.
    Slash,
}

/// What happens to an encoded character that has a meaning unencoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedReserved {
    /// Outside the grammar.
    Outside,
    /// Kept encoded, hex digits upper-cased.
    Keep,
    /// These are kept, the others are outside.
    Only(Reserved),
}

impl EncodedReserved {
    /// Whether the triplet of a reserved character is kept.
    pub fn keeps(self, reserved: u8) -> bool {
        match self {
            Self::Outside => false,
            Self::Keep => true,
            Self::Only(set) => reserved < 128 && set.0 & (1 << reserved) != 0,
        }
    }
}

/// A set of reserved characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserved(u128);

impl FromIterator<u8> for Reserved {
    /// Bytes that are not reserved are left out.
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self(bytes.into_iter().filter(|&byte| is_reserved(byte)).fold(0, |set, byte| set | 1 << byte))
    }
}

/// What happens to the triplets of NUL and of characters that end a path or begin a triplet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSpecial {
    /// Kept encoded, hex digits upper-cased.
    Keep,
    /// Outside the grammar.
    Outside,
}

/// What happens to `;x=1` in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Params {
    /// It stays.
    Keep,
    /// It is cut off.
    Strip,
    /// The request is refused with `path_parameter`.
    Reject,
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

/// How a path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailingSlash {
    /// As it came.
    Keep,
    /// Without a slash, unless it is the root.
    Strip,
    /// With a slash.
    Add,
}

/// What happens to the letters of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathCase {
    /// They stay.
    Keep,
    /// A-Z become a-z; triplets stay in upper case.
    AsciiLower,
}

/// What was said of a target; what was not said is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct TargetKeys {
    /// `target = false`.
    off: bool,
    max_bytes: Option<usize>,
    backslash: Option<Backslash>,
    encoded_reserved: Option<EncodedReserved>,
    encoded_special: Option<EncodedSpecial>,
    params: Option<Params>,
    merge_slashes: Option<bool>,
    dots: Option<Dots>,
    trailing_slash: Option<TrailingSlash>,
    case: Option<PathCase>,
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
            max_bytes: section.get("max_bytes").and_then(|item| size(&item)),
            backslash: section
                .get("backslash")
                .and_then(|item| item.choice(&[("outside", Backslash::Outside), ("slash", Backslash::Slash)])),
            encoded_reserved: section.get("encoded_reserved").and_then(|item| encoded_reserved(&item)),
            encoded_special: section
                .get("encoded_special")
                .and_then(|item| item.choice(&[("keep", EncodedSpecial::Keep), ("outside", EncodedSpecial::Outside)])),
            params: section.get("params").and_then(|item| {
                item.choice(&[("keep", Params::Keep), ("strip", Params::Strip), ("reject", Params::Reject)])
            }),
            merge_slashes: section.get("merge_slashes").and_then(|item| item.boolean()),
            dots: section.get("dots").and_then(|item| {
                item.choice(&[("clamp", Dots::Clamp), ("strict", Dots::Strict), ("keep", Dots::Keep)])
            }),
            trailing_slash: section.get("trailing_slash").and_then(|item| {
                item.choice(&[
                    ("keep", TrailingSlash::Keep),
                    ("strip", TrailingSlash::Strip),
                    ("add", TrailingSlash::Add),
                ])
            }),
            case: section
                .get("case")
                .and_then(|item| item.choice(&[("keep", PathCase::Keep), ("ascii_lower", PathCase::AsciiLower)])),
            query: section.get("query").and_then(|item| query::read(&item)),
        };
        section.finish();
        Some(keys)
    }

    /// What holds where these are the defaults and `route` says more: key by key.
    pub(super) fn overridden_by(&self, route: Self) -> Self {
        Self {
            off: route.off,
            max_bytes: route.max_bytes.or(self.max_bytes),
            backslash: route.backslash.or(self.backslash),
            encoded_reserved: route.encoded_reserved.or(self.encoded_reserved),
            encoded_special: route.encoded_special.or(self.encoded_special),
            params: route.params.or(self.params),
            merge_slashes: route.merge_slashes.or(self.merge_slashes),
            dots: route.dots.or(self.dots),
            trailing_slash: route.trailing_slash.or(self.trailing_slash),
            case: route.case.or(self.case),
            query: route.query.or_else(|| self.query.clone()),
        }
    }

    pub(super) fn into_policy(self) -> Option<TargetPolicy> {
        let unsaid = TargetPolicy::default();
        (!self.off).then(|| TargetPolicy {
            max_bytes: self.max_bytes,
            backslash: self.backslash.unwrap_or(unsaid.backslash),
            encoded_reserved: self.encoded_reserved.unwrap_or(unsaid.encoded_reserved),
            encoded_special: self.encoded_special.unwrap_or(unsaid.encoded_special),
            params: self.params.unwrap_or(unsaid.params),
            merge_slashes: self.merge_slashes.unwrap_or(unsaid.merge_slashes),
            dots: self.dots.unwrap_or(unsaid.dots),
            trailing_slash: self.trailing_slash.unwrap_or(unsaid.trailing_slash),
            case: self.case.unwrap_or(unsaid.case),
            query: self.query,
        })
    }
}

/// A choice, or the list of triplets that are kept.
fn encoded_reserved(item: &Item<'_>) -> Option<EncodedReserved> {
    if !item.raw().is_array() {
        return item.choice(&[("outside", EncodedReserved::Outside), ("keep", EncodedReserved::Keep)]);
    }
    let mut kept: Vec<u8> = Vec::new();
    for element in item.texts()? {
        match reserved(element) {
            Ok(byte) if kept.contains(&byte) => complain(item, element, "is named twice", "name it once"),
            Ok(byte) => kept.push(byte),
            Err((what, advice)) => complain(item, element, what, advice),
        }
    }
    if kept.is_empty() {
        item.complain("keeps nothing", "write \"outside\"".to_owned());
    }
    Some(EncodedReserved::Only(kept.into_iter().collect()))
}

/// The reserved character that a triplet in upper case stands for, or what is wrong and what to do.
fn reserved(element: Element<'_>) -> Result<u8, (&'static str, &'static str)> {
    let bytes = element.text.as_bytes();
    let byte = bytes.strip_prefix(b"%").filter(|digits| digits.len() == 2).and_then(triplet);
    match byte {
        None => Err(("is no triplet", "write what is kept as %2F")),
        Some(_) if bytes.iter().any(u8::is_ascii_lowercase) => Err(("has a lower-case digit", "write it as %2F")),
        Some(byte) if is_reserved(byte) => Ok(byte),
        Some(0 | b'#' | b'%' | b'?' | b'\\') => Err(("is not reserved", "encoded_special says what it is")),
        Some(_) => Err(("is not reserved", "use the triplets of / ! $ & ' ( ) * + , ; = : @")),
    }
}

fn complain(item: &Item<'_>, element: Element<'_>, what: &str, advice: &str) {
    super::names::complain(item, element, what, advice);
}
