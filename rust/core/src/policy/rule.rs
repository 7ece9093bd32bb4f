//! The rule for one field: its operation and what stands beside it, and that they do not contradict each other.

use super::fields::{Empty, FieldRule, Misfit, Null};
use super::file::{Item, Section};
use super::paths::Step;
use super::{RuleId, defaults, operations, rollout};
use crate::field::{Answer, Op, Scalar};
use crate::rollout::Rollout;

/// The body that a rule is for, and what follows from that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Surroundings<'s> {
    /// Why no value may change, if so.
    pub(super) original: Option<&'s str>,
    /// Values are texts, and there is no null.
    pub(super) is_form: bool,
    /// Numbers are written as ECMAScript does.
    pub(super) is_jcs: bool,
}

/// Reads the rule of the field `path`, named `place` in messages: the rule and the name of what it does.
pub(super) fn read(
    item: &Item<'_>,
    place: String,
    path: &[Step<'_>],
    id: RuleId,
    around: &Surroundings<'_>,
) -> Option<(FieldRule, &'static str)> {
    let section = item.section(place)?;
    let operation = operations::read(&section);
    let name = match path.last() {
        Some(Step::Member(name)) => *name,
        _ => "",
    };
    let (required, default) = presence(&section, around);
    let rename = section.get("rename").and_then(|item| item.text());
    let rule = FieldRule {
        id,
        path: item.key.into(),
        name: name.into(),
        op: operation.as_ref().map_or(Op::Nothing, |(_, op)| op.clone()),
        wrong_type: misfit(&section, "wrong_type", operation.as_ref(), around),
        invalid: misfit(&section, "invalid", operation.as_ref(), around),
        required,
        default,
        null: null(&section, operation.as_ref(), around),
        empty: empty(&section, operation.as_ref(), around),
        rename: rename.map(Into::into),
        drop: section.get("drop").and_then(|item| item.boolean()).unwrap_or(false),
        rollout: section.get("rollout").and_then(|item| rollout::rollout(&item)).unwrap_or(Rollout::Enforce),
    };
    if let Some((name, _)) = &operation {
        check_original(&section, name, &rule, around);
        check_effect(&section, &rule);
        if let (Some(item), Some(text)) = (section.get("default"), &rule.default) {
            defaults::check(&item, text, &rule, around);
        }
    }
    check_alone(&section, &rule);
    check_item(&section, &rule, path);
    check_empty(&section, &rule);
    section.finish_advising(|unknown| {
        let quoted = format!("\"{}.{}\"", item.key.escape_debug(), unknown.key.escape_debug());
        unknown
            .raw()
            .is_table()
            .then(|| format!("no operation has this name; a path with dots stands in quotes: {quoted}"))
    });
    let (operation, _) = operation?;
    let operation = match (operation, rule.drop, &rule.rename) {
        ("presence", true, _) => "drop",
        ("presence", false, Some(_)) => "rename",
        (operation, ..) => operation,
    };
    Some((rule, operation))
}

fn presence(section: &Section<'_>, around: &Surroundings<'_>) -> (bool, Option<Box<str>>) {
    let text = if around.is_form { defaults::plain_text } else { defaults::json_text };
    let required = section.get("required").and_then(|item| item.boolean().map(|required| (item, required)));
    let default = section.get("default").and_then(|item| text(&item).map(|text| (item, text)));
    if let (Some((required, true)), Some((default, _))) = (&required, &default) {
        let line = required.line();
        default.complain(
            format_args!("contradicts required = true on line {line}"),
            "a field with a default is never missing: keep one of them".to_owned(),
        );
    }
    (required.is_some_and(|(_, required)| required), default.map(|(_, text)| text))
}

type Operation = (&'static str, Op);

/// Says that a key has no effect in a rule without operation, unless it has one all the same.
fn check_operation(item: &Item<'_>, operation: Option<&Operation>, has_effect: bool) {
    if let (Some((_, Op::Nothing)), false) = (operation, has_effect) {
        item.complain("says nothing without an operation", "add one, or remove it".to_owned());
    }
}

fn misfit(
    section: &Section<'_>,
    key: &'static str,
    operation: Option<&Operation>,
    around: &Surroundings<'_>,
) -> Misfit {
    let Some(item) = section.get(key) else { return Misfit::Reject };
    if around.is_form && key == "wrong_type" {
        item.complain("says nothing of a form", "its values are texts: remove it".to_owned());
    }
    check_operation(&item, operation, false);
    item.choice(&[("keep", Misfit::Keep), ("reject", Misfit::Reject)]).unwrap_or(Misfit::Reject)
}

fn null(section: &Section<'_>, operation: Option<&Operation>, around: &Surroundings<'_>) -> Option<Null> {
    let item = section.get("null")?;
    if around.is_form {
        item.complain("says nothing of a form", "its values are texts: remove it".to_owned());
        return None;
    }
    let null = item.choice(&[("keep", Null::Keep), ("drop", Null::Drop), ("reject", Null::Reject)]);
    check_operation(&item, operation, null != Some(Null::Keep));
    null
}

fn empty(section: &Section<'_>, operation: Option<&Operation>, around: &Surroundings<'_>) -> Option<Empty> {
    let item = section.get("empty")?;
    let empty = item.choice(&[("keep", Empty::Keep), ("null", Empty::Null), ("drop", Empty::Drop)]);
    if around.is_form && empty == Some(Empty::Null) {
        item.complain("is \"null\", which a form does not have", "write \"keep\" or \"drop\"".to_owned());
    }
    check_operation(&item, operation, empty != Some(Empty::Keep));
    empty
}

/// A rule with nothing to do.
fn check_effect(section: &Section<'_>, rule: &FieldRule) {
    let does_nothing = rule.op == Op::Nothing
        && section.entries().iter().all(|item| matches!(item.key, "required" | "drop" | "rollout"))
        && section.get("required").is_none()
        && !rule.drop;
    if does_nothing {
        let advice = "name an operation (text, enum, integer, boolean, decimal, date, timestamp, uuid, email, phone, \
                      country, currency, language, ip, cidr, url), required, default, null, empty, rename or drop";
        section.complain("the rule does nothing", advice.to_owned());
    }
}

/// With `output = "original"` every value goes on as it came.
fn check_original(section: &Section<'_>, name: &str, rule: &FieldRule, around: &Surroundings<'_>) {
    let Some(original) = around.original else { return };
    let advice = || "choose another output, for example \"python\", or only check: required, max_chars".to_owned();
    if rule.op.may_change() {
        section.complain(format_args!("\"{name}\" changes values, which contradicts {original}"), advice());
    } else if let (Some(item), Some(_)) = (section.get("default"), &rule.default) {
        item.complain(format_args!("adds a value, which contradicts {original}"), advice());
    }
    let changing = [
        ("rename", rule.rename.is_some()),
        ("drop", rule.drop),
        ("null", rule.null == Some(Null::Drop)),
        ("empty", matches!(rule.empty, Some(Empty::Null | Empty::Drop))),
    ];
    for (key, changes) in changing {
        if let (true, Some(item)) = (changes, section.get(key)) {
            item.complain(format_args!("changes the body, which contradicts {original}"), advice());
        }
    }
}

/// What is left out is not looked at, so nothing else can be said of it.
fn check_alone(section: &Section<'_>, rule: &FieldRule) {
    let Some(drop) = section.get("drop").filter(|_| rule.drop) else { return };
    for item in section.entries().iter().filter(|item| !matches!(item.key, "drop" | "rollout")) {
        let what = format!("contradicts drop = true on line {}", drop.line());
        item.complain(what, "what is left out has no value: keep one of them".to_owned());
    }
}

/// An item of an array has no name and no presence.
fn check_item(section: &Section<'_>, rule: &FieldRule, path: &[Step<'_>]) {
    if path.last() != Some(&Step::Items) {
        return;
    }
    for key in ["required", "default", "rename"] {
        if let Some(item) = section.get(key) {
            let advice = "an item of an array is never absent and has no name: say it of the array's name".to_owned();
            item.complain("says nothing of the items of an array", advice);
        }
    }
    let dropping =
        [("drop", rule.drop), ("null", rule.null == Some(Null::Drop)), ("empty", rule.empty == Some(Empty::Drop))];
    for (key, drops) in dropping {
        if let (true, Some(item)) = (drops, section.get(key)) {
            item.complain("leaves out an item of an array", "items keep their places: remove it".to_owned());
        }
    }
}

/// The null that stands for an empty text meets the same rule in a second pass.
fn check_empty(section: &Section<'_>, rule: &FieldRule) {
    let Some(item) = section.get("empty").filter(|_| rule.empty == Some(Empty::Null)) else { return };
    let stays = match rule.null {
        Some(Null::Keep) => true,
        Some(Null::Drop | Null::Reject) => false,
        None => match rule.op.apply(Scalar::Null, &mut String::new()) {
            Answer::Same => true,
            Answer::WrongType => rule.wrong_type == Misfit::Keep,
            _ => false,
        },
    };
    if !stays {
        let advice = "add null = \"keep\", or write empty = \"drop\"".to_owned();
        item.complain("is \"null\", which this rule would not leave as it is in a second pass", advice);
    }
}
