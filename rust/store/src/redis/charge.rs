//! One charge as the server knows it: its key, its numbers, and what an answer says of it.

use crossfade_core::Timestamp;
use crossfade_core::key::{KeyTemplate, OnMissing};
use crossfade_core::limit::{Cost, Flavour, Hit, Limit, LimitCharge, LimitId, Rate, Strategy, Window, gcra};
use redis::Value;

/// Costs are counted up to here, which no amount exceeds: in Lua every number is a double.
const MOST: u64 = 1 << 53;

/// A charge that outlives its request's borrowings.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) id: LimitId,
    pub(super) rate: Rate,
    pub(super) strategy: Strategy,
    /// The key of the limit.
    pub(super) key: Box<[u8]>,
    /// The key at the server.
    pub(super) name: Vec<u8>,
    pub(super) cost: u64,
    /// In [`What::Atomic`](super::request::What) the sum of this key's costs so far; in a lease as many as would be nice.
    pub(super) wanted: u64,
}

/// What the server said of one charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// Whether it was granted; of a lease, how many were.
    pub(super) granted: Option<u64>,
    pub(super) window: Window,
    /// What `test` of `limits` says.
    pub(super) test: bool,
    /// Until when a refusal is sure to be repeated, in microseconds since the epoch.
    pub(super) until: u64,
    /// Before which time what was granted has to be used, so that its window has it: in microseconds since the epoch.
    pub(super) holds: u64,
}

/// Window, test and until, as in [`Seen`]; and the end of the window that counts, where that is an end.
type Read = (Window, bool, u64, Option<u64>);

impl Charge {
    pub(super) fn of(charge: &LimitCharge<'_>, prefix: &str, namespace: &str) -> Self {
        let LimitCharge { limit, key, cost } = *charge;
        let Rate { amount, multiples, unit } = limit.rate;
        // As `RateLimitItem.key_for` and `RedisStorage.prefixed_key`.
        let mut name = Vec::with_capacity(prefix.len() + namespace.len() + key.len() + 40);
        name.extend_from_slice(prefix.as_bytes());
        // The two windows of a sliding one are kept in one slot of a cluster.
        let (open, close) = if limit.strategy == Strategy::SlidingWindowCounter { (":{", "}") } else { (":", "") };
        name.extend_from_slice(open.as_bytes());
        name.extend_from_slice(namespace.as_bytes());
        name.push(b'/');
        name.extend_from_slice(key);
        let rest = format!("/{amount}/{}/{}{close}", multiples.max(1), unit.name());
        name.extend_from_slice(rest.as_bytes());
        if let Strategy::Gcra { burst } = limit.strategy {
            name.extend_from_slice(format!("/gcra/{burst}").as_bytes());
        }
        let cost = cost.min(MOST);
        Self { id: limit.id, rate: limit.rate, strategy: limit.strategy, key: key.into(), name, cost, wanted: cost }
    }

    /// Where the window before this one is counted, if there is such a thing; else the key itself.
    pub(super) fn previous(&self) -> Vec<u8> {
        let mut name = self.name.clone();
        if self.strategy == Strategy::SlidingWindowCounter {
            name.extend_from_slice(b"/-1");
        }
        name
    }

    /// The eight arguments of the script.
    pub(super) fn arguments(&self) -> [String; 8] {
        let Rate { amount, .. } = self.rate;
        let window = self.rate.window();
        let (letter, burst) = match self.strategy {
            Strategy::FixedWindow => ("f", 0),
            Strategy::MovingWindow => ("m", 0),
            Strategy::SlidingWindowCounter => ("s", 0),
            Strategy::Gcra { burst } => ("g", burst),
            // Not at a server, says the policy; the script refuses it.
            Strategy::Concurrent { .. } => ("", 0),
        };
        // One cell: whole microseconds, and the rest in ticks of one amount-th.
        let cell = u128::from(window) * 1_000_000;
        let ticks = u128::from(amount.max(1));
        [
            letter.to_owned(),
            amount.to_string(),
            window.to_string(),
            self.cost.to_string(),
            self.wanted.to_string(),
            burst.to_string(),
            (cell / ticks).to_string(),
            (cell % ticks).to_string(),
        ]
    }

