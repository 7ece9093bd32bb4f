//! Free text: steps in the order written, and bounds.

mod orders;
mod steps;

pub use orders::{Clash, clash};
pub use steps::Step;

use super::{Answer, Scalar};
use crate::unicode;
use steps::Work;

/// Text steps and what bounds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// The steps in the order written.
    pub steps: Vec<Step>,
    /// Most bytes of UTF-8, of the value as it came and of the result.
    pub max_bytes: Option<usize>,
    /// Most code points of the result.
    pub max_chars: Option<usize>,
    /// Fewest code points of the result.
    pub min_chars: Option<usize>,
    /// What happens to control characters.
    pub controls: Controls,
    /// What happens to a text with a code point that Unicode 14.0 does not assign.
    pub unassigned: Unassigned,
}

/// What happens to control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Controls {
    /// They stay.
    #[default]
    Keep,
    /// They are removed before the steps.
    Strip,
    /// All but TAB and LF are removed before the steps.
    KeepTabsAndNewlines,
    /// A result that holds one is refused.
    Reject,
}

/// What happens to a text with a code point that Unicode 14.0 does not assign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unassigned {
    /// A step that depends on it cannot be taken: outside.
    #[default]
    Outside,
    /// The text stays as it came.
    Keep,
    /// It is refused, whatever the steps are.
    Reject,
}

impl Text {
    /// Applies the steps; see [`Op::apply`](super::Op::apply).
    ///
    /// Python is `value.strip()`, `unicodedata.normalize(form, value)`, `value.casefold()`, in the order of the steps.
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(text) = value else { return Answer::WrongType };
        let answer = self.judge(text, out);
        if answer != Answer::String {
            out.clear();
        }
        answer
    }

    /// Whether the rule can rewrite a text, and not only refuse it.
    pub fn rewrites(&self) -> bool {
        !self.steps.is_empty() || matches!(self.controls, Controls::Strip | Controls::KeepTabsAndNewlines)
    }

    fn judge(&self, text: &str, out: &mut String) -> Answer {
        if self.max_bytes.is_some_and(|most| text.len() > most) {
            return Answer::Invalid("too_long");
        }
        let is_ascii = text.is_ascii();
        let asks_tables = self.unassigned == Unassigned::Reject || self.steps.iter().any(|step| step.asks_tables());
        let is_settled = is_ascii || asks_tables && unicode::is_settled(text);
        if asks_tables && !is_settled && !unicode::all_assigned(text) {
            return match (self.unassigned, self.refusal(text)) {
                (Unassigned::Outside, _) => Answer::Unsupported("text.unassigned"),
                (Unassigned::Reject, _) => Answer::Invalid("unassigned_character"),
                (Unassigned::Keep, Some(code)) => Answer::Invalid(code),
                (Unassigned::Keep, None) => Answer::Kept("text.unassigned"),
            };
        }
        let mut work = Work::new(text, out, is_ascii, is_settled);
        if let Err(code) = self.run(&mut work) {
            return Answer::Unsupported(code);
        }
        if let Some(code) = self.refusal(work.now()) {
            return Answer::Invalid(code);
        }
        if work.is_still(text) {
            return Answer::Same;
        }
        if !is_ascii && !self.is_fixed(work.now()) {
            return Answer::Unsupported("text.case");
        }
        work.finish();
        Answer::String
    }

    /// Takes the steps, controls first.
    fn run(&self, work: &mut Work<'_, '_>) -> Result<(), &'static str> {
        match self.controls {
            Controls::Strip => work.remove(unicode::is_control),
            Controls::KeepTabsAndNewlines => {
                work.remove(|c| unicode::is_control(c) && !matches!(c, '\t' | '\n'));
            }
            Controls::Keep | Controls::Reject => {}
        }
        self.steps.iter().try_for_each(|&step| work.step(step))
    }

    /// Why a result is refused.
    fn refusal(&self, result: &str) -> Option<&'static str> {
        // As many bytes are at least as many code points, and at most four times as many: most texts are not counted.
        let bytes = result.len();
        let chars = || result.chars().count();
        if self.max_bytes.is_some_and(|most| bytes > most)
            || self.max_chars.is_some_and(|most| bytes > most && chars() > most)
        {
            Some("too_long")
        } else if self.min_chars.is_some_and(|least| bytes.div_ceil(4) < least && chars() < least) {
            Some("too_short")
        } else if self.controls == Controls::Reject && result.contains(unicode::is_control) {
            Some("control_character")
        } else {
            None
        }
    }

    /// Whether the steps leave their own result as it is.
    ///
    /// Those that the policy compiler accepts do, and are not run again; this is for lists that were made without it.
    fn is_fixed(&self, result: &str) -> bool {
        if orders::is_proven(&self.steps) {
            return true;
        }
        let mut out = String::new();
        let mut work = Work::new(result, &mut out, false, false);
        self.run(&mut work).is_ok() && work.now() == result
    }
}
