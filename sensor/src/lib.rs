//! A network discovery sensor. Modules in reading order; each may use those above it, never those below. What it concludes
//! from what it hears lives in the crate `sensor-core`.

/// Sockets, interface requests and netlink: what has no safe call elsewhere.
pub mod system;
/// Vendors of MACs.
pub mod vendor;
/// The one clock.
pub mod clock;
/// Frames from XDP, a packet socket or a file.
pub mod capture;
/// Probes, one technique a file.
pub mod probe;
/// SQLite, the only SQL.
pub mod store;
/// What leaves the sensor: records, sinks, tables.
pub mod export;
/// What the command line, the environment and the configuration file mean.
pub mod config;
/// The command line: one file a command's arguments.
pub mod cli;
/// What is said to a person: notices, the screen, failures.
pub mod terminal;
/// From a frame to events, for `run`, `scan` and `replay` alike.
mod pipeline;
/// The sockets beside the database, by which commands reach a running sensor.
mod control;
/// The loop of `sensor run`.
mod run;
/// `sensor watch`: from the journal to alerts.
pub mod watch;
/// The other subcommands, one file or folder each.
pub mod commands;
