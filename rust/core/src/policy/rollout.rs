//! `[route.rollout]`: which checks are watched before they bite.

use super::file::Item;
use super::suggest;
use crate::codes;
use crate::rollout::{Rollout, Rollouts};

/// How far something is rolled out.
pub(super) fn rollout(item: &Item<'_>) -> Option<Rollout> {
    item.choice(&[("observe", Rollout::Observe), ("warn", Rollout::Warn), ("enforce", Rollout::Enforce)])
}

/// What was said of checks, by code.
#[derive(Debug, Clone, Default)]
pub(super) struct RolloutKeys(Vec<(&'static str, Rollout)>);

impl RolloutKeys {
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let section = item.section(format!("{}, rollout", item.place))?;
        let mut said = Vec::new();
        for item in section.entries() {
            let Some(code) = codes::rolled_out().find(|code| *code == item.key) else {
                complain(item);
                continue;
            };
            said.extend(rollout(item).map(|rollout| (code, rollout)));
        }
        Some(Self(said))
    }

    /// What holds where these are the defaults and `route` says more: code by code.
    pub(super) fn overridden_by(&self, route: Self) -> Self {
        let mut said = route.0;
        let kept = self.0.iter().filter(|(code, _)| !said.iter().any(|(known, _)| known == code));
        let kept: Vec<_> = kept.copied().collect();
        said.extend(kept);
        Self(said)
    }

    pub(super) fn into_rollouts(self) -> Rollouts {
        let mut watched = self.0;
        watched.retain(|(_, rollout)| *rollout != Rollout::Enforce);
        watched.sort_unstable_by_key(|(code, _)| *code);
        Rollouts { watched }
    }
}

fn complain(item: &Item<'_>) {
    let of_a_field =
        codes::FIELD_REFUSALS.contains(&item.key) || codes::OUTSIDE.iter().any(|(code, _)| *code == item.key);
    let advice = if of_a_field {
        "a field's rule is rolled out as a whole: write rollout = \"observe\" beside its operation".to_owned()
    } else {
        let known: Vec<&'static str> = codes::rolled_out().collect();
        match suggest::nearest(item.key, &known) {
            Some(code) => format!("did you mean \"{code}\"?"),
            None => "use a code of a check from the chapters in docs/policy, for example \"path.encoded_reserved\""
                .to_owned(),
        }
    };
    let what = if of_a_field { "is the code of a field" } else { "is no code of a check" };
    item.file.complain(item.at, format!("{}: \"{}\" {what}", item.place, item.key.escape_debug()), advice);
}
