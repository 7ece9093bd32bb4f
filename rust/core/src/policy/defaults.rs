//! `default = …`: the value that stands in for an absent field.

use toml::de::DeValue;

use super::FieldRule;
use super::file::Item;
use super::rule::Surroundings;
use crate::field::{Answer, Scalar};
use crate::json::{ecmascript, number};
use crate::policy::Empty;

/// The JSON text of a default.
pub(super) fn json_text(item: &Item<'_>) -> Option<Box<str>> {
    let text = match item.raw() {
        DeValue::String(text) => json_string(text),
        _ => literal(item),
    };
    // What the reader would find outside is no result of a pass: the next one could not read it.
    if number::is_long(&text) {
        let advice = "write it with at most 128 characters and 5 digits of exponent, or as a text".to_owned();
        item.complain("is longer than a number in a body may be", advice);
        return None;
    }
    checked(item, text)
}

/// The text of a default in a form.
pub(super) fn plain_text(item: &Item<'_>) -> Option<Box<str>> {
    match item.raw() {
        DeValue::String(text) => Some(text.as_ref().into()),
        _ => checked(item, literal(item)),
    }
}

/// A number, true or false as JSON has them; nothing for what is neither.
fn literal(item: &Item<'_>) -> String {
    match item.raw() {
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().trim_start_matches('+').to_owned(),
        DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) => value.to_string(),
            Err(_) => String::new(),
        },
        DeValue::Float(float) => float.as_str().trim_start_matches('+').to_owned(),
        _ => String::new(),
    }
}

fn checked(item: &Item<'_>, text: String) -> Option<Box<str>> {
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

/// A default that its own rule would change, refuse or leave out would differ between the first pass and the second.
pub(super) fn check(item: &Item<'_>, written: &str, rule: &FieldRule, around: &Surroundings<'_>) {
    let mut form = String::new();
    let scalar = match item.raw() {
        DeValue::String(text) => Scalar::String(text),
        _ if around.is_form => Scalar::String(written),
        DeValue::Boolean(value) => Scalar::Bool(*value),
        _ if around.is_jcs => {
            if ecmascript::number(written, &mut form).is_none() {
                let advice = "write a number that a double holds, or a text".to_owned();
                item.complain(format_args!("is {written}, which output = \"jcs\" cannot write"), advice);
                return;
            }
            Scalar::Number(&form)
        }
        _ if written == "-0" => Scalar::Number("0"),
        _ => Scalar::Number(written),
    };
    if let (Scalar::String(""), Some(empty)) = (scalar, rule.empty) {
        if empty != Empty::Keep {
            let what = if empty == Empty::Null { "write as null" } else { "leave out" };
            let message = format!("is empty, which the field's own rule would {what}");
            item.complain(message, "write another default, or remove it".to_owned());
        }
        return;
    }
    let mut value = String::new();
    match rule.op.apply(scalar, &mut value) {
        Answer::Same => {}
        Answer::String if scalar == Scalar::String(&value) => {}
        Answer::Literal if is_written_so(scalar, &value, around) => {}
        Answer::String | Answer::Literal => item.complain(
            format_args!("is {written}, which the field's own rule would write as {value}"),
            "write it as the rule would".to_owned(),
        ),
        Answer::Kept(_) | Answer::WrongType | Answer::Invalid(_) | Answer::Unsupported(_) => item.complain(
            format_args!("is {written}, which the field's own rule cannot read"),
            "write a value that the rule accepts".to_owned(),
        ),
    }
}

/// Whether a literal that the operation gives is what stands there already.
fn is_written_so(scalar: Scalar<'_>, literal: &str, around: &Surroundings<'_>) -> bool {
    let mut form = String::new();
    let literal = if around.is_jcs && ecmascript::number(literal, &mut form).is_some() { &form } else { literal };
    match scalar {
        Scalar::String(text) => around.is_form && text == literal,
        Scalar::Number(text) => text == literal,
        Scalar::Bool(value) => literal == if value { "true" } else { "false" },
        Scalar::Null => literal == "null",
    }
}
