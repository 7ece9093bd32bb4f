//! The report at a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Report, RouteReport, Sides, grouped, route_name};
use crate::known::Standing;
use crate::latency::{Figures, show};
use crate::verdict::Verdict;

/// How text is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Plain,
    /// With the colours of a terminal.
    Colour,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// Width of the first column of the lines below the table.
const LABEL: usize = 13;

/// The report as text. `page` is where the HTML report was written, if it was.
pub fn text(report: &Report, style: Style, page: Option<&str>) -> String {
    let mut out = String::new();
    table(&mut out, report, style);
    latencies(&mut out, report, style);
    mismatches(&mut out, report, style);
    notes(&mut out, report, style);
    out.push('\n');
    let closing = closing(report);
    out.push_str(&if report.proven { style.good(&closing) } else { style.bad(&closing) });
    if let Some(page) = page {
        let _ = write!(out, "\nreport: {page}");
    }
    out.push('\n');
    out
}

/// The one sentence that says what the replay came to.
pub fn closing(report: &Report) -> String {
    let [unjudged, unsupported] = [report.unjudged(), report.totals.of(Verdict::Unsupported)].map(grouped);
    let [judged, exchanges, unexplained] = [report.judged, report.exchanges, report.unexplained].map(grouped);
    let not_judged = grouped(report.totals.of(Verdict::NotJudged));
    let rest = match (report.unjudged(), report.totals.of(Verdict::Unsupported), report.totals.of(Verdict::NotJudged)) {
        (0, ..) => String::new(),
        (_, 0, _) => format!(" ({not_judged} not judged, listed)"),
        (_, _, 0) => format!(" ({unjudged} unsupported, listed)"),
        _ => format!(" ({unsupported} unsupported and {not_judged} not judged, listed)"),
    };
    if report.exchanges == 0 {
        "not proven: the capture holds no exchange".to_owned()
    } else if report.unexplained > 0 {
        let verb = if report.unexplained == 1 { "is" } else { "are" };
        format!("not proven: {unexplained} of {judged} judged exchanges {verb} unexplained{rest}")
    } else if report.judged > 0 {
        format!("proven for what was judged: nothing unexplained in {judged} of {exchanges} exchanges{rest}")
    } else if report.control.is_none() {
        format!(
            "not proven: nothing was judged: the candidate ran alone, --control gives it something to be held against{rest}"
        )
    } else {
        format!("not proven: nothing was judged{rest}")
    }
}

fn table(out: &mut String, report: &Report, style: Style) {
    let failed = report.totals.of(Verdict::Failed) > 0;
    let mut columns = vec![Verdict::Match, Verdict::Mismatch, Verdict::Known, Verdict::Unsupported, Verdict::NotJudged];
    if failed {
        columns.insert(2, Verdict::Failed);
    }
    let mut head = vec!["route".to_owned(), "exchanges".to_owned()];
    head.extend(columns.iter().map(|verdict| verdict.name().replace('_', " ")));
    head.extend(["control p50/p99".to_owned(), "candidate p50/p99".to_owned()]);
    let mut rows = vec![head];
    for route in &report.routes {
        let mut row = vec![route_name(&route.route).to_owned(), grouped(route.exchanges)];
        row.extend(columns.iter().map(|&verdict| grouped(route.verdicts.of(verdict))));
        row.extend([pair(&route.latency.control), pair(&route.latency.candidate)]);
        rows.push(row);
    }
    if report.routes.len() > 1 {
        let mut row = vec!["all".to_owned(), grouped(report.exchanges)];
        row.extend(columns.iter().map(|&verdict| grouped(report.totals.of(verdict))));
        row.extend([String::new(), String::new()]);
        rows.push(row);
    }
    let numbers = 1 + columns.len();
    let bad = |column: usize, cell: &str| {
        let verdict = column.checked_sub(2).and_then(|index| columns.get(index));
        verdict.is_some_and(|verdict| verdict.is_unexplained()) && cell != "0"
    };
    write_table(out, &rows, |column| (1..=numbers).contains(&column), bad, style);
}

fn pair(figures: &Option<Figures>) -> String {
    figures.map_or_else(|| "–".to_owned(), |f| format!("{} / {}", show(f.p50), show(f.p99)))
}

fn latencies(out: &mut String, report: &Report, style: Style) {
    let mut rows = vec![["decision time", "side", "p50", "p99", "p999", "max"].map(str::to_owned).to_vec()];
    for route in &report.routes {
        let Sides { control, candidate } = &route.latency;
        for (side, figures) in [("control", control), ("candidate", candidate)] {
            if let Some(f) = figures {
                let mut row = vec![route.route.clone(), side.to_owned()];
                row.extend([f.p50, f.p99, f.p999, f.max].map(show));
                rows.push(row);
            }
        }
    }
    if rows.len() > 1 {
        out.push('\n');
        write_table(out, &rows, |column| column > 1, |_, _| false, style);
    }
}

