//! Whether a file is a database of the sensor, which version it has, whether it is sound, and how it is migrated.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::column::values;
use sensor_core::types::Timestamp;

/// `sens`, in the header's application id: <https://www.sqlite.org/pragma.html#pragma_application_id>.
pub(super) const APPLICATION_ID: i64 = 0x7365_6e73;

/// Every step from nothing to today: the files of `migrations/` in order, listed by the build script. Files are only ever
/// added: their count is the version.
const MIGRATIONS: &[&str] = &include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The version that this program reads and writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Databases up to this size, in bytes, are checked as a whole at every start, which takes a second on a slow disk. Larger
/// ones are checked where they are read, and by `sensor db check`.
const CHECKED_BYTES_MAX: i64 = 64 << 20;

/// What the file's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// A file of another program.
    Foreign,
    /// A database of the sensor, of this version; 0 is an empty file.
    Ours(i64),
}

/// Reads the header.
pub(super) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    let application_id: i64 = number(connection, "PRAGMA application_id")?;
    let version = number(connection, "PRAGMA user_version")?;
    let tables = number(connection, "SELECT count(*) FROM sqlite_schema")?;
    Ok(match (application_id, version, tables) {
        (APPLICATION_ID, 0.., _) => Identity::Ours(version),
        (0, 0, 0) => Identity::Ours(0),
        _ => Identity::Foreign,
    })
}

/// Checks a database that is not too large; `None`: it is sound, or too large. Otherwise the first damage.
pub(super) fn damage_if_small(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let size_bytes = number(connection, "PRAGMA page_count")? * number(connection, "PRAGMA page_size")?;
    if size_bytes > CHECKED_BYTES_MAX { Ok(None) } else { damage(connection) }
}

/// Checks every page; `None`: the database is sound. Otherwise the first damage.
pub(super) fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((verdict != "ok").then(|| verdict.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Migrates a database of version `from` to the newest, one transaction a step, and notes when it was first used.
pub(super) fn migrate(connection: &mut Connection, from: i64, now: Timestamp) -> rusqlite::Result<()> {
    for (version, sql) in (1..).zip(MIGRATIONS).skip_while(|&(version, _)| version <= from) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    connection.execute("INSERT INTO meta (one, created_at) VALUES (1, ?) ON CONFLICT DO NOTHING", values![now])?;
    Ok(())
}

fn number(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.query_row(sql, [], |row| row.get(0))
}
