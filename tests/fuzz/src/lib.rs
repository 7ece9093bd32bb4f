//! What the fuzz targets share: policies chosen by the first bytes of an input, and the laws that every decision keeps.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crossfade_core::limit::{Hit, Limit, Limiter};
use crossfade_core::policy::RouteId;
use crossfade_core::{Outcome, Part, Policy, Request, Scratch, Timestamp, Unsupported, admit};

/// Policies that are kept compiled; a run that sees more begins anew.
const POLICIES: usize = 4_096;

/// Admits everything: what is fuzzed stands before and after the limits.
pub struct Open;

impl Limiter for Open {
    fn hit(&self, _: &Limit, _: &[u8], _: u64, now: Timestamp) -> Hit {
        Hit { admitted: true, remaining: 1, reset: now.seconds() }
    }
}

/// Choices made by the first bytes of an input.
pub struct Choices(u128);

impl Choices {
    /// The choices and what is left of the input; `None` for one that is too short.
    pub fn of(input: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = input.split_first_chunk::<16>()?;
        Some((Self(u128::from_le_bytes(*first)), rest))
    }

    /// One of the options; the first where the input chose nothing.
    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        let count = options.len() as u128;
        let chosen = self.0 % count;
        self.0 /= count;
        options[chosen as usize]
    }

    /// A line `key = value` of the policy, or nothing.
    pub fn line(&mut self, key: &str, values: &[&str]) -> String {
        match self.pick(&[0, 1]) {
            0 => String::new(),
            _ => format!("{key} = {}\n", self.pick(values)),
        }
    }
}

/// The policy of one route with these sections, or `None` where the compiler refuses it: it has its reasons.
pub fn policy(sections: &str) -> Option<Rc<Policy>> {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Option<Rc<Policy>>>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() == POLICIES {
            compiled.clear();
        }
        if let Some(known) = compiled.get(sections) {
            return known.clone();
        }
        let text = format!("version = 1\n[[route]]\nname = \"fuzz\"\nmatch = \"* /{{path*}}\"\n{sections}");
        let policy = Policy::parse("fuzz.toml", &text).ok().map(Rc::new);
        compiled.insert(sections.to_owned(), policy.clone());
        policy
    })
}

/// A request that owns its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    pub path: Vec<u8>,
    pub query: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Parts {
    /// A request whose body says that it is of this media type.
    pub fn with_body(media_type: &[u8], body: &[u8]) -> Self {
        let headers = vec![(b"content-type".to_vec(), media_type.to_vec())];
        Self { path: b"/".to_vec(), headers, body: body.to_vec(), ..Self::default() }
    }
}

/// What the candidate says of a request, and the request that goes on if one does.
pub fn decide(policy: &Policy, parts: &Parts) -> (Result<Outcome, Unsupported>, Parts) {
    let headers: Vec<(&[u8], &[u8])> = parts.headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let request = Request {
        method: b"POST",
        raw_path: &parts.path,
        query: &parts.query,
        headers: &headers,
        peer: Some("10.0.0.1"),
        body: &parts.body,
        given: &[],
    };
    let mut scratch = Scratch::new();
    let outcome = admit(policy, RouteId(0), &Open, &request, Timestamp::from_micros(1_700_000_000_000_000), &mut scratch);
    let mut on = parts.clone();
    if let Ok(Outcome::Accepted(normalized)) = outcome {
        if normalized.path == Part::Rewritten {
            on.path = scratch.path.clone();
        }
        if normalized.query == Part::Rewritten {
            on.query = scratch.query.clone();
        }
        if normalized.headers == Part::Rewritten {
            on.headers = scratch.headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        }
        if normalized.body == Part::Rewritten {
            on.body = scratch.body.clone();
        }
    }
    (outcome, on)
}

/// The law of every policy that the compiler accepts: what goes on goes on as it is. Returns what was decided first.
pub fn settled(policy: &Policy, parts: &Parts) -> (Result<Outcome, Unsupported>, Parts) {
    let (outcome, once) = decide(policy, parts);
    if let Ok(Outcome::Accepted(_)) = outcome {
        let (again, twice) = decide(policy, &once);
        assert!(matches!(again, Ok(Outcome::Accepted(_))), "accepted, and then {again:?}\n{parts:?}\n{once:?}");
        assert_eq!(once, twice, "a second pass changes the result of the first");
    }
    (outcome, once)
}
