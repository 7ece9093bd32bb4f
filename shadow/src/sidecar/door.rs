//! The lock that one sidecar holds on its directory, and the socket that workers find it by.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::Error;

/// Name of the lock in the sidecar's directory.
const LOCK: &str = "sidecar.lock";

/// Makes the directory and takes its lock. The system lets it go when this process ends, however it ends.
///
/// # Errors
///
/// Another sidecar holds it, or it cannot be made.
pub fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join(LOCK);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    let open = || OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = made.and_then(|()| open()).map_err(|error| Error::at(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Running(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::at(&path, error)),
    }
}

/// The user that this process acts as.
///
/// # Errors
///
/// There is no `/proc`.
pub fn own_user() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// A socket file, and which file it is: a name can come to mean another.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    file: (u64, u64),
}

impl Door {
    /// Listens at `path`. What a dead sidecar has left there is replaced.
    ///
    /// # Errors
    ///
    /// Somebody answers there, or it cannot be made.
    pub fn open(path: &Path) -> Result<(Self, UnixListener), Error> {
        match fs::symlink_metadata(path) {
            Ok(_) if UnixStream::connect(path).is_ok() => return Err(Error::Taken(path.to_owned())),
            Ok(found) if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
                return Err(Error::at(path, io::Error::other("is there and is no socket")));
            }
            _ => {}
        }
        let opened = || -> io::Result<(Self, UnixListener)> {
            // Under its name it never has any other rights than these.
            let temporary = path.with_extension("tmp");
            let _ = fs::remove_file(&temporary);
            let listener = UnixListener::bind(&temporary)?;
            fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
            fs::rename(&temporary, path)?;
            listener.set_nonblocking(true)?;
            let found = fs::symlink_metadata(path)?;
            Ok((Self { path: path.to_owned(), file: (found.dev(), found.ino()) }, listener))
        };
        opened().map_err(|error| Error::at(path, error))
    }

    /// Whether the name still leads here.
    pub fn leads_here(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.file)
    }

    /// Takes the name away, if it is still ours.
    pub fn close(&self) {
        if self.leads_here() {
            // Whoever finds it finds nobody: the same as if it were gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}
