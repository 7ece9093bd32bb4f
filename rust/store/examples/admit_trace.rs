//! Decides requests with the real limiter and prints what was decided: for the parity tests.
//!
//! One request a line on standard input, as JSON; bytes are text whose characters are bytes (Latin-1):
//!
//! ```text
//! {"policy": TEXT, "method": "GET", "path": "/", "query": "", "headers": [["host", "a"]], "peer": "10.0.0.1",
//!  "body": "", "given": {"tenant": "t"}, "now": MICROSECONDS, "fresh": true}
//! ```
//!
//! `route` may name a route, which is then not looked for. Only `policy` has to be there; one that was sent before is not compiled again, and keeps its counts until a line says
//! `fresh`. One answer a line on standard output, at the latest after a line that says `"flush": true`: what is `None`,
//! empty or unchanged is left out.
//!
//! ```text
//! {"route": NAME, "outcome": "accepted" | "limited" | "invalid" | "unsupported", "path": …, "query": …, "headers": …,
//!  "body": …, "limit": NAME, "retry_after": SECONDS, "code": …, "field": PATH, "charges": [[LIMIT, KEY, COST], …],
//!  "limit_headers": [[NAME, VALUE], …], "remarks": [[CODE, PATH], …]}
//! {"route": null}              no route matches
//! {"policy_error": TEXT}       the policy does not compile
//! ```

use std::collections::HashMap;
use std::io::{BufWriter, Write, stdin, stdout};

use crossfade_core::limit::headers;
use crossfade_core::policy::RuleId;
use crossfade_core::{Outcome, Part, Policy, Request, Scratch, Timestamp, Unsupported, admit};
use crossfade_store::Memory;
use serde_json::{Map, Value, json};

/// More keys than any trace names for one policy.
const KEYS: usize = 100_000;

/// Policies that are kept compiled; a trace that names more begins anew.
const POLICIES: usize = 10_000;

type Error = Box<dyn std::error::Error>;

/// A policy and its counts, or why it is none.
type Compiled = Result<(Policy, Memory), String>;

fn main() -> Result<(), Error> {
    let mut policies: HashMap<String, Compiled> = HashMap::new();
    let mut scratch = Scratch::new();
    let mut out = BufWriter::new(stdout().lock());
    for line in stdin().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let text = question["policy"].as_str().ok_or("no policy")?;
        if policies.len() > POLICIES {
            policies.clear();
        }
        let compiled = policies.entry(text.to_owned()).or_insert_with(|| compile(text));
        let answer = match compiled {
            Err(error) => json!({ "policy_error": error }),
            Ok((policy, memory)) => {
                if question["fresh"] == true {
                    *memory = Memory::new(KEYS);
                }
                decide(policy, memory, &question, &mut scratch)?
            }
        };
        writeln!(out, "{answer}")?;
        // Whoever asks one question waits for its answer.
        if question["flush"] == true {
            out.flush()?;
        }
    }
    Ok(out.flush()?)
}

fn compile(text: &str) -> Compiled {
    match Policy::parse("policy.toml", text) {
        Ok(policy) => Ok((policy, Memory::new(KEYS))),
        Err(errors) => Err(errors.to_string()),
    }
}

fn decide(policy: &Policy, memory: &Memory, question: &Value, scratch: &mut Scratch) -> Result<Value, Error> {
    let part = |name: &str| bytes(&question[name]);
    let method = if question["method"].is_null() { b"GET".to_vec() } else { part("method")? };
    let path = if question["path"].is_null() { b"/".to_vec() } else { part("path")? };
    let (query, body) = (part("query")?, part("body")?);
    let headers: Vec<(Vec<u8>, Vec<u8>)> = array(&question["headers"])
        .iter()
        .map(|header| Ok((bytes(&header[0])?, bytes(&header[1])?)))
        .collect::<Result<_, Error>>()?;
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
    let nothing = Map::new();
    let given: Vec<(&str, &str)> = (question["given"].as_object().unwrap_or(&nothing).iter())
        .map(|(name, value)| Ok((name.as_str(), value.as_str().ok_or("a given value is a text")?)))
        .collect::<Result<_, Error>>()?;
    let request = Request {
        method: &method,
        raw_path: &path,
        query: &query,
        headers: &headers,
        peer: question["peer"].as_str(),
        body: &body,
        given: &given,
    };
    let named = question["route"].as_str();
    let found = named.map_or_else(|| policy.route_of(&method, &path), |name| policy.route_named(name));
    let Some(id) = found else { return Ok(json!({ "route": null })) };
    let now = Timestamp::from_micros(question["now"].as_u64().unwrap_or(0));
    let outcome = admit(policy, id, memory, &request, now, scratch);

    let route = policy.route(id);
    let place = |rule: Option<RuleId>| rule.map(|rule| route.rules[usize::from(rule.0)].place.to_string());
    let mut answer = Map::new();
    let mut say = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    say("route", json!(route.name));
    match outcome {
        Ok(Outcome::Accepted(normalized)) => {
            say("outcome", json!("accepted"));
            for (name, part, bytes) in [
                ("path", normalized.path, &scratch.path),
                ("query", normalized.query, &scratch.query),
                ("body", normalized.body, &scratch.body),
            ] {
                if part == Part::Rewritten {
                    say(name, json!(latin(bytes)));
                }
            }
            if normalized.headers == Part::Rewritten {
                let lines: Vec<[String; 2]> = scratch.headers.iter().map(|(n, v)| [latin(n), latin(v)]).collect();
                say("headers", json!(lines));
            }
        }
        Ok(Outcome::Limited { limit, retry_after }) => {
            say("outcome", json!("limited"));
            say("limit", json!(policy.limit(limit).name));
            say("retry_after", json!(retry_after));
        }
        Ok(Outcome::Invalid(reason)) => {
            say("outcome", json!("invalid"));
            say("code", json!(reason.code));
            if let Some(place) = place(reason.rule) {
                say("field", json!(place));
            }
        }
        Err(Unsupported(code)) => {
            say("outcome", json!("unsupported"));
            say("code", json!(code));
        }
    }
    let charges: Vec<Value> =
        scratch.charges().map(|c| json!([policy.limit(c.limit).name, latin(c.key), c.cost])).collect();
    if !charges.is_empty() {
        say("charges", Value::Array(charges));
    }
    if let Ok(outcome) = &outcome {
        let headers = headers::of(policy, route, outcome, scratch);
        if !headers.is_empty() {
            say("limit_headers", json!(headers));
        }
    }
    let remarks: Vec<Value> = scratch.remarks.iter().map(|r| json!([r.code, place(r.rule)])).collect();
    if !remarks.is_empty() {
        say("remarks", Value::Array(remarks));
    }
    Ok(Value::Object(answer))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The bytes that a text of Latin-1 stands for; null is none.
fn bytes(value: &Value) -> Result<Vec<u8>, Error> {
    let text = value.as_str().unwrap_or("");
    text.chars().map(|c| u8::try_from(c).map_err(|_| format!("no byte: {c:?}").into())).collect()
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
