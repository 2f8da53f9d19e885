//! A network discovery sensor. Modules in reading order; each may use those above it, never those below.

/// Frames from XDP, a packet socket or a file.
pub mod capture;
/// What was typed.
pub mod cli;
/// Time, the one clock.
pub mod clock;
/// What it means.
pub mod config;
/// What leaves the sensor: records, sinks, tables.
pub mod export;
/// The pure core: messages to sightings to events.
pub mod inventory;
/// The loop.
pub mod run;
/// SQLite, the only SQL.
pub mod store;
/// The words that every room shares.
pub mod types;
/// Vendors of MACs.
pub mod vendor;
/// Bytes to messages, one file a protocol.
pub mod wire;
