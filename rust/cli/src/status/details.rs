//! One route in full: who has set it, what is missing, and each way in which the sides differ.

use std::cmp::Reverse;
use std::io::{self, Write};

use crossfade_exchange::stage::Stage;
use crossfade_shadow::evidence::Group;
use crossfade_shadow::gate::{Facts, Ruling, Thresholds, clock, kind_words};
use crossfade_shadow::known;
use crossfade_shadow::latency;
use crossfade_shadow::report::grouped;

use super::Shown;
use crate::ledger::plain;
use crate::place::{Look, Place, short};
use crate::promote;

/// Folder of the sidecar's captures below the state directory.
const CAPTURES: &str = "captures";

/// The groups of a route that are shown, most frequent first; `--json` has all.
const GROUPS: usize = 10;

/// Mismatches of the subject, or of all subjects where none is compared, most frequent first.
pub fn groups<'a>(look: &'a Look, facts: &Facts) -> Vec<&'a Group> {
    let groups = look.evidence.iter().flat_map(|evidence| evidence.groups.values());
    let subject = facts.subject.as_ref();
    let mut groups: Vec<&Group> = groups
        .filter(|group| group.route == facts.route && subject.is_none_or(|subject| *subject == group.subject))
        .collect();
    groups.sort_by_key(|group| (Reverse(group.count), &group.place));
    groups
}

/// Prints one route.
pub fn show(look: &Look, place: &Place, shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
    set_by(look, shown, out)?;
    figures(shown, &look.thresholds(shown.route), out)?;
    if let Ruling::Hold(missing) = &shown.ruling
        && !missing.is_empty()
    {
        writeln!(out, "\nmissing")?;
        promote::lines(&shown.facts.route, missing, out)?;
    }
    differences(look, place, &shown.facts, out)
}

fn set_by(look: &Look, shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
    let Some(row) = look.row(shown.route) else { return Ok(()) };
    let proven = match &row.evidence {
        Some(evidence) => format!("evidence {}", short(evidence)),
        None => "without proof".to_owned(),
    };
    let text = format!("set by {} at {}: {} ({proven})", row.who, clock(row.at, look.now), row.why);
    writeln!(out, "\n{}", plain(&text))?;
    if let Some(cause) = &row.rolled_back {
        writeln!(out, "ROLLED BACK: {}", plain(cause))?;
    }
    if row.stage > Stage::Shadow {
        let (build, policy) = (short(&row.subject.build), short(&row.subject.policy));
        writeln!(
            out,
            "set for build {build}, policy {policy}, control {}",
            match short(&row.subject.control) {
                "" => "any",
                control => control,
            }
        )?;
    }
    if !shown.facts.accepted.is_empty() {
        writeln!(out, "accepted although few were compared: {}", plain(&shown.facts.accepted.join(", ")))?;
    }
    Ok(())
}

fn figures(shown: &Shown<'_>, thresholds: &Thresholds, out: &mut impl Write) -> io::Result<()> {
    let Shown { facts, route, .. } = shown;
    if facts.subject.is_none() {
        return Ok(());
    }
    let counts = &facts.counts;
    let below = thresholds.test.below();
    writeln!(
        out,
        "{} comparisons of {} keys count, for mismatch_below = {below:e}; {} requests, {} left out by the sample",
        grouped(counts.comparisons),
        grouped(facts.keys),
        grouped(counts.requests),
        grouped(counts.sampled_out)
    )?;
    let kinds: Vec<String> =
        facts.kinds.iter().map(|(kind, count)| format!("{} {}", grouped(*count), kind_words(kind))).collect();
    writeln!(out, "outcomes: {}", plain(&kinds.join(" · ")))?;
    for (name, times) in [("control", &counts.control), ("candidate", &counts.candidate), ("seam", &counts.seam)] {
        if times.count() > 0 {
            writeln!(out, "{name:9}  p50 {}  p99 {}", latency::show(times.at(0.5)), latency::show(times.at(0.99)))?;
        }
    }
    for (id, explained) in &counts.known {
        if let Some(known) = route.known_differences.iter().find(|known| *known.id == **id) {
            let budget = known::allowed(known, counts.verdicts.judged());
            writeln!(
                out,
                "known {id}: {} (budget {}), {}, until {}",
                grouped(*explained),
                grouped(budget),
                plain(&known.owner),
                known.expires
            )?;
        }
    }
    Ok(())
}

fn differences(look: &Look, place: &Place, facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    let groups = groups(look, facts);
    for group in groups.iter().take(GROUPS) {
        let limit = if group.limit.is_empty() { String::new() } else { format!(" of {}", group.limit) };
        let own = if group.taught { "" } else { ", by each side's own counts" };
        let (first, last) = (clock(group.first_seen, look.now), clock(group.last_seen, look.now));
        let head = format!(
            "{}{limit}: {} ({}{own})  {} times, {} keys at least, {first} to {last}",
            group.place,
            group.kind,
            group.stage,
            grouped(group.count),
            grouped(group.keys)
        );
        writeln!(out, "\n{}", plain(&head))?;
        let example = &group.example;
        writeln!(out, "  control    {}", plain(&example.control))?;
        writeln!(out, "  candidate  {}", plain(&example.candidate))?;
        let mut found =
            vec![format!("worker {}/{}", example.worker, example.sequence), clock(example.received_at, look.now)];
        for (name, id) in [("request", &example.request_id), ("trace", &example.trace_id)] {
            found.extend((!id.is_empty()).then(|| format!("{name} {id}")));
        }
        writeln!(out, "  example    {}", plain(&found.join(", ")))?;
    }
    if groups.len() > GROUPS {
        writeln!(out, "\n{} more ways to differ: --json has all", groups.len() - GROUPS)?;
    }
    let captures = look.state.join(CAPTURES);
    if !groups.is_empty() && captures.is_dir() {
        let (captures, policy) = (captures.display(), place.policy.display());
        writeln!(out, "\nreproduce: crossfade replay {captures} --policy {policy} --only {} --control …", facts.route)?;
    }
    Ok(())
}
