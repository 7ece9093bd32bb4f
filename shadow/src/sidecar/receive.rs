//! The sockets: who may connect, and frames out of bytes.

use std::collections::HashMap;
use std::os::unix::net::UnixListener as Listener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossfade_exchange::frame::MAX_BYTES;
use crossfade_exchange::wire::{self, Heard, Hello, Said};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::arrival::{Arrival, Desk};
use super::metrics::Metrics;
use crate::evidence::Source;

/// Connections at a time: one for each worker of a large host, and some that are going away.
const CONNECTIONS: usize = 1_024;

/// How long a connection may take to say who it is, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long an earlier connection of the same process may still bring what is in its socket. A worker waits a second for its
/// first answer.
const DRAIN: Duration = Duration::from_millis(300);

/// Bytes asked of a socket at once.
const CHUNK: usize = 256 << 10;

/// A buffer that is larger than this after a large frame is given back.
const KEPT: usize = 1 << 20;

/// What all connections share.
#[derive(Clone)]
pub struct Reception {
    desk: Desk,
    metrics: Arc<Metrics>,
    /// The user that workers must run as, besides root.
    user: u32,
    places: Arc<Semaphore>,
    present: Arc<Mutex<HashMap<Source, Present>>>,
    /// Becomes `true` when nothing more is to be read.
    closing: watch::Receiver<bool>,
    /// Held by whoever still has something to answer.
    alive: mpsc::Sender<()>,
}

/// The connection that a process has.
struct Present {
    leave: watch::Sender<bool>,
    /// Closed when all that it brings has been handed over.
    gone: watch::Receiver<()>,
}

impl Reception {
    /// Nobody is connected yet.
    pub fn new(
        desk: Desk,
        metrics: Arc<Metrics>,
        user: u32,
        closing: watch::Receiver<bool>,
        alive: mpsc::Sender<()>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        Self { desk, metrics, user, places, present: Arc::default(), closing, alive }
    }

