//! From the file to a policy that cannot contradict itself.

use toml::de::DeTable;

use super::file::{File, Section};
use super::inherited::Inherited;
use super::{Errors, Policy, client, limits, routes};

/// The longest file that is read: a thousand routes fit, and parsing stays in milliseconds.
const MAX_FILE: usize = 1 << 20;

/// Keys that a worker's own table holds unless the file says otherwise: at about 100 bytes a key, 100 MB, and more
/// than the clients that one worker sees in the longest common window, a day.
const MAX_KEYS: usize = 1_000_000;

/// Most keys that may be asked for: more do not fit a worker's memory.
const MOST_KEYS: u64 = 1 << 30;

/// Parses and compiles.
pub(super) fn compile(name: &str, text: &str) -> Result<Policy, Errors> {
    let file = File::new(text);
    if text.len() > MAX_FILE {
        file.complain(0, format!("the file has {} bytes", text.len()), format!("at most {MAX_FILE} are read"));
        return Err(file.into_errors(name));
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        file.complain(error.span().map_or(0, |span| span.start), error.message(), None);
    }
    // What a broken file seems to say would only be misleading.
    let policy = if errors.is_empty() { build(&file, root.get_ref()) } else { None };
    match policy {
        Some(policy) if file.is_clean() => Ok(policy),
        _ => Err(file.into_errors(name)),
    }
}

fn build(file: &File<'_>, root: &DeTable<'_>) -> Option<Policy> {
    let root = Section::new(file, "policy".to_owned(), 0, root);
    if let Some(item) = root.require("version", "begin the file with version = 1") {
        item.whole(1, 1);
    }
    let client = client::read(&root);
    let (store_url, max_keys) = store(&root);
    let limits = limits::read(&root);
    let defaults = root.get("defaults").and_then(|item| item.section("[defaults]".to_owned())).map(|section| {
        let common = Inherited::read(&section, &limits);
        section.finish();
        common
    });
    let mut routes = routes::read(&root, &limits, defaults.unwrap_or_default());
    limits.check_keys(&routes);
    root.finish();
    let limits = limits.into_limits()?;
    for route in &mut routes {
        route.digest = super::digest::route(route, &client, &store_url, &limits);
    }
    Some(Policy { client, store_url, max_keys, limits, routes })
}

fn store(root: &Section<'_>) -> (Box<str>, usize) {
    let (mut url, mut max_keys): (Box<str>, _) = ("memory://".into(), MAX_KEYS);
    let Some(section) = root.get("store").and_then(|item| item.section("[store]".to_owned())) else {
        return (url, max_keys);
    };
    if let Some(item) = section.get("url")
        && let Some(text) = item.text()
    {
        if text != "memory://" {
            let advice = "this version has \"memory://\" only: every worker counts for itself (scope worker)";
            item.complain(format_args!("is \"{}\"", text.escape_debug()), advice.to_owned());
        }
        url = text.into();
    }
    if let Some(most) = section.get("max_keys").and_then(|item| item.whole(1, MOST_KEYS)) {
        max_keys = usize::try_from(most).unwrap_or(MAX_KEYS);
    }
    section.finish();
    (url, max_keys)
}
