//! The candidate alone over a small capture: the account, the redaction and the page.

mod support;

use std::collections::HashSet;

use crossfade_core::Timestamp;
use crossfade_core::limit::adaptive::Sample;
use crossfade_core::limit::{Charged, Hit, Limit, LimitCharge, Limiter, Window};
use crossfade_exchange::Exchange;
use crossfade_shadow::compare::{Kind, Value};
use crossfade_shadow::html;
use crossfade_shadow::known::Day;
use crossfade_shadow::redact::Redactor;
use crossfade_shadow::replay::{Names, Options, Progress, replay, replay_with};
use crossfade_shadow::report::{Report, Style, text};
use crossfade_shadow::verdict::{NotJudged, Verdict};
use proptest::prelude::*;
use support::{exchange, policy, request};

fn options(only: Option<&str>) -> Options {
    Options {
        control: None,
        workers: 2,
        only: only.map(str::to_owned),
        today: Day::parse("2026-11-22").expect("a day"),
        show_values: false,
        names: Names { capture: "captures".into(), ..Names::default() },
    }
}

fn report(exchanges: Vec<Exchange>, only: Option<&str>) -> Report {
    replay(&policy(), exchanges, &options(only), &Progress::default()).expect("the replay can be done")
}

/// Exchanges of every fate, the third of them out of order.
fn capture() -> Vec<Exchange> {
    let mut cut = exchange(40, request("POST", "/api/d", b""));
    cut.request.body = None;
    cut.request.body_bytes = 99;
    vec![
        exchange(10, request("POST", "/api/a", b"{}")),
        exchange(20, request("POST", "/api/b", b"{}")),
        exchange(60_000_105, request("POST", "/api/e", b"{}")),
        exchange(30, request("POST", "/api/c", b"{}")),
        cut,
        exchange(50, request("GET", "/elsewhere", b"")),
        exchange(55, request("POST", "/loose/a", b"{}")),
    ]
}

/// Every exchange is counted in one verdict, and each verdict that needs one has a reason.
#[test]
fn the_account_adds_up() {
    let report = report(capture(), None);
    assert_eq!(report.exchanges, 7);
    assert_eq!(report.totals.total(), 7);
    assert_eq!(report.totals.of(Verdict::NotJudged), 7);
    assert!(!report.proven);
    let [api, loose, nobody] = report.routes.as_slice() else { panic!("{:?}", report.routes) };
    assert_eq!(api.exchanges, 5);
    assert_eq!(api.not_judged[&NotJudged::NoControl], 4);
    assert_eq!(api.not_judged[&NotJudged::BodyNotKept], 1);
    assert_eq!(loose.not_judged[&NotJudged::NoControl], 1);
    assert_eq!(nobody.not_judged[&NotJudged::PassedThrough], 1);
}

/// The candidate runs in the order of time with the recorded clock: two a minute, whatever the order of the capture.
#[test]
fn time_is_the_recorded_time() {
    let report = report(capture(), None);
    let outcomes = &report.routes[0].outcomes.candidate;
    assert_eq!((outcomes["accepted"], outcomes["limited:per-client"]), (3, 1));
    assert_eq!((report.routes[0].limits[0].hits, report.routes[0].limits[0].refusals), (4, 1));
}

/// Each worker process counts in a memory of its own; imported traffic counts in one.
#[test]
fn each_worker_has_its_own_memory() {
    let refusals = |worker: u64, epochs: [u64; 3]| {
        let mut capture = Vec::new();
        for (index, epoch) in epochs.into_iter().enumerate() {
            let mut exchange = exchange(index as u64, request("POST", "/api/a", b"{}"));
            exchange.worker = worker;
            exchange.epoch = epoch;
            capture.push(exchange);
        }
        report(capture, None).routes[0].limits[0].refusals
    };
    assert_eq!(refusals(0, [1, 2, 3]), 1);
    assert_eq!(refusals(7, [1, 1, 1]), 1);
    assert_eq!(refusals(7, [1, 1, 2]), 0);
}

/// The report about one route counts that route only.
#[test]
fn only_one_route_is_counted() {
    let report = report(capture(), Some("loose"));
    assert_eq!((report.exchanges, report.routes.len()), (1, 1));
}

/// A limiter with a fault.
struct Panics;

impl Limiter for Panics {
    fn hit(&self, _: &Limit, key: &[u8], _: u64, _: Timestamp) -> Hit {
        panic!("no such key: {}", String::from_utf8_lossy(key));
    }

