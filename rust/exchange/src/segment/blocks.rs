//! The blocks of one segment, past whatever is damaged.

use std::io::{self, Read, Seek, SeekFrom};

use super::block::Block;
use super::header::{COMPRESSED, Header, TORN, Unreadable};
use super::recovery::Recovery;
use super::{BLOCK_HEADER_BYTES, BLOCK_MAGIC, BLOCK_MOST_BYTES, FORMAT, HEADER_BYTES};

/// Bytes searched at once for the next block: a page, so that planted magics cost little each.
const WINDOW: usize = 4 << 10;

/// Reads blocks in order. Holds one block.
pub(super) struct Blocks<R> {
    source: R,
    length: u64,
    position: u64,
    header: Option<Header>,
    /// File id: from the header, or else from the first whole block.
    file: Option<u64>,
    /// The current block, header included.
    frame: Vec<u8>,
    recovery: Recovery,
    /// The sequence number expected next; `None` before the first exchange.
    expected: Option<u64>,
    /// Whether something was lost since the last block.
    gap: bool,
    /// Exchanges and blocks that the end mark counts.
    end: Option<(u64, u64)>,
    finished: bool,
    sealed: bool,
}

/// What stands at a place.
enum Place {
    Block(Block),
    /// A block of ours begins here, and the file ends within it.
    Short,
    /// A block of ours begins here, and its checksum is wrong.
    Damaged,
    Nothing,
}

