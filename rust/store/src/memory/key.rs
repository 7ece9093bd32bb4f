//! The bytes of one key, kept so that finding a short one needs no second look into memory.

/// Longest key that is kept in place. Most are: a few letters and a client's address.
const SHORT: usize = 30;

/// The bytes of a key.
pub(crate) enum Key {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        if bytes.len() > SHORT {
            return Self::Long(bytes.into());
        }
        let mut short = [0; SHORT];
        short[..bytes.len()].copy_from_slice(bytes);
        Self::Short(bytes.len() as u8, short)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, short) => &short[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}
