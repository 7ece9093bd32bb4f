//! Every metric of the sidecar: its name, its meaning, its labels. Nothing else knows the crate that counts them.
//!
//! Counters begin at zero with the process; the evidence does not. Routes are those of the policy, never paths.

use std::sync::{PoisonError, RwLock};

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crossfade_core::Policy;
use crossfade_exchange::wire::Dropped;

use crate::gate::{Cause, Ruling, Standing};
use crate::verdict::Verdict;

/// Seconds: from a microsecond to ten milliseconds. Decisions take microseconds, where the usual steps see nothing.
const STEPS: [f64; 13] = [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2];

/// The reason of losses that a broken connection has caused.
pub const LOST: &str = "lost";

/// Words of the stages.
pub const STAGES: [&str; 4] = ["off", "shadow", "canary", "live"];

/// A route that the policy does not name is counted under this one.
pub const OTHER: &str = "(other)";

/// All of them.
pub struct Metrics {
    registry: Registry,
    /// Routes of the policy, so that nothing else becomes a label.
    routes: RwLock<Vec<String>>,
    comparisons: IntCounterVec,
    free: IntCounterVec,
    losses: IntCounterVec,
    requests: IntCounterVec,
    decisions: HistogramVec,
    seam: HistogramVec,
    stages: IntGaugeVec,
    rulings: IntGaugeVec,
    rollbacks: IntCounterVec,
    unaccounted: IntGaugeVec,
    seeded: IntCounterVec,
    known: IntCounterVec,
    not_judged: IntCounterVec,
    refused: IntCounterVec,
    trouble: IntCounterVec,
    captured: IntCounterVec,
    /// Processes that are connected.
    pub workers: IntGauge,
    /// When the last exchange was received, in seconds since the epoch.
    pub last_exchange: IntGauge,
    /// Generation of the stage file.
    pub generation: IntGauge,
    /// Bytes of the capture directory.
    pub capture_bytes: IntGauge,
    /// Whether what was received is written down: 1, or 0 while it cannot be.
    pub ready: IntGauge,
    /// Exchanges that took longer to judge than they may.
    pub slow: IntCounter,
    /// Times that evidence was written.
    pub saves: IntCounter,
}

/// Registers one; the names are ours, so it cannot be there twice.
macro_rules! made {
    ($registry:expr, $made:expr) => {{
        let made = $made?;
        $registry.register(Box::new(made.clone()))?;
        made
    }};
}

