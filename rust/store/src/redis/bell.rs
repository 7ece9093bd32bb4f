//! How an event loop hears of answers: a descriptor that becomes readable, and who has one.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

/// One for each event loop. The connection's thread rings it; the loop watches [`Bell::descriptor`] and then asks
/// [`Bell::rung`] who is meant.
#[derive(Debug)]
pub struct Bell {
    rings: UnixStream,
    listens: UnixStream,
    tickets: Mutex<Vec<u64>>,
}

impl Bell {
    /// A bell that nobody has rung.
    ///
    /// # Errors
    ///
    /// The process has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (rings, listens) = UnixStream::pair()?;
        rings.set_nonblocking(true)?;
        listens.set_nonblocking(true)?;
        Ok(Self { rings, listens, tickets: Mutex::default() })
    }

    /// Becomes readable when a ticket has been answered. Belongs to the bell: not to be read from, nor closed.
    pub fn descriptor(&self) -> RawFd {
        self.listens.as_raw_fd()
    }

    /// The numbers of the tickets that were answered since the last call; the descriptor is silent again.
    pub fn rung(&self) -> Vec<u64> {
        let mut bytes = [0; 64];
        while (&self.listens).read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
        std::mem::take(&mut *self.tickets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One byte for any number of tickets: only the first one after a call of `rung` is written.
    pub(super) fn ring(&self, ticket: u64) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.push(ticket);
        if tickets.len() == 1 {
            // A full socket is readable already.
            let _ = (&self.rings).write(&[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte for many tickets, none is lost, and afterwards it is silent.
    #[test]
    fn names_every_ticket_once() {
        let bell = Bell::new().expect("descriptors");
        bell.ring(3);
        bell.ring(5);
        assert_eq!(bell.rung(), [3, 5]);
        assert_eq!((&bell.listens).read(&mut [0]).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
        assert_eq!(bell.rung(), []);
        bell.ring(7);
        assert_eq!(bell.rung(), [7]);
    }
}
