//! Which keys a canary takes: a stable, monotone share of them.

/// Buckets are basis points: 10,000 of them.
pub const BUCKETS: u64 = 10_000;

/// The bucket of `key`, 0 to 9,999. Equal inputs give equal buckets in every process and release; raising a canary's
/// share only ever adds keys.
///
/// FNV-1a 64 with MurmurHash3's finaliser, which spreads the last bytes over all bits; then the high part of the product
/// instead of a remainder, so that every bucket is equally likely.
pub fn bucket(seed: u64, key: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for &byte in key {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    ((u128::from(finalise(hash)) * u128::from(BUCKETS)) >> 64) as u64
}

/// The seed of a route's buckets, from its salt and name, so that routes take independent shares.
pub fn seed(salt: &str, route: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for &byte in salt.as_bytes().iter().chain(b"\0").chain(route.as_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    finalise(hash)
}

fn finalise(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key's bucket never changes: these are part of every running canary.
    #[test]
    fn buckets_are_pinned() {
        let seed = seed("salt", "api.write");
        let buckets: Vec<u64> =
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"].iter().map(|k| bucket(seed, k.as_bytes())).collect();
        assert_eq!(buckets, PINNED);
    }

    const PINNED: [u64; 3] = [2260, 4713, 4265];

    /// Every bucket gets its share: of 100,000 keys about one in a hundred lies below 1 %.
    #[test]
    fn shares_are_fair() {
        for share in [100, 1_000, 5_000] {
            let seed = seed("fair", "route");
            let below = (0..100_000).filter(|i| bucket(seed, format!("10.{i}.7").as_bytes()) < share).count() as f64;
            let expected = share as f64 * 10.0;
            assert!((below - expected).abs() < 5.0 * expected.sqrt(), "{below} of {expected}");
        }
    }
}
