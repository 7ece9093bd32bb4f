//! `crossfade replay`: control and candidate over a capture again, at the recorded time.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use crossfade_shadow::control::Spec;
use crossfade_shadow::html;
use crossfade_shadow::known::Day;
use crossfade_shadow::replay::{self, Names, Options};
use crossfade_shadow::report::{self, Report, Style};

use crate::{exit, inputs, progress};

/// Exit code: something is unexplained, or nothing was judged.
const NOT_PROVEN: u8 = 3;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The capture directory
    capture: PathBuf,
    /// The policy file
    #[arg(long, value_name = "FILE", env = "CROSSFADE_POLICY", default_value = "crossfade.toml")]
    policy: PathBuf,
    /// The control, as module:seam; without it the candidate runs alone
    #[arg(long, value_name = "MODULE:SEAM")]
    control: Option<String>,
    /// Control workers at a time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Write the report as JSON
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
    /// Write the report as a page [default: report.html in the capture directory]
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Report one route only; what shares its limits still runs
    #[arg(long, value_name = "ROUTE")]
    only: Option<String>,
    /// The day that known differences expire against [default: today, UTC]
    #[arg(long, value_name = "DATE", value_parser = day)]
    today: Option<Day>,
    /// Show clients' values in the report instead of their type, length and hash
    #[arg(long)]
    show_values: bool,
    /// The Python that runs the control [default: the active virtual environment's, else python3]
    #[arg(long, value_name = "EXE")]
    python: Option<PathBuf>,
    /// Seconds that the control may take to start, or for one request
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    patience: u64,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "write it like 2027-01-31".to_owned())
}

/// Replays a capture and reports.
pub fn replay(arguments: Replay, out: &mut impl Write) -> io::Result<ExitCode> {
    let file = arguments.policy.display().to_string();
    let policy = match inputs::policy(&arguments.policy) {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    let (exchanges, losses) = match inputs::exchanges(&arguments.capture) {
        Ok(read) => read,
        Err(error) => return exit::failed(&error),
    };
    let options = options(&arguments, losses);
    progress::quieten();
    let report = match progress::shown(|progress| replay::replay(&policy, exchanges, &options, progress)) {
        Ok(report) => report,
        Err(error @ replay::Error::UnknownRoute(_)) => return exit::usage(&format!("{file}: {error}")),
        Err(error) => return exit::failed(&error),
    };
    let page = match write_files(&arguments, &report) {
        Ok(page) => page,
        Err(error) => return exit::failed(&error),
    };
    let style = if io::stdout().is_terminal() { Style::Colour } else { Style::Plain };
    out.write_all(report::text(&report, style, page.as_deref()).as_bytes())?;
    Ok(if report.proven { ExitCode::SUCCESS } else { ExitCode::from(NOT_PROVEN) })
}

fn options(arguments: &Replay, losses: Vec<String>) -> Options {
    let mut command = format!("crossfade replay {} --policy {}", quoted(&arguments.capture), quoted(&arguments.policy));
    if let Some(control) = &arguments.control {
        command.push_str(&format!(" --control {}", quoted(Path::new(control))));
    }
    let spec = |seam: &String| Spec {
        python: arguments.python.clone().unwrap_or_else(python),
        seam: seam.clone(),
        patience: Duration::from_secs(arguments.patience),
    };
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Options {
        control: arguments.control.as_ref().map(spec),
        workers: arguments.workers.map_or(cores, usize::from),
        only: arguments.only.clone(),
        today: arguments.today.clone().unwrap_or_else(Day::today),
        show_values: arguments.show_values,
        names: Names {
            capture: arguments.capture.display().to_string(),
            policy: arguments.policy.display().to_string(),
            build: crossfade_seam::BUILD.to_owned(),
            command,
            losses,
        },
    }
}

/// The Python of the active virtual environment, else the one on the path.
pub fn python() -> PathBuf {
    match std::env::var_os("VIRTUAL_ENV") {
        Some(environment) if !environment.is_empty() => Path::new(&environment).join("bin/python"),
        _ => PathBuf::from("python3"),
    }
}

/// A word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=+@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Writes the reports that are wanted; says where the page is.
fn write_files(arguments: &Replay, report: &Report) -> Result<Option<String>, String> {
    if let Some(path) = &arguments.json {
        write_file(path, &report.json()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let default = || match arguments.capture.is_dir() {
        true => arguments.capture.join("report.html"),
        false => arguments.capture.with_extension("html"),
    };
    let path = arguments.html.clone().unwrap_or_else(default);
    match write_file(&path, &html::page(report)) {
        Ok(()) => Ok(Some(path.display().to_string())),
        Err(error) if arguments.html.is_none() => {
            eprintln!("crossfade: the page could not be written: {}: {error}", path.display());
            Ok(None)
        }
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Writes a whole file or none. Only its owner reads it: an example may show what was captured.
fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written
}
