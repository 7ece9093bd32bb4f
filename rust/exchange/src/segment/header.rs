//! The file header.

use super::{FORMAT, HEADER_BYTES, MAGIC};

/// Flag: blocks were compressed after the file was written.
pub(super) const COMPRESSED: u16 = 1;

/// Flag: the file that this one was made from had a torn tail.
pub(super) const TORN: u16 = 2;

/// Length of the build digest.
const BUILD_BYTES: usize = 20;

/// Who wrote a segment, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) flags: u16,
    /// The worker that wrote it; 0 for imported traffic.
    pub writer: u64,
    /// When the file was begun, in microseconds since the epoch.
    pub start: u64,
    pub(super) file: u64,
    /// Digest of the build that wrote it, at most 20 characters.
    pub build: String,
}

/// Why there is no header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Its checksum is wrong.
    Damaged,
    /// It is whole, and of this format.
    Format(u16),
}

impl Header {
    pub(super) fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.flags.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.writer.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.start.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.file.to_le_bytes());
        let build = self.build.as_bytes();
        let length = build.len().min(BUILD_BYTES);
        bytes[40..40 + length].copy_from_slice(&build[..length]);
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Unreadable> {
        if bytes[..8] != MAGIC || u32_at(bytes, 60) != crc32c::crc32c(&bytes[..60]) {
            return Err(Unreadable::Damaged);
        }
        let format = u16_at(bytes, 8);
        if format != FORMAT {
            return Err(Unreadable::Format(format));
        }
        let build = bytes[40..60].split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(Self {
            flags: u16_at(bytes, 10),
            writer: u64_at(bytes, 16),
            start: u64_at(bytes, 24),
            file: u64_at(bytes, 32),
            build: String::from_utf8_lossy(build).into_owned(),
        })
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}
