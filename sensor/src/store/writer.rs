//! The one that writes. Everything it saves is saved in whole batches.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::batch::{Batch, Rules, Saved, StoredMute};
use crate::store::error::StoreError;
use crate::store::file;
use crate::store::load;
use crate::store::lock::Lock;
use crate::store::save;
use crate::store::save::Segments;
use crate::store::schema;
use crate::store::schema::Identity;
use crate::store::value::{event_id, from_event_id, get, values};
use crate::store::{DAY_NS, FINGERPRINTS, P0F};
use sensor_core::types::Timestamp;

/// How long a statement waits for another connection: a reader's recovery, a copy being made.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More causes than these are not remembered.
const REPEATABLE_MAX: i64 = 16_384;

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
        let lock = Lock::take(&path)?;
        if file::size_bytes(&path)?.is_none() {
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

    /// Moves the date of a new database to a capture file's own clock, from which its learning period is counted.
    pub fn set_created_at(&mut self, at: Timestamp) -> Result<(), StoreError> {
        let set = self.connection.execute("UPDATE meta SET created_at = ?", values![at]);
        set.map(drop).map_err(|error| self.fail(error))
    }

    /// Keeps the owner's own rules and signatures for readers, in place of the earlier ones.
    pub fn set_rules(&mut self, rules: &Rules) -> Result<(), StoreError> {
        let set = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM rules", [])?;
            for (name, text) in [(FINGERPRINTS, &rules.fingerprints), (P0F, &rules.p0f)] {
                if let Some(text) = text {
                    transaction.execute("INSERT INTO rules (name, text) VALUES (?, ?)", values![name, text])?;
                }
            }
            transaction.commit()
        };
        set(&mut self.connection).map_err(|error| self.fail(error))
    }

    /// Forgets how far sinks had come that are not among these: one that comes back begins anew.
    pub fn retain_sinks(&mut self, names: &[String]) -> Result<(), StoreError> {
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("DELETE FROM sinks WHERE name NOT IN ({marks})");
        let retained = self.connection.execute(&sql, rusqlite::params_from_iter(names));
        retained.map(drop).map_err(|error| self.fail(error))
    }

    /// Replaces what is muted, where no sensor runs that could be asked to.
    pub fn set_mutes(&mut self, mutes: &[StoredMute]) -> Result<(), StoreError> {
        let set = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            save::mutes_in_place(&transaction, mutes)?;
            transaction.commit()
        };
        set(&mut self.connection).map_err(|error| self.fail(error))
    }

    /// The last event up to this one that was to be told, 0 where none is left.
    pub fn last_told(&self, id: u64) -> Result<u64, StoreError> {
        let last = "SELECT ifnull(max(id), 0) FROM events WHERE muted IS NULL AND id <= ?";
        let last = self.connection.query_row(last, [event_id(id)], |row| get(row, 0));
        last.map(from_event_id).map_err(|error| self.fail(error))
    }

    /// Deletes at most `rows_max` events that happened before `events_before` and are published, oldest first.
    /// Returns how many: `rows_max` means that there may be more.
    pub fn prune(&mut self, events_before: Timestamp, rows_max: u32) -> Result<u32, StoreError> {
        let pruned = self.connection.execute(
            "DELETE FROM events WHERE id IN (
               SELECT id FROM events WHERE at < ? AND id <= (SELECT published_to FROM meta) ORDER BY at LIMIT ?)",
            values![events_before, rows_max],
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
            let mode: String = self.connection.query_row("PRAGMA journal_mode = WAL", [], |row| get(row, 0))?;
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
               UNION SELECT segment FROM leases UNION SELECT segment FROM roles UNION SELECT segment FROM told
               UNION SELECT segment FROM asked UNION SELECT segment FROM neighbours
               UNION SELECT segment FROM joins)",
            [],
        )?;
        let (created_at, last_event_id, published_to): (_, i64, i64) =
            self.connection.query_row("SELECT created_at, last_event_id, published_to FROM meta", [], |row| {
                Ok((get(row, 0)?, get(row, 1)?, get(row, 2)?))
            })?;
        let marks = load::all(&self.connection, "SELECT name, written_to FROM sinks", [], |row| {
            Ok((get(row, 0)?, from_event_id(get(row, 1)?)))
        })?;
        let repeatable = format!(
            "SELECT {} FROM (SELECT * FROM events WHERE at >= ? AND cause IS NOT NULL ORDER BY id DESC LIMIT ?) ORDER BY id",
            load::EVENT_COLUMNS
        );
        let last_event_at: Option<Timestamp> =
            self.connection.query_row("SELECT max(at) FROM events", [], |row| get(row, 0))?;
        let day_ago = last_event_at.map_or(0, Timestamp::as_nanos).saturating_sub(DAY_NS);
        Ok(Saved {
            rows: load::rows(&self.connection)?,
            next_event_id: from_event_id(last_event_id).max(from_event_id(published_to)) + 1,
            created_at,
            published_to: from_event_id(published_to),
            marks: marks.into_iter().collect(),
            repeatable: load::all(&self.connection, &repeatable, [day_ago, REPEATABLE_MAX], load::event)?,
            mutes: load::mutes(&self.connection)?,
            last_event_at,
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::batch::StoredEvent;
    use crate::store::fixture;
    use crate::store::fixture::{Folder, NOW, Random, apply, batch_of, events, network, seen, sorted};
    use crate::store::reader::{EventFilter, Reader};
    use sensor_core::inventory::judge::fold::Fold;
    use sensor_core::inventory::model::rows::Rows;

    /// Saves batches, opens the database again and compares it with the model.
    fn check_saved(batches: &[Batch]) {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let mut model = Rows::default();
        for batch in batches {
            writer.commit(batch).unwrap();
            apply(&mut model, batch);
        }
        writer.close().unwrap();
        assert_eq!(sorted(folder.open().1.rows), sorted(model));
    }

    /// Refuses a file with a sentence, and leaves its bytes.
    fn check_refused(folder: &Folder, sentence: &str) {
        let path = folder.file("db");
        let before = fs::read(&path).unwrap();
        let text = Writer::open(&path, NOW).unwrap_err().to_string();
        assert!(text.contains(sentence) && text.contains("/db") && !text.contains('\n'), "{text}");
        assert!(fs::read(&path).unwrap() == before, "the file was changed");
    }

    fn wal_bytes(folder: &Folder) -> u64 {
        fs::metadata(folder.file("db-wal")).map_or(0, |wal| wal.len())
    }

    fn unpublished(writer: &Writer) -> Vec<StoredEvent> {
        let sql = format!(
            "SELECT {} FROM events WHERE id > (SELECT published_to FROM meta) ORDER BY id",
            load::EVENT_COLUMNS
        );
        load::all(&writer.connection, &sql, [], load::event).unwrap()
    }

    fn truncate_wal(writer: &Writer) {
        writer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }

    #[test]
    fn a_new_database_is_empty_and_few_may_read_it() {
        let folder = Folder::new();
        let (_writer, saved) = folder.open();
        let nothing = Saved { next_event_id: 1, created_at: NOW, ..Saved::default() };
        assert_eq!(saved, nothing);
        for name in ["db", "db-wal", "db.lock"] {
            let mode = fs::metadata(folder.file(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777 & !0o640, 0, "{name}");
        }
    }

    #[test]
    fn counts_and_mutes_survive() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let fold = |id, count| Fold { id, count, last_at: Timestamp::from_secs(90) };
        let mute = StoredMute {
            id: 3,
            target: "eth1".to_owned(),
            from: NOW,
            until: NOW.after(Duration::from_secs(60)),
            reason: None,
        };
        // The count of an event that comes in the same batch, of an earlier one, and of one that was pruned.
        writer.commit(&Batch { folds: vec![fold(1, 2)], ..events(1..=3) }).unwrap();
        let mutes = Some(vec![mute.clone()]);
        writer.commit(&Batch { folds: vec![fold(1, 3), fold(3, 2), fold(9, 2)], mutes, ..Batch::default() }).unwrap();
        let mut silent = events([4]);
        silent.events[0].muted = Some("rule 1".to_owned());
        writer.commit(&silent).unwrap();
        drop(writer);
        let (mut writer, saved) = folder.open();
        let counts: Vec<_> = saved.repeatable.iter().map(|event| (event.id, event.count, event.last_at)).collect();
        assert_eq!(counts, [(1, 3, Some(Timestamp::from_secs(90))), (3, 2, Some(Timestamp::from_secs(90)))]);
        let told = EventFilter { unmuted: true, ..EventFilter::default() };
        let told = Reader::open(&folder.file("db")).unwrap().events(&told).unwrap();
        assert_eq!(told.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 3], "4 is muted");
        assert_eq!((saved.next_event_id, saved.last_event_at), (5, Some(Timestamp::from_secs(4))));
        assert_eq!(saved.mutes, [mute]);
        let reader = Reader::open(&folder.file("db")).unwrap();
        let since = EventFilter { since: Some(Timestamp::from_secs(50)), ..EventFilter::default() };
        let lately = reader.events(&since).unwrap();
        assert_eq!(lately.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 3], "they repeated since then");
        writer.set_mutes(&[]).unwrap();
        assert_eq!(Reader::open(&folder.file("db")).unwrap().mutes().unwrap(), []);
    }

    #[test]
    fn its_date_stays() {
        let folder = Folder::new();
        folder.open().0.close().unwrap();
        let later = NOW.after(Duration::from_secs(86_400));
        assert_eq!(Writer::open(&folder.file("db"), later).unwrap().1.created_at, NOW);
    }

    #[test]
    fn what_comes_back_is_what_was_saved() {
        for seed in 0..32 {
            println!("seed {seed}");
            let mut random = Random(seed);
            let batches = [random.batch(), random.batch(), random.batch(), random.batch()];
            check_saved(&batches);
        }
    }

    #[test]
    fn presence_moves_last_seen() {
        let rows = network(3);
        let later = seen(&rows, NOW.after(Duration::from_secs(60)));
        check_saved(&[batch_of(rows), later]);
    }

    #[test]
    fn removed_rows_take_everything_with_them() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let mut random = Random(7);
        let mut model = Rows::default();
        for _ in 0..8 {
            let batch = random.batch();
            writer.commit(&batch).unwrap();
            apply(&mut model, &batch);
        }
        let mut all = Batch::default();
        let removed = &mut all.changes.removed;
        removed.hosts.extend(model.hosts.iter().map(|row| row.id));
        removed.stations.extend(model.stations.iter().map(|row| (row.segment, row.mac)));
        removed.bindings.extend(model.bindings.iter().map(|row| (row.segment, row.ip)));
        removed.leases.extend(model.leases.iter().map(|row| (row.segment, row.ip)));
        removed.roles.extend(model.roles.iter().map(|row| (row.segment, row.role, row.ip)));
        removed.told.extend(model.told.iter().map(|row| (row.segment, row.oddity, row.ip, row.mac, row.frame_mac)));
        removed.asked.extend(model.asked.iter().map(|row| (row.segment, row.ip)));
        removed.neighbours.extend(model.neighbours.iter().map(|row| (row.segment, row.id)));
        removed.joins.extend(model.joins.iter().map(|row| (row.segment, row.mac)));
        writer.commit(&all).unwrap();
        writer.close().unwrap();
        let (writer, saved) = folder.open();
        assert_eq!(saved.rows, Rows::default());
        let tables = load::all(
            &writer.connection,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'",
            [],
            |row| get::<String>(row, 0),
        );
        for table in tables.unwrap() {
            let sql = format!("SELECT count(*) FROM {table}");
            let left: i64 = writer.connection.query_row(&sql, [], |row| get(row, 0)).unwrap();
            assert_eq!(left, 0, "{table}");
        }
    }

    #[test]
    fn a_minute_of_a_steady_network_writes_less_than_64_kib() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let rows = network(500);
        writer.commit(&batch_of(rows.clone())).unwrap();
        truncate_wal(&writer);
        for minute in 1..=3 {
            let before = wal_bytes(&folder);
            writer.commit(&seen(&rows, NOW.after(Duration::from_secs(60 * minute)))).unwrap();
            let written = wal_bytes(&folder) - before;
            assert!((1..64 << 10).contains(&written), "{written} bytes");
        }
    }

    #[test]
    fn the_wal_stays_bounded() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let rows = network(500);
        writer.commit(&batch_of(rows.clone())).unwrap();
        for minute in 1..=200 {
            writer.commit(&seen(&rows, NOW.after(Duration::from_secs(60 * minute)))).unwrap();
        }
        assert!(wal_bytes(&folder) < 5 << 20, "{}", wal_bytes(&folder));
        assert!(fs::metadata(folder.file("db")).unwrap().len() < 1 << 20);
    }

    #[test]
    fn unpublished_events_come_back_and_ids_go_on() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&events(1..=3)).unwrap();
        writer.commit(&Batch { published_to: Some(2), ..events([4]) }).unwrap();
        // A mark never goes back.
        writer.commit(&Batch { published_to: Some(1), ..Batch::default() }).unwrap();
        drop(writer);
        let (writer, saved) = folder.open();
        assert_eq!(unpublished(&writer), [fixture::event(3), fixture::event(4)]);
        assert_eq!(saved.next_event_id, 5);
    }

    #[test]
    fn each_sink_has_a_mark_of_its_own() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let marks = |marks: &[(&str, u64)]| marks.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect();
        writer.commit(&Batch { marks: marks(&[("a", 2), ("b", 3)]), ..events(1..=4) }).unwrap();
        writer.commit(&Batch { marks: marks(&[("a", 1), ("b", 4)]), ..Batch::default() }).unwrap();
        drop(writer);
        let (mut writer, saved) = folder.open();
        assert_eq!(saved.marks, marks(&[("a", 2), ("b", 4)]));
        writer.commit(&Batch { published_to: Some(3), ..Batch::default() }).unwrap();
        writer.retain_sinks(&["a".to_owned()]).unwrap();
        drop(writer);
        assert_eq!(folder.open().1.marks, marks(&[("a", 3)]));
    }

    #[test]
    fn pruning_goes_in_steps_and_spares_what_is_not_published() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&Batch { published_to: Some(4), ..events(1..=6) }).unwrap();
        let all = Timestamp::from_secs(100);
        assert_eq!(writer.prune(Timestamp::from_secs(2), 10).unwrap(), 1);
        assert_eq!(writer.prune(all, 2).unwrap(), 2);
        assert_eq!(writer.prune(all, 2).unwrap(), 1);
        assert_eq!(writer.prune(all, 2).unwrap(), 0);
        writer.commit(&Batch { published_to: Some(6), ..Batch::default() }).unwrap();
        assert_eq!(writer.prune(all, 10).unwrap(), 2);
        drop(writer);
        assert_eq!(folder.open().1.next_event_id, 7);
    }

    #[test]
    fn a_full_disk_takes_nothing_and_later_everything() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let first = batch_of(network(5));
        writer.commit(&first).unwrap();
        let pages: i64 = writer.connection.query_row("PRAGMA page_count", [], |row| get(row, 0)).unwrap();
        let limit = |writer: &Writer, pages: i64| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            writer.connection.query_row(&sql, [], |_| Ok(())).unwrap();
        };
        limit(&writer, pages + 2);
        let mut second = batch_of(network(500));
        second.changes.rows.hosts[0].segment = fixture::segment(9);
        second.events = events(1..=9).events;
        for _ in 0..2 {
            let error = writer.commit(&second).unwrap_err();
            assert!(error.is_full(), "{error}");
        }
        assert_eq!(sorted(load::rows(&writer.connection).unwrap()), sorted(first.changes.rows));
        limit(&writer, 1 << 20);
        writer.commit(&second).unwrap();
        drop(writer);
        let (writer, saved) = folder.open();
        assert_eq!(sorted(saved.rows), sorted(second.changes.rows));
        assert_eq!(unpublished(&writer), second.events);
    }

    #[test]
    fn a_batch_that_fails_half_way_leaves_nothing() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let refuse = "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.events WHEN new.id = 2
                      BEGIN SELECT RAISE(ABORT, 'no'); END";
        writer.connection.execute_batch(refuse).unwrap();
        let batch = Batch { published_to: Some(1), events: events(1..=3).events, ..batch_of(network(2)) };
        assert!(!writer.commit(&batch).unwrap_err().is_full());
        drop(writer);
        let (mut writer, saved) = folder.open();
        assert_eq!(saved, Saved { next_event_id: 1, created_at: NOW, ..Saved::default() });
        writer.commit(&batch).unwrap();
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
        let writer = folder.open().0;
        writer.connection.pragma_update(None, "user_version", 99).unwrap();
        writer.close().unwrap();
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
        truncate_wal(&writer);
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
        writer.connection.execute("UPDATE stations SET mac = x'00'", []).unwrap();
        writer.close().unwrap();
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

    #[test]
    fn a_wal_cut_anywhere_opens_with_whole_batches() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        truncate_wal(&writer);
        for id in 1..=12 {
            writer.commit(&Batch { events: events([id]).events, ..batch_of(network(id as u16 * 4)) }).unwrap();
        }
        let (db, wal) = (fs::read(folder.file("db")).unwrap(), fs::read(folder.file("db-wal")).unwrap());
        let mut batches_before = 0;
        let cuts = (0..wal.len()).step_by(4096).chain([wal.len()]);
        for cut in cuts {
            let copy = Folder::new();
            fs::write(copy.file("db"), &db).unwrap();
            fs::write(copy.file("db-wal"), &wal[..cut]).unwrap();
            let (writer, saved) = copy.open();
            let verdict: String = writer.connection.query_row("PRAGMA integrity_check", [], |row| get(row, 0)).unwrap();
            assert_eq!(verdict, "ok", "cut at {cut}");
            let batches = unpublished(&writer).len();
            assert!(batches >= batches_before, "cut at {cut}");
            assert_eq!(saved.rows.hosts.len(), batches * 4, "cut at {cut}");
            batches_before = batches;
        }
        assert_eq!(batches_before, 12);
    }
}
