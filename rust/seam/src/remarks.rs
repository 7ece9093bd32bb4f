//! What checks would have done that are not enforced yet, counted by code and field.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crossfade_core::policy::RuleId;
use crossfade_core::rollout::Remark;

/// Counts of one route. Codes are the policy's, so there are few.
#[derive(Debug, Default)]
pub struct Remarks {
    // Held for an addition only, and by nobody across a fork: a forked child starts with counts of its own.
    counts: Mutex<BTreeMap<(&'static str, Option<RuleId>), u64>>,
}

impl Remarks {
    /// Adds what one decision remarked.
    pub fn add(&self, remarks: &[Remark]) {
        if remarks.is_empty() {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for remark in remarks {
            *counts.entry((remark.code, remark.rule)).or_default() += 1;
        }
    }

    /// Code, rule and count, by code.
    pub fn list(&self) -> Vec<(&'static str, Option<RuleId>, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(&(code, rule), &count)| (code, rule, count)).collect()
    }
}
