//! One key's state, whichever its strategy.

use crossfade_core::Timestamp;
use crossfade_core::limit::adaptive::{Adaptive, Sample};
use crossfade_core::limit::{
    Flavour, Hit, Limit, LimitId, Rate, Strategy, Window, concurrent, fixed_window, gcra, moving_window, sliding_window,
};

use super::ring::Ring;

/// What a count was begun under. Of a limit with other terms it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) id: LimitId,
    rate: Rate,
    strategy: Strategy,
    flavour: Flavour,
}

impl Terms {
    pub(crate) fn of(limit: &Limit) -> Self {
        Self { id: limit.id, rate: limit.rate, strategy: limit.strategy, flavour: limit.flavour }
    }

    /// The most that can be granted at once.
    fn most(&self) -> u64 {
        match self.strategy {
            Strategy::Gcra { burst } => burst,
            Strategy::MovingWindow => moving_window::amount(&self.rate),
            Strategy::FixedWindow | Strategy::SlidingWindowCounter | Strategy::Concurrent { .. } => self.rate.amount,
        }
    }

    /// How the bound on requests in flight adapts.
    fn adaptive(&self) -> Option<Adaptive> {
        match self.strategy {
            Strategy::Concurrent { adaptive } => adaptive,
            _ => None,
        }
    }
}

/// The state of one key.
#[derive(Debug)]
pub(crate) enum Count {
    Fixed(fixed_window::State),
    Moving(Ring),
    Sliding(sliding_window::State),
    // As bytes: a whole `u128` would align every entry to 16.
    Gcra([u8; 16]),
    // Elsewhere: with what is learnt it is larger than the others, and such keys are few.
    Concurrent(Box<concurrent::State>),
}

impl Count {
    /// The count of a key that was never seen.
    pub(crate) fn new(terms: &Terms) -> Self {
        match terms.strategy {
            Strategy::FixedWindow => Self::Fixed(fixed_window::State::default()),
            Strategy::MovingWindow => Self::Moving(Ring::default()),
            Strategy::SlidingWindowCounter => Self::Sliding(sliding_window::State::default()),
            Strategy::Gcra { .. } => Self::Gcra([0; 16]),
            Strategy::Concurrent { .. } => Self::Concurrent(Box::default()),
        }
    }

    pub(crate) fn hit(&mut self, terms: &Terms, cost: u64, now: Timestamp) -> Hit {
        let rate = &terms.rate;
        let admitted = match self {
            Self::Fixed(state) => {
                let (next, admitted) = fixed_window::hit(*state, rate, cost, now);
                *state = next;
                admitted
            }
            Self::Moving(ring) => moving_window::hit(ring, rate, cost, now),
            Self::Sliding(state) => {
                let (next, admitted) = sliding_window::hit(*state, rate, cost, now);
                *state = next;
                admitted
            }
            Self::Concurrent(state) => {
                let (next, admitted) = concurrent::hit(**state, rate.amount, terms.adaptive(), cost);
                **state = next;
                admitted
            }
            Self::Gcra(paid) => match gcra::hit(cells(*paid), rate, terms.most(), cost, now) {
                (next, Ok(())) => {
                    *paid = bytes(next);
                    true
                }
                (_, Err(reset)) => {
                    let Window { remaining, .. } = self.peek(terms, now);
                    return Hit { admitted: false, remaining, reset };
                }
            },
        };
        let Window { remaining, reset } = self.peek(terms, now);
        Hit { admitted, remaining, reset }
    }

