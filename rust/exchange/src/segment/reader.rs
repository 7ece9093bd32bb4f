//! The exchanges of one segment.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::SEALED;
use super::blocks::Blocks;
use super::header::Header;
use super::recovery::Recovery;
use crate::Exchange;

/// Iterates over the exchanges of one segment in the order in which they were written. Damage is skipped and accounted
/// for in [`recovery`](Self::recovery); an error is one of the file system, or a segment of another format.
pub struct Reader<R> {
    blocks: Blocks<R>,
    payload: Vec<u8>,
    offset: usize,
    left: u16,
    failed: bool,
}

impl Reader<File> {
    /// Opens a segment file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?, path.extension().is_some_and(|extension| extension == SEALED))
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads a segment from anything. `sealed`: it was finished, so that a missing end mark is a loss.
    pub fn new(source: R, sealed: bool) -> io::Result<Self> {
        Ok(Self { blocks: Blocks::new(source, sealed)?, payload: Vec::new(), offset: 0, left: 0, failed: false })
    }

    /// The file header, unless it is damaged.
    pub fn header(&self) -> Option<&Header> {
        self.blocks.header()
    }

    /// The account so far; final when the iterator has ended.
    pub fn recovery(&self) -> &Recovery {
        self.blocks.recovery()
    }

    fn advance(&mut self) -> io::Result<Option<Exchange>> {
        loop {
            if self.left > 0 {
                match crate::decode::<Exchange>(&self.payload[self.offset..]) {
                    Ok((exchange, length)) => {
                        self.offset += length;
                        self.left -= 1;
                        self.blocks.count_read(exchange.sequence);
                        return Ok(Some(exchange));
                    }
                    Err(_) => {
                        // The checksum was right, so it was written like this; where the next one begins is unknown.
                        self.blocks.count_unreadable(self.left);
                        self.left = 0;
                    }
                }
            }
            let Some((block, bytes)) = self.blocks.next()? else { return Ok(None) };
            self.offset = 0;
            if block.unpack(bytes, &mut self.payload)? {
                self.left = block.count;
            } else {
                self.blocks.count_unreadable(block.count);
            }
        }
    }
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = io::Result<Exchange>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}
