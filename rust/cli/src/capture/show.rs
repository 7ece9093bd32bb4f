//! `crossfade capture show`: the exchanges of a capture, and what could not be read.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use crossfade_exchange::segment::Recovery;
use crossfade_exchange::{Exchange, Observation, Outcome};
use crossfade_shadow::import::rfc3339;
use crossfade_shadow::redact::shown;

use super::{Count, Size, json};
use crate::exit;

/// Arguments of `capture show`.
#[derive(Args)]
#[command(after_help = "\
One line per exchange: time, worker/sequence, method, target, route, stage, and what control and candidate did. Bytes that
could act on a terminal are escaped. Exit code 1: something of the capture could not be read.")]
pub struct Show {
    /// The capture, or one of its segments
    dir: PathBuf,
    /// Only this route; '' is what was passed through or imported
    #[arg(long)]
    route: Option<String>,
    /// Only this stage: off, shadow, canary, live, imported
    #[arg(long)]
    stage: Option<String>,
    /// Only where one of the sides did this
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Print at most so many; the rest is still read and counted
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// One JSON object per line, as `capture import --format jsonl` reads it; the last one has the recovery report
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    Accepted,
    Limited,
    Invalid,
    Outside,
    Raised,
    Unsupported,
    Failed,
}

pub fn run(arguments: &Show, out: &mut impl Write) -> io::Result<ExitCode> {
    let mut capture = match crossfade_shadow::capture::open(&arguments.dir) {
        Ok(capture) => capture,
        Err(error) => return exit::usage(&error),
    };
    let limit = arguments.limit.unwrap_or(u64::MAX);
    let (mut matching, mut unreadable) = (0, 0);
    for next in &mut capture {
        match next {
            Ok(exchange) if arguments.wants(&exchange) => {
                matching += 1;
                if matching > limit {
                    continue;
                }
                if arguments.json {
                    json::exchange(&exchange, out)?;
                } else {
                    line(&exchange, out)?;
                }
            }
            Ok(_) => {}
            Err(error) => {
                unreadable += 1;
                exit::complain(&format!("{error}; left out"));
            }
        }
    }
    let recovery = capture.recovery();
    if arguments.json {
        json::recovery(&recovery, out)?;
    } else {
        if matching > limit {
            writeln!(out, "… {} more", matching - limit)?;
        }
        report(&recovery, out)?;
    }
    Ok(if unreadable == 0 && recovery.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Show {
    fn wants(&self, exchange: &Exchange) -> bool {
        let did = |side: &Option<Observation>| side.as_ref().is_some_and(|side| status(side) == self.status);
        self.route.as_ref().is_none_or(|route| *route == exchange.route)
            && self.stage.as_ref().is_none_or(|stage| *stage == exchange.stage)
            && (self.status.is_none() || did(&exchange.control) || did(&exchange.candidate))
    }
}

fn status(side: &Observation) -> Option<Status> {
    if side.failed.is_some() {
        return Some(Status::Failed);
    }
    if side.unsupported.is_some() {
        return Some(Status::Unsupported);
    }
    if side.raised.is_some() {
        return Some(Status::Raised);
    }
    side.outcome.as_ref().map(|outcome| match outcome {
        Outcome::Accepted(_) => Status::Accepted,
        Outcome::Limited { .. } => Status::Limited,
        Outcome::Invalid { .. } => Status::Invalid,
        Outcome::Outside { .. } => Status::Outside,
    })
}

fn line(exchange: &Exchange, out: &mut impl Write) -> io::Result<()> {
    let request = &exchange.request;
    let method = if request.method.is_empty() { "–".to_owned() } else { shown(&request.method) };
    let mut target = request.raw_path.clone();
    if !request.query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(&request.query);
    }
    let target = if target.is_empty() { "–".to_owned() } else { shown(&target) };
    write!(
        out,
        "{}  {}/{}  {method} {target}  {}{}{}",
        rfc3339(exchange.received_at),
        exchange.worker,
        exchange.sequence,
        shown(exchange.route.as_bytes()),
        if exchange.route.is_empty() { "" } else { "  " },
        shown(exchange.stage.as_bytes()),
    )?;
    for (name, side) in [("control", &exchange.control), ("candidate", &exchange.candidate)] {
        if let Some(side) = side {
            let answers = if exchange.authoritative == name { "*" } else { "" };
            write!(out, "  {name}{answers} {}", did(side))?;
        }
    }
    writeln!(out)
}

/// What a side did, in a few words.
fn did(side: &Observation) -> String {
    let text = |text: &str| shown(text.as_bytes());
    if let Some(failed) = &side.failed {
        return format!("failed: {}", text(failed));
    }
    if let Some(why) = &side.unsupported {
        return format!("unsupported: {}", text(why));
    }
    if let Some(raised) = &side.raised {
        return format!("raised {}: {}", text(&raised.kind), text(&raised.message));
    }
    match &side.outcome {
        Some(Outcome::Accepted(forward)) => {
            let parts = [("path", &forward.path), ("query", &forward.query), ("body", &forward.body)];
            let changed: Vec<&str> = parts.iter().filter(|(_, part)| part.is_some()).map(|(name, _)| *name).collect();
            if changed.is_empty() {
                "accepted".to_owned()
            } else {
                format!("accepted, {} rewritten", changed.join(", "))
            }
        }
        Some(Outcome::Limited { limit, retry_after: Some(seconds) }) => {
            format!("limited by {}, retry after {seconds} s", text(limit))
        }
        Some(Outcome::Limited { limit, retry_after: None }) => format!("limited by {}", text(limit)),
        Some(Outcome::Invalid { code, field: Some(field) }) => format!("invalid: {} at {}", text(code), text(field)),
        Some(Outcome::Invalid { code, field: None }) => format!("invalid: {}", text(code)),
        Some(Outcome::Outside { status }) => format!("outside: {status}"),
        None => "says nothing".to_owned(),
    }
}

/// The recovery report in words.
fn report(recovery: &Recovery, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "\n{} in {} of {}",
        Count(recovery.exchanges, "exchange"),
        Count(recovery.blocks, "block"),
        Count(recovery.segments, "segment"),
    )?;
    if recovery.open_segments > 0 {
        write!(out, ", {} still open", recovery.open_segments)?;
    }
    if recovery.is_complete() {
        return writeln!(out, "; nothing lost");
    }
    writeln!(out)?;
    let mut lost = Vec::new();
    if recovery.exchanges_lost > 0 || recovery.losses_unknown == 0 {
        lost.push(Count(recovery.exchanges_lost, "exchange").to_string());
    }
    if recovery.losses_unknown > 0 {
        lost.push(format!("an unknown number in {}", Count(recovery.losses_unknown, "place")));
    }
    writeln!(
        out,
        "lost: {}; {} in {}",
        lost.join(" and "),
        Size(recovery.bytes_skipped),
        Count(recovery.blocks_lost, "damaged block"),
    )?;
    for (count, what) in [
        (recovery.torn_tails, "torn in its last block: its writer was killed, or the file was truncated"),
        (recovery.cut_off, "finished but without its end mark: the file was truncated or damaged at its end"),
        (recovery.headers_damaged, "with a damaged file header"),
    ] {
        if count > 0 {
            writeln!(out, "{} {what}", Count(count, "segment"))?;
        }
    }
    Ok(())
}
