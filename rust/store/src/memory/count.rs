//! One key's state, whichever its strategy and flavour.

use crossfade_core::Timestamp;
use crossfade_core::limit::adaptive::{Adaptive, Sample};
use crossfade_core::limit::moving_window::Log;
use crossfade_core::limit::{
    Flavour, Hit, KeyState, Limit, LimitId, Rate, Strategy, Window, concurrent, fixed_window, gcra, moving_window,
    redis, sliding_window,
};

use super::ring::Ring;

/// What a count was begun under. Of a limit with other terms it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) id: LimitId,
    pub(crate) rate: Rate,
    pub(crate) strategy: Strategy,
    pub(crate) flavour: Flavour,
}

impl Terms {
    pub(crate) fn of(limit: &Limit) -> Self {
        Self { id: limit.id, rate: limit.rate, strategy: limit.strategy, flavour: limit.flavour }
    }

    /// The most that can be granted at once.
    pub(crate) fn most(&self) -> u64 {
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

/// The state of one key. Where the stamps of a moving window are is the store's affair.
#[derive(Debug, Clone)]
pub(crate) enum Count<R = Ring> {
    Fixed(fixed_window::State),
    Moving(R),
    Sliding(sliding_window::State),
    // As bytes: a whole `u128` would align every entry to 16.
    Gcra([u8; 16]),
    // Elsewhere: with what is learnt it is larger than the others, and such keys are few.
    Concurrent(Box<concurrent::State>),
    RedisFixed(fixed_window::State),
    RedisMoving(R),
    RedisSliding(redis::sliding_window::State),
}

impl Count {
    /// The count of a key that was never seen.
    pub(crate) fn new(terms: &Terms) -> Self {
        match (terms.strategy, terms.flavour) {
            (Strategy::Concurrent { .. }, _) => Self::Concurrent(Box::default()),
            (Strategy::Gcra { .. }, _) => Self::Gcra([0; 16]),
            (Strategy::FixedWindow, Flavour::Memory) => Self::Fixed(Default::default()),
            (Strategy::FixedWindow, Flavour::Redis) => Self::RedisFixed(Default::default()),
            (Strategy::MovingWindow, Flavour::Memory) => Self::Moving(Ring::default()),
            (Strategy::MovingWindow, Flavour::Redis) => Self::RedisMoving(Ring::default()),
            (Strategy::SlidingWindowCounter, Flavour::Memory) => Self::Sliding(Default::default()),
            (Strategy::SlidingWindowCounter, Flavour::Redis) => Self::RedisSliding(Default::default()),
        }
    }

    /// Goes on from a state, if it is one of the limit's strategy.
    pub(crate) fn seed(&mut self, terms: &Terms, from: &KeyState) {
        match (self, from) {
            (Self::Fixed(state) | Self::RedisFixed(state), KeyState::Fixed(seed)) => *state = *seed,
            (Self::Moving(ring) | Self::RedisMoving(ring), KeyState::Moving(stamps)) => {
                *ring = Ring::default();
                stamps.iter().rev().for_each(|stamp| ring.push(*stamp, 1, terms.most()));
            }
            (Self::Sliding(state), KeyState::Sliding(seed)) => *state = *seed,
            (Self::RedisSliding(state), KeyState::RedisSliding(seed)) => *state = *seed,
            (Self::Gcra(paid), KeyState::Gcra(seed)) => *paid = bytes(*seed),
            _ => {}
        }
    }
}

impl<R: Log> Count<R> {
    pub(crate) fn hit(&mut self, terms: &Terms, cost: u64, now: Timestamp) -> Hit {
        let rate = &terms.rate;
        let admitted = match self {
            Self::Fixed(state) => replaced(state, fixed_window::hit(*state, rate, cost, now)),
            Self::Moving(ring) | Self::RedisMoving(ring) => moving_window::hit(ring, rate, cost, now),
            Self::Sliding(state) => replaced(state, sliding_window::hit(*state, rate, cost, now)),
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
                    let Window { remaining, .. } = self.seen(terms, now);
                    return Hit { admitted: false, remaining, reset };
                }
            },
            Self::RedisFixed(state) => replaced(state, redis::fixed_window::hit(*state, rate, cost, now)),
            Self::RedisSliding(state) => replaced(state, redis::sliding_window::hit(*state, rate, cost, now)),
        };
        let Window { remaining, reset } = self.seen(terms, now);
        Hit { admitted, remaining, reset }
    }

