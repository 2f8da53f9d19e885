//! Reads the database, whether a writer has it open or not. Never writes, and never makes a writer wait.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::store::batch::{Rules, StoredEvent, StoredMute};
use crate::store::database::BUSY_TIMEOUT;
use crate::store::error::StoreError;
use crate::store::query::all;
use crate::store::schema::Identity;
use crate::store::value::event_id;
use crate::store::{events, file, lock, mutes, rules, schema, tables};
use sensor_core::inventory::model::rows::Rows;
use sensor_core::types::Timestamp;

/// Which events to read; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those with a greater id.
    pub after_id: Option<u64>,
    /// Only those that happened, or were last repeated, then or later.
    pub since: Option<Timestamp>,
    /// Only these kinds; empty: all.
    pub kinds: Vec<String>,
    /// Only of this segment, as written.
    pub segment: Option<String>,
    /// Not those that are muted.
    pub unmuted: bool,
    /// At most so many, those with the lowest ids.
    pub limit: Option<u32>,
}

/// A read-only view. Each call sees the database of one moment.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    /// Whether SQLite was told that nobody writes the file; then each read checks that itself.
    unlocked: bool,
}

impl Reader {
    /// Opens the database at `path`. Needs no more than the right to read it, its WAL and its shared memory.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::MissingFile { path: path.to_owned() });
            }
            Err(error) => return Err(StoreError::io(path, error)),
        };
        if matches!(file::size_bytes(&path)?, None | Some(0)) {
            return Err(StoreError::MissingFile { path });
        }
        let reader = match Self::connect(&path, OpenFlags::empty(), path.clone()) {
            // In a folder that we may not write, SQLite cannot make the shared memory of a WAL database at rest.
            Err(StoreError::Unreadable { .. }) => Self::connect_unlocked(&path)?,
            reader => reader?,
        };
        let found = match reader.read(schema::identity)? {
            Identity::Foreign => return Err(StoreError::NotADatabase { path }),
            Identity::Ours(found) => found,
        };
        let known = schema::VERSION;
        match found {
            0 => Err(StoreError::MissingFile { path }),
            _ if found > known => Err(StoreError::Newer { path, found, known }),
            _ if found < known => Err(StoreError::Older { path, found, known }),
            _ => Ok(reader),
        }
    }

    /// The whole inventory.
    pub fn rows(&self) -> Result<Rows, StoreError> {
        self.read(tables::load)
    }

    /// The owner's own rules and signatures.
    pub fn rules(&self) -> Result<Rules, StoreError> {
        self.read(rules::load)
    }

    /// The events that a filter chooses, in ascending order of their ids.
    pub fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        let (sql, values) = query(filter);
        self.read(|connection| all(connection, &sql, params_from_iter(&values), events::read))
    }

    /// All mutes, by number; also those that ended lately.
    pub fn mutes(&self) -> Result<Vec<StoredMute>, StoreError> {
        self.read(mutes::load)
    }

    fn connect(path: &Path, more: OpenFlags, name: PathBuf) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let open = || {
            let connection = Connection::open_with_flags(&name, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // Reading a first page opens the WAL.
            connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
            Ok(connection)
        };
        let connection = open().map_err(|error| StoreError::sql(path, error, false))?;
        Ok(Self { connection, path: path.to_owned(), unlocked: !more.is_empty() })
    }

    /// Reads the file as one that nobody changes, which holds while no WAL lies beside it.
    fn connect_unlocked(path: &Path) -> Result<Self, StoreError> {
        // Distinguishes a file that we may not read from a WAL that we may not read. Opening the file here is safe: a writer
        // in this process would have its WAL open, and then this is not reached.
        drop(File::open(path).map_err(|error| StoreError::io(path, error))?);
        if lock::is_held(path) || has_wal(path) {
            return Err(StoreError::UnreadableWal { path: path.to_owned() });
        }
        Self::connect(path, OpenFlags::SQLITE_OPEN_URI, immutable_uri(path))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let in_transaction = || {
            let transaction = self.connection.unchecked_transaction()?;
            let value = read(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        let result = in_transaction().map_err(|error| StoreError::sql(&self.path, error, false));
        if self.unlocked && has_wal(&self.path) {
            return Err(StoreError::Changed { path: self.path.clone() });
        }
        result
    }
}

/// Reads every page of the database at `path`, for `sensor db check`. An error names the first damage.
pub fn check(path: &Path) -> Result<(), StoreError> {
    let reader = Reader::open(path)?;
    match reader.read(schema::damage)? {
        Some(detail) => Err(StoreError::Damaged { path: reader.path, detail }),
        // Sound pages may still hold values that nobody wrote.
        None => reader.rows().map(drop),
    }
}

/// The statement and its values.
fn query(filter: &EventFilter) -> (String, Vec<Value>) {
    let EventFilter { after_id, since, kinds, segment, unmuted, limit } = filter;
    let mut sql = format!("SELECT {} FROM events WHERE id > ?", events::COLUMNS);
    let mut values = vec![Value::Integer(event_id(after_id.unwrap_or(0)))];
    if let Some(since) = since {
        // Events that began earlier and were repeated since then count too; the first condition makes use of the index.
        sql.push_str(" AND at >= ? AND ifnull(last_at, at) >= ?");
        values.push(Value::Integer(since.as_nanos().saturating_sub(events::REPEATED_NS)));
        values.push(Value::Integer(since.as_nanos()));
    }
    if !kinds.is_empty() {
        let marks = vec!["?"; kinds.len()].join(", ");
        sql.push_str(&format!(" AND kind IN ({marks})"));
        values.extend(kinds.iter().cloned().map(Value::Text));
    }
    if let Some(segment) = segment {
        sql.push_str(" AND segment = ?");
        values.push(Value::Text(segment.clone()));
    }
    if *unmuted {
        sql.push_str(" AND muted IS NULL");
    }
    sql.push_str(" ORDER BY id LIMIT ?");
    values.push(Value::Integer(limit.map_or(-1, i64::from)));
    (sql, values)
}

fn has_wal(path: &Path) -> bool {
    fs::metadata(file::beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0)
}

/// <https://www.sqlite.org/uri.html>: every byte that could mean something is written as its number.
fn immutable_uri(path: &Path) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;
    use crate::store::batch::Batch;
    use crate::store::fixture::batches::{batch_of, events, network};
    use crate::store::fixture::folder::Folder;
    use crate::store::fixture::samples::sorted;

    use crate::store::writer::Writer;

    /// Which of the events 1 to 6 a filter chooses.
    fn check_events(filter: &EventFilter, ids: &[u64]) {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&events(1..=6)).unwrap();
        let found = Reader::open(&folder.file("db")).unwrap().events(filter).unwrap();
        assert_eq!(found.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    }

    fn filled(folder: &Folder) -> Writer {
        let mut writer = folder.open().0;
        writer.commit(&Batch { events: events(1..=2).events, ..batch_of(network(4)) }).unwrap();
        writer
    }

    fn sentence<T>(result: Result<T, StoreError>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn all_events_come_in_order() {
        check_events(&EventFilter::default(), &[1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn events_are_chosen_by_id() {
        check_events(&EventFilter { after_id: Some(4), ..EventFilter::default() }, &[5, 6]);
        check_events(&EventFilter { after_id: Some(u64::MAX), ..EventFilter::default() }, &[]);
    }

    #[test]
    fn events_are_chosen_by_time_kind_and_segment() {
        check_events(&EventFilter { since: Some(Timestamp::from_secs(5)), ..EventFilter::default() }, &[5, 6]);
        check_events(&EventFilter { kinds: vec!["flip-flop".to_owned()], ..EventFilter::default() }, &[2, 4, 6]);
        let both = vec!["flip-flop".to_owned(), "new-host".to_owned()];
        check_events(&EventFilter { kinds: both, limit: Some(3), ..EventFilter::default() }, &[1, 2, 3]);
        check_events(&EventFilter { segment: Some("eth1.30".to_owned()), ..EventFilter::default() }, &[1, 3, 5]);
    }

    #[test]
    fn a_reader_sees_what_is_committed_and_delays_nothing() {
        let folder = Folder::new();
        let mut writer = filled(&folder);
        let reader = Reader::open(&folder.file("db")).unwrap();
        // A writer in the middle of a transaction.
        let half = rusqlite::Connection::open(folder.file("db")).unwrap();
        half.execute_batch("BEGIN IMMEDIATE; DELETE FROM events").unwrap();
        assert_eq!(reader.events(&EventFilter::default()).unwrap().len(), 2);
        drop(half);
        // A reader in the middle of its transaction.
        reader.connection.execute_batch("BEGIN").unwrap();
        assert_eq!(tables::load(&reader.connection).unwrap().hosts.len(), 4);
        writer.commit(&batch_of(network(9))).unwrap();
        assert_eq!(tables::load(&reader.connection).unwrap().hosts.len(), 4);
        reader.connection.execute_batch("COMMIT").unwrap();
        assert_eq!(sorted(reader.rows().unwrap()), sorted(network(9)));
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = Folder::new();
        let _writer = filled(&folder);
        let reader = Reader::open(&folder.file("db")).unwrap();
        assert!(reader.connection.execute("DELETE FROM events", []).is_err());
    }

    #[test]
    fn a_database_at_rest_is_read() {
        let folder = Folder::new();
        filled(&folder).close().unwrap();
        assert_eq!(Reader::open(&folder.file("db")).unwrap().rows().unwrap().hosts.len(), 4);
        check(&folder.file("db")).unwrap();
    }

    #[test]
    fn a_database_left_by_a_crash_is_read() {
        let folder = Folder::new();
        drop(filled(&folder));
        assert_eq!(Reader::open(&folder.file("db")).unwrap().rows().unwrap().hosts.len(), 4);
    }

    #[test]
    fn without_shared_memory_only_a_database_at_rest_is_read() {
        let folder = Folder::new();
        let path = folder.file("a b?#%41ü.db");
        let mut writer = Writer::open(&path, Timestamp::EPOCH).unwrap().0;
        writer.commit(&batch_of(network(4))).unwrap();
        assert!(sentence(Reader::connect_unlocked(&path)).contains("-wal file"));
        writer.close().unwrap();
        let reader = Reader::connect_unlocked(&path).unwrap();
        assert_eq!(reader.rows().unwrap().hosts.len(), 4);
        let mut writer = Writer::open(&path, Timestamp::EPOCH).unwrap().0;
        writer.commit(&batch_of(network(5))).unwrap();
        assert!(sentence(reader.rows()).contains("run the command again"));
    }

    #[test]
    fn no_database_is_said_so() {
        let folder = Folder::new();
        assert!(sentence(Reader::open(&folder.file("db"))).contains("no database yet: start `sensor run` first"));
        fs::write(folder.file("db"), "").unwrap();
        assert!(sentence(Reader::open(&folder.file("db"))).contains("no database yet"));
        fs::write(folder.file("db"), "hosts,macs").unwrap();
        assert!(sentence(Reader::open(&folder.file("db"))).contains("is not a database of sensor"));
    }

    #[test]
    fn the_check_finds_a_damaged_page() {
        let folder = Folder::new();
        let path = folder.file("db");
        let mut writer = folder.open().0;
        writer.commit(&batch_of(network(500))).unwrap();
        writer.close().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 8192 * 4096;
        bytes[middle..middle + 4096].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        assert!(sentence(check(&path)).contains("damaged"));
        assert!(fs::read(&path).unwrap() == bytes);
    }
}