impl Metrics {
    /// All of them at zero, for the routes of `policy`.
    ///
    /// # Errors
    ///
    /// A name or a label is not one that can be.
    pub fn new(policy: &Policy, build: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let r = &registry;
        let counters = |name: &str, means: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            Ok(made!(r, IntCounterVec::new(Opts::new(name, means), labels)))
        };
        let gauge = |name: &str, means: &str| -> Result<IntGauge, prometheus::Error> {
            Ok(made!(r, IntGauge::new(name, means)))
        };
        let times = |name: &str, means: &str, labels: &[&str]| -> Result<HistogramVec, prometheus::Error> {
            let opts = HistogramOpts::new(name, means).buckets(STEPS.to_vec());
            Ok(made!(r, HistogramVec::new(opts, labels)))
        };
        let metrics = Self {
            comparisons: counters(
                "crossfade_comparisons_total",
                "Exchanges by the verdict that gates: of limits, given what the control had granted before",
                &["route", "verdict"],
            )?,
            free: counters(
                "crossfade_free_comparisons_total",
                "Exchanges by the verdict on what each side did by its own counts",
                &["route", "verdict"],
            )?,
            losses: counters(
                "crossfade_exchange_losses_total",
                "Exchanges that did not arrive, by reason, as the workers said",
                &["route", "reason"],
            )?,
            requests: counters(
                "crossfade_requests_total",
                "Requests at the seam in any stage but off, as the workers said",
                &["route"],
            )?,
            decisions: times(
                "crossfade_decision_duration_seconds",
                "How long a side took for one request",
                &["route", "side"],
            )?,
            seam: times(
                "crossfade_seam_duration_seconds",
                "What the seam itself cost the client for one request",
                &["route"],
            )?,
            stages: made!(
                r,
                IntGaugeVec::new(
                    Opts::new("crossfade_route_stage", "1 for the stage that a route is in by the stage file"),
                    &["route", "stage"]
                )
            ),
            rulings: made!(
                r,
                IntGaugeVec::new(
                    Opts::new(
                        "crossfade_gate_ruling",
                        "1 for what the gate rules of a route: ready, held or rolled_back"
                    ),
                    &["route", "ruling"]
                )
            ),
            rollbacks: counters(
                "crossfade_rollbacks_total",
                "Times that a route was taken back by itself, by cause",
                &["route", "cause"],
            )?,
            unaccounted: made!(
                r,
                IntGaugeVec::new(
                    Opts::new(
                        "crossfade_unaccounted",
                        "Exchanges that were sent and neither arrived nor are known as lost; 0 unless something is wrong"
                    ),
                    &["route"]
                )
            ),
            seeded: counters(
                "crossfade_seeded_found_total",
                "Exchanges with a seeded fault that the comparison has found",
                &["route"],
            )?,
            known: counters(
                "crossfade_known_total",
                "Exchanges that a known difference has explained",
                &["route", "known_difference"],
            )?,
            not_judged: counters(
                "crossfade_not_judged_total",
                "Exchanges that were not judged, by reason",
                &["route", "reason"],
            )?,
            refused: counters(
                "crossfade_connections_refused_total",
                "Connections that were closed from this side, by reason",
                &["reason"],
            )?,
            trouble: counters(
                "crossfade_sidecar_errors_total",
                "What went wrong in the sidecar itself, by what",
                &["what"],
            )?,
            captured: counters(
                "crossfade_captured_exchanges_total",
                "Exchanges that were handed to the capture, by what became of them",
                &["became"],
            )?,
            workers: gauge("crossfade_workers", "Processes of the service that are connected")?,
            last_exchange: gauge(
                "crossfade_last_exchange_timestamp_seconds",
                "When the last exchange was received at the seam",
            )?,
            generation: gauge("crossfade_stage_generation", "Generation of the stage file")?,
            capture_bytes: gauge("crossfade_capture_bytes", "Bytes of the capture directory")?,
            ready: gauge("crossfade_ready", "1 if what is received is written down, 0 while it cannot be")?,
            slow: made!(
                r,
                IntCounter::new("crossfade_slow_comparisons_total", "Exchanges that took too long to judge")
            ),
            saves: made!(r, IntCounter::new("crossfade_evidence_saves_total", "Times that evidence was written")),
            routes: RwLock::default(),
            registry,
        };
        let built = IntGaugeVec::new(
            Opts::new("crossfade_build_info", "1, with the release and the digest of the build"),
            &["version", "build"],
        )?;
        metrics.registry.register(Box::new(built.clone()))?;
        built.with_label_values(&[env!("CARGO_PKG_VERSION"), build]).set(1);
        metrics.begin();
        metrics.follow(policy);
        Ok(metrics)
    }

    /// Makes the series of every route of `policy`, so that a rate has a zero to begin at.
    pub fn follow(&self, policy: &Policy) {
        let names: Vec<String> = policy.routes.iter().map(|route| route.name.to_string()).collect();
        let known = std::mem::replace(&mut *self.routes.write().unwrap_or_else(PoisonError::into_inner), names.clone());
        for route in names.iter().filter(|name| !known.contains(name)) {
            for verdict in Verdict::ALL {
                self.comparisons.with_label_values(&[route.as_str(), verdict.name()]);
                self.free.with_label_values(&[route.as_str(), verdict.name()]);
            }
            for reason in Dropped::ALL.map(Dropped::name).into_iter().chain([LOST]) {
                self.losses.with_label_values(&[route.as_str(), reason]);
            }
            for side in ["control", "candidate"] {
                self.decisions.with_label_values(&[route.as_str(), side]);
            }
            self.requests.with_label_values(&[route]);
            self.seam.with_label_values(&[route]);
            self.unaccounted.with_label_values(&[route]);
            self.seeded.with_label_values(&[route]);
            self.stage(route, "off");
            for cause in Cause::WORDS {
                self.rollbacks.with_label_values(&[route.as_str(), cause]);
            }
        }
    }

    fn begin(&self) {
        for reason in ["garbage", "version", "silent", "other_user", "too_many"] {
            self.refused.with_label_values(&[reason]);
        }
        for became in ["stored", "behind", "failed"] {
            self.captured.with_label_values(&[became]);
        }
        for what in ["save", "judge", "capture", "stage_file", "policy", "control", "control_behind"] {
            self.trouble.with_label_values(&[what]);
        }
    }

    fn route<'a>(&self, route: &'a str) -> &'a str {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if routes.iter().any(|known| known == route) { route } else { OTHER }
    }

    /// One exchange, with both verdicts.
    pub fn judged(&self, route: &str, gating: Verdict, free: Verdict) {
        let route = self.route(route);
        self.comparisons.with_label_values(&[route, gating.name()]).inc();
        self.free.with_label_values(&[route, free.name()]).inc();
    }

    /// One exchange that was not judged.
    pub fn not_judged(&self, route: &str, reason: &str) {
        self.not_judged.with_label_values(&[self.route(route), reason]).inc();
    }

    /// One exchange that a known difference has explained. Their names are the policy's.
    pub fn known(&self, route: &str, id: &str) {
        self.known.with_label_values(&[self.route(route), id]).inc();
    }

    /// One exchange with a seeded fault that was found.
    pub fn seeded_found(&self, route: &str) {
        self.seeded.with_label_values(&[self.route(route)]).inc();
    }

    /// How long one side took.
    pub fn decision(&self, route: &str, side: &str, nanos: u64) {
        self.decisions.with_label_values(&[self.route(route), side]).observe(nanos as f64 / 1e9);
    }

    /// What the seam cost.
    pub fn seam(&self, route: &str, nanos: u64) {
        self.seam.with_label_values(&[self.route(route)]).observe(nanos as f64 / 1e9);
    }

    /// Exchanges that did not arrive.
    pub fn losses(&self, route: &str, reason: &str, count: u64) {
        self.losses.with_label_values(&[self.route(route), reason]).inc_by(count);
    }

    /// Requests at the seam.
    pub fn requests(&self, route: &str, count: u64) {
        self.requests.with_label_values(&[self.route(route)]).inc_by(count);
    }

    /// The stage of a route, by its word.
    pub fn stage(&self, route: &str, stage: &str) {
        for word in STAGES {
            self.stages.with_label_values(&[self.route(route), word]).set(i64::from(word == stage));
        }
    }

    /// What the gate rules of a route, and how often it has taken it back.
    pub fn standing(&self, standing: &Standing) {
        let route = self.route(&standing.route);
        for word in Ruling::WORDS {
            self.rulings.with_label_values(&[route, word]).set(i64::from(word == standing.ruling.word()));
        }
        for (cause, &count) in &standing.rollbacks {
            let counter = self.rollbacks.with_label_values(&[route, *cause]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }

    /// What is unaccounted for of a route.
    pub fn unaccounted(&self, route: &str, count: u64) {
        self.unaccounted.with_label_values(&[self.route(route)]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A connection that was closed from this side.
    pub fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// Something went wrong in the sidecar itself.
    pub fn trouble(&self, what: &str) {
        self.trouble.with_label_values(&[what]).inc();
    }

    /// Exchanges of the capture, by what became of them: `stored`, `behind`, `failed`.
    pub fn captured(&self, became: &str) {
        self.captured.with_label_values(&[became]).inc();
    }

    /// All of them, in the text format.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to memory cannot fail, and the families are as they were registered.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }

    /// What the text is, for a header.
    pub fn content_type() -> &'static str {
        prometheus::TEXT_FORMAT
    }
}
