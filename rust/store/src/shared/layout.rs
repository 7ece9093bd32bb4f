//! What stands where in the file.
//!
//! | bytes | |
//! |---|---|
//! | 0.. | what the file is: see `Header` |
//! | 128.. | the generation |
//! | 192.. | what happened so far |
//! | 2048..4096 | the log of the ring tables |
//! | 4096.. | the limits |
//! | after them | the groups of keys, those of the overflow, the room for ring tables, each from a whole 64 bytes on |
//! | last | which rows of requests in flight are in use, and the rows |

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::error::Problem;
use super::{group, rows};

/// Changes with every change of the layout or of what a word means. Files of another version are never read.
const VERSION: u64 = 2;

/// The first eight bytes. Read on a machine of the other byte order it is another number.
const MAGIC: u64 = u64::from_ne_bytes(*b"crossfad");

/// Bytes that the sizes of a file are multiples of: what a processor fetches at once.
pub(crate) const LINE: u64 = 64;

pub(crate) const GENERATION: usize = 128;
pub(crate) const COUNTERS: usize = 192;
pub(crate) const RING_LOG: usize = 2048;
pub(crate) const LIMITS: usize = 4096;

/// How many ring tables there can be: one for each length that a policy's moving windows have.
pub(crate) const RING_TABLES: usize = (LIMITS - RING_LOG) / 8;

/// How many limits the file can know, one line for each.
pub(crate) const MOST_LIMITS: usize = 1023;

/// Keys for which there is a group of eight slots: three quarters of the slots are in use when there are as many keys as
/// asked for.
const KEYS_PER_GROUP: u64 = 6;

/// Groups of keys for which there is one of the overflow.
const GROUPS_PER_OVERFLOW: u64 = 32;

/// Groups of keys for which each row of requests in flight has a line of eight, within bounds: few keys of those that
/// are counted are in flight at once, but a worker that serves slow requests has thousands of them.
const GROUPS_PER_LINE: u64 = 20;
const FEWEST_LINES: u64 = 32;
const MOST_LINES: u64 = 512;

/// Most keys that a file is made for: 32 GiB of them.
pub(crate) const MOST_KEYS: u64 = 1 << 30;

/// How large the parts of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Groups of eight slots for keys; at least 2.
    pub(crate) groups: u64,
    /// Room for the tables of moving windows, in bytes.
    pub(crate) ring_bytes: u64,
}

impl Layout {
    /// For so many keys, and so many bytes for moving windows.
    pub(crate) fn new(keys: u64, ring_bytes: u64) -> Self {
        let groups = keys.clamp(1, MOST_KEYS).div_ceil(KEYS_PER_GROUP).max(2);
        Self { groups, ring_bytes: ring_bytes.min(1 << 40).next_multiple_of(LINE) }
    }

    /// Groups in which newcomers are counted together, where there is no room for them.
    pub(crate) fn overflow_groups(&self) -> u64 {
        self.groups.div_ceil(GROUPS_PER_OVERFLOW).max(2)
    }

    pub(crate) fn groups_at(&self) -> u64 {
        LIMITS as u64 + (MOST_LIMITS as u64 + 1) * LINE
    }

    pub(crate) fn overflow_at(&self) -> u64 {
        self.groups_at() + self.groups * group::BYTES
    }

    pub(crate) fn rings_at(&self) -> u64 {
        self.overflow_at() + self.overflow_groups() * group::BYTES
    }

    /// Lines of eight words in a row of requests in flight.
    pub(crate) fn lines_per_row(&self) -> u64 {
        (self.groups / GROUPS_PER_LINE).clamp(FEWEST_LINES, MOST_LINES)
    }

    /// Where it says which rows are in use.
    pub(crate) fn rows_in_use_at(&self) -> u64 {
        self.rings_at() + self.ring_bytes
    }

    /// Where a row begins.
    pub(crate) fn row_at(&self, row: usize) -> u64 {
        self.rows_in_use_at() + LINE + row as u64 * self.lines_per_row() * LINE
    }

    /// The size of the whole file.
    pub(crate) fn bytes(&self) -> u64 {
        self.row_at(rows::MOST)
    }
}

/// What a file says of itself. It is written before anybody else sees the file, and never after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) layout: Layout,
    /// The boot of the machine that wrote it: a file that outlived its machine may lack anything.
    pub(crate) boot: u128,
    /// The key of the fingerprints: drawn by chance, so that nobody outside can choose keys that crowd one place.
    pub(crate) seed: u128,
}

const WORDS: usize = 10;

impl Header {
    /// Writes it to the front of a file.
    pub(crate) fn write(&self, file: &File) -> std::io::Result<()> {
        let Self { layout, boot, seed } = self;
        let words: [u64; WORDS] = [
            MAGIC,
            VERSION,
            layout.bytes(),
            layout.groups,
            layout.ring_bytes,
            0,
            *boot as u64,
            (boot >> 64) as u64,
            *seed as u64,
            (seed >> 64) as u64,
        ];
        file.write_all_at(words.map(u64::to_ne_bytes).as_flattened(), 0)
    }

    /// Reads it. `None`: a file of another version, which says nothing else to us.
    pub(crate) fn read(file: &File, bytes: u64) -> Result<Option<Self>, Problem> {
        let mut read = [[0; 8]; WORDS];
        if bytes < LIMITS as u64 {
            return Err(Problem::Foreign);
        }
        file.read_exact_at(read.as_flattened_mut(), 0).map_err(Problem::Read)?;
        let [magic, version, whole, groups, ring_bytes, _, boot, boot_high, seed, seed_high] =
            read.map(u64::from_ne_bytes);
        if magic != MAGIC && magic != MAGIC.swap_bytes() {
            return Err(Problem::Foreign);
        }
        if magic != MAGIC || version != VERSION {
            return Ok(None);
        }
        if bytes != whole {
            return Err(Problem::Truncated { whole, bytes });
        }
        let layout = Layout { groups, ring_bytes };
        if !(2..=MOST_KEYS).contains(&groups) || ring_bytes > 1 << 40 || layout.bytes() != whole {
            return Err(Problem::Foreign);
        }
        let wide = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        Ok(Some(Self { layout, boot: wide(boot, boot_high), seed: wide(seed, seed_high) }))
    }
}
