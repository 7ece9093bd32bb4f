//! The stage file: read by every worker, written by one function.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::ledger::{self, Tail};
use crate::stage::{Fault, Row, Stage, Stages, Subject, VERSION};

/// Name of the stage file in the state directory.
pub const FILE: &str = "stages.json";

/// Largest stage file that is read: a row is below 1 KiB, and more than this is no stage file.
const MAX_BYTES: u64 = 1 << 20;

/// How long another writer may hold us up. A write takes milliseconds; whoever has the lock for longer stands still.
const PATIENCE: Duration = Duration::from_secs(5);

/// A stage file that cannot be used, or cannot be written.
#[derive(Debug)]
pub enum StageError {
    /// The file does not exist: every route is `off`.
    Missing,
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
    /// It is no stage file.
    Corrupt(PathBuf, String),
    /// Another process holds the lock and does not go on.
    Busy(PathBuf),
    /// Somebody else wrote in between.
    Moved {
        /// The generation that was expected.
        expected: u64,
        /// The generation that is there.
        found: u64,
    },
}

impl std::fmt::Display for StageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => write!(f, "there is no stage file: every route is off"),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Corrupt(path, why) => write!(
                f,
                "{}: {why}; workers keep the last good stages. Move the file away to start from off, or restore it",
                path.display()
            ),
            Self::Busy(path) => write!(
                f,
                "{}: another process has held this lock for {} s; it may be stopped: find it with fuser, and end it",
                path.display(),
                PATIENCE.as_secs()
            ),
            Self::Moved { expected, found } => {
                write!(
                    f,
                    "the stage file is at generation {found}, not {expected}: somebody changed it; look and try again"
                )
            }
        }
    }
}

impl std::error::Error for StageError {}

/// Reads the stage file of `directory`.
pub fn read(directory: &Path) -> Result<Stages, StageError> {
    let path = directory.join(FILE);
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StageError::Missing),
        Err(error) => return Err(StageError::Io(path, error)),
    };
    if length > MAX_BYTES {
        return Err(StageError::Corrupt(path, format!("{length} bytes, at most {MAX_BYTES} are read")));
    }
    let bytes = fs::read(&path).map_err(|error| StageError::Io(path.clone(), error))?;
    let stages: Stages = serde_json::from_slice(&bytes)
        .map_err(|error| StageError::Corrupt(path.clone(), format!("no stage file: {error}")))?;
    if stages.version != VERSION {
        return Err(StageError::Corrupt(path, format!("version {}, this build reads {VERSION}", stages.version)));
    }
    Ok(stages)
}

/// A wanted change of one route.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The route.
    pub route: String,
    /// Its new stage.
    pub stage: Stage,
    /// What the stage is set for.
    pub subject: Subject,
    /// Who sets it.
    pub who: String,
    /// Why.
    pub why: String,
    /// SHA-256 of the evidence that justifies it, in hex; `None`: nothing does.
    pub evidence: Option<String>,
    /// Kinds of outcome that somebody accepts although too few were compared. They last as long as the subject.
    pub accepted: Vec<String>,
    /// Why the route is taken back by itself, if it is.
    pub rolled_back: Option<String>,
    /// A fault to inject into the candidate.
    pub fault: Option<Fault>,
    /// A row to put there as it is, time and all, instead of one that is made of the members above; of those only `route`, `who`
    /// and `why` count then, and only in the ledger. For drills: the stay goes on.
    pub row: Option<Row>,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Generation of the stage file now.
    pub generation: u64,
    /// For each change: the route, and its stage before.
    pub before: Vec<(String, Stage)>,
}

