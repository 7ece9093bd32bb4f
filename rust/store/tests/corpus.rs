//! The cases of tests/corpus, asked without Python: the documented answer, in bounded time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crossfade_core::{Outcome, Part, Policy, Request, Scratch, Timestamp, Unsupported, admit};
use crossfade_store::Memory;
use serde_json::{Value, json};

/// Generous: this is built without optimisation, and the machine is shared. A quadratic step takes minutes.
const MOST: Duration = Duration::from_secs(5);

#[test]
fn requests_that_hurt_somebody_get_the_documented_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut asked, mut wrong) = (0, Vec::new());
    for path in files {
        let theme: Value = serde_json::from_slice(&fs::read(&path).expect("a readable file")).expect("JSON");
        for case in list(&theme["cases"]) {
            let lines: Vec<&str> =
                list(&theme["policy"]).iter().chain(list(&case["more"])).filter_map(Value::as_str).collect();
            let began = Instant::now();
            let (request, answer) = (whole(&case["request"]), whole(&case["answer"]));
            if let Some(difference) = difference(&lines.join("\n"), &request, &answer) {
                wrong.push(format!("{}: {}: {difference}", path.display(), case["why"]));
            }
            assert!(began.elapsed() < MOST, "{}", case["why"]);
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn difference(policy: &str, request: &Value, wanted: &Value) -> Option<String> {
    let policy = match Policy::parse("corpus.toml", policy) {
        Ok(policy) => policy,
        Err(errors) => return Some(errors.to_string()),
    };
    let got = decide(&policy, request);
    let keys = ["outcome", "code", "field", "limit"].into_iter();
    let parts = ["path", "query", "headers", "body"].into_iter().filter(|_| wanted["outcome"] == "accepted");
    let mut wanted = wanted.clone();
    for part in parts.clone().filter(|part| wanted[part].is_null()).collect::<Vec<_>>() {
        wanted[part] = came(request, part);
    }
    let charges = ["charges"].into_iter().filter(|_| !wanted["charges"].is_null());
    let different: Vec<&str> = keys.chain(parts).chain(charges).filter(|key| got[key] != wanted[key]).collect();
    (!different.is_empty()).then(|| {
        let show = |value: &Value| value.to_string().chars().take(300).collect::<String>();
        different.iter().map(|key| format!("{key} is {}, not {}", show(&got[key]), show(&wanted[key]))).collect()
    })
}

fn decide(policy: &Policy, question: &Value) -> Value {
    let part = |name: &str| bytes(&came(question, name));
    let (path, query, body) = (part("path"), part("query"), part("body"));
    let headers: Vec<(Vec<u8>, Vec<u8>)> =
        list(&question["headers"]).iter().map(|header| (bytes(&header[0]), bytes(&header[1]))).collect();
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let method = question["method"].as_str().unwrap_or("GET").as_bytes();
    let request = Request {
        method,
        raw_path: &path,
        query: &query,
        headers: &headers,
        peer: question["peer"].as_str(),
        body: &body,
        given: &[],
    };
    let route = policy.route_of(method, &path).expect("the one route matches");
    let mut scratch = Scratch::new();
    let memory = Memory::new(1_000);
    let outcome = admit(policy, route, &memory, &request, Timestamp::from_micros(1_700_000_000_000_000), &mut scratch);
    let mut answer = match outcome {
        Ok(Outcome::Accepted(normalized)) => {
            let part = |name: &str, part: Part, rewritten: &[u8]| match part {
                Part::Same => came(question, name),
                Part::Rewritten => json!(latin(rewritten)),
            };
            json!({
                "outcome": "accepted",
                "path": part("path", normalized.path, &scratch.path),
                "query": part("query", normalized.query, &scratch.query),
                "headers": match normalized.headers {
                    Part::Same => came(question, "headers"),
                    Part::Rewritten => scratch.headers.iter().map(|(name, value)| json!([latin(name), latin(value)])).collect(),
                },
                "body": part("body", normalized.body, &scratch.body),
            })
        }
        Ok(Outcome::Limited { limit, .. }) => json!({ "outcome": "limited", "limit": policy.limit(limit).name }),
        Ok(Outcome::Invalid(reason)) => {
            let place = |rule: crossfade_core::policy::RuleId| &policy.route(route).rules[usize::from(rule.0)].place;
            json!({ "outcome": "invalid", "code": reason.code, "field": reason.rule.map(place) })
        }
        Err(Unsupported(code)) => json!({ "outcome": "unsupported", "code": code }),
    };
    answer["charges"] = scratch.charges().map(|c| json!([policy.limit(c.limit).name, latin(c.key), c.cost])).collect();
    answer
}

/// A part as the request has it.
fn came(question: &Value, part: &str) -> Value {
    match (&question[part], part) {
        (Value::Null, "path") => json!("/"),
        (Value::Null, "headers") => json!([]),
        (Value::Null, _) => json!(""),
        (value, _) => value.clone(),
    }
}

/// A value with its recipes written out: see tests/corpus/README.md.
fn whole(value: &Value) -> Value {
    match value {
        Value::Object(recipe) if recipe.contains_key("each") => {
            let (words, each) = (list(&recipe["words"]), text(&recipe["each"]));
            let mut sequences = vec![String::new()];
            for _ in 0..recipe["length"].as_u64().expect("a number") {
                sequences =
                    sequences.iter().flat_map(|s| words.iter().map(move |word| s.clone() + text(word))).collect();
            }
            framed(value, sequences.iter().map(|sequence| each.replace("{w}", sequence)).collect())
        }
        Value::Object(recipe) if recipe.contains_key("join") => {
            framed(value, (0..times(value)).map(|i| text(&recipe["repeat"]).replace("{i}", &i.to_string())).collect())
        }
        Value::Object(recipe) if recipe.contains_key("repeat") => {
            Value::Array(vec![recipe["repeat"].clone(); times(value)])
        }
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), whole(value))).collect(),
        Value::Array(items) => items.iter().map(whole).collect(),
        other => other.clone(),
    }
}

fn framed(recipe: &Value, pieces: Vec<String>) -> Value {
    json!(text(&recipe["begin"]).to_owned() + &pieces.join(text(&recipe["join"])) + text(&recipe["end"]))
}

fn times(recipe: &Value) -> usize {
    recipe["times"].as_u64().and_then(|times| usize::try_from(times).ok()).expect("a number")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The bytes that a text of Latin-1 stands for.
fn bytes(value: &Value) -> Vec<u8> {
    text(value).chars().map(|c| u8::try_from(c).expect("a byte")).collect()
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
