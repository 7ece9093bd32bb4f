//! Exit codes: 0 done and proven, 1 could not do it, 2 usage or configuration, 3 not proven.
//!
//! Each function says on one line of stderr what happened, where, and what to do.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// 1: it could not be done, or not all of it.
pub fn failed(message: &(impl Display + ?Sized)) -> io::Result<ExitCode> {
    complain(message);
    Ok(ExitCode::from(1))
}

/// 2: the command line or a configuration file is wrong.
pub fn usage(message: &(impl Display + ?Sized)) -> io::Result<ExitCode> {
    complain(message);
    Ok(ExitCode::from(2))
}

/// Something to know that does not decide the exit code.
pub fn complain(message: &(impl Display + ?Sized)) {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(io::stderr(), "crossfade: {message}");
}
