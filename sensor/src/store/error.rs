//! What can go wrong with the database. Each sentence names the file, what is wrong, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A failure of the store. The text is one line.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It changed while a reader that cannot lock it was reading.
    #[error("{path}: a writer started while it was read; run the command again", path = .path.display())]
    Changed {
        /// The database.
        path: PathBuf,
    },
    /// Its pages or values are damaged.
    #[error(
        "{path}: the database is damaged ({detail}); it was left untouched: see `sensor db check --db {path}`, \
         or move it aside together with its -wal file and start again",
        path = .path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says, one line.
        detail: String,
    },
    /// Its file system is full.
    #[error("{path}: the disk is full; free some space, what was not saved is tried again", path = .path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// The operating system reports an error.
    #[error("{path}: {source}; check that the file and its folder are there and that this user may use them", path = .path.display())]
    Io {
        /// The database, its lock file or its folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it open for writing.
    #[error(
        "{path}: another sensor{} writes this database; stop it first, or use another file with --db FILE",
        .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
        path = .path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
        /// The other process, when its lock file says.
        pid: Option<u32>,
    },
    /// A reader's file is not there, or is empty.
    #[error("{path}: no database yet: start `sensor run` first, or pass --db FILE", path = .path.display())]
    MissingFile {
        /// The database.
        path: PathBuf,
    },
    /// A writer's folder is not there.
    #[error("{path}: this folder for the database does not exist; create it, or pass --db FILE", path = .path.display())]
    MissingFolder {
        /// The folder.
        path: PathBuf,
    },
    /// WAL needs memory shared with the writer, which network file systems do not have.
    #[error("{path}: lies on a network file system ({kind}), where SQLite may lose data; put the database on a local disk", path = .path.display())]
    NetworkFileSystem {
        /// The database.
        path: PathBuf,
        /// The file system's name.
        kind: &'static str,
    },
    /// Written by a newer program.
    #[error(
        "{path}: has database version {found}, this program knows up to {known}; install the newer sensor, \
         or pass another file with --db FILE",
        path = .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file is not a database of the sensor.
    #[error("{path}: is not a database of sensor; it was left untouched, pass another file with --db FILE", path = .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Written by an older program, and only a writer may migrate.
    #[error("{path}: has database version {found}, this program reads {known}; start `sensor run` once to bring it up to date", path = .path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Anything else that SQLite reports.
    #[error("{path}: the database refused: {source}; if it happens again, run `sensor db check --db {path}`", path = .path.display())]
    Sql {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It lies where this user may not read it, or may not write where it must.
    #[error("{path}: cannot be opened; this user needs to read it{}", if *.to_write { " and to write it and its folder" } else { "" }, path = .path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// Whether it was to be written.
        to_write: bool,
    },
    /// Changes are in a WAL that a reader without write access cannot open.
    #[error("{path}: its last changes are in a -wal file that this user cannot open; run the command as the sensor's user, or start `sensor run`", path = .path.display())]
    UnreadableWal {
        /// The database.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether waiting for room on the disk can help.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// From an error of the operating system.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { path, source },
        }
    }

    /// From an error of SQLite; `to_write`: whether the database was opened for writing.
    pub(super) fn sql(path: &Path, source: rusqlite::Error, to_write: bool) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, detail: one_line(&source) },
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Unreadable { path, to_write }
            }
            Some(_) => Self::Sql { path, source },
            // Values of a type or a range that we never write.
            None => match source {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..) => Self::Damaged { path, detail: one_line(&source) },
                source => Self::Sql { path, source },
            },
        }
    }
}

/// A text without line ends: SQLite quotes SQL and reports in several lines.
fn one_line(text: &impl ToString) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
