//! Requests and policies for tests of the host and the headers.
#![allow(dead_code)] // each test uses a part

use crossfade_core::outcome::{Part, Stop};
use crossfade_core::policy::{Policy, Route};
use crossfade_core::{Request, Scratch, head};

pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What a part said of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Same,
    Rewritten(Lines),
    Invalid(String),
    Unsupported(String),
}

/// A policy of one route with the table `[route.PART]`.
pub fn policy(part: &str, keys: &str) -> Policy {
    file(&format!("[route.{part}]\n{keys}"))
}

/// A policy of one route with what is said of it.
pub fn file(route: &str) -> Policy {
    let text = format!("version = 1\n[[route]]\nname = \"r\"\nmatch = \"* /{{path*}}\"\n{route}\n");
    Policy::parse("crossfade.toml", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

pub fn request<'a>(headers: &'a [(&'a [u8], &'a [u8])]) -> Request<'a> {
    Request { method: b"GET", raw_path: b"/", query: b"", headers, peer: None, body: b"", given: &[] }
}

pub fn borrowed(lines: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    lines.iter().map(|(name, value)| (&name[..], &value[..])).collect()
}

/// Host and headers as `admit` runs them, but without the answer of a part that is rolled out.
pub fn run(route: &Route, lines: &[(Vec<u8>, Vec<u8>)], scratch: &mut Scratch) -> Result<Part, Stop> {
    let headers = borrowed(lines);
    let request = request(&headers);
    scratch.exercised.clear();
    let host = head::host(route, &request, scratch)?;
    let part = head::headers(route, &request, host, scratch)?;
    Ok(head::with_host(&request, host, part, scratch))
}

/// What is said of the lines of a request.
pub fn said(policy: &Policy, lines: &[(Vec<u8>, Vec<u8>)]) -> Said {
    let mut scratch = Scratch::new();
    match run(&policy.routes[0], lines, &mut scratch) {
        Ok(Part::Same) => {
            assert!(scratch.exercised.is_empty(), "a rule is a change");
            Said::Same
        }
        Ok(Part::Rewritten) => {
            assert!(!scratch.exercised.is_empty(), "a change has a rule");
            let lines: Lines = scratch.headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            Said::Rewritten(lines)
        }
        Err(Stop::Invalid(reason)) => Said::Invalid(reason.code.to_owned()),
        Err(Stop::Outside { why, .. }) => Said::Unsupported(why.to_owned()),
    }
}
