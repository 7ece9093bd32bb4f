//! What is stored of the exchanges that were compared: segments in `captures/`, redacted first, and bounded.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crossfade_exchange::Exchange;
use crossfade_exchange::redact::{CREDENTIALS, Redactor};
use crossfade_exchange::segment::{OPEN, SEALED, Writer, seal};

use super::clock;
use super::metrics::Metrics;

/// Folder below the sidecar's directory.
pub const FOLDER: &str = "captures";

/// What marks a segment as exported: a file `NAME.seg.exported` beside it. Those go first.
const EXPORTED: &str = "seg.exported";

/// Bytes of captures unless another bound is asked for: an hour of 100 exchanges a second, compressed.
pub const BYTES: u64 = 1 << 30;

/// Exchanges that wait to be stored, and their bytes. Beyond them captures lose, never the comparison.
const WAITING: usize = 1_024;
const WAITING_BYTES: u64 = 32 << 20;

/// A segment is sealed at this size: compressing it takes a tenth of a second.
const SEGMENT_BYTES: u64 = 16 << 20;

/// A segment is sealed at this age, so that it can be replayed.
const SEGMENT_AGE: Duration = Duration::from_secs(300);

/// What is buffered is written this often.
const FLUSH: Duration = Duration::from_millis(200);

/// Free bytes of the file system that captures leave to others: the evidence, first of all.
const FLOOR: u64 = 256 << 20;

/// How long nothing is stored after the disk was full.
const PAUSE: Duration = Duration::from_secs(30);

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Nothing.
    None,
    /// Everything but credentials.
    #[default]
    Redacted,
    /// Everything.
    Raw,
}

/// What is wanted of the captures.
#[derive(Debug, Clone)]
pub struct Captures {
    /// What is stored.
    pub keep: Keep,
    /// Bytes of the folder.
    pub bytes: u64,
}

