//! Keys of `[route.headers]` that cannot hold together.

use super::file::Section;
use super::headers::{HeadersKeys, Name, Underscore};
use super::languages::Languages;
use crate::head::names::{BUILT_IN, Traits};

/// Headers that no policy may leave out: they say where a request goes and where its body ends, or which lines end here.
const NEVER_DROPPED: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];

/// Complains about what the keys of the route in `section` say against each other.
pub(super) fn complain(keys: &HeadersKeys, section: &Section<'_>) {
    let complain = |name: &Name, key: &str, what: String, advice: &str| {
        let message = format!("{}, headers: {key} \"{}\" {what}", section.place, name.text.escape_debug());
        section.file.complain(name.at, message, advice.to_owned());
    };
    let underscore = keys.underscore.unwrap_or(Underscore::Drop);
    for name in keys.drop.iter().flatten() {
        if let Some(never) = NEVER_DROPPED.iter().find(|never| covers(name, never)) {
            let advice = "it says where the request goes or ends: name others";
            complain(name, "drop", format!("leaves out {never}"), advice);
        }
        let content_type = keys.normalize_content_type == Some(true) && covers(name, "content-type");
        let languages = !matches!(keys.languages, None | Some(Languages::Keep)) && covers(name, "accept-language");
        if content_type || languages {
            complain(name, "drop", "leaves out what is normalised".to_owned(), "remove one of them");
        }
        let named = [("required", &keys.required), ("single", &keys.single), ("list", &keys.list)];
        for (key, names) in named {
            if let Some(other) = names.iter().flatten().find(|other| covers(name, &other.text)) {
                let line = section.file.line(other.at);
                let what = format!("contradicts {key} \"{}\" on line {line}", other.text);
                complain(name, "drop", what, "remove one of them");
            }
        }
        if underscore == Underscore::Drop && name.text.contains('_') {
            let advice = "remove it, or add underscore = \"keep\"";
            complain(name, "drop", "says nothing: names with a _ are dropped anyway".to_owned(), advice);
        }
    }
    for name in keys.required.iter().flatten() {
        if underscore != Underscore::Keep && name.text.contains('_') {
            let advice = "remove it, or add underscore = \"keep\"";
            complain(name, "required", "can never be there: a name with a _ does not go on".to_owned(), advice);
        }
        if keys.remove_hop_by_hop.unwrap_or(true) && built_in(name, Traits::HOP) {
            let advice = "remove it, or add hop_by_hop = \"keep\"";
            complain(name, "required", "is removed with the connection it speaks of".to_owned(), advice);
        }
    }
    for name in keys.single.iter().flatten() {
        if built_in(name, Traits::SINGLE) {
            complain(name, "single", "may stand once anyway".to_owned(), "remove it");
        } else if built_in(name, Traits::LIST) {
            complain(name, "single", "is a list by its definition".to_owned(), "remove it");
        } else if let Some(other) = keys.list.iter().flatten().find(|other| other.text == name.text) {
            let line = section.file.line(other.at);
            complain(name, "single", format!("contradicts list on line {line}"), "remove one of them");
        } else if keys.refuse_duplicates == Some(false) {
            let advice = "remove it, or say duplicates = \"reject\"";
            complain(name, "single", "says nothing where duplicates are kept".to_owned(), advice);
        }
    }
    for name in keys.list.iter().flatten() {
        if built_in(name, Traits::LIST) {
            complain(name, "list", "is a list anyway".to_owned(), "remove it");
        } else if built_in(name, Traits::SINGLE) {
            complain(name, "list", "may stand once by its definition".to_owned(), "remove it");
        } else if matches!(&*name.text, "set-cookie" | "proxy-authenticate" | "www-authenticate") {
            complain(name, "list", "cannot be joined: its values hold commas".to_owned(), "remove it");
        } else if keys.join == Some(false) {
            complain(name, "list", "says nothing without join".to_owned(), "remove it, or say join = true");
        }
    }
}

/// Whether a name to drop, or its start, means a header.
fn covers(name: &Name, header: &str) -> bool {
    match name.text.strip_suffix('*') {
        Some(start) => header.starts_with(start),
        None => *name.text == *header,
    }
}

fn built_in(name: &Name, traits: Traits) -> bool {
    BUILT_IN.iter().any(|&(known, has)| *known == *name.text && has.has(traits))
}
