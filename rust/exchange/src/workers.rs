//! Which workers follow the stage file: each writes a small file of its own into the state directory.
//!
//! A worker only writes where the directory exists, so that a service without stages leaves nothing behind.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Folder below the state directory.
const FOLDER: &str = "workers";

/// How often a worker renews its file.
pub const RENEWAL: Duration = Duration::from_secs(2);

/// A file that has not been renewed for this long belongs to a worker that is gone.
const GONE: Duration = Duration::from_secs(10);

/// One worker of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its process.
    pub pid: u32,
    /// Generation of the stage file that it follows.
    pub generation: u64,
    /// Its build, `crossfade_seam::BUILD`.
    pub build: String,
    /// Routes held at `shadow` at most, because their stage was set for another build or policy.
    pub held: Vec<String>,
    /// Polls that found a stage file or policy which cannot be used.
    pub errors: u64,
    /// What is the matter with the store that it counts in, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Routes that it lets the control alone judge until it starts again, each with why: the candidate failed too often.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, String>,
    /// Digest of its control; empty: it says none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub control: String,
}

/// Says what this worker follows; replaces its file atomically.
pub fn announce(state_directory: &Path, worker: &Worker) -> io::Result<()> {
    if !state_directory.is_dir() {
        return Ok(());
    }
    let folder = state_directory.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let path = file(&folder, worker.pid);
    let temporary = path.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(worker).map_err(io::Error::other)?)?;
    fs::rename(temporary, path)
}

/// The workers that are there; forgets those that are gone.
pub fn present(state_directory: &Path) -> Vec<Worker> {
    let Ok(entries) = fs::read_dir(state_directory.join(FOLDER)) else { return Vec::new() };
    let mut workers: Vec<Worker> = entries.flatten().filter_map(|entry| read(&entry.path())).collect();
    workers.sort_by_key(|worker| worker.pid);
    workers
}

fn read(path: &Path) -> Option<Worker> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return None;
    }
    let renewed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    let worker: Worker = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    // Renewed lately is not enough: a worker that has just been stopped would count. The process tells, where it can be
    // seen; in another PID namespace only the file does.
    let age = SystemTime::now().duration_since(renewed).unwrap_or_default();
    let visible = Path::new("/proc").join(worker.pid.to_string()).exists();
    if age > GONE || (!visible && age > 2 * RENEWAL) {
        let _ = fs::remove_file(path);
        return None;
    }
    (visible || age <= RENEWAL).then_some(worker)
}

fn file(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.json"))
}
