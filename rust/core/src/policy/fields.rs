//! `[route.json.fields]`: the rules of a body, and that no two of them contradict each other.

use toml::de::DeValue;

use super::file::{Item, Section};
use super::paths::{self, Step};
use super::{RuleId, RuleName, operations};
use crate::field::{Answer, Op, Scalar};

/// One step of the field paths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldNode {
    /// Children by decoded member name, sorted by name.
    pub members: Vec<(Box<str>, usize)>,
    /// Child for every item of an array.
    pub items: Option<usize>,
    /// Index in [`JsonPolicy::fields`] of the rule for a value at this place.
    pub rule: Option<usize>,
    /// Indices of the rules among `members` that are required or have a default, in policy order.
    pub expected: Vec<usize>,
}

/// The rule for one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRule {
    /// Index in [`Route::rules`]. Rules refuse in this order: of several bad fields the lowest is reported.
    pub id: RuleId,
    /// The path as written.
    pub path: Box<str>,
    /// Last member name of the path, for a default.
    pub name: Box<str>,
    /// What happens to a value.
    pub op: Op,
    /// A value of another JSON type than the operation speaks of: kept, or refused with `wrong_type`.
    pub wrong_type: Misfit,
    /// A value that the operation cannot read: kept, or refused with the operation's code.
    pub invalid: Misfit,
    /// Absent is refused with `missing`.
    pub required: bool,
    /// JSON text appended to the parent object when the field is absent.
    pub default: Option<Box<str>>,
}

/// What happens to a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It goes on as it is.
    Keep,
    /// The request is refused.
    Reject,
}

/// Most rules of a route: [`RuleId`] has 16 bits, and nobody reads a longer report.
const MAX_RULES: usize = 10_000;

/// No rules.
pub(super) fn nothing() -> (Vec<FieldRule>, Vec<FieldNode>) {
    (Vec::new(), vec![FieldNode::default()])
}

/// Reads the rules in the order of the file. `original` says why no value may change, if so.
pub(super) fn read(
    item: &Item<'_>,
    route: &str,
    original: Option<&str>,
    rules: &mut Vec<RuleName>,
) -> (Vec<FieldRule>, Vec<FieldNode>) {
    let Some(section) = item.section(format!("{route}, fields")) else { return nothing() };
    if section.entries().len() > MAX_RULES {
        section.complain(format_args!("{} rules", section.entries().len()), format!("a route has at most {MAX_RULES}"));
        return nothing();
    }
    let mut fields: Vec<FieldRule> = Vec::new();
    let mut steps: Vec<Vec<Step<'_>>> = Vec::new();
    let mut items: Vec<&Item<'_>> = Vec::new();
    for item in section.entries() {
        let id = RuleId(rules.len() as u16);
        let Some((field, path, operation)) = field(item, route, id, original) else { continue };
        if let Some(first) = steps.iter().position(|known| *known == path) {
            let message = format!("{route}: field \"{}\" has a rule on line {} too", field.path, items[first].line());
            item.file.complain(item.at, message, "one field has one rule: keep one of them".to_owned());
            continue;
        }
        rules.push(RuleName { place: field.path.clone(), operation: operation.into() });
        fields.push(field);
        steps.push(path);
        items.push(item);
    }
    check_nesting(route, &fields, &steps, &items);
    let tree = paths::tree(&fields, &steps);
    (fields, tree)
}

fn field<'a>(
    item: &Item<'a>,
    route: &str,
    id: RuleId,
    original: Option<&str>,
) -> Option<(FieldRule, Vec<Step<'a>>, &'static str)> {
    let place = format!("{route}, field \"{}\"", item.key.escape_debug());
    let path = match paths::parse(item.key) {
        Ok(path) => path,
        Err(why) => {
            item.file.complain(item.at, format!("{place}: the path cannot be read"), why.to_owned());
            return None;
        }
    };
    let rule = item.section(place)?;
    let operation = operations::read(&rule);
    let (required, default) = presence(&rule, &path);
    let changes = match &operation {
        Some((_, Op::Nothing | Op::Date)) => false,
        Some((_, Op::Text(text))) => text.rewrites(),
        _ => true,
    };
    if let (Some(original), Some((name, _))) = (original, &operation) {
        let advice = "choose another output, for example \"python\", or only check: required, max_chars".to_owned();
        if changes {
            rule.complain(format_args!("\"{name}\" changes values, which contradicts {original}"), advice);
        } else if let Some((default, _)) = &default {
            default.complain(format_args!("adds a value, which contradicts {original}"), advice);
        }
    }
    let wrong_type = misfit(&rule, "wrong_type", operation.as_ref());
    let invalid = misfit(&rule, "invalid", operation.as_ref());
    if let (Some((_, Op::Nothing)), false, None) = (&operation, required.is_some(), &default)
        && rule.entries().iter().all(|item| item.key == "required")
    {
        let advice =
            "name an operation (text, email, uuid, integer, boolean, decimal, timestamp, enum), required or default";
        rule.complain("the rule does nothing", advice.to_owned());
    }
    if let (Some((item, text)), Some((_, op))) = (&default, &operation) {
        check_default(item, text, op);
    }
    rule.finish_advising(|unknown| {
        let quoted = format!("\"{}.{}\"", item.key.escape_debug(), unknown.key.escape_debug());
        unknown
            .raw()
            .is_table()
            .then(|| format!("no operation has this name; a path with dots stands in quotes: {quoted}"))
    });
    let (operation, op) = operation?;
    let name = match path.last() {
        Some(Step::Member(name)) => *name,
        _ => "",
    };
    let field = FieldRule {
        id,
        path: item.key.into(),
        name: name.into(),
        op,
        wrong_type,
        invalid,
        required: required.is_some_and(|(_, required)| required),
        default: default.map(|(_, text)| text),
    };
    Some((field, path, operation))
}

