//! From the file to a policy that cannot contradict itself.

use toml::de::DeTable;

use super::file::{File, Section};
use super::inherited::Inherited;
use super::{Errors, Policy, Store, client, limits, routes, store};
use crate::limit::{Flavour, LimitHeaders, LimitId};

/// The longest file that is read: a thousand routes fit, and parsing stays in milliseconds.
const MAX_FILE: usize = 1 << 20;

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
    let store = store::read(&root);
    let limits = limits::read(&root, &store);
    let defaults = root.get("defaults").and_then(|item| item.section("[defaults]".to_owned())).map(|section| {
        let common = Inherited::read(&section, &limits);
        section.finish();
        common
    });
    let mut routes = routes::read(&root, &limits, defaults.unwrap_or_default());
    limits.check_keys(&routes);
    root.finish();
    let mut limits = limits.into_limits()?;
    let flavour = match store {
        Store::Redis(_) => Flavour::Redis,
        Store::Memory { .. } | Store::Shared(_) => Flavour::Memory,
    };
    for limit in &mut limits {
        limit.flavour = flavour;
    }
    for route in &mut routes {
        route.digest = super::digest::route(route, &client, &store, &limits);
        let settles = |id: &LimitId| limits.get(usize::from(id.0)).is_some_and(|limit| limit.settles);
        route.tells = route.limit_headers != LimitHeaders::None || route.limits.iter().any(settles);
    }
    Some(Policy { client, store, limits, routes })
}
