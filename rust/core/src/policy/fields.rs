//! `[route.json.fields]`: the rules of a body, and that no two of them contradict each other.

use super::file::Item;
use super::paths::{self, Step};
use super::rule::{self, Surroundings};
use super::{MAX_RULES, RuleId, RuleName};
use crate::field::Op;
use crate::rollout::Rollout;

/// One step of the field paths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldNode {
    /// Children by decoded member name, sorted by name.
    pub members: Vec<(Box<str>, usize)>,
    /// Child for every item of an array.
    pub items: Option<usize>,
    /// Index in [`JsonPolicy::fields`] of the rule for a value at this place.
    pub rule: Option<usize>,
    /// Indices of the rules among `members` whose presence matters: required, renamed or with a default. In policy order.
    pub expected: Vec<usize>,
    /// Position of this node's rule in the `expected` of its parent.
    pub slot: Option<usize>,
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
    /// What is appended to the parent object when the field is absent: JSON text, or the plain text of a form's field.
    pub default: Option<Box<str>>,
    /// What a null gets; `None`: the operation sees it.
    pub null: Option<Null>,
    /// What the string "" gets, as it comes or as the operation made it; `None`: the operation sees it.
    pub empty: Option<Empty>,
    /// The name that the member is written under; the field is known under both.
    pub rename: Option<Box<str>>,
    /// The member is left out, whatever its value.
    pub drop: bool,
    /// Whether the rule acts.
    pub rollout: Rollout,
}

impl FieldRule {
    /// Whether the rule acts and can write something else than came.
    pub(super) fn can_act(&self) -> bool {
        let changes = self.op.may_change()
            || self.default.is_some()
            || self.null == Some(Null::Drop)
            || matches!(self.empty, Some(Empty::Null | Empty::Drop))
            || self.rename.is_some()
            || self.drop;
        changes && self.rollout == Rollout::Enforce
    }
}

/// What a JSON null gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// It stays.
    Keep,
    /// The member is left out.
    Drop,
    /// The request is refused with `null_value`.
    Reject,
}

/// What the string "" gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// It stays.
    Keep,
    /// Null is written for it.
    Null,
    /// The member is left out.
    Drop,
}

/// What happens to a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It goes on as it is.
    Keep,
    /// The request is refused.
    Reject,
}

/// No rules.
pub(super) fn nothing() -> (Vec<FieldRule>, Vec<FieldNode>) {
    (Vec::new(), vec![FieldNode::default()])
}

/// Reads the rules in the order of the file.
pub(super) fn read(
    item: &Item<'_>,
    route: &str,
    around: &Surroundings<'_>,
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
        let place = format!("{route}, field \"{}\"", item.key.escape_debug());
        let path = match paths::parse(item.key) {
            Ok(path) => path,
            Err(why) => {
                item.file.complain(item.at, format!("{place}: the path cannot be read"), why.to_owned());
                continue;
            }
        };
        let Some((field, operation)) = rule::read(item, place, &path, id, around) else { continue };
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
    check_names(route, &fields, &steps, &items);
    let tree = paths::tree(&fields, &steps);
    (fields, tree)
}

/// A rule for a scalar that refuses everything else, or that leaves the field out, contradicts rules for what is inside.
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
            let (does, advice) = if fields[outer].drop {
                ("leaves out", "remove one of them: what is left out has nothing inside")
            } else {
                let advice =
                    "remove one of them, or let the outer rule keep what is no single value: wrong_type = \"keep\"";
                ("reads as one value", advice)
            };
            let message = format!(
                "{route}: field \"{}\" lies in \"{}\", which the rule on line {} {does}",
                fields[inner].path,
                fields[outer].path,
                outer_item.line()
            );
            inner_item.file.complain(inner_item.at, message, advice.to_owned());
        }
        let refuses_containers = fields[inner].op != Op::Nothing && fields[inner].wrong_type == Misfit::Reject;
        if refuses_containers || fields[inner].drop {
            open.push(inner);
        }
    }
}

/// A new name belongs to one field alone: no path goes by it, and no other field gets it.
fn check_names(route: &str, fields: &[FieldRule], steps: &[Vec<Step<'_>>], items: &[&Item<'_>]) {
    let mut sorted: Vec<usize> = (0..fields.len()).collect();
    sorted.sort_by(|&a, &b| steps[a].cmp(&steps[b]));
    let mut given: Vec<(Vec<Step<'_>>, usize)> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let (Some(new), Some((_, parent))) = (&field.rename, steps[index].split_last()) else { continue };
        let path = [parent, &[Step::Member(new)]].concat();
        // In this order the paths that begin with one follow it.
        let next = sorted.partition_point(|&known| steps[known] < path);
        let complain = |what: String, advice: &str| {
            let message = format!("{route}: field \"{}\" is renamed to \"{}\", {what}", field.path, new.escape_debug());
            items[index].file.complain(items[index].at, message, advice.to_owned());
        };
        match sorted.get(next).filter(|&&known| steps[known].starts_with(&path)) {
            Some(&known) if known == index => complain("its own name".to_owned(), "remove the rename"),
            Some(&known) => complain(
                format!("which the path \"{}\" on line {} goes by", fields[known].path, items[known].line()),
                "a field has one rule under both names: write all paths with the old one",
            ),
            None => given.push((path, index)),
        }
    }
    given.sort();
    for pair in given.windows(2) {
        if let [(path, first), (other, second)] = pair
            && path == other
        {
            let message = format!(
                "{route}: fields \"{}\" and \"{}\" are renamed to one name",
                fields[*first].path, fields[*second].path
            );
            let advice = "a name stands once in an object: choose another".to_owned();
            items[*second].file.complain(items[*second].at, message, advice);
        }
    }
}