impl<R: Read + Seek> Blocks<R> {
    /// `sealed`: the file is named as a finished one and must have its end mark.
    pub fn new(mut source: R, sealed: bool) -> io::Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        let mut blocks = Self {
            source,
            length,
            position: HEADER_BYTES as u64,
            header: None,
            file: None,
            frame: Vec::new(),
            recovery: Recovery { segments: 1, ..Recovery::default() },
            expected: None,
            gap: false,
            end: None,
            finished: false,
            sealed,
        };
        blocks.read_header()?;
        Ok(blocks)
    }

    fn read_header(&mut self) -> io::Result<()> {
        if self.length < HEADER_BYTES as u64 {
            self.recovery.torn_tails = 1;
            self.recovery.bytes_skipped = self.length;
            self.position = self.length;
            return Ok(());
        }
        let mut bytes = [0; HEADER_BYTES];
        self.source.seek(SeekFrom::Start(0))?;
        self.source.read_exact(&mut bytes)?;
        match Header::from_bytes(&bytes) {
            Ok(header) => {
                self.recovery.torn_tails = u64::from(header.flags & TORN != 0);
                self.file = Some(header.file);
                self.header = Some(header);
                Ok(())
            }
            Err(Unreadable::Damaged) => {
                self.recovery.headers_damaged = 1;
                Ok(())
            }
            Err(Unreadable::Format(format)) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("segment format {format}; this build reads format {FORMAT}"),
            )),
        }
    }

    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    #[cfg_attr(not(feature = "zstd"), expect(dead_code))]
    pub fn is_compressed(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.flags & COMPRESSED != 0)
    }

    /// The account so far; final after [`next`](Self::next) has returned `None`.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The next whole block, and the bytes of it.
    pub fn next(&mut self) -> io::Result<Option<(Block, &[u8])>> {
        while !self.finished && self.position < self.length {
            let block = match self.place(self.position, false)? {
                Place::Block(block) => block,
                here => match self.recover(here)? {
                    Some(block) => block,
                    None => break,
                },
            };
            self.position += self.frame.len() as u64;
            self.file = Some(block.file);
            if block.count == 0 {
                self.end = Some((block.first_sequence, block.first_received_at));
                continue;
            }
            if std::mem::take(&mut self.gap) {
                match self.expected {
                    Some(next) => self.recovery.exchanges_lost += block.first_sequence.saturating_sub(next),
                    None => self.recovery.losses_unknown += 1,
                }
            }
            self.recovery.blocks += 1;
            return Ok(Some((block, &self.frame)));
        }
        self.finish();
        Ok(None)
    }

    /// Counts an exchange that was read.
    pub fn count_read(&mut self, sequence: u64) {
        self.recovery.exchanges += 1;
        // Threads hand in exchanges slightly out of order.
        let next = sequence.saturating_add(1);
        self.expected = Some(self.expected.map_or(next, |expected| expected.max(next)));
    }

    /// Counts the exchanges of a block that is passed on unread.
    #[cfg_attr(not(feature = "zstd"), expect(dead_code))]
    pub fn count_copied(&mut self, block: &Block) {
        self.recovery.exchanges += u64::from(block.count);
    }

    /// Counts a block that cannot be unpacked, or whose last `exchanges` cannot be read.
    pub fn count_unreadable(&mut self, exchanges: u16) {
        self.recovery.blocks_lost += 1;
        self.recovery.exchanges_lost += u64::from(exchanges);
    }

    /// Skips from a damaged place to the next whole block, which is left in `frame`.
    fn recover(&mut self, here: Place) -> io::Result<Option<Block>> {
        let start = self.position;
        let mut damaged = u64::from(matches!(here, Place::Damaged | Place::Short));
        // With a damaged header even the first block need not stand where it should.
        let mut at = if self.file.is_none() { 0 } else { start + 1 };
        while let Some(found) = self.find_magic(at)? {
            match self.place(found, true)? {
                Place::Block(block) => {
                    self.recovery.bytes_skipped += found.saturating_sub(start);
                    self.recovery.blocks_lost += damaged.max(u64::from(found > start));
                    self.position = found;
                    self.gap = true;
                    return Ok(Some(block));
                }
                Place::Damaged | Place::Short if found > start => damaged += 1,
                _ => {}
            }
            at = found + 1;
        }
        self.recovery.bytes_skipped += self.length - start;
        if matches!(here, Place::Short) && damaged == 1 {
            self.recovery.torn_tails += 1;
        } else {
            self.recovery.blocks_lost += damaged.max(1);
        }
        self.gap = true;
        self.position = self.length;
        Ok(None)
    }

    /// Looks at one place; a whole block is left in `frame`.
    fn place(&mut self, at: u64, searched: bool) -> io::Result<Place> {
        let left = self.length - at;
        let mut head = [0; BLOCK_HEADER_BYTES];
        self.source.seek(SeekFrom::Start(at))?;
        if left < BLOCK_HEADER_BYTES as u64 {
            let left = left as usize;
            self.source.read_exact(&mut head[..left])?;
            let known = left.min(BLOCK_MAGIC.len());
            // Found by searching, it is more likely to be a planted magic at the end of a torn payload.
            let torn = !searched && head[..known] == BLOCK_MAGIC[..known];
            return Ok(if torn { Place::Short } else { Place::Nothing });
        }
        self.source.read_exact(&mut head)?;
        let Some(length) = Block::length(&head, self.file) else { return Ok(Place::Nothing) };
        if self.file.is_none() && searched && length > BLOCK_HEADER_BYTES + BLOCK_MOST_BYTES {
            // Without a file id every planted magic would cost a checksum over as much as it claims.
            return Ok(Place::Nothing);
        }
        if length as u64 > left {
            return Ok(Place::Short);
        }
        self.frame.clear();
        self.frame.extend_from_slice(&head);
        self.frame.resize(length, 0);
        self.source.read_exact(&mut self.frame[BLOCK_HEADER_BYTES..])?;
        Ok(Block::read(&self.frame).map_or(Place::Damaged, Place::Block))
    }

    /// Where the next block magic stands, from `at` on.
    fn find_magic(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        let mut window = [0; WINDOW];
        while at < self.length {
            let size = (self.length - at).min(WINDOW as u64) as usize;
            let window = &mut window[..size];
            self.source.seek(SeekFrom::Start(at))?;
            self.source.read_exact(window)?;
            if let Some(index) = window.windows(BLOCK_MAGIC.len()).position(|bytes| bytes == BLOCK_MAGIC) {
                return Ok(Some(at + index as u64));
            }
            if size < WINDOW {
                return Ok(None);
            }
            // A magic may lie across two windows.
            at += (WINDOW - (BLOCK_MAGIC.len() - 1)) as u64;
        }
        Ok(None)
    }

    fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        match self.end {
            Some((exchanges, blocks)) => {
                self.recovery.exchanges_lost = exchanges.saturating_sub(self.recovery.exchanges);
                self.recovery.blocks_lost = self.recovery.blocks_lost.max(blocks.saturating_sub(self.recovery.blocks));
                self.recovery.losses_unknown = 0;
            }
            None => {
                self.recovery.losses_unknown += u64::from(self.gap);
                self.recovery.cut_off = u64::from(self.sealed);
                self.recovery.open_segments = u64::from(!self.sealed);
            }
        }
    }
}
