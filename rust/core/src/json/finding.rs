//! What was found wrong with a body, and which of several findings counts.
//!
//! The order is that of a service that parses first and then runs its rules one after the other over the whole
//! document: a syntax error anywhere, then what is outside the grammar, then what is too large, then the field rule with
//! the lowest id at its first place in the document, then unknown fields, then what cannot be written.

use crate::outcome::{Reason, Stop};
use crate::policy::RuleId;
use crate::rollout::{Checks, Rollout, Rollouts};

/// What the grammar does not cover although Python's `json.loads` may accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
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
    fn code(self) -> &'static str {
        match self {
            Self::Encoding => "json.encoding",
            Self::Depth => "json.depth",
            Self::DuplicateKey => "json.duplicate_key",
            Self::LoneSurrogate => "json.lone_surrogate",
            Self::NumberLength => "json.number_length",
        }
    }

    pub(super) fn stop(self) -> Stop {
        Stop::outside(self.code())
    }

    /// What it is as a note, if a body can be read and written as if nobody minded.
    fn note(self) -> Option<Note> {
        match self {
            Self::DuplicateKey => Some(Note::DuplicateKey),
            Self::NumberLength => Some(Note::NumberLength),
            Self::Encoding | Self::Depth | Self::LoneSurrogate => None,
        }
    }
}

/// What is noted of the body as a whole; each counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// The same name twice, where that is not enforced.
    DuplicateKey,
    /// A number that is too long, likewise.
    NumberLength,
    /// More containers within containers than the policy allows.
    TooDeep,
    /// More members of an object.
    TooManyKeys,
    /// More items of an array.
    TooManyItems,
    /// A longer string or name.
    StringTooLong,
    /// A field that no rule names.
    UnknownField,
    /// A number without an ECMAScript form was written.
    JcsNumber,
}

impl Note {
    /// What counts before a field's rule, in this order.
    const BEFORE_FIELDS: [Self; 6] = [
        Self::DuplicateKey,
        Self::NumberLength,
        Self::TooDeep,
        Self::TooManyKeys,
        Self::TooManyItems,
        Self::StringTooLong,
    ];
    /// What counts after it.
    const AFTER_FIELDS: [Self; 2] = [Self::UnknownField, Self::JcsNumber];

    fn stop(self) -> Stop {
        match self {
            Self::DuplicateKey => Outside::DuplicateKey.stop(),
            Self::NumberLength => Outside::NumberLength.stop(),
            Self::TooDeep => Reason::whole("too_deep").into(),
            Self::TooManyKeys => Reason::whole("too_many_keys").into(),
            Self::TooManyItems => Reason::whole("too_many_items").into(),
            Self::StringTooLong => Reason::whole("string_too_long").into(),
            Self::UnknownField => Reason::whole("unknown_field").into(),
            Self::JcsNumber => Reason::whole("jcs_number").into(),
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
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
#[derive(Debug)]
pub(super) struct Findings {
    /// A bit for each [`Note`] of something outside that is only watched: it is noted, and the pass goes on.
    watched: u8,
    outside: Option<Outside>,
    /// A bit for each [`Note`].
    notes: u8,
    field: Option<(RuleId, Stop)>,
}

impl Findings {
    /// Nothing yet; checks are rolled out as `rollouts` says.
    pub(super) fn new(rollouts: &Rollouts) -> Self {
        if rollouts.watched().next().is_none() {
            return Self { watched: 0, outside: None, notes: 0, field: None };
        }
        let watched = [Outside::DuplicateKey, Outside::NumberLength]
            .into_iter()
            .filter(|outside| rollouts.of(outside.code()) != Rollout::Enforce)
            .filter_map(Outside::note)
            .fold(0, |bits, note| bits | note.bit());
        Self { watched, outside: None, notes: 0, field: None }
    }

    /// The same for a document within the document.
    pub(super) fn nested(&self) -> Self {
        Self { watched: self.watched, outside: None, notes: 0, field: None }
    }

    /// Whether anything outside the grammar was noted: what rules say no longer matters.
    pub(super) fn is_outside(&self) -> bool {
        self.outside.is_some()
    }

    #[cold]
    pub(super) fn outside(&mut self, what: Outside) {
        match what.note() {
            Some(note) if self.watched & note.bit() != 0 => self.note(note),
            _ => _ = self.outside.get_or_insert(what),
        }
    }

    #[cold]
    pub(super) fn note(&mut self, note: Note) {
        self.notes |= note.bit();
    }

    /// Whether a number without form was noted; see [`set_formless`](Self::set_formless).
    #[inline]
    pub(super) fn is_formless(&self) -> bool {
        self.has(Note::JcsNumber)
    }

    /// Takes back what was noted of a number that is left out again.
    #[inline]
    pub(super) fn set_formless(&mut self, is_formless: bool) {
        self.notes &= !Note::JcsNumber.bit();
        self.notes |= if is_formless { Note::JcsNumber.bit() } else { 0 };
    }

    pub(super) fn refuse(&mut self, rule: RuleId, code: &'static str) {
        self.field(rule, Reason { code, rule: Some(rule) }.into());
    }

    pub(super) fn unsupported(&mut self, rule: RuleId, why: &'static str) {
        self.field(rule, Stop::Outside { why, rule: Some(rule) });
    }

    fn field(&mut self, rule: RuleId, stop: Stop) {
        if self.field.is_none_or(|(first, _)| rule < first) {
            self.field = Some((rule, stop));
        }
    }

    fn has(&self, note: Note) -> bool {
        self.notes & note.bit() != 0
    }

    /// The finding that counts, once the end of the document was reached.
    pub(super) fn verdict(&self, checks: &mut Checks<'_>) -> Result<(), Stop> {
        if let Some(what) = self.outside {
            return Err(what.stop());
        }
        for note in Note::BEFORE_FIELDS.into_iter().filter(|&note| self.has(note)) {
            checks.fired(note.stop())?;
        }
        if let Some((_, stop)) = self.field {
            return Err(stop);
        }
        for note in Note::AFTER_FIELDS.into_iter().filter(|&note| self.has(note)) {
            checks.fired(note.stop())?;
        }
        Ok(())
    }
}
