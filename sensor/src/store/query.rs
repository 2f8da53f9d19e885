//! Runs a query and reads its rows.

use rusqlite::{Connection, Params};

use crate::store::column::Columns;

/// Every row of a query, read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, |row| read(&mut Columns::new(row)))?.collect()
}
