//! Asks the rules for single values from outside: a JSON line in, a JSON line out.
//!
//! ```text
//! {"op": "decimal", "scale": 2, "kind": "string", "text": "1.005"}   →   {"answer": "literal", "text": "1.00"}
//! ```
//!
//! Instead of an operation, a question can hold a rule as a policy has it: `"rule": "decimal = { scale = 2, … }"`.
//!
//! With the argument `time` it prints nanoseconds per call for typical values instead; build it with `--release`.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use crossfade_core::Policy;
use crossfade_core::field::boolean::Words;
use crossfade_core::field::decimal::{Decimal, Rounding};
use crossfade_core::field::email::Email;
use crossfade_core::field::enumeration::Enumeration;
use crossfade_core::field::integer::Integer;
use crossfade_core::field::text::{Controls, Step, Text, Unassigned};
use crossfade_core::field::uuid::Uuid;
use crossfade_core::field::{Answer, Op, Scalar, timestamp};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("time") {
        time();
        return Ok(());
    }
    let (input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut out = String::new();
    for line in input.lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let text = question["text"].as_str().unwrap_or_default();
        let value = match question["kind"].as_str() {
            Some("string") => Scalar::String(text),
            Some("number") => Scalar::Number(text),
            Some("bool") => Scalar::Bool(text == "true"),
            _ => Scalar::Null,
        };
        out.clear();
        let answer = op(&question)?.apply(value, &mut out);
        let said = match answer {
            Answer::Same => json!({"answer": "same"}),
            Answer::String => json!({"answer": "string", "text": out}),
            Answer::Literal => json!({"answer": "literal", "text": out}),
            Answer::Kept(code) => json!({"answer": "kept", "code": code}),
            Answer::WrongType => json!({"answer": "wrong_type"}),
            Answer::Invalid(code) => json!({"answer": "invalid", "code": code}),
            Answer::Unsupported(code) => json!({"answer": "unsupported", "code": code}),
        };
        writeln!(output, "{said}")?;
        output.flush()?;
    }
    Ok(())
}

/// The operation of a rule as a policy has it.
fn of_rule(rule: &str) -> Result<Op, Box<dyn Error>> {
    let start = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n[route.json]\noutput = \"python\"\n";
    let policy = Policy::parse("rule", &format!("{start}[route.json.fields]\nv = {{ {rule} }}\n"))?;
    let fields = policy.routes.iter().filter_map(|route| route.json.as_ref()).flat_map(|json| &json.fields);
    Ok(fields.map(|field| field.op.clone()).next().ok_or("no rule")?)
}

fn op(question: &Value) -> Result<Op, Box<dyn Error>> {
    if let Some(rule) = question["rule"].as_str() {
        return of_rule(rule);
    }
    let number = |name: &str| question[name].as_u64();
    let small = |name: &str, default: u8| number(name).map_or(Ok(default), u8::try_from);
    Ok(match question["op"].as_str().ok_or("no op")? {
        "text" => Op::Text(text(question)?),
        "timestamp" => Op::Timestamp(timestamp::Instant {
            digits: small("digits", 3)?,
            assume_utc: question["assume_utc"].as_bool().unwrap_or(true),
            epoch: None,
        }),
        "uuid" => Op::Uuid(Uuid::default()),
        "email" => Op::Email(Email::default()),
        "integer" => Op::Integer(Integer::default()),
        "boolean" => Op::Boolean(Words::Forms),
        "decimal" => Op::Decimal(Decimal {
            scale: small("scale", 2)?,
            rounding: match question["rounding"].as_str() {
                None | Some("half_even") => Rounding::HalfEven,
                Some("half_up") => Rounding::HalfUp,
                Some(_) => Rounding::Reject,
            },
            as_string: question["as_string"].as_bool().unwrap_or(false),
            min: None,
            max: None,
        }),
        "enum" => {
            let names = question["names"].as_object().ok_or("no names")?;
            let mut names: Vec<(Box<str>, Box<str>)> = names
                .iter()
                .map(|(spelling, name)| (spelling.as_str().into(), name.as_str().unwrap_or_default().into()))
                .collect();
            names.sort();
            Op::Enum(Enumeration::new(names))
        }
        _ => return Err("unknown op".into()),
    })
}

