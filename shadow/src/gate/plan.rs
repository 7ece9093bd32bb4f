//! What each route needs before it may move on, and how long that takes at the traffic of a capture.

use std::collections::{BTreeMap, HashMap};

use crossfade_core::Policy;
use crossfade_exchange::Exchange;
use crossfade_store::Memory;
use serde::Serialize;

use super::{KEYS, OF_A_KIND, Thresholds};
use crate::replay::{self, Options, Progress};

/// The longest time without an exchange that counts as the service's, in microseconds: a longer one is between recordings
/// that were put together.
const A_DAY: u64 = 86_400_000_000;

/// The plan of all routes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Seconds of traffic, from the first exchange to the last, without gaps of more than a day.
    pub seconds: f64,
    /// Route by route, in the order of the policy.
    pub routes: Vec<RoutePlan>,
}

/// The plan of one route.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutePlan {
    /// Its name.
    pub route: String,
    /// Its exchanges in the capture.
    pub exchanges: u64,
    /// Those that can be compared: the candidate judges them.
    pub comparable: u64,
    /// How many keys they have.
    pub keys: u64,
    /// The share of mismatches that has to be ruled out.
    pub mismatch_below: f64,
    /// What is needed, the longest first.
    pub needs: Vec<Need>,
}

/// One thing that a route needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Need {
    /// What.
    pub what: What,
    /// Of kinds and comparisons, how many; of the dwell, seconds.
    pub needed: u64,
    /// Seconds that it takes at this traffic; `None`: this traffic never brings it.
    pub seconds: Option<f64>,
}

/// What can be needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Comparisons that match, of [`KEYS`] keys at least.
    Comparisons,
    /// Comparisons of one kind of outcome.
    Kind(String),
    /// Time that the stage is watched.
    Dwell,
}

impl RoutePlan {
    /// Seconds until the gate can open; `None`: it never does.
    pub fn seconds(&self) -> Option<f64> {
        self.needs.iter().map(|need| need.seconds).try_fold(0.0, |most: f64, seconds| Some(most.max(seconds?)))
    }
}

/// Plans by what the candidate alone makes of a capture.
///
/// # Errors
///
/// Those of a replay.
pub fn plan(
    policy: &Policy,
    exchanges: Vec<Exchange>,
    options: &Options,
    progress: &Progress,
) -> Result<Plan, replay::Error> {
    let limiter = || Memory::new(policy.store.max_keys());
    replay::run_whole(policy, exchanges, options, limiter, progress, |run| {
        let times: Vec<u64> = run.capture.exchanges.iter().map(|prepared| prepared.exchange.received_at).collect();
        let gaps = times.windows(2).map(|two| two[1] - two[0]).filter(|&gap| gap <= A_DAY);
        // Of one exchange no rate can be told: it is taken for a second's.
        let seconds = (gaps.sum::<u64>() as f64 / 1e6).max(1.0);
        let mut traffic: Vec<Traffic> = policy.routes.iter().map(|_| Traffic::default()).collect();
        for (prepared, judged) in run.capture.exchanges.iter().zip(&run.judged) {
            if let Some(route) = prepared.route {
                traffic[usize::from(route.0)].add(prepared.who, judged.candidate.as_ref().map(|(name, _)| &**name));
            }
        }
        let routes = policy.routes.iter().zip(traffic);
        let routes = routes.map(|(route, traffic)| traffic.plan(&route.name, &Thresholds::of(policy, route), seconds));
        Ok(Plan { seconds, routes: routes.collect() })
    })
}

/// What a capture has of one route.
#[derive(Debug, Default)]
struct Traffic {
    exchanges: u64,
    /// Comparable exchanges by key, and by kind.
    keys: HashMap<u64, u64>,
    kinds: BTreeMap<String, u64>,
}

impl Traffic {
    fn add(&mut self, who: u64, outcome: Option<&str>) {
        self.exchanges += 1;
        if let Some(outcome) = outcome.filter(|outcome| !outcome.starts_with("unsupported:")) {
            *self.keys.entry(who).or_default() += 1;
            *self.kinds.entry(outcome.to_owned()).or_default() += 1;
        }
    }

    fn plan(self, route: &str, thresholds: &Thresholds, seconds: f64) -> RoutePlan {
        let needed = thresholds.test.needed(0, 0);
        let counts = self.keys.values().copied().collect();
        let times = times_over(counts, thresholds.most_of_a_key(), needed);
        let mut needs = vec![
            Need { what: What::Comparisons, needed, seconds: times.map(|times| times * seconds) },
            Need {
                what: What::Dwell,
                needed: thresholds.dwell.as_secs(),
                seconds: Some(thresholds.dwell.as_secs_f64()),
            },
        ];
        needs.extend(self.kinds.iter().map(|(kind, &seen)| {
            let time = seconds * OF_A_KIND as f64 / seen as f64;
            Need { what: What::Kind(kind.clone()), needed: OF_A_KIND, seconds: Some(time) }
        }));
        let length = |need: &Need| need.seconds.unwrap_or(f64::INFINITY);
        needs.sort_by(|a, b| length(b).total_cmp(&length(a)));
        RoutePlan {
            route: route.to_owned(),
            exchanges: self.exchanges,
            comparable: self.keys.values().sum(),
            keys: self.keys.len() as u64,
            mismatch_below: thresholds.test.below(),
            needs,
        }
    }
}

/// How many times over a capture's traffic has to come until there are `needed` comparisons, if each key brings at most
/// `most` of them and the same keys come again. `None`: there are too few keys for that, [`KEYS`] at least.
fn times_over(mut counts: Vec<u64>, most: u64, needed: u64) -> Option<f64> {
    if (counts.len() as u64) < KEYS {
        return None;
    }
    counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
    let (mut full, mut rest) = (0, counts.iter().sum::<u64>());
    for count in counts {
        // The busier keys have brought all that they may.
        let times = needed.saturating_sub(full) as f64 / rest as f64;
        if times * count as f64 <= most as f64 {
            return Some(times);
        }
        (full, rest) = (full + most, rest - count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The traffic that is said brings the comparisons, and a thousandth less does not.
    #[test]
    fn traffic_brings_what_is_needed() {
        for (counts, most) in [
            (vec![1; 20], 256),
            (vec![500; 21], 256),
            ((1..200).collect::<Vec<u64>>(), 256),
            (vec![1_000_000; 20], 256),
        ] {
            let needed = most * KEYS - 5;
            let times = times_over(counts.clone(), most, needed).expect("enough keys");
            let brought = |times: f64| counts.iter().map(|&count| (times * count as f64).min(most as f64)).sum::<f64>();
            assert!(brought(times) >= needed as f64 - 1e-6, "{counts:?}");
            assert!(brought(times * 0.999) < needed as f64, "{counts:?}");
        }
        assert_eq!(times_over(vec![1_000_000; 19], 256, 5_115), None);
        assert_eq!(times_over(Vec::new(), 256, 5_115), None);
    }
}
