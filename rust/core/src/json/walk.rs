//! The pass over the document: RFC 8259 by bounded recursion, with the tree of field paths at its side.

use super::finding::{Findings, Halt, Note, Outside};
use super::members::{Names, ObjectNames, find};
use super::presence::Seen;
use super::rule::Texts;
use super::run::{Mark, Runs};
use super::scan::{skip_space, string_stop};
use super::shape::{Begun, Shape};
use super::string::{self, Kind, Token};
use super::style::Style;
use super::{MAX_DEPTH, number};
use crate::field::Scalar;
use crate::policy::{FieldNode, JsonPolicy, RuleId, Unknown};
use crate::rollout::{Remarks, Rollout};

/// One pass over one document. What it reads starts at a position that it is given and ends at the one it returns.
pub(super) struct Walk<'a> {
    pub(super) policy: &'a JsonPolicy,
    pub(super) text: &'a str,
    /// The bound on strings, at hand.
    pub(super) longest: usize,
    pub(super) runs: Runs<'a>,
    pub(super) names: &'a mut Names,
    /// For each open object with expected members, how each was seen; the innermost object last.
    pub(super) seen: &'a mut Vec<Seen>,
    pub(super) texts: &'a mut Texts,
    pub(super) shape: &'a mut Shape,
    pub(super) exercised: &'a mut Vec<RuleId>,
    pub(super) remarks: &'a mut Remarks,
    pub(super) findings: Findings,
    /// Its rule leaves out the value that was just read.
    pub(super) is_left_out: bool,
}

/// A place in the document that a value is read from.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The node of the tree of field paths, if a path leads there or beyond.
    node: Option<&'a FieldNode>,
    /// How many containers are around it.
    depth: usize,
}

impl Place<'_> {
    #[inline]
    fn rule(self) -> Option<usize> {
        self.node.and_then(|node| node.rule)
    }
}

impl<'a> Walk<'a> {
    /// Reads the whole text as one document whose root is at `node`.
    pub(super) fn document<S: Style>(&mut self, node: Option<&'a FieldNode>) -> Result<(), Halt> {
        let start = self.gap::<S>(0, 0, b"");
        let end = self.value::<S>(start, Place { node, depth: 0 })?;
        let end = self.gap::<S>(end, end, b"");
        if end == self.text.len() { Ok(()) } else { Err(Halt::Malformed) }
    }

    /// Skips white space at `at` and writes `separator` for all that stands from `start` up to the next token.
    #[inline(always)]
    fn gap<S: Style>(&mut self, start: usize, at: usize, separator: &'static [u8]) -> usize {
        let end = skip_space(self.text.as_bytes(), at);
        self.runs.separate::<S>(start, end, separator);
        end
    }

    /// The value at `at`. Strings are read in place, the rest by calls.
    #[inline(always)]
    fn value<S: Style>(&mut self, at: usize, place: Place<'a>) -> Result<usize, Halt> {
        match self.text.as_bytes().get(at) {
            Some(b'"') => {
                let mark = self.runs.mark();
                let token = self.string::<S>(at)?;
                if let Some(rule) = place.rule()
                    && token.kind != Kind::Lone
                {
                    self.apply_to_string::<S>(rule, token, mark);
                }
                Ok(token.end + 1)
            }
            Some(b'{') => self.object::<S>(at, place),
            Some(b'[') => self.array::<S>(at, place),
            Some(b'-' | b'0'..=b'9') => self.number::<S>(at, place),
            Some(b't') => self.literal::<S>(at, place, "true", Scalar::Bool(true)),
            Some(b'f') => self.literal::<S>(at, place, "false", Scalar::Bool(false)),
            Some(b'n') => self.literal::<S>(at, place, "null", Scalar::Null),
            _ => Err(Halt::Malformed),
        }
    }

    /// The string whose opening quote is at `at`.
    #[inline(always)]
    fn string<S: Style>(&mut self, at: usize) -> Result<Token, Halt> {
        let bytes = self.text.as_bytes();
        let start = at + 1;
        let end = string_stop::<S>(bytes, start);
        let token = if bytes.get(end) == Some(&b'"') {
            Token { start, end, kind: Kind::Plain }
        } else {
            let (end, kind) = self.unusual_string::<S>(end)?;
            Token { start, end, kind }
        };
        if token.end - token.start > self.longest {
            self.measure(token);
        }
        Ok(token)
    }

    /// Measures a string that may be too long: decoded it is never longer than in the body.
    #[cold]
    fn measure(&mut self, token: Token) {
        if string::decode(self.text, token, &mut self.texts.decoded).len() > self.longest {
            self.findings.note(Note::StringTooLong);
        }
    }

