//! Bounds on concurrency that follow what is measured: the algorithms AIMD and Gradient2 of Netflix's concurrency-limits,
//! with its defaults, as steps on a few numbers.
//!
//! | | AIMD | Gradient2 |
//! |---|---|---|
//! | looks at | each request | windows of at least a second and ten requests |
//! | shrinks | to 0.9 of itself when a request fails or takes over 5 s | by how much slower requests are than they were, by half at most |
//! | grows | by 1 while at least half of it is in use | by 4, a fifth of it at a time, while at least half of it is in use |
//!
//! Known of Gradient2, and why AIMD is the default: under an overload that lasts, the slow becomes the usual, and the
//! bound creeps up again; and it looks at latency alone, never at failures.

/// Which algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adaptive {
    /// Additive increase, multiplicative decrease.
    Aimd,
    /// The gradient of latency: the long average against the last window's.
    Gradient2,
}

impl Adaptive {
    /// Its name in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aimd => "aimd",
            Self::Gradient2 => "gradient2",
        }
    }
}

/// How one request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How long it took, in microseconds.
    pub micros: u64,
    /// It failed in a way that overload explains: an error of the service, or cancelled.
    pub failed: bool,
    /// When it ended, in microseconds since the epoch.
    pub now: u64,
}

/// Where a bound starts, and what it never goes below.
pub const LEAST: u64 = 20;

/// Slower than this is as good as failed (AIMD), in microseconds.
const TOO_SLOW: u64 = 5_000_000;
/// What AIMD keeps of a bound after a failure.
const BACKOFF: f64 = 0.9;

/// Shortest window of Gradient2, in microseconds, and the fewest requests in it.
const WINDOW: u64 = 1_000_000;
const FEWEST: u32 = 10;
/// Faster requests say nothing about load, in microseconds.
const TOO_FAST: u64 = 100;
/// How many windows the long average spans, and how many of the first count alike.
const LONG: f64 = 600.0;
const WARM_UP: u32 = 10;
/// How much slower than usual is still usual.
const TOLERANCE: f64 = 1.5;
/// Requests that may queue, and how fast the bound follows.
const QUEUE: f64 = 4.0;
const SMOOTHING: f64 = 0.2;

/// What was learnt. The default has learnt nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    // 0: none yet.
    bound: f64,
    // The usual latency, in microseconds, and how many windows it is of.
    long: f64,
    windows: u32,
    window: Window,
}

/// What Gradient2 has seen since its last step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    begun: u64,
    micros: f64,
    requests: u32,
    most_in_flight: u32,
}

impl Estimate {
    /// The bound now, at most `most`.
    pub fn bound(&self, most: u64) -> u64 {
        let bound = if self.bound == 0.0 { LEAST as f64 } else { self.bound };
        (bound as u64).min(most)
    }

    /// What is known after one more request, which ended while `in_flight` were in flight, itself among them.
    pub fn after(mut self, adaptive: Adaptive, most: u64, in_flight: u32, sample: Sample) -> Self {
        if self.bound == 0.0 {
            self.bound = LEAST.min(most) as f64;
        }
        match adaptive {
            Adaptive::Aimd => self.step_aimd(in_flight, sample),
            Adaptive::Gradient2 => self.collect(in_flight, sample),
        }
        self.bound = self.bound.clamp(LEAST.min(most) as f64, most.max(1) as f64);
        self
    }

    fn step_aimd(&mut self, in_flight: u32, sample: Sample) {
        if sample.failed || sample.micros > TOO_SLOW {
            self.bound = (self.bound * BACKOFF).floor();
        } else if 2.0 * f64::from(in_flight) >= self.bound {
            self.bound += 1.0;
        }
    }

