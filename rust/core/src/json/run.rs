//! The output: runs of the input that are already written as they should be, and what stands between them.
//!
//! A run is copied when something different follows it, so a body that is in the right form is never copied at all.

use super::style::{Style, Written};

/// A run is copied as one block of this size and cut where it is shorter, which is cheaper than a call of `memcpy`.
const BLOCK: usize = 32;

/// Writes one document.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    input: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Start of the run that is not copied yet.
    from: usize,
}

/// A state of the output to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    len: usize,
    from: usize,
}

impl<'a> Runs<'a> {
    /// A run from the start of `input`, to be appended to `out`.
    pub(super) fn new(input: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        Self { input, out, from: 0 }
    }

    /// Where the output is.
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { len: self.out.len(), from: self.from }
    }

    /// Where in the output the input from `at` on will stand, if nothing before it changes any more.
    #[inline]
    pub(super) fn position(&self, at: usize) -> usize {
        self.out.len() + at - self.from
    }

    /// Takes back what was written since `mark`.
    #[inline]
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.out.truncate(mark.len);
        self.from = mark.from;
    }

    /// Writes `new` for the input from `start` to `end`.
    #[inline(always)]
    pub(super) fn replace(&mut self, start: usize, end: usize, new: &[u8]) {
        let len = start - self.from;
        match self.input.get(self.from..self.from + BLOCK) {
            Some(block) if len + new.len() <= BLOCK => {
                let written = self.out.len() + len;
                self.out.extend_from_slice(block);
                self.out[written..written + new.len()].copy_from_slice(new);
                self.out.truncate(written + new.len());
            }
            _ => {
                self.out.extend_from_slice(&self.input[self.from..start]);
                self.out.extend_from_slice(new);
            }
        }
        self.from = end;
    }

    /// Writes `separator` for the white space and punctuation from `start` to `end`, unless that is what stands there
    /// or the style is the client's.
    #[inline(always)]
    pub(super) fn separate<S: Style>(&mut self, start: usize, end: usize, separator: &'static [u8]) {
        // At most two bytes: not worth a call of `memcmp`.
        let is_written = |found: &[u8]| {
            found.len() == separator.len() && found.iter().zip(separator).all(|(found, wanted)| found == wanted)
        };
        if S::REWRITES && !is_written(&self.input[start..end]) {
            self.replace(start, end, separator);
        }
    }

    /// Copies the run up to `end`, where something new is going to be pushed.
    #[inline]
    pub(super) fn close(&mut self, end: usize) {
        self.replace(end, end, b"");
    }

    /// Starts the next run, after something was pushed.
    #[inline]
    pub(super) fn open(&mut self, start: usize) {
        self.from = start;
    }

    /// Writes bytes that are not in the input, between [`close`](Self::close) and [`open`](Self::open).
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a string with its quotes, likewise.
    pub(super) fn push_string<S: Style>(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut at = 0;
        loop {
            let stop = super::scan::string_stop::<S>(bytes, at);
            self.out.extend_from_slice(&bytes[at..stop]);
            let Some(c) = text[stop..].chars().next() else { break };
            self.out.extend_from_slice(Written::of::<S>(c).bytes());
            at = stop + c.len_utf8();
        }
        self.out.push(b'"');
    }

    /// The output, for a document within the document.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Whether nothing was written that is not in the input.
    pub(super) fn is_untouched(&self) -> bool {
        self.from == 0
    }
}
