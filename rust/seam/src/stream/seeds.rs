//! Exchanges that are wrong on purpose: a zero that cannot fire is no zero.
//!
//! A copy of a real exchange goes along, tagged, with the candidate's side made wrong in one place. Whoever counts mismatches
//! has to see it, and never counts it as evidence. No client ever gets anything of it.

use std::collections::BTreeMap;

use crossfade_exchange::record::Exchange;
use crossfade_exchange::{Observation, Outcome};

/// The first ones of each stay in a stage, so that it is shown before anything is promoted,
const FIRST: u64 = 3;

/// and then one in so many, so that it goes on being shown and costs nothing.
const THEN: u64 = 4_096;

/// What is appended to make a text another one.
const WRONG: &str = "-seeded";

/// Which exchanges get a seeded copy.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    /// By route: when it entered its stage, and exchanges since then that both sides decided.
    stays: BTreeMap<String, (u64, u64)>,
}

impl Seeds {
    /// The seeded copy of an exchange, if it is to have one. It has the sequence number of the real one.
    pub fn of(&mut self, mut exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        let decided = |side: &Option<Observation>| side.as_ref().is_some_and(|side| side.outcome.is_some());
        if !decided(&exchange.control) || !decided(&exchange.candidate) {
            return None;
        }
        let seen = match self.stays.get_mut(&exchange.route) {
            Some((entered, seen)) if *entered == exchange.entered => {
                *seen += 1;
                *seen
            }
            _ => {
                self.stays.insert(exchange.route.clone(), (exchange.entered, 1));
                1
            }
        };
        if seen > FIRST && seen % THEN != 0 {
            return None;
        }
        let path = exchange.request.raw_path.clone();
        spoil(exchange.candidate.as_mut()?.outcome.as_mut()?, path);
        exchange.seeded = true;
        Some(exchange)
    }
}

/// Makes an outcome wrong in one place; `path` is the request's own.
fn spoil(outcome: &mut Outcome, path: Vec<u8>) {
    match outcome {
        Outcome::Accepted(forward) => {
            let path = forward.path.get_or_insert_with(|| path.into());
            path.extend_from_slice(WRONG.as_bytes());
        }
        Outcome::Limited { limit, .. } => limit.push_str(WRONG),
        Outcome::Invalid { code, .. } => code.push_str(WRONG),
        Outcome::Outside { status } => *status ^= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossfade_exchange::Forward;

    fn exchange(entered: u64, outcome: Option<Outcome>) -> Box<Exchange> {
        let side = |outcome| Some(Observation { outcome, ..Observation::default() });
        Box::new(Exchange {
            route: "r".to_owned(),
            entered,
            control: side(Some(Outcome::Accepted(Forward::default()))),
            candidate: side(outcome),
            ..Exchange::default()
        })
    }

    /// Each stay in a stage begins with seeds, and has one now and then; what one side left undecided has none.
    #[test]
    fn seeds_come_first_and_then_seldom() {
        let mut seeds = Seeds::default();
        let accepted = || Some(Outcome::Accepted(Forward::default()));
        let mut of = |entered, amount: u64| {
            let seeded = (0..amount).filter_map(|_| seeds.of(exchange(entered, accepted())));
            seeded.inspect(|exchange| assert!(exchange.seeded)).count()
        };
        assert_eq!((of(1, 3), of(1, 4_092), of(1, 1), of(1, 4_096)), (3, 0, 1, 1));
        assert_eq!(of(2, 100), 3);
        assert_eq!(seeds.of(exchange(3, None)), None);
    }

    /// Whatever was decided, the seed says something else, in the candidate's side alone.
    #[test]
    fn a_seed_is_wrong_in_one_place() {
        let limited = Outcome::Limited { limit: "l".to_owned(), retry_after: Some(1) };
        let invalid = Outcome::Invalid { code: "c".to_owned(), field: None };
        let accepted = Outcome::Accepted(Forward { path: Some(b"/p".to_vec().into()), ..Forward::default() });
        for outcome in [Outcome::Accepted(Forward::default()), accepted, limited, invalid] {
            let real = exchange(1, Some(outcome));
            let mut seeded = Seeds::default().of(real.clone()).expect("the first one");
            assert_ne!(seeded.candidate, real.candidate);
            seeded.candidate.clone_from(&real.candidate);
            seeded.seeded = false;
            assert_eq!(seeded, real);
        }
    }
}
