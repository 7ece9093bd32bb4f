//! Eight slots: their fingerprints in one line of the processor's cache, their states in the next two.

/// Slots in a group.
pub(crate) const SLOTS: usize = 8;

/// Bytes of a group.
pub(crate) const BYTES: u64 = (SLOTS * (8 + 16)) as u64;
