//! What the judges make of one exchange.

use crossfade_exchange::{Exchange, Request};

use crate::compare::Difference;
use crate::evidence::{Example, Source, Stay};
use crate::redact::Redactor;
use crate::verdict::{Judgement, Verdict};

/// Why an exchange was not judged, besides those of [`crate::verdict::NotJudged`].
pub mod reason {
    /// The candidate did not run.
    pub const NO_CANDIDATE: &str = "no_candidate";
    /// Another build has made it than the one that would judge it.
    pub const OTHER_BUILD: &str = "other_build";
    /// It was made under another policy than the one that would judge it.
    pub const OTHER_POLICY: &str = "other_policy";
    /// Not all that the control has granted one of its keys is known.
    pub const COLD: &str = "cold";
    /// It took so long that its control may have read a clock at which it had to answer otherwise.
    pub const STALLED: &str = "stalled";
    /// Requests of one key were under way together, so nobody knows whose hit came first.
    pub const IN_FLIGHT_TOGETHER: &str = "in_flight_together";
    /// The control gives two answers to the same request in just these places.
    pub const NOISE: &str = "noise";
    /// A limit decided, and the control was run where the service's counts are not.
    pub const COUNTED_ELSEWHERE: &str = "counted_elsewhere";
    /// The comparison panicked.
    pub const HARNESS_ERROR: &str = "harness_error";
}

/// Longest request id that is shown: longer ones are no ids.
const ID_BYTES: usize = 128;

/// Length of a `traceparent` of version 00, the only one there is.
const TRACEPARENT_BYTES: usize = 55;

/// One exchange, judged.
#[derive(Debug)]
pub struct Judged {
    /// Its process.
    pub source: Source,
    /// Its route, subject and stage.
    pub stay: Stay,
    /// When it was received, in microseconds since the epoch.
    pub received_at: u64,
    /// Its candidate was made wrong on purpose.
    pub seeded: bool,
    /// Hash of who is counted.
    pub key: u64,
    /// Comparisons that one key may bring.
    pub most_of_a_key: u64,
    /// The verdict that gates.
    pub gating: Verdict,
    /// The verdict on what each side did by its own counts.
    pub free: Verdict,
    /// Why it was not judged, if it was not.
    pub reason: Option<&'static str>,
    /// The kind of the control's outcome.
    pub kind: String,
    /// Ids of the known differences that explain it.
    pub known: Vec<String>,
    /// What is unexplained.
    pub found: Vec<Finding>,
    /// By which it is found again.
    pub example: Example,
    /// Nanoseconds that the sides took and that the seam did; `None`: not known.
    pub control: Option<u64>,
    /// The same of the candidate.
    pub candidate: Option<u64>,
    /// The same of the seam.
    pub seam: Option<u64>,
    /// What the control makes of the same request again, if it was asked.
    pub witnessed: Option<bool>,
}

/// One unexplained difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: String,
    /// How.
    pub kind: &'static str,
    /// About which limit; empty: about none.
    pub limit: String,
    /// See [`crate::evidence::Group::taught`].
    pub taught: bool,
    /// What may be shown of the control's value.
    pub control: String,
    /// What may be shown of the candidate's.
    pub candidate: String,
}

impl Judged {
    /// An exchange on which nothing was said yet.
    pub fn of(exchange: &Exchange, stay: Stay) -> Self {
        let nanos = |side: &Option<crossfade_exchange::Observation>| side.as_ref().map(|side| side.nanos);
        let (control, candidate) = (nanos(&exchange.control), nanos(&exchange.candidate));
        let sides = control.unwrap_or(0).saturating_add(candidate.unwrap_or(0));
        Self {
            source: Source { worker: exchange.worker, epoch: exchange.epoch },
            stay,
            received_at: exchange.received_at,
            seeded: exchange.seeded,
            key: 0,
            most_of_a_key: 0,
            gating: Verdict::NotJudged,
            free: Verdict::NotJudged,
            reason: None,
            kind: String::new(),
            known: Vec::new(),
            found: Vec::new(),
            example: example(exchange),
            control,
            candidate,
            seam: (exchange.elapsed > 0).then(|| exchange.elapsed.saturating_sub(sides)),
            witnessed: None,
        }
    }

