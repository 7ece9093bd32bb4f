//! Opening a capture: a directory of segments, or one segment.

use std::io;
use std::path::Path;

use crossfade_exchange::segment::{Directory, list};

/// Opens a capture directory or a single segment file for reading in file order.
///
/// Damage is skipped; [`Directory::recovery`] accounts for it once the iterator has ended.
pub fn open(path: &Path) -> io::Result<Directory> {
    let name = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if path.metadata().map_err(name)?.is_dir() && list(path).map_err(name)?.is_empty() {
        let message = format!("{}: no capture here, a capture has files named *.seg or *.open", path.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Directory::open(path).map_err(name)
}
