//! `[route.json]`: the body of a route.

use super::file::{Item, Section};
use super::inherited::size;
use super::rule::Surroundings;
use super::{FieldNode, FieldRule, RuleName, fields};
use crate::json::MAX_DEPTH;

/// The JSON body of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPolicy {
    /// How the body is written.
    pub output: Profile,
    /// Fields that no rule names.
    pub unknown: Unknown,
    /// How the replay compares the body.
    pub compare: CompareBody,
    /// How large what is in the body may be.
    pub bounds: Bounds,
    /// An empty body that no form reads is refused with `missing_body`.
    pub required: bool,
    /// Nodes of the tree of field paths; the root is node 0.
    pub tree: Vec<FieldNode>,
    /// The rules, indexed by position in this list; `FieldRule::id` is the index in [`Route::rules`].
    pub fields: Vec<FieldRule>,
}

/// How large what is in a body may be, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Containers within containers, the outermost counted.
    pub depth: usize,
    /// Members of one object.
    pub keys: usize,
    /// Items of one array.
    pub items: usize,
    /// UTF-8 bytes of one string or name, decoded.
    pub string: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { depth: MAX_DEPTH, keys: usize::MAX, items: usize::MAX, string: usize::MAX }
    }
}

/// The largest bound that can be asked for: longer bodies are not read.
const MOST: u64 = 1 << 30;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Validated only: the client's own bytes go on, and a rule that would change a value is a contradiction.
    Original,
    /// No white space.
    Compact,
    /// The bytes of `json.dumps(value)`: `", "` and `": "`, everything above ASCII and DEL escaped.
    Python,
    /// The bytes of `json.dumps(value, ensure_ascii=False)`.
    PythonUtf8,
    /// The bytes of `json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))`.
    Sorted,
    /// RFC 8785.
    Jcs,
}

/// What happens to fields that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Kept, values untouched.
    Keep,
    /// Left out.
    Drop,
    /// The request is refused with `unknown_field`.
    Reject,
}

/// How bodies are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareBody {
    /// Byte for byte.
    Bytes,
    /// As JSON values.
    Meaning,
}

/// Reads the body's policy and the bound on its bytes; the names of its rules are appended to `rules`.
pub(super) fn read(
    item: &Item<'_>,
    max_bytes_of_route: Option<(usize, usize)>,
    rules: &mut Vec<RuleName>,
) -> Option<(JsonPolicy, Option<usize>)> {
    let section = item.section(format!("{}, json", item.place))?;
    let max_bytes = section.get("max_bytes").and_then(|item| {
        let bytes = size(&item)?;
        if let Some((of_route, line)) = max_bytes_of_route {
            let what = format!("({bytes} bytes) is set for the whole route too: {of_route} bytes on line {line}");
            item.complain(what, "keep one of them: a route has one bound".to_owned());
        }
        Some(bytes)
    });
    let output_item = section.get("output");
    let output = output_item.as_ref().map_or(Some(Profile::Original), |item| {
        item.choice(&[
            ("original", Profile::Original),
            ("compact", Profile::Compact),
            ("python", Profile::Python),
            ("python_utf8", Profile::PythonUtf8),
            ("sorted", Profile::Sorted),
            ("jcs", Profile::Jcs),
        ])
    });
    let unknown_item = section.get("unknown");
    let unknown = unknown_item.as_ref().map_or(Some(Unknown::Keep), unknown);
    let compare = section.get("compare").map_or(Some(CompareBody::Bytes), |item| {
        item.choice(&[("bytes", CompareBody::Bytes), ("meaning", CompareBody::Meaning)])
    });
    let original = (output == Some(Profile::Original)).then(|| match &output_item {
        Some(item) => format!("output = \"original\" on line {}", item.line()),
        None => "output = \"original\", which holds unless another is chosen".to_owned(),
    });
    let bounds = bounds(&section);
    let required = section.get("required").and_then(|item| item.boolean()).unwrap_or_default();
    let around = Surroundings { original: original.as_deref(), is_form: false, is_jcs: output == Some(Profile::Jcs) };
    let fields_item = section.get("fields");
    let (fields, tree) = match &fields_item {
        Some(item) => fields::read(item, &item_place(&section.place), &around, rules),
        None => fields::nothing(),
    };
    if let (Some(item), Some(unknown @ (Unknown::Drop | Unknown::Reject))) = (&unknown_item, unknown) {
        let name = item.text().unwrap_or_default();
        if fields_item.is_none() {
            let advice = "add [route.json.fields], or keep what is unknown".to_owned();
            item.complain(format_args!("is \"{name}\" and no field is named"), advice);
        }
        if let (Some(original), Unknown::Drop) = (&original, unknown) {
            let advice = "choose another output, for example \"python\", or unknown = \"reject\"".to_owned();
            item.complain(format_args!("is \"{name}\", which contradicts {original}"), advice);
        }
    }
    section.finish();
    Some((
        JsonPolicy { output: output?, unknown: unknown?, compare: compare?, bounds, required, tree, fields },
        max_bytes,
    ))
}

/// What happens to what no rule names.
pub(super) fn unknown(item: &Item<'_>) -> Option<Unknown> {
    item.choice(&[("keep", Unknown::Keep), ("drop", Unknown::Drop), ("reject", Unknown::Reject)])
}

fn bounds(section: &Section<'_>) -> Bounds {
    let none = Bounds::default();
    Bounds {
        depth: bound(section, "max_depth", MAX_DEPTH as u64).unwrap_or(none.depth),
        keys: bound(section, "max_keys", MOST).unwrap_or(none.keys),
        items: bound(section, "max_items", MOST).unwrap_or(none.items),
        string: bound(section, "max_string_bytes", MOST).unwrap_or(none.string),
    }
}

/// A bound from 1 to `most`, if it is given.
pub(super) fn bound(section: &Section<'_>, key: &'static str, most: u64) -> Option<usize> {
    section.get(key).and_then(|item| item.whole(1, most)).and_then(|bound| usize::try_from(bound).ok())
}

/// A field is named by its route: `route "api.write", field "name"`.
fn item_place(place: &str) -> String {
    place.strip_suffix(", json").unwrap_or(place).to_owned()
}
