//! The evidence in a file: SQLite in WAL, so that it survives a kill, and anybody may read it meanwhile.
//!
//! Counts are kept as JSON under the names of their types, so that `sqlite3` shows them and a field that is added later has
//! its default in what was written before.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Account, Counts, Evidence, Group, Keys, Source, Stay, StayEvidence};

/// Name of the file in the sidecar's directory.
pub const FILE: &str = "evidence.sqlite";

/// Version of the tables, `user_version` of the file.
const VERSION: i64 = 1;

/// How long another process's write may hold us up. Nobody else writes; a reader's checkpoint takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
create table if not exists stays (id integer primary key, stay text not null unique, keys blob not null) strict;
create table if not exists counts (
    stay integer not null references stays, worker integer not null, epoch integer not null, counts text not null,
    primary key (stay, worker, epoch)) strict, without rowid;
create table if not exists accounts (
    worker integer not null, epoch integer not null, route text not null, account text not null,
    primary key (worker, epoch, route)) strict, without rowid;
create table if not exists received (
    worker integer not null, epoch integer not null, exchanges integer not null,
    primary key (worker, epoch)) strict, without rowid;
create table if not exists groups (identity text primary key, found text not null) strict, without rowid;
create table if not exists clock (one integer primary key check (one = 1), now integer not null, written integer not null)
    strict;
";

/// The file of a sidecar's evidence.
pub struct Book {
    connection: Connection,
    path: PathBuf,
}

/// A file that cannot be used.
#[derive(Debug)]
pub struct BookError {
    path: PathBuf,
    cause: String,
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for BookError {}

/// What has changed since the last time, with its whole value.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Stays whose keys have brought more.
    pub keys: Vec<(&'a Stay, &'a Keys)>,
    /// Counts.
    pub counts: Vec<(&'a Stay, Source, &'a Counts)>,
    /// Accounts.
    pub accounts: Vec<(Source, &'a str, &'a Account)>,
    /// Exchanges received of each process.
    pub received: Vec<(Source, u64)>,
    /// Groups, each with what tells it apart.
    pub groups: Vec<(&'a str, &'a Group)>,
    /// Processes whose rows go: what they brought is in `counts`, `accounts` and `received` of another.
    pub folded: Vec<Source>,
    /// The sidecar's clock and this machine's, in microseconds since the epoch.
    pub now: u64,
    /// This machine's clock.
    pub written: u64,
}

impl Book {
    /// Opens the file at `path` to write, and makes it (mode 0600) where there is none.
    ///
    /// # Errors
    ///
    /// It cannot be written, or is of another version.
    pub fn open(path: &Path) -> Result<Self, BookError> {
        use std::os::unix::fs::OpenOptionsExt;
        // SQLite gives its journals the mode of the file, so that is made first.
        let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|error| failed(path)(error.to_string()))?;
        let connection = Connection::open(path).map_err(|error| failed(path)(error.to_string()))?;
        let book = Self { connection, path: path.to_owned() };
        book.try_in(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            // What is committed survives a kill; a power cut may take the last moments, and what was acknowledged then.
            connection.pragma_update(None, "synchronous", "normal")?;
            Ok(())
        })?;
        match book.version()? {
            0 => book.try_in(|connection| {
                connection.execute_batch(TABLES)?;
                connection.pragma_update(None, "user_version", VERSION)
            })?,
            _ => book.check_version()?,
        }
        Ok(book)
    }

    /// Opens the file at `path` to read; `None`: there is none, so there is no evidence.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is of another version.
    pub fn read(path: &Path) -> Result<Option<Self>, BookError> {
        if !path.exists() {
            return Ok(None);
        }
        // Not read-only: a reader of a WAL that nobody has open has to be able to recover it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path)(error.to_string()))?;
        let book = Self { connection, path: path.to_owned() };
        book.try_in(|connection| connection.busy_timeout(PATIENCE))?;
        if book.version()? == 0 {
            // Made a moment ago.
            return Ok(None);
        }
        book.check_version()?;
        Ok(Some(book))
    }

    /// Writes `changes` in one transaction: all of them are kept, or none.
    ///
    /// # Errors
    ///
    /// The file cannot be written: a full disk, for one. What was kept before is.
    pub fn save(&mut self, changes: &Changes<'_>) -> Result<(), BookError> {
        let path = self.path.clone();
        save(&mut self.connection, changes).map_err(|error| failed(&path)(error.to_string()))
    }

    /// Reads everything.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds what is no evidence.
    pub fn load(&self) -> Result<Evidence, BookError> {
        self.try_in(load)
    }

    /// Forgets a stay and its counts.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn forget(&mut self, stay: &Stay) -> Result<(), BookError> {
        self.try_in(|connection| {
            connection.execute(
                "delete from counts where stay in (select id from stays where stay = ?1)",
                params![json(stay)?],
            )?;
            connection.execute("delete from stays where stay = ?1", params![json(stay)?]).map(drop)
        })
    }

    fn version(&self) -> Result<i64, BookError> {
        self.try_in(|connection| connection.pragma_query_value(None, "user_version", |row| row.get(0)))
    }

    fn check_version(&self) -> Result<(), BookError> {
        match self.version()? {
            VERSION => Ok(()),
            other => Err(failed(&self.path)(format!(
                "evidence of version {other}, this build reads {VERSION}: use the release that wrote it, or move the file away \
                 to start from no evidence"
            ))),
        }
    }

    fn try_in<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, BookError> {
        f(&self.connection).map_err(|error| failed(&self.path)(error.to_string()))
    }
}

