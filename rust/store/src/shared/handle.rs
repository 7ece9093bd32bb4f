//! Descriptors of tables. A process that closes any descriptor of a file gives up all of its record locks on that
//! file, and with them its row. So all of a process's descriptors of one table are closed together, when the last is
//! no longer used.

use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file::identity;
use super::worker::Own;

/// One descriptor of a table.
#[derive(Debug)]
pub(crate) struct Handle {
    // There until it is dropped.
    file: Option<File>,
    /// Which file it is: device and inode.
    pub(crate) identity: (u64, u64),
    /// Which row is this process's.
    pub(crate) own: Arc<Own>,
}

/// What a process has open of one file.
struct Held {
    identity: (u64, u64),
    used: usize,
    spare: Vec<File>,
    own: Arc<Own>,
}

static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

thread_local! {
    /// What this thread has locked to fork.
    static FORKING: Cell<Option<MutexGuard<'static, Vec<Held>>>> = const { Cell::new(None) };
}

/// Waits until no other thread is at work here: a fork would copy its lock, which nobody would ever release in the
/// child.
pub(crate) fn hold() {
    let _ = FORKING.try_with(|forking| forking.set(Some(held())));
}

/// Goes on after a fork.
pub(crate) fn let_go() {
    let _ = FORKING.try_with(Cell::take);
}

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Of a file that has just been opened.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let identity = identified(&file.metadata()?);
        let mut held = held();
        let own = match held.iter_mut().find(|held| held.identity == identity) {
            Some(held) => {
                held.used += 1;
                Arc::clone(&held.own)
            }
            None => {
                let own = Arc::new(Own::default());
                held.push(Held { identity, used: 1, spare: Vec::new(), own: Arc::clone(&own) });
                own
            }
        };
        Ok(Self { file: Some(file), identity, own })
    }

    /// One of the file at `path` that is kept open although nobody uses it. Without it, a process that opens a table
    /// again and again would keep more and more of them.
    pub(crate) fn spare(path: &Path) -> Option<Self> {
        let identity = identity(path).ok()?;
        let mut held = held();
        let held = held.iter_mut().find(|held| held.identity == identity)?;
        let file = held.spare.pop()?;
        held.used += 1;
        Some(Self { file: Some(file), identity, own: Arc::clone(&held.own) })
    }

    /// Whether the descriptor still is what it was: a process that makes itself a daemon may have closed it.
    pub(crate) fn is_open(&self) -> bool {
        self.metadata().is_ok_and(|about| identified(&about) == self.identity)
    }
}

fn identified(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

impl Deref for Handle {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        // What is kept open must not keep a maker's turn.
        let _ = file.unlock();
        let mut all = held();
        let Some(index) = all.iter().position(|held| held.identity == self.identity) else { return };
        all[index].used -= 1;
        all[index].spare.push(file);
        if all[index].used == 0 {
            // Closed before anybody else can open the file again and take a row.
            all.swap_remove(index);
        }
    }
}
