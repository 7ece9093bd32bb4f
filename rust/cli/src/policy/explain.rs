//! `crossfade policy explain`.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crossfade_core::policy::{LimitsStand, Policy, Route};
use crossfade_core::rollout::Rollout;
use crossfade_exchange::{Forward, Observation, Outcome};
use crossfade_shadow::compare::{Difference, Value};
use crossfade_shadow::explain::{self, Explanation, Operation};
use crossfade_shadow::redact::shown;

use crate::exit;

/// Width of the column in which parts and limits are named.
const LABEL: usize = 10;

/// Arguments of `policy explain`.
#[derive(Args)]
pub struct Explain {
    /// The policy file
    file: PathBuf,
    /// A request as an HTTP message, or as a line of `capture import --format jsonl`; - is stdin
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Address of the connection's peer
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<String>,
    /// A value that Python computes, for keys with given:NAME
    #[arg(long, value_name = "NAME=VALUE")]
    given: Vec<String>,
}

pub fn explain(arguments: &Explain, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match super::read(&arguments.file)? {
        Ok(policy) => policy,
        Err(code) => return Ok(code),
    };
    let Some(file) = &arguments.request else {
        for route in &policy.routes {
            describe(&policy, route, out)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let mut text = Vec::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().read_to_end(&mut text).map(|_| ()),
        _ => std::fs::read(file).map(|read| text = read),
    };
    if let Err(error) = read {
        return exit::usage(&format!("{}: {error}", file.display()));
    }
    let mut request = match explain::read(&text) {
        Ok(request) => request,
        Err(error) => return exit::usage(&format!("{}: {error}", file.display())),
    };
    request.peer = arguments.peer.clone().or(request.peer);
    for given in &arguments.given {
        match given.split_once('=') {
            Some((name, value)) => request.given.push((name.to_owned(), value.to_owned())),
            None => return exit::usage(&format!("--given {given}: write NAME=VALUE")),
        }
    }
    let target = shown(&request.raw_path);
    let Some(id) = policy.route_of(&request.method, &request.raw_path) else {
        writeln!(out, "{} {target} matches no route: it is passed through", shown(&request.method))?;
        return Ok(ExitCode::SUCCESS);
    };
    let route = policy.route(id);
    writeln!(out, "{} {target}  route {} (policy {})\n", shown(&request.method), route.name, route.digest)?;
    let explanation = explain::explain(&policy, id, &request);
    if route.limits_stand == LimitsStand::BeforeBody {
        limits(&policy, route, &explanation, out)?;
    }
    for operation in &explanation.operations {
        show(operation, out)?;
    }
    if route.limits_stand == LimitsStand::AfterBody {
        limits(&policy, route, &explanation, out)?;
    }
    closing(&explanation.observation, out)?;
    Ok(ExitCode::SUCCESS)
}

/// What a route does, without a request.
fn describe(policy: &Policy, route: &Route, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "route {} (policy {})", route.name, route.digest)?;
    for pattern in &route.patterns {
        writeln!(out, "  {:<LABEL$}{pattern}", "match")?;
    }
    let stand = match route.limits_stand {
        LimitsStand::BeforeBody => "before-body",
        LimitsStand::AfterBody => "after-body",
    };
    for &id in &route.limits {
        let limit = policy.limit(id);
        writeln!(out, "  {:<LABEL$}{} {} {}, {stand}", "limit", limit.name, limit.rate, limit.strategy.name())?;
    }
    for (part, name) in explain::operations(route) {
        writeln!(out, "  {part:<LABEL$}{name}")?;
    }
    for (code, rollout) in route.rollouts.watched() {
        let rollout = if rollout == Rollout::Warn { "warn" } else { "observe" };
        writeln!(out, "  {:<LABEL$}{code}", rollout)?;
    }
    writeln!(out)
}

fn limits(policy: &Policy, route: &Route, explanation: &Explanation, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  {:<LABEL$}{}", "client", explanation.client)?;
    for &id in &route.limits {
        let limit = policy.limit(id);
        let charges = explanation.observation.charges.iter().flatten();
        let key = match charges.into_iter().find(|charge| *charge.limit == *limit.name) {
            Some(charge) => format!("key {}", shown(&charge.key)),
            None => "not hit".to_owned(),
        };
        writeln!(out, "  {:<LABEL$}{} {}  {key}", "limit", limit.name, limit.rate)?;
    }
    Ok(())
}

fn show(operation: &Operation, out: &mut impl Write) -> io::Result<()> {
    let Operation { part, name, changes, fired } = operation;
    if changes.is_empty() && fired.is_empty() {
        return writeln!(out, "  {part:<LABEL$}{name}: same");
    }
    writeln!(out, "  {part:<LABEL$}{name}")?;
    for change in changes {
        let Difference { place, control, candidate, .. } = change;
        writeln!(out, "  {:<LABEL$}  {place}  {}  →  {}", "", value(control), value(candidate))?;
    }
    for code in fired {
        writeln!(out, "  {:<LABEL$}  {code}", "")?;
    }
    Ok(())
}

/// How it ended, and what goes on.
fn closing(observation: &Observation, out: &mut impl Write) -> io::Result<()> {
    for remark in &observation.remarks {
        let field = remark.field.as_deref().unwrap_or_default();
        let what = if remark.warns { "warned" } else { "observed" };
        writeln!(out, "  {what:<LABEL$}{} {field}", remark.code)?;
    }
    writeln!(out)?;
    match (&observation.outcome, &observation.unsupported) {
        (Some(Outcome::Accepted(forward)), _) => accepted(forward, out),
        (Some(Outcome::Limited { limit, retry_after }), _) => {
            writeln!(out, "limited by {limit}, retry after {} s", retry_after.unwrap_or_default())
        }
        (Some(Outcome::Invalid { code, field }), _) => match field {
            Some(field) => writeln!(out, "invalid: {code}, field {field}"),
            None => writeln!(out, "invalid: {code}"),
        },
        (_, Some(code)) => writeln!(out, "unsupported: {code}: the control judges it"),
        (other, None) => writeln!(out, "{other:?}"),
    }
}

fn accepted(forward: &Forward, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "accepted")?;
    for (part, bytes) in [("path", &forward.path), ("query", &forward.query), ("body", &forward.body)] {
        match bytes {
            Some(bytes) => writeln!(out, "  {part:<LABEL$}{}", String::from_utf8_lossy(bytes).escape_debug())?,
            None => writeln!(out, "  {part:<LABEL$}as it came")?,
        }
    }
    match &forward.headers {
        None => writeln!(out, "  {:<LABEL$}as they came", "headers"),
        Some(headers) => headers
            .iter()
            .try_for_each(|(name, value)| writeln!(out, "  {:<LABEL$}{}: {}", "headers", shown(name), shown(value))),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Absent => "absent".to_owned(),
        Value::Word(word) => word.clone(),
        Value::Bytes(bytes) | Value::Json(bytes) => shown(bytes),
    }
}
