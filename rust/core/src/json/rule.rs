//! What a field rule does to the value, or to the absence, that the pass has just met.

use std::ops::Range;

use super::run::{Mark, Runs};
use super::string::{self, Token};
use super::style::Style;
use super::walk::Walk;
use crate::field::{Answer, Op, Scalar};
use crate::policy::{FieldNode, FieldRule, Misfit};

/// Buffers for texts that are not in the input.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// A string after its escapes were read.
    pub(super) decoded: String,
    /// The new value that an operation gave.
    pub(super) value: String,
}

impl<'a> Walk<'a> {
    /// Applies rule `rule` to a string; `mark` is the output before it.
    pub(super) fn apply_to_string<S: Style>(&mut self, rule: usize, token: Token, mark: Mark) {
        // Lent out for the call: `apply` borrows the rest.
        let mut buffer = std::mem::take(&mut self.texts.decoded);
        let value = string::decode(self.text, token, &mut buffer);
        self.apply::<S>(rule, Scalar::String(value), token.start - 1..token.end + 1, mark);
        self.texts.decoded = buffer;
    }

    /// Applies rule `rule` to the scalar that stands at `span`; `mark` is the output before it.
    pub(super) fn apply<S: Style>(&mut self, rule: usize, scalar: Scalar<'_>, span: Range<usize>, mark: Mark) {
        if self.findings.is_outside() {
            return; // the control judges, or nobody: what rules say no longer matters
        }
        let rule = &self.policy.fields[rule];
        let value = &mut self.texts.value;
        value.clear();
        match rule.op.apply(scalar, value) {
            Answer::Same | Answer::Kept(_) => {}
            Answer::String if !S::REWRITES || scalar == Scalar::String(value) => {}
            Answer::String => {
                self.runs.back_to(mark);
                self.runs.close(span.start);
                self.runs.push_string::<S>(value);
                self.runs.open(span.end);
                self.exercised.push(rule.id);
            }
            Answer::Literal if !S::REWRITES || is_literal(scalar, value) => {}
            Answer::Literal => {
                self.runs.back_to(mark);
                self.runs.replace(span.start, span.end, value.as_bytes());
                self.exercised.push(rule.id);
            }
            Answer::WrongType => self.refuse(rule, rule.wrong_type, "wrong_type"),
            Answer::Invalid(code) => self.refuse(rule, rule.invalid, code),
            Answer::Unsupported(code) => self.findings.unsupported(rule.id, code),
        }
    }

    /// A rule for a scalar meets an object or an array.
    pub(super) fn apply_to_container(&mut self, rule: usize) {
        let rule = &self.policy.fields[rule];
        if rule.op != Op::Nothing {
            self.refuse(rule, rule.wrong_type, "wrong_type");
        }
    }

    /// Refuses or adds the expected members of the object that ends at `end`, its closing brace, that were not seen.
    pub(super) fn add_absent<S: Style>(&mut self, node: &'a FieldNode, end: usize, seen: usize, mut is_empty: bool) {
        for (position, &rule) in node.expected.iter().enumerate() {
            if self.seen[seen + position] {
                continue;
            }
            let rule = &self.policy.fields[rule];
            if rule.required {
                self.findings.refuse(rule.id, "missing");
            }
            if let Some(default) = &rule.default
                && S::REWRITES
            {
                self.runs.close(end);
                if !is_empty {
                    self.runs.push(S::COMMA);
                }
                self.runs.push_string::<S>(&rule.name);
                self.runs.push(S::COLON);
                self.write_document::<S>(default);
                self.exercised.push(rule.id);
                is_empty = false;
            }
        }
    }

    /// Writes a whole JSON text, which the policy has checked, in style `S`.
    fn write_document<S: Style>(&mut self, text: &str) {
        let mut walk = Walk {
            policy: self.policy,
            text,
            runs: Runs::new(text.as_bytes(), self.runs.output()),
            names: self.names,
            seen: self.seen,
            texts: self.texts,
            exercised: self.exercised,
            findings: Default::default(),
        };
        let read = walk.document::<S>(None);
        debug_assert_eq!(read, Ok(()), "the default {text} is JSON");
        walk.runs.close(text.len());
    }

    fn refuse(&mut self, rule: &FieldRule, misfit: Misfit, code: &'static str) {
        if misfit == Misfit::Reject {
            self.findings.refuse(rule.id, code);
        }
    }
}

/// Whether `literal` is how `scalar` is written.
fn is_literal(scalar: Scalar<'_>, literal: &str) -> bool {
    match scalar {
        Scalar::Number(text) => text == literal,
        Scalar::Bool(value) => literal == if value { "true" } else { "false" },
        Scalar::Null => literal == "null",
        Scalar::String(_) => false,
    }
}
