//! What the headers of two requests that go on differ in.

use std::collections::BTreeMap;

use crossfade_exchange::{Forward, Request};

use super::difference::{Found, Kind, Value};

/// Compares header by header: values in their order under each name, names without case. The order of different names
/// says nothing (RFC 9110 §5.3). A side that leaves the headers alone forwards the client's own.
pub(super) fn diff(request: &Request, control: &Forward, candidate: &Forward, found: &mut Found) {
    let (control, candidate) = (by_name(request, control), by_name(request, candidate));
    let mut names: Vec<&String> = control.keys().chain(candidate.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (ours, theirs) = (control.get(name), candidate.get(name));
        if ours != theirs {
            let kind = if ours.is_some() && theirs.is_some() { Kind::Value } else { Kind::Absent };
            found.add(&format!("headers.{name}"), kind, value(ours), value(theirs));
        }
    }
}

fn by_name<'a>(request: &'a Request, forward: &'a Forward) -> BTreeMap<String, Vec<&'a [u8]>> {
    let mut values: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in forward.headers.as_ref().unwrap_or(&request.headers) {
        values.entry(String::from_utf8_lossy(name).to_ascii_lowercase()).or_default().push(value);
    }
    values
}

/// All values of a name, one a line.
fn value(values: Option<&Vec<&[u8]>>) -> Value {
    values.map_or(Value::Absent, |values| Value::Bytes(values.join(&b'\n')))
}
