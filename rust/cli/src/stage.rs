//! `crossfade stage set`, `crossfade off` and `crossfade status`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use crossfade_core::Policy;
use crossfade_exchange::stage::{Fault, Stage, Stages, Subject};
use crossfade_exchange::stage_file::{self, Change, StageError};
use crossfade_exchange::workers::{self, Worker};
use crossfade_seam::engine::clock_micros;

use crate::exit;

/// Workers look every 0.2 s; one that has not followed by now is reported, not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Commands of `stage`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a route's stage without proof, and say so in the ledger
    Set(Set),
}

/// How long a worker may take to show itself in a new state directory.
const APPEARANCE: Duration = Duration::from_millis(500);

/// Where the policy and the stages are.
#[derive(Debug, Args)]
pub struct Place {
    /// The policy file
    #[arg(long, value_name = "FILE", env = "CROSSFADE_POLICY", default_value = "crossfade.toml")]
    policy: PathBuf,
    /// The state directory [default: .crossfade beside the policy]
    #[arg(long, value_name = "DIR", env = "CROSSFADE_STATE")]
    state: Option<PathBuf>,
}

impl Place {
    fn state(&self) -> PathBuf {
        match &self.state {
            Some(state) => state.clone(),
            None => self.policy.parent().unwrap_or(Path::new("")).join(".crossfade"),
        }
    }

    fn policy(&self) -> Result<Policy, String> {
        let name = self.policy.display().to_string();
        let text = fs::read_to_string(&self.policy).map_err(|error| format!("{name}: {error}"))?;
        Policy::parse(&name, &text).map_err(|errors| errors.to_string())
    }
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

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Only this route
    route: Option<String>,
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

/// Stage of every route, and who follows.
pub fn status(arguments: Status, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match arguments.place.policy() {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    if let Some(route) = &arguments.route
        && policy.route_named(route).is_none()
    {
        return exit::usage(&no_route(&policy, route));
    }
    let state = arguments.place.state();
    let (stages, trouble) = match stage_file::read(&state) {
        Ok(stages) => (stages, None),
        Err(StageError::Missing) => (Stages::default(), None),
        Err(error) => (Stages::default(), Some(error)),
    };
    let workers = workers::present(&state);
    let width = policy.routes.iter().map(|route| route.name.len()).max().unwrap_or(0).max(5);
    writeln!(out, "{:width$}  {:<14}  set for", "route", "stage")?;
    for route in policy.routes.iter().filter(|route| arguments.route.as_deref().is_none_or(|name| name == &*route.name))
    {
        let row = stages.routes.get(&*route.name);
        let stage = row.map_or(Stage::Off, |row| row.stage);
        let set_for = match row {
            Some(row) if row.stage != Stage::Off => {
                let fault = if row.fault.is_some() { ", with an injected fault" } else { "" };
                let held = workers.iter().filter(|worker| worker.held.iter().any(|name| *name == *route.name)).count();
                let held = if held > 0 {
                    format!(" – held at shadow in {held} workers of another build or policy")
                } else {
                    String::new()
                };
                format!(
                    "build {}, policy {} by {}: {}{fault}{held}",
                    short(&row.subject.build),
                    short(&row.subject.policy),
                    row.who,
                    row.why
                )
            }
            _ => "–".to_owned(),
        };
        writeln!(out, "{:width$}  {:<14}  {set_for}", route.name, stage.to_string())?;
    }
    match trouble {
        Some(error) => writeln!(out, "\n{error}")?,
        None => writeln!(out, "\n{}", follow_line(&workers, stages.generation))?,
    }
    if workers.iter().any(|worker| worker.errors > 0) {
        writeln!(out, "some workers met a policy or stage file that they could not use, and kept the last good one")?;
    }
    for (trouble, troubled) in troubles(&workers) {
        writeln!(out, "in {troubled} of {} workers: {trouble}", workers.len())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the changes, then waits for the workers that are there.
fn apply(state: &Path, changes: &[Change], out: &mut impl Write) -> io::Result<ExitCode> {
    let started = Instant::now();
    let written = match stage_file::write(state, changes, None, clock_micros()) {
        Ok(written) => written,
        Err(error) => return exit::failed(&error.to_string()),
    };
    // Workers show themselves once the directory exists, which this may just have made.
    let mut present = workers::present(state).len();
    while present == 0 && started.elapsed() < APPEARANCE {
        thread::sleep(Duration::from_millis(20));
        present = workers::present(state).len();
    }
    let behind = loop {
        let behind = workers::present(state).iter().filter(|worker| worker.generation != written.generation).count();
        if behind == 0 || started.elapsed() >= PATIENCE {
            break behind;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let followed = match (present, behind) {
        (0, _) => "No worker is there to follow.".to_owned(),
        (_, 0) => format!("{present} of {present} workers followed in {:.1} s.", started.elapsed().as_secs_f64()),
        _ => format!(
            "{} of {present} workers followed within {} s; see `crossfade status`.",
            present - behind,
            PATIENCE.as_secs()
        ),
    };
    let workers = workers::present(state);
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

/// What is the matter with the stores of workers, and with how many it is.
fn troubles(workers: &[Worker]) -> BTreeMap<&str, usize> {
    let mut troubles = BTreeMap::new();
    for trouble in workers.iter().filter_map(|worker| worker.store.as_deref()) {
        *troubles.entry(trouble).or_default() += 1;
    }
    troubles
}

fn follow_line(workers: &[Worker], generation: u64) -> String {
    let following = workers.iter().filter(|worker| worker.generation == generation).count();
    match workers.len() {
        0 => format!("no worker is there to follow generation {generation}"),
        present => format!("{following} of {present} workers follow generation {generation}"),
    }
}

fn no_route(policy: &Policy, name: &str) -> String {
    let names: Vec<&str> = policy.routes.iter().map(|route| &*route.name).collect();
    format!("there is no route {name:?}; the policy has {}", names.join(", "))
}

fn short(digest: &str) -> &str {
    digest.get(..4).unwrap_or(digest)
}

fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned())
}
