//! One stable hash of short keys: equal inputs give equal values in every process and release, so that a bucket or a
//! sample takes the same clients everywhere. And one of texts.

use sha2::{Digest, Sha256};

/// FNV-1a 64 with MurmurHash3's finaliser, which spreads the last bytes over all bits.
pub fn hash(seed: u64, key: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for &byte in key {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// SHA-256 in hex: what names a text that nobody may change unseen.
pub fn sha256(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of a limit's key, as accounts name lost ones.
pub fn of_key(limit: &str, key: &[u8]) -> u64 {
    hash(hash(0, limit.as_bytes()), key)
}

/// Which of `shares` equal parts a hash falls into: the high part of the product instead of a remainder, so that every
/// part is equally likely.
pub fn part(hash: u64, shares: u64) -> u64 {
    ((u128::from(hash) * u128::from(shares)) >> 64) as u64
}