    fn hit_all(&self, charges: &[LimitCharge<'_>], now: Timestamp, _: &mut Vec<Hit>) -> Result<(), usize> {
        charges.iter().for_each(|charge| _ = self.hit(charge.limit, charge.key, charge.cost, now));
        Ok(())
    }

    fn test(&self, limit: &Limit, key: &[u8], cost: u64, now: Timestamp) -> bool {
        self.hit(limit, key, cost, now).admitted
    }

    fn peek(&self, limit: &Limit, key: &[u8], now: Timestamp) -> Window {
        let Hit { remaining, reset, .. } = self.hit(limit, key, 0, now);
        Window { remaining, reset }
    }

    fn settle(&self, limit: &Limit, key: &[u8], charged: Charged, _: u64, now: Timestamp) {
        self.hit(limit, key, charged.cost, now);
    }

    fn finish(&self, limit: &Limit, key: &[u8], cost: u64, _: Option<Sample>) {
        self.hit(limit, key, cost, Timestamp::default());
    }

    fn reset(&self, limit: &Limit, key: &[u8]) {
        self.hit(limit, key, 0, Timestamp::default());
    }
}

/// A candidate that panics fails those exchanges, is reported without the client's bytes in its message, and the others
/// go on.
#[test]
fn a_panic_is_a_verdict() {
    let report = replay_with(&policy(), capture(), &options(None), || Panics, &Progress::default()).expect("a report");
    assert_eq!((report.totals.of(Verdict::Failed), report.unexplained, report.exchanges), (4, 4, 7));
    let [group] = report.mismatches.as_slice() else { panic!("{:?}", report.mismatches) };
    assert_eq!((group.place.as_str(), group.kind, group.count), ("candidate", Kind::Failed, 4));
    assert!(!report.json().contains("10.0.0.1"));
}

/// Neither the page nor the text can be broken out of by names that came with the command line.
#[test]
fn names_are_escaped() {
    let mut options = options(None);
    options.names.capture = "<script>\"'&".into();
    options.names.losses = vec!["<img src=x onerror=alert(1)>".into()];
    let report = replay(&policy(), capture(), &options, &Progress::default()).expect("the replay can be done");
    let page = html::page(&report);
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(!text(&report, Style::Plain, None).contains('\x1b'));
}

/// The JSON output names its shape, and its totals are those of its routes.
#[test]
fn json_names_its_shape() {
    let json: serde_json::Value = serde_json::from_str(&report(capture(), None).json()).expect("JSON");
    assert_eq!(json["schema"], "crossfade.replay/1");
    let names: HashSet<&str> = json["totals"].as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["match", "mismatch", "known", "edge", "unsupported", "not_judged", "failed", "dropped"];
    assert_eq!(names, expected.into_iter().collect());
}

proptest! {
    /// A redacted value shows no run of four characters of the value; equal values look equal in one report only.
    #[test]
    fn redaction_shows_no_value(value in "[g-z]{4,40}") {
        let (one, two) = (Redactor::new(false), Redactor::new(false));
        let json = Value::Json(format!("\"{value}\"").into_bytes());
        let shown = one.value(&json);
        let rest = shown.strip_prefix("string ").expect("the type comes first");
        prop_assert!(!value.as_bytes().windows(4).any(|run| rest.as_bytes().windows(4).any(|other| other == run && other != b"byte" && other != b"ytes")));
        prop_assert_eq!(&shown, &one.value(&json));
        prop_assert_ne!(&shown, &two.value(&json));
        prop_assert_ne!(shown, one.value(&Value::Json(format!("\"{value}x\"").into_bytes())));
    }
}

/// The day of an instant, over leap years and centuries.
#[test]
fn days_are_civil_days() {
    for (seconds, day) in [
        (0, "1970-01-01"),
        (951_782_400, "2000-02-29"),
        (951_868_800, "2000-03-01"),
        (1_735_689_599, "2024-12-31"),
        (4_107_542_400, "2100-03-01"),
    ] {
        assert_eq!(Day::of_micros(seconds * 1_000_000).as_str(), day);
    }
    assert_eq!(Day::instant(1_735_689_599_000_007), "2024-12-31T23:59:59.000007Z");
    assert!(Day::parse("2024-1-01").is_none() && Day::parse("2024-13-01").is_none() && Day::parse("today").is_none());
}
