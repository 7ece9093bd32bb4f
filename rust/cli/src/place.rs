//! Where the policy and the stages are, and all that a command reads there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use crossfade_core::Policy;
use crossfade_core::policy::Route;
use crossfade_exchange::stage::{Row, Stages};
use crossfade_exchange::stage_file::{self, StageError};
use crossfade_exchange::workers::{self, Worker};
use crossfade_seam::engine::clock_micros;
use crossfade_shadow::evidence::{self, Book, Evidence};
use crossfade_shadow::gate::{Clocks, Facts, Ruling, Thresholds, rule};

/// Where the policy and the stages are.
#[derive(Debug, Args)]
pub struct Place {
    /// The policy file
    #[arg(long, value_name = "FILE", env = "CROSSFADE_POLICY", default_value = "crossfade.toml")]
    pub policy: PathBuf,
    /// The state directory [default: .crossfade beside the policy]
    #[arg(long, value_name = "DIR", env = "CROSSFADE_STATE")]
    pub state: Option<PathBuf>,
}

impl Place {
    /// The state directory.
    pub fn state(&self) -> PathBuf {
        match &self.state {
            Some(state) => state.clone(),
            None => self.policy.parent().unwrap_or(Path::new("")).join(".crossfade"),
        }
    }

    /// The policy.
    pub fn policy(&self) -> Result<Policy, String> {
        let name = self.policy.display().to_string();
        let text = fs::read_to_string(&self.policy).map_err(|error| format!("{name}: {error}"))?;
        Policy::parse(&name, &text).map_err(|errors| errors.to_string())
    }

    /// All that there is, read once. `policy` is that of this place.
    pub fn look(&self, policy: Policy) -> Look {
        let state = self.state();
        let (stages, stage_trouble) = match stage_file::read(&state) {
            Ok(stages) => (stages, None),
            Err(StageError::Missing) => (Stages::default(), None),
            Err(error) => (Stages::default(), Some(error)),
        };
        let book = Book::read(&state.join(evidence::FILE));
        let read = book.and_then(|book| book.map(|book| book.load()).transpose());
        let (evidence, evidence_trouble) = match read {
            Ok(evidence) => (evidence, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let workers = workers::present(&state);
        Look { policy, state, stages, stage_trouble, workers, evidence, evidence_trouble, now: clock_micros() }
    }
}

/// All that a command looks at.
pub struct Look {
    /// The policy.
    pub policy: Policy,
    /// The state directory.
    pub state: PathBuf,
    /// The stages; none where they cannot be read.
    pub stages: Stages,
    /// Why they cannot.
    pub stage_trouble: Option<StageError>,
    /// The workers that are there.
    pub workers: Vec<Worker>,
    /// The evidence; `None`: no sidecar has written any.
    pub evidence: Option<Evidence>,
    /// Why it cannot be read.
    pub evidence_trouble: Option<String>,
    /// This machine's clock, in microseconds since the epoch.
    pub now: u64,
}

impl Look {
    /// The row of a route.
    pub fn row(&self, route: &Route) -> Option<&Row> {
        self.stages.routes.get(&*route.name)
    }

    /// What the gate looks at.
    pub fn facts(&self, route: &Route) -> Facts {
        let evidence = self.evidence.as_ref().map(|evidence| (evidence, Clocks::of(evidence, self.now)));
        Facts::gather(route, self.row(route), &self.workers, evidence)
    }

    /// What a route's gate asks for.
    pub fn thresholds(&self, route: &Route) -> Thresholds {
        Thresholds::of(&self.policy, route)
    }

    /// What the gate says.
    pub fn ruling(&self, route: &Route, facts: &Facts) -> Ruling {
        rule(&self.thresholds(route), facts)
    }
}

/// That there is no such route, and which there are.
pub fn no_route(policy: &Policy, name: &str) -> String {
    let names: Vec<&str> = policy.routes.iter().map(|route| &*route.name).collect();
    format!("there is no route {name:?}; the policy has {}", names.join(", "))
}

/// The beginning of a digest, as people compare it.
pub fn short(digest: &str) -> &str {
    digest.get(..4).unwrap_or(digest)
}

/// Who runs this.
pub fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned())
}
