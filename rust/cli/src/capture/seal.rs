//! `crossfade capture seal`: raw segments, compressed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crossfade_exchange::segment::{Sealing, list, seal};

use super::{Count, Size};
use crate::exit;

/// Arguments of `capture seal`.
#[derive(Args)]
pub struct Seal {
    /// The capture
    dir: PathBuf,
}

pub fn run(arguments: &Seal, out: &mut impl Write) -> io::Result<ExitCode> {
    let paths = match list(&arguments.dir) {
        Ok(paths) => paths,
        Err(error) => return exit::usage(&format!("{}: {error}", arguments.dir.display())),
    };
    let (mut sealed, mut already, mut busy, mut bad) = (0, 0, 0, 0);
    let (mut bytes_before, mut bytes_after) = (0, 0);
    for path in paths {
        match seal(&path) {
            Ok(Sealing::Sealed { before, after }) => {
                sealed += 1;
                bytes_before += before;
                bytes_after += after;
            }
            Ok(Sealing::Already) => already += 1,
            Ok(Sealing::Busy) => busy += 1,
            Ok(Sealing::Damaged(recovery)) => {
                bad += 1;
                exit::complain(&format!(
                    "{}: damaged ({} can be read); left as it is, `crossfade capture show` says what is lost",
                    path.display(),
                    Count(recovery.exchanges, "exchange"),
                ));
            }
            Err(error) => {
                bad += 1;
                exit::complain(&format!("{}: {error}; left as it is", path.display()));
            }
        }
    }
    writeln!(out, "{} sealed, {} to {}", Count(sealed, "segment"), Size(bytes_before), Size(bytes_after))?;
    if already > 0 {
        writeln!(out, "{} sealed before", Count(already, "segment"))?;
    }
    if busy > 0 {
        writeln!(out, "{} still being written, left alone", Count(busy, "segment"))?;
    }
    Ok(if bad > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
