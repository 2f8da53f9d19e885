//! What the command line, the environment and the configuration file mean. A flag wins over the environment, the
//! environment over the file, the file over the default.
//!
//! - `keys.rs` declares tables of keys; each table stands with what it means: `capture.rs`, `output.rs`, `inventory.rs`,
//!   `probing.rs`, `network.rs`, `tunnel.rs`, `policy.rs`, `alert.rs` with `webhook.rs` and `mail.rs`.
//! - `general.rs` holds the keys that are flags too; `table.rs` and `file.rs` read the file; `reference.rs` writes the
//!   manual's list of all keys.
//! - `run.rs`, `scan.rs`, `replay.rs`, `watch.rs`: one file a command, its arguments and what it is to do.
//!
//! A new key is a line in its table, with its documentation, default, flag and variable; a use; and the manual's list, which
//! `SENSOR_UPDATE=1 cargo test -p sensor reference` writes.

/// Why a configuration is refused.
pub mod error;
/// Values as they are typed, on the command line and in the file.
pub mod parse;
/// What the configuration takes from the machine it runs on.
pub mod machine;
/// How tables of keys are declared.
pub mod keys;
/// Reads the configuration file table by table.
pub(crate) mod table;
/// Values that are one word of a few.
mod choice;
/// Where frames come from.
pub mod capture;
/// Where the sensor writes.
pub mod output;
/// What the events and the inventory depend on.
pub mod inventory;
/// What may be probed in one network.
pub mod network;
/// Which tunnels are opened.
pub mod tunnel;
/// How the sensor probes, all networks together.
pub mod probing;
/// The keys that are flags too.
pub mod general;
/// Which events are reported, and how loudly.
pub mod policy;
/// Which events an alert is about.
pub mod filter;
/// Where an alert's mail goes.
pub mod mail;
/// Where an alert is posted.
pub mod webhook;
/// What `sensor watch` does with which events.
pub mod alert;
/// The configuration file.
pub mod file;
/// The reference of all keys in the manual.
pub mod reference;
/// The configuration of `sensor run`.
pub mod run;
/// The configuration of `sensor scan`.
pub mod scan;
/// The configuration of `sensor replay`.
pub mod replay;
/// The configuration of `sensor watch`.
pub mod watch;
