//! How far the sinks have come, and the last event's number: marks that outlive pruned events. They never go back.

use std::collections::BTreeMap;

use rusqlite::{Connection, params_from_iter};

use crate::store::batch::Batch;
use crate::store::column::{Columns, values};
use crate::store::query::all;
use crate::store::tables::table::Save;
use crate::store::value::{event_id, from_event_id};
use sensor_core::types::Timestamp;

/// What the database says of itself.
pub(super) struct Meta {
    /// When it was first used.
    pub(super) created_at: Timestamp,
    /// The highest id of an event that was ever saved.
    pub(super) last_event_id: u64,
    /// The last event that every sink has taken.
    pub(super) published_to: u64,
}

/// What the database says of itself.
pub(super) fn meta(connection: &Connection) -> rusqlite::Result<Meta> {
    connection.query_row("SELECT created_at, last_event_id, published_to FROM meta", [], |row| {
        let mut row = Columns::new(row);
        Ok(Meta {
            created_at: row.next()?,
            last_event_id: from_event_id(row.next()?),
            published_to: from_event_id(row.next()?),
        })
    })
}

/// Sets when the database was first used.
pub(super) fn set_created_at(connection: &Connection, at: Timestamp) -> rusqlite::Result<()> {
    connection.execute("UPDATE meta SET created_at = ?", values![at]).map(drop)
}

/// The last event that each sink has taken, by the sink's name.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let sinks =
        all(connection, "SELECT name, written_to FROM sinks", [], |row| Ok((row.next()?, from_event_id(row.next()?))))?;
    Ok(sinks.into_iter().collect())
}

/// Moves the marks that a batch moves.
pub(super) fn save(batch: &Batch, save: &Save<'_>) -> rusqlite::Result<()> {
    if let Some(last) = batch.events.iter().map(|event| event_id(event.id)).max() {
        save.run("UPDATE meta SET last_event_id = max(last_event_id, ?)", [last])?;
    }
    if let Some(id) = batch.published_to {
        save.run("UPDATE meta SET published_to = max(published_to, ?)", [event_id(id)])?;
        // Also the sinks' own marks: a replay's events are old, and no sink is to be given them at a later start.
        save.run("UPDATE sinks SET written_to = max(written_to, ?)", [event_id(id)])?;
    }
    for (name, id) in &batch.marks {
        save.run(
            "INSERT INTO sinks (name, written_to) VALUES (?, ?)
             ON CONFLICT DO UPDATE SET written_to = max(written_to, excluded.written_to)",
            values![name, event_id(*id)],
        )?;
    }
    Ok(())
}

/// Forgets the marks of sinks that are not among these.
pub(super) fn retain(connection: &Connection, names: &[String]) -> rusqlite::Result<()> {
    let marks = vec!["?"; names.len()].join(", ");
    connection.execute(&format!("DELETE FROM sinks WHERE name NOT IN ({marks})"), params_from_iter(names)).map(drop)
}
