//! One block: its header, its checksum, its payload.

use std::io;

use super::header::{u16_at, u32_at, u64_at};
use super::{BLOCK_HEADER_BYTES, BLOCK_MAGIC, MAX_EXCHANGE_BYTES};

/// Bytes before those that the length and the checksum speak of.
pub(super) const PREFIX_BYTES: usize = 12;

/// Bytes between the checksum and the payload.
const FIXED_BYTES: usize = BLOCK_HEADER_BYTES - PREFIX_BYTES;

/// How a payload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Raw = 0,
    Zstd = 1,
}

/// What a block says about its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub codec: Codec,
    /// Number of exchanges; 0 is the end mark.
    pub count: u16,
    pub file: u64,
    pub first_sequence: u64,
    pub first_received_at: u64,
}

impl Block {
    /// Turns `out`, which is [`BLOCK_HEADER_BYTES`] of anything and then the payload, into the block.
    pub fn seal(&self, out: &mut [u8]) {
        out[..4].copy_from_slice(&BLOCK_MAGIC);
        // At most 27 + 32 MiB.
        let length = (out.len() - PREFIX_BYTES) as u32;
        out[4..8].copy_from_slice(&length.to_le_bytes());
        out[12] = self.codec as u8;
        out[13..15].copy_from_slice(&self.count.to_le_bytes());
        out[15..23].copy_from_slice(&self.file.to_le_bytes());
        out[23..31].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[31..39].copy_from_slice(&self.first_received_at.to_le_bytes());
        let crc = crc32c::crc32c(&out[PREFIX_BYTES..]);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
    }

    /// The end mark of a file with so many exchanges in so many blocks.
    pub fn end(file: u64, exchanges: u64, blocks: u64) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        let mark = Self { codec: Codec::Raw, count: 0, file, first_sequence: exchanges, first_received_at: blocks };
        mark.seal(&mut bytes);
        bytes
    }

    /// Whether these first [`BLOCK_HEADER_BYTES`] may begin a block of `file`, and how long the block then is.
    /// Cheap, and before any checksum.
    pub fn length(head: &[u8; BLOCK_HEADER_BYTES], file: Option<u64>) -> Option<usize> {
        let rest = u32_at(head, 4) as usize;
        let fits = (FIXED_BYTES..=FIXED_BYTES + MAX_EXCHANGE_BYTES).contains(&rest);
        let ours = head[..4] == BLOCK_MAGIC && file.is_none_or(|file| u64_at(head, 15) == file);
        (fits && ours).then_some(PREFIX_BYTES + rest)
    }

    /// Reads a whole block; `None` if its checksum or its codec is wrong.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if crc32c::crc32c(&bytes[PREFIX_BYTES..]) != u32_at(bytes, 8) {
            return None;
        }
        let codec = match bytes[12] {
            0 => Codec::Raw,
            1 => Codec::Zstd,
            _ => return None,
        };
        Some(Self {
            codec,
            count: u16_at(bytes, 13),
            file: u64_at(bytes, 15),
            first_sequence: u64_at(bytes, 23),
            first_received_at: u64_at(bytes, 31),
        })
    }

    /// Unpacks the payload of the block `bytes` into `out`; `false`: it is none that a writer of ours makes.
    pub fn unpack(&self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
        let stored = &bytes[BLOCK_HEADER_BYTES..];
        out.clear();
        match self.codec {
            Codec::Raw => {
                out.extend_from_slice(stored);
                Ok(true)
            }
            Codec::Zstd => unzstd(stored, out),
        }
    }
}

#[cfg(feature = "zstd")]
fn unzstd(stored: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
    let size = match zstd::zstd_safe::get_frame_content_size(stored) {
        Ok(Some(size)) if size <= MAX_EXCHANGE_BYTES as u64 => size as usize,
        _ => return Ok(false),
    };
    out.reserve(size);
    // The vector is filled up to its capacity and no further: a frame that lies about its size is an error.
    Ok(zstd::bulk::Decompressor::new()?.decompress_to_buffer(stored, out).is_ok())
}

#[cfg(not(feature = "zstd"))]
fn unzstd(_: &[u8], _: &mut Vec<u8>) -> io::Result<bool> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "a compressed block, and this build reads only raw ones"))
}