    /// What a hit would answer, but that nothing is counted.
    pub(crate) fn would(&self, terms: &Terms, cost: u64, now: Timestamp) -> Hit {
        let rate = &terms.rate;
        let (admitted, due) = match self {
            Self::Fixed(state) => (fixed_window::grants(*state, rate, cost, now), None),
            Self::Moving(ring) | Self::RedisMoving(ring) => (moving_window::grants(ring, rate, cost, now), None),
            Self::Sliding(state) => (sliding_window::grants(*state, rate, cost, now), None),
            Self::Gcra(paid) => {
                let due = gcra::hit(cells(*paid), rate, terms.most(), cost, now).1.err();
                (due.is_none(), due)
            }
            Self::Concurrent(state) => (concurrent::hit(**state, rate.amount, terms.adaptive(), cost).1, None),
            Self::RedisFixed(state) => (redis::fixed_window::grants(*state, rate, cost, now), None),
            Self::RedisSliding(state) => (redis::sliding_window::grants(*state, rate, cost, now), None),
        };
        let Window { remaining, reset } = self.seen(terms, now);
        Hit { admitted, remaining, reset: due.unwrap_or(reset) }
    }

    /// Counts `cost`, whatever is left.
    pub(crate) fn take(&mut self, terms: &Terms, cost: u64, now: Timestamp) {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => *state = fixed_window::take(*state, rate, cost, now),
            Self::Moving(ring) | Self::RedisMoving(ring) => moving_window::take(ring, rate, cost, now),
            Self::Sliding(state) => *state = sliding_window::take(*state, rate, cost, now),
            Self::Gcra(paid) => *paid = bytes(gcra::take(cells(*paid), rate, terms.most(), cost, now)),
            Self::Concurrent(state) => **state = concurrent::take(**state, cost),
            Self::RedisFixed(state) => *state = redis::fixed_window::take(*state, rate, cost, now),
            Self::RedisSliding(state) => *state = redis::sliding_window::take(*state, rate, cost, now),
        }
    }

    /// Gives back `cost` of what was charged at `at`.
    pub(crate) fn give_back(&mut self, terms: &Terms, cost: u64, at: Timestamp, now: Timestamp) {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => *state = fixed_window::give_back(*state, rate, cost, at, now),
            Self::Moving(ring) | Self::RedisMoving(ring) => moving_window::give_back(ring, cost, at),
            Self::Sliding(state) => *state = sliding_window::give_back(*state, rate, cost, at),
            Self::Gcra(paid) => *paid = bytes(gcra::give_back(cells(*paid), rate, terms.most(), cost, at, now)),
            Self::Concurrent(_) => self.finish(terms, cost, None),
            Self::RedisFixed(state) => *state = redis::fixed_window::give_back(*state, rate, cost, at, now),
            Self::RedisSliding(state) => *state = redis::sliding_window::give_back(*state, rate, cost, at, now),
        }
    }

    /// Gives back `cost` places of requests in flight.
    pub(crate) fn finish(&mut self, terms: &Terms, cost: u64, sample: Option<Sample>) {
        if let Self::Concurrent(state) = self {
            **state = concurrent::finish(**state, terms.rate.amount, terms.adaptive(), cost, sample);
        }
    }

    /// What `test` of `limits` says. Over Redis, to ask a sliding window can begin its next window.
    pub(crate) fn test(&mut self, terms: &Terms, cost: u64, now: Timestamp) -> bool {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => fixed_window::grants(*state, rate, cost, now),
            Self::Moving(ring) => moving_window::test(ring, rate, cost, now),
            Self::Sliding(state) => sliding_window::test(*state, rate, cost, now),
            Self::Gcra(paid) => gcra::grants(cells(*paid), rate, terms.most(), cost, now),
            Self::RedisFixed(state) => redis::fixed_window::grants(*state, rate, cost, now),
            Self::RedisMoving(ring) => redis::moving_window::test(ring, rate, cost, now),
            Self::RedisSliding(state) => replaced(state, redis::sliding_window::test(*state, rate, cost, now)),
            Self::Concurrent(state) => concurrent::hit(**state, rate.amount, terms.adaptive(), cost).1,
        }
    }

    /// What `get_window_stats` of `limits` says. Over Redis, to ask a sliding window can begin its next window.
    pub(crate) fn peek(&mut self, terms: &Terms, now: Timestamp) -> Window {
        if let Self::RedisSliding(state) = self {
            return replaced(state, redis::sliding_window::peek(*state, &terms.rate, now));
        }
        self.seen(terms, now)
    }

    /// [`Self::peek`], but that nobody is told that somebody looked.
    pub(crate) fn seen(&self, terms: &Terms, now: Timestamp) -> Window {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => fixed_window::peek(*state, rate, now),
            Self::Moving(ring) => moving_window::peek(ring, rate, now),
            Self::Sliding(state) => sliding_window::peek(*state, rate, now),
            Self::Gcra(paid) => gcra::peek(cells(*paid), rate, terms.most(), now),
            Self::Concurrent(state) => concurrent::peek(state, rate, terms.adaptive(), now),
            Self::RedisFixed(state) => redis::fixed_window::peek(*state, rate, now),
            Self::RedisMoving(ring) => redis::moving_window::peek(ring, rate, now),
            Self::RedisSliding(state) => redis::sliding_window::peek(*state, rate, now).1,
        }
    }

    /// Whether nothing is lost when this is forgotten.
    pub(crate) fn is_over(&self, terms: &Terms, now: Timestamp) -> bool {
        let rate = &terms.rate;
        match self {
            Self::Fixed(state) => state.is_over(now),
            Self::Moving(ring) | Self::RedisMoving(ring) => moving_window::is_over(ring, rate, now),
            Self::Sliding(state) => state.is_over(rate, now),
            Self::Gcra(paid) => cells(*paid).is_over(rate, now),
            Self::Concurrent(state) => state.is_over(),
            Self::RedisFixed(state) => redis::fixed_window::is_over(*state, now),
            Self::RedisSliding(state) => state.is_over(now),
        }
    }

    /// Whether something was counted, and all of it is over.
    pub(crate) fn is_past(&self, terms: &Terms, now: Timestamp) -> bool {
        let is_new = match self {
            Self::Fixed(state) | Self::RedisFixed(state) => *state == Default::default(),
            Self::Moving(ring) | Self::RedisMoving(ring) => ring.is_empty(),
            Self::Sliding(state) => *state == Default::default(),
            Self::RedisSliding(state) => *state == Default::default(),
            Self::Gcra(paid) => *paid == [0; 16],
            Self::Concurrent(_) => false,
        };
        !is_new && self.is_over(terms, now)
    }

    /// How much is lost when this is forgotten: the share of the limit that is used up. 1 is a key that is refused.
    pub(crate) fn share(&self, terms: &Terms, now: Timestamp) -> f64 {
        let remaining = self.seen(terms, now).remaining;
        if remaining == 0 { 1.0 } else { 1.0 - remaining as f64 / terms.most() as f64 }
    }

    /// What is kept; `None` of requests in flight, which belong to who lets them in.
    pub(crate) fn state(&self) -> Option<KeyState> {
        Some(match self {
            Self::Fixed(state) | Self::RedisFixed(state) => KeyState::Fixed(*state),
            Self::Moving(ring) | Self::RedisMoving(ring) => {
                KeyState::Moving((0..ring.len()).map(|age| ring.stamp(age)).collect())
            }
            Self::Sliding(state) => KeyState::Sliding(*state),
            Self::RedisSliding(state) => KeyState::RedisSliding(*state),
            Self::Gcra(paid) => KeyState::Gcra(cells(*paid)),
            Self::Concurrent(_) => return None,
        })
    }
}

/// Puts the next state in place, and gives what came with it.
fn replaced<S, T>(state: &mut S, (next, said): (S, T)) -> T {
    *state = next;
    said
}

fn cells(paid: [u8; 16]) -> gcra::State {
    gcra::State { paid: u128::from_ne_bytes(paid) }
}

fn bytes(state: gcra::State) -> [u8; 16] {
    state.paid.to_ne_bytes()
}
