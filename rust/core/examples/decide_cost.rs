//! What one call of `body::normalize` costs: `cargo run --profile release -p crossfade-core --example decide_cost`.
//!
//! An argument picks the lines that contain it; a second one sets the samples per line. Each sample is the mean of a batch of calls, so that reading the clock does not count; bodies are made here and
//! rules are those of a made-up order.

#[path = "../tests/json_support/mod.rs"]
mod json_support;

use std::hint::black_box;
use std::time::Instant;

use crossfade_core::field::Op;
use crossfade_core::field::decimal::{Decimal, Rounding};
use crossfade_core::field::enumeration::Enumeration;
use crossfade_core::field::text::{Step, Text};
use crossfade_core::field::timestamp;
use crossfade_core::policy::{FieldRule, Profile, Route};
use crossfade_core::{Scratch, body};
use json_support::{post, route, rule, with_rules};

/// Calls that share one reading of the clock.
const BATCH: u32 = 32;
/// Samples per line of the table.
const ROUNDS: usize = 20_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let filter = arguments.next().unwrap_or_default();
    let rounds = arguments.next().map_or(ROUNDS, |rounds| rounds.parse().expect("a number of samples"));
    println!("{:<46} {:>6} {:>9} {:>9} {:>9}", "ns per body::normalize", "bytes", "min", "p50", "p99");
    let order = order();
    let spaced = as_python_writes(&order);
    let webhook = webhook();
    let small = r#"{"id":17,"name":"Test-Create_a_monitor","tags":["env:prod","team:core"],"options":{"notify":true,"renotify":30,"note":null}}"#;
    for (name, body, route) in [
        ("1 KB compact, 8 rules, python", &*order, with_rules(route(Profile::Python), rules())),
        ("1 KB compact, 8 rules that do nothing, python", &order, with_rules(route(Profile::Python), idle_rules())),
        ("1 KB compact, 8 rules, compact", &order, with_rules(route(Profile::Compact), rules())),
        ("1 KB compact, no rule, python", &order, route(Profile::Python)),
        ("1 KB compact, no rule, compact (same)", &order, route(Profile::Compact)),
        ("1 KB as json.dumps, no rule, python (same)", &spaced, route(Profile::Python)),
        ("1 KB compact, no rule, original", &order, route(Profile::Original)),
        ("1 KB compact, no rule, sorted", &order, route(Profile::Sorted)),
        ("1 KB compact, no rule, jcs", &order, route(Profile::Jcs)),
        ("128 B compact, 8 rules, python", small, with_rules(route(Profile::Python), rules())),
        ("128 B compact, no rule, python", small, route(Profile::Python)),
        ("9 KB indented, 8 rules, python", &webhook, with_rules(route(Profile::Python), rules())),
        ("9 KB indented, no rule, python", &webhook, route(Profile::Python)),
        ("9 KB indented, no rule, original", &webhook, route(Profile::Original)),
        ("9 KB indented, no rule, sorted", &webhook, route(Profile::Sorted)),
    ] {
        if name.contains(&filter) {
            measure(name, &route, body, rounds);
        }
    }
}

fn measure(name: &str, route: &Route, body: &str, rounds: usize) {
    let request = post(body.as_bytes());
    let mut scratch = Scratch::new();
    let mut samples: Vec<u64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                scratch.exercised.clear();
                let _ = black_box(body::normalize(black_box(route), black_box(&request), &mut scratch));
            }
            start.elapsed().as_nanos() as u64 / u64::from(BATCH)
        })
        .collect();
    samples.sort_unstable();
    let [min, p50, p99] = [0, rounds / 2, rounds * 99 / 100].map(|at| samples[at]);
    println!("{name:<46} {:>6} {min:>9} {p50:>9} {p99:>9}", body.len());
}

