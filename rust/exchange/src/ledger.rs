//! The ledger: one line per stage change, each carrying the hash of the line before it. The stage file carries the hash of the
//! last one, so that no byte of the ledger changes unseen.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::hash::sha256;
use crate::stage::{Anchor, Fault, Stage, Stages, Subject};

/// Name of the ledger in the state directory.
pub const FILE: &str = "ledger.jsonl";

/// Hash that the first line carries as its predecessor's.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Bytes of a line that was cut short that are kept: a whole one is below 1 KiB.
const KEPT: usize = 4_096;

/// One stage change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    pub fault: Option<Fault>,
    /// What was found cut short before this line: a write that a crash ended has its stages, and not its lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
}

/// The end of a ledger, to write on from.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: u64,
    /// Generation of the last line.
    pub(crate) generation: u64,
    hash: String,
    /// Bytes of the whole lines.
    whole: u64,
    torn: Vec<u8>,
}

impl Tail {
    /// Reads the end of the ledger in `directory`. Ledgers are small: a line per stage change.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let bytes = match fs::read(directory.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let (lines, torn) = split(&bytes);
        let entry = lines.last().and_then(|line| serde_json::from_slice::<Entry>(line).ok());
        Ok(Self {
            lines: lines.len() as u64,
            generation: entry.map_or(0, |entry| entry.generation),
            hash: lines.last().map_or_else(|| START.to_owned(), |line| sha256(line)),
            whole: (bytes.len() - torn.len()) as u64,
            torn: torn.to_vec(),
        })
    }

    /// Chains entries to the end, which the stages of `generation` name `anchor`. Gives the lines, and what names their last.
    pub(crate) fn chain(&self, generation: u64, anchor: &Anchor, entries: Vec<Entry>) -> io::Result<(Vec<u8>, Anchor)> {
        let torn = String::from_utf8_lossy(&self.torn[..self.torn.len().min(KEPT)]);
        let mut cut = match () {
            () if !self.torn.is_empty() => Some(format!("a line was cut short: {torn}")),
            () if self.lines < anchor.lines || self.generation < generation => {
                Some(format!("the ledger ended at generation {}, the stages were at {generation}", self.generation))
            }
            () => None,
        };
        // Whoever has changed the last line is found by the next one, which follows the line that was written.
        let named = cut.is_none() && anchor.lines > 0 && self.lines == anchor.lines;
        let mut previous = if named { anchor.hash.clone() } else { self.hash.clone() };
        let (mut lines, mut count) = (Vec::new(), self.lines);
        for entry in entries {
            let line = serde_json::to_vec(&Entry { previous, cut: cut.take(), ..entry }).map_err(io::Error::other)?;
            previous = sha256(&line);
            count += 1;
            lines.extend(line);
            lines.push(b'\n');
        }
        Ok((lines, Anchor { lines: count, hash: previous }))
    }

    /// Writes lines behind the last whole one. The caller holds the state directory's lock.
    pub(crate) fn append(&self, directory: &Path, lines: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(directory.join(FILE))?;
        if !self.torn.is_empty() {
            file.set_len(self.whole)?;
        }
        // One write call: a crash leaves whole lines or a torn last one, never two lines mixed.
        file.write_all(lines)?;
        file.sync_data()
    }
}

/// A ledger whose every line follows the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Its lines.
    pub entries: Vec<Entry>,
    /// SHA-256 of the last one, in hex.
    pub hash: String,
}

/// A ledger that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line that shows it, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Broken {}

/// Walks the ledger at `path`. None at all is an empty one.
///
/// # Errors
///
/// The first line that is not as it was written, or does not follow the one before: something before it was edited, removed,
/// put in, or put elsewhere.
pub fn verify(path: &Path) -> Result<Chain, Broken> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Broken { line: 1, what: error.to_string() }),
    };
    let (lines, torn) = split(&bytes);
    let hashes: Vec<String> = lines.iter().map(|line| sha256(line)).collect();
    let mut chain = Chain { entries: Vec::new(), hash: START.to_owned() };
    for (index, text) in lines.iter().enumerate() {
        let broken = |what| Broken { line: index + 1, what };
        let entry: Entry =
            serde_json::from_slice(text).map_err(|error| broken(format!("edited, it is no entry: {error}")))?;
        if entry.previous != chain.hash {
            return Err(broken(unlinked(index, &entry, &hashes)));
        }
        follows(chain.entries.last(), &entry).map_err(broken)?;
        chain.hash.clone_from(&hashes[index]);
        chain.entries.push(entry);
    }
    if torn.is_empty() {
        return Ok(chain);
    }
    let what = "torn: a crash cut it short, or its end was removed; the next change goes on behind the line before, and says so";
    Err(Broken { line: lines.len() + 1, what: what.to_owned() })
}

/// The entries that can be read of a ledger, whole or not.
pub fn readable(path: &Path) -> Vec<Entry> {
    let bytes = fs::read(path).unwrap_or_default();
    split(&bytes).0.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Why a line does not follow the one before it.
fn unlinked(index: usize, entry: &Entry, hashes: &[String]) -> String {
    let before = hashes.iter().position(|hash| *hash == entry.previous).map(|found| found + 1);
    match before {
        Some(found) => format!("it follows line {found}: lines were reordered, or put in"),
        None if entry.previous == START => "it is a first line: lines were put before it".to_owned(),
        None if index == 0 => "the lines before it were removed".to_owned(),
        None => format!("it does not follow line {index}: that was edited, or lines between them were removed"),
    }
}

fn follows(before: Option<&Entry>, entry: &Entry) -> Result<(), String> {
    // A write that was cut short took one generation with it.
    let most = if entry.cut.is_some() { 2 } else { 1 };
    let Some(before) = before else { return Ok(()) };
    match entry.generation.checked_sub(before.generation) {
        None => Err(format!("generation {} after {}: it went back", entry.generation, before.generation)),
        Some(step) if step > most => Err(format!(
            "generation {} after {}: changes between them have no line",
            entry.generation, before.generation
        )),
        Some(_) => Ok(()),
    }
}

impl Chain {
    /// Whether the ledger ends where the stage file says, and its last lines say what the stage file does.
    ///
    /// # Errors
    ///
    /// It does not: the last line was edited or removed, or something else has written one of the two files.
    pub fn ends_at(&self, stages: &Stages) -> Result<(), Broken> {
        let broken = |what| Err(Broken { line: self.entries.len().max(1), what });
        let generation = self.entries.last().map_or(0, |entry| entry.generation);
        if generation != stages.generation {
            return broken(format!(
                "it ends at generation {generation}, the stage file is at {}: a crash cut a write short, or lines were removed",
                stages.generation
            ));
        }
        if !stages.ledger.hash.is_empty() && stages.ledger.hash != self.hash {
            return broken("edited or removed: the stage file names another last line".to_owned());
        }
        let last: BTreeMap<&str, Stage> = self.entries.iter().map(|entry| (&*entry.route, entry.to)).collect();
        for (route, row) in &stages.routes {
            let said = last.get(&**route).copied().unwrap_or_default();
            if said != row.stage {
                return broken(format!(
                    "{route} is at {} in the stage file and at {said} here: something else has written the stage file",
                    row.stage
                ));
            }
        }
        Ok(())
    }
}

/// Whole lines, without their newlines, and what follows the last newline.
fn split(bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let (whole, torn) = bytes.split_at(end);
    let whole = whole.strip_suffix(b"\n");
    (whole.map(|whole| whole.split(|&byte| byte == b'\n').collect()).unwrap_or_default(), torn)
}
