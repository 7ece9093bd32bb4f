//! `crossfade status`: stage of every route, what the evidence says, what the gate still wants, who follows.

mod details;
mod json;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use crossfade_core::policy::Route;
use crossfade_exchange::stage::{Stage, Subject};
use crossfade_exchange::workers::Worker;
use crossfade_shadow::evidence::Counts;
use crossfade_shadow::gate::{Facts, Missing, Ruling, Time, Wait, clock};
use crossfade_shadow::report::grouped;
use crossfade_shadow::verdict::Verdict;

use crate::exit;
use crate::place::{Look, Place, no_route, short};

/// Columns of what the gate wants; longer texts go on below.
const WIDTH: usize = 72;

/// A sidecar that was seen so lately, in microseconds, is up: it writes every second.
const UP: u64 = 10_000_000;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Only this route, in full: what is missing, and each way in which the sides differ
    route: Option<String>,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// One route, looked at.
struct Shown<'a> {
    route: &'a Route,
    facts: Facts,
    /// The step that is next; `None`: there is none.
    to: Option<Stage>,
    ruling: Ruling,
}

/// Shows what there is. It needs neither a sidecar nor evidence nor workers.
pub fn status(arguments: Status, out: &mut impl Write) -> io::Result<ExitCode> {
    let policy = match arguments.place.policy() {
        Ok(policy) => policy,
        Err(error) => return exit::usage(&error),
    };
    if let Some(route) = &arguments.route
        && policy.route_named(route).is_none()
    {
        return exit::usage(&no_route(&policy, route));
    }
    let look = arguments.place.look(policy);
    let wanted = |route: &&Route| arguments.route.as_deref().is_none_or(|name| name == &*route.name);
    let shown: Vec<Shown<'_>> = look
        .policy
        .routes
        .iter()
        .filter(wanted)
        .map(|route| {
            let facts = look.facts(route);
            let to = look.thresholds(route).next(facts.stage);
            Shown { route, to, ruling: look.ruling(route, &facts), facts }
        })
        .collect();
    if arguments.json {
        json::write(&look, &shown, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    table(&shown, out)?;
    if let (Some(_), [only]) = (&arguments.route, shown.as_slice()) {
        details::show(&look, &arguments.place, only, out)?;
    }
    closing(&look, &shown, out)?;
    Ok(ExitCode::SUCCESS)
}

fn table(shown: &[Shown<'_>], out: &mut impl Write) -> io::Result<()> {
    let head = format!("evidence{}", common(shown));
    let rows: Vec<[String; 4]> = shown
        .iter()
        .map(|shown| {
            let fault = if shown.facts.fault.is_some() { " + fault" } else { "" };
            let stage = format!("{}{fault}", shown.facts.stage);
            [shown.route.name.to_string(), stage, evidence(&shown.facts), next(shown)]
        })
        .collect();
    let head = ["route".to_owned(), "stage".to_owned(), head, "next".to_owned()];
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1).max(10), width(2)];
    for [route, stage, evidence, next] in std::iter::once(&head).chain(&rows) {
        let start =
            format!("{route:w0$}  {stage:w1$}  {evidence:w2$}  ", w0 = widths[0], w1 = widths[1], w2 = widths[2]);
        for (index, line) in wrapped(next).iter().enumerate() {
            let start = if index == 0 { start.clone() } else { " ".repeat(start.chars().count()) };
            writeln!(out, "{start}{line}")?;
        }
    }
    Ok(())
}

/// The digests that all routes with evidence have in common.
fn common(shown: &[Shown<'_>]) -> String {
    let subjects: Vec<&Subject> = shown.iter().filter_map(|shown| shown.facts.subject.as_ref()).collect();
    let same = |of: fn(&Subject) -> &str| {
        let first = subjects.first().map(|subject| of(subject)).filter(|digest| !digest.is_empty())?;
        subjects.iter().all(|subject| of(subject) == first).then_some(first)
    };
    let digests = [
        ("build", same(|subject| &subject.build)),
        ("policy", same(|subject| &subject.policy)),
        ("control", same(|subject| &subject.control)),
    ];
    let said: Vec<String> =
        digests.iter().filter_map(|(name, digest)| Some(format!("{name} {}", short((*digest)?)))).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

/// Verdicts in few words: matches and mismatches always, the others where there are some.
fn evidence(facts: &Facts) -> String {
    if facts.subject.is_none() {
        return "–".to_owned();
    }
    let Counts { verdicts, losses, .. } = &facts.counts;
    let always = [Verdict::Match, Verdict::Mismatch];
    let mut said: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| always.contains(verdict) || verdicts.of(*verdict) > 0)
        .map(|verdict| format!("{} {}", grouped(verdicts.of(verdict)), verdict.name().replace('_', " ")))
        .collect();
    let lost: u64 = losses.values().sum();
    said.extend((lost > 0).then(|| format!("{} lost", grouped(lost))));
    said.join(" · ")
}

/// What comes next, and what is in its way.
fn next(shown: &Shown<'_>) -> String {
    match &shown.ruling {
        Ruling::Promote(stage) => format!("{stage}: ready"),
        Ruling::RollBack(cause) => format!("BACK to {}: {cause}", cause.to()),
        Ruling::Hold(missing) if missing.is_empty() => "– (the last stage)".to_owned(),
        Ruling::Hold(missing) => {
            let short: Vec<String> = missing.iter().map(Missing::short).collect();
            let wait = match Wait::all(missing) {
                Wait::Unknown => String::new(),
                wait => format!(" ({wait})"),
            };
            let to = shown.to.map_or_else(|| "watch".to_owned(), |to| format!("{to}: hold"));
            format!("{to} – {}{wait}", short.join(", "))
        }
    }
}

/// Lines of at most [`WIDTH`] characters, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

/// Who follows, whether the comparison sees, whether the sidecar is there; then whatever is the matter.
fn closing(look: &Look, shown: &[Shown<'_>], out: &mut impl Write) -> io::Result<()> {
    let mut said = vec![match &look.stage_trouble {
        Some(error) => error.to_string(),
        None => follow_line(&look.workers, look.stages.generation),
    }];
    said.extend(seeded(shown));
    said.push(sidecar(look));
    writeln!(out, "\n{}", said.join(" · "))?;
    if let Some(trouble) = &look.evidence_trouble {
        writeln!(out, "the evidence cannot be read: {trouble}")?;
    }
    if look.workers.iter().any(|worker| worker.errors > 0) {
        writeln!(out, "some workers met a policy or stage file that they could not use, and kept the last good one")?;
    }
    for (trouble, troubled) in troubles(&look.workers) {
        writeln!(out, "in {troubled} of {} workers: {trouble}", look.workers.len())?;
    }
    Ok(())
}

fn seeded(shown: &[Shown<'_>]) -> Option<String> {
    let compared: Vec<&Facts> =
        shown.iter().map(|shown| &shown.facts).filter(|facts| facts.subject.is_some()).collect();
    let names = |facts: &[&Facts]| facts.iter().map(|facts| &*facts.route).collect::<Vec<_>>().join(", ");
    let is = |test: fn(&Facts) -> bool| compared.iter().copied().filter(|facts| test(facts)).collect::<Vec<_>>();
    let blind = is(|facts| facts.counts.seeded.found < facts.counts.seeded.judged);
    let unseen = is(|facts| facts.counts.seeded.judged == 0);
    let red = is(|facts| facts.counts.mismatches > 0);
    let latest = compared.iter().max_by_key(|facts| facts.counts.seeded.first)?;
    Some(match () {
        () if !blind.is_empty() => format!("seeded fault NOT FOUND in {}: the comparison is blind", names(&blind)),
        () if !unseen.is_empty() => format!("seeded fault not seen yet in {}", names(&unseen)),
        () => {
            let since =
                if red.is_empty() { ", green since".to_owned() } else { format!(", mismatches in {}", names(&red)) };
            format!("seeded fault red {}{since}", clock(latest.counts.seeded.first, latest.now))
        }
    })
}

fn sidecar(look: &Look) -> String {
    let unseen = look.evidence.as_ref().filter(|evidence| evidence.written > 0);
    match unseen.map(|evidence| look.now.saturating_sub(evidence.written)) {
        None => "no sidecar has been here".to_owned(),
        Some(unseen) if unseen <= UP => "sidecar up".to_owned(),
        Some(unseen) => format!("sidecar last seen {} ago", Time(unseen as f64 / 1e6)),
    }
}

/// What is the matter in workers – with their store, with what they hold and pin – and in how many it is.
fn troubles(workers: &[Worker]) -> BTreeMap<String, usize> {
    let mut troubles = BTreeMap::new();
    for worker in workers {
        let held = worker.held.iter().map(|route| {
            format!("{route} is held at shadow: it runs another build, policy or control than the stage was set for")
        });
        let pinned = worker.pinned.iter().map(|(route, why)| format!("{route} is left to the control alone: {why}"));
        for trouble in worker.store.iter().cloned().chain(held).chain(pinned) {
            *troubles.entry(trouble).or_default() += 1;
        }
    }
    troubles
}

fn follow_line(workers: &[Worker], generation: u64) -> String {
    let following = workers.iter().filter(|worker| worker.generation == generation).count();
    match workers.len() {
        0 => format!("no worker is there to follow generation {generation}"),
        present => format!("{following} of {present} workers follow generation {generation}"),
    }
}
