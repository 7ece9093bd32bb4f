//! Faults that somebody wants to see: what a candidate with a bug would do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossfade_core::{Outcome, Part, Reason, Request, Scratch};
use crossfade_exchange::stage::Fault;

use crate::engine::Answer;

/// A decision is never made slower than this: it is an exercise, not an outage.
const LONGEST: Duration = Duration::from_millis(100);

/// What is appended to a path, and the code of a refusal, to make them wrong.
const WRONG: &[u8] = b"-wrong";
const WRONG_CODE: &str = "injected_fault";

/// Whom a fault strikes: one in so many, beginning with the first.
#[derive(Debug, Default)]
pub(crate) struct Strikes(AtomicU64);

impl Strikes {
    /// The answer after the fault. `began`: when the candidate did.
    pub fn strike(
        &self,
        fault: Fault,
        began: Instant,
        answer: Answer,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Answer {
        match (fault, answer) {
            (Fault::Slow(times), _) => {
                let until = began + (began.elapsed() * times).min(LONGEST);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                answer
            }
            (Fault::Wrong(one_in), Answer::Decided(outcome)) => {
                let number = self.0.fetch_add(1, Ordering::Relaxed);
                let is_struck = number.is_multiple_of(u64::from(one_in));
                Answer::Decided(if is_struck { wrong(outcome, request, scratch) } else { outcome })
            }
            _ => answer,
        }
    }
}

/// Another outcome of the same kind.
fn wrong(outcome: Outcome, request: &Request<'_>, scratch: &mut Scratch) -> Outcome {
    match outcome {
        Outcome::Accepted(mut normalized) => {
            if normalized.path == Part::Same {
                scratch.path.clear();
                scratch.path.extend_from_slice(request.raw_path);
                normalized.path = Part::Rewritten;
            }
            scratch.path.extend_from_slice(WRONG);
            Outcome::Accepted(normalized)
        }
        Outcome::Limited { limit, retry_after } => {
            Outcome::Limited { limit, retry_after: retry_after.saturating_add(1) }
        }
        Outcome::Invalid(reason) => Outcome::Invalid(Reason { code: WRONG_CODE, ..reason }),
    }
}
