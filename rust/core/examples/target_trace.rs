//! Normalises targets and addresses from standard input: what `tests/parity/test_target.py` holds against Python's own.
//!
//! A request is a letter – `p`ath, `q`uery with tracking names dropped, `s` for a query with nothing dropped, `c`lient –
//! a length (u32, little endian) and the bytes; for a client the peer, a line feed, and the lines of `X-Forwarded-For`,
//! each ended by one. The answer is a letter – `s`ame, `r`ewritten, `u`nsupported –, a length, and the new bytes or the
//! code. With the argument `--time` it says instead, at the end, how many nanoseconds an answer of each letter took.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crossfade_core::outcome::{Part, Stop};
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
    let mut output = io::BufWriter::new(io::stdout().lock());
    let timing = std::env::args().any(|argument| argument == "--time");
    let mut times =
        [(b'p', 0, Duration::ZERO), (b'q', 0, Duration::ZERO), (b's', 0, Duration::ZERO), (b'c', 0, Duration::ZERO)];
    let mut scratch = Scratch::new();
    let mut left = &input[..];
    while let Some((&letter, rest)) = left.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let (text, rest) =
            rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(io::ErrorKind::UnexpectedEof)?;
        left = rest;
        if timing {
            const REPEATS: u32 = 20;
            let start = Instant::now();
            for _ in 0..REPEATS {
                let _ = std::hint::black_box(answer(&policy, letter, std::hint::black_box(text), &mut scratch));
            }
            let spent = start.elapsed() / REPEATS;
            for (_, count, total) in times.iter_mut().filter(|(known, ..)| *known == letter) {
                *count += 1;
                *total += spent;
            }
            continue;
        }
        let kind = answer(&policy, letter, text, &mut scratch);
        let (kind, bytes) = match kind {
            Ok(Part::Same) => (b's', &[][..]),
            Ok(Part::Rewritten) if letter == b'p' => (b'r', &scratch.path[..]),
            Ok(Part::Rewritten) if letter == b'c' => (b'r', scratch.client.as_bytes()),
            Ok(Part::Rewritten) => (b'r', &scratch.query[..]),
            Err(Stop::Unsupported(why)) => (b'u', why.0.as_bytes()),
            Err(Stop::Invalid(reason)) => (b'i', reason.code.as_bytes()),
        };
        output.write_all(&[kind])?;
        output.write_all(&(bytes.len() as u32).to_le_bytes())?;
        output.write_all(bytes)?;
    }
    for (letter, count, total) in times.iter().filter(|(_, count, _)| timing && *count > 0) {
        writeln!(output, "{} {count} {}", char::from(*letter), total.as_nanos() / count)?;
    }
    output.flush()
}

fn answer(policy: &Policy, letter: u8, text: &[u8], scratch: &mut Scratch) -> Result<Part, Stop> {
    let route = &policy.routes[usize::from(letter != b'q')];
    let target = route.target.as_ref().expect("both routes have a target");
    scratch.exercised.clear();
    match letter {
        b'p' => path::normalize(target, route.outside, text, &mut scratch.path, &mut scratch.exercised),
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
            query::normalize(query, route.outside, text, &mut scratch.query, &mut scratch.pairs, &mut scratch.exercised)
        }
    }
}
