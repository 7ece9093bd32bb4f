//! What the log says of mismatches: each kind of them at most once a second, with how often it was seen meanwhile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::judged::Judged;

/// How often one kind of mismatch is logged.
const EVERY: Duration = Duration::from_secs(1);

/// Kinds of mismatch that are told apart in the log.
const KINDS: usize = 1_000;

/// What was logged lately.
#[derive(Default)]
pub struct Voice {
    kinds: HashMap<String, Said>,
    generation: u64,
}

struct Said {
    at: Instant,
    since: u64,
}

impl Voice {
    /// The generation of the stage file, for every line.
    pub fn generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// Logs what is unexplained of an exchange, unless it was logged a moment ago.
    pub fn judged(&mut self, judged: &Judged) {
        for finding in &judged.found {
            let kind = format!(
                "{}\n{}\n{}\n{}\n{}",
                judged.stay.route, finding.place, finding.kind, finding.limit, judged.seeded
            );
            let now = Instant::now();
            if self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind) {
                continue;
            }
            let first = Said { at: now.checked_sub(EVERY).unwrap_or(now), since: 0 };
            let said = self.kinds.entry(kind).or_insert(first);
            said.since += 1;
            if now.duration_since(said.at) < EVERY {
                continue;
            }
            tracing::warn!(
                event = if judged.seeded { "seeded_fault_found" } else { "mismatch" },
                route = judged.stay.route,
                stage = judged.stay.stage,
                place = finding.place,
                kind = finding.kind,
                limit = finding.limit,
                taught = finding.taught,
                count = said.since,
                control = finding.control,
                candidate = finding.candidate,
                request_id = judged.example.request_id,
                trace_id = judged.example.trace_id,
                worker = judged.source.worker,
                epoch = judged.source.epoch,
                sequence = judged.example.sequence,
                generation = self.generation,
            );
            *said = Said { at: now, since: 0 };
        }
    }

    /// Forgets what was not seen for a while.
    pub fn tick(&mut self) {
        self.kinds.retain(|_, said| said.since > 0 || said.at.elapsed() < 10 * EVERY);
    }
}