    /// The limit, for a store in memory, with its amount divided by `hosts`: at least 1, unless nobody gets anything.
    pub(super) fn limit(&self, hosts: u64) -> Limit {
        let share = |amount: u64| if amount == 0 { 0 } else { (amount / hosts.max(1)).max(1) };
        let strategy = match self.strategy {
            Strategy::Gcra { burst } => Strategy::Gcra { burst: share(burst) },
            other => other,
        };
        Limit {
            id: self.id,
            name: Box::default(),
            rate: Rate { amount: share(self.rate.amount), ..self.rate },
            strategy,
            flavour: Flavour::Redis,
            key: KeyTemplate { parts: Vec::new(), on_missing: OnMissing::Skip },
            cost: Cost::default(),
            settles: false,
        }
    }

    /// What an answer `{granted, {…}}` says to what was asked at `now` and stamped with `at`. `None`: it is no answer of our
    /// script.
    pub(super) fn read(&self, value: &Value, now: Timestamp, at: Timestamp) -> Option<Seen> {
        let Value::Array(parts) = value else { return None };
        let [Value::Int(granted), Value::Array(state)] = &parts[..] else { return None };
        let granted = u64::try_from(*granted).ok();
        let (window, test, until, end) = match self.strategy {
            Strategy::FixedWindow => self.fixed(state, now),
            Strategy::MovingWindow => self.moving(state, now),
            Strategy::SlidingWindowCounter => self.sliding(state, now),
            Strategy::Gcra { burst } => self.gcra(state, granted.is_some(), burst, now),
            Strategy::Concurrent { .. } => None,
        }?;
        Some(Seen { granted, window, test, until, holds: end.unwrap_or(at.micros()) })
    }

    fn fixed(&self, state: &[Value], now: Timestamp) -> Option<Read> {
        let [count, ttl, left] = whole(state)?;
        let amount = i64::try_from(self.rate.amount).unwrap_or(i64::MAX);
        let remaining = amount.saturating_sub(count).max(0) as u64;
        let window = Window { remaining, reset: ttl.max(0) as f64 + now.seconds() };
        let test = i128::from(count) + i128::from(self.cost) <= i128::from(amount);
        let end = now.micros().saturating_add(left.max(0) as u64 * 1_000);
        Some((window, test, end, Some(end)))
    }

    fn moving(&self, state: &[Value], now: Timestamp) -> Option<Read> {
        let [Value::Int(count), oldest] = state else { return None };
        let count = u64::try_from(*count).ok()?;
        let oldest = text(oldest)?;
        let oldest: f64 = if oldest.is_empty() { now.seconds() } else { oldest.parse().ok()? };
        let reset = oldest + self.rate.window() as f64;
        let test = count.saturating_add(self.cost) <= self.rate.amount;
        let window = Window { remaining: self.rate.amount.saturating_sub(count), reset };
        // The stamp was rounded to a ten-thousandth of a second.
        let until = if self.cost > self.rate.amount { 0 } else { ((reset - 0.000_1) * 1e6) as u64 };
        Some((window, test, until, None))
    }

