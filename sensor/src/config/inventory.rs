//! What the events and the inventory depend on.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::keys::keys;
use crate::config::machine::host_name;
use sensor_core::types::Iface;

keys! {
    flags
    /// What the events and the inventory depend on.
    #[command(next_help_heading = "Inventory")]
    pub InventoryKeys {
        /// How long new hosts of a new database are only `info`, in seconds; 0: not at all
        #[arg(long = "learning", value_name = "SECONDS", env = "SENSOR_LEARNING_S")]
        learning_s: u64 = 600,
        /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
        /// [default: the list of the build]
        #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
        oui: PathBuf,
        /// Further rules of what a host is, in the form of the built-in ones
        #[arg(long, value_name = "FILE", env = "SENSOR_FINGERPRINTS")]
        fingerprints: PathBuf,
        /// Signatures of TCP stacks in p0f's form, such as /etc/p0f/p0f.fp
        #[arg(long, value_name = "FILE", env = "SENSOR_P0F")]
        p0f: PathBuf,
        /// This sensor's name in events [default: the host name]
        #[arg(long, value_name = "NAME", env = "SENSOR_NAME")]
        name: String,
    }
}

/// What the events and the inventory depend on.
#[derive(Debug)]
pub struct Inventory {
    /// Length of the learning period, which begins when a database is made; zero: there is none.
    pub learning: Duration,
    /// Prefixes that live on an interface, or everywhere.
    pub networks: Vec<(Option<Iface>, IpNet)>,
    /// A newer list of vendors.
    pub oui: Option<PathBuf>,
    /// Further rules of what a host is.
    pub fingerprints: Option<PathBuf>,
    /// Signatures of TCP stacks, in p0f's form.
    pub p0f: Option<PathBuf>,
    /// This sensor's name in events.
    pub name: String,
}

impl Inventory {
    /// From its keys and the configured networks.
    pub(super) fn new(keys: InventoryKeys, networks: Vec<(Option<Iface>, IpNet)>) -> Self {
        Self {
            learning: Duration::from_secs(keys.learning_s()),
            networks,
            oui: keys.oui,
            fingerprints: keys.fingerprints,
            p0f: keys.p0f,
            name: keys.name.unwrap_or_else(host_name),
        }
    }
}
