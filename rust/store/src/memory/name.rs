//! What a key is kept under: its bytes, or what stands for those of a very long one.

use crossfade_core::limit::LimitId;

use super::shards::Shards;

/// Longest key that is kept whole. A key can be made of a header as long as a server lets in; a million of those would be
/// gigabytes.
const WHOLE: usize = 256;

/// Prefixes that no limit has, so that the halves of a digest are no hash of a table.
const HALVES: [LimitId; 2] = [LimitId(u16::MAX), LimitId(u16::MAX - 1)];

/// A key as a table knows it.
pub(super) struct Name<'a> {
    /// Of the limit and the bytes.
    pub(super) hash: u64,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Whole(&'a [u8]),
    /// The length and two hashes of 64 bits under a key that was drawn at the start: nobody can look for two keys with the same,
    /// and by chance a million have them once in 2^89 starts.
    Digest([u8; 24]),
}

impl<'a> Name<'a> {
    pub(super) fn new<T>(shards: &Shards<T>, limit: LimitId, key: &'a [u8]) -> Self {
        let bytes = if key.len() > WHOLE {
            let [high, low] = HALVES.map(|half| shards.hash(half.0, key));
            let mut digest = [0; 24];
            for (part, number) in digest.chunks_exact_mut(8).zip([key.len() as u64, high, low]) {
                part.copy_from_slice(&number.to_le_bytes());
            }
            Bytes::Digest(digest)
        } else {
            Bytes::Whole(key)
        };
        let mut name = Self { hash: 0, bytes };
        name.hash = shards.hash(limit.0, name.bytes());
        name
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Whole(key) => key,
            Bytes::Digest(digest) => digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys up to the bound are kept as they are; longer ones take a few bytes, and differ whatever differs.
    #[test]
    fn long_keys_are_short() {
        let shards = Shards::new(1, |_| ());
        let long = vec![b'x'; 1 << 20];
        let name = |key| Name::new(&shards, LimitId(0), key).bytes().to_vec();
        assert_eq!(name(&long[..WHOLE]), &long[..WHOLE]);
        let mut other = long.clone();
        other[1 << 19] = b'y';
        let names = [name(&long), name(&other), name(&long[1..]), name(&long[..=WHOLE])];
        assert!(names.iter().all(|name| name.len() == 24));
        assert!(names.iter().enumerate().all(|(index, name)| !names[..index].contains(name)));
    }
}
