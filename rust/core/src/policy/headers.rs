//! `[route.headers]`: which lines go on, and how they are written.

use super::contradictions;
use super::file::{Element, Item, Section};
use super::inherited::size;
use super::languages::{self, Languages};
use super::{RuleId, RuleName};
use crate::head::names::{BUILT_IN, KnownHeaders, Traits, is_token};
use crate::head::rule;

/// The headers of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadersPolicy {
    /// Lines whose name holds a `_`.
    pub underscore: Underscore,
    /// Bytes above 0x7F in a value go on; else they are outside the grammar.
    pub keep_obs_text: bool,
    /// Lines that disagree about the body's length are refused.
    pub check_framing: bool,
    /// Lines that speak of one connection are removed.
    pub remove_hop_by_hop: bool,
    /// A second line of a header that may stand once is refused.
    pub refuse_duplicates: bool,
    /// Several lines of a list become one.
    pub join: bool,
    /// The content type is written in one spelling.
    pub normalize_content_type: bool,
    /// What happens to the languages.
    pub languages: Languages,
    /// The headers that the steps treat in some way.
    pub known: KnownHeaders,
    /// Starts of names that are left out, in lower case; sorted, and none is the start of another.
    pub drop_starts: Vec<Box<str>>,
    /// How many of the known headers have to be there.
    pub required: usize,
    /// Bounds on all lines.
    pub bounds: HeaderBounds,
    /// The first of the rules that are named in [`rule`].
    pub rule: RuleId,
}

/// What happens to a line whose name holds a `_`, which some servers read as `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Underscore {
    /// It is left out.
    Drop,
    /// It goes on.
    Keep,
    /// The request is refused.
    Reject,
}

/// The most of everything; `usize::MAX` where nothing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderBounds {
    /// Lines.
    pub count: usize,
    /// Bytes of all names and values.
    pub bytes: usize,
    /// Bytes of one name.
    pub name_bytes: usize,
    /// Bytes of one value.
    pub value_bytes: usize,
}

/// Most names of one list.
const MAX_NAMES: usize = 100;

/// The longest name that a policy may speak of: servers take no longer ones.
const MAX_NAME_BYTES: usize = 256;

/// The highest bound on lines.
const MOST_LINES: u64 = 100_000;

/// A name in lower case and its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) text: Box<str>,
    pub(super) at: usize,
}

/// What was said of headers; what was not said is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadersKeys {
    /// `headers = false`.
    off: bool,
    pub(super) underscore: Option<Underscore>,
    keep_obs_text: Option<bool>,
    check_framing: Option<bool>,
    pub(super) remove_hop_by_hop: Option<bool>,
    pub(super) refuse_duplicates: Option<bool>,
    pub(super) join: Option<bool>,
    pub(super) normalize_content_type: Option<bool>,
    pub(super) languages: Option<Languages>,
    pub(super) single: Option<Vec<Name>>,
    pub(super) list: Option<Vec<Name>>,
    /// Names, or starts of names with a trailing `*`.
    pub(super) drop: Option<Vec<Name>>,
    pub(super) required: Option<Vec<Name>>,
    count: Option<usize>,
    bytes: Option<usize>,
    name_bytes: Option<usize>,
    value_bytes: Option<usize>,
}

