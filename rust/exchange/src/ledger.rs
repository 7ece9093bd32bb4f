//! The ledger: one line per stage change, each carrying the hash of the line before it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::stage::{Stage, Subject};

/// Name of the ledger in the state directory.
pub const FILE: &str = "ledger.jsonl";

/// Hash that the first line carries as its predecessor's.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One stage change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// SHA-256 of the line before, in hex.
    pub previous: String,
    /// Microseconds since the epoch.
    pub at: u64,
    /// Generation of the stage file that this line belongs to.
    pub generation: u64,
    /// The route.
    pub route: String,
    /// From which stage.
    pub from: Stage,
    /// To which stage.
    pub to: Stage,
    /// What it was set for.
    pub subject: Subject,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// Whether evidence justified it; `false` for `stage set`.
    pub proven: bool,
    /// SHA-256 of that evidence, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Kinds of outcome that somebody has accepted although too few were compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// Why the route was taken back by itself, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<String>,
    /// A fault that was injected with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<crate::stage::Fault>,
}

/// Appends `entry` with the hash of the last line. The caller holds the state directory's lock.
pub fn append(directory: &Path, mut entry: Entry) -> io::Result<()> {
    let path = directory.join(FILE);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
    entry.previous = match last_line(&mut file)? {
        Some(line) => hash(&line),
        None => START.to_owned(),
    };
    let mut line = serde_json::to_vec(&entry).map_err(io::Error::other)?;
    line.push(b'\n');
    // One write call: a crash leaves a whole line or a torn last one, never two lines mixed.
    file.write_all(&line)?;
    file.sync_data()
}

fn hash(line: &[u8]) -> String {
    Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last line without its newline. Ledgers are small: a line per stage change.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes.rsplit(|&b| b == b'\n').next().filter(|line| !line.is_empty()).map(<[u8]>::to_vec))
}
