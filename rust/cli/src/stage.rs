//! `crossfade stage set` and `crossfade off`: without proof, and always.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};
use crossfade_core::Policy;
use crossfade_exchange::stage::{Fault, Stage, Subject};
use crossfade_exchange::stage_file::{self, Change, StageError};
use crossfade_seam::engine::clock_micros;

use crate::place::{Place, no_route, short, user};
use crate::{exit, follow};

/// Commands of `stage`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a route's stage without proof, and say so in the ledger
    Set(Set),
}

/// Arguments of `stage set`.
#[derive(Debug, Args)]
pub struct Set {
    /// The route
    route: String,
    /// off, shadow, canary:PERCENT or live
    stage: Stage,
    /// Why: it goes into the ledger
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who [default: the user running this]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Make the candidate fail on purpose, to show that nobody sees it: panic, unsupported, wrong:ONE_IN or slow:TIMES
    #[arg(long)]
    fault: Option<Fault>,
    #[command(flatten)]
    place: Place,
}

/// Arguments of `off`.
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false, args = ["route", "all"])]
pub struct Off {
    /// The route
    route: Option<String>,
    /// Every route
    #[arg(long)]
    all: bool,
    /// Why: it goes into the ledger
    #[arg(long, value_name = "TEXT", default_value = "crossfade off")]
    why: String,
    /// Who [default: the user running this]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Sets a stage without proof; the ledger says so.
pub fn set(arguments: Set, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match arguments.place.policy() {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    let Some(id) = policy.route_named(&arguments.route) else {
        return exit::usage(&no_route(&policy, &arguments.route));
    };
    if arguments.stage > Stage::Shadow {
        exit::complain(&format!(
            "warning: {} without proof: clients get the candidate's answers, and no gate has looked. crossfade promote {} goes by it",
            arguments.stage, arguments.route
        ));
    }
    let change = Change {
        stage: arguments.stage,
        subject: Subject {
            build: crossfade_seam::BUILD.to_owned(),
            policy: policy.route(id).digest.to_string(),
            ..Subject::default()
        },
        who: arguments.who.unwrap_or_else(user),
        why: arguments.why,
        fault: arguments.fault,
        route: arguments.route,
        ..Change::default()
    };
    apply(&arguments.place.state(), &[change], out)
}

/// Takes a route, or all of them, back to `off`. Needs no policy, no sidecar and no network.
pub fn off(arguments: Off, out: &mut impl Write) -> io::Result<ExitCode> {
    let state = arguments.place.state();
    let routes: Vec<String> = match arguments.route {
        // A route that nothing knows is still taken off: better a row too many than a route left on by a typing policy.
        Some(route) => {
            let known = |policy: Policy| policy.route_named(&route).is_some();
            let there = stage_file::read(&state).is_ok_and(|stages| stages.routes.contains_key(&route));
            if !there && !arguments.place.policy().map_or(true, known) {
                return exit::usage(&format!("there is no route {route:?} in {}", arguments.place.policy.display()));
            }
            vec![route]
        }
        None => match stage_file::read(&state) {
            Ok(stages) => stages.routes.into_keys().collect(),
            Err(StageError::Missing) => Vec::new(),
            // Nothing can be read of what is there: an empty file takes every route off.
            Err(_) => arguments
                .place
                .policy()
                .map(|policy| policy.routes.iter().map(|route| route.name.to_string()).collect())
                .unwrap_or_default(),
        },
    };
    if routes.is_empty() && arguments.all {
        writeln!(out, "every route is off already")?;
        return Ok(ExitCode::SUCCESS);
    }
    let who = arguments.who.unwrap_or_else(user);
    let changes: Vec<Change> = routes
        .into_iter()
        .map(|route| Change { route, who: who.clone(), why: arguments.why.clone(), ..Change::default() })
        .collect();
    apply(&state, &changes, out)
}

/// Writes the changes, then waits for the workers that are there.
fn apply(state: &Path, changes: &[Change], out: &mut impl Write) -> io::Result<ExitCode> {
    let started = Instant::now();
    let written = match stage_file::write(state, changes, None, clock_micros()) {
        Ok(written) => written,
        Err(error) => return exit::failed(&error.to_string()),
    };
    let (followed, workers) = follow::followed(state, written.generation, started);
    for (change, (route, from)) in changes.iter().zip(&written.before) {
        match change.stage {
            Stage::Off => writeln!(out, "{route} is off: the control serves every request (was {from}). {followed}")?,
            stage => {
                writeln!(out, "{route}: {from} → {stage}, without proof. {followed}")?;
                if let Some(worker) = workers.iter().find(|worker| worker.held.contains(route)) {
                    writeln!(
                        out,
                        "  but worker {} holds it at shadow: it runs another build ({}, this command is {}) or another policy",
                        worker.pid,
                        short(&worker.build),
                        short(crossfade_seam::BUILD)
                    )?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
