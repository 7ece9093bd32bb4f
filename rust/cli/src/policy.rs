//! `crossfade policy`.

mod explain;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crossfade_core::Policy;
use crossfade_core::limit::{Cost, Limit};
use crossfade_core::policy::{Bound, Route};
use crossfade_shadow::report::grouped;

use crate::exit;

/// Commands about the policy file.
#[derive(Subcommand)]
pub enum Command {
    /// Print routes and digests, or every error with file, line and rule
    Check(Check),
    /// Print what each operation makes of one request, or which operations there are
    Explain(explain::Explain),
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
        Command::Explain(arguments) => explain::explain(&arguments, out),
    }
}

/// The policy in a file, or the exit code after everything that is wrong with it was said.
fn read(file: &Path) -> io::Result<Result<Policy, ExitCode>> {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return exit::usage(&format!("{name}: {error}")).map(Err),
    };
    match Policy::parse(&name, &text) {
        Ok(policy) => Ok(Ok(policy)),
        Err(errors) => {
            // Errors are what this command is asked for, each on lines of its own that editors can follow.
            writeln!(io::stderr(), "{errors}")?;
            let count = errors.errors.len();
            exit::usage(&format!("{name}: {count} error{}", if count == 1 { "" } else { "s" })).map(Err)
        }
    }
}

fn check(arguments: &Check, out: &mut impl Write) -> io::Result<ExitCode> {
    let name = arguments.file.display();
    let policy = match read(&arguments.file)? {
        Ok(policy) => policy,
        Err(code) => return Ok(code),
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
            writeln!(out, "{:width$}  {:16}  limit {} {}{}", "", "", limit.name, limit.rate, cost(limit))?;
        }
        writeln!(out, "{:width$}  {:16}  {}", "", "", bounds(route))?;
        let recommended = route.recommended();
        if !recommended.is_empty() {
            let keys: Vec<_> = recommended.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
            writeln!(out, "{:width$}  {:16}  recommended, not enforced: {}", "", "", keys.join(" · "))?;
        }
    }
    let scope = policy.store.scope();
    writeln!(out, "\nstore {}: scope {}, a key has {}", policy.store, scope.name(), scope.counters())?;
    writeln!(out, "{name}: {} routes, {} limits, no error", policy.routes.len(), policy.limits.len())?;
    Ok(ExitCode::SUCCESS)
}

/// What a hit costs, where that is not 1.
fn cost(limit: &Limit) -> String {
    match &limit.cost {
        Cost::Fixed(1) => String::new(),
        Cost::Fixed(cost) => format!(", {cost} each"),
        Cost::Given(name) => format!(", given:{name} each"),
    }
}

/// The most bytes of each part, as the structural limits bound them.
fn bounds(route: &Route) -> String {
    let part = |bound: Bound| match bound {
        Bound { part, taken: Some(taken), forwarded: Some(forwarded) } if taken == forwarded => {
            format!("{part} {} bytes", grouped(taken as u64))
        }
        Bound { part, taken: Some(taken), forwarded: Some(forwarded) } => {
            format!("{part} {} bytes, {} when written", grouped(taken as u64), grouped(forwarded as u64))
        }
        Bound { part, .. } => format!("{part} not bounded"),
    };
    format!("at most {}", route.bounds().map(part).join(" · "))
}
