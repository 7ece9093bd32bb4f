//! Exchanges as JSON lines, in the words that `capture import --format jsonl` reads.

use std::io::{self, Write};

use crossfade_exchange::segment::Recovery;
use crossfade_exchange::{Exchange, Observation, Outcome};
use crossfade_shadow::import::rfc3339;
use serde_json::{Map, Value, json};

/// One exchange on one line.
pub fn exchange(exchange: &Exchange, out: &mut impl Write) -> io::Result<()> {
    let request = &exchange.request;
    let mut target = request.raw_path.clone();
    if !request.query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(&request.query);
    }
    let headers: Vec<[Value; 2]> = request.headers.iter().map(|(name, value)| [text(name), text(value)]).collect();
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("t", exchange.received_at.into());
    put("time", rfc3339(exchange.received_at).into());
    put("route", exchange.route.as_str().into());
    put("worker", exchange.worker.into());
    put("epoch", exchange.epoch.into());
    put("sequence", exchange.sequence.into());
    put("stage", exchange.stage.as_str().into());
    put("authoritative", exchange.authoritative.as_str().into());
    put("method", text(&request.method));
    put("target", text(&target));
    put("headers", json!(headers));
    put("client", json!(request.peer));
    put("body", request.body.as_ref().map_or(Value::Null, |body| text(body)));
    put("body_bytes", request.body_bytes.into());
    put("given", json!(request.given));
    put("control", exchange.control.as_ref().map_or(Value::Null, observation));
    put("candidate", exchange.candidate.as_ref().map_or(Value::Null, observation));
    put("build", exchange.build.as_str().into());
    put("policy", exchange.policy.as_str().into());
    put("control_digest", exchange.control_digest.as_str().into());
    write_line(&Value::Object(line), out)
}

/// The recovery report, as the last line.
pub fn recovery(recovery: &Recovery, out: &mut impl Write) -> io::Result<()> {
    write_line(&json!({ "recovery": recovery, "complete": recovery.is_complete() }), out)
}

fn observation(side: &Observation) -> Value {
    let part = |part: &Option<_>| part.as_ref().map_or(Value::Null, |bytes: &serde_bytes::ByteBuf| text(bytes));
    let outcome = side.outcome.as_ref().map(|outcome| match outcome {
        Outcome::Accepted(forward) => json!({
            "accepted": { "path": part(&forward.path), "query": part(&forward.query), "body": part(&forward.body) }
        }),
        Outcome::Limited { limit, retry_after } => json!({ "limited": { "limit": limit, "retry_after": retry_after } }),
        Outcome::Invalid { code, field } => json!({ "invalid": { "code": code, "field": field } }),
        Outcome::Outside { status } => json!({ "outside": { "status": status } }),
    });
    let charges = side.charges.as_ref().map(|charges| {
        let one = |charge: &crossfade_exchange::Charge| {
            json!({ "limit": charge.limit, "key": text(&charge.key), "cost": charge.cost })
        };
        charges.iter().map(one).collect::<Vec<_>>()
    });
    json!({
        "outcome": outcome,
        "raised": side.raised.as_ref().map(|raised| json!({ "kind": raised.kind, "message": raised.message })),
        "unsupported": side.unsupported,
        "failed": side.failed,
        "charges": charges,
        "nanos": side.nanos,
    })
}

/// Text if the bytes are UTF-8, else `{"b64": …}`.
fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "b64": base64(bytes) }),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn write_line(value: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = value.to_string();
    // serde_json escapes C0. DEL and the invisible characters above are escaped here, for whoever looks at it.
    let mut rest = text.as_str();
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_invisible(c)) {
        write!(out, "{}\\u{:04x}", &rest[..at], u32::from(c))?;
        rest = &rest[at + c.len_utf8()..];
    }
    writeln!(out, "{rest}")
}

/// All of these lie below U+FFFF: one `\u` writes them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{7F}'..='\u{9F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}