fn failed(path: &Path) -> impl FnOnce(String) -> BookError {
    let path = path.to_owned();
    move |cause| BookError { path, cause }
}

fn save(connection: &mut Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for source in &changes.folded {
        for table in ["counts", "accounts", "received"] {
            transaction
                .prepare_cached(&format!("delete from {table} where worker = ?1 and epoch = ?2"))?
                .execute(params![source.worker as i64, source.epoch as i64])?;
        }
    }
    for (stay, keys) in &changes.keys {
        transaction
            .prepare_cached("insert into stays (stay, keys) values (?1, ?2) on conflict do update set keys = ?2")?
            .execute(params![json(stay)?, keys.to_bytes()])?;
    }
    for (stay, source, counts) in &changes.counts {
        let stay = json(stay)?;
        transaction
            .prepare_cached("insert into stays (stay, keys) values (?1, ?2) on conflict do nothing")?
            .execute(params![stay, Keys::default().to_bytes()])?;
        transaction
            .prepare_cached(
                "insert into counts values ((select id from stays where stay = ?1), ?2, ?3, ?4)
                 on conflict do update set counts = ?4",
            )?
            .execute(params![stay, source.worker as i64, source.epoch as i64, json(counts)?])?;
    }
    for (source, route, account) in &changes.accounts {
        transaction
            .prepare_cached("insert into accounts values (?1, ?2, ?3, ?4) on conflict do update set account = ?4")?
            .execute(params![source.worker as i64, source.epoch as i64, route, json(account)?])?;
    }
    for (source, exchanges) in &changes.received {
        transaction
            .prepare_cached("insert into received values (?1, ?2, ?3) on conflict do update set exchanges = ?3")?
            .execute(params![source.worker as i64, source.epoch as i64, *exchanges as i64])?;
    }
    for (identity, group) in &changes.groups {
        transaction
            .prepare_cached("insert into groups values (?1, ?2) on conflict do update set found = ?2")?
            .execute(params![identity, json(group)?])?;
    }
    transaction
        .prepare_cached("insert into clock values (1, ?1, ?2) on conflict do update set now = ?1, written = ?2")?
        .execute(params![changes.now as i64, changes.written as i64])?;
    transaction.commit()
}

fn load(connection: &Connection) -> rusqlite::Result<Evidence> {
    // One transaction, so that all of it is of one moment.
    let transaction = connection.unchecked_transaction()?;
    let mut evidence = Evidence::default();
    let mut stays = std::collections::HashMap::new();
    let mut rows = transaction.prepare("select id, stay, keys from stays")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let stay: Stay = read(row, 1)?;
        let keys = Keys::from_bytes(row.get_ref(2)?.as_blob()?).unwrap_or_default();
        stays.insert(row.get::<_, i64>(0)?, stay.clone());
        evidence.stays.insert(stay, StayEvidence { keys, ..StayEvidence::default() });
    }
    let mut rows = transaction.prepare("select worker, epoch, stay, counts from counts")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(of_stay) = stays.get(&row.get(2)?).and_then(|stay| evidence.stays.get_mut(stay)) {
            of_stay.by_source.insert(source(row)?, read(row, 3)?);
        }
    }
    let mut rows = transaction.prepare("select worker, epoch, route, account from accounts")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        evidence.accounts.insert((source(row)?, row.get(2)?), read(row, 3)?);
    }
    let mut rows = transaction.prepare("select worker, epoch, exchanges from received")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        evidence.received.insert(source(row)?, row.get::<_, i64>(2)? as u64);
    }
    let mut rows = transaction.prepare("select identity, found from groups")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        evidence.groups.insert(row.get(0)?, read(row, 1)?);
    }
    let clock = transaction.query_row("select now, written from clock", [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (now, written): (i64, i64) = clock.optional()?.unwrap_or_default();
    (evidence.now, evidence.written) = (now as u64, written as u64);
    Ok(evidence)
}

fn source(row: &rusqlite::Row<'_>) -> rusqlite::Result<Source> {
    Ok(Source { worker: row.get::<_, i64>(0)? as u64, epoch: row.get::<_, i64>(1)? as u64 })
}

fn read<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was saved is there for whoever opens the file, and counts that grew take the place of the earlier ones.
    #[test]
    fn what_is_saved_is_there() {
        let folder = std::env::temp_dir().join(format!("crossfade-book-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(FILE);
        let _ = std::fs::remove_file(&path);
        assert!(Book::read(&path).expect("no file is no error").is_none());

        let stay = Stay { route: "a".into(), subject: Default::default(), stage: "shadow".into(), entered: 7 };
        let source = Source { worker: 1, epoch: u64::MAX >> 1 };
        let (mut keys, mut counts, account) = (Keys::default(), Counts::default(), Account::default());
        keys.bring(5, 9);
        let mut book = Book::open(&path).expect("a book");
        for comparisons in [3, 4] {
            counts.comparisons = comparisons;
            let changes = Changes {
                keys: vec![(&stay, &keys)],
                counts: vec![(&stay, source, &counts)],
                accounts: vec![(source, "a", &account)],
                received: vec![(source, comparisons)],
                now: comparisons,
                ..Changes::default()
            };
            book.save(&changes).expect("saved");
        }
        let evidence = Book::read(&path).expect("readable").expect("there").load().expect("evidence");
        assert_eq!(evidence.stays[&stay].by_source[&source], counts);
        assert_eq!(evidence.stays[&stay].keys, keys);
        assert_eq!((evidence.received[&source], evidence.now), (4, 4));
        book.forget(&stay).expect("forgotten");
        assert!(book.load().expect("evidence").stays.is_empty());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
