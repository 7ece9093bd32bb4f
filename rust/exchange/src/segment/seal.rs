//! Compressing a raw segment.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::block::{Block, Codec};
use super::blocks::Blocks;
use super::header::{COMPRESSED, Header, TORN};
use super::recovery::Recovery;
use super::writer::sync_directory;
use super::{BLOCK_HEADER_BYTES, BLOCK_MOST_BYTES, OPEN, SEALED};

/// zstd's fastest level: headers and JSON shrink to a fifth, several hundred MB a second.
const LEVEL: i32 = 1;

/// What sealing did with one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// It is compressed now.
    Sealed {
        /// Bytes before.
        before: u64,
        /// Bytes after.
        after: u64,
    },
    /// It was compressed already.
    Already,
    /// Its writer, or somebody else who seals it, is still at work; nothing was done.
    Busy,
    /// It is damaged. It stays as it is: the damaged bytes are evidence, and what is whole can be read as well.
    Damaged(Recovery),
}

/// Rewrites a raw segment into compressed blocks under the name `.seg`, at once or not at all. A torn tail, as a killed
/// writer leaves it, is cut off and noted in the header.
pub fn seal(path: &Path) -> io::Result<Sealing> {
    let source = File::open(path)?;
    let open = path.extension().is_some_and(|extension| extension == OPEN);
    if matches!(source.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(Sealing::Busy);
    }
    let before = source.metadata()?.len();
    let mut blocks = Blocks::new(&source, !open)?;
    if blocks.is_compressed() {
        return Ok(Sealing::Already);
    }
    let temporary = path.with_extension("tmp");
    let result = rewrite(&mut blocks, &temporary);
    let recovery = *blocks.recovery();
    let expected = Recovery {
        segments: recovery.segments,
        open_segments: recovery.open_segments,
        blocks: recovery.blocks,
        exchanges: recovery.exchanges,
        torn_tails: u64::from(open) * recovery.torn_tails,
        bytes_skipped: u64::from(open) * recovery.torn_tails * recovery.bytes_skipped,
        losses_unknown: u64::from(open) * recovery.torn_tails * recovery.losses_unknown,
        ..Recovery::default()
    };
    let after = match result {
        Ok(Some(after)) if recovery == expected => after,
        other => {
            let _ = fs::remove_file(&temporary);
            return other.map(|_| Sealing::Damaged(recovery));
        }
    };
    let sealed = path.with_extension(SEALED);
    fs::rename(&temporary, &sealed)?;
    sync_directory(&sealed)?;
    if open {
        fs::remove_file(path)?;
        sync_directory(path)?;
    }
    Ok(Sealing::Sealed { before, after })
}

/// Writes the compressed segment; `None` if there is no header to go by.
fn rewrite(blocks: &mut Blocks<&File>, temporary: &Path) -> io::Result<Option<u64>> {
    let Some(mut header) = blocks.header().cloned() else { return Ok(None) };
    let _ = fs::remove_file(temporary);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    let mut packer = Packer::new(BufWriter::new(file), &header)?;
    let mut payload = Vec::new();
    while let Some((block, bytes)) = blocks.next()? {
        if !block.unpack(bytes, &mut payload)? {
            return Ok(None);
        }
        packer.add(&block, &payload)?;
        blocks.count_copied(&block);
    }
    if blocks.recovery().torn_tails > 0 {
        header.flags |= TORN;
    }
    header.flags |= COMPRESSED;
    packer.finish(&header).map(Some)
}

/// Merges blocks up to [`BLOCK_MOST_BYTES`] and compresses them: a flush every 200 ms makes small ones.
struct Packer<W: Write> {
    out: W,
    encoder: zstd::bulk::Compressor<'static>,
    pending: Option<Block>,
    payload: Vec<u8>,
    frame: Vec<u8>,
    exchanges: u64,
    blocks: u64,
    bytes: u64,
}

impl Packer<BufWriter<File>> {
    fn new(mut out: BufWriter<File>, header: &Header) -> io::Result<Self> {
        let head = header.to_bytes();
        out.write_all(&head)?;
        Ok(Self {
            out,
            encoder: zstd::bulk::Compressor::new(LEVEL)?,
            pending: None,
            payload: Vec::new(),
            frame: Vec::new(),
            exchanges: 0,
            blocks: 0,
            bytes: head.len() as u64,
        })
    }

    fn add(&mut self, block: &Block, payload: &[u8]) -> io::Result<()> {
        let count = self.pending.map_or(0, |pending| pending.count);
        if self.payload.len() + payload.len() > BLOCK_MOST_BYTES || count.checked_add(block.count).is_none() {
            self.write()?;
        }
        let pending = self.pending.get_or_insert(Block { count: 0, ..*block });
        pending.count += block.count;
        self.payload.extend_from_slice(payload);
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(mut block) = self.pending.take() else { return Ok(()) };
        let packed = self.encoder.compress(&self.payload)?;
        self.frame.clear();
        self.frame.resize(BLOCK_HEADER_BYTES, 0);
        if packed.len() < self.payload.len() {
            block.codec = Codec::Zstd;
            self.frame.extend_from_slice(&packed);
        } else {
            block.codec = Codec::Raw;
            self.frame.extend_from_slice(&self.payload);
        }
        block.seal(&mut self.frame);
        self.out.write_all(&self.frame)?;
        self.bytes += self.frame.len() as u64;
        self.exchanges += u64::from(block.count);
        self.blocks += 1;
        self.payload.clear();
        Ok(())
    }

    /// End mark, and the header again with what is known now.
    fn finish(mut self, header: &Header) -> io::Result<u64> {
        self.write()?;
        let end = Block::end(header.file, self.exchanges, self.blocks);
        self.out.write_all(&end)?;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.to_bytes())?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        Ok(self.bytes + end.len() as u64)
    }
}