    /// Reads on in a string up to whose byte at `stop` everything is plain.
    #[inline(never)]
    fn unusual_string<S: Style>(&mut self, stop: usize) -> Result<(usize, Kind), Halt> {
        let (end, kind) = string::read::<S>(self.text, stop, &mut self.runs)?;
        if kind == Kind::Lone {
            self.findings.outside(Outside::LoneSurrogate);
        }
        Ok((end, kind))
    }

    #[inline(never)]
    fn number<S: Style>(&mut self, at: usize, place: Place<'a>) -> Result<usize, Halt> {
        let mark = self.runs.mark();
        let number = number::number(self.text.as_bytes(), at)?;
        if number.is_long {
            self.findings.outside(Outside::NumberLength);
            if S::ECMASCRIPT {
                self.findings.note(Note::JcsNumber);
            }
        } else if S::ECMASCRIPT {
            self.ecmascript_number::<S>(at..number.end, place.rule());
        } else {
            let is_negative_zero = self.text.as_bytes()[at..number.end] == *b"-0";
            if is_negative_zero && S::REWRITES {
                self.runs.replace(at, number.end, b"0"); // Python's int has none
            }
            if let Some(rule) = place.rule() {
                let literal = if is_negative_zero { "0" } else { &self.text[at..number.end] };
                self.apply::<S>(rule, Scalar::Number(literal), at..number.end, mark);
            }
        }
        Ok(number.end)
    }

    #[inline]
    fn literal<S: Style>(
        &mut self,
        at: usize,
        place: Place<'a>,
        word: &'static str,
        scalar: Scalar<'static>,
    ) -> Result<usize, Halt> {
        if !self.text.as_bytes()[at..].starts_with(word.as_bytes()) {
            return Err(Halt::Malformed);
        }
        let end = at + word.len();
        if let Some(rule) = place.rule() {
            let mark = self.runs.mark();
            self.apply::<S>(rule, scalar, at..end, mark);
        }
        Ok(end)
    }

    /// Steps into a container; the depth of what is in it.
    #[inline]
    fn enter(&mut self, place: Place<'a>) -> Result<usize, Halt> {
        if place.depth >= self.policy.bounds.depth {
            self.is_deep(place.depth)?;
        }
        if let Some(rule) = place.rule() {
            self.apply_to_container(rule);
        }
        Ok(place.depth + 1)
    }

    /// A container opens within `depth` others, which is more than the policy allows or as many as are read.
    #[cold]
    fn is_deep(&mut self, depth: usize) -> Result<(), Halt> {
        if depth >= MAX_DEPTH {
            return Err(Halt::Outside(Outside::Depth));
        }
        self.findings.note(Note::TooDeep);
        Ok(())
    }

    #[inline(never)]
    fn array<S: Style>(&mut self, at: usize, place: Place<'a>) -> Result<usize, Halt> {
        let bytes = self.text.as_bytes();
        let depth = self.enter(place)?;
        let node = place.node.and_then(|node| node.items).map(|items| &self.policy.tree[items]);
        let mut next = self.gap::<S>(at + 1, at + 1, b"");
        if bytes.get(next) == Some(&b']') {
            return Ok(next + 1);
        }
        let mut count = 1;
        loop {
            let end = self.value::<S>(next, Place { node, depth })?;
            let after = skip_space(bytes, end);
            match bytes.get(after) {
                Some(b',') => next = self.gap::<S>(end, after + 1, S::COMMA),
                Some(b']') => {
                    self.runs.separate::<S>(end, after, b"");
                    if count > self.policy.bounds.items {
                        self.findings.note(Note::TooManyItems);
                    }
                    return Ok(after + 1);
                }
                _ => return Err(Halt::Malformed),
            }
            count += 1;
        }
    }

