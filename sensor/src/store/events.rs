//! Events: the finished record, and what it is chosen by.

use rusqlite::Connection;

use crate::store::batch::StoredEvent;
use crate::store::column::{Columns, first, values};
use crate::store::query::all;
use crate::store::tables::table::Save;
use crate::store::value::{event_id, from_event_id};
use sensor_core::inventory::judge::fold::Fold;
use sensor_core::inventory::model::host::HostId;
use sensor_core::types::Timestamp;

/// The columns that [`read`] reads, in its order.
pub(super) const COLUMNS: &str = "id, at, kind, severity, segment, host, record, cause, muted, count, last_at";

/// Repeats of an event are counted for a day at most; after that it is emitted anew. Nanoseconds.
pub(super) const REPEATED_NS: i64 = 86_400_000_000_000;

/// At most so many events are loaded at the start to count their repeats, the latest ones.
const REPEATABLE_MAX: i64 = 16_384;

/// An event of the columns [`COLUMNS`].
pub(super) fn read(row: &mut Columns<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        id: from_event_id(row.next()?),
        at: row.next()?,
        kind: row.next()?,
        severity: row.next()?,
        segment: row.next()?,
        host: row.next::<Option<HostId>>()?.map(|host| host.0),
        record: row.next()?,
        cause: row.next()?,
        muted: row.next()?,
        count: from_event_id(row.next()?),
        last_at: row.next()?,
    })
}

/// Replaces an event of the same id, so that saving a batch twice does no harm.
pub(super) fn save(event: &StoredEvent, save: &Save<'_>) -> rusqlite::Result<()> {
    let StoredEvent { id, at, kind, severity, segment, host, record, cause, muted, count, last_at } = event;
    let (id, host, count) = (event_id(*id), host.map(HostId), event_id(*count));
    save.run(
        "INSERT OR REPLACE INTO events (id, at, kind, severity, segment, host, record, cause, muted, count, last_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![id, at, kind, severity, segment, host, record, cause, muted, count, last_at],
    )
}

/// Sets an event's count. Does nothing where the event was pruned since.
pub(super) fn fold(fold: &Fold, save: &Save<'_>) -> rusqlite::Result<()> {
    save.run(
        "UPDATE events SET count = ?, last_at = ? WHERE id = ?",
        values![event_id(fold.count), fold.last_at, event_id(fold.id)],
    )
}

/// When the last event happened.
pub(super) fn last_at(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection.query_row("SELECT max(at) FROM events", [], first)
}

/// The events of the day before `last_at` whose repeats are counted, in ascending order of their ids.
pub(super) fn repeatable(connection: &Connection, last_at: Option<Timestamp>) -> rusqlite::Result<Vec<StoredEvent>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM events WHERE at >= ? AND cause IS NOT NULL ORDER BY id DESC LIMIT ?) ORDER BY id"
    );
    let from = last_at.map_or(0, Timestamp::as_nanos).saturating_sub(REPEATED_NS);
    all(connection, &sql, [from, REPEATABLE_MAX], read)
}

/// The last event up to this id that is not muted; 0 where there is none.
pub(super) fn last_unmuted(connection: &Connection, id: u64) -> rusqlite::Result<u64> {
    let sql = "SELECT ifnull(max(id), 0) FROM events WHERE muted IS NULL AND id <= ?";
    connection.query_row(sql, [event_id(id)], first).map(from_event_id)
}

/// Deletes at most `rows_max` events that happened before `before` and that every sink has taken, oldest first. Returns
/// how many.
pub(super) fn prune(connection: &Connection, before: Timestamp, rows_max: u32) -> rusqlite::Result<u32> {
    let rows = connection.execute(
        "DELETE FROM events WHERE id IN (
           SELECT id FROM events WHERE at < ? AND id <= (SELECT published_to FROM meta) ORDER BY at LIMIT ?)",
        values![before, rows_max],
    )?;
    Ok(u32::try_from(rows).unwrap_or(rows_max))
}
