//! An ASGI HTTP scope as a borrowed request: no byte is copied, and nothing that Python's collector tracks is made.

use crossfade_core::Request;
use crossfade_seam::engine::{Engine, Place};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use smallvec::SmallVec;

/// Headers that are walked without allocating; a request with more allocates once.
const INLINE: usize = 32;

/// The parts of a scope, kept alive while a request borrows from them.
pub struct Parts<'py> {
    method: Bound<'py, PyString>,
    raw_path: Bound<'py, PyBytes>,
    query: Option<Bound<'py, PyBytes>>,
    headers: SmallVec<[Bound<'py, PyTuple>; INLINE]>,
    peer: Option<Bound<'py, PyString>>,
    given: Vec<(String, String)>,
}

/// Route and stage of a scope; `None`: it belongs to no route, or has no method or raw path. Either is passed through.
pub fn place(engine: &Engine, scope: &Bound<'_, PyAny>) -> Option<Place> {
    let (method, raw_path) = target(scope.cast().ok()?)?;
    engine.place(method.to_str().ok()?.as_bytes(), raw_path.as_bytes())
}

fn target<'py>(scope: &Bound<'py, PyDict>) -> Option<(Bound<'py, PyString>, Bound<'py, PyBytes>)> {
    let py = scope.py();
    let method = scope.get_item(intern!(py, "method")).ok()??.cast_into::<PyString>().ok()?;
    // `raw_path` is optional in ASGI; `path` is decoded already and says less.
    let raw_path = scope.get_item(intern!(py, "raw_path")).ok()??.cast_into::<PyBytes>().ok()?;
    Some((method, raw_path))
}

impl<'py> Parts<'py> {
    /// Takes a scope apart; `None` when it is not of the shape that ASGI describes.
    pub fn of(scope: &Bound<'py, PyAny>) -> Option<Self> {
        let scope = scope.cast::<PyDict>().ok()?;
        let py = scope.py();
        let (method, raw_path) = target(scope)?;
        let query = match scope.get_item(intern!(py, "query_string")).ok()? {
            Some(query) => Some(query.cast_into::<PyBytes>().ok()?),
            None => None,
        };
        let mut headers = SmallVec::new();
        match scope.get_item(intern!(py, "headers")).ok()? {
            None => {}
            Some(list) => match list.cast::<PyList>() {
                Ok(list) => {
                    for pair in list.iter() {
                        headers.push(as_tuple(pair)?);
                    }
                }
                Err(_) => {
                    for pair in list.try_iter().ok()? {
                        headers.push(as_tuple(pair.ok()?)?);
                    }
                }
            },
        }
        let peer = scope.get_item(intern!(py, "client")).ok()?.and_then(|client| {
            let host = match client.cast::<PyTuple>() {
                Ok(tuple) => tuple.get_item(0),
                Err(_) => client.get_item(0),
            };
            host.ok()?.cast_into::<PyString>().ok()
        });
        let given = match scope.get_item(intern!(py, "crossfade.given")).ok()? {
            Some(given) => given.extract::<Vec<(String, String)>>().ok()?,
            None => Vec::new(),
        };
        Some(Self { method, raw_path, query, headers, peer, given })
    }

    /// Calls `f` with the request; `None` when a part is not bytes or not UTF-8 where text is due.
    pub fn with_request<T>(&self, body: &[u8], f: impl FnOnce(&Request<'_>) -> T) -> Option<T> {
        let mut headers: SmallVec<[(&[u8], &[u8]); INLINE]> = SmallVec::with_capacity(self.headers.len());
        for pair in &self.headers {
            let [name, value, ..] = pair.as_slice() else { return None };
            headers.push((name.cast::<PyBytes>().ok()?.as_bytes(), value.cast::<PyBytes>().ok()?.as_bytes()));
        }
        let given: SmallVec<[(&str, &str); 4]> = self.given.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let request = Request {
            method: self.method.to_str().ok()?.as_bytes(),
            raw_path: self.raw_path.as_bytes(),
            query: self.query.as_ref().map_or(&[], |query| query.as_bytes()),
            headers: &headers,
            peer: match &self.peer {
                Some(peer) => Some(peer.to_str().ok()?),
                None => None,
            },
            body,
            given: &given,
        };
        Some(f(&request))
    }
}

fn as_tuple(pair: Bound<'_, PyAny>) -> Option<Bound<'_, PyTuple>> {
    match pair.cast_into::<PyTuple>() {
        Ok(tuple) => Some(tuple),
        // ASGI says "iterable of pairs", and some servers make lists.
        Err(error) => error.into_inner().cast_into::<PyList>().ok().map(|list| list.to_tuple()),
    }
}
