//! `crossfade ledger`: who has set which stage when, why, and whether that was so.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crossfade_exchange::ledger::{self, Broken, Chain, Entry};
use crossfade_exchange::stage_file::{self, StageError};
use crossfade_shadow::known::Day;

use crate::exit;
use crate::place::{Place, short};

/// Commands of `ledger`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Walk the chain of hashes: nothing was edited, removed, put in or reordered, and the stage file is what it says
    Verify(Arguments),
    /// Print it, a line for each stage change
    Show(Arguments),
}

/// Arguments of both.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs one of them.
pub fn run(command: Command, out: &mut impl Write) -> io::Result<ExitCode> {
    match command {
        Command::Verify(arguments) => verify(&arguments, out),
        Command::Show(arguments) => show(&arguments, out),
    }
}

fn verify(arguments: &Arguments, out: &mut impl Write) -> io::Result<ExitCode> {
    let state = arguments.place.state();
    let path = state.join(ledger::FILE);
    let (chain, stages) = match whole(arguments) {
        Ok(found) => found,
        Err(broken) => {
            writeln!(out, "broken: {} {broken}", path.display())?;
            return Ok(ExitCode::from(3));
        }
    };
    let end = match stages {
        Ok(generation) => format!("the stage file is at generation {generation}, as it says"),
        Err(error) => format!("the stage file could not be compared: {error}"),
    };
    writeln!(out, "whole: {} lines, each follows the one before; {end}", chain.entries.len())?;
    for (line, entry) in chain.entries.iter().enumerate().filter(|(_, entry)| entry.cut.is_some()) {
        writeln!(out, "  before line {}: {}", line + 1, plain(entry.cut.as_deref().unwrap_or_default()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The chain, and the generation of the stage file that it ends at, or why that could not be compared.
fn whole(arguments: &Arguments) -> Result<(Chain, Result<u64, StageError>), Broken> {
    let state = arguments.place.state();
    let chain = ledger::verify(&state.join(ledger::FILE))?;
    let stages = stage_file::read(&state);
    // Without a stage file every route is off, whatever the ledger said last; that is somebody's way back.
    if let Ok(stages) = &stages {
        chain.ends_at(stages)?;
    }
    Ok((chain, stages.map(|stages| stages.generation)))
}

fn show(arguments: &Arguments, out: &mut impl Write) -> io::Result<ExitCode> {
    let path = arguments.place.state().join(ledger::FILE);
    let (entries, broken) = match ledger::verify(&path) {
        Ok(chain) => (chain.entries, None),
        Err(broken) => (ledger::readable(&path), Some(broken)),
    };
    let wanted = |entry: &&Entry| arguments.route.as_ref().is_none_or(|route| *route == entry.route);
    for entry in entries.iter().filter(wanted) {
        if arguments.json {
            serde_json::to_writer(&mut *out, entry)?;
            writeln!(out)?;
        } else {
            line(entry, out)?;
        }
    }
    match broken {
        None => Ok(ExitCode::SUCCESS),
        Some(broken) => {
            exit::complain(&format!("{} {broken}", path.display()));
            Ok(ExitCode::from(3))
        }
    }
}

fn line(entry: &Entry, out: &mut impl Write) -> io::Result<()> {
    let Entry { at, generation, route, from, to, who, why, evidence, accepted, rolled_back, fault, .. } = entry;
    let when = Day::instant(*at);
    let when = when.get(..19).unwrap_or(&when);
    let mut notes = match evidence {
        Some(evidence) => vec![format!("evidence {}", short(evidence))],
        None => vec!["without proof".to_owned()],
    };
    notes.extend((!accepted.is_empty()).then(|| format!("accepted {}", accepted.join(", "))));
    notes.extend(rolled_back.as_ref().map(|cause| format!("ROLLED BACK: {cause}")));
    notes.extend(fault.map(|fault| format!("fault {fault}")));
    let text = format!("{when}Z  {generation:>4}  {route}: {from} → {to}  by {who}: {why}  ({})", notes.join("; "));
    writeln!(out, "{}", plain(&text))
}

/// Without what could act on a terminal.
pub fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
