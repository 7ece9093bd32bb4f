//! The writer of raw segments, as a worker's emitter thread uses it.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::block::{Block, Codec};
use super::header::Header;
use super::{BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_MOST_BYTES, HEADER_BYTES, MAX_EXCHANGE_BYTES, OPEN, SEALED};
use crate::Exchange;

/// Names that are tried when several segments of one writer begin in the same microsecond.
const NAMES: u64 = 1_000;

/// Appends exchanges to one `.open` file.
///
/// Dropping it neither writes nor finishes anything: a forked child that drops its parent's writer must not write the
/// parent's exchanges again. What was appended and not flushed is then lost.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    id: u64,
    /// Room for a block's header, then the payload.
    frame: Vec<u8>,
    scratch: Vec<u8>,
    count: u16,
    first: (u64, u64),
    exchanges: u64,
    blocks: u64,
    bytes: u64,
}

impl Writer {
    /// Begins the segment of `writer` in `directory`, which is made if it does not exist.
    pub fn create(directory: &Path, writer: u64, start: u64, build: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let (mut file, path, start) = create_file(directory, writer, start)?;
        // Tells `seal` that somebody is at work here. A file system without locks goes without.
        let _ = file.try_lock();
        let id = random(writer, start);
        let header = Header { flags: 0, writer, start, file: id, build: build.to_owned() };
        if let Err(error) = write_once(&mut file, &header.to_bytes()) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self {
            file,
            path,
            id,
            frame: vec![0; BLOCK_HEADER_BYTES],
            scratch: Vec::new(),
            count: 0,
            first: (0, 0),
            exchanges: 0,
            blocks: 0,
            bytes: HEADER_BYTES as u64,
        })
    }

    /// Appends one exchange; writes a block when one is full. An exchange above [`MAX_EXCHANGE_BYTES`] is refused with
    /// `FileTooLarge` and the segment goes on without it; any other error has lost this one and those of one block.
    pub fn append(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.scratch.clear();
        crate::encode(exchange, &mut self.scratch);
        if self.scratch.len() > MAX_EXCHANGE_BYTES {
            let message = format!("exchange of {} bytes, at most {MAX_EXCHANGE_BYTES}", self.scratch.len());
            self.scratch = Vec::new();
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        if self.count > 0 && self.frame.len() - BLOCK_HEADER_BYTES + self.scratch.len() > BLOCK_MOST_BYTES {
            self.flush()?;
        }
        if self.count == 0 {
            self.first = (exchange.sequence, exchange.received_at);
        }
        self.frame.extend_from_slice(&self.scratch);
        self.count += 1;
        if self.scratch.capacity() > 2 * BLOCK_MOST_BYTES {
            self.scratch = Vec::new();
        }
        if self.frame.len() - BLOCK_HEADER_BYTES >= BLOCK_BYTES || self.count == u16::MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is buffered as one block, by one call. Does not wait for the disk.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let block = Block {
            codec: Codec::Raw,
            count: self.count,
            file: self.id,
            first_sequence: self.first.0,
            first_received_at: self.first.1,
        };
        block.seal(&mut self.frame);
        let written = write_once(&mut self.file, &self.frame);
        let length = self.frame.len() as u64;
        self.frame.truncate(BLOCK_HEADER_BYTES);
        if self.frame.capacity() > 2 * BLOCK_MOST_BYTES {
            self.frame.shrink_to(BLOCK_MOST_BYTES);
        }
        let count = std::mem::take(&mut self.count);
        if let Err(error) = written {
            // Half a block may stand there now. A reader finds its way past it; without it nothing has to.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += length;
        self.blocks += 1;
        self.exchanges += u64::from(count);
        Ok(())
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Exchanges in the file so far; what is buffered does not count.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finishes the segment: end mark, on disk, renamed to `.seg`. Returns the new name.
    pub fn seal(mut self) -> io::Result<PathBuf> {
        self.flush()?;
        write_once(&mut self.file, &Block::end(self.id, self.exchanges, self.blocks))?;
        self.file.sync_data()?;
        let sealed = self.path.with_extension(SEALED);
        fs::rename(&self.path, &sealed)?;
        sync_directory(&sealed)?;
        Ok(sealed)
    }
}

/// One `write` call; a short one is an error, not the beginning of a loop that leaves half a block for long.
fn write_once(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    loop {
        match file.write(bytes) {
            Ok(length) if length == bytes.len() => return Ok(()),
            Ok(length) => {
                let message = format!("only {length} of {} bytes were written: is the disk full?", bytes.len());
                return Err(io::Error::new(io::ErrorKind::StorageFull, message));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn create_file(directory: &Path, writer: u64, start: u64) -> io::Result<(File, PathBuf, u64)> {
    for start in start..start.saturating_add(NAMES) {
        let path = directory.join(format!("{start:016}-{writer}.{OPEN}"));
        if path.with_extension(SEALED).exists() {
            continue;
        }
        match OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path, start)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{NAMES} segments of writer {writer} from {start} on")))
}

/// Makes a rename durable.
pub(super) fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// A number that no client can guess: the standard library's hash keys come from the system's random source. Process
/// id, writer and time keep forked processes apart, which share those keys.
fn random(writer: u64, start: u64) -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u64(writer);
    hasher.write_u64(start);
    hasher.finish()
}