    /// Whether `cost` would be granted by a hit.
    pub(crate) fn grants(&self, terms: &Terms, cost: u64, now: Timestamp) -> bool {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => fixed_window::grants(*state, rate, cost, now),
            Self::Moving(ring) => moving_window::grants(ring, rate, cost, now),
            Self::Sliding(state) => sliding_window::grants(*state, rate, cost, now),
            Self::Gcra(paid) => gcra::grants(cells(*paid), rate, terms.most(), cost, now),
            Self::Concurrent(state) => concurrent::hit(**state, rate.amount, terms.adaptive(), cost).1,
        }
    }

    /// What a hit would answer, but that nothing is counted.
    pub(crate) fn would(&self, terms: &Terms, cost: u64, now: Timestamp) -> Hit {
        let Window { remaining, mut reset } = self.peek(terms, now);
        let admitted = match self {
            Self::Gcra(paid) => match gcra::hit(cells(*paid), &terms.rate, terms.most(), cost, now).1 {
                Ok(()) => true,
                Err(granted_at) => {
                    reset = granted_at;
                    false
                }
            },
            _ => self.grants(terms, cost, now),
        };
        Hit { admitted, remaining, reset }
    }

    /// Counts `cost`, whatever is left.
    pub(crate) fn take(&mut self, terms: &Terms, cost: u64, now: Timestamp) {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => *state = fixed_window::take(*state, rate, cost, now),
            Self::Moving(ring) => moving_window::take(ring, rate, cost, now),
            Self::Sliding(state) => *state = sliding_window::take(*state, rate, cost, now),
            Self::Gcra(paid) => *paid = bytes(gcra::take(cells(*paid), rate, terms.most(), cost, now)),
            Self::Concurrent(state) => **state = concurrent::take(**state, cost),
        }
    }

    /// Gives back `cost` of what was charged at `at`.
    pub(crate) fn give_back(&mut self, terms: &Terms, cost: u64, at: Timestamp, now: Timestamp) {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => *state = fixed_window::give_back(*state, rate, cost, at, now),
            Self::Moving(ring) => moving_window::give_back(ring, cost, at),
            Self::Sliding(state) => *state = sliding_window::give_back(*state, rate, cost, at),
            Self::Gcra(paid) => *paid = bytes(gcra::give_back(cells(*paid), rate, terms.most(), cost, at, now)),
            Self::Concurrent(_) => self.finish(terms, cost, None),
        }
    }

    /// Gives back `cost` places of requests in flight.
    pub(crate) fn finish(&mut self, terms: &Terms, cost: u64, sample: Option<Sample>) {
        if let Self::Concurrent(state) = self {
            **state = concurrent::finish(**state, terms.rate.amount, terms.adaptive(), cost, sample);
        }
    }

    /// What `test` of `limits` says.
    pub(crate) fn test(&self, terms: &Terms, cost: u64, now: Timestamp) -> bool {
        let rate = &terms.rate;
        match self {
            Self::Moving(ring) => moving_window::test(ring, rate, cost, now),
            Self::Sliding(state) => sliding_window::test(*state, rate, cost, now),
            Self::Fixed(_) | Self::Gcra(_) | Self::Concurrent(_) => self.grants(terms, cost, now),
        }
    }

    pub(crate) fn peek(&self, terms: &Terms, now: Timestamp) -> Window {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => fixed_window::peek(*state, rate, now),
            Self::Moving(ring) => moving_window::peek(ring, rate, now),
            Self::Sliding(state) => sliding_window::peek(*state, rate, now),
            Self::Gcra(paid) => gcra::peek(cells(*paid), rate, terms.most(), now),
            Self::Concurrent(state) => concurrent::peek(state, rate, terms.adaptive(), now),
        }
    }

    /// Whether nothing is lost when this is forgotten.
    pub(crate) fn is_over(&self, terms: &Terms, now: Timestamp) -> bool {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => state.is_over(now),
            Self::Moving(ring) => moving_window::is_over(ring, rate, now),
            Self::Sliding(state) => state.is_over(rate, now),
            Self::Gcra(paid) => cells(*paid).is_over(rate, now),
            Self::Concurrent(state) => state.is_over(),
        }
    }

    /// How much is lost when this is forgotten: the share of the limit that is used up. 1 is a key that is refused.
    pub(crate) fn share(&self, terms: &Terms, now: Timestamp) -> f64 {
        let remaining = self.peek(terms, now).remaining;
        if remaining == 0 { 1.0 } else { 1.0 - remaining as f64 / terms.most() as f64 }
    }
}

fn cells(paid: [u8; 16]) -> gcra::State {
    gcra::State { paid: u128::from_ne_bytes(paid) }
}

fn bytes(state: gcra::State) -> [u8; 16] {
    state.paid.to_ne_bytes()
}