/// Takes exchanges from the judges; never waits.
#[derive(Clone)]
pub struct Taken {
    way: Option<SyncSender<Box<Exchange>>>,
    waiting: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

impl Taken {
    /// Takes one, if there is room.
    pub fn take(&self, exchange: Box<Exchange>) {
        let Some(way) = &self.way else { return };
        let weight = weight(&exchange);
        if self.waiting.fetch_add(weight, Ordering::Relaxed) > WAITING_BYTES {
            self.waiting.fetch_sub(weight, Ordering::Relaxed);
            return self.metrics.captured("behind");
        }
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = way.try_send(exchange) {
            self.waiting.fetch_sub(weight, Ordering::Relaxed);
            self.metrics.captured("behind");
        }
    }
}

/// About the bytes that an exchange takes in memory.
fn weight(exchange: &Exchange) -> u64 {
    // The body as it came, and as both sides send it on.
    let request = &exchange.request;
    let headers: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
    1_024 + (headers + request.raw_path.len() + request.query.len()) as u64 + 3 * request.body_bytes
}

/// The one who stores.
pub struct Capture {
    directory: PathBuf,
    captures: Captures,
    redactor: Option<Redactor>,
    build: String,
    arrivals: Receiver<Box<Exchange>>,
    waiting: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
    /// The evidence cannot be written: nothing else is to take room.
    full: Arc<AtomicBool>,
    writer: Option<(Writer, Instant)>,
    /// Nothing is stored until then.
    paused: Option<Instant>,
}

/// Makes the folder and both ends of the way to it. `None`: nothing is to be stored.
///
/// # Errors
///
/// The folder cannot be made or written.
pub fn open(
    directory: &Path,
    captures: &Captures,
    build: &str,
    metrics: &Arc<Metrics>,
    full: &Arc<AtomicBool>,
) -> io::Result<(Taken, Option<Capture>)> {
    let waiting = Arc::new(AtomicU64::new(0));
    if captures.keep == Keep::None {
        return Ok((Taken { way: None, waiting, metrics: Arc::clone(metrics) }, None));
    }
    let directory = directory.join(FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    let redactor = (captures.keep == Keep::Redacted).then(|| Redactor::of_directory(&directory)).transpose()?;
    say_what_is_kept(&directory, captures.keep)?;
    let (way, arrivals) = sync_channel(WAITING);
    let taken = Taken { way: Some(way), waiting: Arc::clone(&waiting), metrics: Arc::clone(metrics) };
    let capture = Capture {
        directory,
        captures: captures.clone(),
        redactor,
        build: build.to_owned(),
        arrivals,
        waiting,
        metrics: Arc::clone(metrics),
        full: Arc::clone(full),
        writer: None,
        paused: None,
    };
    Ok((taken, Some(capture)))
}

/// Whoever opens the folder reads what is in it and what is not.
fn say_what_is_kept(directory: &Path, keep: Keep) -> io::Result<()> {
    let names: Vec<String> = CREDENTIALS.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let text = match keep {
        Keep::Raw => serde_json::json!({ "kept": "raw", "covers": [] }),
        _ => serde_json::json!({
            "kept": "redacted",
            "covers": { "headers": names, "limit_keys": "where they are made of these headers" },
            "as": "redacted- and 16 hex digits of a keyed hash; the key is redact.key beside this file",
        }),
    };
    let path = directory.join("capture.json");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text:#}")
}

impl Capture {
    /// Stores until nobody brings any more, then seals what is open.
    pub fn work(mut self) {
        self.seal_leftovers();
        self.bound();
        loop {
            match self.arrivals.recv_timeout(FLUSH) {
                Ok(exchange) => self.store(exchange),
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self
                .writer
                .as_ref()
                .is_some_and(|(writer, begun)| writer.bytes() >= SEGMENT_BYTES || begun.elapsed() >= SEGMENT_AGE)
            {
                self.seal();
            }
        }
        self.seal();
    }

    fn store(&mut self, mut exchange: Box<Exchange>) {
        self.waiting.fetch_sub(weight(&exchange), Ordering::Relaxed);
        if self.full.load(Ordering::Relaxed) || self.paused.is_some_and(|until| Instant::now() < until) {
            return self.metrics.captured("failed");
        }
        self.paused = None;
        if let Some(redactor) = &self.redactor {
            redactor.redact(&mut exchange);
        }
        match self.append(&exchange) {
            Ok(()) => self.metrics.captured("stored"),
            Err(error) => self.give_up(&error),
        }
    }

    fn append(&mut self, exchange: &Exchange) -> io::Result<()> {
        let (writer, _) = match &mut self.writer {
            Some(writer) => writer,
            none => {
                if free(&self.directory)? < FLOOR {
                    return Err(io::Error::new(io::ErrorKind::StorageFull, "less than 256 MiB are free"));
                }
                let id = u64::from(std::process::id());
                none.insert((Writer::create(&self.directory, id, clock::real(), &self.build)?, Instant::now()))
            }
        };
        writer.append(exchange)
    }

    fn flush(&mut self) {
        if let Some((writer, _)) = &mut self.writer
            && let Err(error) = writer.flush()
        {
            self.give_up(&error);
        }
    }

    /// The disk is full, or broken: what is open is left for the next start, and nothing more is tried for a while.
    fn give_up(&mut self, error: &io::Error) {
        self.metrics.captured("failed");
        self.metrics.trouble("capture");
        tracing::error!(event = "capture_stopped", %error, seconds = PAUSE.as_secs());
        self.writer = None;
        self.paused = Some(Instant::now() + PAUSE);
        self.bound();
    }

    fn seal(&mut self) {
        let Some((mut writer, _)) = self.writer.take() else { return };
        let path = writer.path().to_owned();
        let flushed = writer.flush();
        // Its lock goes with it, and with the lock what keeps others from sealing.
        drop(writer);
        if let Err(error) = flushed.and_then(|()| seal(&path).map(drop)) {
            tracing::error!(event = "seal_failed", %error, path = %path.display());
            self.metrics.trouble("capture");
        }
        self.bound();
    }

    /// What a killed sidecar has left open.
    fn seal_leftovers(&self) {
        for path in segments(&self.directory).into_iter().map(|segment| segment.path) {
            if path.extension().is_some_and(|extension| extension == OPEN)
                && let Err(error) = seal(&path)
            {
                tracing::warn!(event = "seal_failed", %error, path = %path.display());
            }
        }
    }

    /// Deletes what is too much: exported segments first, then the oldest.
    fn bound(&self) {
        let mut segments = segments(&self.directory);
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        segments.retain(|segment| segment.path.extension().is_some_and(|extension| extension == SEALED));
        segments.sort_by(|one, other| (!one.exported, &one.path).cmp(&(!other.exported, &other.path)));
        for segment in segments {
            if bytes <= self.captures.bytes {
                break;
            }
            match fs::remove_file(&segment.path) {
                Ok(()) => {
                    bytes -= segment.bytes;
                    let _ = fs::remove_file(segment.path.with_extension(EXPORTED));
                    tracing::info!(event = "capture_deleted", path = %segment.path.display(), exported = segment.exported);
                }
                Err(error) => tracing::warn!(event = "delete_failed", %error, path = %segment.path.display()),
            }
        }
        self.metrics.capture_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

struct Segment {
    path: PathBuf,
    bytes: u64,
    exported: bool,
}

/// The segments of a folder, in no order.
fn segments(directory: &Path) -> Vec<Segment> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let found = entries.flatten().filter_map(|entry| {
        let path = entry.path();
        let named = path.extension().is_some_and(|extension| extension == SEALED || extension == OPEN);
        let bytes = entry.metadata().ok()?.len();
        let exported = path.with_extension(EXPORTED).exists();
        named.then_some(Segment { path, bytes, exported })
    });
    found.collect()
}

/// Free bytes of the file system that a folder is on.
fn free(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
