//! An open database: locked against a second writer, known to be ours and sound, set up for WAL.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::column::first;
use crate::store::error::StoreError;
use crate::store::file;
use crate::store::lock::Lock;
use crate::store::schema;
use crate::store::schema::Identity;

/// How long a statement waits for another connection: a reader's recovery, a copy being made.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database that this process may write.
#[derive(Debug)]
pub(super) struct Database {
    // Before the lock: fields are dropped in order, and the file is ours until SQLite has let it go.
    pub(super) connection: Connection,
    path: PathBuf,
    _lock: Lock,
}

impl Database {
    /// Opens or creates the database at `path`, and returns its version too, which may be an older one. A file that is
    /// refused is left as it is.
    pub(super) fn open(path: &Path) -> Result<(Self, i64), StoreError> {
        let path = file::resolve(path)?;
        file::refuse_network(&path)?;
        let lock = Lock::take(&path)?;
        if file::size_bytes(&path)?.is_none() {
            file::create(&path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| StoreError::sql(&path, error, true))?;
        let database = Self { connection, path, _lock: lock };
        let version = database.check()?;
        database.configure()?;
        Ok((database, version))
    }

    /// Moves the WAL into the database and closes it. After an error the WAL still has everything.
    pub(super) fn close(self) -> Result<(), StoreError> {
        // A stop must be quick: what a reader keeps us from moving stays safe in the WAL.
        let closed = self.connection.busy_timeout(Duration::from_secs(1)).and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
        });
        closed.map_err(|error| self.failure(error))?;
        let Self { connection, path, _lock } = self;
        connection.close().map_err(|(_, error)| StoreError::sql(&path, error, true))
    }

    /// The failure that an error of SQLite stands for. A full disk is named also where SQLite only reports that a write
    /// failed.
    pub(super) fn failure(&self, error: rusqlite::Error) -> StoreError {
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            // SAFETY: the handle is that of an open connection, and the call only reads a number from it.
            let errno = unsafe { rusqlite::ffi::sqlite3_system_errno(self.connection.handle()) };
            if errno == libc::ENOSPC || errno == libc::EDQUOT {
                return StoreError::Full { path: self.path.clone() };
            }
        }
        StoreError::sql(&self.path, error, true)
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
        match look().map_err(|error| self.failure(error))? {
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
            let mode: String = self.connection.query_row("PRAGMA journal_mode = WAL", [], first)?;
            // FULL syncs the WAL at each commit, before an event is emitted: NORMAL could lose emitted events in a power
            // cut. The WAL is moved into the database every 1000 pages (4 MiB), and cut to that size if it ever grew past.
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
        match set().map_err(|error| self.failure(error))?.as_str() {
            "wal" => Ok(()),
            _ => Err(StoreError::io(
                &self.path,
                io::Error::new(io::ErrorKind::Unsupported, "its file system lacks the shared memory that WAL needs"),
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::fixture::batches::{NOW, batch_of, events, network};
    use crate::store::fixture::folder::Folder;
    use crate::store::reader::Reader;
    use crate::store::writer::Writer;

    /// Refuses a file with a sentence, and leaves its bytes.
    fn check_refused(folder: &Folder, sentence: &str) {
        let path = folder.file("db");
        let before = fs::read(&path).unwrap();
        let text = Writer::open(&path, NOW).unwrap_err().to_string();
        assert!(text.contains(sentence) && text.contains("/db") && !text.contains('\n'), "{text}");
        assert!(fs::read(&path).unwrap() == before, "the file was changed");
    }

    #[test]
    fn a_second_writer_is_refused_with_the_pid_of_the_first() {
        let folder = Folder::new();
        let writer = folder.open().0;
        check_refused(&folder, &format!("(pid {})", std::process::id()));
        let link = folder.file("link");
        std::os::unix::fs::symlink(folder.file("db"), &link).unwrap();
        assert!(matches!(Writer::open(&link, NOW), Err(StoreError::Locked { .. })));
        drop(writer);
        folder.open();
    }

    #[test]
    fn the_locks_of_a_writer_outlive_a_reader_in_its_process() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = Folder::new();
        let path = folder.file("db");
        let _writer = folder.open().0;
        let inode = format!(":{} ", fs::metadata(&path).unwrap().ino());
        let locked = || fs::read_to_string("/proc/locks").unwrap().lines().any(|line| line.contains(&inode));
        assert!(locked());
        drop(Reader::open(&path).unwrap());
        crate::store::reader::check(&path).unwrap();
        Writer::open(&path, NOW).unwrap_err();
        assert!(locked(), "another process could now delete the WAL of this one");
    }

    #[test]
    fn a_newer_database_is_refused() {
        let folder = Folder::new();
        folder.open().0.close().unwrap();
        folder.run("PRAGMA user_version = 99");
        check_refused(&folder, &format!("has database version 99, this program knows up to {}", schema::VERSION));
    }

    #[test]
    fn a_damaged_page_is_refused() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&batch_of(network(500))).unwrap();
        writer.close().unwrap();
        let mut bytes = fs::read(folder.file("db")).unwrap();
        let middle = bytes.len() / 8192 * 4096;
        bytes[middle..middle + 4096].fill(0xa5);
        fs::write(folder.file("db"), bytes).unwrap();
        check_refused(&folder, "damaged");
        check_refused(&folder, "move it aside");
    }

    #[test]
    fn a_damaged_database_keeps_its_wal_to_itself() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&batch_of(network(500))).unwrap();
        folder.run("PRAGMA wal_checkpoint(TRUNCATE)");
        writer.commit(&events([1])).unwrap();
        drop(writer);
        let mut bytes = fs::read(folder.file("db")).unwrap();
        let middle = bytes.len() / 8192 * 4096;
        bytes[middle..middle + 4096].fill(0xa5);
        fs::write(folder.file("db"), bytes).unwrap();
        let wal = fs::read(folder.file("db-wal")).unwrap();
        check_refused(&folder, "damaged");
        assert!(fs::read(folder.file("db-wal")).unwrap() == wal, "the WAL was changed");
    }

    #[test]
    fn a_value_that_we_never_write_is_damage() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&batch_of(network(1))).unwrap();
        writer.close().unwrap();
        folder.run("UPDATE stations SET mac = x'00'");
        check_refused(&folder, "not a MAC");
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let folder = Folder::new();
        fs::write(folder.file("db"), "interface = \"eth1\"\n").unwrap();
        check_refused(&folder, "not a database of sensor");
        fs::remove_file(folder.file("db")).unwrap();
        let other = Connection::open(folder.file("db")).unwrap();
        other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        drop(other);
        check_refused(&folder, "not a database of sensor");
    }

    #[test]
    fn an_empty_file_is_a_new_database() {
        let folder = Folder::new();
        fs::write(folder.file("db"), "").unwrap();
        assert_eq!(folder.open().1.next_event_id, 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = Folder::new();
        let text = Writer::open(&folder.file("no/db"), NOW).unwrap_err().to_string();
        assert!(text.contains("/no: this folder"), "{text}");
    }

    #[test]
    fn names_that_mean_something_to_sqlite_are_files() {
        let folder = Folder::new();
        let path = folder.file("file:x?mode=memory");
        Writer::open(&path, NOW).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(b"SQLite format 3\0"));
    }
}
