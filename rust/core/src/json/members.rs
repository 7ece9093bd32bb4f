//! The names of the objects that are open: has one been seen before?

use crate::policy::FieldNode;

/// Hashes of the names of all open objects, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Names {
    hashes: Vec<u64>,
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
        self.hashes.clear();
        self.hashes.shrink_to(keep / size_of::<u64>());
    }

    #[inline]
    pub(super) fn open(&self) -> ObjectNames {
        ObjectNames { start: self.hashes.len(), bits: 0, is_suspect: false }
    }

    /// Adds a name to `object`, the innermost that is open.
    #[inline(always)]
    pub(super) fn add(&mut self, object: &mut ObjectNames, name: &[u8]) {
        let hash = hash(name);
        let bit = 1 << (hash % 64);
        object.is_suspect |= object.bits & bit != 0;
        object.bits |= bit;
        self.hashes.push(hash);
    }

    /// How many names `object`, the innermost that is open, has.
    #[inline]
    pub(super) fn count(&self, object: &ObjectNames) -> usize {
        self.hashes.len() - object.start
    }

    /// Closes the object and says whether a name was there twice. Names with equal hashes count as one name: that turns
    /// away a made-up body, never lets a duplicate through.
    #[inline]
    pub(super) fn close_with_duplicate(&mut self, object: &ObjectNames) -> bool {
        let is_duplicate = object.is_suspect && has_equal(&mut self.hashes[object.start..]);
        self.hashes.truncate(object.start);
        is_duplicate
    }
}

/// Whether two of them are equal; their order is lost.
fn has_equal(hashes: &mut [u64]) -> bool {
    /// Up to here comparing each with each is cheaper than sorting.
    const FEW: usize = 16;
    if hashes.len() <= FEW {
        return (1..hashes.len()).any(|last| hashes[..last].contains(&hashes[last]));
    }
    hashes.sort_unstable();
    hashes.windows(2).any(|pair| pair[0] == pair[1])
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
        let mut open = Names::default();
        let mut outer = open.open();
        open.add(&mut outer, b"outer");
        let mut object = open.open();
        for name in names {
            open.add(&mut object, name.as_bytes());
        }
        let found = open.close_with_duplicate(&object);
        assert_eq!(open.hashes.len(), 1);
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