fn text(question: &Value) -> Result<Text, Box<dyn Error>> {
    let bound = |name: &str| question[name].as_u64().map(usize::try_from).transpose();
    let steps = question["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let named = |step: &Value| Step::NAMES.iter().find(|(name, _)| Some(*name) == step.as_str());
    Ok(Text {
        steps: steps.iter().map(|step| named(step).map(|&(_, step)| step)).collect::<Option<_>>().ok_or("no step")?,
        max_bytes: bound("max_bytes")?,
        max_chars: bound("max_chars")?,
        min_chars: bound("min_chars")?,
        controls: match question["controls"].as_str() {
            None | Some("keep") => Controls::Keep,
            Some("strip") => Controls::Strip,
            Some("keep_tnl") => Controls::KeepTabsAndNewlines,
            Some(_) => Controls::Reject,
        },
        unassigned: match question["unassigned"].as_str() {
            None | Some("outside") => Unassigned::Outside,
            Some("keep") => Unassigned::Keep,
            Some(_) => Unassigned::Reject,
        },
    })
}

fn time() {
    let text = || Op::Text(Text { steps: vec![Step::Trim, Step::Nfc], max_chars: Some(500), ..Text::default() });
    let instant = || Op::Timestamp(timestamp::Instant { digits: 3, assume_utc: true, epoch: None });
    let decimal =
        || Op::Decimal(Decimal { scale: 2, rounding: Rounding::HalfEven, as_string: false, min: None, max: None });
    let names = ["closed", "open", "reopened"].map(|name| (name.into(), name.replace("re", "").into()));
    let open = || Op::Enum(Enumeration::new(names.to_vec()));
    let (uuid, email) = (|| Op::Uuid(Uuid::default()), || Op::Email(Email::default()));
    let (integer, boolean) = (|| Op::Integer(Integer::default()), || Op::Boolean(Words::Forms));
    let lorem = "The quick brown fox jumps over the lazy dog. ".repeat(20);
    let accents = "Zażółć gęślą jaźń. ".repeat(20);
    let marks = "e\u{301}a\u{300} ".repeat(20);
    let han = "漢字かな交じり文".repeat(20);
    let login = || {
        let steps = vec![Step::StripInvisible, Step::Nfkc, Step::Fold, Step::Nfkc, Step::Collapse, Step::Trim];
        Op::Text(Text { steps, max_bytes: Some(65_536), controls: Controls::Reject, ..Text::default() })
    };
    let typical: [(&str, Op, Scalar<'_>); 29] = [
        ("text, 18 B ASCII, same", text(), Scalar::String("A title of a thing")),
        ("text, 18 B ASCII, trimmed", text(), Scalar::String(" A title of a thing ")),
        ("text, 899 B ASCII, same", text(), Scalar::String(lorem.trim())),
        ("text, 539 B Latin, same", text(), Scalar::String(accents.trim())),
        ("text, 480 B Han and kana, same", text(), Scalar::String(&han)),
        ("text, 140 B decomposed, composed", text(), Scalar::String(&marks)),
        ("text, 18 B ASCII, folded", login(), Scalar::String("A title of a thing")),
        ("text, 899 B ASCII, folded", login(), Scalar::String(lorem.trim())),
        ("text, 539 B Latin, folded", login(), Scalar::String(accents.trim())),
        ("text, 480 B Han and kana, nfkc", login(), Scalar::String(&han)),
        ("timestamp, same", instant(), Scalar::String("2024-05-06T07:08:09.123Z")),
        ("timestamp, milliseconds added", instant(), Scalar::String("2024-05-06T07:08:09Z")),
        ("timestamp, offset", instant(), Scalar::String("2024-05-06T07:08:09.123456+02:00")),
        ("timestamp, none (now-15m)", instant(), Scalar::String("now-15m")),
        ("uuid, same", uuid(), Scalar::String("c0ffee00-1234-4abc-8def-0123456789ab")),
        ("uuid, upper case", uuid(), Scalar::String("C0FFEE00-1234-4ABC-8DEF-0123456789AB")),
        ("uuid, 32 digits", uuid(), Scalar::String("c0ffee0012344abc8def0123456789ab")),
        ("uuid, none", uuid(), Scalar::String("abc-def-ghi")),
        ("email, same", email(), Scalar::String("someone.else@example.com")),
        ("email, domain lowered", email(), Scalar::String("Someone.Else@Example.COM")),
        ("integer, number", integer(), Scalar::Number("1684765756")),
        ("integer, string", integer(), Scalar::String("1684765756")),
        ("boolean, same", boolean(), Scalar::Bool(true)),
        ("boolean, string", boolean(), Scalar::String("Yes")),
        ("decimal, same", decimal(), Scalar::Number("19.90")),
        ("decimal, rounded", decimal(), Scalar::Number("0.1000000000000000055")),
        ("decimal, string", decimal(), Scalar::String("1e3")),
        ("enum, same", open(), Scalar::String("open")),
        ("enum, alias", open(), Scalar::String("Reopened")),
    ];
    const CALLS: u32 = 1_000;
    let mut out = String::with_capacity(4096);
    for (what, op, value) in typical {
        let mut best = f64::INFINITY;
        for _ in 0..500 {
            let started = Instant::now();
            for _ in 0..CALLS {
                out.clear();
                std::hint::black_box(std::hint::black_box(&op).apply(std::hint::black_box(value), &mut out));
            }
            best = best.min(started.elapsed().as_nanos() as f64 / f64::from(CALLS));
        }
        println!("{best:8.1} ns  {what}");
    }
}