/// The one writing function: takes the lock, checks the generation, replaces the file atomically, appends the ledger.
///
/// `expected` is the generation that the caller has looked at; `None` changes whatever is there. A corrupt file is not
/// overwritten unless every change is to `off`, so that going back always works. The generation never falls, not even where the
/// stage file was lost: the ledger remembers it.
///
/// # Errors
///
/// [`StageError`]; nothing is changed then, except that a ledger that cannot be written is reported after the stages
/// have moved. The next write goes on behind its last whole line, and says what is missing.
pub fn write(
    directory: &Path,
    changes: &[Change],
    expected: Option<u64>,
    now_micros: u64,
) -> Result<Written, StageError> {
    fs::create_dir_all(directory).map_err(io_error(directory))?;
    let _lock = lock(directory)?;

    let going_back = changes.iter().all(|change| change.stage == Stage::Off && change.row.is_none());
    let mut stages = match read(directory) {
        Ok(stages) => stages,
        Err(StageError::Missing) => Stages::default(),
        Err(StageError::Corrupt(..)) if going_back => Stages::default(),
        Err(error) => return Err(error),
    };
    if let Some(expected) = expected
        && stages.generation != expected
    {
        return Err(StageError::Moved { expected, found: stages.generation });
    }
    let ledger_path = directory.join(ledger::FILE);
    // A ledger that cannot be read must not keep a route on.
    let tail = match Tail::read(directory) {
        Ok(tail) => Ok(tail),
        Err(error) if going_back => Err(error),
        Err(error) => return Err(StageError::Io(ledger_path, error)),
    };
    let found = stages.generation;
    stages.version = VERSION;
    stages.generation = found.max(tail.as_ref().map_or(0, |tail| tail.generation)) + 1;

    let mut before = Vec::new();
    let mut entries = Vec::new();
    for change in changes {
        let old = stages.routes.get(&change.route);
        let from = old.map_or(Stage::Off, |row| row.stage);
        let row = change.row.clone().unwrap_or_else(|| changed(change, old, now_micros));
        entries.push(ledger::Entry {
            at: now_micros,
            generation: stages.generation,
            route: change.route.clone(),
            from,
            to: row.stage,
            subject: row.subject.clone(),
            who: change.who.clone(),
            why: change.why.clone(),
            proven: row.evidence.is_some(),
            evidence: row.evidence.clone(),
            accepted: change.accepted.clone(),
            rolled_back: row.rolled_back.clone(),
            fault: row.fault,
            ..ledger::Entry::default()
        });
        before.push((change.route.clone(), from));
        stages.routes.insert(change.route.clone(), row);
    }
    let lines = tail.and_then(|tail| {
        let (lines, anchor) = tail.chain(found, &stages.ledger, entries)?;
        stages.ledger = anchor;
        Ok((tail, lines))
    });
    replace(directory, &stages)?;
    lines.and_then(|(tail, lines)| tail.append(directory, &lines)).map_err(io_error(&ledger_path))?;
    Ok(Written { generation: stages.generation, before })
}

/// The row that a change makes of the one that is there.
fn changed(change: &Change, old: Option<&Row>, now_micros: u64) -> Row {
    // A salt lives as long as its campaign: from leaving `off` until the return to it.
    let salt = match old {
        Some(row) if row.stage != Stage::Off => row.salt.clone(),
        _ => format!("{now_micros:x}"),
    };
    // What was accepted for a subject is accepted as long as it is the same.
    let same = |row: &&Row| row.subject.covers(&change.subject) || change.subject.covers(&row.subject);
    let mut accepted = old.filter(same).map(|row| row.accepted.clone()).unwrap_or_default();
    accepted.extend(change.accepted.iter().cloned());
    accepted.sort();
    accepted.dedup();
    Row {
        stage: change.stage,
        salt,
        subject: change.subject.clone(),
        who: change.who.clone(),
        why: change.why.clone(),
        at: now_micros,
        accepted,
        evidence: change.evidence.clone(),
        rolled_back: change.rolled_back.clone(),
        fault: change.fault,
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> StageError + use<> {
    let path = path.to_owned();
    move |error| StageError::Io(path.clone(), error)
}

/// The lock of the state directory, until it is dropped.
fn lock(directory: &Path) -> Result<File, StageError> {
    let path = directory.join("stages.lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io_error(&path))?;
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(StageError::Io(path, error)),
            Err(TryLockError::WouldBlock) if started.elapsed() >= PATIENCE => return Err(StageError::Busy(path)),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Temporary file in the same folder, flushed, then renamed over: a reader sees the old file or the new one.
fn replace(directory: &Path, stages: &Stages) -> Result<(), StageError> {
    let path = directory.join(FILE);
    let temporary = directory.join(format!("{FILE}.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(stages).map_err(io::Error::other)?;
        bytes.push(b'\n');
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|error| StageError::Io(path.clone(), error))
}
