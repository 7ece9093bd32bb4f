//! `crossfade drill`: how long a change takes until the last worker follows it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use crossfade_exchange::stage::{Row, Stage};
use crossfade_exchange::stage_file::{self, Change, StageError};
use crossfade_exchange::workers;
use crossfade_seam::engine::clock_micros;

use crate::follow::{LOOK, PATIENCE};
use crate::place::{Place, no_route, user};
use crate::{exit, follow};

/// Between rounds, so that they do not all begin where a worker has just looked: parts of its interval of 0.2 s.
const PHASES: [u64; 5] = [0, 130, 60, 170, 90];

/// Arguments of `drill`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --yes the route's row is written again as it is: workers take it over as they take over any change, no client and no
evidence notices, and the ledger says drill. With --yes the route goes to off and back: the control answers meanwhile, and the
candidate starts as after any off. Exit code 1: a worker did not follow.")]
pub struct Drill {
    /// The route
    route: String,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Really take the route to off and back
    #[arg(long)]
    yes: bool,
    /// Who [default: the user running this]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// How long each worker took, in each round; `None`: it did not follow.
type Times = BTreeMap<u32, Vec<Option<Duration>>>;

/// Measures.
pub fn drill(arguments: Drill, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match arguments.place.policy() {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    if policy.route_named(&arguments.route).is_none() {
        return exit::usage(&no_route(&policy, &arguments.route));
    }
    let state = arguments.place.state();
    if workers::present(&state).is_empty() {
        return exit::failed("no worker is there to follow");
    }
    let Drill { route, yes, .. } = &arguments;
    let who = arguments.who.clone().unwrap_or_else(user);
    let mut times = Times::new();
    for round in 0..arguments.rounds {
        thread::sleep(Duration::from_millis(PHASES[round as usize % PHASES.len()]));
        let drilled =
            if *yes { off_and_back(&state, route, &who, &mut times) } else { again(&state, route, &who, &mut times) };
        match drilled {
            Ok(()) => {}
            Err(StageError::Missing) => return exit::failed(&format!("{route} is off: there is nothing to take off")),
            Err(error) => return exit::failed(&error),
        }
    }
    show(&times, arguments.rounds, *yes, out)
}

/// Writes the row again as it is.
fn again(state: &Path, route: &str, who: &str, times: &mut Times) -> Result<(), StageError> {
    let stages = match stage_file::read(state) {
        Err(StageError::Missing) => Default::default(),
        stages => stages?,
    };
    let row = stages.routes.get(route).cloned().unwrap_or_default();
    let change = put_back(route, who, "drill: the row as it is", row);
    measure(state, &[change], stages.generation, times).map(drop)
}

/// Takes the route off and puts its row back, if nobody else has changed it meanwhile.
fn off_and_back(state: &Path, route: &str, who: &str, times: &mut Times) -> Result<(), StageError> {
    let stages = stage_file::read(state)?;
    let row = stages.routes.get(route).filter(|row| row.stage != Stage::Off).ok_or(StageError::Missing)?;
    let off = Change { route: route.into(), who: who.into(), why: "drill: off and back".into(), ..Change::default() };
    let generation = measure(state, &[off], stages.generation, times)?;
    let back = put_back(route, who, "drill: back", row.clone());
    let written = stage_file::write(state, &[back], Some(generation), clock_micros())?;
    follow::followed(state, written.generation, Instant::now());
    Ok(())
}

fn put_back(route: &str, who: &str, why: &str, row: Row) -> Change {
    Change { route: route.into(), who: who.into(), why: why.into(), row: Some(row), ..Change::default() }
}

/// Writes, and notes when each worker follows. Gives the generation.
fn measure(state: &Path, changes: &[Change], expected: u64, times: &mut Times) -> Result<u64, StageError> {
    let started = Instant::now();
    let generation = stage_file::write(state, changes, Some(expected), clock_micros())?.generation;
    let mut waiting: Vec<u32> = workers::present(state).iter().map(|worker| worker.pid).collect();
    while !waiting.is_empty() && started.elapsed() < PATIENCE {
        for worker in workers::present(state) {
            // A later generation has this one in it; workers compare contents, so theirs never falls.
            if worker.generation >= generation && waiting.contains(&worker.pid) {
                waiting.retain(|pid| *pid != worker.pid);
                times.entry(worker.pid).or_default().push(Some(started.elapsed()));
            }
        }
        thread::sleep(LOOK / 4);
    }
    // One that has ended meanwhile has nothing to follow with.
    for worker in workers::present(state).iter().filter(|worker| waiting.contains(&worker.pid)) {
        times.entry(worker.pid).or_default().push(None);
    }
    Ok(generation)
}

fn show(times: &Times, rounds: u32, yes: bool, out: &mut impl Write) -> io::Result<ExitCode> {
    let what = if yes { "off and back" } else { "the row as it is" };
    writeln!(out, "{rounds} rounds, {what}: until a worker says that it follows")?;
    for (pid, times) in times {
        writeln!(out, "  worker {pid:<8}  {}", Figures::of(times))?;
    }
    let all: Vec<_> = times.values().flatten().copied().collect();
    writeln!(out, "  {:<15}  {}", "all", Figures::of(&all))?;
    Ok(if all.contains(&None) { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Median and longest, and how often a worker did not follow.
struct Figures {
    median: Duration,
    longest: Duration,
    missed: usize,
}

impl Figures {
    fn of(times: &[Option<Duration>]) -> Self {
        let mut known: Vec<Duration> = times.iter().flatten().copied().collect();
        known.sort_unstable();
        let median = known.get(known.len() / 2).copied().unwrap_or_default();
        Self { median, longest: known.last().copied().unwrap_or_default(), missed: times.len() - known.len() }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.2} s  longest {:.2} s", self.median.as_secs_f64(), self.longest.as_secs_f64())?;
        match self.missed {
            0 => Ok(()),
            missed => write!(f, "  DID NOT FOLLOW within {} s: {missed} times", PATIENCE.as_secs()),
        }
    }
}
