//! One connection to a sidecar: nothing here waits longer than it is told to.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crossfade_exchange::wire::{self, Heard, Hello, Said};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with, sockopt,
};
use rustix::process::geteuid;

/// The kernel holds this much on its way to a sidecar: 50 ms at 10,000 exchanges of 2 KB a second. More would be lost when
/// the sidecar dies.
const SEND_BUFFER: usize = 1 << 20;

/// How long the first word of a sidecar may take: one that accepts and says nothing stands still.
const PATIENCE: Duration = Duration::from_secs(1);

/// A sidecar's words are short; a longer one is damage.
const LONGEST_HEARD: usize = 4_096;

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct Connection {
    socket: UnixStream,
    /// Which file the path named when it was opened.
    file: Option<(u64, u64)>,
    /// What is to be written, and how much of it is.
    pub out: Vec<u8>,
    written: usize,
    inbox: Vec<u8>,
}

impl Connection {
    /// Connects and says who this is. `Err`: why nobody of use is there, for a person.
    pub fn open(path: &Path, hello: &Hello) -> Result<(Self, Heard), String> {
        let file = file_at(path);
        let socket = connected(path).map_err(|error| error.to_string())?;
        let peer = sockopt::socket_peercred(&socket).map_err(|error| error.to_string())?;
        if peer.uid != geteuid() && !peer.uid.is_root() {
            return Err(format!("it belongs to user {}", peer.uid.as_raw()));
        }
        // Smaller than asked for is no reason to go without.
        let _ = sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER);
        let mut connection = Self { socket, file, out: Vec::new(), written: 0, inbox: Vec::new() };
        wire::append(&Said::Hello(hello.clone()), &mut connection.out);
        let deadline = Instant::now() + PATIENCE;
        loop {
            connection.write()?;
            if let Some(heard) = connection.heard()? {
                if heard.version != wire::VERSION {
                    return Err(format!("it speaks version {}, this is {}", heard.version, wire::VERSION));
                }
                return Ok((connection, heard));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("it says nothing".to_owned());
            }
            connection.wait(left);
        }
    }

    /// Writes as much as the socket takes; whether that is all.
    pub fn write(&mut self) -> Result<bool, String> {
        while self.written < self.out.len() {
            // No signal: a service may have set SIGPIPE to end it.
            match send(&self.socket, &self.out[self.written..], SendFlags::NOSIGNAL) {
                Ok(count) => self.written += count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(true)
    }

    /// The last word that has come, if one has. What was said before the connection ended counts.
    pub fn heard(&mut self) -> Result<Option<Heard>, String> {
        let mut buffer = [0; 1_024];
        let mut last = None;
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) if last.is_some() => return Ok(last),
                Ok(0) => return Err("the connection has ended".to_owned()),
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(last),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
            while let Some((heard, length)) = first(&self.inbox)? {
                self.inbox.drain(..length);
                last = Some(heard);
            }
        }
    }

    /// Waits until something comes, or until what is left can be written.
    pub fn wait(&self, patience: Duration) {
        let writes = if self.written < self.out.len() { PollFlags::OUT } else { PollFlags::empty() };
        let mut descriptors = [PollFd::new(&self.socket, PollFlags::IN | writes)];
        // What interrupts it, or goes wrong, is met again by who reads or writes next.
        let _ = poll(&mut descriptors, Timespec::try_from(patience).ok().as_ref());
    }

    /// Whether the path names another socket by now: a sidecar that was started after this one.
    pub fn is_replaced(&self, path: &Path) -> bool {
        file_at(path).is_some_and(|file| Some(file) != self.file)
    }
}

/// Without waiting, even where too many wait to be accepted.
fn connected(path: &Path) -> rustix::io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    Ok(socket.into())
}

/// Device and number of the file.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The first whole frame, and how many bytes it takes.
fn first(inbox: &[u8]) -> Result<Option<(Heard, usize)>, String> {
    let Some((length, rest)) = inbox.split_first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > LONGEST_HEARD {
        return Err("it says what nobody understands".to_owned());
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let (heard, _) = crossfade_exchange::decode(payload).map_err(|error| error.to_string())?;
    Ok(Some((heard, 4 + length)))
}
