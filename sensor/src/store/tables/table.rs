//! What a table of the inventory must be able to do, and what it is given for it.

use std::collections::HashMap;

use rusqlite::{Connection, Params};

use crate::store::column::{Columns, damage, first};
use crate::store::query::all;
use sensor_core::inventory::model::row::TableRow;
use sensor_core::types::Segment;

/// A row of a table, with its children (a host's names, say). A row is whole: saving it replaces the saved one and all its
/// children.
pub(in crate::store) trait Table: TableRow {
    /// The table's name in SQL. It has a column `segment`.
    const NAME: &'static str;

    /// Writes the row in place of the one with the same key.
    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()>;

    /// Deletes the row with this key and its children, where there is one.
    fn remove(key: &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()>;

    /// Reads all rows.
    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>>;
}

/// The numbers of segments that were looked up before; emptied when a transaction fails, for it may have made them.
pub(in crate::store) type Segments = HashMap<Segment, i64>;

/// The open transaction that rows are written in.
pub(in crate::store) struct Save<'a> {
    /// The connection that the transaction is open on.
    pub(in crate::store) connection: &'a Connection,
    /// Segments whose numbers are known.
    pub(in crate::store) segments: &'a mut Segments,
}

impl Save<'_> {
    /// Runs a statement that returns nothing.
    pub(in crate::store) fn run(&self, sql: &str, values: impl Params) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(values).map(drop)
    }

    /// Runs a statement that returns the number of the row that it wrote (`RETURNING id`).
    pub(in crate::store) fn row(&self, sql: &str, values: impl Params) -> rusqlite::Result<i64> {
        self.connection.prepare_cached(sql)?.query_row(values, first)
    }
}

/// The transaction that rows are read in, so that all tables are of one moment.
pub(in crate::store) struct Load<'a> {
    /// The connection that the transaction is open on.
    pub(in crate::store) connection: &'a Connection,
    /// Every segment by its number.
    pub(in crate::store) segments: HashMap<i64, Segment>,
}

impl Load<'_> {
    /// Every row of a query, read by `read`.
    pub(in crate::store) fn all<T>(
        &self,
        sql: &str,
        read: impl FnMut(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        all(self.connection, sql, [], read)
    }

    /// Every row of a query by the number in its first column, that of its parent; in the query's order. `read` begins
    /// at the second column.
    pub(in crate::store) fn children<T>(
        &self,
        sql: &str,
        mut read: impl FnMut(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<HashMap<i64, Vec<T>>> {
        let mut children = HashMap::<_, Vec<T>>::new();
        for (parent, child) in self.all(sql, |row| Ok((row.next()?, read(row)?)))? {
            children.entry(parent).or_default().push(child);
        }
        Ok(children)
    }

    /// The segment of a number.
    pub(in crate::store) fn segment(&self, id: i64) -> rusqlite::Result<Segment> {
        self.segments.get(&id).copied().ok_or_else(|| damage("no such segment", &id.to_string()))
    }
}
