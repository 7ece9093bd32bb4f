//! The report as one page that needs nothing else: no script, no font, no request.
//!
//! Captured bytes are hostile. Everything goes through maud's escaping; the only text that does not is our own style.

mod plot;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::{Report, closing, grouped};

const STYLE: &str = include_str!("page.css");

/// What the page may load: nothing. Its own style is all it has.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page for a report.
pub fn page(report: &Report) -> String {
    let title = format!("crossfade replay of {}", report.capture);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p class="soft" { (subtitle(report)) }
                    p class={ "closing" @if !report.proven { " bad" } } { (closing(report)) }
                    @for loss in &report.losses { p class="bad" { "Lost: " (loss) } }
                    @if let Some(why) = &report.serial { p { "Run one exchange after the other: " (why) "." } }
                    (verdicts(report))
                    (tables::mismatches(report))
                    (tables::known(report))
                    (latency(report))
                    (tables::unjudged(report))
                    (tables::remarks(report))
                    (tables::outcomes(report))
                    (tables::exercise(report))
                    (tables::subject(report))
                }
            }
        }
    }
    .into_string()
}

fn subtitle(report: &Report) -> String {
    let exchanges = grouped(report.exchanges);
    let only = report.only.as_ref().map_or(String::new(), |only| format!(" of route {only}"));
    match &report.control {
        Some(control) => format!("{exchanges} exchanges{only}, policy {}, control {control}", report.policy),
        None => format!("{exchanges} exchanges{only}, policy {}, no control", report.policy),
    }
}

fn verdicts(report: &Report) -> Markup {
    html! {
        h2 { "Verdicts" }
        (plot::verdicts(report))
        (tables::verdicts(report))
    }
}

fn latency(report: &Report) -> Markup {
    html! {
        h2 { "Decision time" }
        @match plot::latencies(report) {
            Some(plot) => {
                (plot)
                (tables::latency(report))
            }
            None => p { "Nothing was measured." }
        }
    }
}