    /// Neither verdict could be given.
    pub fn unjudged(mut self, reason: &'static str) -> Self {
        (self.gating, self.free) = (Verdict::NotJudged, Verdict::NotJudged);
        self.not_judged(reason);
        self
    }

    /// The control was given the request twice, and its answers differ in these places.
    pub fn witness(&mut self, places: &[String]) {
        self.witnessed = Some(!places.is_empty());
        let only_there = self.found.iter().all(|finding| places.contains(&finding.place));
        if self.gating == Verdict::Mismatch && !self.found.is_empty() && only_there {
            self.not_judged(reason::NOISE);
        }
    }

    /// The verdict that gates could not be given.
    pub fn not_judged(&mut self, reason: &'static str) {
        self.gating = Verdict::NotJudged;
        self.reason = Some(reason);
        self.known.clear();
        self.found.retain(|finding| !finding.taught);
    }
}

/// What of a judgement nobody answers for, as it may be shown. `live` tells which known differences still count.
pub fn findings(
    judgement: &Judgement,
    redactor: &Redactor,
    taught: bool,
    live: impl Fn(usize) -> bool,
) -> Vec<Finding> {
    if !judgement.verdict.is_unexplained() {
        return Vec::new();
    }
    let open = judgement.differences.iter().zip(&judgement.known).filter(|(_, known)| !known.iter().any(|&k| live(k)));
    let mut found: Vec<Finding> = Vec::new();
    for (difference, _) in open {
        let Difference { place, kind, limit, control, candidate, .. } = difference;
        let limit = limit.clone().unwrap_or_default();
        // Several differences of one exchange at one place are one.
        if found.iter().any(|other| other.place == *place && other.kind == kind.name() && other.limit == limit) {
            continue;
        }
        found.push(Finding {
            place: place.clone(),
            kind: kind.name(),
            limit,
            taught,
            control: redactor.value(control),
            candidate: redactor.value(candidate),
        });
    }
    found
}

fn example(exchange: &Exchange) -> Example {
    let request = &exchange.request;
    Example {
        worker: exchange.worker,
        epoch: exchange.epoch,
        sequence: exchange.sequence,
        received_at: exchange.received_at,
        size: (request.raw_path.len() + request.query.len()) as u64 + request.body_bytes,
        request_id: request_id(request),
        trace_id: trace_id(request),
        ..Example::default()
    }
}

fn header<'a>(request: &'a Request, name: &[u8]) -> Option<&'a str> {
    let found = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(&found.1).ok()
}

/// The request's id, if it is short and plain: it goes into logs.
fn request_id(request: &Request) -> String {
    let plain = |id: &&str| {
        id.len() <= ID_BYTES && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte))
    };
    header(request, b"x-request-id").filter(plain).unwrap_or_default().to_owned()
}

/// The trace id of a `traceparent` as W3C Trace Context has it: `00-<32 hex>-<16 hex>-<2 hex>`, and not all zeros.
fn trace_id(request: &Request) -> String {
    let trace = header(request, b"traceparent").filter(|text| text.len() == TRACEPARENT_BYTES).and_then(|text| {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { return None };
        let hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let valid = version == "00" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
        (valid && trace.bytes().any(|byte| byte != b'0')).then(|| trace.to_owned())
    });
    trace.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a whole trace id of the one version there is, and only an id that a log line can hold.
    #[test]
    fn ids_are_plain() {
        let with = |name: &str, value: &str| {
            let headers = vec![(name.as_bytes().to_vec().into(), value.as_bytes().to_vec().into())];
            Request { headers, ..Request::default() }
        };
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace_id(&with("Traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))), trace);
        for wrong in [
            format!("01-{trace}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
            format!("00-{trace}-b7ad6b7169203331-01-x"),
            String::new(),
        ] {
            assert_eq!(trace_id(&with("traceparent", &wrong)), "", "{wrong}");
        }
        assert_eq!(request_id(&with("X-Request-Id", "a-1")), "a-1");
        for wrong in ["a b", "\u{1b}[31m", "é", &"a".repeat(ID_BYTES + 1)] {
            assert_eq!(request_id(&with("x-request-id", wrong)), "", "{wrong}");
        }
    }
}
