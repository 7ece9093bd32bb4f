//! `crossfade promote`: one step forward, if the gate says so.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use crossfade_core::policy::Route;
use crossfade_exchange::stage::{Stage, Subject};
use crossfade_exchange::stage_file::{self, Change};
use crossfade_shadow::gate::{Facts, Missing, Ruling, Wait};
use crossfade_shadow::report::grouped;

use crate::place::{Look, Place, no_route, short, user};
use crate::{exit, follow};

/// Arguments of `promote`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 promoted, 1 could not do it, 2 usage or configuration, 3 the gate holds; what is missing is printed.")]
pub struct Promote {
    /// The route
    route: String,
    /// Accept that too few outcomes of this kind were compared, e.g. limited:per-client. For this subject, by name, in the ledger
    #[arg(long, value_name = "KIND", requires = "why", conflicts_with = "rearm")]
    accept_uncovered: Vec<String>,
    /// Set a route that was rolled back on again, to shadow
    #[arg(long, requires = "why")]
    rearm: bool,
    /// Why: it goes into the ledger
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who [default: the user running this]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Promotes a route by one step, if nothing is missing. An acceptance is part of the promotion that it makes possible: where
/// something else is missing, nothing is written.
pub fn promote(arguments: Promote, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match arguments.place.policy() {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    if policy.route_named(&arguments.route).is_none() {
        return exit::usage(&no_route(&policy, &arguments.route));
    }
    let look = arguments.place.look(policy);
    let Some(id) = look.policy.route_named(&arguments.route) else { return Ok(ExitCode::FAILURE) };
    let route = look.policy.route(id);
    if let Some(trouble) = look.stage_trouble.as_ref().map(ToString::to_string).or(look.evidence_trouble.clone()) {
        return exit::failed(&trouble);
    }
    let mut facts = look.facts(route);
    if arguments.rearm {
        return rearm(arguments, &look, route, &facts, out);
    }
    if let Some(kind) = arguments.accept_uncovered.iter().find(|kind| !facts.kinds.contains_key(*kind)) {
        let seen: Vec<&str> = facts.kinds.keys().map(|kind| &**kind).collect();
        let seen = if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") };
        return exit::usage(&format!("no outcome of the kind {kind:?} was compared; compared was {seen}"));
    }
    facts.accepted.extend(arguments.accept_uncovered.iter().cloned());
    let stage = match look.ruling(route, &facts) {
        Ruling::Promote(stage) => stage,
        Ruling::Hold(missing) if missing.is_empty() => {
            return exit::failed(&format!("{} is {}, the last stage", route.name, facts.stage));
        }
        Ruling::Hold(missing) => return hold(&facts, &missing, out),
        Ruling::RollBack(cause) => {
            writeln!(out, "hold: {} has to go back to {}: {cause}", route.name, cause.to())?;
            return Ok(ExitCode::from(3));
        }
    };
    let (subject, evidence, why) = match &facts.subject {
        Some(subject) if facts.stage > Stage::Off => {
            let why = format!("the gate is satisfied: {} comparisons", facts.counts.comparisons);
            (subject.clone(), Some(facts.digest()), why)
        }
        _ => (own_subject(route), None, "shadow needs no proof".to_owned()),
    };
    let change = Change {
        route: arguments.route,
        stage,
        subject,
        who: arguments.who.unwrap_or_else(user),
        why: arguments.why.unwrap_or(why),
        evidence,
        accepted: arguments.accept_uncovered,
        ..Change::default()
    };
    write(change, &look, out)
}

/// Sets a route that was rolled back on again: to `shadow`, where a new stay begins.
fn rearm(arguments: Promote, look: &Look, route: &Route, facts: &Facts, out: &mut impl Write) -> io::Result<ExitCode> {
    if facts.rolled_back.is_none() {
        return exit::failed(&format!("{} was not rolled back: it is {}", route.name, facts.stage));
    }
    let change = Change {
        route: arguments.route,
        stage: Stage::Shadow,
        subject: own_subject(route),
        who: arguments.who.unwrap_or_else(user),
        why: arguments.why.unwrap_or_default(),
        ..Change::default()
    };
    write(change, look, out)
}

fn own_subject(route: &Route) -> Subject {
    let policy = route.digest.to_string();
    Subject { build: crossfade_seam::BUILD.to_owned(), policy, ..Subject::default() }
}

fn write(change: Change, look: &Look, out: &mut impl Write) -> io::Result<ExitCode> {
    let started = Instant::now();
    let (route, to, evidence) = (change.route.clone(), change.stage, change.evidence.clone());
    let written = match stage_file::write(&look.state, &[change], Some(look.stages.generation), look.now) {
        Ok(written) => written,
        Err(error) => return exit::failed(&error.to_string()),
    };
    let from = written.before.first().map_or(Stage::Off, |(_, from)| *from);
    let (followed, _) = follow::followed(&look.state, written.generation, started);
    let proven = match evidence {
        Some(evidence) => format!(", proven by evidence {}", short(&evidence)),
        None => String::new(),
    };
    writeln!(out, "{route}: {from} → {to}{proven}. {followed}")?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is missing, a line each.
fn hold(facts: &Facts, missing: &[Missing], out: &mut impl Write) -> io::Result<ExitCode> {
    let stays = match facts.stage {
        Stage::Off => "is off".to_owned(),
        stage => format!("stays in {stage}"),
    };
    writeln!(out, "hold: {} {stays}", facts.route)?;
    lines(&facts.route, missing, out)?;
    if facts.counts.comparisons > 0 {
        writeln!(out, "  so far {} comparisons of {} keys", grouped(facts.counts.comparisons), grouped(facts.keys))?;
    }
    Ok(ExitCode::from(3))
}

/// What is missing, a line each: what, when, and what can be done.
pub fn lines(route: &str, missing: &[Missing], out: &mut impl Write) -> io::Result<()> {
    let texts: Vec<String> = missing.iter().map(Missing::text).collect();
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    for (text, missing) in texts.iter().zip(missing) {
        let wait = Some(missing.wait).filter(|wait| *wait != Wait::Unknown).map(|wait| wait.to_string());
        let more: Vec<String> = wait.into_iter().chain(missing.advice(route)).collect();
        match more.is_empty() {
            true => writeln!(out, "  {text}")?,
            false => writeln!(out, "  {text:width$}    {}", more.join("; "))?,
        }
    }
    Ok(())
}
