//! The arguments of operations on numbers, booleans, instants and names: `decimal = { scale = 2, rounding = "reject" }`.

use super::file::{Element, Item, Section};
use super::operations::Read;
use crate::field::Op;
use crate::field::boolean::Words;
use crate::field::decimal::{Decimal, PRECISION, Rounding};
use crate::field::enumeration::Enumeration;
use crate::field::epoch::Epoch;
use crate::field::integer::Integer;
use crate::field::timestamp::Instant;

/// Most spellings of an enum: a lookup stays a handful of comparisons.
const MAX_SPELLINGS: usize = 10_000;

/// Operations by name.
pub(super) const READERS: &[(&str, Read)] = &[
    ("integer", integer),
    ("boolean", boolean),
    ("decimal", decimal),
    ("date", date),
    ("timestamp", timestamp),
    ("enum", enumeration),
];

/// The arguments of an operation, named in messages by the field and its key.
pub(super) fn arguments<'a>(item: &Item<'a>) -> Option<Section<'a>> {
    item.section(format!("{}, {}", item.place, item.key))
}

/// An argument that is true or false; absent is `otherwise`, `None` is a complaint.
pub(super) fn flag(section: &Section<'_>, key: &'static str, otherwise: bool) -> Option<bool> {
    section.get(key).map_or(Some(otherwise), |item| item.boolean())
}

fn integer(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let from_string = flag(&section, "from_string", true);
    let numbers = section.get("numbers");
    let whole = numbers.as_ref().map_or(Some(None), |item| item.choice(&[("any", false), ("whole", true)]).map(Some));
    let bounds = ["min", "max"].map(|key| section.get(key));
    let [min, max] = bounds.each_ref().map(|item| item.as_ref().map_or(Some(None), |item| bound(item).map(Some)));
    if let (Some(Some(min)), Some(Some(max)), [Some(min_item), Some(max_item)]) = (min, max, &bounds)
        && min > max
    {
        contradict(min_item, max_item);
    }
    if let (Some(Some(false)), Some(numbers), Some(bound)) = (whole, &numbers, bounds.iter().flatten().next()) {
        let what = format!("is \"any\", which contradicts \"{}\" on line {}", bound.key, bound.line());
        numbers.complain(what, "a bound needs integers: write \"whole\", or remove it".to_owned());
    }
    section.finish();
    let (min, max) = (min?, max?);
    let whole = whole?.unwrap_or(min.is_some() || max.is_some());
    Some(Op::Integer(Integer { from_string: from_string?, whole, min, max }))
}

/// A bound above the other one.
fn contradict(min: &Item<'_>, max: &Item<'_>) {
    let what = format!("contradicts \"max\" on line {}, which is below it", max.line());
    min.complain(what, "no value would be left: swap them".to_owned());
}

fn bound(item: &Item<'_>) -> Option<i64> {
    let value = item.raw().as_integer().and_then(|integer| i64::from_str_radix(integer.as_str(), integer.radix()).ok());
    if value.is_none() {
        item.complain("is no whole number of 64 bits", "write one without quotes: min = 1".to_owned());
    }
    value
}

fn boolean(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let words = [("forms", Words::Forms), ("letters", Words::Letters), ("strict", Words::Strict)];
    let words = section.get("words").map_or(Some(Words::default()), |item| item.choice(&words));
    section.finish();
    words.map(Op::Boolean)
}

fn decimal(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let scale = section.require("scale", "say how many digits stand after the point: scale = 2");
    let scale = scale.and_then(|item| item.whole(0, 18)).and_then(|scale| u8::try_from(scale).ok());
    let rounding = section
        .require("rounding", "say what happens to further digits: half_even, half_up or reject")
        .and_then(|item| {
            item.choice(&[
                ("half_even", Rounding::HalfEven),
                ("half_up", Rounding::HalfUp),
                ("reject", Rounding::Reject),
            ])
        });
    let as_string =
        section.get("output").map_or(Some(false), |item| item.choice(&[("number", false), ("string", true)]));
    let bounds = ["min", "max"].map(|key| section.get(key));
    section.finish();
    let scale = scale?;
    let [min, max] =
        bounds.each_ref().map(|item| item.as_ref().map_or(Some(None), |item| scaled(item, scale).map(Some)));
    let (min, max) = (min?, max?);
    if let (Some(least), Some(most), [Some(min_item), Some(max_item)]) = (min, max, &bounds)
        && least > most
    {
        contradict(min_item, max_item);
    }
    Some(Op::Decimal(Decimal { scale, rounding: rounding?, as_string: as_string?, min, max }))
}

