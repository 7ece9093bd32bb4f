//! Sorting members: where they stand in what was written, and writing it again in order.
//!
//! The pass writes members as they come and notes their places. What has to move is moved once, at the end: a member
//! is copied once however many objects around it are out of order.

use std::cmp::Ordering;
use std::ops::Range;

use super::style::Order;

/// The objects of a document and the members of those that are out of order.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// In the order in which they open.
    objects: Vec<Object>,
    /// Members of the objects that are closed and have to be sorted; those of one object stand together.
    members: Vec<Member>,
    /// Members of the objects that are open, the innermost object last.
    open: Vec<Member>,
    /// Decoded names of `open`.
    names: Vec<u8>,
    /// An object that was closed is out of order.
    is_unsorted: bool,
}

/// An object in the draft.
#[derive(Debug, Clone)]
struct Object {
    /// From its first member to the end of its last; only for one that has to be sorted.
    span: Range<usize>,
    /// In `members`, in their new order; none: there is nothing to do.
    members: Range<usize>,
    /// The first object that opens behind it.
    next: usize,
}

/// A member in the draft, from its name to the end of its value.
#[derive(Debug, Clone)]
struct Member {
    name: Range<usize>,
    span: Range<usize>,
    /// The objects in its value.
    objects: Range<usize>,
}

/// An object that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    object: usize,
    members: usize,
    names: usize,
}

/// A member that is being read; everything noted since can be taken back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    start: usize,
    name: usize,
    objects: usize,
    members: usize,
    is_unsorted: bool,
}

impl Shape {
    /// Forgets all and gives back memory that only an unusual body needed.
    pub(super) fn clear(&mut self, keep: usize) {
        let Self { objects, members, open, names, is_unsorted } = self;
        objects.clear();
        objects.shrink_to(keep / size_of::<Object>());
        for members in [members, open] {
            members.clear();
            members.shrink_to(keep / size_of::<Member>());
        }
        names.clear();
        names.shrink_to(keep);
        *is_unsorted = false;
    }

    /// An object opens.
    pub(super) fn open(&mut self) -> Opened {
        let opened = Opened { object: self.objects.len(), members: self.open.len(), names: self.names.len() };
        self.objects.push(Object { span: 0..0, members: 0..0, next: 0 });
        opened
    }

    /// A member with this decoded name begins at `start` in the draft.
    pub(super) fn begin(&mut self, name: &[u8], start: usize) -> Begun {
        let begun = Begun {
            start,
            name: self.names.len(),
            objects: self.objects.len(),
            members: self.members.len(),
            is_unsorted: self.is_unsorted,
        };
        self.names.extend_from_slice(name);
        begun
    }

    /// The member has another name, before anything in its value was noted.
    pub(super) fn rename(&mut self, begun: Begun, name: &[u8]) {
        self.names.truncate(begun.name);
        self.names.extend_from_slice(name);
    }

    /// The member ends at `end` and stays.
    pub(super) fn end(&mut self, begun: Begun, end: usize) {
        let name = begun.name..self.names.len();
        let objects = begun.objects..self.objects.len();
        self.open.push(Member { name, span: begun.start..end, objects });
    }

    /// The member is left out.
    pub(super) fn take_back(&mut self, begun: Begun) {
        self.names.truncate(begun.name);
        self.objects.truncate(begun.objects);
        self.members.truncate(begun.members);
        self.is_unsorted = begun.is_unsorted;
    }

    /// The object closes: its members are put in order, if they are not.
    pub(super) fn close(&mut self, opened: Opened, order: Order) {
        let names = &self.names;
        let compare = |a: &Member, b: &Member| compare(&names[a.name.clone()], &names[b.name.clone()], order);
        let members = &mut self.open[opened.members..];
        let next = self.objects.len();
        let object = &mut self.objects[opened.object];
        object.next = next;
        if !members.is_sorted_by(|a, b| compare(a, b).is_le()) {
            object.span = members[0].span.start..members[members.len() - 1].span.end;
            // The place in the draft makes the order total, so an unstable sort, which needs no memory, is stable.
            members.sort_unstable_by(|a, b| compare(a, b).then(a.span.start.cmp(&b.span.start)));
            let start = self.members.len();
            self.members.extend_from_slice(members);
            object.members = start..self.members.len();
            self.is_unsorted = true;
        }
        self.open.truncate(opened.members);
        self.names.truncate(opened.names);
    }

    /// Whether anything is out of order.
    pub(super) fn is_unsorted(&self) -> bool {
        self.is_unsorted
    }

    /// Writes `draft`, the whole document, in order.
    pub(super) fn write(&self, draft: &[u8], comma: &[u8], out: &mut Vec<u8>) {
        out.reserve(draft.len());
        self.write_span(draft, 0..draft.len(), 0..self.objects.len(), comma, out);
    }

    /// Writes the draft in `span`, in which `objects` stand. It calls itself as deep as containers nest.
    fn write_span(&self, draft: &[u8], span: Range<usize>, objects: Range<usize>, comma: &[u8], out: &mut Vec<u8>) {
        let mut at = span.start;
        let mut next = objects.start;
        while next < objects.end {
            let object = &self.objects[next];
            if object.members.is_empty() {
                next += 1;
                continue;
            }
            out.extend_from_slice(&draft[at..object.span.start]);
            for (index, member) in self.members[object.members.clone()].iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(comma);
                }
                self.write_span(draft, member.span.clone(), member.objects.clone(), comma, out);
            }
            at = object.span.end;
            next = object.next;
        }
        out.extend_from_slice(&draft[at..span.end]);
    }
}

/// Compares two names that are UTF-8.
fn compare(a: &[u8], b: &[u8], order: Order) -> Ordering {
    match order {
        Order::CodePoints => a.cmp(b),
        // Bytes sort as UTF-16 does but for one case: surrogates stand before U+E000 to U+FFFF, whose first bytes are EE
        // and EF, and which bytes put before the F0 to F4 of what has surrogates. The first byte that differs decides.
        Order::Utf16 => match a.iter().zip(b).find(|(a, b)| a != b) {
            Some((&a, &b)) => {
                let weight = |byte: u8| if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte };
                weight(a).cmp(&weight(b))
            }
            None => a.len().cmp(&b.len()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_compared_by_code_units(a in "[a\u{7f}\u{80}é\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,4}", b in "[a\u{7f}\u{80}é\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,4}") {
            let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
            prop_assert_eq!(compare(a.as_bytes(), b.as_bytes(), Order::Utf16), units(&a).cmp(&units(&b)));
            prop_assert_eq!(compare(a.as_bytes(), b.as_bytes(), Order::CodePoints), a.chars().cmp(b.chars()));
        }
    }
}
