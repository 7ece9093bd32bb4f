//! The stage file: read by every worker, written by one function.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::ledger;
use crate::stage::{Fault, Row, Stage, Stages, Subject, VERSION};

/// Name of the stage file in the state directory.
pub const FILE: &str = "stages.json";

/// Largest stage file that is read: a row is below 1 KiB, and more than this is no stage file.
const MAX_BYTES: u64 = 1 << 20;

/// A stage file that cannot be used, or cannot be written.
#[derive(Debug)]
pub enum StageError {
    /// The file does not exist: every route is `off`.
    Missing,
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
    /// It is no stage file.
    Corrupt(PathBuf, String),
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
/// overwritten unless every change is to `off`, so that going back always works.
///
/// # Errors
///
/// [`StageError`]; nothing is changed then, except that a ledger that cannot be written is reported after the stages
/// have moved.
pub fn write(
    directory: &Path,
    changes: &[Change],
    expected: Option<u64>,
    now_micros: u64,
) -> Result<Written, StageError> {
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |error| StageError::Io(path, error)
    };
    fs::create_dir_all(directory).map_err(io_error(directory))?;
    let lock_path = directory.join("stages.lock");
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path).map_err(io_error(&lock_path))?;
    lock.lock().map_err(io_error(&lock_path))?;

    let going_back = changes.iter().all(|change| change.stage == Stage::Off);
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
    stages.version = VERSION;
    stages.generation += 1;

    let mut before = Vec::new();
    let mut entries = Vec::new();
    for change in changes {
        let row = stages.routes.get(&change.route);
        let from = row.map_or(Stage::Off, |row| row.stage);
        // A salt lives as long as its campaign: from leaving `off` until the return to it.
        let salt = match row {
            Some(row) if row.stage != Stage::Off => row.salt.clone(),
            _ => format!("{:x}", now_micros),
        };
        entries.push(ledger::Entry {
            previous: String::new(),
            at: now_micros,
            generation: stages.generation,
            route: change.route.clone(),
            from,
            to: change.stage,
            subject: change.subject.clone(),
            who: change.who.clone(),
            why: change.why.clone(),
            proven: change.evidence.is_some(),
            evidence: change.evidence.clone(),
            accepted: change.accepted.clone(),
            rolled_back: change.rolled_back.clone(),
            fault: change.fault,
        });
        before.push((change.route.clone(), from));
        stages.routes.insert(
            change.route.clone(),
            Row {
                stage: change.stage,
                salt,
                subject: change.subject.clone(),
                who: change.who.clone(),
                why: change.why.clone(),
                at: now_micros,
                accepted: change.accepted.clone(),
                evidence: change.evidence.clone(),
                rolled_back: change.rolled_back.clone(),
                fault: change.fault,
            },
        );
    }
    replace(directory, &stages)?;
    for entry in entries {
        let path = directory.join(ledger::FILE);
        ledger::append(directory, entry).map_err(io_error(&path))?;
    }
    Ok(Written { generation: stages.generation, before })
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
