//! Checks that are watched before they bite.

use std::collections::BTreeSet;
use std::ops::Deref;

use crate::outcome::{Reason, Stop};
use crate::policy::RuleId;

/// How far a check or a rule is rolled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Rollout {
    /// It has no effect; what it would have done is a remark.
    Observe,
    /// The same, and the remark goes with the request to the service.
    Warn,
    /// It acts.
    #[default]
    Enforce,
}

/// What a check would have done if it were enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remark {
    /// The code of the refusal or of what is outside; `changed` for a value that a rule would have rewritten.
    pub code: &'static str,
    /// The field rule that made it, if one did.
    pub rule: Option<RuleId>,
    /// Never `Enforce`.
    pub rollout: Rollout,
}

/// What was remarked of one request: each code of each rule once, in the order in which they fired first. So a request
/// cannot make more remarks than its policy has rules and checks.
#[derive(Debug, Clone, Default)]
pub struct Remarks {
    list: Vec<Remark>,
    known: BTreeSet<(&'static str, Option<RuleId>)>,
}

impl Remarks {
    /// Adds a remark, unless it was made before.
    pub fn push(&mut self, remark: Remark) {
        if self.known.insert((remark.code, remark.rule)) {
            self.list.push(remark);
        }
    }

    /// Forgets all but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        for remark in self.list.drain(len.min(self.list.len())..) {
            self.known.remove(&(remark.code, remark.rule));
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.list.clear();
        self.known.clear();
    }
}

impl Deref for Remarks {
    type Target = [Remark];

    fn deref(&self) -> &[Remark] {
        &self.list
    }
}

/// The checks of a route that are not enforced, by code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollouts {
    /// Sorted by code; nothing in it is enforced.
    pub(crate) watched: Vec<(&'static str, Rollout)>,
}

impl Rollouts {
    /// Every check of the request as a whole, rolled out alike: for finding out what each would do.
    pub fn all(rollout: Rollout) -> Self {
        let mut watched: Vec<_> = crate::codes::rolled_out().map(|code| (code, rollout)).collect();
        watched.retain(|(_, rollout)| *rollout != Rollout::Enforce);
        watched.sort_unstable();
        Self { watched }
    }

    /// How far the check with this code is rolled out.
    pub fn of(&self, code: &str) -> Rollout {
        match self.watched.binary_search_by(|(known, _)| (*known).cmp(code)) {
            Ok(found) => self.watched[found].1,
            Err(_) => Rollout::Enforce,
        }
    }

    /// The checks that are not enforced, in the order of their codes.
    pub fn watched(&self) -> impl Iterator<Item = (&'static str, Rollout)> {
        self.watched.iter().copied()
    }
}

/// The checks of one part of a request: where a step says that one fired.
#[derive(Debug)]
pub struct Checks<'a> {
    rollouts: &'a Rollouts,
    remarks: &'a mut Remarks,
}

impl<'a> Checks<'a> {
    /// Checks that are rolled out as `rollouts` says and leave their remarks in `remarks`.
    pub fn new(rollouts: &'a Rollouts, remarks: &'a mut Remarks) -> Self {
        Self { rollouts, remarks }
    }

    /// A check fired. `Ok`: it is not enforced, the remark is made, and the step goes on as if it did not exist.
    ///
    /// # Errors
    ///
    /// The same stop, if the check is enforced. What a field's rule found is rolled out by the rule, not here.
    #[cold]
    pub fn fired(&mut self, stop: Stop) -> Result<(), Stop> {
        let code = match stop {
            Stop::Outside { why, rule: None } => why,
            Stop::Invalid(reason) if reason.rule.is_none() => reason.code,
            Stop::Outside { .. } | Stop::Invalid(_) => return Err(stop),
        };
        match self.rollouts.of(code) {
            Rollout::Enforce => Err(stop),
            rollout => {
                self.remarks.push(Remark { code, rule: None, rollout });
                Ok(())
            }
        }
    }

    /// [`fired`](Self::fired) for what is outside the grammar.
    ///
    /// # Errors
    ///
    /// As above.
    #[cold]
    pub fn outside(&mut self, why: &'static str) -> Result<(), Stop> {
        self.fired(Stop::outside(why))
    }

    /// [`fired`](Self::fired) for what the policy forbids.
    ///
    /// # Errors
    ///
    /// As above.
    #[cold]
    pub fn refuse(&mut self, code: &'static str) -> Result<(), Stop> {
        self.fired(Reason::whole(code).into())
    }
}
