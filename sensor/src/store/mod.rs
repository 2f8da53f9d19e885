//! The database, and the only SQL. One writer, many readers, WAL between them; what a core type looks like on disk is
//! decided here and nowhere else. Events come in as finished strings: this room knows no output format.

/// What can go wrong with the file, in one line each.
pub mod error;
/// The file before SQLite touches it.
pub mod file;
/// What the tests of this room share.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
pub mod fixture;
/// Rows to values.
pub mod load;
/// One writer a database.
pub mod lock;
/// Looking at it while it is written.
pub mod reader;
/// Values to rows.
pub mod save;
/// Whose file it is, which version, and how it comes to the newest.
pub mod schema;
/// The writer on a thread of its own.
pub mod thread;
/// How single values are written.
pub mod value;
/// The one that writes.
pub mod writer;

/// What is written in one transaction.
pub mod batch;

/// An event is repeated for a day at most, and then told anew; nanoseconds.
const DAY_NS: i64 = 86_400_000_000_000;
const FINGERPRINTS: &str = "fingerprints";
const P0F: &str = "p0f";
