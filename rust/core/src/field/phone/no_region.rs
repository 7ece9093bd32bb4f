//! A build without phone regions: there is no value of [`Region`].

use super::super::Answer;

/// Version of the numbering plans in this build.
pub const METADATA: Option<&str> = None;

/// A region whose numbering plan is in this build.
#[derive(Debug, Clone, PartialEq)]
pub enum Region {}

impl Region {
    /// The region of an alpha-2 code; none is known.
    pub fn named(_code: &str) -> Option<Self> {
        None
    }

    /// Its alpha-2 code.
    pub fn code(&self) -> &str {
        match *self {}
    }

    /// Whether [`switch_off`](Self::switch_off) was called.
    pub fn is_off(&self) -> bool {
        match *self {}
    }

    /// From now on every text is outside, `phone.metadata`.
    pub fn switch_off(&mut self) {
        match *self {}
    }

    pub(super) fn read(&self, _text: &str, _out: &mut String) -> Answer {
        match *self {}
    }
}
