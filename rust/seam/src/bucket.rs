//! Which keys a canary takes: a stable, monotone share of them.

use crossfade_exchange::hash::{hash, part};

/// Buckets are basis points: 10,000 of them.
pub const BUCKETS: u64 = 10_000;

/// The bucket of `key`, 0 to 9,999. Equal inputs give equal buckets in every process and release; raising a canary's
/// share only ever adds keys.
pub fn bucket(seed: u64, key: &[u8]) -> u64 {
    part(hash(seed, key), BUCKETS)
}

/// The seed of a route's buckets, from its salt and name, so that routes take independent shares.
pub fn seed(salt: &str, route: &str) -> u64 {
    hash(0, &[salt.as_bytes(), b"\0", route.as_bytes()].concat())
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