impl HeadersKeys {
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        match item.raw().as_bool() {
            Some(false) => return Some(Self { off: true, ..Self::default() }),
            Some(true) => {
                let advice = "write [route.headers] for what is normalised, or false for nothing";
                item.complain("is true", advice.to_owned());
                return None;
            }
            None => {}
        }
        let section = item.section(format!("{}, headers", item.place))?;
        let choice = |key, choices: &[(&'static str, bool)]| section.get(key).and_then(|item| item.choice(choices));
        let names = |key, star| section.get(key).and_then(|item| names(&item, star));
        let bytes = |key| section.get(key).and_then(|item| size(&item));
        let keys = Self {
            off: false,
            underscore: section.get("underscore").and_then(|item| {
                item.choice(&[("drop", Underscore::Drop), ("keep", Underscore::Keep), ("reject", Underscore::Reject)])
            }),
            keep_obs_text: choice("obs_text", &[("keep", true), ("outside", false)]),
            check_framing: choice("framing", &[("reject", true), ("keep", false)]),
            remove_hop_by_hop: choice("hop_by_hop", &[("remove", true), ("keep", false)]),
            refuse_duplicates: choice("duplicates", &[("reject", true), ("keep", false)]),
            join: section.get("join").and_then(|item| item.boolean()),
            single: names("single", false),
            list: names("list", false),
            normalize_content_type: choice("content_type", &[("keep", false), ("normalize", true)]),
            languages: section.get("accept_language").and_then(|item| languages::read(&item)),
            drop: names("drop", true),
            required: names("required", false),
            count: section
                .get("max_count")
                .and_then(|item| item.whole(1, MOST_LINES))
                .and_then(|count| usize::try_from(count).ok()),
            bytes: bytes("max_bytes"),
            name_bytes: bytes("max_name_bytes"),
            value_bytes: bytes("max_value_bytes"),
        };
        section.finish();
        Some(keys)
    }

    /// What holds where these are the defaults and `route` says more: key by key.
    pub(super) fn overridden_by(&self, route: Self) -> Self {
        Self {
            off: route.off,
            underscore: route.underscore.or(self.underscore),
            keep_obs_text: route.keep_obs_text.or(self.keep_obs_text),
            check_framing: route.check_framing.or(self.check_framing),
            remove_hop_by_hop: route.remove_hop_by_hop.or(self.remove_hop_by_hop),
            refuse_duplicates: route.refuse_duplicates.or(self.refuse_duplicates),
            join: route.join.or(self.join),
            single: route.single.or_else(|| self.single.clone()),
            list: route.list.or_else(|| self.list.clone()),
            normalize_content_type: route.normalize_content_type.or(self.normalize_content_type),
            languages: route.languages.or_else(|| self.languages.clone()),
            drop: route.drop.or_else(|| self.drop.clone()),
            required: route.required.or_else(|| self.required.clone()),
            count: route.count.or(self.count),
            bytes: route.bytes.or(self.bytes),
            name_bytes: route.name_bytes.or(self.name_bytes),
            value_bytes: route.value_bytes.or(self.value_bytes),
        }
    }

    /// The policy of the route in `section`, whose limit keys hold the headers `keyed`; the names of its rules are
    /// appended to `rules`.
    pub(super) fn into_policy(
        self,
        section: &Section<'_>,
        keyed: &[&str],
        rules: &mut Vec<RuleName>,
    ) -> Option<HeadersPolicy> {
        if self.off {
            return None;
        }
        contradictions::complain(&self, section);
        let first = RuleId(u16::try_from(rules.len()).unwrap_or(u16::MAX));
        rules.extend(
            rule::NAMES.map(|(place, operation)| RuleName { place: place.into(), operation: operation.into() }),
        );
        let required = self.required.as_ref().map_or(0, Vec::len);
        let known = self.known(keyed);
        let starts = self.drop.iter().flatten().filter_map(|name| name.text.strip_suffix('*'));
        let mut drop_starts: Vec<Box<str>> = starts.map(Box::from).collect();
        drop_starts.sort_unstable();
        Some(HeadersPolicy {
            underscore: self.underscore.unwrap_or(Underscore::Drop),
            keep_obs_text: self.keep_obs_text.unwrap_or(true),
            check_framing: self.check_framing.unwrap_or(true),
            remove_hop_by_hop: self.remove_hop_by_hop.unwrap_or(true),
            refuse_duplicates: self.refuse_duplicates.unwrap_or(true),
            join: self.join.unwrap_or(true),
            normalize_content_type: self.normalize_content_type.unwrap_or(false),
            languages: self.languages.unwrap_or(Languages::Keep),
            known,
            drop_starts,
            required,
            bounds: HeaderBounds {
                count: self.count.unwrap_or(usize::MAX),
                bytes: self.bytes.unwrap_or(usize::MAX),
                name_bytes: self.name_bytes.unwrap_or(usize::MAX),
                value_bytes: self.value_bytes.unwrap_or(usize::MAX),
            },
            rule: first,
        })
    }

    fn known(&self, keyed: &[&str]) -> KnownHeaders {
        let mut known: Vec<(Box<str>, Traits)> = BUILT_IN.iter().map(|&(name, traits)| (name.into(), traits)).collect();
        let lists = [
            (&self.single, Traits::SINGLE),
            (&self.list, Traits::LIST),
            (&self.drop, Traits::DROP),
            (&self.required, Traits::REQUIRED.and(Traits::PROTECTED)),
        ];
        for (names, traits) in lists {
            let names = names.iter().flatten().filter(|name| !name.text.ends_with('*'));
            known.extend(names.map(|name| (name.text.clone(), traits)));
        }
        known.extend(keyed.iter().map(|&name| (name.into(), Traits::PROTECTED)));
        if !matches!(self.languages, None | Some(Languages::Keep)) {
            known.push(("accept-language".into(), Traits::PROTECTED));
        }
        KnownHeaders::new(known)
    }
}

/// A list of names; with `star`, one trailing `*` stands for any rest.
fn names(item: &Item<'_>, star: bool) -> Option<Vec<Name>> {
    let texts = item.texts()?;
    if texts.len() > MAX_NAMES {
        item.complain(format_args!("has {} names", texts.len()), format!("at most {MAX_NAMES} are known"));
        return None;
    }
    let mut names: Vec<Name> = Vec::new();
    for Element { text, at } in texts {
        let complain = |what: &str, advice: &str| {
            let message = format!("{}: {} \"{}\" {what}", item.place, item.key, text.escape_debug());
            item.file.complain(at, message, advice.to_owned());
        };
        let start = if star { text.strip_suffix('*').unwrap_or(text) } else { text };
        let mistake = if start.is_empty() && !text.is_empty() {
            Some(("leaves out every header", "put the start of a name before the star"))
        } else if start.is_empty() || start.len() > MAX_NAME_BYTES || !start.bytes().all(is_token) {
            Some(("is no name of a header", "use letters, digits and !#$%&'+-.^_`|~, for example \"x-debug\""))
        } else if start.contains('*') {
            let advice = if star { "one trailing * stands for any rest of a name" } else { "write whole names here" };
            Some(("has a star where none can stand", advice))
        } else {
            None
        };
        if let Some((what, advice)) = mistake {
            complain(what, advice);
            continue;
        }
        let lower: Box<str> = text.to_ascii_lowercase().into();
        let covers = |known: &Name| {
            *known.text == *lower
                || star && known.text.strip_suffix('*').is_some_and(|known| lower.starts_with(known))
                || star && lower.strip_suffix('*').is_some_and(|start| known.text.starts_with(start))
        };
        match names.iter().find(|known| covers(known)) {
            Some(known) if known.text == lower => complain("stands twice", "name it once"),
            Some(known) => complain(&format!("and \"{}\" cover each other", known.text), "name the wider one alone"),
            None => {}
        }
        names.push(Name { text: lower, at });
    }
    Some(names)
}
