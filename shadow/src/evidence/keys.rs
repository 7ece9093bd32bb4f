//! How much each key has brought, in bounded room.

/// Places for counts. Keys that share one bring less together than they may alone, so too few comparisons are counted,
/// never too many.
const PLACES: usize = 4_096;

/// Comparisons by key, as counts that can be summed.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Box<[u32; PLACES]>);

impl Keys {
    /// Whether the key with that hash may bring one more, of `most`; counts it then.
    pub fn bring(&mut self, hash: u64, most: u64) -> bool {
        let count = &mut self.0[hash as usize % PLACES];
        let may = u64::from(*count) < most;
        *count += u32::from(may);
        may
    }

    /// How many different keys there are, at least.
    pub fn distinct(&self) -> u64 {
        self.0.iter().filter(|count| **count > 0).count() as u64
    }

    /// Writes it down.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|count| count.to_le_bytes()).collect()
    }

    /// Reads it again; `None` for what is no such thing.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let counts: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|count| u32::from_le_bytes(*count)).collect();
        Some(Self(counts.into_boxed_slice().try_into().ok()?)).filter(|_| bytes.len() == 4 * PLACES)
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self(Box::new([0; PLACES]))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} distinct)", self.distinct())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key brings no more than it may, and what is written down is read again.
    #[test]
    fn keys_bring_their_share() {
        let mut keys = Keys::default();
        let brought = (0..1_000u64).filter(|n| keys.bring(n % 10, 25)).count();
        assert_eq!((brought, keys.distinct()), (250, 10));
        assert_eq!(Keys::from_bytes(&keys.to_bytes()), Some(keys));
        assert_eq!(Keys::from_bytes(b"short"), None);
    }
}
