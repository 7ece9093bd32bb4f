//! Normalises targets and addresses from standard input: what `tests/parity/test_target.py` holds against Python's own.
//!
//! A request is a letter – `p`ath, `q`uery with tracking names dropped, `s` for a query with nothing dropped, `c`lient –
//! a length (u32, little endian) and the bytes; for a client the peer, a line feed, and the lines of `X-Forwarded-For`,
//! each ended by one. The answer is a letter – `s`ame, `r`ewritten, `u`nsupported –, a length, and the new bytes or the
//! code. With the argument `--time` it says instead how many nanoseconds the answers to each letter took.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::time::Instant;

use crossfade_core::outcome::{Part, Stop};
use crossfade_core::rollout::{Checks, Remarks};
use crossfade_core::target::{path, query};
use crossfade_core::{Policy, Request, Scratch, client};

const POLICY: &str = r#"
version = 1
[client]
trusted_proxies = ["127.0.0.0/8", "::1/128"]
[[route]]
name = "blog.page"
match = "GET|HEAD /{path*}"
[route.target]
query = { drop = ["utm_*", "fbclid", "gclid"], sort = "pair", space = "+" }
[[route]]
name = "api"
match = "* /{path*}"
[route.target]
query = { sort = "pair", space = "+" }
"#;

fn main() -> io::Result<()> {
    let policy = Policy::parse("target_trace", POLICY).map_err(io::Error::other)?;
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let mut questions = Vec::new();
    let mut left = &input[..];
    while let Some((&letter, rest)) = left.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let split = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
        let (text, rest) = split.ok_or(io::ErrorKind::UnexpectedEof)?;
        questions.push((letter, text));
        left = rest;
    }
    let timing = std::env::args().any(|argument| argument == "--time");
    if timing { time(&policy, &questions) } else { judge(&policy, &questions) }
}

fn judge(policy: &Policy, questions: &[(u8, &[u8])]) -> io::Result<()> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut scratch = Scratch::new();
    for &(letter, text) in questions {
        let (kind, bytes) = match answer(policy, letter, text, &mut scratch) {
            Ok(Part::Same) => (b's', &[][..]),
            Ok(Part::Rewritten) if letter == b'p' => (b'r', &scratch.path[..]),
            Ok(Part::Rewritten) if letter == b'c' => (b'r', scratch.client.as_bytes()),
            Ok(Part::Rewritten) => (b'r', &scratch.query[..]),
            Err(Stop::Outside { why, .. }) => (b'u', why.as_bytes()),
            Err(Stop::Invalid(reason)) => (b'i', reason.code.as_bytes()),
        };
        output.write_all(&[kind])?;
        output.write_all(&(bytes.len() as u32).to_le_bytes())?;
        output.write_all(bytes)?;
    }
    output.flush()
}

/// The quickest of several rounds for each question, so that what else runs on the machine does not count.
fn time(policy: &Policy, questions: &[(u8, &[u8])]) -> io::Result<()> {
    const ROUNDS: u32 = 5;
    const REPEATS: u32 = 20;
    let mut scratch = Scratch::new();
    for letter in *b"pqsc" {
        let mut nanoseconds: Vec<u128> = Vec::new();
        for &(_, text) in questions.iter().filter(|(known, _)| *known == letter) {
            let rounds = (0..ROUNDS).map(|_| {
                let start = Instant::now();
                for _ in 0..REPEATS {
                    let _ = black_box(answer(policy, letter, black_box(text), &mut scratch));
                }
                start.elapsed().as_nanos() / u128::from(REPEATS)
            });
            nanoseconds.extend(rounds.min());
        }
        nanoseconds.sort_unstable();
        if let Some(p50) = nanoseconds.get(nanoseconds.len() / 2) {
            let (letter, p99) = (char::from(letter), nanoseconds[nanoseconds.len() * 99 / 100]);
            println!("{letter}: {} questions, p50 {p50} ns, p99 {p99} ns", nanoseconds.len());
        }
    }
    Ok(())
}

fn answer(policy: &Policy, letter: u8, text: &[u8], scratch: &mut Scratch) -> Result<Part, Stop> {
    let route = &policy.routes[usize::from(letter != b'q')];
    let target = route.target.as_ref().expect("both routes have a target");
    scratch.exercised.clear();
    let mut remarks = Remarks::default();
    let mut checks = Checks::new(&route.rollouts, &mut remarks);
    match letter {
        b'p' => path::normalize(target, text, &mut scratch.path, &mut scratch.exercised, &mut checks),
        b'c' => {
            let mut lines = text.split(|&b| b == b'\n');
            let peer = lines.next().and_then(|peer| std::str::from_utf8(peer).ok());
            let mut headers: Vec<(&[u8], &[u8])> = lines.map(|line| (&b"x-forwarded-for"[..], line)).collect();
            headers.pop();
            let request =
                Request { method: b"GET", raw_path: b"/", query: b"", headers: &headers, peer, body: b"", given: &[] };
            scratch.client.clear();
            client::address(&policy.client, &request, &mut scratch.client);
            Ok(Part::Rewritten)
        }
        _ => {
            let query = target.query.as_ref().expect("both routes have a query");
            let Scratch { query: out, pairs, exercised, .. } = scratch;
            query::normalize(query, text, out, pairs, exercised, &mut checks)
        }
    }
}
