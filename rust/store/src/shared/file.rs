//! The file of a table: found, or made whole before anybody sees it.
//!
//! A file that cannot be joined because it is of an earlier boot, another version or other sizes is replaced: a whole one takes its name.
//! Processes that have the former one mapped go on with that, and never replace it in turn.
//!
//! Makers take turns by a lock on the file that is to take the name. The kernel gives the lock back when its holder dies, and
//! what a maker left behind the next one takes over, so that nothing is stuck and nothing piles up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::{Error, Problem};
use super::handle::Handle;
use super::layout::{Header, Layout};
use super::map::{self, Map};

/// How long another maker is waited for. Making takes a few milliseconds for each 100 MiB; this wait is at a start only.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a table came to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It was there, and what others count counts here.
    Joined,
    /// It was made: nobody had counted yet.
    Made,
    /// It was made and took the name of one that could not be joined. Processes that have that one open still count there.
    Replaced(Outdated),
}

/// Why a file could not be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outdated {
    /// The machine was started again since.
    Boot,
    /// Another version of crossfade wrote it.
    Version,
    /// It was made for another number of keys or another `ring_bytes`.
    Sizes,
}

/// An open table: the memory, and what the file says of itself.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) map: Map,
    pub(crate) header: Header,
    pub(crate) opened: Opened,
    pub(crate) handle: Handle,
}

/// The file of the table of that name: `/dev/shm/crossfade-<uid>-<name>.shm`, where there is such a place.
///
/// # Errors
///
/// [`Problem::Name`] for a name that is no part of a file's.
pub fn path_of(name: &str) -> Result<PathBuf, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=100).contains(&name.len()) || name.starts_with('.') || !name.bytes().all(fits) {
        return Err(Problem::Name.of(Path::new(name)));
    }
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    Ok(folder.join(format!("crossfade-{}-{name}.shm", map::user())))
}

/// Joins the table at `path`, or makes it. What is there and cannot be joined is replaced if that is said, else left.
pub(crate) fn open(path: &Path, layout: Layout, replaces: bool) -> Result<Open, Error> {
    if !portable_atomic::AtomicU128::is_lock_free() {
        return Err(Problem::NoWideSwap.of(path));
    }
    open_or_make(path, layout, replaces).map_err(|problem| problem.of(path))
}

fn open_or_make(path: &Path, layout: Layout, replaces: bool) -> Result<Open, Problem> {
    let boot = boot();
    match find(path, layout, boot)? {
        Found::Current(open) => return Ok(open),
        Found::Outdated(why) if !replaces => return Err(Problem::Outdated(why)),
        Found::Outdated(_) | Found::Nothing => {}
    }
    let (making, turn) = take_turn(&beside(path))?;
    // Whoever had the turn before may have made it.
    let opened = match find(path, layout, boot)? {
        Found::Current(open) => {
            let _ = fs::remove_file(&making);
            return Ok(open);
        }
        Found::Outdated(why) if !replaces => {
            let _ = fs::remove_file(&making);
            return Err(Problem::Outdated(why));
        }
        Found::Outdated(why) => Opened::Replaced(why),
        Found::Nothing => Opened::Made,
    };
    let header = Header { layout, boot, seed: seed().map_err(Problem::Make)? };
    let made = fill(&turn, &header).and_then(|()| fs::rename(&making, path).map_err(Problem::Make));
    if let Err(problem) = made {
        let _ = fs::remove_file(&making);
        return Err(problem);
    }
    // Others may wait for the turn at this very file.
    let _ = turn.unlock();
    mapped(turn, header, opened)
}

enum Found {
    Current(Open),
    Outdated(Outdated),
    Nothing,
}

/// What is at `path`.
fn find(path: &Path, layout: Layout, boot: u128) -> Result<Found, Problem> {
    let open = || open_private(path, OpenOptions::new().read(true).write(true)).and_then(Handle::new);
    let file = match Handle::spare(path).map_or_else(open, Ok) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(Problem::Open(error)),
    };
    match Header::read(&file, private(&file)?.len())? {
        None => Ok(Found::Outdated(Outdated::Version)),
        Some(header) if header.boot != boot => Ok(Found::Outdated(Outdated::Boot)),
        Some(header) if header.layout != layout => Ok(Found::Outdated(Outdated::Sizes)),
        Some(header) => mapped(file, header, Opened::Joined).map(Found::Current),
    }
}

fn mapped(handle: Handle, header: Header, opened: Opened) -> Result<Open, Problem> {
    let len = usize::try_from(header.layout.bytes()).map_err(|_| Problem::Map(ErrorKind::OutOfMemory.into()))?;
    let map = Map::new(&handle, len).map_err(Problem::Map)?;
    Ok(Open { map, header, opened, handle })
}

/// Makes the file whole: all of its bytes have their place, and the header is written.
fn fill(file: &File, header: &Header) -> Result<(), Problem> {
    let bytes = header.layout.bytes();
    file.set_len(0).map_err(Problem::Make)?;
    map::allocate(file, bytes).map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory => {
            Problem::Full { bytes, error }
        }
        _ => Problem::Make(error),
    })?;
    header.write(file).map_err(Problem::Make)
}

/// The locked file that may take the name. While it is locked nobody else renames, removes or fills it.
fn take_turn(making: &Path) -> Result<(PathBuf, Handle), Problem> {
    let start = Instant::now();
    loop {
        let options = &mut OpenOptions::new();
        let file = open_private(making, options.read(true).write(true).create(true)).and_then(Handle::new);
        let file = file.map_err(Problem::Make)?;
        private(&file)?;
        match file.try_lock() {
            // The one before may have given it its name, or removed it: then this is no longer the file to fill.
            Ok(()) if is_at(&file, making) => return Ok((making.into(), file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => return Err(Problem::Busy),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(Problem::Make(error)),
        }
    }
}

/// The file that is filled before it takes the name `path`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".making");
    name.into()
}

/// Refuses a file that is not ours alone.
fn private(file: &File) -> Result<fs::Metadata, Problem> {
    let about = file.metadata().map_err(Problem::Open)?;
    let (owner, user, mode) = (about.uid(), map::user(), about.mode() & 0o777);
    if owner != user {
        return Err(Problem::Owner { owner, user });
    }
    if !about.is_file() {
        return Err(Problem::Foreign);
    }
    if mode & 0o077 != 0 {
        return Err(Problem::Permissions(mode));
    }
    Ok(about)
}

/// Opens a file for its owner alone, and no link to one.
fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// Which file is at `path`: device and inode.
pub(crate) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|about| (about.dev(), about.ino()))
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), identity(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == named,
        _ => false,
    }
}

/// The boot of this machine; 0 where it does not say.
fn boot() -> u128 {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&id.trim().replace('-', ""), 16).unwrap_or(0)
}

fn seed() -> io::Result<u128> {
    let mut seed = [0; 16];
    io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut seed)?;
    Ok(u128::from_ne_bytes(seed))
}
