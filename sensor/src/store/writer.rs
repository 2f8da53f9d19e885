//! The one that writes. Everything it saves is saved in whole batches.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::store::batch::{Batch, Rules, Saved, StoredMute};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::marks::Meta;
use crate::store::tables::table::{Save, Segments};
use crate::store::{events, marks, mutes, rules, schema, tables};
use sensor_core::types::Timestamp;

/// The writer. Dropping it without [`Writer::close`] is safe, and leaves a WAL for the next start.
#[derive(Debug)]
pub struct Writer {
    database: Database,
    segments: Segments,
}

impl Writer {
    /// Opens or creates the database at `path`: locks it against a second writer, checks it, migrates it, loads it.
    /// A file that is refused is left as it is. `now` becomes the date of a new database.
    pub fn open(path: &Path, now: Timestamp) -> Result<(Self, Saved), StoreError> {
        let (mut database, version) = Database::open(path)?;
        let saved = load(&mut database.connection, version, now).map_err(|error| database.failure(error))?;
        Ok((Self { database, segments: Segments::new() }, saved))
    }

    /// Saves a batch in one transaction. On an error nothing of it is in the database, and it may be tried again.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let Self { database, segments } = self;
        let committed = in_transaction(&mut database.connection, |connection| save(connection, segments, batch));
        committed.map_err(|error| {
            // It may have made new ones.
            segments.clear();
            database.failure(error)
        })
    }

    /// Moves the date of a new database to a capture file's own clock, from which its learning period is counted.
    pub fn set_created_at(&mut self, at: Timestamp) -> Result<(), StoreError> {
        self.write(|connection| marks::set_created_at(connection, at))
    }

    /// Keeps the owner's own rules and signatures for readers, in place of the earlier ones.
    pub fn set_rules(&mut self, rules: &Rules) -> Result<(), StoreError> {
        self.write(|connection| rules::replace(connection, rules))
    }

    /// Forgets how far sinks had come that are not among these: one that comes back begins anew.
    pub fn retain_sinks(&mut self, names: &[String]) -> Result<(), StoreError> {
        self.write(|connection| marks::retain(connection, names))
    }

    /// Replaces what is muted, where no sensor runs that could be asked to.
    pub fn set_mutes(&mut self, mutes: &[StoredMute]) -> Result<(), StoreError> {
        self.write(|connection| mutes::replace(connection, mutes))
    }

    /// The last event up to this id that is not muted; 0 where there is none.
    pub fn last_unmuted(&self, id: u64) -> Result<u64, StoreError> {
        events::last_unmuted(&self.database.connection, id).map_err(|error| self.database.failure(error))
    }

    /// Deletes at most `rows_max` events that happened before `events_before` and are published, oldest first.
    /// Returns how many: `rows_max` means that there may be more.
    pub fn prune(&mut self, events_before: Timestamp, rows_max: u32) -> Result<u32, StoreError> {
        let pruned = events::prune(&self.database.connection, events_before, rows_max);
        pruned.map_err(|error| self.database.failure(error))
    }

    /// Moves the WAL into the database and closes it. After an error the WAL still has everything.
    pub fn close(self) -> Result<(), StoreError> {
        self.database.close()
    }

    fn write(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        in_transaction(&mut self.database.connection, write).map_err(|error| self.database.failure(error))
    }
}

/// Brings the database up to date and reads what a start needs.
fn load(connection: &mut Connection, version: i64, now: Timestamp) -> rusqlite::Result<Saved> {
    schema::migrate(connection, version, now)?;
    tables::sweep_segments(connection)?;
    let Meta { created_at, last_event_id, published_to } = marks::meta(connection)?;
    let last_event_at = events::last_at(connection)?;
    Ok(Saved {
        rows: tables::load(connection)?,
        next_event_id: last_event_id.max(published_to) + 1,
        created_at,
        published_to,
        marks: marks::load(connection)?,
        repeatable: events::repeatable(connection, last_event_at)?,
        mutes: mutes::load(connection)?,
        last_event_at,
    })
}

/// Writes a batch into the open transaction.
fn save(connection: &Connection, segments: &mut Segments, batch: &Batch) -> rusqlite::Result<()> {
    let mut save = Save { connection, segments };
    tables::save(&batch.changes, &batch.presence, &mut save)?;
    batch.events.iter().try_for_each(|event| events::save(event, &save))?;
    batch.folds.iter().try_for_each(|fold| events::fold(fold, &save))?;
    batch.mutes.iter().try_for_each(|mutes| mutes::replace(connection, mutes))?;
    marks::save(batch, &save)
}

