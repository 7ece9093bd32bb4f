//! `crossfade gate`: what a route has to show before it may move on.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crossfade_shadow::gate::{self, KEYS, Need, Plan, RoutePlan, Time, What};
use crossfade_shadow::known::Day;
use crossfade_shadow::replay::{Names, Options};
use crossfade_shadow::report::grouped;

use crate::{exit, inputs, progress};

/// Commands about the gate.
#[derive(Subcommand)]
pub enum Command {
    /// How many exchanges and days each route needs before its gate can open, at the traffic of a capture
    Plan(Arguments),
}

/// Arguments of `gate plan`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The capture directory
    capture: PathBuf,
    /// The policy file
    #[arg(long, value_name = "FILE", env = "CROSSFADE_POLICY", default_value = "crossfade.toml")]
    policy: PathBuf,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// Plans. The candidate alone runs over the capture: which kinds of outcome there are, and how many keys, is its word.
pub fn plan(arguments: &Arguments, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match inputs::policy(&arguments.policy) {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    let (exchanges, losses) = match inputs::exchanges(&arguments.capture) {
        Ok(read) => read,
        Err(error) => return exit::failed(&error),
    };
    losses.iter().for_each(exit::complain);
    let options = Options {
        control: None,
        workers: 1,
        only: None,
        today: Day::today(),
        show_values: false,
        names: Names::default(),
    };
    progress::quieten();
    let plan = match progress::shown(|progress| gate::plan(&policy, exchanges, &options, progress)) {
        Ok(plan) => plan,
        Err(error) => return exit::failed(&error),
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &plan)?;
        writeln!(out)?;
    } else {
        show(&plan, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "at the traffic of this capture, {}; a key brings at most a {KEYS}th of the comparisons",
        Time(plan.seconds)
    )?;
    for route in &plan.routes {
        show_route(route, plan.seconds, out)?;
    }
    Ok(())
}

fn show_route(route: &RoutePlan, seconds: f64, out: &mut impl Write) -> io::Result<()> {
    let RoutePlan { route: name, exchanges, comparable, keys, mismatch_below, needs } = route;
    if *exchanges == 0 {
        return writeln!(out, "\n{name}: no traffic, so its gate never opens");
    }
    match route.seconds() {
        Some(seconds) => writeln!(out, "\n{name}: {} for each step", Time(seconds))?,
        None => writeln!(out, "\n{name}: never, at this traffic")?,
    }
    let a_day = grouped((*comparable as f64 * 86_400.0 / seconds) as u64);
    let (compared, exchanges, plural) = (grouped(*comparable), grouped(*exchanges), if *keys == 1 { "" } else { "s" });
    writeln!(out, "  {compared:>8}  comparable of {exchanges}: {a_day} a day, of {} key{plural}", grouped(*keys))?;
    for Need { what, needed, seconds } in needs {
        let (needed, what) = match what {
            What::Comparisons => (
                grouped(*needed),
                format!("comparisons of at least {KEYS} keys, for mismatch_below = {mismatch_below:e}"),
            ),
            What::Kind(kind) => (grouped(*needed), format!("comparisons with outcome \"{kind}\"")),
            What::Dwell => (String::new(), format!("dwell {}", Time(*needed as f64))),
        };
        let time = seconds.map_or_else(|| "never".to_owned(), |seconds| Time(seconds).to_string());
        writeln!(out, "  {needed:>8}  {what:62} {time:>12}")?;
    }
    Ok(())
}
