//! The pass over the document: RFC 8259 by bounded recursion, with the tree of field paths at its side.

use super::finding::{Findings, Halt, Outside};
use super::members::{Names, find};
use super::rule::Texts;
use super::run::{Mark, Runs};
use super::scan::{skip_space, string_stop};
use super::string::{self, Kind, Token};
use super::style::Style;
use super::{MAX_DEPTH, number};
use crate::field::Scalar;
use crate::policy::{FieldNode, JsonPolicy, RuleId, Unknown};

/// One pass over one document.
pub(super) struct Walk<'a> {
    pub(super) policy: &'a JsonPolicy,
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) runs: Runs<'a>,
    pub(super) names: &'a mut Names,
    /// For each open object with expected members, whether each was seen; the innermost object last.
    pub(super) seen: &'a mut Vec<bool>,
    pub(super) texts: &'a mut Texts,
    pub(super) exercised: &'a mut Vec<RuleId>,
    pub(super) findings: Findings,
}

impl<'a> Walk<'a> {
    /// Reads the whole text as one document whose root is at `node`.
    pub(super) fn document<S: Style>(&mut self, node: Option<&'a FieldNode>) -> Result<(), Halt> {
        self.gap::<S>(0, b"");
        self.value::<S>(node, 0)?;
        let end = self.at;
        self.gap::<S>(end, b"");
        if self.at == self.text.len() { Ok(()) } else { Err(Halt::Malformed) }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips white space and writes `separator` for all that stands from `start` up to the next token.
    #[inline]
    fn gap<S: Style>(&mut self, start: usize, separator: &'static [u8]) {
        self.at = skip_space(self.text.as_bytes(), self.at);
        if S::REWRITES {
            self.runs.separate(start, self.at, separator);
        }
    }

    /// The value at the cursor. Scalars are read in place, containers by a call.
    #[inline(always)]
    fn value<S: Style>(&mut self, node: Option<&'a FieldNode>, depth: usize) -> Result<(), Halt> {
        let start = self.at;
        let mark = self.runs.mark();
        match self.peek() {
            Some(b'"') => {
                let token = self.string::<S>()?;
                if let Some(rule) = node.and_then(|node| node.rule)
                    && token.kind != Kind::Lone
                {
                    self.apply_to_string::<S>(rule, token, mark);
                }
                Ok(())
            }
            Some(b'{') => self.object::<S>(node, depth),
            Some(b'[') => self.array::<S>(node, depth),
            Some(b'-' | b'0'..=b'9') => self.number::<S>(node, start, mark),
            Some(b't') => self.literal::<S>(node, "true", Scalar::Bool(true), mark),
            Some(b'f') => self.literal::<S>(node, "false", Scalar::Bool(false), mark),
            Some(b'n') => self.literal::<S>(node, "null", Scalar::Null, mark),
            _ => Err(Halt::Malformed),
        }
    }

    /// The string at the cursor, which is at its opening quote.
    #[inline(always)]
    fn string<S: Style>(&mut self) -> Result<Token, Halt> {
        let start = self.at + 1;
        let end = string_stop::<S>(self.text.as_bytes(), start);
        let kind = if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            Kind::Plain
        } else {
            self.unusual_string::<S>(end)?
        };
        Ok(Token { start, end: self.at - 1, kind })
    }

    /// Reads on in a string up to whose byte at `stop` everything is plain.
    #[inline(never)]
    fn unusual_string<S: Style>(&mut self, stop: usize) -> Result<Kind, Halt> {
        let (end, kind) = string::read::<S>(self.text, stop, &mut self.runs)?;
        self.at = end + 1;
        if kind == Kind::Lone {
            self.findings.outside(Outside::LoneSurrogate);
        }
        Ok(kind)
    }

    #[inline]
    fn number<S: Style>(&mut self, node: Option<&'a FieldNode>, start: usize, mark: Mark) -> Result<(), Halt> {
        let number = number::number(self.text.as_bytes(), start)?;
        self.at = number.end;
        if number.is_long {
            self.findings.outside(Outside::NumberLength);
        }
        let mut literal = &self.text[start..number.end];
        if literal == "-0" {
            literal = "0"; // Python's int has no negative zero
            if S::REWRITES {
                self.runs.replace(start, number.end, b"0");
            }
        }
        if let Some(rule) = node.and_then(|node| node.rule) {
            self.apply::<S>(rule, Scalar::Number(literal), start, mark);
        }
        Ok(())
    }

