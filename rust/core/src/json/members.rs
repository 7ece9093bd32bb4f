//! The names of the objects that are open: has one been seen before?

use std::borrow::Cow;

use super::string;
use crate::policy::FieldNode;

/// The names of all open objects, the innermost object's last.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: Vec<Name>,
}

/// One name.
#[derive(Debug, Clone, Copy)]
struct Name {
    hash: u64,
    /// Where its opening quote stands.
    at: usize,
}

/// The names of one object.
#[derive(Debug)]
pub(super) struct ObjectNames {
    /// Where they start.
    start: usize,
    /// A bit for each, chosen by its hash.
    bits: u64,
    /// Two had the same bit: worth a closer look.
    is_suspect: bool,
}

impl Names {
    /// Forgets all objects and gives back memory that only an unusual body needed.
    pub(super) fn clear(&mut self, keep: usize) {
        self.seen.clear();
        self.seen.shrink_to(keep / size_of::<Name>());
    }

    #[inline]
    pub(super) fn open(&self) -> ObjectNames {
        ObjectNames { start: self.seen.len(), bits: 0, is_suspect: false }
    }

    /// Adds a name, whose opening quote is at `at`, to `object`, the innermost that is open.
    #[inline(always)]
    pub(super) fn add(&mut self, object: &mut ObjectNames, name: &[u8], at: usize) {
        let hash = hash(name);
        let bit = 1 << (hash % 64);
        object.is_suspect |= object.bits & bit != 0;
        object.bits |= bit;
        self.seen.push(Name { hash, at });
    }

    /// How many names `object`, the innermost that is open, has.
    #[inline]
    pub(super) fn count(&self, object: &ObjectNames) -> usize {
        self.seen.len() - object.start
    }

    /// Closes the object, which stands in `text`, and says whether a name was there twice.
    #[inline]
    pub(super) fn close_with_duplicate(&mut self, object: &ObjectNames, text: &str) -> bool {
        let is_duplicate = object.is_suspect && has_equal(&mut self.seen[object.start..], text);
        self.seen.truncate(object.start);
        is_duplicate
    }
}

/// Whether two of them are equal; their order is lost.
fn has_equal(names: &mut [Name], text: &str) -> bool {
    /// Up to here comparing each with each is cheaper than sorting.
    const FEW: usize = 16;
    if names.len() <= FEW && (1..names.len()).all(|last| names[..last].iter().all(|n| n.hash != names[last].hash)) {
        return false;
    }
    names.sort_unstable_by_key(|name| name.hash);
    names.chunk_by(|a, b| a.hash == b.hash).any(|alike| alike.len() > 1 && is_any_twice(alike, text))
}

/// Whether two names that have one hash are the same name. Anybody can make names that have one hash: so they are sorted,
/// not compared each with each.
#[cold]
fn is_any_twice(alike: &[Name], text: &str) -> bool {
    let mut decoded: Vec<Cow<'_, str>> = alike.iter().map(|name| string::decode_at(text, name.at)).collect();
    decoded.sort_unstable();
    decoded.windows(2).any(|pair| pair[0] == pair[1])
}

/// A 64-bit hash in words of eight bytes. The mixing is a bijection, so that two names of one length that differ in one
/// word never meet. No seed: a decision depends on nothing but its arguments.
#[inline(always)]
fn hash(bytes: &[u8]) -> u64 {
    // The finaliser of SplitMix64.
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
    let half = |at: usize| u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default()));
    let len = bytes.len();
    let mut state = (len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = 0;
    while len - at > 8 {
        state = mix(state ^ long(at));
        at += 8;
    }
    // What is left, or a little more: together with the length it is still one name, one value.
    let last = match len {
        0 => 0,
        1..4 => u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8 | u64::from(bytes[len - 1]) << 16,
        4..8 => half(0) | half(len - 4) << 32,
        _ => long(len - 8),
    };
    mix(state ^ last)
}

/// Position of the member `name` in `node`.
#[inline]
pub(super) fn find(node: &FieldNode, name: &[u8]) -> Option<usize> {
    /// Up to here looking at each is cheaper than halving.
    const FEW: usize = 8;
    let child = if node.members.len() <= FEW {
        node.members.iter().find(|(member, _)| member.as_bytes() == name)
    } else {
        node.members.binary_search_by(|(member, _)| member.as_bytes().cmp(name)).ok().map(|at| &node.members[at])
    };
    child.map(|&(_, child)| child)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_duplicate(names: impl IntoIterator<Item = String>) -> bool {
        let mut text = String::new();
        let mut open = Names::default();
        let mut outer = open.open();
        open.add(&mut outer, b"outer", 0);
        let mut object = open.open();
        for name in names {
            open.add(&mut object, name.as_bytes(), text.len());
            text += &format!("\"{name}\"");
        }
        let found = open.close_with_duplicate(&object, &text);
        assert_eq!(open.seen.len(), 1);
        found
    }

    #[test]
    fn duplicates_are_found_in_small_and_large_objects() {
        for count in [0, 1, 2, 15, 16, 17, 100, 100_000] {
            let names = || (0..count).map(|i| i.to_string());
            assert!(!has_duplicate(names()), "{count}");
            if count > 0 {
                assert!(has_duplicate(names().chain(["0".into()])), "{count}");
            }
        }
    }

    /// Two names that somebody made to have one hash are two names.
    #[test]
    fn names_with_one_hash_are_told_apart() {
        let pair = ["un2fwfhe@@#####@", "x0p325xq`rH#nU^j"];
        assert_eq!(hash(pair[0].as_bytes()), hash(pair[1].as_bytes()));
        assert!(!has_duplicate(pair.map(Into::into)));
        assert!(has_duplicate(pair.iter().chain(&pair[..1]).map(|name| (*name).into())));
        let many = (0..100).map(|i| i.to_string()).chain(pair.map(Into::into));
        assert!(!has_duplicate(many));
    }

    #[test]
    fn names_that_differ_only_in_length_or_zeros_have_different_hashes() {
        let names = (0..64).flat_map(|len| ["\0".repeat(len), "a".repeat(len + 1), format!("{}\0", "a".repeat(len))]);
        let mut hashes: Vec<u64> = names.map(|name| hash(name.as_bytes())).collect();
        hashes.sort_unstable();
        let before = hashes.len();
        hashes.dedup();
        assert_eq!(before, hashes.len() + 1, "only \"\\0\" is there twice");
    }
}