type Required<'a> = Option<(Item<'a>, bool)>;
type Default<'a> = Option<(Item<'a>, Box<str>)>;

fn presence<'a>(rule: &Section<'a>, path: &[Step<'_>]) -> (Required<'a>, Default<'a>) {
    let required = rule.get("required").and_then(|item| item.boolean().map(|required| (item, required)));
    let default = rule.get("default").and_then(|item| json_text(&item).map(|text| (item, text)));
    if let (Some((required, true)), Some((default, _))) = (&required, &default) {
        let line = required.line();
        default.complain(
            format_args!("contradicts required = true on line {line}"),
            "a field with a default is never missing: keep one of them".to_owned(),
        );
    }
    if path.last() == Some(&Step::Items) {
        let given = [required.as_ref().map(|(item, _)| item), default.as_ref().map(|(item, _)| item)];
        for item in given.into_iter().flatten() {
            let advice = "an item of an array is never absent: say it of the array's name".to_owned();
            item.complain("says nothing of the items of an array", advice);
        }
    }
    (required, default)
}

fn misfit(rule: &Section<'_>, key: &'static str, operation: Option<&(&'static str, Op)>) -> Misfit {
    let Some(item) = rule.get(key) else { return Misfit::Reject };
    if let Some((_, Op::Nothing)) = operation {
        item.complain("says nothing without an operation", "add one, or remove it".to_owned());
    }
    item.choice(&[("keep", Misfit::Keep), ("reject", Misfit::Reject)]).unwrap_or(Misfit::Reject)
}

/// The JSON text of a default.
fn json_text(item: &Item<'_>) -> Option<Box<str>> {
    let text = match item.raw() {
        DeValue::String(text) => json_string(text),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => json_string(&value.to_string()),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().trim_start_matches('+').to_owned(),
        DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) => value.to_string(),
            Err(_) => String::new(),
        },
        DeValue::Float(float) => float.as_str().trim_start_matches('+').to_owned(),
        DeValue::Array(_) | DeValue::Table(_) => String::new(),
    };
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if text.is_empty() || digits.starts_with("inf") || digits.starts_with("nan") {
        item.complain("is no JSON scalar", "write a text, a number, true or false".to_owned());
        return None;
    }
    Some(text.into())
}

/// A JSON string with only the escapes that JSON wants; the writer of the route's output spells it again.
fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A default that its own rule would change or refuse would differ between the first pass and the second.
fn check_default(item: &Item<'_>, json: &str, op: &Op) {
    let dated;
    let scalar = match item.raw() {
        DeValue::String(text) => Scalar::String(text),
        DeValue::Boolean(value) => Scalar::Bool(*value),
        DeValue::Datetime(value) => {
            dated = value.to_string();
            Scalar::String(&dated)
        }
        _ => Scalar::Number(json),
    };
    let mut value = String::new();
    match op.apply(scalar, &mut value) {
        Answer::Same => {}
        Answer::String if scalar == Scalar::String(&value) => {}
        Answer::Literal if scalar == Scalar::Number(&value) => {}
        Answer::String | Answer::Literal => item.complain(
            format_args!("is {json}, which the field's own rule would write as {value}"),
            "write it as the rule would".to_owned(),
        ),
        Answer::Kept(_) | Answer::WrongType | Answer::Invalid(_) | Answer::Unsupported(_) => item.complain(
            format_args!("is {json}, which the field's own rule cannot read"),
            "write a value that the rule accepts".to_owned(),
        ),
    }
}

/// A rule for a scalar that refuses everything else contradicts rules for what is inside.
fn check_nesting(route: &str, fields: &[FieldRule], steps: &[Vec<Step<'_>>], items: &[&Item<'_>]) {
    let mut sorted: Vec<usize> = (0..fields.len()).collect();
    sorted.sort_by(|&a, &b| steps[a].cmp(&steps[b]));
    // In this order a path is followed by all paths that begin with it.
    let mut open: Vec<usize> = Vec::new();
    for inner in sorted {
        while open.last().is_some_and(|&outer| !steps[inner].starts_with(&steps[outer])) {
            open.pop();
        }
        if let Some(&outer) = open.last() {
            let (inner_item, outer_item) = (items[inner], items[outer]);
            let message = format!(
                "{route}: field \"{}\" lies in \"{}\", which the rule on line {} reads as one value",
                fields[inner].path,
                fields[outer].path,
                outer_item.line()
            );
            let advice =
                "remove one of them, or let the outer rule keep what is no single value: wrong_type = \"keep\"";
            inner_item.file.complain(inner_item.at, message, advice.to_owned());
        }
        if fields[inner].op != Op::Nothing && fields[inner].wrong_type == Misfit::Reject {
            open.push(inner);
        }
    }
}
