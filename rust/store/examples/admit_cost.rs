//! Times decisions on requests from outside: for `tests/bench/linear.py`.
//!
//! A line of standard input is one request as `admit_trace` reads it, without limits and given values; a line of standard
//! output says what was decided and the nanoseconds that it took, the mean of the quickest of several batches of rounds.
//!
//! ```text
//! {"policy": TEXT, "method": …, "path": …, "query": …, "headers": …, "peer": …, "body": …}
//! {"said": "accepted" | CODE, "nanoseconds": N}
//! ```

use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::time::{Duration, Instant};

use crossfade_core::{Outcome, Policy, Request, Scratch, Timestamp, Unsupported, admit};
use crossfade_store::Memory;
use serde_json::{Value, json};

/// So many batches, each of this much time: long enough for the kernel to account for it, and one of them will be quiet.
const BATCHES: u32 = 3;
const TIME: Duration = Duration::from_millis(20);

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut out = stdout().lock();
    let mut scratch = Scratch::new();
    for line in stdin().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let policy = Policy::parse("policy.toml", question["policy"].as_str().ok_or("no policy")?);
        let policy = policy.map_err(|errors| errors.to_string())?;
        writeln!(out, "{}", timed(&policy, &question, &mut scratch)?)?;
        out.flush()?;
    }
    Ok(())
}

fn timed(policy: &Policy, question: &Value, scratch: &mut Scratch) -> Result<Value, Error> {
    let part = |name: &str| bytes(&question[name]);
    let (method, path, query, body) = (part("method")?, part("path")?, part("query")?, part("body")?);
    let listed = question["headers"].as_array().map_or(&[][..], Vec::as_slice);
    let headers: Vec<(Vec<u8>, Vec<u8>)> =
        listed.iter().map(|line| Ok((bytes(&line[0])?, bytes(&line[1])?))).collect::<Result<_, Error>>()?;
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
    let request = Request {
        method: &method,
        raw_path: &path,
        query: &query,
        headers: &headers,
        peer: question["peer"].as_str(),
        body: &body,
        given: &[],
    };
    let id = policy.route_of(&method, &path).ok_or("no route")?;
    let memory = Memory::new(1);
    let mut decide = || admit(policy, id, &memory, black_box(&request), Timestamp::from_micros(0), scratch);
    // The first one lets the scratch grow.
    let said = match decide() {
        Ok(Outcome::Accepted(_)) => "accepted",
        Ok(Outcome::Limited { .. }) => "limited",
        Ok(Outcome::Invalid(reason)) => reason.code,
        Err(Unsupported(code)) => code,
    };
    let mut quickest = f64::INFINITY;
    for _ in 0..BATCHES {
        let (start, begin, mut rounds) = (processor_time(), Instant::now(), 0);
        while rounds == 0 || begin.elapsed() < TIME {
            let _ = black_box(decide());
            rounds += 1;
        }
        let taken = match (start, processor_time()) {
            (Some(start), Some(end)) if end > start => (end - start) as f64,
            _ => begin.elapsed().as_nanos() as f64,
        };
        quickest = quickest.min(taken / f64::from(rounds));
    }
    Ok(json!({ "said": said, "nanoseconds": quickest.round() }))
}

/// Nanoseconds that this thread ran so far: what others take of a busy processor does not count. `None` but on Linux.
fn processor_time() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// The bytes that a text of Latin-1 stands for; null is none.
fn bytes(value: &Value) -> Result<Vec<u8>, Error> {
    let text = value.as_str().unwrap_or("");
    text.chars().map(|c| u8::try_from(c).map_err(|_| format!("no byte: {c:?}").into())).collect()
}
