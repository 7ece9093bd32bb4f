//! `crossfade capture import`: recorded traffic, as a capture.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use crossfade_exchange::Exchange;
use crossfade_exchange::segment::{Sealing, Writer, seal};
use crossfade_shadow::import::{self, Bad, Importer};

use super::{Count, Instant, Size};
use crate::exit;

/// A segment is finished at this size, so that no step of the import needs much room.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Bad records that are printed; the rest is counted. A file of the wrong format has one per line.
const PRINTED: u64 = 20;

/// Worker of imported traffic.
const WORKER: u64 = 0;

/// Arguments of `capture import`.
#[derive(Args)]
#[command(after_help = "\
A bad record is reported with its place and left out, everything else is written. More than --max-bad of them give exit
code 1.

A JSON line is {\"t\": \"2026-01-31T12:00:00.5Z\" or microseconds since the epoch, \"method\": \"POST\", \"target\": \"/a?b=c\" or
\"url\": \"https://…\", \"headers\": [[\"name\", \"value\"]], \"client\": \"192.0.2.1\", \"body\": text or null, \"body_b64\": base64}.")]
pub struct Import {
    /// How the traffic is recorded: access log lines, HTTP Archive, JSON lines
    #[arg(long, value_enum)]
    format: Format,
    /// Files, in this order; `-` is stdin
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The capture; made, or added to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Move all times so that the first record is at this one: 2026-01-31T12:00:00Z, or microseconds since the epoch
    #[arg(long, value_name = "TIME")]
    start: Option<Instant>,
    /// Bad records that are no reason for exit code 1
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_bad: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Combined,
    Har,
    Jsonl,
}

pub fn run(arguments: &Import, out: &mut impl Write) -> io::Result<ExitCode> {
    let mut inputs = Vec::new();
    for path in &arguments.inputs {
        match open(path) {
            Ok(input) if path == Path::new("-") => inputs.push(("stdin".to_owned(), input)),
            Ok(input) => inputs.push((path.display().to_string(), input)),
            Err(error) => return exit::usage(&format!("{}: {error}", path.display())),
        }
    }
    let format = match arguments.format {
        Format::Combined => import::Format::Combined,
        Format::Har => import::Format::Har,
        Format::Jsonl => import::Format::JsonLines,
    };
    let epoch = now();
    let mut importer = Importer::new(format, epoch, arguments.start.map(|start| start.0));
    let mut store = Store::new(&arguments.output, epoch);
    let mut bad = 0;
    let read = inputs.into_iter().try_for_each(|(name, input)| {
        importer.read(&name, input, &mut |record: Result<Exchange, Bad>| match record {
            Ok(exchange) => store.append(&exchange),
            Err(Bad { place, reason }) => {
                bad += 1;
                if bad <= PRINTED {
                    exit::complain(&format!("{place}: {reason}; left out"));
                }
                Ok(())
            }
        })
    });
    // What was good so far stays, whatever ended it.
    let finished = store.finish();
    if bad > PRINTED {
        exit::complain(&format!("and {} more left out", Count(bad - PRINTED, "bad record")));
    }
    if let Err(error) = read.and(finished) {
        return exit::failed(&error);
    }
    writeln!(
        out,
        "{} imported into {}: {}, {} on disk, {} uncompressed",
        Count(store.exchanges, "exchange"),
        arguments.output.display(),
        Count(store.segments, "segment"),
        Size(store.after),
        Size(store.before),
    )?;
    if bad > arguments.max_bad {
        let message = format!("{}, at most {} allowed (--max-bad)", Count(bad, "bad record"), arguments.max_bad);
        return exit::failed(&message);
    }
    if bad > 0 {
        writeln!(out, "{} left out", Count(bad, "bad record"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The segments that an import writes.
struct Store<'a> {
    directory: &'a Path,
    start: u64,
    writer: Option<Writer>,
    exchanges: u64,
    segments: u64,
    before: u64,
    after: u64,
}

impl<'a> Store<'a> {
    fn new(directory: &'a Path, start: u64) -> Self {
        Self { directory, start, writer: None, exchanges: 0, segments: 0, before: 0, after: 0 }
    }

    fn append(&mut self, exchange: &Exchange) -> io::Result<()> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.directory.display()));
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                // Names sort in the order of writing, whatever the clock does meanwhile.
                let start = self.start + self.segments;
                none.insert(Writer::create(self.directory, WORKER, start, crossfade_seam::BUILD).map_err(named)?)
            }
        };
        writer.append(exchange).map_err(named)?;
        self.exchanges += 1;
        if writer.bytes() >= SEGMENT_BYTES {
            self.finish()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let path = writer.seal()?;
        self.segments += 1;
        if let Sealing::Sealed { before, after } = seal(&path)? {
            self.before += before;
            self.after += after;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory, not a file"));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, File::open(path)?)))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