    #[inline]
    fn literal<S: Style>(
        &mut self,
        node: Option<&'a FieldNode>,
        word: &'static str,
        scalar: Scalar<'static>,
        mark: Mark,
    ) -> Result<(), Halt> {
        let start = self.at;
        if !self.text.as_bytes()[start..].starts_with(word.as_bytes()) {
            return Err(Halt::Malformed);
        }
        self.at += word.len();
        if let Some(rule) = node.and_then(|node| node.rule) {
            self.apply::<S>(rule, scalar, start, mark);
        }
        Ok(())
    }

    /// Steps over the bracket of a container within `depth` others; the depth of what is in it.
    #[inline]
    fn enter(&mut self, node: Option<&'a FieldNode>, depth: usize) -> Result<usize, Halt> {
        if depth == MAX_DEPTH {
            return Err(Halt::Outside(Outside::Depth));
        }
        if let Some(rule) = node.and_then(|node| node.rule) {
            self.apply_to_container(rule);
        }
        self.at += 1;
        Ok(depth + 1)
    }

    #[inline(never)]
    fn array<S: Style>(&mut self, node: Option<&'a FieldNode>, depth: usize) -> Result<(), Halt> {
        let depth = self.enter(node, depth)?;
        let items = node.and_then(|node| node.items).map(|items| &self.policy.tree[items]);
        let open = self.at;
        self.gap::<S>(open, b"");
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value::<S>(items, depth)?;
            let end = self.at;
            self.at = skip_space(self.text.as_bytes(), end);
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.gap::<S>(end, S::COMMA);
                }
                Some(b']') => {
                    self.gap::<S>(end, b"");
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Halt::Malformed),
            }
        }
    }

    #[inline(never)]
    fn object<S: Style>(&mut self, node: Option<&'a FieldNode>, depth: usize) -> Result<(), Halt> {
        let depth = self.enter(node, depth)?;
        // Only a node with members says which members there are.
        let node = node.filter(|node| !node.members.is_empty());
        let names = self.names.open();
        let seen = self.seen.len();
        if let Some(node) = node {
            self.seen.resize(seen + node.expected.len(), false);
        }
        // The end of what was kept so far: of the last member, or of the opening brace.
        let mut kept = self.at;
        let mut is_empty = true;
        self.at = skip_space(self.text.as_bytes(), self.at);
        if self.peek() != Some(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(Halt::Malformed);
                }
                let mark = self.runs.mark();
                self.gap::<S>(kept, if is_empty { b"" } else { S::COMMA });
                if self.member::<S>(node, seen, depth)? {
                    kept = self.at;
                    is_empty = false;
                } else {
                    self.runs.back_to(mark);
                }
                self.at = skip_space(self.text.as_bytes(), self.at);
                match self.peek() {
                    Some(b',') => self.at = skip_space(self.text.as_bytes(), self.at + 1),
                    Some(b'}') => break,
                    _ => return Err(Halt::Malformed),
                }
            }
        }
        if self.names.close_with_duplicate(names) {
            self.findings.outside(Outside::DuplicateKey);
        }
        if S::REWRITES {
            self.runs.separate(kept, self.at, b"");
        }
        if let Some(node) = node {
            self.add_absent::<S>(node, seen, is_empty);
            self.seen.truncate(seen);
        }
        self.at += 1;
        Ok(())
    }

    /// One member, from its name to the end of its value; whether it stays.
    #[inline]
    fn member<S: Style>(&mut self, node: Option<&'a FieldNode>, seen: usize, depth: usize) -> Result<bool, Halt> {
        let token = self.string::<S>()?;
        let name = string::decode_bytes(self.text, token, &mut self.texts.decoded);
        self.names.add(name);
        let child = node.and_then(|node| find(node, name)).map(|child| &self.policy.tree[child]);
        if let (Some(node), Some(child)) = (node, child)
            && let Some(rule) = child.rule
            && let Some(expected) = node.expected.iter().position(|&expected| expected == rule)
        {
            self.seen[seen + expected] = true;
        }
        let end = self.at;
        self.at = skip_space(self.text.as_bytes(), end);
        if self.peek() != Some(b':') {
            return Err(Halt::Malformed);
        }
        self.at += 1;
        self.gap::<S>(end, S::COLON);
        self.value::<S>(child, depth)?;
        if node.is_none() || child.is_some() {
            return Ok(true);
        }
        match self.policy.unknown {
            Unknown::Keep => Ok(true),
            Unknown::Drop => Ok(!S::REWRITES),
            Unknown::Reject => {
                self.findings.unknown_field();
                Ok(true)
            }
        }
    }
}
