//! A network discovery sensor. Modules in reading order; each may use those above it, never those below.

/// The words that every room shares.
pub mod types;
/// Bytes to messages, one file a protocol.
pub mod wire;
/// The pure core: messages to sightings to events.
pub mod inventory;
/// Vendors of MACs.
pub mod vendor;
/// Time, the one clock.
pub mod clock;
/// Frames from XDP, a packet socket or a file.
pub mod capture;
/// Questions, one technique a file.
pub mod probe;
/// SQLite, the only SQL.
pub mod store;
/// What leaves the sensor: records, sinks, tables.
pub mod export;
/// What was typed.
pub mod cli;
/// What it means.
pub mod config;
/// The loop.
pub mod run;
/// What is done about events.
pub mod watch;
