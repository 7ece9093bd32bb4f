//! `crossfade policy`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crossfade_core::Policy;

use crate::exit;

/// Commands about the policy file.
#[derive(Subcommand)]
pub enum Command {
    /// Print routes and digests, or every error with file, line and rule
    Check(Check),
}

/// Arguments of `policy check`.
#[derive(Args)]
pub struct Check {
    /// The policy file
    file: PathBuf,
}

pub fn run(command: Command, out: &mut impl Write) -> io::Result<ExitCode> {
    match command {
        Command::Check(arguments) => check(&arguments, out),
    }
}

fn check(arguments: &Check, out: &mut impl Write) -> io::Result<ExitCode> {
    let name = arguments.file.display().to_string();
    let text = match std::fs::read_to_string(&arguments.file) {
        Ok(text) => text,
        Err(error) => return exit::usage(&format!("{name}: {error}")),
    };
    let policy = match Policy::parse(&name, &text) {
        Ok(policy) => policy,
        Err(errors) => {
            // Errors are what this command is asked for, each on lines of its own that editors can follow.
            writeln!(io::stderr(), "{errors}")?;
            let count = errors.errors.len();
            return exit::usage(&format!("{name}: {count} error{}", if count == 1 { "" } else { "s" }));
        }
    };
    let width = policy.routes.iter().map(|route| route.name.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "{:width$}  {:16}  matches", "route", "digest")?;
    for route in &policy.routes {
        let mut name: &str = &route.name;
        let mut digest: &str = &route.digest;
        for pattern in &route.patterns {
            writeln!(out, "{name:width$}  {digest:16}  {pattern}")?;
            (name, digest) = ("", "");
        }
        for id in &route.limits {
            let limit = policy.limit(*id);
            writeln!(out, "{:width$}  {:16}  limit {} {}", "", "", limit.name, limit.rate)?;
        }
    }
    writeln!(out, "\n{name}: {} routes, {} limits, no error", policy.routes.len(), policy.limits.len())?;
    Ok(ExitCode::SUCCESS)
}
