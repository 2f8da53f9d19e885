//! What the owner muted for a while.

use rusqlite::Connection;

use crate::store::batch::StoredMute;
use crate::store::column::values;
use crate::store::query::all;
use crate::store::value::{event_id, from_event_id};

/// All mutes, by number.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<StoredMute>> {
    all(connection, "SELECT id, target, from_at, until_at, reason FROM mutes ORDER BY id", [], |row| {
        Ok(StoredMute {
            id: from_event_id(row.next()?),
            target: row.next()?,
            from: row.next()?,
            until: row.next()?,
            reason: row.next()?,
        })
    })
}

/// Puts these mutes in place of the saved ones.
pub(super) fn replace(connection: &Connection, mutes: &[StoredMute]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM mutes", [])?;
    for StoredMute { id, target, from, until, reason } in mutes {
        connection
            .prepare_cached("INSERT INTO mutes (id, target, from_at, until_at, reason) VALUES (?, ?, ?, ?, ?)")?
            .execute(values![event_id(*id), target, from, until, reason])?;
    }
    Ok(())
}
