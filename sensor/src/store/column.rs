//! How values go into columns and come out of them. rusqlite's own traits cannot be implemented here for types of the
//! core, since both are foreign, so this room has a pair of its own: [`ToColumn`] and [`FromColumn`].

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Null, ToSql, ToSqlOutput, Type, ValueRef};

/// A value that can be written into a column.
pub(super) trait ToColumn {
    /// The value as SQLite keeps it.
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>>;
}

/// A value that can be read from a column. A stored value that this program never writes is an error.
pub(super) trait FromColumn: Sized {
    /// The value, from what SQLite keeps.
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self>;
}

/// The parameters of a statement, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        rusqlite::params![$($crate::store::column::Column(&$value)),*]
    };
}
pub(super) use values;

/// The columns of a row, read from left to right in the order in which the query names them.
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    /// Begins at the first column.
    pub(super) fn new(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// The value of the next column.
    pub(super) fn next<T: FromColumn>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get::<_, Column<T>>(self.next - 1).map(|Column(value)| value)
    }
}

/// The value of a row's first column.
pub(super) fn first<T: FromColumn>(row: &Row<'_>) -> rusqlite::Result<T> {
    Columns::new(row).next()
}

/// The error of a stored value that this program never writes.
pub(super) fn damage(what: &str, value: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, format!("{what}: {value}").into())
}

/// The same, while a single column is read.
pub(super) fn not(what: &str, bytes: &[u8]) -> FromSqlError {
    FromSqlError::Other(format!("not {what}: {}", bytes.escape_ascii()).into())
}

/// Carries a value through rusqlite's traits.
pub(super) struct Column<T>(pub(super) T);

impl<T: ToColumn> ToSql for Column<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_column()
    }
}

impl<T: FromColumn> FromSql for Column<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        T::from_column(value).map(Self)
    }
}

impl<T: ToColumn + ?Sized> ToColumn for &T {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        (**self).to_column()
    }
}

impl<T: ToColumn> ToColumn for Option<T> {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_ref().map_or(Ok(Null.into()), T::to_column)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_column(value).map(Some),
        }
    }
}

/// Types that rusqlite itself can write and read.
macro_rules! plain {
    ($($plain:ty),*) => {$(
        impl ToColumn for $plain {
            fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.to_sql()
            }
        }

        impl FromColumn for $plain {
            fn from_column(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::column_result(value)
            }
        }
    )*};
}
plain!(bool, i64, u8, u16, u32, String, Vec<u8>);

impl ToColumn for str {
    fn to_column(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.into())
    }
}
