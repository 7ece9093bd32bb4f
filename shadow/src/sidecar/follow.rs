//! The policy file, when it changes: workers follow it, so the judges have to.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crossfade_core::Policy;

use super::Options;
use super::arrival::Desk;
use super::judge::Case;
use super::metrics::Metrics;

/// Looks at the policy file.
pub struct Follow {
    path: PathBuf,
    build: String,
    show_values: bool,
    /// What it held when it was looked at last.
    text: Option<String>,
    desk: Desk,
    metrics: Arc<Metrics>,
}

impl Follow {
    /// Takes what the file holds now for what the judges go by.
    pub fn new(options: &Options, desk: Desk, metrics: Arc<Metrics>) -> Self {
        let path = options.policy.clone();
        let text = fs::read_to_string(&path).ok();
        Self { path, build: options.build.clone(), show_values: options.show_values, text, desk, metrics }
    }

    /// Tells the judges if it has changed. One that is no policy leaves the last good one, counted.
    pub fn look(&mut self) {
        let Ok(text) = fs::read_to_string(&self.path) else { return };
        if self.text.as_ref() == Some(&text) {
            return;
        }
        match Policy::parse(&self.path.display().to_string(), &text) {
            Ok(policy) => {
                tracing::info!(event = "policy_changed", path = %self.path.display());
                self.metrics.follow(&policy);
                self.desk.change(&Arc::new(Case::new(policy, self.build.clone(), self.show_values)));
            }
            Err(errors) => {
                self.metrics.trouble("policy");
                tracing::error!(event = "policy_unusable", %errors);
            }
        }
        self.text = Some(text);
    }
}