fn write_table(
    out: &mut String,
    rows: &[Vec<String>],
    right: impl Fn(usize) -> bool,
    bad: impl Fn(usize, &str) -> bool,
    style: Style,
) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let space = " ".repeat(widths[column] - cell.chars().count());
            let painted = match number {
                0 => style.strong(cell),
                _ if bad(column, cell) => style.bad(cell),
                _ => cell.clone(),
            };
            line.push_str(if column == 0 { "" } else { "  " });
            line.push_str(&if right(column) { space + &painted } else { painted + &space });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn mismatches(out: &mut String, report: &Report, style: Style) {
    for group in &report.mismatches {
        let limit = group.limit.as_ref().map_or(String::new(), |limit| format!(", limit {limit}"));
        let exchanges = if group.count == 1 { "exchange" } else { "exchanges" };
        let keys = if group.keys == 1 { "key" } else { "keys" };
        let headline = format!(
            "{} {} ({}{limit}): {} {exchanges} of {} {keys}",
            group.route,
            group.place,
            group.kind.name(),
            grouped(group.count),
            grouped(group.keys),
        );
        let _ = write!(out, "\n{}{headline}\n", style.bad(&format!("{:<LABEL$}", "mismatch")));
        let example = &group.example;
        let mut lines = vec![
            ("control", example.control.clone()),
            ("candidate", example.candidate.clone()),
            ("seen", format!("{} to {}", group.first_seen, group.last_seen)),
            ("example", format!("worker {}, sequence {}", example.worker, example.sequence)),
        ];
        if let Some(request) = &example.request {
            lines.push(("request", request.clone()));
        }
        if let Some(offset) = example.offset {
            lines.push(("differs at", format!("byte {offset} of the body")));
        }
        if let Some(known) = &group.not_explained_by {
            let why = match known.standing {
                Standing::OverBudget => "is over its budget",
                _ => "has expired",
            };
            lines.push(("known", format!("{} would explain it, but {why}", known.id)));
        }
        lines.push(("again", group.reproduce.clone()));
        for (label, line) in lines {
            let _ = writeln!(out, "{:LABEL$}{label:<11}{line}", "");
        }
    }
}

fn notes(out: &mut String, report: &Report, style: Style) {
    let mut lines: Vec<(&str, String)> = Vec::new();
    for known in &report.known {
        let state = match known.standing {
            Standing::Live => format!("until {}", known.expires),
            Standing::Expired => style.bad(&format!("expired {}: counts as mismatch", known.expires)),
            Standing::OverBudget => style.bad("over budget: counts as mismatch"),
        };
        let exchanges =
            report.routes.iter().find(|route| route.route == known.route).map_or(0, |route| route.exchanges);
        let [used, exchanges, allowed] = [known.used, exchanges, known.allowed].map(grouped);
        let budget = format!("{used} of {exchanges} (budget {allowed})");
        lines.push(("known", format!("{} {}  {budget}  {}, {state}", known.route, known.id, known.owner)));
    }
    for route in &report.routes {
        about_route(&mut lines, route);
    }
    for idle in &report.unexercised {
        let what = match idle.what {
            "route" => ": the capture holds no request of this route".to_owned(),
            "limit" => format!(" {}: this limit refused no request", idle.name),
            _ if idle.changed > 0 => format!(
                " {}: only {} recorded values were changed by this {} rule",
                idle.name, idle.changed, idle.operation
            ),
            _ => format!(" {}: no recorded value was changed by this {} rule", idle.name, idle.operation),
        };
        lines.push(("unexercised", format!("{}{what}", idle.route)));
    }
    if let Some(why) = &report.serial {
        lines.push(("one by one", format!("{why}, so each memory was run in one worker")));
    }
    lines.extend(report.losses.iter().map(|loss| ("lost", loss.clone())));
    if !lines.is_empty() {
        out.push('\n');
    }
    for (label, line) in lines {
        let _ = writeln!(out, "{label:<LABEL$}{line}");
    }
}

fn about_route(lines: &mut Vec<(&str, String)>, route: &RouteReport) {
    let name = route_name(&route.route);
    let Sides { control, candidate } = &route.outcomes;
    if control == candidate || control.is_empty() || candidate.is_empty() {
        let either = if control.is_empty() { candidate } else { control };
        if !either.is_empty() {
            lines.push(("outcomes", format!("{name}  {}", counts(either))));
        }
    } else {
        lines.push(("outcomes", format!("{name}  control: {}", counts(control))));
        lines.push(("outcomes", format!("{name}  candidate: {}", counts(candidate))));
    }
    if !route.unsupported.is_empty() {
        lines.push(("unsupported", format!("{name}  {}", counts(&route.unsupported))));
    }
    if route.above_cap {
        lines.push(("alarm", format!("{name}  more is unsupported than the route's cap allows")));
    }
    if !route.remarks.is_empty() {
        lines.push(("not enforced", format!("{name}  {}", counts(&route.remarks))));
    }
    for (reason, count) in &route.not_judged {
        lines.push(("not judged", format!("{name}  {}: {}", reason.phrase(), grouped(*count))));
    }
    for (part, count) in [("charges", route.unreported.charges), ("retry-after", route.unreported.retry_after)] {
        if count > 0 {
            lines.push(("not reported", format!("{name}  {part}, in {} exchanges", grouped(count))));
        }
    }
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let mut list: Vec<(&String, &u64)> = counts.iter().collect();
    list.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    list.iter().map(|(name, count)| format!("{name} {}", grouped(**count))).collect::<Vec<_>>().join(" · ")
}
