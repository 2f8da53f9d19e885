//! The tables of the inventory, one file each: how a row is saved, removed and loaded.
//!
//! The core's list of tables (`inventory/model/rows.rs`) names them; the file of a table has the table's name in that
//! list, and an `impl Table` for its rows, with a sample for the tests. So a new table is its file here and its
//! migration. `cargo fmt` does not find modules that a macro declares: format such a file with
//! `rustfmt --edition 2024 FILE`.

/// When rows were last seen, where nothing else changed.
mod presence;
/// Which segment has which number.
mod segments;
/// The contract of a table.
pub(super) mod table;

use rusqlite::Connection;

use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::rows::{Changes, Presence, Removed, Rows};

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $row:ty, $limit:ident;)*) => {
        $($(#[$doc])* mod $table;)*

        const NAMES: &[&str] = &[$(<$row>::NAME),*];

        fn remove(removed: &Removed, save: &mut Save<'_>) -> rusqlite::Result<()> {
            $(removed.$table.iter().try_for_each(|key| <$row as Table>::remove(key, save))?;)*
            Ok(())
        }

        fn save_rows(rows: &Rows, save: &mut Save<'_>) -> rusqlite::Result<()> {
            $(rows.$table.iter().try_for_each(|row| row.save(save))?;)*
            Ok(())
        }

        fn load_rows(load: &Load<'_>) -> rusqlite::Result<Rows> {
            Ok(Rows { $($table: <$row as Table>::load(load)?),* })
        }
    };
}
sensor_core::persisted_tables!(tables);

/// Deletes the rows that are gone, then writes those that changed.
pub(super) fn save(changes: &Changes, presence: &[Presence], save: &mut Save<'_>) -> rusqlite::Result<()> {
    remove(&changes.removed, save)?;
    save_rows(&changes.rows, save)?;
    presence.iter().try_for_each(|presence| presence::save(presence, save))
}

/// The whole inventory. The caller holds a transaction, so that it is of one moment.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Rows> {
    load_rows(&Load { connection, segments: segments::load(connection)? })
}

/// Deletes the segments that no row is on.
pub(super) fn sweep_segments(connection: &Connection) -> rusqlite::Result<()> {
    segments::sweep(connection, NAMES)
}
