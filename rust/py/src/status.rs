//! What `NativeSeam.status` tells.

use crossfade_core::policy::RouteId;
use crossfade_exchange::wire::Dropped;
use crossfade_seam::emitter::Emitter;
use crossfade_seam::engine::Engine;
use crossfade_seam::process::Process;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What this process knows, as a dictionary.
pub fn of<'py>(py: Python<'py>, process: &Process, engine: &Engine) -> PyResult<Bound<'py, PyDict>> {
    let (generation, held) = process.followed();
    let status = PyDict::new(py);
    status.set_item("build", crossfade_seam::BUILD)?;
    status.set_item("generation", generation)?;
    status.set_item("held", held)?;
    status.set_item("stage_errors", process.stage_errors.get())?;
    status.set_item("policy_errors", process.policy_errors.get())?;
    status.set_item("capture_error", process.emitter.as_ref().and_then(Emitter::error))?;
    let sidecar =
        process.stream.absence().map_or_else(|| "connected".to_owned(), |why| format!("not connected ({why})"));
    status.set_item("sidecar", sidecar)?;
    status.set_item("store", store(py, engine)?)?;
    status.set_item("panics", process.panics.get())?;
    status.set_item("last_failure", process.last_failure())?;
    let passed = PyDict::new(py);
    passed.set_item("emitted", process.passed_emitted.get())?;
    passed.set_item("dropped", process.passed_dropped.get())?;
    status.set_item("passed_through", passed)?;
    let routes = PyDict::new(py);
    for (index, route) in engine.policy.routes.iter().enumerate() {
        let id = RouteId(index as u16);
        let row = PyDict::new(py);
        row.set_item("stage", engine.stage(id).to_string())?;
        row.set_item("policy", &*route.digest)?;
        for (name, count) in engine.counts(id).list() {
            row.set_item(name, count)?;
        }
        row.set_item("pinned", engine.sums(id).breaker.why())?;
        row.set_item("above_cap", engine.is_above_cap(id))?;
        let remarks = PyDict::new(py);
        for (code, place, count) in engine.remarks(id) {
            let name = place.map_or_else(|| code.to_owned(), |place| format!("{code} {place}"));
            remarks.set_item(name, count)?;
        }
        row.set_item("remarks", remarks)?;
        row.set_item("account", account(py, engine, id)?)?;
        routes.set_item(&*route.name, row)?;
    }
    status.set_item("routes", routes)?;
    Ok(status)
}

/// Where counts live, why that could not be opened, what is to be known of it, and what happened there.
fn store<'py>(py: Python<'py>, engine: &Engine) -> PyResult<Bound<'py, PyDict>> {
    let (policy, opened) = (&engine.policy.store, engine.store());
    let store = PyDict::new(py);
    store.set_item("url", policy.to_string())?;
    store.set_item("scope", policy.scope().name())?;
    store.set_item("counters", policy.scope().counters())?;
    store.set_item("error", opened.error())?;
    store.set_item("remark", engine.tally().remark())?;
    for (name, count) in opened.stats() {
        store.set_item(name, count)?;
    }
    Ok(store)
}

/// What became of a route's exchanges on their way to a sidecar.
fn account<'py>(py: Python<'py>, engine: &Engine, id: RouteId) -> PyResult<Bound<'py, PyDict>> {
    let sums = engine.sums(id).account();
    let account = PyDict::new(py);
    for (name, count) in
        [("sampled_out", sums.sampled_out), ("sent", sums.sent), ("lost", sums.lost), ("requests", sums.requests)]
    {
        account.set_item(name, count)?;
    }
    for why in Dropped::ALL {
        account.set_item(why.name(), sums.dropped.get(&why).copied().unwrap_or(0))?;
    }
    Ok(account)
}
