//! The configuration of `sensor replay`.

use crate::cli::ReplayArgs;
use crate::config::LEARNING_S;
use crate::config::error::ConfigError;
use crate::config::parse::{prefixes, screen, target};
use crate::config::shared::{Inventory, Screen, Target};
use std::path::PathBuf;
use std::time::Duration;

/// What `sensor replay` is to do.
#[derive(Debug)]
pub struct Replay {
    /// What to read, in order.
    pub files: Vec<PathBuf>,
    /// Where to remember, if at all.
    pub db: Option<PathBuf>,
    /// Where to write events.
    pub events: Option<Target>,
    /// Where to write sightings.
    pub sightings: Option<Target>,
    /// What happens on standard output.
    pub screen: Screen,
    /// What the events and the inventory depend on.
    pub inventory: Inventory,
}

impl Replay {
    /// From flags and environment; a configuration file does not change how a capture reads.
    pub fn new(args: ReplayArgs) -> Result<Self, ConfigError> {
        let events = target(args.events);
        let sightings = target(args.sightings);
        let screen = match screen(args.json, &events, &sightings)? {
            Screen::Text if args.csv => Screen::Csv,
            screen => screen,
        };
        Ok(Self {
            files: args.files,
            db: args.db,
            screen,
            events,
            sightings,
            inventory: Inventory {
                learning: Duration::from_secs(args.learning.unwrap_or(LEARNING_S)),
                networks: prefixes("--network", &args.network)?,
                oui: args.oui,
                fingerprints: args.fingerprints,
                p0f: args.p0f,
                name: args.name.unwrap_or_else(|| "replay".to_owned()),
            },
        })
    }
}
