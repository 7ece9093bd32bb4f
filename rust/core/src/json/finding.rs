//! What was found wrong with a body, and which of several findings counts.
//!
//! The order is that of a service that parses first and then runs its rules one after the other over the whole
//! document: a syntax error anywhere, then what is outside the grammar, then the field rule with the lowest id at its
//! first place in the document, then unknown fields.

use crate::outcome::{Reason, Stop};
use crate::policy::RuleId;

/// What the grammar does not cover although Python's `json.loads` may accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    /// Bytes above ASCII, or control characters, in the media type.
    ContentType,
    /// A byte order mark, UTF-16, UTF-32, or surrogates encoded as UTF-8.
    Encoding,
    /// Containers nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    Depth,
    /// The same name twice in one object.
    DuplicateKey,
    /// An escaped surrogate without its other half.
    LoneSurrogate,
    /// A number literal of more characters, or an exponent of more digits, than anybody means.
    NumberLength,
}

impl Outside {
    /// Its code.
    pub(super) fn stop(self) -> Stop {
        Stop::outside(match self {
            Self::ContentType => "json.content_type",
            Self::Encoding => "json.encoding",
            Self::Depth => "json.depth",
            Self::DuplicateKey => "json.duplicate_key",
            Self::LoneSurrogate => "json.lone_surrogate",
            Self::NumberLength => "json.number_length",
        })
    }
}

/// Ends the pass at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Not JSON.
    Malformed,
    /// Outside in a way that makes reading on pointless or unbounded.
    Outside(Outside),
}

/// What the pass noted on its way to the end of the document.
#[derive(Debug, Default)]
pub(super) struct Findings {
    outside: Option<Outside>,
    field: Option<(RuleId, Stop)>,
    unknown_field: bool,
}

impl Findings {
    /// Whether anything outside the grammar was noted: what rules say no longer matters.
    pub(super) fn is_outside(&self) -> bool {
        self.outside.is_some()
    }

    pub(super) fn outside(&mut self, what: Outside) {
        self.outside.get_or_insert(what);
    }

    pub(super) fn refuse(&mut self, rule: RuleId, code: &'static str) {
        self.field(rule, Reason { code, rule: Some(rule) }.into());
    }

    pub(super) fn unsupported(&mut self, rule: RuleId, why: &'static str) {
        self.field(rule, Stop::Outside { why, rule: Some(rule) });
    }

    pub(super) fn unknown_field(&mut self) {
        self.unknown_field = true;
    }

    fn field(&mut self, rule: RuleId, stop: Stop) {
        if self.field.is_none_or(|(first, _)| rule < first) {
            self.field = Some((rule, stop));
        }
    }

    /// The finding that counts, once the end of the document was reached.
    pub(super) fn verdict(self) -> Result<(), Stop> {
        if let Some(what) = self.outside {
            return Err(what.stop());
        }
        if let Some((_, stop)) = self.field {
            return Err(stop);
        }
        if self.unknown_field {
            return Err(Reason::whole("unknown_field").into());
        }
        Ok(())
    }
}
