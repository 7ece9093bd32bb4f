//! Requests and policies for tests of the host and the headers.
#![allow(dead_code)] // each test uses a part

use crossfade_core::limit::Unlimited;
use crossfade_core::{Outcome, Part, Policy, Request, Scratch, Timestamp, admit};

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

/// What is said of the lines of a request; the rules and remarks are in `scratch`.
pub fn said_into(policy: &Policy, lines: &[(Vec<u8>, Vec<u8>)], scratch: &mut Scratch) -> Said {
    let headers = borrowed(lines);
    let request = request(&headers);
    let route = policy.route_named("r").expect("the route");
    match admit(policy, route, &Unlimited, &request, Timestamp::from_micros(0), scratch) {
        Ok(Outcome::Accepted(normalized)) => match normalized.headers {
            Part::Same => {
                assert!(scratch.exercised.is_empty(), "a rule is a change");
                Said::Same
            }
            Part::Rewritten => {
                assert!(!scratch.exercised.is_empty(), "a change has a rule");
                let lines = scratch.headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
                Said::Rewritten(lines.collect())
            }
        },
        Ok(Outcome::Invalid(reason)) => Said::Invalid(reason.code.to_owned()),
        Ok(Outcome::Limited { .. }) => unreachable!("the limiter is open"),
        Err(unsupported) => Said::Unsupported(unsupported.0.to_owned()),
    }
}

/// The same without rules and remarks.
pub fn said(policy: &Policy, lines: &[(Vec<u8>, Vec<u8>)]) -> Said {
    said_into(policy, lines, &mut Scratch::new())
}
