//! The database, and the only SQL. One writer, many readers, WAL between them; what a core type looks like on disk is
//! decided here and nowhere else. Events come in as finished strings: this room knows no output format.

/// What is written in one transaction, and what a start reads.
pub mod batch;
/// How values go into columns and come out of them.
mod column;
/// An open database that this process may write.
mod database;
/// What can go wrong with the file, in one line each.
pub mod error;
/// Events.
mod events;
/// The file before SQLite touches it.
mod file;
/// One writer a database.
mod lock;
/// How far the sinks have come.
mod marks;
/// What the owner muted.
mod mutes;
/// Runs a query and reads its rows.
mod query;
/// Reads the database while it is written.
pub mod reader;
/// The owner's rules and signatures.
mod rules;
/// Whose file it is, which version, and how it comes to the newest.
mod schema;
/// The tables of the inventory.
mod tables;
/// The writer on a thread of its own.
pub mod thread;
/// How the core's types are kept in columns.
mod value;
/// The one that writes.
pub mod writer;

/// What the tests of this room share.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod fixture;
