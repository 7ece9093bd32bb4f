//! `[route.target.query]`: names and values of a query.

use super::expected::{self, Expected};
use super::file::{Item, Section};
use super::inherited::size;
use super::names::{self, Entry, Names};

/// Most parameters that can be asked for: a query of 1 MiB has no more.
const MOST_PARAMS: u64 = 1_000_000;

/// The query of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPolicy {
    /// Names that are left out.
    pub drop: Names,
    /// Names besides which no other goes on.
    pub allow: Option<Allow>,
    /// A `%` without two hex digits.
    pub bad_triplet: BadTriplet,
    /// 0x00 in what a name or value decodes to.
    pub nul: Nul,
    /// A name without `=`.
    pub bare: Bare,
    /// A name that comes twice.
    pub duplicates: Duplicates,
    /// Names that have to be there, and those that are added.
    pub expected: Expected,
    /// Order of the pairs.
    pub sort: Sort,
    /// How a space is written.
    pub space_as_plus: bool,
    /// The most parameters.
    pub max_params: Option<usize>,
    /// The longest name, in decoded bytes.
    pub max_name_bytes: Option<usize>,
    /// The longest value, likewise.
    pub max_value_bytes: Option<usize>,
}

impl Default for QueryPolicy {
    /// That of `query = {}`.
    fn default() -> Self {
        Self {
            drop: Names::default(),
            allow: None,
            bad_triplet: BadTriplet::Percent,
            nul: Nul::Keep,
            bare: Bare::Empty,
            duplicates: Duplicates::Keep,
            expected: Expected::default(),
            sort: Sort::No,
            space_as_plus: true,
            max_params: None,
            max_name_bytes: None,
            max_value_bytes: None,
        }
    }
}

/// Names that may go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// The names.
    pub names: Names,
    /// What happens to others.
    pub unknown: UnknownParameter,
}

/// What happens to a parameter that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownParameter {
    /// It is left out.
    Drop,
    /// The request is refused with `unknown_parameter`.
    Reject,
}

/// What happens to a `%` without two hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTriplet {
    /// It is a per cent sign.
    Percent,
    /// The request is refused with `bad_triplet`.
    Reject,
}

/// What happens to 0x00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nul {
    /// It stays.
    Keep,
    /// The request is refused with `nul_parameter`.
    Reject,
}

/// What a name without `=` becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// A name with an empty value.
    Empty,
    /// Itself.
    Keep,
}

/// What happens to pairs of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// All stay.
    Keep,
    /// The first stays.
    First,
    /// The last stays, at the place of the first.
    Last,
    /// The values are joined by commas, at the place of the first.
    Join,
    /// The request is refused with `duplicate_parameter`.
    Reject,
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

pub(super) fn read(item: &Item<'_>) -> Option<QueryPolicy> {
    let section = item.section(format!("{}, query", item.place))?;
    let drop = section.get("drop").and_then(|item| Some((names::read(&item, true)?, item)));
    let allow = section.get("allow").and_then(|item| Some((names::read(&item, false)?, item)));
    let unknown = unknown(&section);
    let mut policy = QueryPolicy {
        drop: drop.as_ref().map(|(entries, _)| names::names(entries)).unwrap_or_default(),
        allow: allow.as_ref().map(|(entries, _)| Allow { names: names::names(entries), unknown }),
        bad_triplet: choice(
            &section,
            "bad_triplet",
            &[("percent", BadTriplet::Percent), ("reject", BadTriplet::Reject)],
        ),
        nul: choice(&section, "nul", &[("keep", Nul::Keep), ("reject", Nul::Reject)]),
        bare: choice(&section, "bare", &[("empty", Bare::Empty), ("keep", Bare::Keep)]),
        duplicates: choice(
            &section,
            "duplicates",
            &[
                ("keep", Duplicates::Keep),
                ("first", Duplicates::First),
                ("last", Duplicates::Last),
                ("join", Duplicates::Join),
                ("reject", Duplicates::Reject),
            ],
        ),
        expected: Expected::default(),
        sort: section.get("sort").and_then(|item| sort(&item)).unwrap_or(Sort::No),
        space_as_plus: choice(&section, "space", &[("+", true), ("%20", false)]),
        max_params: section.get("max_params").and_then(|item| item.whole(1, MOST_PARAMS)).map(|most| most as usize),
        max_name_bytes: section.get("max_name_bytes").and_then(|item| size(&item)),
        max_value_bytes: section.get("max_value_bytes").and_then(|item| size(&item)),
    };
    policy.expected = expected::read(&section, &policy);
    if let (Some((dropped, drop)), Some((allowed, allow))) = (&drop, &allow) {
        without_effect(&policy, (drop, dropped), (allow, allowed));
    }
    section.finish();
    Some(policy)
}

/// The choice of a key; the first one unless it is there.
fn choice<T: Copy>(section: &Section<'_>, key: &'static str, choices: &[(&'static str, T)]) -> T {
    section.get(key).and_then(|item| item.choice(choices)).unwrap_or(choices[0].1)
}

fn unknown(section: &Section<'_>) -> UnknownParameter {
    let Some(item) = section.get("unknown") else { return UnknownParameter::Drop };
    if section.get("allow").is_none() {
        item.complain("says nothing without allow", "name the parameters that are known: allow = [\"q\"]".to_owned());
    }
    let choices = [("drop", UnknownParameter::Drop), ("reject", UnknownParameter::Reject)];
    item.choice(&choices).unwrap_or(UnknownParameter::Drop)
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

/// Complains about entries of `drop` and `allow` that change nothing beside the other list.
fn without_effect(policy: &QueryPolicy, drop: (&Item<'_>, &[Entry<'_>]), allow: (&Item<'_>, &[Entry<'_>])) {
    for entry in allow.1 {
        if let Some(by) = policy.drop.iter().find(|by| entry.patterns.iter().all(|one| by.covers(one))) {
            let what = format!("is dropped by \"{by}\" on line {}", drop.0.line());
            names::complain(allow.0, entry.element, &what, "remove one of them");
        }
    }
    let Some(allowed) = &policy.allow else { return };
    if allowed.unknown == UnknownParameter::Reject {
        return;
    }
    for entry in drop.1 {
        let meets = |one| allowed.names.iter().any(|other| other.covers(one) || one.covers(other));
        if !entry.patterns.iter().any(meets) {
            let what = format!("says nothing beside allow on line {}, which leaves it out", allow.0.line());
            names::complain(drop.0, entry.element, &what, "remove it, or refuse other names: unknown = \"reject\"");
        }
    }
}
