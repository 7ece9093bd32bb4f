//! `[route.json]`: the body of a route.

use super::file::Item;
use super::inherited::size;
use super::{FieldNode, FieldRule, RuleName, fields};

/// The JSON body of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPolicy {
    /// How the body is written.
    pub output: Profile,
    /// Fields that no rule names.
    pub unknown: Unknown,
    /// How the replay compares the body.
    pub compare: CompareBody,
    /// Nodes of the tree of field paths; the root is node 0.
    pub tree: Vec<FieldNode>,
    /// The rules, indexed by position in this list; `FieldRule::id` is the index in [`Route::rules`].
    pub fields: Vec<FieldRule>,
}

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
        ])
    });
    let unknown_item = section.get("unknown");
    let unknown = unknown_item.as_ref().map_or(Some(Unknown::Keep), |item| {
        item.choice(&[("keep", Unknown::Keep), ("drop", Unknown::Drop), ("reject", Unknown::Reject)])
    });
    let compare = section.get("compare").map_or(Some(CompareBody::Bytes), |item| {
        item.choice(&[("bytes", CompareBody::Bytes), ("meaning", CompareBody::Meaning)])
    });
    let original = (output == Some(Profile::Original)).then(|| match &output_item {
        Some(item) => format!("output = \"original\" on line {}", item.line()),
        None => "output = \"original\", which holds unless another is chosen".to_owned(),
    });
    let fields_item = section.get("fields");
    let (fields, tree) = match &fields_item {
        Some(item) => fields::read(item, &item_place(&section.place), original.as_deref(), rules),
        None => fields::nothing(),
    };
    if let (Some(item), Some(unknown)) = (&unknown_item, unknown)
        && unknown != Unknown::Keep
    {
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
    Some((JsonPolicy { output: output?, unknown: unknown?, compare: compare?, tree, fields }, max_bytes))
}

/// A field is named by its route: `route "api.write", field "name"`.
fn item_place(place: &str) -> String {
    place.strip_suffix(", json").unwrap_or(place).to_owned()
}
