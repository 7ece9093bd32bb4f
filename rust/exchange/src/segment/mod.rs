//! Capture segments: files of exchanges that survive a kill, a full disk and a flipped bit.
//!
//! This is the whole format, so that another program can read it. Numbers are little-endian and unsigned.
//!
//! **File name**: `<start>-<writer>.open` while it grows, `<start>-<writer>.seg` when it is finished; `start` in
//! microseconds with 16 digits, `writer` in decimal. Sorting the names gives the order of writing. Files are mode 0600.
//! A writer holds an exclusive `flock` on the file as long as it is open. Where `.open` and `.seg` of one name exist,
//! the `.seg` is complete and the other is a leftover.
//!
//! **File** = header, blocks, and in a `.seg` the end mark.
//!
//! | header, at | bytes | |
//! |---|---|---|
//! | 0 | 8 | magic, [`MAGIC`] |
//! | 8 | 2 | format, [`FORMAT`] |
//! | 10 | 2 | flags: bit 0 blocks were compressed afterwards, bit 1 the raw file had a torn tail |
//! | 12 | 4 | zero |
//! | 16 | 8 | writer: the worker that wrote it; 0 for imported traffic |
//! | 24 | 8 | start, microseconds since the epoch |
//! | 32 | 8 | file id: random, repeated in every block |
//! | 40 | 20 | build digest of the writer, ASCII, filled up with zeros |
//! | 60 | 4 | CRC-32C of bytes 0 to 59 |
//!
//! | block, at | bytes | |
//! |---|---|---|
//! | 0 | 4 | magic, [`BLOCK_MAGIC`] |
//! | 4 | 4 | length of everything after the CRC: 27 + payload, at most 27 + [`MAX_EXCHANGE_BYTES`] |
//! | 8 | 4 | CRC-32C of everything after it |
//! | 12 | 1 | codec: 0 raw, 1 one zstd frame that states its content size |
//! | 13 | 2 | count of exchanges, from 1; 0 is the end mark |
//! | 15 | 8 | file id |
//! | 23 | 8 | sequence number of the first exchange |
//! | 31 | 8 | `received_at` of the first exchange |
//! | 39 | | payload: as many [`Exchange`](crate::Exchange)s, each one MessagePack map, without separators |
//!
//! **End mark**: a block with count 0, codec 0 and no payload; "sequence" is the number of exchanges in the file and
//! "received_at" the number of blocks. A `.seg` without it was cut off.
//!
//! **Damage**: a block whose CRC is wrong is skipped by searching for the next block magic whose file id and CRC are
//! right. The file id is why: payloads are bytes of strangers, and one that contains a block of its own making must
//! neither be taken for evidence nor make a reader check megabytes for every magic it planted.
//!
//! A block is written by one call and never touched again, so a killed process loses only what it still buffered. Only
//! [`Writer::seal`] and [`seal`] wait for the disk.

mod block;
mod blocks;
mod directory;
mod header;
mod reader;
mod recovery;
#[cfg(feature = "zstd")]
mod seal;
mod writer;

pub use directory::{Directory, list};
pub use header::Header;
pub use reader::Reader;
pub use recovery::Recovery;
#[cfg(feature = "zstd")]
pub use seal::{Sealing, seal};
pub use writer::Writer;

/// First bytes of a segment. Not text, and broken by a transfer that rewrites line ends.
pub const MAGIC: [u8; 8] = *b"\x89xfseg\r\n";

/// Version of the format.
pub const FORMAT: u16 = 1;

/// Length of the file header.
pub const HEADER_BYTES: usize = 64;

/// First bytes of a block. 0xC1 is the one byte that MessagePack never uses as a type.
pub const BLOCK_MAGIC: [u8; 4] = [0xC1, b'x', b'f', b'b'];

/// Length of a block without its payload.
pub const BLOCK_HEADER_BYTES: usize = 39;

/// A block is written when its payload has this size: long enough to compress well, short enough to lose.
pub const BLOCK_BYTES: usize = 128 << 10;

/// A payload becomes larger than this only by a single exchange.
pub const BLOCK_MOST_BYTES: usize = 256 << 10;

/// The largest exchange: a body of 10 MiB as it came, as the control and as the candidate sends it on, and some room.
/// It also bounds what a block may unpack to.
pub const MAX_EXCHANGE_BYTES: usize = 32 << 20;

/// Extension of a growing segment.
pub const OPEN: &str = "open";

/// Extension of a finished segment.
pub const SEALED: &str = "seg";