    fn collect(&mut self, in_flight: u32, sample: Sample) {
        if sample.micros < TOO_FAST {
            return;
        }
        let window = &mut self.window;
        if window.requests == 0 {
            window.begun = sample.now;
        }
        window.micros += sample.micros as f64;
        window.requests = window.requests.saturating_add(1);
        window.most_in_flight = window.most_in_flight.max(in_flight);
        if sample.now.saturating_sub(window.begun) >= WINDOW && window.requests >= FEWEST {
            let Window { micros, requests, most_in_flight, .. } = std::mem::take(window);
            self.step_gradient(micros / f64::from(requests), most_in_flight);
        }
    }

    /// One window's average latency against the usual one.
    fn step_gradient(&mut self, short: f64, in_flight: u32) {
        self.windows = self.windows.saturating_add(1);
        let share = if self.windows <= WARM_UP { 1.0 / f64::from(self.windows) } else { 2.0 / (LONG + 1.0) };
        self.long += (short - self.long) * share;
        if self.long / short > 2.0 {
            // Much faster than usual: an overload is over, and what was usual in it shall be forgotten sooner.
            self.long *= 0.95;
        }
        if f64::from(in_flight) < self.bound / 2.0 {
            return;
        }
        let gradient = (TOLERANCE * self.long / short).clamp(0.5, 1.0);
        self.bound = self.bound * (1.0 - SMOOTHING) + (self.bound * gradient + QUEUE) * SMOOTHING;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(micros: u64, now: u64) -> Sample {
        Sample { micros, failed: false, now }
    }

    /// AIMD: one more for each request while at least half is in use, nine tenths after one that failed or took over 5 s.
    #[test]
    fn aimd_adds_and_multiplies() {
        let after = |estimate: Estimate, in_flight, sample| estimate.after(Adaptive::Aimd, 200, in_flight, sample);
        let idle = after(Estimate::default(), 9, sample(1_000, 0));
        assert_eq!(idle.bound(200), 20);
        let busy = (0..30).fold(idle, |estimate, _| after(estimate, 40, sample(1_000, 0)));
        assert_eq!(busy.bound(200), 50);
        assert_eq!(after(busy, 40, sample(5_000_001, 0)).bound(200), 45);
        assert_eq!(after(busy, 40, Sample { failed: true, ..sample(1_000, 0) }).bound(200), 45);
    }

    /// Runs `windows` windows of ten requests with that latency, all of the bound in use.
    fn windows(mut estimate: Estimate, now: &mut u64, windows: u32, micros: u64) -> Estimate {
        for _ in 0..windows * 10 {
            *now += 120_000;
            estimate = estimate.after(Adaptive::Gradient2, 200, estimate.bound(200) as u32, sample(micros, *now));
        }
        estimate
    }

    /// Gradient2: grows while latency is what it was, shrinks when requests take three times as long, and does neither
    /// while less than half is in use.
    #[test]
    fn gradient_follows_latency() {
        let mut now = 0;
        let usual = windows(Estimate::default(), &mut now, 50, 10_000);
        assert!(usual.bound(200) > 40, "{usual:?}");
        let slow = windows(usual, &mut now, 10, 30_000);
        assert!(slow.bound(200) < usual.bound(200) / 2, "{usual:?} {slow:?}");
        let mut idle = usual;
        for request in 0..100 {
            idle = idle.after(Adaptive::Gradient2, 200, 2, sample(30_000, now + request * 120_000));
        }
        assert_eq!(idle.bound(200), usual.bound(200));
    }

    proptest! {
        /// The bound stays between the least and the most, whatever is measured.
        #[test]
        fn stays_in_bounds(
            gradient: bool, most in 0u64..1_000,
            samples in prop::collection::vec((any::<u64>(), any::<bool>(), any::<u64>(), any::<u32>()), 0..200),
        ) {
            let adaptive = if gradient { Adaptive::Gradient2 } else { Adaptive::Aimd };
            let mut estimate = Estimate::default();
            for (micros, failed, now, in_flight) in samples {
                estimate = estimate.after(adaptive, most, in_flight, Sample { micros, failed, now });
                prop_assert!((LEAST.min(most)..=most.max(1)).contains(&estimate.bound(most.max(1))));
            }
        }
    }
}
