//! Plots as SVG, made by us: no script, no font, nothing fetched. Every figure in a plot is in a table too.

use maud::{Markup, html};

use crate::latency::{Figures, show};
use crate::report::{Report, RouteReport, route_name};
use crate::verdict::Verdict;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 190.0;
const ROW: f64 = 26.0;

/// Narrowest a non-empty part of a bar may be: one mismatch among a million must be seen.
const MIN_PART: f64 = 3.0;

/// Verdicts as one bar for each route.
pub fn verdicts(report: &Report) -> Markup {
    let routes: Vec<&RouteReport> = report.routes.iter().filter(|route| route.exchanges > 0).collect();
    let height = ROW * routes.len() as f64;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="Verdicts by route; the table below has the figures" {
            @for (index, route) in routes.iter().enumerate() {
                @let top = ROW * index as f64;
                text x="0" y=(top + 17.0) { (label(route)) }
                @for (verdict, left, width) in parts(route) {
                    rect class=(verdict.name()) x=(px(LABELS + left)) y=(top + 4.0) width=(px(width)) height=(ROW - 8.0) {}
                }
            }
        }
        ul class="legend" {
            @for verdict in Verdict::ALL.into_iter().filter(|&verdict| report.totals.of(verdict) > 0) {
                li {
                    svg viewBox="0 0 10 10" aria-hidden="true" { rect class=(verdict.name()) width="10" height="10" {} }
                    (verdict.name().replace('_', " "))
                }
            }
        }
    }
}

/// The parts of one bar: what, where from, how wide.
fn parts(route: &RouteReport) -> Vec<(Verdict, f64, f64)> {
    let present: Vec<(Verdict, f64)> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict, route.verdicts.of(verdict) as f64))
        .filter(|(_, count)| *count > 0.0)
        .collect();
    let space = WIDTH - LABELS - MIN_PART * present.len() as f64;
    let mut left = 0.0;
    present
        .into_iter()
        .map(|(verdict, count)| {
            let width = MIN_PART + space * count / route.exchanges as f64;
            left += width;
            (verdict, left - width, width)
        })
        .collect()
}

/// Decision times of both sides on one logarithmic axis. `None` when nothing was measured.
pub fn latencies(report: &Report) -> Option<Markup> {
    let rows: Vec<(&RouteReport, &'static str, Figures)> = report
        .routes
        .iter()
        .flat_map(|route| {
            let sides = [("control", route.latency.control), ("candidate", route.latency.candidate)];
            sides.into_iter().filter_map(move |(side, figures)| Some((route, side, figures?)))
        })
        .collect();
    let shortest = rows.iter().map(|(_, _, figures)| figures.min).min()?;
    let longest = rows.iter().map(|(_, _, figures)| figures.max).max()?;
    let axis = Axis::over(shortest, longest);
    let height = ROW * rows.len() as f64 + 30.0;
    let bottom = height - 24.0;
    Some(html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
            aria-label="Decision time of both sides by route, logarithmic; the table below has the figures" {
            @for (at, name) in axis.ticks() {
                line class="grid" x1=(px(at)) x2=(px(at)) y1="0" y2=(bottom) {}
                text class="soft" x=(px(at)) y=(height - 8.0) text-anchor="middle" { (name) }
            }
            @for (index, (route, side, figures)) in rows.iter().enumerate() {
                @let middle = ROW * index as f64 + ROW / 2.0;
                @let first = index == 0 || rows[index - 1].0.route != route.route;
                @let at = |nanos| axis.at(nanos);
                @if first { text x="0" y=(middle + 4.0) { (label(route)) } }
                g class=(side) {
                    title { (route_name(&route.route)) ", " (side) ": p50 " (show(figures.p50)) ", p99 " (show(figures.p99))
                        ", p999 " (show(figures.p999)) ", max " (show(figures.max)) }
                    line x1=(px(at(figures.min))) x2=(px(at(figures.max))) y1=(middle) y2=(middle) stroke-width="1.5" {}
                    line x1=(px(at(figures.p50))) x2=(px(at(figures.p99))) y1=(middle) y2=(middle) stroke-width="7" {}
                    circle cx=(px(at(figures.p50))) cy=(middle) r="6" {}
                    line x1=(px(at(figures.p999))) x2=(px(at(figures.p999))) y1=(middle - 7.0) y2=(middle + 7.0) stroke-width="2" {}
                }
            }
        }
        ul class="legend" {
            @for side in ["control", "candidate"] {
                li { svg viewBox="0 0 10 10" aria-hidden="true" { circle class=(side) cx="5" cy="5" r="4" {} } (side) }
            }
            li { "dot p50, thick line to p99, tick p999, thin line shortest to longest" }
        }
    })
}

/// A logarithmic axis in nanoseconds, whole decades.
struct Axis {
    from: i32,
    to: i32,
}

impl Axis {
    fn over(shortest: u64, longest: u64) -> Self {
        let decade = |nanos: u64| (nanos.max(1) as f64).log10();
        let from = decade(shortest).floor() as i32;
        Self { from, to: (decade(longest).ceil() as i32).max(from + 1) }
    }

    fn at(&self, nanos: u64) -> f64 {
        let share = ((nanos.max(1) as f64).log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        // Room for half a label at the right end.
        LABELS + 8.0 + share * (WIDTH - LABELS - 40.0)
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        (self.from..=self.to)
            .map(|decade| {
                let nanos = 10_u64.pow(decade.unsigned_abs());
                let (number, unit) = match decade {
                    ..3 => (nanos, "ns"),
                    3..6 => (nanos / 1_000, "µs"),
                    6..9 => (nanos / 1_000_000, "ms"),
                    _ => (nanos / 1_000_000_000, "s"),
                };
                (self.at(nanos), format!("{number} {unit}"))
            })
            .collect()
    }
}

/// A route's name, cut to the room beside a plot.
fn label(route: &RouteReport) -> String {
    const ROOM: usize = 26;
    let name = route_name(&route.route);
    match name.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}