fn rules() -> Vec<FieldRule> {
    let text = |max_chars| {
        Op::Text(Text { steps: vec![Step::Trim, Step::Nfc], max_chars: Some(max_chars), ..Text::default() })
    };
    let name = |name: &str| (name.into(), name.to_uppercase().into());
    let names = Enumeration::new(["eur", "gbp", "usd"].map(name).into());
    vec![
        rule("customer.name", text(500)),
        rule("customer.email", Op::Email(Default::default())),
        rule("created_at", Op::Timestamp(timestamp::Instant { digits: 3, assume_utc: true, epoch: None })),
        rule("id", Op::Uuid(Default::default())),
        rule("currency", Op::Enum(names)),
        rule(
            "items[*].price",
            Op::Decimal(Decimal { scale: 2, rounding: Rounding::HalfEven, as_string: false, min: None, max: None }),
        ),
        rule("items[*].quantity", Op::Integer(Default::default())),
        rule("gift", Op::Boolean(Default::default())),
    ]
}

/// The same places, to see what the operations themselves cost.
fn idle_rules() -> Vec<FieldRule> {
    rules().into_iter().map(|rule| FieldRule { op: Op::Nothing, ..rule }).collect()
}

/// 1 KB, 50 values.
fn order() -> String {
    let item = |sku: &str, price: &str, quantity: &str| {
        format!(
            r#"{{"sku":"{sku}","title":"Garden chair, foldable, oak","price":{price},"quantity":{quantity},"options":{{"color":"green","wrap":false}}}}"#
        )
    };
    let items = [item("CH-1001-G", "49.9", "2"), item("CH-1002-B", "1249.995", "\"1\""), item("CH-1003-R", "7", "12")]
        .join(",");
    format!(
        r#"{{"id":"6F9619FF-8B86-D011-B42D-00C04FC964FF","created_at":"2024-02-29T12:30:45.123456+02:00","currency":"eur","customer":{{"name":"  Ana María López ","email":"ana.lopez@Example.COM","phone":"+34 600 123 456","address":{{"street":"Calle de Alcalá 42","city":"Madrid","zip":"28014","country":"ES"}},"vip":true,"since":2019}},"items":[{items}],"gift":"yes","note":"Please ring twice.\nThe door at the back is open until 6 pm.","source":"web","discount":null,"total":1356.79,"shipping":{{"method":"standard","cost":4.90,"days":3}},"tags":["spring","outdoor","returning"]}}"#
    )
}

/// The same bytes that `json.dumps` gives for a compact body whose strings contain no separator.
fn as_python_writes(body: &str) -> String {
    let mut scratch = Scratch::new();
    let route = route(Profile::Python);
    let (_, bytes) = json_support::normalized(&route, body.as_bytes(), &mut scratch).expect("the body is JSON");
    String::from_utf8(bytes.to_vec()).expect("the body is text")
}

/// 9 KB, indented by two spaces, mostly URLs and flags, as code hosts send it.
fn webhook() -> String {
    let account = |indent: &str, login: &str| {
        let urls: String = [
            "followers",
            "following",
            "gists",
            "starred",
            "subscriptions",
            "orgs",
            "repos",
            "events",
            "received_events",
        ]
        .map(|url| format!("{indent}  \"{url}_url\": \"https://api.github.com/users/{login}/{url}\",\n"))
        .concat();
        format!(
            "{{\n{indent}  \"login\": \"{login}\",\n{indent}  \"id\": 21031067,\n{indent}  \"node_id\": \"MDQ6VXNlcjIxMDMxMDY3\",\n{urls}{indent}  \"type\": \"User\",\n{indent}  \"site_admin\": false\n{indent}}}"
        )
    };
    let comment = |n: usize| {
        format!(
            "    {{\n      \"id\": {},\n      \"created_at\": \"2019-05-15T15:20:33Z\",\n      \"body\": \"You are totally right! I'll get this fixed right away.\\r\\n\",\n      \"score\": 0.5,\n      \"draft\": null,\n      \"user\": {}\n    }}",
            492_700_400 + n,
            account("      ", "Codertocat")
        )
    };
    let comments = (0..7).map(comment).collect::<Vec<_>>().join(",\n");
    format!(
        "{{\n  \"action\": \"created\",\n  \"created_at\": \"2019-05-15T15:20:33Z\",\n  \"comments\": [\n{comments}\n  ],\n  \"sender\": {}\n}}",
        account("  ", "octocat")
    )
}
