//! Why a shared table cannot be used, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file::Outdated;

/// A shared table could not be opened.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    problem: Problem,
}

/// What is in the way.
#[derive(Debug)]
pub enum Problem {
    /// The name holds something else than letters, digits, `.`, `_` and `-`, or is empty, too long or begins with a dot.
    Name,
    /// The processor cannot compare and swap 16 bytes at once.
    NoWideSwap,
    /// There is no room for a file of that many bytes.
    Full {
        /// How many are wanted.
        bytes: u64,
        /// What the system said.
        error: io::Error,
    },
    /// The file is no table of ours.
    Foreign,
    /// The file is shorter or longer than it says.
    Truncated {
        /// How many bytes it says.
        whole: u64,
        /// How many it has.
        bytes: u64,
    },
    /// The file is another user's.
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Others than its owner may read or write the file.
    Permissions(u32),
    /// The file is a table that cannot be joined, and that was not to be replaced.
    Outdated(Outdated),
    /// Somebody else has been making the file for too long.
    Busy,
    /// A moving window is longer than any ring.
    Window {
        /// How many hits it holds.
        amount: u64,
        /// How many it may.
        most: u64,
    },
    /// There is no room for rings of that length.
    Rings {
        /// How many stamps they have.
        length: u64,
        /// How many bytes there are for all moving windows.
        bytes: u64,
        /// How many bytes those of this policy need at least.
        needed: u64,
    },
    /// The file could not be opened.
    Open(io::Error),
    /// The file could not be made.
    Make(io::Error),
    /// The file could not be read.
    Read(io::Error),
    /// The file could not be mapped.
    Map(io::Error),
}

impl Problem {
    pub(crate) fn of(self, path: &Path) -> Error {
        Error { path: path.into(), problem: self }
    }
}

impl Error {
    /// What is in the way.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "shared table {path}: ")?;
        match &self.problem {
            Problem::Name => {
                write!(f, "not a name: 1 to 100 letters, digits, `.`, `_` or `-`, the first no dot")
            }
            Problem::NoWideSwap => write!(
                f,
                "this processor cannot swap 16 bytes at once (cx16), so processes cannot share counts; use memory://"
            ),
            Problem::Full { bytes, error } => write!(
                f,
                "no room for {bytes} bytes ({}): {error}. Make room in {}, mount it larger (containers: --shm-size), or lower \
                 max_keys or ring_bytes",
                mebibytes(*bytes),
                self.path.parent().unwrap_or(Path::new("/")).display()
            ),
            Problem::Foreign => write!(f, "the file is no table of crossfade; remove it or choose another name"),
            Problem::Truncated { whole, bytes } => write!(
                f,
                "the file has {bytes} bytes and should have {whole}: somebody changed it; stop its processes and remove it"
            ),
            Problem::Owner { owner, user } => write!(
                f,
                "the file belongs to user {owner} and this process is user {user}; run as that user or choose another name"
            ),
            Problem::Permissions(mode) => write!(
                f,
                "others than its owner may open the file (mode {mode:o}); `chmod 600` it if nobody did, else remove it"
            ),
            Problem::Outdated(why) => write!(
                f,
                "the file is a table {}; start all its processes with the same sizes and version, or remove it if it has none",
                match why {
                    Outdated::Boot => "of an earlier boot",
                    Outdated::Version => "of another version",
                    Outdated::Sizes => "for another max_keys or ring_bytes",
                }
            ),
            Problem::Busy => {
                write!(f, "another process has been making the file for too long; is it stopped? Start again")
            }
            Problem::Window { amount, most } => write!(
                f,
                "a moving window of {amount} hits keeps {amount} stamps for each key, and a shared table at most {most}; lower \
                 its rate, or use sliding-window-counter or gcra, which count otherwise"
            ),
            Problem::Rings { length, bytes, needed } if needed <= bytes => write!(
                f,
                "no room is left for moving windows of {length} hits in ring_bytes ({}): windows of other lengths have it, \
                 those of former policies too; raise ring_bytes, which begins a fresh table",
                mebibytes(*bytes)
            ),
            Problem::Rings { length, bytes, needed } => write!(
                f,
                "no room for moving windows of {length} hits in ring_bytes ({}): the policy's need {} at least, and \
                 more for more keys; raise ring_bytes",
                mebibytes(*bytes),
                mebibytes(*needed)
            ),
            Problem::Open(error) => write!(f, "could not open the file: {error}"),
            Problem::Make(error) => write!(f, "could not make the file: {error}; may this user write there?"),
            Problem::Read(error) => write!(f, "could not read the file: {error}"),
            Problem::Map(error) => write!(f, "could not map the file: {error}"),
        }
    }
}

impl std::error::Error for Error {}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
