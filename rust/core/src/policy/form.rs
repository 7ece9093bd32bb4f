//! `[route.form]`: forms that come as a body.

use super::file::{Item, Section};
use super::json::{bound, unknown};
use super::rule::{self, Surroundings};
use super::{FieldRule, MAX_RULES, RuleId, RuleName, Unknown, paths};

/// The largest bound that can be asked for: longer bodies are not read.
const MOST: u64 = 1 << 30;

/// The form body of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct FormPolicy {
    /// Most pairs, empty pieces not counted.
    pub max_params: usize,
    /// Most bytes of one name, decoded.
    pub max_name_bytes: usize,
    /// Most bytes of one value, decoded.
    pub max_value_bytes: usize,
    /// Pairs with one name.
    pub duplicates: Repeats,
    /// Pairs that no rule names.
    pub unknown: Unknown,
    /// The names that rules go by, their own and those of `rename`, sorted, with the rule's index in `fields`.
    pub names: Vec<(Box<str>, usize)>,
    /// The rules in the order of the file.
    pub fields: Vec<FieldRule>,
}

/// What happens to several pairs with one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// All stay.
    Keep,
    /// The first stays.
    First,
    /// The last stays, in the place of the first.
    Last,
    /// The request is refused with `duplicate_field`.
    Reject,
}

/// Reads the policy; the names of its rules are appended to `rules`.
pub(super) fn read(item: &Item<'_>, rules: &mut Vec<RuleName>) -> Option<FormPolicy> {
    let section = item.section(format!("{}, form", item.place))?;
    let duplicates = section.get("duplicates").map_or(Some(Repeats::Keep), |item| {
        item.choice(&[
            ("keep", Repeats::Keep),
            ("first", Repeats::First),
            ("last", Repeats::Last),
            ("reject", Repeats::Reject),
        ])
    });
    let unknown_item = section.get("unknown");
    let unknown = unknown_item.as_ref().map_or(Some(Unknown::Keep), unknown);
    let fields_item = section.get("fields");
    if let (Some(item), Some(Unknown::Drop | Unknown::Reject), None) = (&unknown_item, unknown, &fields_item) {
        let name = item.text().unwrap_or_default();
        let advice = "add [route.form.fields], or keep what is unknown".to_owned();
        item.complain(format_args!("is \"{name}\" and no field is named"), advice);
    }
    let fields = fields_item.map(|fields| read_fields(&fields, &item.place, rules)).unwrap_or_default();
    let bound = |key| bound(&section, key, MOST).unwrap_or(usize::MAX);
    let policy = FormPolicy {
        max_params: bound("max_params"),
        max_name_bytes: bound("max_name_bytes"),
        max_value_bytes: bound("max_value_bytes"),
        duplicates: duplicates?,
        unknown: unknown?,
        names: names(&fields),
        fields,
    };
    section.finish();
    Some(policy)
}

fn read_fields(item: &Item<'_>, route: &str, rules: &mut Vec<RuleName>) -> Vec<FieldRule> {
    let Some(section) = item.section(format!("{route}, form fields")) else { return Vec::new() };
    if section.entries().len() > MAX_RULES {
        section.complain(format_args!("{} rules", section.entries().len()), format!("a route has at most {MAX_RULES}"));
        return Vec::new();
    }
    let around = Surroundings { is_form: true, ..Surroundings::default() };
    let mut fields: Vec<FieldRule> = Vec::new();
    for item in section.entries() {
        let id = RuleId(rules.len() as u16);
        let place = format!("{route}, form field \"{}\"", item.key.escape_debug());
        let path = [paths::Step::Member(item.key)];
        let Some((field, operation)) = rule::read(item, place, &path, id, &around) else { continue };
        rules.push(RuleName { place: field.path.clone(), operation: operation.into() });
        fields.push(field);
    }
    check_names(&section, route, &fields);
    fields
}

/// A new name belongs to one field alone.
fn check_names(section: &Section<'_>, route: &str, fields: &[FieldRule]) {
    let mut names: Vec<(&str, &FieldRule)> = fields.iter().map(|field| (&*field.path, field)).collect();
    names.extend(fields.iter().filter_map(|field| Some((field.rename.as_deref()?, field))));
    // Its own name comes before those that are given to others.
    names.sort_by_key(|&(name, field)| (name, field.path.as_ref() != name, field.id));
    for pair in names.windows(2) {
        if let [(name, _), (other, field)] = pair
            && name == other
        {
            let message = format!(
                "{route}: form field \"{}\" is renamed to \"{}\", a name with a rule",
                field.path.escape_debug(),
                name.escape_debug()
            );
            let at = section.entries().iter().find(|item| item.key == &*field.path).map_or(section.at, |item| item.at);
            section.file.complain(at, message, "one name has one rule: choose another".to_owned());
        }
    }
}

fn names(fields: &[FieldRule]) -> Vec<(Box<str>, usize)> {
    let both = |field: &FieldRule| [Some(field.path.clone()), field.rename.clone()];
    let mut names: Vec<(Box<str>, usize)> = fields
        .iter()
        .enumerate()
        .flat_map(|(index, field)| both(field).into_iter().flatten().map(move |name| (name, index)))
        .collect();
    names.sort();
    names
}
