//! `accept_language`: kept, in one spelling, or negotiated.

use super::file::{Element, Item};
use crate::head::accept_language::{is_tag, lookup, push_tag};
use crate::head::names::cmp_lower;

/// What happens to the languages that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Languages {
    /// Kept.
    Keep,
    /// Written in one spelling, by falling weight.
    Normalize,
    /// Replaced by one tag.
    Negotiate(Negotiation),
}

/// The tags that a service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiation {
    /// In their usual case, sorted without it.
    pub tags: Vec<Box<str>>,
    /// What a request gets that asks for none of them.
    pub default: Box<str>,
}

/// Most tags: more languages than that no service speaks.
const MAX_TAGS: usize = 100;

/// The longest tag, as long as what is read of a request.
const MAX_BYTES: usize = 64;

pub(super) fn read(item: &Item<'_>) -> Option<Languages> {
    if item.raw().as_str().is_some() {
        return item
            .choice(&[("keep", false), ("normalize", true)])
            .map(|normalize| if normalize { Languages::Normalize } else { Languages::Keep });
    }
    if item.raw().as_table().is_none() {
        let advice = "use \"keep\", \"normalize\" or { negotiate = [\"de\", \"en-GB\"], default = \"en\" }";
        item.complain("is no choice", advice.to_owned());
        return None;
    }
    let section = item.section(format!("{}, accept_language", item.place))?;
    let tags = section.require("negotiate", "name the tags that the service has: negotiate = [\"de\", \"en-GB\"]");
    let tags = tags.and_then(|item| tags_of(&item));
    let default = section.require("default", "say what a request gets that asks for none of them: default = \"en\"");
    let tag = default.as_ref().and_then(|item| Some(Element { text: item.text()?, at: item.at }));
    let negotiation = default.zip(tag).zip(tags).and_then(|((item, tag), tags)| {
        check(&item, tag)?;
        if let Some(found) = lookup(&tags, tag.text.as_bytes()).filter(|found| *found != tag.text) {
            let what = format_args!("is \"{}\", which a second pass would cut to \"{found}\"", tag.text);
            item.complain(what, format!("add \"{}\" to negotiate, or use default = \"{found}\"", tag.text));
            return None;
        }
        Some(Negotiation { tags, default: tag.text.into() })
    });
    section.finish();
    negotiation.map(Languages::Negotiate)
}

fn tags_of(item: &Item<'_>) -> Option<Vec<Box<str>>> {
    let texts = item.texts()?;
    if texts.is_empty() {
        item.complain("is empty", "name at least one tag, for example \"de\"".to_owned());
        return None;
    }
    if texts.len() > MAX_TAGS {
        item.complain(format_args!("has {} tags", texts.len()), format!("at most {MAX_TAGS} are compared"));
        return None;
    }
    let mut tags: Vec<Box<str>> = Vec::new();
    for element in texts {
        check(item, element)?;
        match tags.binary_search_by(|known| cmp_lower(known.as_bytes(), element.text.as_bytes())) {
            Ok(_) => {
                let message = format!("{}: tag \"{}\" stands twice", item.place, element.text);
                item.file.complain(element.at, message, "name it once".to_owned());
                return None;
            }
            Err(place) => tags.insert(place, element.text.into()),
        }
    }
    Some(tags)
}

/// Whether this is a tag in its usual case.
fn check(item: &Item<'_>, element: Element<'_>) -> Option<()> {
    let complain = |what: &str, advice: String| {
        let message = format!("{}: tag \"{}\" {what}", item.place, element.text.escape_debug());
        item.file.complain(element.at, message, advice);
    };
    if element.text.len() > MAX_BYTES || !is_tag(element.text.as_bytes()) {
        complain("is no language tag", "write it like \"en\", \"pt-BR\" or \"zh-Hant\"".to_owned());
        return None;
    }
    let mut usual = Vec::new();
    push_tag(element.text.as_bytes(), &mut usual);
    if usual != element.text.as_bytes() {
        complain("is not in its usual case", format!("write \"{}\"", String::from_utf8_lossy(&usual)));
        return None;
    }
    Some(())
}
