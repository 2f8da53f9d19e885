//! The configuration of `sensor replay`.

use std::path::PathBuf;

use clap::Args;

use crate::config::error::ConfigError;
use crate::config::inventory::{Inventory, InventoryKeys};
use crate::config::output::{Screen, Target};
use crate::config::parse::parse_prefix;

/// `sensor replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Capture files; '-' is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Keep what is found in this database [default: none]
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Append events as JSON Lines to FILE, or write them to standard output with '-'
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Append every sighting as JSON Lines to FILE, or write them to standard output with '-'
    #[arg(long, value_name = "FILE")]
    pub sightings: Option<PathBuf>,
    /// Print the inventory as a JSON array
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print the inventory as CSV
    #[arg(long)]
    pub csv: bool,
    /// A prefix that lives on the captured networks; senders from elsewhere are bogons. May be given several times
    #[arg(long, value_name = "CIDR", env = "SENSOR_CIDR", value_delimiter = ',')]
    pub network: Vec<String>,
    /// How long new hosts of a new database are only `info`, in seconds of the file's clock [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SENSOR_LEARNING_S")]
    pub learning: Option<u64>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
    /// Further rules of what a host is, in the form of the built-in ones
    #[arg(long, value_name = "FILE", env = "SENSOR_FINGERPRINTS")]
    pub fingerprints: Option<PathBuf>,
    /// Signatures of TCP stacks in p0f's form, such as /etc/p0f/p0f.fp
    #[arg(long, value_name = "FILE", env = "SENSOR_P0F")]
    pub p0f: Option<PathBuf>,
    /// This sensor's name in events
    #[arg(long, value_name = "NAME", default_value = "replay")]
    pub name: String,
}

/// What `sensor replay` is to do.
#[derive(Debug)]
pub struct Replay {
    /// What to read, in order.
    pub files: Vec<PathBuf>,
    /// The database that keeps what is found, if any.
    pub db: Option<PathBuf>,
    /// Where to write events.
    pub events: Option<Target>,
    /// Where to write sightings.
    pub sightings: Option<Target>,
    /// What is printed on standard output.
    pub screen: Screen,
    /// What the events and the inventory depend on.
    pub inventory: Inventory,
}

impl Replay {
    /// From flags and environment; a configuration file does not change how a capture reads.
    pub fn new(args: ReplayArgs) -> Result<Self, ConfigError> {
        let (events, sightings) = (args.events.map(Target::new), args.sightings.map(Target::new));
        let wanted = match (args.json, args.csv) {
            (true, _) => Some(Screen::Json),
            (_, true) => Some(Screen::Csv),
            _ => None,
        };
        let networks = args.network.iter().map(|text| Ok((None, parse_prefix("--network", text)?)));
        let keys = InventoryKeys {
            learning_s: args.learning,
            oui: args.oui,
            fingerprints: args.fingerprints,
            p0f: args.p0f,
            name: Some(args.name),
        };
        Ok(Self {
            files: args.files,
            db: args.db,
            screen: Screen::beside([&events, &sightings], wanted)?,
            events,
            sightings,
            inventory: Inventory::new(keys, networks.collect::<Result<_, _>>()?),
        })
    }
}
