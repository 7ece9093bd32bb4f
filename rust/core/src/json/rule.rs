//! What a field rule does to the value that the pass has just met.

use std::ops::Range;

use super::ecmascript;
use super::finding::Note;
use super::run::Mark;
use super::string::{self, Token};
use super::style::Style;
use super::walk::Walk;
use crate::body::judge::{Verdict, judge, kept};
use crate::field::{Op, Scalar};
use crate::policy::{FieldRule, Misfit};
use crate::rollout::{Remark, Rollout};

/// Buffers for texts that are not in the input.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// A string after its escapes were read.
    pub(super) decoded: String,
    /// The new value that an operation gave.
    value: String,
    /// A number as ECMAScript writes it.
    number: String,
    /// The same of the new value.
    new_number: String,
}

impl Texts {
    /// Empties them and gives back memory that only an unusual body needed.
    pub(super) fn clear(&mut self, keep: usize) {
        // Numbers are at most some hundred bytes long.
        for text in [&mut self.decoded, &mut self.value] {
            text.clear();
            text.shrink_to(keep);
        }
    }
}

/// What a rule puts in the place of a value.
#[derive(Clone, Copy)]
enum New<'t> {
    /// A string, decoded.
    String(&'t str),
    /// A JSON literal.
    Literal(&'t str),
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

    /// Writes a number in style `S`, which is ECMAScript's, after its rule, if it has one, has seen it in that form.
    #[inline(never)]
    pub(super) fn ecmascript_number<S: Style>(&mut self, span: Range<usize>, rule: Option<usize>) {
        let mark = self.runs.mark();
        let literal = &self.text[span.clone()];
        let mut form = std::mem::take(&mut self.texts.number);
        form.clear();
        let has_form = ecmascript::number(literal, &mut form).is_some();
        let seen = if has_form { &*form } else { literal };
        if seen != literal {
            self.runs.replace(span.start, span.end, seen.as_bytes());
        }
        let stays = rule.is_none_or(|rule| !self.apply::<S>(rule, Scalar::Number(seen), span, mark));
        if stays && !has_form {
            self.findings.note(Note::JcsNumber);
        }
        self.texts.number = form;
    }

    /// Applies rule `rule` to the scalar that stands at `span`; `mark` is the output before it. Says whether another
    /// value stands there now.
    pub(super) fn apply<S: Style>(&mut self, rule: usize, scalar: Scalar<'_>, span: Range<usize>, mark: Mark) -> bool {
        if self.findings.is_outside() {
            return false; // the control judges, or nobody: what rules say no longer matters
        }
        let rule = &self.policy.fields[rule];
        let mut value = std::mem::take(&mut self.texts.value);
        value.clear();
        let replaced = match judge(rule, scalar, &mut value) {
            Verdict::Stays => false,
            Verdict::String => self.replace::<S>(rule, scalar, New::String(&value), span, mark),
            Verdict::Literal => self.replace::<S>(rule, scalar, New::Literal(&value), span, mark),
            Verdict::Null => self.replace::<S>(rule, scalar, New::Literal("null"), span, mark),
            Verdict::LeftOut => {
                self.is_left_out = true;
                false
            }
            Verdict::Refused(code) => {
                self.refuse(rule, code);
                false
            }
            Verdict::Outside(code) => {
                match rule.rollout {
                    Rollout::Enforce => self.findings.unsupported(rule.id, code),
                    rollout => self.remarks.push(Remark { code, rule: Some(rule.id), rollout }),
                }
                false
            }
            Verdict::Kept(code) => {
                kept(rule, code, self.remarks);
                false
            }
        };
        self.texts.value = value;
        replaced
    }

    /// Puts `new` in the place of `scalar`, unless it is the same or the rule is not enforced; says whether it did.
    fn replace<S: Style>(
        &mut self,
        rule: &FieldRule,
        scalar: Scalar<'_>,
        new: New<'_>,
        span: Range<usize>,
        mark: Mark,
    ) -> bool {
        let is_same = match new {
            New::String(text) => scalar == Scalar::String(text),
            New::Literal(literal) => is_literal(scalar, literal),
        };
        if is_same || !S::REWRITES {
            return false;
        }
        if let New::Literal(literal) = new
            && S::ECMASCRIPT
            && literal.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        {
            return self.replace_with_number::<S>(rule, scalar, literal, span, mark);
        }
        self.did(rule, "changed");
        if rule.rollout == Rollout::Enforce {
            self.write_new::<S>(new, span, mark);
            return true;
        }
        false
    }

    /// The same for a number that is written as ECMAScript writes it. Instead of one that has no form the value stays.
    #[inline(never)]
    fn replace_with_number<S: Style>(
        &mut self,
        rule: &FieldRule,
        scalar: Scalar<'_>,
        literal: &str,
        span: Range<usize>,
        mark: Mark,
    ) -> bool {
        let mut form = std::mem::take(&mut self.texts.new_number);
        form.clear();
        // Another value would not be what the operation gave, and the next pass could think otherwise of it.
        let has_form = ecmascript::number(literal, &mut form).is_some() && ecmascript::is_same_value(literal, &form);
        let written = if has_form { &*form } else { literal };
        let is_same = is_literal(scalar, written);
        if !is_same {
            self.did(rule, "changed");
        }
        let is_due = !is_same && rule.rollout == Rollout::Enforce;
        let replaces = is_due && has_form;
        if replaces {
            self.write_new::<S>(New::Literal(written), span, mark);
        } else if is_due {
            self.findings.note(Note::JcsNumber);
        }
        self.texts.new_number = form;
        replaces
    }

    /// Writes a new value for the one at `span`; `mark` is the output before it.
    fn write_new<S: Style>(&mut self, new: New<'_>, span: Range<usize>, mark: Mark) {
        self.runs.back_to(mark);
        match new {
            New::String(text) => {
                self.runs.close(span.start);
                self.runs.push_string::<S>(text);
                self.runs.open(span.end);
            }
            New::Literal(literal) => self.runs.replace(span.start, span.end, literal.as_bytes()),
        }
    }

    /// A rule for a scalar meets an object or an array.
    pub(super) fn apply_to_container(&mut self, rule: usize) {
        let rule = &self.policy.fields[rule];
        if rule.op != Op::Nothing && rule.wrong_type == Misfit::Reject {
            self.refuse(rule, "wrong_type");
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