fn in_transaction(
    connection: &mut Connection,
    write: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write(&transaction)?;
    transaction.commit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;
    use crate::store::batch::StoredEvent;
    use crate::store::column::first;
    use crate::store::fixture::batches::{NOW, apply, batch_of, event, events, network, random_batch, seen};
    use crate::store::fixture::folder::Folder;
    use crate::store::fixture::samples::{Random, keys, segment, sorted};
    use crate::store::query::all;
    use crate::store::reader::{EventFilter, Reader};

    use sensor_core::inventory::judge::fold::Fold;
    use sensor_core::inventory::model::rows::{Changes, Rows};

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

    fn wal_bytes(folder: &Folder) -> u64 {
        fs::metadata(folder.file("db-wal")).map_or(0, |wal| wal.len())
    }

    fn unpublished(writer: &Writer) -> Vec<StoredEvent> {
        let sql =
            format!("SELECT {} FROM events WHERE id > (SELECT published_to FROM meta) ORDER BY id", events::COLUMNS);
        all(&writer.database.connection, &sql, [], events::read).unwrap()
    }

    fn truncate_wal(writer: &Writer) {
        writer.database.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
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
            let batches = [
                random_batch(&mut random),
                random_batch(&mut random),
                random_batch(&mut random),
                random_batch(&mut random),
            ];
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
            let batch = random_batch(&mut random);
            writer.commit(&batch).unwrap();
            apply(&mut model, &batch);
        }
        let changes = Changes { rows: Rows::default(), removed: keys(&model) };
        let all_of_them = Batch { changes, ..Batch::default() };
        writer.commit(&all_of_them).unwrap();
        writer.close().unwrap();
        let (writer, saved) = folder.open();
        assert_eq!(saved.rows, Rows::default());
        let tables = all(
            &writer.database.connection,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'",
            [],
            |row| row.next::<String>(),
        );
        for table in tables.unwrap() {
            let sql = format!("SELECT count(*) FROM {table}");
            let left: i64 = writer.database.connection.query_row(&sql, [], first).unwrap();
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
        assert_eq!(unpublished(&writer), [event(3), event(4)]);
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
        let small = batch_of(network(5));
        writer.commit(&small).unwrap();
        let pages: i64 = writer.database.connection.query_row("PRAGMA page_count", [], first).unwrap();
        let limit = |writer: &Writer, pages: i64| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            writer.database.connection.query_row(&sql, [], |_| Ok(())).unwrap();
        };
        limit(&writer, pages + 2);
        let mut large = batch_of(network(500));
        large.changes.rows.hosts[0].segment = segment(9);
        large.events = events(1..=9).events;
        for _ in 0..2 {
            let error = writer.commit(&large).unwrap_err();
            assert!(error.is_full(), "{error}");
        }
        assert_eq!(sorted(tables::load(&writer.database.connection).unwrap()), sorted(small.changes.rows));
        limit(&writer, 1 << 20);
        writer.commit(&large).unwrap();
        drop(writer);
        let (writer, saved) = folder.open();
        assert_eq!(sorted(saved.rows), sorted(large.changes.rows));
        assert_eq!(unpublished(&writer), large.events);
    }

    #[test]
    fn a_batch_that_fails_half_way_leaves_nothing() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        let refuse = "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.events WHEN new.id = 2
                      BEGIN SELECT RAISE(ABORT, 'no'); END";
        writer.database.connection.execute_batch(refuse).unwrap();
        let batch = Batch { published_to: Some(1), events: events(1..=3).events, ..batch_of(network(2)) };
        assert!(!writer.commit(&batch).unwrap_err().is_full());
        drop(writer);
        let (mut writer, saved) = folder.open();
        assert_eq!(saved, Saved { next_event_id: 1, created_at: NOW, ..Saved::default() });
        writer.commit(&batch).unwrap();
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
            let verdict: String = writer.database.connection.query_row("PRAGMA integrity_check", [], first).unwrap();
            assert_eq!(verdict, "ok", "cut at {cut}");
            let batches = unpublished(&writer).len();
            assert!(batches >= batches_before, "cut at {cut}");
            assert_eq!(saved.rows.hosts.len(), batches * 4, "cut at {cut}");
            batches_before = batches;
        }
        assert_eq!(batches_before, 12);
    }
}
