//! `crossfade capture`.

mod import;
mod json;
mod seal;
mod show;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Subcommand;
use crossfade_shadow::report::grouped;

/// Commands about captures.
#[derive(Subcommand)]
pub enum Command {
    /// Turn recorded traffic into a capture
    Import(import::Import),
    /// Print the exchanges of a capture, then what could not be read
    Show(show::Show),
    /// Compress the raw segments of a capture
    Seal(seal::Seal),
}

pub fn run(command: Command, out: &mut impl Write) -> io::Result<ExitCode> {
    match command {
        Command::Import(arguments) => import::run(&arguments, out),
        Command::Show(arguments) => show::run(&arguments, out),
        Command::Seal(arguments) => seal::run(&arguments, out),
    }
}

/// A time on the command line.
#[derive(Debug, Clone, Copy)]
struct Instant(u64);

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        crossfade_shadow::import::instant(text).map(Self)
    }
}

/// A size as people read it.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes < 10_000 => write!(f, "{bytes} bytes"),
            bytes if bytes < 1_000_000 => write!(f, "{:.1} kB", bytes as f64 / 1e3),
            bytes => write!(f, "{:.1} MB", bytes as f64 / 1e6),
        }
    }
}

/// A number with its noun: `1 line`, `2,000 lines`.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, noun) = self;
        write!(f, "{} {noun}{}", grouped(*number), if *number == 1 { "" } else { "s" })
    }
}
