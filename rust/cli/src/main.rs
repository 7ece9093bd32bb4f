//! The native binary `crossfade`.
//!
//! A command is one variant here and one function in the file of its group. It gets its arguments and a buffered stdout,
//! and returns its exit code; see [`exit`].
#![forbid(unsafe_code)]

mod capture;
mod drill;
mod exit;
mod follow;
mod gate;
mod inputs;
mod ledger;
mod log;
mod place;
mod policy;
mod progress;
mod promote;
mod replay;
mod sidecar;
mod stage;
mod status;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

/// What is printed about the program itself, and nothing below that level.
const LOG: &str = "CROSSFADE_LOG";

/// Move the hot path of a Python service to Rust, one route at a time, and prove on its own traffic that nothing changed
#[derive(Parser)]
#[command(name = "crossfade", version = version(), max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 done and proven, 1 could not do it, 2 usage or configuration, 3 not proven (a mismatch, or the gate holds).
CROSSFADE_LOG=error|warn|info|debug|trace sets what is logged to stderr (default: warn; of a sidecar: info).")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The policy file: check it
    #[command(subcommand)]
    Policy(policy::Command),
    /// Captures: bring recorded traffic in, look at it, compress it
    #[command(subcommand)]
    Capture(capture::Command),
    /// Run control and candidate over a capture again, and report what differs
    Replay(replay::Replay),
    /// Receive what the workers' seams send, compare it, count it, and serve metrics
    Sidecar(sidecar::Sidecar),
    /// What a route has to show before it may move on
    #[command(subcommand)]
    Gate(gate::Command),
    /// The cutover flags
    #[command(subcommand)]
    Stage(stage::Command),
    /// Take a route, or all of them, back to off: the control answers. Always works
    Off(stage::Off),
    /// Stage of every route, what the evidence says, what the gate still wants, and who follows
    Status(status::Status),
    /// Move a route one stage forward, if the gate has its proof
    Promote(promote::Promote),
    /// Who has set which stage when and why
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Measure how long a stage change takes until the last worker follows it
    Drill(drill::Drill),
}

fn run(command: Command, out: &mut impl Write) -> io::Result<ExitCode> {
    match command {
        Command::Policy(command) => policy::run(command, out),
        Command::Capture(command) => capture::run(command, out),
        Command::Replay(arguments) => replay::replay(arguments, out),
        Command::Sidecar(arguments) => sidecar::sidecar(arguments),
        Command::Gate(gate::Command::Plan(arguments)) => gate::plan(&arguments, out),
        Command::Stage(stage::Command::Set(arguments)) => stage::set(arguments, out),
        Command::Off(arguments) => stage::off(arguments, out),
        Command::Status(arguments) => status::status(arguments, out),
        Command::Promote(arguments) => promote::promote(arguments, out),
        Command::Ledger(command) => ledger::run(command, out),
        Command::Drill(arguments) => drill::drill(arguments, out),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(code) = log_to_stderr(matches!(cli.command, Command::Sidecar(_))) {
        return code;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let code = run(cli.command, &mut out).and_then(|code| out.flush().map(|()| code));
    match code {
        Ok(code) => code,
        // The reader of stdout has seen enough: `crossfade capture show DIR | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => exit::failed(&error).unwrap_or(ExitCode::FAILURE),
    }
}

/// Release, and the digest that evidence made by this build carries.
fn version() -> String {
    format!("{} (build {})", env!("CARGO_PKG_VERSION"), crossfade_seam::BUILD)
}

/// A person reads what a command says; machines read what a sidecar says, and it says more.
fn log_to_stderr(machines: bool) -> Result<(), ExitCode> {
    let level = match std::env::var(LOG) {
        Ok(text) => match text.parse::<LevelFilter>() {
            Ok(level) => level,
            Err(_) => {
                let message = format!("{LOG}={text:?} is no level; use off, error, warn, info, debug or trace");
                return Err(exit::usage(&message).unwrap_or(ExitCode::FAILURE));
            }
        },
        Err(_) if machines => LevelFilter::INFO,
        Err(_) => LevelFilter::WARN,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    if machines {
        lines.event_format(log::Json).init()
    } else {
        lines.init()
    }
    Ok(())
}