    #[inline(never)]
    fn object<S: Style>(&mut self, at: usize, place: Place<'a>) -> Result<usize, Halt> {
        let bytes = self.text.as_bytes();
        let depth = self.enter(place)?;
        // Only a node with members says which members there are.
        let node = place.node.filter(|node| !node.members.is_empty());
        let opened = S::SORT.map(|order| (self.shape.open(), order));
        let mut names = self.names.open();
        let seen = self.seen.len();
        if let Some(node) = node {
            self.seen.resize(seen + node.expected.len(), Seen::default());
        }
        // The end of what was kept so far: of the last member, or of the opening brace.
        let mut kept = at + 1;
        let mut is_empty = true;
        let mut next = skip_space(bytes, kept);
        if bytes.get(next) != Some(&b'}') {
            loop {
                if bytes.get(next) != Some(&b'"') {
                    return Err(Halt::Malformed);
                }
                let mark = self.runs.mark();
                if is_empty {
                    self.runs.separate::<S>(kept, next, b"");
                } else {
                    self.runs.separate::<S>(kept, next, S::COMMA);
                }
                let (end, stays) = self.member::<S>(next, Place { node, depth }, &mut names, seen)?;
                if stays {
                    kept = end;
                    is_empty = false;
                } else {
                    self.runs.back_to(mark);
                }
                next = skip_space(bytes, end);
                match bytes.get(next) {
                    Some(b',') => next = skip_space(bytes, next + 1),
                    Some(b'}') => break,
                    _ => return Err(Halt::Malformed),
                }
            }
        }
        if self.names.count(&names) > self.policy.bounds.keys {
            self.findings.note(Note::TooManyKeys);
        }
        if self.names.close_with_duplicate(&names, self.text) {
            self.findings.outside(Outside::DuplicateKey);
        }
        self.runs.separate::<S>(kept, next, b"");
        if let Some(node) = node {
            self.judge_presence::<S>(node, next, seen, is_empty);
            self.seen.truncate(seen);
        }
        if let Some((opened, order)) = opened {
            self.shape.close(opened, order);
        }
        Ok(next + 1)
    }

    /// The member whose name is at `at`, in the object that `object` is in: where it ends and whether it stays.
    #[inline(always)]
    fn member<S: Style>(
        &mut self,
        at: usize,
        object: Place<'a>,
        names: &mut ObjectNames,
        seen: usize,
    ) -> Result<(usize, bool), Halt> {
        let bytes = self.text.as_bytes();
        let start = if S::SORT.is_some() { self.runs.position(at) } else { 0 };
        let mark = self.runs.mark();
        let token = self.string::<S>(at)?;
        let name = string::decode_bytes(self.text, token, &mut self.texts.decoded);
        self.names.add(names, name, at);
        let begun = S::SORT.map(|_| self.shape.begin(name, start));
        let is_formless = S::ECMASCRIPT && self.findings.is_formless();
        let node = object.node.and_then(|node| find(node, name)).map(|child| &self.policy.tree[child]);
        let is_new_name = match node.and_then(|node| node.rule) {
            Some(rule) if self.policy.fields[rule].rename.is_some() => self.rename::<S>(rule, at, token, mark, begun),
            _ => false,
        };
        let colon = skip_space(bytes, token.end + 1);
        if bytes.get(colon) != Some(&b':') {
            return Err(Halt::Malformed);
        }
        let start = self.gap::<S>(token.end + 1, colon + 1, S::COLON);
        let end = self.value::<S>(start, Place { node, ..object })?;
        let stays = match node {
            None => object.node.is_none() || self.keeps_unknown::<S>(),
            Some(node) => match node.rule {
                Some(rule) => self.settle::<S>(rule, node.slot.map(|slot| seen + slot), is_new_name),
                None => true,
            },
        };
        if let Some(begun) = begun {
            if stays {
                self.shape.end(begun, self.runs.position(end));
            } else {
                self.shape.take_back(begun);
            }
        }
        if S::ECMASCRIPT && !stays {
            self.findings.set_formless(is_formless);
        }
        Ok((end, stays))
    }

    /// Writes the new name for the one at `at`, if `rule` is enforced; says whether it was the new one already. `mark` is
    /// the output before the name.
    #[inline(never)]
    fn rename<S: Style>(&mut self, rule: usize, at: usize, token: Token, mark: Mark, begun: Option<Begun>) -> bool {
        let rule = &self.policy.fields[rule];
        let new = rule.rename.as_deref().unwrap_or_default();
        if string::decode(self.text, token, &mut self.texts.decoded) == new {
            return true;
        }
        if rule.rollout == Rollout::Enforce && S::REWRITES {
            self.runs.back_to(mark);
            self.runs.close(at);
            self.runs.push_string::<S>(new);
            self.runs.open(token.end + 1);
            if let Some(begun) = begun {
                self.shape.rename(begun, new.as_bytes());
            }
        }
        false
    }

    /// Whether a member stays that no rule names.
    fn keeps_unknown<S: Style>(&mut self) -> bool {
        if self.policy.unknown == Unknown::Reject {
            self.findings.note(Note::UnknownField);
        }
        self.policy.unknown != Unknown::Drop || !S::REWRITES
    }
}
