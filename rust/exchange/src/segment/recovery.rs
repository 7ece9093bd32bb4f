//! What a reader had to leave out.

use serde::Serialize;

/// The account of reading one segment or a directory of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Recovery {
    /// Files read.
    pub segments: u64,
    /// Files still open: their writer is at work, or was killed.
    pub open_segments: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Exchanges read.
    pub exchanges: u64,
    /// Damaged blocks.
    pub blocks_lost: u64,
    /// Exchanges lost with them: exact where the end mark can be read, else from the gap in the sequence numbers.
    pub exchanges_lost: u64,
    /// Damaged places of which nothing tells how many exchanges they held.
    pub losses_unknown: u64,
    /// Bytes that belong to no readable block.
    pub bytes_skipped: u64,
    /// Files that end in the middle of a block or header.
    pub torn_tails: u64,
    /// Finished files without their end mark.
    pub cut_off: u64,
    /// Files whose header cannot be read.
    pub headers_damaged: u64,
}

impl Recovery {
    /// Whether everything that was written has been read. A segment that is still open is no loss.
    pub fn is_complete(&self) -> bool {
        let read = Self {
            segments: self.segments,
            open_segments: self.open_segments,
            blocks: self.blocks,
            exchanges: self.exchanges,
            ..Self::default()
        };
        *self == read
    }

    /// Adds the account of another segment.
    pub fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.open_segments += other.open_segments;
        self.blocks += other.blocks;
        self.exchanges += other.exchanges;
        self.blocks_lost += other.blocks_lost;
        self.exchanges_lost += other.exchanges_lost;
        self.losses_unknown += other.losses_unknown;
        self.bytes_skipped += other.bytes_skipped;
        self.torn_tails += other.torn_tails;
        self.cut_off += other.cut_off;
        self.headers_damaged += other.headers_damaged;
    }
}
