//! The tables of the page. Each has a caption and names its rows and columns, so that it can be read without seeing it.

use maud::{Markup, html};

use crate::known::Standing;
use crate::latency::show;
use crate::report::{Group, Report, grouped, route_name};
use crate::verdict::Verdict;

/// A table with its caption, in a region that scrolls where it is too wide.
fn table(caption: &str, head: &[&str], rows: Markup) -> Markup {
    html! {
        div class="wide" role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}

fn number(number: u64) -> Markup {
    html! { td class="n" { (grouped(number)) } }
}

pub fn verdicts(report: &Report) -> Markup {
    let mut head = vec!["route", "exchanges"];
    let names = Verdict::ALL.map(|verdict| verdict.name().replace('_', " "));
    head.extend(names.iter().map(String::as_str));
    let cell = |verdict: Verdict, count: u64| {
        html! { td class={ "n" @if verdict.is_unexplained() && count > 0 { " bad" } } { (grouped(count)) } }
    };
    table(
        "Exchanges by route and verdict; every exchange is counted once",
        &head,
        html! {
            @for route in &report.routes {
                tr {
                    th scope="row" { (route_name(&route.route)) }
                    (number(route.exchanges))
                    @for verdict in Verdict::ALL { (cell(verdict, route.verdicts.of(verdict))) }
                }
            }
            tr {
                th scope="row" { "all" }
                (number(report.exchanges))
                @for verdict in Verdict::ALL { (cell(verdict, report.totals.of(verdict))) }
            }
        },
    )
}

pub fn mismatches(report: &Report) -> Markup {
    let place = |group: &Group| {
        html! {
            code { (group.place) }
            @if let Some(limit) = &group.limit { " (limit " (limit) ")" }
            @if let Some(known) = &group.not_explained_by {
                br;
                span class="soft" { (known.id) @if known.standing == Standing::OverBudget { " is over budget" } @else { " has expired" } }
            }
        }
    };
    let example = |group: &Group| {
        html! {
            "worker " (group.example.worker) ", sequence " (group.example.sequence)
            @if let Some(request) = &group.example.request { br; code { (request) } }
            @if let Some(offset) = group.example.offset { br; "from byte " (offset) }
            br;
            code { (group.reproduce) }
        }
    };
    html! {
        h2 { "What differs" }
        @if report.mismatches.is_empty() { p { "Nothing that is not explained." } } @else {
            (table(
                "Unexplained differences, most frequent first within a route; one example each",
                &["route", "where", "kind", "exchanges", "keys", "seen", "control", "candidate", "example"],
                html! {
                    @for group in &report.mismatches {
                        tr {
                            th scope="row" { (group.route) }
                            td { (place(group)) }
                            td { (group.kind.name()) }
                            (number(group.count))
                            (number(group.keys))
                            td { (group.first_seen) br; "to " (group.last_seen) }
                            td { code { (group.example.control) } }
                            td { code { (group.example.candidate) } }
                            td { (example(group)) }
                        }
                    }
                },
            ))
        }
    }
}

pub fn known(report: &Report) -> Markup {
    html! {
        @if !report.known.is_empty() {
            h2 { "Known differences" }
            (table(
                "Differences that somebody answers for",
                &["route", "id", "where", "explains", "budget", "standing", "until", "owner", "reason"],
                html! {
                    @for known in &report.known {
                        tr {
                            th scope="row" { (known.route) }
                            td { (known.id) }
                            td { code { (known.field) } }
                            (number(known.used))
                            (number(known.allowed))
                            @match known.standing {
                                Standing::Live => td { "live" }
                                Standing::Expired => td class="bad" { "expired: counts as mismatch" }
                                Standing::OverBudget => td class="bad" { "over budget: counts as mismatch" }
                            }
                            td { (known.expires) }
                            td { (known.owner) }
                            td { (known.reason) }
                        }
                    }
                },
            ))
        }
    }
}

pub fn latency(report: &Report) -> Markup {
    table(
        "Decision time by route and side",
        &["route", "side", "decisions", "p50", "p99", "p999", "longest"],
        html! {
            @for route in &report.routes {
                @for (side, figures) in [("control", route.latency.control), ("candidate", route.latency.candidate)] {
                    @if let Some(figures) = figures {
                        tr {
                            th scope="row" { (route_name(&route.route)) }
                            td { (side) }
                            (number(figures.count))
                            @for nanos in [figures.p50, figures.p99, figures.p999, figures.max] { td class="n" { (show(nanos)) } }
                        }
                    }
                }
            }
        },
    )
}

pub fn unjudged(report: &Report) -> Markup {
    let silent = |route: &crate::report::RouteReport| route.unreported.charges + route.unreported.retry_after > 0;
    html! {
        @if report.unjudged() > 0 || report.routes.iter().any(silent) {
            h2 { "What was not compared" }
            (table(
                "Exchanges and parts of exchanges that say nothing about the candidate, by route and reason",
                &["route", "what", "reason", "exchanges"],
                html! {
                    @for route in &report.routes {
                        @for (code, count) in &route.unsupported {
                            tr { th scope="row" { (route_name(&route.route)) } td { "unsupported" } td { code { (code) } } (number(*count)) }
                        }
                        @for (reason, count) in &route.not_judged {
                            tr { th scope="row" { (route_name(&route.route)) } td { "not judged" } td { (reason.phrase()) } (number(*count)) }
                        }
                        @for (part, count) in [("charges", route.unreported.charges), ("retry-after", route.unreported.retry_after)] {
                            @if count > 0 {
                                tr { th scope="row" { (route_name(&route.route)) } td { (part) } td { "not reported by a side" } (number(count)) }
                            }
                        }
                    }
                },
            ))
        }
    }
}

pub fn remarks(report: &Report) -> Markup {
    html! {
        @if report.routes.iter().any(|route| !route.remarks.is_empty()) {
            h2 { "What is not enforced yet" }
            (table(
                "What checks and rules would have done that are only observed, by route and code",
                &["route", "code", "times"],
                html! {
                    @for route in &report.routes {
                        @for (name, count) in &route.remarks {
                            tr { th scope="row" { (route_name(&route.route)) } td { code { (name) } } (number(*count)) }
                        }
                    }
                },
            ))
        }
    }
}

pub fn outcomes(report: &Report) -> Markup {
    html! {
        h2 { "Outcomes" }
        (table(
            "How often each side came to each kind of outcome",
            &["route", "outcome", "control", "candidate"],
            html! {
                @for route in &report.routes {
                    @let sides = &route.outcomes;
                    @let names: std::collections::BTreeSet<&String> = sides.control.keys().chain(sides.candidate.keys()).collect();
                    @for name in names {
                        tr {
                            th scope="row" { (route_name(&route.route)) }
                            td { code { (name) } }
                            (number(sides.control.get(name).copied().unwrap_or(0)))
                            (number(sides.candidate.get(name).copied().unwrap_or(0)))
                        }
                    }
                }
            },
        ))
    }
}

pub fn exercise(report: &Report) -> Markup {
    let row = |route: &str, name: &str, what: &str, count: u64| {
        html! {
            tr {
                th scope="row" { (route_name(route)) }
                td { code { (name) } }
                td { (what) }
                @if count == 0 { td class="n bad" { "never" } } @else { (number(count)) }
            }
        }
    };
    html! {
        h2 { "What the traffic exercised" }
        p { "A rule that changed no recorded value, or a limit that refused no request, was not tested by this traffic." }
        (table(
            "Recorded values that each rule changed, and requests that each limit refused",
            &["route", "rule or limit", "what", "times"],
            html! {
                @for route in &report.routes {
                    @for rule in &route.rules { (row(&route.route, &rule.place, &rule.operation, rule.exercised)) }
                    @for limit in &route.limits { (row(&route.route, &limit.limit, "limit, refusals", limit.refusals)) }
                }
            },
        ))
    }
}

pub fn subject(report: &Report) -> Markup {
    let row = |name: &str, value: &str| html! { tr { th scope="row" { (name) } td { code { (value) } } } };
    html! {
        h2 { "What was compared" }
        (table(
            "The subject of this report",
            &["what", "value"],
            html! {
                (row("build", &report.build))
                (row("control", report.control.as_deref().unwrap_or("none")))
                (row("control digest", report.control_digest.as_deref().unwrap_or("none")))
                @for route in report.routes.iter().filter(|route| !route.route.is_empty()) {
                    (row(&format!("policy of {}", route.route), &route.policy_digest))
                }
                (row("day", &report.today))
                (row("control workers", &report.workers.to_string()))
            },
        ))
    }
}