    /// Accepts until it is closing, or the listener breaks.
    pub async fn accept(self, listener: Listener) {
        let listener = match UnixListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(event = "listen_failed", %error),
        };
        let mut closing = self.closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closing.wait_for(|closing| *closing) => return,
            };
            match accepted {
                Ok((stream, _)) => self.clone().admit(stream),
                Err(error) => {
                    // Out of descriptors, for one: others may leave meanwhile.
                    tracing::warn!(event = "accept_failed", %error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn admit(self, stream: UnixStream) {
        let user = stream.peer_cred().map(|peer| peer.uid());
        if !matches!(user, Ok(user) if user == self.user || user == 0) {
            return self.refuse("other_user", &format!("{user:?}"));
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return self.refuse("too_many", &format!("{CONNECTIONS} are there"));
        };
        tokio::spawn(async move {
            if let Err((reason, why)) = self.converse(stream).await {
                self.refuse(reason, &why);
            }
            drop(place);
        });
    }

    fn refuse(&self, reason: &'static str, why: &str) {
        self.metrics.refused(reason);
        tracing::warn!(event = "connection_closed", reason, why);
    }

    /// One connection from its first message to its end.
    async fn converse(&self, stream: UnixStream) -> Result<(), (&'static str, String)> {
        let (reader, mut writer) = stream.into_split();
        let mut frames = Frames::new(reader, self.closing.clone());
        let hello = match timeout(PATIENCE, frames.next()).await {
            Ok(Ok(Some((Said::Hello(hello), _)))) => hello,
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(_))) => return Err(("garbage", "the first message is no hello".to_owned())),
            Ok(Err(why)) => return Err(("garbage", why)),
            Err(_) => return Err(("silent", "nothing was said".to_owned())),
        };
        if hello.version != wire::VERSION {
            say(&mut writer, 0).await;
            let Hello { version, worker, .. } = hello;
            let ours = wire::VERSION;
            return Err(("version", format!("worker {worker} speaks version {version}, this sidecar {ours}")));
        }
        let source = Source { worker: hello.worker, epoch: hello.epoch };
        let (leave, left) = watch::channel(false);
        let (going, gone) = watch::channel(());
        self.replace(source, Present { leave, gone }).await;
        frames.leave = left;
        tracing::info!(event = "worker_joined", worker = source.worker, epoch = source.epoch, build = hello.build);
        let (heard, hears) = watch::channel(None);
        self.desk.put(source, Arrival::Joined(heard));
        let answers = tokio::spawn(answer(writer, hears, self.alive.clone()));
        let ended = self.take(source, &mut frames).await;
        drop(going);
        self.forget(source);
        if ended.is_err() {
            // Whoever says what cannot be read is not listened to, so it must not go on either.
            answers.abort();
        }
        ended
    }

    /// Puts this connection in the place of an earlier one of the same process, once that has brought everything.
    async fn replace(&self, source: Source, present: Present) {
        let earlier = self.lock().insert(source, present);
        if let Some(mut earlier) = earlier {
            // An error says that it is gone, which is what is waited for.
            if timeout(DRAIN, earlier.gone.changed()).await.is_err() {
                let _ = earlier.leave.send(true);
                let _ = earlier.gone.changed().await;
            }
        }
    }

    fn forget(&self, source: Source) {
        let mut present = self.lock();
        // Not one that has taken this one's place.
        if present.get(&source).is_some_and(|present| present.gone.has_changed().is_err()) {
            present.remove(&source);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Source, Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what a process says until it ends, leaves or says what cannot be read.
    async fn take(&self, source: Source, frames: &mut Frames) -> Result<(), (&'static str, String)> {
        while let Some((said, bytes)) = frames.next().await.map_err(|why| ("garbage", why))? {
            let what = match said {
                Said::Exchange(mut exchange) => {
                    let Some(room) = self.desk.room(bytes).await else { return Ok(()) };
                    // Who it is was said once; what counts and what is shown must be the same.
                    (exchange.worker, exchange.epoch) = (source.worker, source.epoch);
                    Arrival::Exchange(exchange, room)
                }
                Said::Account(account) => Arrival::Account(account),
                Said::Hello(_) => return Err(("garbage", "a second hello".to_owned())),
            };
            if !self.desk.put(source, what) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Tells a process how much of it is written down, whenever that changes.
async fn answer(mut writer: OwnedWriteHalf, mut hears: watch::Receiver<Option<u64>>, _alive: mpsc::Sender<()>) {
    while hears.changed().await.is_ok() {
        let exchanges = *hears.borrow_and_update();
        if let Some(exchanges) = exchanges
            && !say(&mut writer, exchanges).await
        {
            return;
        }
    }
}

async fn say(writer: &mut OwnedWriteHalf, exchanges: u64) -> bool {
    let mut frame = Vec::new();
    // Writing to memory cannot fail.
    let _ = crossfade_exchange::frame::write(&mut Vec::new(), &Heard { version: wire::VERSION, exchanges }, &mut frame);
    matches!(timeout(PATIENCE, writer.write_all(&frame)).await, Ok(Ok(())))
}

/// Messages out of a stream of bytes.
struct Frames {
    reader: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
    /// Bytes of the stream before `buffer`.
    before: u64,
    closing: watch::Receiver<bool>,
    leave: watch::Receiver<bool>,
}

impl Frames {
    fn new(reader: OwnedReadHalf, closing: watch::Receiver<bool>) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, before: 0, leave: closing.clone(), closing }
    }

    /// The next message and the bytes of its frame; `None` at the end, in the middle of a frame too.
    async fn next(&mut self) -> Result<Option<(Said, usize)>, String> {
        loop {
            if *self.closing.borrow() || *self.leave.borrow() {
                return Ok(None);
            }
            if let Some(found) = self.whole()? {
                return Ok(Some(found));
            }
            self.buffer.drain(..self.start);
            self.before += self.start as u64;
            self.start = 0;
            if self.buffer.is_empty() {
                self.buffer.shrink_to(KEPT);
            }
            self.buffer.reserve(CHUNK);
            let read = tokio::select! {
                read = self.reader.read_buf(&mut self.buffer) => read,
                _ = self.closing.wait_for(|closing| *closing) => return Ok(None),
                _ = self.leave.wait_for(|leave| *leave) => return Ok(None),
            };
            // A process that was killed resets its connection: an end like any other.
            if matches!(read, Ok(0) | Err(_)) {
                return Ok(None);
            }
        }
    }

    fn whole(&mut self) -> Result<Option<(Said, usize)>, String> {
        let bytes = &self.buffer[self.start..];
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        let place = self.before + self.start as u64;
        if length > MAX_BYTES {
            return Err(format!("a frame of {length} bytes at byte {place}, at most {MAX_BYTES}"));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        match crossfade_exchange::decode::<Said>(frame) {
            Ok((said, read)) if read == length => {
                self.start += 4 + length;
                Ok(Some((said, length)))
            }
            Ok((_, read)) => Err(format!("{} bytes too many in the frame at byte {place}", length - read)),
            Err(error) => Err(format!("the frame at byte {place}: {error}")),
        }
    }
}
