//! The SQLite database: its schema, writing, reading, and what happens to a broken file.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, params};

use crate::closed::ClosedConnection;
use crate::database_files::{remove_set_aside, set_aside};
use crate::minutes::{CounterKind, Counters, MINUTE, MinuteUsage};
use crate::sql_int::{int, uint};
use crate::stored_connection::{self, StoredConnection};
use crate::usage::UsageSteps;
use crate::wipe_range::WipeRange;

/// The schema's version, in `user_version`. 0 is a new file.
const VERSION: i64 = 1;
/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(2);
/// Maximum of closed connections on disk, whatever the retention.
const MAX_STORED_ROWS: i64 = 1_000_000;
/// A larger database is not checked at start; corruption then shows when it is used.
const CHECK_UP_TO: u64 = 64 << 20;
/// Maximum of pages freed after old rows were deleted.
const VACUUM_PAGES: i64 = 2_000;

const SCHEMA: &str = "
CREATE TABLE minutes(
    minute INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL,
    up INTEGER NOT NULL, down INTEGER NOT NULL, connections INTEGER NOT NULL, blocked INTEGER NOT NULL,
    PRIMARY KEY(kind, minute, key)) WITHOUT ROWID;
CREATE TABLE ended(
    id INTEGER PRIMARY KEY, started INTEGER NOT NULL, ended INTEGER NOT NULL, listener TEXT NOT NULL,
    client TEXT NOT NULL, app TEXT, app_path TEXT, pid INTEGER, user TEXT, protocol TEXT NOT NULL,
    host TEXT NOT NULL, port INTEGER NOT NULL, remote TEXT, verdict INTEGER NOT NULL, rule TEXT NOT NULL,
    reason TEXT NOT NULL, route TEXT NOT NULL, up INTEGER NOT NULL, down INTEGER NOT NULL, end INTEGER NOT NULL,
    error TEXT, dns INTEGER, connect INTEGER, tls INTEGER, first_byte INTEGER, requests INTEGER NOT NULL);
CREATE INDEX ended_at ON ended(ended);
";

#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("it fails its own check: {0}")]
    Check(String),
    #[error(
        "a newer Privet wrote it (schema {0}, this one knows {VERSION}): start that version, or delete the file"
    )]
    Newer(i64),
}

impl DatabaseError {
    /// Whether the file itself is at fault, so that it is set aside and a new one begun.
    fn is_broken(&self) -> bool {
        match self {
            Self::Sql(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            ),
            Self::File(_) | Self::Newer(_) => false,
            Self::Check(_) => true,
        }
    }
}

/// The writer's open database.
pub(crate) struct Database {
    connection: Connection,
    file: PathBuf,
}

impl Database {
    /// Opens or creates the database. A broken file is set aside, named after `unix`; returns the sentence that says so.
    pub fn open(file: &Path, unix: u64) -> Result<(Self, Option<String>), DatabaseError> {
        match open(file) {
            Ok(connection) => Ok((Self::new(connection, file), None)),
            Err(error) if error.is_broken() => {
                let notice = set_aside(file, unix, &error)?;
                Ok((Self::new(open(file)?, file), Some(notice)))
            }
            Err(error) => Err(error),
        }
    }

    fn new(connection: Connection, file: &Path) -> Self {
        Self {
            connection,
            file: file.to_owned(),
        }
    }

    /// Writes rows and counters in one transaction. Where the file turns out broken, it is set aside and a new one takes
    /// them; returns the sentence that says so.
    pub fn write(
        &mut self,
        rows: &[ClosedConnection],
        cells: &[MinuteUsage],
        unix: u64,
    ) -> Result<Option<String>, DatabaseError> {
        match self.try_write(rows, cells) {
            Ok(()) => Ok(None),
            Err(error) if error.is_broken() => {
                let notice = self.begin_anew(unix, &error)?;
                self.try_write(rows, cells)?;
                Ok(Some(notice))
            }
            Err(error) => Err(error),
        }
    }

    fn begin_anew(&mut self, unix: u64, error: &DatabaseError) -> Result<String, DatabaseError> {
        self.connection = Connection::open_in_memory()?;
        let notice = set_aside(&self.file, unix, error)?;
        self.connection = open(&self.file)?;
        Ok(notice)
    }

    fn try_write(
        &mut self,
        rows: &[ClosedConnection],
        cells: &[MinuteUsage],
    ) -> Result<(), DatabaseError> {
        let transaction = self.connection.transaction()?;
        write_cells(&transaction, cells)?;
        stored_connection::write(&transaction, rows)?;
        transaction.commit()?;
        Ok(())
    }

    /// Deletes what is older than `keep`, files that were set aside before that included.
    pub fn forget_old(&mut self, unix: u64, keep: Duration) -> Result<(), DatabaseError> {
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let since = unix.saturating_sub(keep);
        let connection = &self.connection;
        let rows = connection.execute("DELETE FROM ended WHERE ended < ?1", [int(since)])?;
        let minutes = connection.execute(
            "DELETE FROM minutes WHERE minute < ?1",
            [int(since / MINUTE)],
        )?;
        connection.execute(
            "DELETE FROM ended WHERE id <= (SELECT max(id) FROM ended) - ?1",
            [MAX_STORED_ROWS],
        )?;
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        if rows + minutes > 0 {
            self.truncate_journal()?;
        }
        remove_set_aside(&self.file, |set_aside_at| set_aside_at < since)?;
        Ok(())
    }

    /// Limits the file as a disk of so many pages would.
    #[cfg(test)]
    pub fn limit_pages(&self, pages: u32) {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        self.connection
            .query_row(&pragma, [], |_| Ok(()))
            .expect("a limit");
    }

