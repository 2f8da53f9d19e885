//! The configuration of `sensor scan`.

use crate::cli::{AskArgs, ScanArgs};
use crate::config::asking::Asking;
use crate::config::asking::{General, Keys};
use crate::config::defaults::host_name;
use crate::config::error::ConfigError;
use crate::config::parse::{parse_iface, parse_prefix};
use crate::config::shared::{Inventory, Screen};
use crate::config::{QUICK_WAIT_MS, SCAN_CONCURRENCY, SCAN_RATE, SCAN_TRIES, SCAN_WAIT_MS};
use ipnet::IpNet;
use sensor_core::types::Iface;
use std::path::PathBuf;
use std::time::Duration;

/// What `sensor scan` is to do.
#[derive(Debug)]
pub struct Scan {
    /// Networks and addresses; the attached ones when there are none.
    pub targets: Vec<IpNet>,
    /// The interface that asks, where it was named.
    pub interface: Option<Iface>,
    /// How often a silent address is asked.
    pub tries: u32,
    /// Only what would be asked is shown.
    pub dry_run: bool,
    /// What open ports greet with is wanted.
    pub banners: bool,
    /// How long answers to the last question are waited for.
    pub wait: Duration,
    /// Where to remember, if at all.
    pub db: Option<PathBuf>,
    /// What happens on standard output.
    pub screen: Screen,
    /// What may be asked.
    pub asking: Asking,
    /// What the inventory depends on.
    pub inventory: Inventory,
}

impl Scan {
    /// From flags and environment; a configuration file is about what `run` does by itself.
    pub fn new(args: ScanArgs) -> Result<Self, ConfigError> {
        let targets = args.targets.iter().map(|text| parse_prefix("CIDR", text)).collect::<Result<Vec<_>, _>>()?;
        let quick = args.techniques.len() == 1;
        let wait_ms = args.timeout_ms.unwrap_or(if quick { QUICK_WAIT_MS } else { SCAN_WAIT_MS });
        let ask = AskArgs {
            rate: args.rate.or(Some(SCAN_RATE)),
            timeout_ms: Some(wait_ms),
            concurrency: args.concurrency.or(Some(SCAN_CONCURRENCY)),
            techniques: args.techniques,
            ports: args.ports,
            no_resolve: args.no_resolve,
            nameservers: args.nameservers,
            never_probe: args.never_probe,
            snmp: args.snmp,
            ..AskArgs::default()
        };
        Ok(Self {
            asking: Asking::new(ask, General::default(), Keys::default(), Vec::new())?,
            interface: args.interface.as_deref().map(parse_iface).transpose()?,
            dry_run: args.dry_run,
            banners: !args.no_banners,
            tries: args.tries.unwrap_or(SCAN_TRIES),
            wait: Duration::from_millis(wait_ms),
            db: args.db,
            screen: match (args.json, args.csv) {
                (true, _) => Screen::Json,
                (_, true) => Screen::Csv,
                _ => Screen::Text,
            },
            inventory: Inventory {
                learning: Duration::ZERO,
                networks: Vec::new(),
                oui: args.oui,
                fingerprints: None,
                p0f: None,
                name: host_name(),
            },
            targets,
        })
    }
}