/// A bound such as `"-0.01"`, in units of the last place.
fn scaled(item: &Item<'_>, scale: u8) -> Option<i128> {
    let text = item.text()?;
    let value = digits_of(text, usize::from(scale));
    if value.is_none() {
        let advice = format!("write a number with at most {scale} digits after the point, like \"10\" or \"-0.5\"");
        item.complain(format_args!("is \"{}\"", text.escape_debug()), advice);
    }
    value
}

fn digits_of(text: &str, scale: usize) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let has_one_zero = whole == "0" || !whole.starts_with('0');
    let has_point = unsigned.contains('.');
    let fits = !has_point || fraction.len() <= scale;
    if !are_digits(whole) || !are_digits(fraction) || !has_one_zero || !fits || whole.len() + scale > PRECISION {
        return None;
    }
    let fraction = if has_point { fraction } else { "" };
    let places = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', scale - fraction.len()));
    let size = places.fold(0, |n: i128, b| n * 10 + i128::from(b - b'0'));
    Some(if text.starts_with('-') { -size } else { size })
}

fn date(item: &Item<'_>) -> Option<Op> {
    arguments(item)?.finish();
    Some(Op::Date)
}

fn timestamp(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let digits = section.require("digits", "say how many digits of a second are written: digits = 3");
    let digits = digits.and_then(|item| item.whole(0, 9));
    let assume_utc = section.get("naive").map_or(Some(false), |item| item.choice(&[("utc", true), ("reject", false)]));
    let epoch = section
        .get("epoch")
        .map_or(Some(None), |item| item.choice(&[("s", Epoch::Seconds), ("ms", Epoch::Milliseconds)]).map(Some));
    section.finish();
    Some(Op::Timestamp(Instant { digits: u8::try_from(digits?).ok()?, assume_utc: assume_utc?, epoch: epoch? }))
}

fn enumeration(item: &Item<'_>) -> Option<Op> {
    let section = item.section(format!("{}, enum", item.place))?;
    let mut names: Vec<(Box<str>, Box<str>)> = Vec::new();
    let mut add = |spelling: &str, canonical: &str, at: usize| {
        let folded: Box<str> = spelling.to_ascii_lowercase().into();
        let complain = |what: String, advice: &str| {
            let message = format!("{}: \"{}\" {what}", section.place, spelling.escape_debug());
            section.file.complain(at, message, advice.to_owned());
        };
        if spelling != spelling.trim() || spelling.is_empty() {
            complain("can never match".to_owned(), "values are compared without the white space around them");
        }
        match names.binary_search_by(|(known, _)| known.cmp(&folded)) {
            Ok(found) => complain(
                format!("stands for \"{}\" already", names[found].1.escape_debug()),
                "spellings are compared without ASCII case: name each once",
            ),
            Err(place) => names.insert(place, (folded, canonical.into())),
        }
    };
    for canonical in section.entries() {
        add(canonical.key, canonical.key, canonical.at);
    }
    for canonical in section.entries() {
        for Element { text, at } in canonical.texts().unwrap_or_default() {
            add(text, canonical.key, at);
        }
    }
    if names.is_empty() {
        section.complain(
            "names nothing",
            "write each name with its aliases: { active = [\"on\"], muted = [] }".to_owned(),
        );
    }
    if names.len() > MAX_SPELLINGS {
        section.complain(format_args!("has {} spellings", names.len()), format!("at most {MAX_SPELLINGS} are read"));
    }
    Some(Op::Enum(Enumeration::new(names)))
}
