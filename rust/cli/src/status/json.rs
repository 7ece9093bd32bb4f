//! The status as JSON, for programs.

use std::io::{self, Write};

use crossfade_exchange::stage::Row;
use crossfade_exchange::workers::Worker;
use crossfade_shadow::evidence::Group;
use crossfade_shadow::gate::{Facts, Missing, Ruling};
use serde::Serialize;

use super::Shown;
use crate::place::Look;

#[derive(Serialize)]
struct Status<'a> {
    generation: u64,
    /// Why the stage file cannot be used, if it cannot.
    stage_trouble: Option<String>,
    evidence_trouble: Option<&'a str>,
    /// Seconds since the sidecar was last seen; null: never.
    sidecar_unseen_seconds: Option<f64>,
    workers: &'a [Worker],
    routes: Vec<RouteStatus<'a>>,
}

#[derive(Serialize)]
struct RouteStatus<'a> {
    route: &'a str,
    stage: String,
    row: Option<&'a Row>,
    /// `ready`, `held` or `rolled_back`, as in metrics.
    standing: &'static str,
    ruling: &'a Ruling,
    /// The same in words, one for each thing that is missing.
    missing: Vec<String>,
    facts: &'a Facts,
    groups: Vec<&'a Group>,
}

/// Writes it.
pub fn write(look: &Look, shown: &[Shown<'_>], out: &mut impl Write) -> io::Result<()> {
    let written = look.evidence.as_ref().map_or(0, |evidence| evidence.written);
    let routes = shown.iter().map(|shown| RouteStatus {
        route: &shown.facts.route,
        stage: shown.facts.stage.to_string(),
        row: look.row(shown.route),
        standing: shown.ruling.word(),
        ruling: &shown.ruling,
        missing: match &shown.ruling {
            Ruling::Hold(missing) => missing.iter().map(Missing::text).collect(),
            _ => Vec::new(),
        },
        facts: &shown.facts,
        groups: super::details::groups(look, &shown.facts),
    });
    let status = Status {
        generation: look.stages.generation,
        stage_trouble: look.stage_trouble.as_ref().map(ToString::to_string),
        evidence_trouble: look.evidence_trouble.as_deref(),
        sidecar_unseen_seconds: (written > 0).then(|| look.now.saturating_sub(written) as f64 / 1e6),
        workers: &look.workers,
        routes: routes.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &status)?;
    writeln!(out)
}
