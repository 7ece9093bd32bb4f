//! The frames that control workers speak with `crossfade replay`: Python reads and writes the pipe, this converts.

use crossfade_exchange::frame::{self, Call, Hello, Reply};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::observed;

/// The first frame of a control worker: what it can run, or why it cannot.
///
/// Returns the whole frame, length included.
#[pyfunction]
#[pyo3(signature = (*, control_digest, routes, error))]
pub fn encode_hello(
    py: Python<'_>,
    control_digest: String,
    routes: Vec<String>,
    error: Option<String>,
) -> PyResult<Bound<'_, PyBytes>> {
    framed(py, &Hello { version: frame::VERSION, control_digest, routes, error })
}

/// Reads the payload of a call: `(route, received_at, scope, body)`, with `received_at` in microseconds and `scope` an
/// ASGI HTTP scope. A body that was not kept is empty.
///
/// Raises ValueError for bytes that are no call.
#[pyfunction]
#[pyo3(signature = (payload) -> "tuple[str, int, dict[str, Any], bytes]")]
pub fn decode_call<'py>(
    py: Python<'py>,
    payload: &[u8],
) -> PyResult<(String, u64, Bound<'py, PyDict>, Bound<'py, PyBytes>)> {
    let (call, _) = crossfade_exchange::decode::<Call>(payload)
        .map_err(|error| PyValueError::new_err(format!("not a call: {error}")))?;
    let request = call.request;
    let scope = PyDict::new(py);
    scope.set_item("type", "http")?;
    scope.set_item("method", String::from_utf8_lossy(&request.method))?;
    scope.set_item("raw_path", PyBytes::new(py, &request.raw_path))?;
    scope.set_item("query_string", PyBytes::new(py, &request.query))?;
    let headers = PyList::empty(py);
    for (name, value) in &request.headers {
        headers.append(PyTuple::new(py, [PyBytes::new(py, name), PyBytes::new(py, value)])?)?;
    }
    scope.set_item("headers", headers)?;
    match &request.peer {
        Some(peer) => scope.set_item("client", (PyString::new(py, peer), 0))?,
        None => scope.set_item("client", py.None())?,
    }
    if !request.given.is_empty() {
        scope.set_item("crossfade.given", request.given)?;
    }
    let body = request.body.map_or_else(Vec::new, |body| body.into_vec());
    Ok((call.route, call.received_at, scope, PyBytes::new(py, &body)))
}

/// The reply to a call; None: the route has no control. Returns the whole frame, length included.
#[pyfunction]
pub fn encode_reply<'py>(py: Python<'py>, observation: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyBytes>> {
    framed(py, &Reply { control: observation.map(observed::observation).transpose()? })
}

fn framed<'py, T: serde::Serialize>(py: Python<'py>, value: &T) -> PyResult<Bound<'py, PyBytes>> {
    let mut bytes = Vec::new();
    frame::write(&mut std::io::sink(), value, &mut bytes)?;
    Ok(PyBytes::new(py, &bytes))
}
