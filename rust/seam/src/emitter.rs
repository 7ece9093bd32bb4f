//! Exchanges leave the worker through a bounded queue and one thread, which writes raw capture segments.
//!
//! The request path never waits: a full queue drops the newest exchange, and the caller counts it. A directory that
//! cannot be written stops the capture, not the service, and says why.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossfade_exchange::redact::Redactor;
use crossfade_exchange::segment::Writer;

use crate::emitted::Emitted;
use crate::engine::clock_micros;

/// Exchanges that may wait: at 10,000 a second 0.4 s of a stalled disk.
const QUEUE: usize = 4_096;

/// Bytes that may wait, so that a few large bodies cannot hold a worker's memory.
const QUEUE_BYTES: usize = 8 << 20;

/// A block is written at the latest this long after its first exchange.
const FLUSH: Duration = Duration::from_millis(200);

/// A segment is sealed and the next one begun at this size, so that the binary can compress while the service runs.
const SEGMENT_BYTES: u64 = 64 << 20;

/// The worker's end of the queue.
#[derive(Debug)]
pub struct Emitter {
    queue: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
    error: Arc<OnceLock<String>>,
}

enum Message {
    Exchange(Box<Emitted>, usize),
    Flush(SyncSender<()>),
}

impl Emitter {
    /// Starts the thread that writes below `directory`.
    pub fn start(directory: PathBuf) -> Self {
        let (queue, receiver) = sync_channel(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let error = Arc::new(OnceLock::new());
        let emitter = Self { queue, waiting: Arc::clone(&waiting), error: Arc::clone(&error) };
        let thread = thread::Builder::new().name("crossfade-emit".into()).spawn({
            let error = Arc::clone(&error);
            move || {
                let written = catch_unwind(AssertUnwindSafe(|| write(&directory, &receiver, &waiting)));
                let cause = match written {
                    Ok(Ok(())) => return,
                    Ok(Err(cause)) => cause.to_string(),
                    Err(_) => "the writer panicked".to_owned(),
                };
                // The receiver goes away with this thread: from now on every exchange is dropped and counted.
                let _ = error.set(format!("{}: {cause}; capture has stopped", directory.display()));
            }
        });
        if let Err(cause) = thread {
            let _ = error.set(format!("no thread for the capture: {cause}"));
        }
        emitter
    }

    /// Queues one exchange; `false`: there was no room, or the capture has stopped.
    pub fn emit(&self, exchange: Emitted) -> bool {
        let bytes = exchange.weight();
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > QUEUE_BYTES
            || self.queue.try_send(Message::Exchange(Box::new(exchange), bytes)).is_err()
        {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Waits until everything queued so far is in the file, at most `patience`; whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        let (done, wait) = sync_channel(1);
        let deadline = Instant::now() + patience;
        let mut message = Message::Flush(done);
        loop {
            match self.queue.try_send(message) {
                Ok(()) => break,
                Err(std::sync::mpsc::TrySendError::Full(back)) if Instant::now() < deadline => {
                    message = back;
                    thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return false,
            }
        }
        wait.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }

    /// Why the capture has stopped, if it has.
    pub fn error(&self) -> Option<&str> {
        self.error.get().map(String::as_str)
    }
}

/// The thread: redact, append, flush in time, begin a new segment when one is full.
fn write(directory: &Path, queue: &Receiver<Message>, waiting: &AtomicUsize) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let redactor = Redactor::of_directory(directory)?;
    let mut writer: Option<Writer> = None;
    let mut flush_at: Option<Instant> = None;
    loop {
        let message = match flush_at {
            Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match message {
            Ok(Message::Exchange(emitted, bytes)) => {
                waiting.fetch_sub(bytes, Ordering::Relaxed);
                let mut exchange = emitted.record();
                redactor.redact(&mut exchange);
                let open = match &mut writer {
                    Some(writer) => writer,
                    none => none.insert(Writer::create(directory, writer_id(), clock_micros(), crate::BUILD)?),
                };
                open.append(&exchange)?;
                flush_at.get_or_insert_with(|| Instant::now() + FLUSH);
                if open.bytes() >= SEGMENT_BYTES
                    && let Some(full) = writer.take()
                {
                    full.seal()?;
                    flush_at = None;
                }
            }
            Ok(Message::Flush(done)) => {
                if let Some(writer) = &mut writer {
                    writer.flush()?;
                }
                flush_at = None;
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(writer) = &mut writer {
                    writer.flush()?;
                }
                flush_at = None;
            }
            Err(RecvTimeoutError::Disconnected) => {
                return match writer {
                    Some(writer) => writer.seal().map(drop),
                    None => Ok(()),
                };
            }
        }
    }
}

/// Tells the files of one host's workers apart.
fn writer_id() -> u64 {
    u64::from(std::process::id())
}
