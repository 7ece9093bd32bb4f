//! The other end of a stream, as a test wants it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossfade_exchange::frame;
use crossfade_exchange::wire::{Heard, Hello, RouteAccount, Said, VERSION};

/// Longest wait for an event: generous, because other processes share the machine.
const WAITS: Duration = Duration::from_secs(20);

/// Looks again and again until something holds; fails after a bounded time.
pub fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + WAITS;
    while !holds() {
        assert!(Instant::now() < deadline, "it did not happen in time");
        thread::yield_now();
    }
}

/// A folder for a socket, removed at the end.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("crossfade-{}-{number}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub fn path(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a worker has said on the last connection.
#[derive(Default)]
pub struct Seen {
    pub hello: Hello,
    pub sequences: Vec<u64>,
    pub seeded: Vec<u64>,
    account: RouteAccount,
    missed: BTreeSet<u64>,
}

impl Seen {
    /// The last account of the route `r`, with all keys that were missed so far.
    pub fn account(&self) -> RouteAccount {
        RouteAccount { missed: self.missed.iter().copied().collect(), ..self.account.clone() }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Hello(hello) => *self = Self { hello, ..Self::default() },
            Said::Exchange(exchange) if exchange.seeded => self.seeded.push(exchange.sequence),
            Said::Exchange(exchange) => self.sequences.push(exchange.sequence),
            Said::Account(mut account) => {
                self.account = account.routes.remove("r").unwrap_or_default();
                self.missed.extend(self.account.missed.drain(..));
            }
        }
    }
}

/// A sidecar that answers the first word at once and reads on when it is told to. When it is dropped, it is dead.
pub struct Peer {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    accepts: Option<JoinHandle<()>>,
    accepted: Receiver<UnixStream>,
    socket: Option<UnixStream>,
    bytes: Vec<u8>,
    pub seen: Seen,
}

impl Peer {
    pub fn listen(place: &Place) -> Self {
        Self::listen_as(place, VERSION, 0)
    }

    pub fn listen_and_say(place: &Place, kept: u64) -> Self {
        Self::listen_as(place, VERSION, kept)
    }

    pub fn listen_as(place: &Place, version: u8, kept: u64) -> Self {
        let aside = place.path().with_extension("aside");
        let listener = UnixListener::bind(&aside).expect("a socket");
        fs::rename(aside, place.path()).expect("a socket in its place");
        let ends = Arc::new(AtomicBool::new(false));
        let (gives, accepted) = channel();
        let over = Arc::clone(&ends);
        let accepts = thread::spawn(move || {
            while let Ok((mut socket, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let _ = frame::write(&mut socket, &Heard { version, exchanges: kept }, &mut Vec::new());
                let _ = gives.send(socket);
            }
        });
        let (socket, bytes, seen) = (None, Vec::new(), Seen::default());
        Self { path: place.path(), ends, accepts: Some(accepts), accepted, socket, bytes, seen }
    }

    /// Says how many exchanges are kept.
    pub fn say(&mut self, kept: u64) {
        let heard = Heard { version: VERSION, exchanges: kept };
        frame::write(&mut self.socket().expect("a worker"), &heard, &mut Vec::new()).expect("a worker");
    }

    /// Reads until something has been seen; gives the last account.
    pub fn read_until(&mut self, holds: impl Fn(&Seen) -> bool) -> RouteAccount {
        let deadline = Instant::now() + WAITS;
        while !holds(&self.seen) {
            let account = self.seen.account();
            assert!(Instant::now() < deadline, "{} exchanges, {account:?}", self.seen.sequences.len());
            self.read();
        }
        self.seen.account()
    }

    pub fn read_to_the_end(&mut self) {
        let deadline = Instant::now() + WAITS;
        while self.read() {
            assert!(Instant::now() < deadline, "the connection lives");
        }
    }

    fn socket(&mut self) -> Option<&UnixStream> {
        if self.socket.is_none() {
            let socket = self.accepted.recv_timeout(WAITS).ok()?;
            socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
            self.socket = Some(socket);
        }
        self.socket.as_ref()
    }

    /// Reads a little; `false`: the connection is over.
    fn read(&mut self) -> bool {
        let mut buffer = vec![0; 1 << 20];
        let mut socket = self.socket().expect("a worker");
        match socket.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
            Err(_) => return true,
        }
        let mut rest = &self.bytes[..];
        while let Some((length, after)) = rest.split_first_chunk()
            && let Some(payload) = after.get(..u32::from_be_bytes(*length) as usize)
        {
            self.seen.hear(crossfade_exchange::decode(payload).expect("a frame").0);
            rest = &after[payload.len()..];
        }
        let left = rest.len();
        self.bytes.drain(..self.bytes.len() - left);
        true
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread, if it is this one that still has the path; then nobody else is let in.
        if UnixStream::connect(&self.path).is_ok()
            && let Some(accepts) = self.accepts.take()
        {
            let _ = fs::remove_file(&self.path);
            let _ = accepts.join();
        }
    }
}
