//! What several subcommands have in common.

use ipnet::IpNet;
use sensor_core::types::Iface;
use std::path::PathBuf;
use std::time::Duration;

/// What the events and the inventory depend on.
#[derive(Debug)]
pub struct Inventory {
    /// Length of the learning period.
    pub learning: Duration,
    /// Prefixes that live on an interface, or everywhere.
    pub networks: Vec<(Option<Iface>, IpNet)>,
    /// A newer list of vendors.
    pub oui: Option<PathBuf>,
    /// Further rules of what a host is.
    pub fingerprints: Option<PathBuf>,
    /// p0f's signatures.
    pub p0f: Option<PathBuf>,
    /// This sensor's name.
    pub name: String,
}

/// A place for lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, appended to.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// What happens on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The inventory as CSV, at the end (replay).
    Csv,
    /// JSON: events and status as they come (run), or the inventory at the end (replay).
    Json,
    /// Nothing: a log has standard output, or systemd does.
    Quiet,
    /// Lines for a person.
    Text,
}
