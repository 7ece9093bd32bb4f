//! Whether the members that rules speak of are there, and under which name.

use super::run::Runs;
use super::style::Style;
use super::walk::Walk;
use crate::body::judge;
use crate::policy::{FieldNode, FieldRule};
use crate::rollout::{Remark, Rollout};

/// The names under which an expected member was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    by_own_name: bool,
    by_new_name: bool,
}

impl<'a> Walk<'a> {
    /// The value of a member with `rule` was read, under its new name or its own: whether the member stays. One that
    /// would be left out is absent even where the rule is not enforced.
    #[inline]
    pub(super) fn settle<S: Style>(&mut self, rule: usize, slot: Option<usize>, is_new_name: bool) -> bool {
        let rule = &self.policy.fields[rule];
        let is_absent = std::mem::take(&mut self.is_left_out) || rule.drop;
        if is_absent {
            self.did(rule, "dropped");
            return rule.rollout != Rollout::Enforce || !S::REWRITES;
        }
        if rule.rename.is_some() && !is_new_name {
            self.did(rule, "renamed");
        }
        if let Some(seen) = slot.and_then(|slot| self.seen.get_mut(slot)) {
            seen.by_new_name |= is_new_name;
            seen.by_own_name |= !is_new_name;
        }
        true
    }

    /// Judges the expected members of the object that ends at `end`, its closing brace: refuses, or adds what is absent.
    pub(super) fn judge_presence<S: Style>(
        &mut self,
        node: &'a FieldNode,
        end: usize,
        seen: usize,
        mut is_empty: bool,
    ) {
        for (position, &rule) in node.expected.iter().enumerate() {
            let Seen { by_own_name, by_new_name } = self.seen[seen + position];
            let rule = &self.policy.fields[rule];
            if by_own_name && by_new_name {
                self.refuse(rule, "rename_conflict");
            }
            if by_own_name || by_new_name {
                continue;
            }
            if rule.required {
                self.refuse(rule, "missing");
            }
            if let Some(default) = &rule.default
                && S::REWRITES
            {
                self.did(rule, "added");
                if rule.rollout == Rollout::Enforce {
                    self.add::<S>(rule, default, end, is_empty);
                    is_empty = false;
                }
            }
        }
    }

    /// Adds a member at the end of the object whose closing brace is at `end`.
    fn add<S: Style>(&mut self, rule: &FieldRule, default: &str, end: usize, is_empty: bool) {
        let name = rule.rename.as_deref().unwrap_or(&rule.name);
        self.runs.close(end);
        if !is_empty {
            self.runs.push(S::COMMA);
        }
        let begun = S::SORT.map(|_| self.shape.begin(name.as_bytes(), self.runs.position(end)));
        self.runs.push_string::<S>(name);
        self.runs.push(S::COLON);
        self.write_document::<S>(default);
        if let Some(begun) = begun {
            self.shape.end(begun, self.runs.position(end));
        }
    }

    /// Writes a whole JSON text, which the policy has checked, in style `S`.
    fn write_document<S: Style>(&mut self, text: &str) {
        let mut walk = Walk {
            policy: self.policy,
            text,
            longest: usize::MAX,
            runs: Runs::new(text.as_bytes(), self.runs.output()),
            names: self.names,
            seen: self.seen,
            texts: self.texts,
            shape: self.shape,
            exercised: self.exercised,
            remarks: self.remarks,
            findings: self.findings.nested(),
            is_left_out: false,
        };
        let read = walk.document::<S>(None);
        debug_assert_eq!(read, Ok(()), "the default {text} is JSON");
        walk.runs.close(text.len());
    }

    /// An enforced rule did something; another one would have, and `code` says what.
    pub(super) fn did(&mut self, rule: &FieldRule, code: &'static str) {
        judge::did(rule, code, self.exercised, self.remarks);
    }

    /// An enforced rule refuses with `code`; another one would have.
    pub(super) fn refuse(&mut self, rule: &FieldRule, code: &'static str) {
        match rule.rollout {
            Rollout::Enforce => self.findings.refuse(rule.id, code),
            rollout => self.remarks.push(Remark { code, rule: Some(rule.id), rollout }),
        }
    }
}