    fn sliding(&self, state: &[Value], now: Timestamp) -> Option<Read> {
        let [previous, previous_millis, current, current_millis] = whole(state)?;
        let length = self.rate.window() as f64;
        let (previous_left, current_left) = (previous_millis as f64 / 1000.0, current_millis as f64 / 1000.0);
        // In the order of the library: the last bit may decide.
        let weighted = previous as f64 * previous_left / length + current as f64;
        let remaining = (self.rate.amount as f64 - weighted.floor()).max(0.0) as u64;
        let mut wait = f64::INFINITY;
        if previous != 0 {
            wait = previous_left % (length / previous as f64);
        }
        if current != 0 {
            wait = wait.min(current_left % length);
        }
        let wait = if wait.is_finite() { wait } else { 0.0 };
        let test = weighted < self.rate.amount as f64 - self.cost as f64 + 1.0;
        let window = Window { remaining, reset: now.seconds() + wait };

        // The remainder above can be a whole step too long, in its last bit; so this is in whole milliseconds, two fewer
        // for the server's clock, which ticks in them.
        let millis = i128::from(self.rate.window()) * 1000;
        let steps = [(previous, previous_millis), (current.min(1), current_millis)];
        let next = steps.into_iter().filter(|(count, _)| *count > 0).map(|(count, left)| {
            let (count, left) = (i128::from(count), i128::from(left));
            (count * left % millis) / count
        });
        let after = |millis: i128| now.micros() + (millis - 2).max(0) as u64 * 1000;
        // Time runs on in the script, and can free something between its decision and what it then reads.
        let weight = i128::from(previous) * i128::from(previous_millis) / millis + i128::from(current);
        let refuses = self.cost <= self.rate.amount && weight + i128::from(self.cost) > i128::from(self.rate.amount);
        let until = if refuses { after(next.min().unwrap_or(0)) } else { 0 };
        // The current count lives for one window more than it counts.
        Some((window, test, until, Some(after(i128::from(current_millis) - millis))))
    }

    fn gcra(&self, state: &[Value], granted: bool, burst: u64, now: Timestamp) -> Option<Read> {
        let [micros, ticks] = state else { return None };
        let [micros, ticks]: [u64; 2] = [text(micros)?.parse().ok()?, text(ticks)?.parse().ok()?];
        let paid = u128::from(micros) * u128::from(self.rate.amount) + u128::from(ticks);
        let state = gcra::State { paid };
        let mut window = gcra::peek(state, &self.rate, burst, now);
        let wait = gcra::hit(state, &self.rate, burst, self.cost, now).1;
        let mut until = 0;
        if let (false, Err(reset)) = (granted, wait) {
            window.reset = reset;
            until = if self.cost > burst || self.rate.amount == 0 { 0 } else { (reset * 1e6) as u64 };
        }
        Some((window, wait.is_ok(), until, None))
    }
}

impl Seen {
    pub(super) fn hit(&self) -> Hit {
        let Window { remaining, reset } = self.window;
        Hit { admitted: self.granted.is_some(), remaining, reset }
    }
}

fn whole<const N: usize>(state: &[Value]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    if state.len() != N {
        return None;
    }
    for (number, value) in numbers.iter_mut().zip(state) {
        let Value::Int(int) = value else { return None };
        *number = *int;
    }
    Some(numbers)
}

fn text(value: &Value) -> Option<&str> {
    let Value::BulkString(bytes) = value else { return None };
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use crossfade_core::limit::rate::Unit;

    use super::*;

    /// A refusal blocks until the next one of the weight is free, less two milliseconds; and if that was free already when
    /// the server read what is left (Redis 7.0 reads the clock anew each time), it blocks nobody.
    #[test]
    fn a_refusal_blocks_only_while_the_server_refuses() {
        let limit = Charge {
            id: LimitId(0),
            rate: Rate { amount: 20, multiples: 1, unit: Unit::Second },
            strategy: Strategy::SlidingWindowCounter,
            key: Box::default(),
            name: Vec::new(),
            cost: 1,
            wanted: 1,
        };
        let now = Timestamp::from_micros(1_000_000);
        let blocked = |previous_left| {
            let state = [20, previous_left, 5, 1_000 + previous_left].map(Value::Int).to_vec();
            let answer = Value::Array(vec![Value::Int(-1), Value::Array(state)]);
            limit.read(&answer, now, now).expect("an answer").until.saturating_sub(now.micros())
        };
        assert_eq!([799, 775, 752, 750].map(blocked), [47_000, 23_000, 0, 0]);
        assert_eq!([749, 733, 701].map(blocked), [0; 3]);
    }
}