    #[cfg(test)]
    pub fn count_minutes(&self) -> i64 {
        let count = "SELECT count(*) FROM minutes";
        let counted = self.connection.query_row(count, [], |row| row.get(0));
        counted.expect("a count")
    }

    /// Deletes what the range covers, and leaves no trace of it in the file.
    pub fn wipe(&mut self, range: WipeRange) -> Result<(), DatabaseError> {
        let connection = &self.connection;
        match range {
            WipeRange::All => {
                connection.execute_batch("DELETE FROM ended; DELETE FROM minutes; VACUUM;")?;
            }
            WipeRange::Between { from, to } => {
                connection.execute(
                    "DELETE FROM ended WHERE ended >= ?1 AND ended < ?2",
                    [int(from), int(to)],
                )?;
                let minutes = range.minutes();
                connection.execute(
                    "DELETE FROM minutes WHERE minute >= ?1 AND minute < ?2",
                    [int(minutes.start), int(minutes.end)],
                )?;
            }
        }
        self.truncate_journal()?;
        let since = match range {
            WipeRange::All => 0,
            WipeRange::Between { from, .. } => from,
        };
        remove_set_aside(&self.file, |set_aside_at| set_aside_at >= since)?;
        Ok(())
    }

    /// Removes deleted rows from the journal too.
    fn truncate_journal(&self) -> Result<(), DatabaseError> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection.query_row(checkpoint, [], |_| Ok(()))?;
        Ok(())
    }
}

/// Sums the counters of one kind in the minutes `from..to`, through its own connection.
pub(crate) fn read_usage(
    file: &Path,
    by: CounterKind,
    (from, to): (u64, u64),
    steps: &mut UsageSteps,
) -> Result<(), DatabaseError> {
    let reader = reader(file)?;
    let mut statement = reader.prepare(
        "SELECT minute, key, up, down, connections, blocked FROM minutes
         WHERE kind = ?1 AND minute >= ?2 AND minute < ?3",
    )?;
    let mut rows = statement.query(params![kind(by), int(from), int(to)])?;
    while let Some(row) = rows.next()? {
        let count = |column: usize| row.get::<_, i64>(column).map(uint);
        let counters = Counters {
            up: count(2)?,
            down: count(3)?,
            connections: count(4)?,
            blocked: count(5)?,
        };
        steps.add(
            count(0)?,
            row.get_ref(1)?.as_str().unwrap_or("(unreadable)"),
            counters,
        );
    }
    Ok(())
}

/// The newest connections that closed at `since` (Unix milliseconds) or later, oldest first.
pub(crate) fn read_ended(
    file: &Path,
    since: u64,
    most: usize,
) -> Result<Vec<StoredConnection>, DatabaseError> {
    let mut rows = stored_connection::read(&reader(file)?, int(since), most)?;
    rows.reverse();
    Ok(rows)
}

fn reader(file: &Path) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn open(file: &Path) -> Result<Connection, DatabaseError> {
    make_private(file)?;
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > VERSION {
        return Err(DatabaseError::Newer(version));
    }
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA secure_delete = ON; PRAGMA cache_size = -512; PRAGMA journal_size_limit = 4194304;",
    )?;
    if std::fs::metadata(file)?.len() <= CHECK_UP_TO {
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(DatabaseError::Check(found));
        }
    }
    if version < 1 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = 1; COMMIT;"
        ))?;
    }
    Ok(connection)
}

/// Creates the file readable by its owner only, before SQLite opens it; the journals inherit the mode.
fn make_private(file: &Path) -> Result<(), DatabaseError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?;
    Ok(())
}

fn write_cells(transaction: &Transaction<'_>, cells: &[MinuteUsage]) -> Result<(), DatabaseError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO minutes(minute, kind, key, up, down, connections, blocked) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT(kind, minute, key) DO UPDATE SET up = up + excluded.up, down = down + excluded.down,
             connections = connections + excluded.connections, blocked = blocked + excluded.blocked",
    )?;
    for cell in cells {
        let counters = cell.counters;
        statement.execute(params![
            int(cell.minute),
            kind(cell.by),
            &*cell.key,
            int(counters.up),
            int(counters.down),
            int(counters.connections),
            int(counters.blocked),
        ])?;
    }
    Ok(())
}

fn kind(by: CounterKind) -> i64 {
    match by {
        CounterKind::App => 1,
        CounterKind::Domain => 2,
        CounterKind::Route => 3,
        CounterKind::Verdict => 4,
        CounterKind::CacheAll => 5,
        CounterKind::CacheDomain => 6,
        CounterKind::CacheApp => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    fn cells(count: u64) -> Vec<MinuteUsage> {
        (0..count)
            .map(|minute| MinuteUsage {
                minute,
                by: CounterKind::Domain,
                key: format!("{minute}.test").into(),
                counters: Counters::default(),
            })
            .collect()
    }

    #[test]
    fn a_file_that_becomes_corrupt_is_set_aside_and_the_new_one_takes_the_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("connections.db");
        let (mut store, _) = Database::open(&file, 1).expect("a database");
        store.write(&[], &cells(5_000), 1).expect("written");
        let emptied = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA shrink_memory;";
        store.connection.execute_batch(emptied).expect("emptied");
        let mut broken = OpenOptions::new().write(true).open(&file).expect("a file");
        let length = broken.metadata().expect("its length").len();
        broken.seek(SeekFrom::Start(4096)).expect("a place");
        let garbage = vec![0xff; usize::try_from(length - 4096).expect("small")];
        broken.write_all(&garbage).expect("broken");
        let notice = store.write(&[], &cells(7), 99).expect("written anew");
        assert!(notice.is_some_and(|notice| notice.contains("connections.db.corrupt-99")));
        assert_eq!(store.count_minutes(), 7);
        assert!(folder.path().join("connections.db.corrupt-99").exists());
    }
}
