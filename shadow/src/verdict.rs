//! One verdict for one exchange.

use std::collections::BTreeMap;

use crossfade_core::policy::Route;
use crossfade_exchange::{Observation, Outcome, Request};
use serde::{Deserialize, Serialize};

use crate::compare::{Difference, Kind, Unreported, Value, compare, unreported};
use crate::known::{self, Day};

/// How an exchange ended. Every exchange ends in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that both sides report is equal.
    Match,
    /// Something differs, and nobody answers for it.
    Mismatch,
    /// Something differs, and a known difference explains all of it.
    Known,
    /// The sides read the clock on two sides of a window's edge. Never in a replay.
    Edge,
    /// The candidate left it to the control.
    Unsupported,
    /// There was nothing to compare, or not enough was reported.
    NotJudged,
    /// The candidate panicked.
    Failed,
    /// The exchange was lost before it was compared. Never in a replay.
    Dropped,
}

impl Verdict {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::Match,
        Self::Mismatch,
        Self::Known,
        Self::Edge,
        Self::Unsupported,
        Self::NotJudged,
        Self::Failed,
        Self::Dropped,
    ];

    /// The word in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::Known => "known",
            Self::Edge => "edge",
            Self::Unsupported => "unsupported",
            Self::NotJudged => "not_judged",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Whether the exchange says something about the candidate.
    pub fn is_judged(self) -> bool {
        matches!(self, Self::Match | Self::Mismatch | Self::Known | Self::Failed)
    }

    /// Whether somebody has to look at it before the route may move.
    pub fn is_unexplained(self) -> bool {
        matches!(self, Self::Mismatch | Self::Failed)
    }
}

/// How many exchanges ended in each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdicts([u64; Verdict::ALL.len()]);

impl Verdicts {
    /// Counts one exchange.
    pub fn add(&mut self, verdict: Verdict) {
        self.0[verdict as usize] += 1;
    }

    /// Adds the counts of `other`.
    pub fn join(&mut self, other: &Self) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            *mine += more;
        }
    }

    /// How many ended in `verdict`.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0[verdict as usize]
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many say something about the candidate.
    pub fn judged(&self) -> u64 {
        Verdict::ALL.into_iter().filter(|v| v.is_judged()).map(|v| self.of(v)).sum()
    }

    /// How many somebody has to look at.
    pub fn unexplained(&self) -> u64 {
        Verdict::ALL.into_iter().filter(|v| v.is_unexplained()).map(|v| self.of(v)).sum()
    }
}

impl<'de> Deserialize<'de> for Verdicts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A name that this build does not know is of another one: its count is nobody's here.
        let named = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let of = |verdict: Verdict| named.get(verdict.name()).copied().unwrap_or(0);
        Ok(Self(Verdict::ALL.map(of)))
    }
}

impl Serialize for Verdicts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Verdict::ALL.into_iter().map(|verdict| (verdict.name(), self.of(verdict))))
    }
}

/// Why an exchange was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotJudged {
    /// It belongs to no route.
    PassedThrough,
    /// The capture has not kept the body.
    BodyNotKept,
    /// The route has no control, or none was given.
    NoControl,
    /// The control answered outside what the policy speaks of (401, 403, 404).
    Outside,
    /// The route has limits, and a side does not report what it counted.
    ChargesNotReported,
}

impl NotJudged {
    /// The word in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Self::PassedThrough => "passed_through",
            Self::BodyNotKept => "body_not_kept",
            Self::NoControl => "no_control",
            Self::Outside => "outside",
            Self::ChargesNotReported => "charges_not_reported",
        }
    }

    /// The words in tables.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::PassedThrough => "passed through",
            Self::BodyNotKept => "body not kept in the capture",
            Self::NoControl => "no control",
            Self::Outside => "the control's own answer (401, 403, 404)",
            Self::ChargesNotReported => "charges not reported",
        }
    }
}

/// Counts by reason.
pub type Reasons = BTreeMap<NotJudged, u64>;

/// A verdict with what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What differs; for `Known`, `Mismatch` and `Failed`.
    pub differences: Vec<Difference>,
    /// For each of `differences`, the known differences that cover it, by position in the route; expired ones too.
    pub known: Vec<Vec<usize>>,
    /// For `NotJudged`.
    pub reason: Option<NotJudged>,
    /// What was equal only because it was not looked at.
    pub unreported: Unreported,
}

impl Judgement {
    /// A verdict that needs no comparison.
    pub fn without_comparison(verdict: Verdict, reason: Option<NotJudged>) -> Self {
        Self { verdict, differences: Vec::new(), known: Vec::new(), reason, unreported: Unreported::default() }
    }
}

/// Judges one exchange of `route`; `control` is `None` where the route has none.
pub fn judge(
    route: &Route,
    request: &Request,
    control: Option<&Observation>,
    candidate: &Observation,
    today: &Day,
) -> Judgement {
    let bare = Judgement::without_comparison;
    if let Some(message) = &candidate.failed {
        let panic = Value::Bytes(message.clone().into_bytes());
        let failure = Difference::new("candidate", Kind::Failed, Value::Absent, panic);
        return Judgement { differences: vec![failure], known: vec![Vec::new()], ..bare(Verdict::Failed, None) };
    }
    if candidate.unsupported.is_some() {
        return bare(Verdict::Unsupported, None);
    }
    let Some(control) = control else { return bare(Verdict::NotJudged, Some(NotJudged::NoControl)) };
    if matches!(control.outcome, Some(Outcome::Outside { .. })) {
        return bare(Verdict::NotJudged, Some(NotJudged::Outside));
    }
    weigh(route, compare(route, request, control, candidate), unreported(control, candidate), today)
}

/// The verdict on what two sides of an exchange of `route` differ in.
pub fn weigh(route: &Route, differences: Vec<Difference>, unreported: Unreported, today: &Day) -> Judgement {
    if differences.is_empty() {
        // Silence about charges is no match where there is something to charge.
        let silent = unreported.charges && !route.limits.is_empty();
        let (verdict, reason) =
            if silent { (Verdict::NotJudged, Some(NotJudged::ChargesNotReported)) } else { (Verdict::Match, None) };
        return Judgement { unreported, ..Judgement::without_comparison(verdict, reason) };
    }
    let cover = |difference: &Difference| -> Vec<usize> {
        let known = route.known_differences.iter().enumerate();
        known.filter(|(_, known)| known::covers(known, difference)).map(|(index, _)| index).collect()
    };
    let known: Vec<Vec<usize>> = differences.iter().map(cover).collect();
    let live = |index: &usize| !known::expired(&route.known_differences[*index], today);
    let explained = known.iter().all(|covers| covers.iter().any(live));
    let verdict = if explained { Verdict::Known } else { Verdict::Mismatch };
    Judgement { verdict, differences, known, reason: None, unreported }
}
