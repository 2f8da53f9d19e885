//! The one that writes. Everything it saves is saved in whole batches.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::error::StoreError;
use super::file::{self, Kind};
use super::load;
use super::lock::Lock;
use super::save::{self, Segments};
use super::schema::{self, Identity};
use super::value::from_event_id;
use super::{Batch, Saved};
use crate::types::Timestamp;

/// How long a statement waits for another connection: a reader's recovery, a copy being made.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer. Dropping it without [`Writer::close`] is safe, and leaves a WAL for the next start.
#[derive(Debug)]
pub struct Writer {
    // Before the lock: fields are dropped in order, and the file is ours until SQLite has let it go.
    connection: Connection,
    path: PathBuf,
    segments: Segments,
    _lock: Lock,
}

impl Writer {
    /// Opens or creates the database at `path`: locks it against a second writer, checks it, migrates it, loads it.
    /// A file that is refused is left as it is. `now` becomes the date of a new database.
    pub fn open(path: &Path, now: Timestamp) -> Result<(Self, Saved), StoreError> {
        let path = file::resolve(path)?;
        file::refuse_network(&path)?;
        if file::kind(&path)? == Kind::Other {
            return Err(StoreError::NotADatabase { path });
        }
        let lock = Lock::take(&path)?;
        if file::kind(&path)? == Kind::Missing {
            file::create(&path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| StoreError::sql(&path, error, true))?;
        let mut writer = Self { connection, path, segments: HashMap::new(), _lock: lock };
        let version = writer.check()?;
        writer.configure()?;
        let saved = writer.load(version, now).map_err(|error| writer.fail(error))?;
        Ok((writer, saved))
    }

    /// Saves a batch in one transaction. On an error nothing of it is in the database, and it may be tried again.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.try_commit(batch).map_err(|error| {
            self.segments.clear();
            self.fail(error)
        })
    }

    /// Deletes at most `rows_max` events that happened before `events_before` and are published, oldest first.
    /// Returns how many: `rows_max` means that there may be more.
    pub fn prune(&mut self, events_before: Timestamp, rows_max: u32) -> Result<u32, StoreError> {
        let pruned = self.connection.execute(
            "DELETE FROM events WHERE id IN (
               SELECT id FROM events WHERE at < ? AND id <= (SELECT published_to FROM meta) ORDER BY at LIMIT ?)",
            params![events_before, rows_max],
        );
        pruned.map(|rows| u32::try_from(rows).unwrap_or(rows_max)).map_err(|error| self.fail(error))
    }

    /// Brings the WAL into the database and lets it go. After an error the WAL still has everything.
    pub fn close(self) -> Result<(), StoreError> {
        // A stop must be quick: what a reader keeps us from moving stays safe in the WAL.
        let closed = self.connection.busy_timeout(Duration::from_secs(1)).and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
        });
        closed.map_err(|error| self.fail(error))?;
        let Self { connection, path, segments: _, _lock } = self;
        connection.close().map_err(|(_, error)| StoreError::sql(&path, error, true))
    }

    /// Whether we may use it, before the first byte is written. Returns its version.
    fn check(&self) -> Result<i64, StoreError> {
        let look = || {
            // Closing must not move a WAL into a database that we refuse.
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            self.connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok((schema::identity(&self.connection)?, schema::damage_if_small(&self.connection)?))
        };
        let path = self.path.clone();
        match look().map_err(|error| self.fail(error))? {
            (Identity::Foreign, _) => Err(StoreError::NotADatabase { path }),
            (Identity::Ours(found), _) if found > schema::VERSION => {
                Err(StoreError::Newer { path, found, known: schema::VERSION })
            }
            (_, Some(detail)) => Err(StoreError::Damaged { path, detail }),
            (Identity::Ours(version), None) => Ok(version),
        }
    }

    fn configure(&self) -> Result<(), StoreError> {
        let set = || {
            let mode: String = self.connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
            // FULL syncs the WAL at each commit, before an event is told: NORMAL could lose told events with the power.
            // The WAL is moved into the database every 1000 pages (4 MiB), and cut to that size if it ever grew past.
            self.connection.execute_batch(
                "PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 1000;
                 PRAGMA journal_size_limit = 4194304;
                 PRAGMA cache_size = -8192;
                 PRAGMA foreign_keys = ON;",
            )?;
            self.connection.set_prepared_statement_cache_capacity(64);
            Ok(mode)
        };
        match set().map_err(|error| self.fail(error))?.as_str() {
            "wal" => Ok(()),
            _ => Err(StoreError::io(
                &self.path,
                io::Error::new(io::ErrorKind::Unsupported, "its file system lacks the shared memory that WAL needs"),
            )),
        }
    }

    fn load(&mut self, version: i64, now: Timestamp) -> rusqlite::Result<Saved> {
        schema::migrate(&mut self.connection, version, now)?;
        self.connection.execute(
            "DELETE FROM segments WHERE id NOT IN (
               SELECT segment FROM hosts UNION SELECT segment FROM stations UNION SELECT segment FROM bindings
               UNION SELECT segment FROM leases UNION SELECT segment FROM roles UNION SELECT segment FROM told)",
            [],
        )?;
        let (created_at, last_event_id, published_to): (_, i64, i64) =
            self.connection.query_row("SELECT created_at, last_event_id, published_to FROM meta", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let sql = format!("SELECT {} FROM events WHERE id > ? ORDER BY id", load::EVENT_COLUMNS);
        Ok(Saved {
            rows: load::rows(&self.connection)?,
            next_event_id: from_event_id(last_event_id).max(from_event_id(published_to)) + 1,
            created_at,
            unpublished: load::all(&self.connection, &sql, [published_to], load::event)?,
        })
    }

    fn try_commit(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        save::save(&transaction, &mut self.segments, batch)?;
        transaction.commit()
    }

    /// Tells a full disk also where SQLite only reports that a write failed.
    fn fail(&self, error: rusqlite::Error) -> StoreError {
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            // SAFETY: the handle is that of an open connection, and the call only reads a number from it.
            let errno = unsafe { rusqlite::ffi::sqlite3_system_errno(self.connection.handle()) };
            if errno == libc::ENOSPC || errno == libc::EDQUOT {
                return StoreError::Full { path: self.path.clone() };
            }
        }
        StoreError::sql(&self.path, error, true)
    }
}
