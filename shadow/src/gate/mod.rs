//! What a route has to show before it may move on.
//!
//! | module | what it owns |
//! |---|---|
//! | `sequential` | the test of how many mismatches there can be |
//! | `plan` | what each route needs, and how long that takes at the traffic of a capture |
//! | `facts` | all that a ruling looks at |
//! | `ruling` | promote, hold or roll back |
//! | `missing` | what a route that is held lacks, in words |
//! | `watch` | what has become of a route lately |
//! | `turn` | the gate once a second, in the sidecar |
//! | `time` | times as people read them |

mod facts;
mod missing;
mod plan;
mod ruling;
mod sequential;
mod time;
mod turn;
mod watch;

use std::time::Duration;

use crossfade_core::Policy;
use crossfade_core::policy::Route;
use crossfade_exchange::stage::Stage;

pub use facts::{Clocks, Excess, Facts, Followers, Recent, Tally};
pub use missing::{Lack, Missing, Wait, kind_words};
pub use plan::{Need, Plan, RoutePlan, What, plan};
pub use ruling::{Cause, Ruling, rule};
pub use sequential::{ALPHA, Drift, Sequential};
pub use time::{Time, clock};
pub use turn::{Gate, Standing};
pub use watch::{Slow, Watch};

/// Distinct keys, at least, whose comparisons count. A key brings at most its share of what is needed, so that one busy
/// client does not speak for all.
pub const KEYS: u64 = 20;

/// Comparisons of each kind of outcome that was seen: with none of them wrong, less than 1 % of the kind are, at 95 %.
pub const OF_A_KIND: u64 = 300;

/// The share of mismatches that is ruled out where the policy says none.
const MISMATCH_BELOW: f64 = 1e-3;

/// How long a stage is watched where the policy says nothing: each hour of a day once.
const DWELL: Duration = Duration::from_secs(24 * 3_600);

/// The canary's steps where the policy says none, in basis points: one key in a hundred bounds what a fault can do, one in
/// ten shows what only load shows.
const CANARY: [u16; 2] = [100, 1_000];

/// What a route's gate asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// The test that has to be passed.
    pub test: Sequential,
    /// How long a stage is watched, at least.
    pub dwell: Duration,
    /// Shares of the canary's steps in basis points, rising.
    pub canary: Box<[u16]>,
}

impl Thresholds {
    /// Those of a route: of its policy, else the built-in ones. A stage is never watched for less than two of its longest
    /// windows, as a window that is wrong shows at its end.
    pub fn of(policy: &Policy, route: &Route) -> Self {
        let windows = route.limits.iter().map(|&id| policy.limit(id)).filter(|limit| !limit.strategy.is_concurrent());
        let longest = windows.map(|limit| limit.rate.window()).max().unwrap_or(0);
        let dwell = route.gate.dwell.unwrap_or(DWELL).max(Duration::from_secs(longest.saturating_mul(2)));
        let test = Sequential::new(route.gate.mismatch_below.unwrap_or(MISMATCH_BELOW));
        Self { test, dwell, canary: route.gate.canary.clone().unwrap_or_else(|| CANARY.into()) }
    }

    /// The step after `stage`; `None`: it is the last.
    pub fn next(&self, stage: Stage) -> Option<Stage> {
        let canary = self.canary.iter().map(|&points| Stage::Canary(points));
        std::iter::once(Stage::Shadow).chain(canary).chain([Stage::Live]).find(|&next| next > stage)
    }

    /// Comparisons that one key may bring.
    pub fn most_of_a_key(&self) -> u64 {
        self.test.needed(0, 0).div_ceil(KEYS)
    }
}
