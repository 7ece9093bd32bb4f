//! What a key is in the table: sixteen bytes of SipHash-1-3, keyed by the file's seed.
//!
//! A key is the limit – its name and all that it counts by – and the bytes. Changed terms make another key, which starts over. The bytes
//! themselves are not kept: of a billion keys two share a place and a fingerprint about once in a million tables.

use std::hash::Hasher;

use crossfade_core::limit::{Limit, Rate};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::directory;

/// The key of the fingerprints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(pub(crate) u128);

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Names it: 64 bits, never 0.
    pub(crate) print: u64,
    /// Says where it is, and what else tells it from others: 64 more bits.
    pub(crate) place: u64,
}

impl Seed {
    /// The digest of a limit: its name, strategy, rate and burst.
    pub(crate) fn limit(&self, limit: &Limit) -> u64 {
        let Rate { amount, multiples, unit } = limit.rate;
        let (strategy, burst) = directory::code(&limit.strategy);
        let mut hasher = self.hasher();
        [strategy, burst, amount, multiples, unit.seconds()].into_iter().for_each(|term| hasher.write_u64(term));
        hasher.write(limit.name.as_bytes());
        hasher.finish128().h1.max(1)
    }

    /// The key of those bytes under the limit of that digest.
    pub(crate) fn key(&self, limit: u64, bytes: &[u8]) -> Key {
        let mut hasher = self.hasher();
        hasher.write_u64(limit);
        hasher.write(bytes);
        let hash = hasher.finish128();
        Key { print: hash.h1.max(1), place: hash.h2 }
    }

    fn hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0 as u64, (self.0 >> 64) as u64)
    }
}
