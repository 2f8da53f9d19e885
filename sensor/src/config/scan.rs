//! The configuration of `sensor scan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use crate::config::error::ConfigError;
use crate::config::inventory::{Inventory, InventoryKeys};
use crate::config::network::{Ports, SettingsKeys};
use crate::config::output::Screen;
use crate::config::parse::{parse_iface, parse_prefix};
use crate::config::probing::{Probing, ProbingKeys};
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::Iface;

/// `sensor scan`
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Networks and addresses, such as 192.168.1.0/24 [default: the networks of the interface of the default route]
    #[arg(value_name = "CIDR|ADDRESS", env = "SENSOR_CIDR", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// The interface that probes [default: the one that leads there]
    #[arg(short, long, value_name = "IFACE", env = "SENSOR_INTERFACE")]
    pub interface: Option<String>,
    /// TCP ports to look at, such as 22,80,8000-8010
    #[arg(long, value_name = "LIST", env = "SENSOR_TCP_SAMPLE_PORTS")]
    pub ports: Option<Ports>,
    /// Packets a second, at most
    #[arg(long, value_name = "N", env = "SENSOR_RATE", default_value_t = 25_000)]
    pub rate: u32,
    /// How hosts are probed: arp, icmp, mdns, nbns, ndp, ptr, snmp or tcp [default: all; snmp with credentials only]
    #[arg(long, value_name = "LIST", env = "SENSOR_TECHNIQUES", value_delimiter = ',')]
    pub techniques: Option<Vec<String>>,
    /// How long an answer is waited for, in milliseconds [default: 2500; 250 with one technique only]
    #[arg(long, value_name = "MS", env = "SENSOR_TIMEOUT_MS")]
    pub timeout_ms: Option<u64>,
    /// Probes through sockets at the same time, at most
    #[arg(long, value_name = "N", env = "SENSOR_CONCURRENCY", default_value_t = 4096)]
    pub concurrency: usize,
    /// How often a silent address is probed
    #[arg(long, value_name = "N", env = "SENSOR_TRIES", default_value_t = 2)]
    pub tries: u32,
    /// Only whether ports are open, not what they greet with
    #[arg(long)]
    pub no_banners: bool,
    /// Do not ask name servers for names
    #[arg(long, env = "SENSOR_NO_RESOLVE")]
    pub no_resolve: bool,
    /// Name servers to ask, instead of the system's
    #[arg(long, value_name = "LIST", env = "SENSOR_NAMESERVERS", value_delimiter = ',')]
    pub nameservers: Option<Vec<String>>,
    /// Addresses, prefixes and MACs that are never probed
    #[arg(long, value_name = "LIST", env = "SENSOR_NEVER_PROBE", value_delimiter = ',')]
    pub never_probe: Option<Vec<String>>,
    /// SNMP credentials: a TOML file that only its owner may read
    #[arg(long, value_name = "FILE", env = "SENSOR_SNMP")]
    pub snmp: Option<PathBuf>,
    /// Say what would be probed, and probe nothing
    #[arg(long, conflicts_with_all = ["json", "csv", "db"])]
    pub dry_run: bool,
    /// Print what was found as a JSON array
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print what was found as CSV
    #[arg(long)]
    pub csv: bool,
    /// Keep what is found in this database [default: none]
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
}

/// What `sensor scan` is to do.
#[derive(Debug)]
pub struct Scan {
    /// Networks and addresses; the attached ones when there are none.
    pub targets: Vec<IpNet>,
    /// The interface that probes, where it was named.
    pub interface: Option<Iface>,
    /// How often a silent address is probed.
    pub tries: u32,
    /// Only what would be probed is shown.
    pub dry_run: bool,
    /// What open ports greet with is wanted.
    pub banners: bool,
    /// How long answers to the last probe are waited for.
    pub wait: Duration,
    /// The database that keeps what is found, if any.
    pub db: Option<PathBuf>,
    /// What is printed on standard output.
    pub screen: Screen,
    /// What may be probed.
    pub probing: Probing,
    /// What the inventory depends on.
    pub inventory: Inventory,
}

/// Slow hosts answer within two seconds or so.
const WAIT_MS: u64 = 2500;
/// A look by one technique is a quick one.
const QUICK_WAIT_MS: u64 = 250;

impl Scan {
    /// From flags and environment; a configuration file is about what `run` does by itself.
    pub fn new(args: ScanArgs) -> Result<Self, ConfigError> {
        let targets = args.targets.iter().map(|text| parse_prefix("CIDR", text)).collect::<Result<Vec<_>, _>>()?;
        let is_quick = args.techniques.as_ref().is_some_and(|techniques| techniques.len() == 1);
        let wait_ms = args.timeout_ms.unwrap_or(if is_quick { QUICK_WAIT_MS } else { WAIT_MS });
        let probing = ProbingKeys {
            rate: Some(args.rate),
            timeout_ms: Some(wait_ms),
            concurrency: Some(args.concurrency),
            never_probe: args.never_probe,
            ..ProbingKeys::default()
        };
        // A scan asks hosts. Servers are looked for by `run`.
        let dhcp = Technique::Dhcp.name();
        if args.techniques.iter().flatten().any(|word| word == dhcp) {
            let known = Technique::ALL.into_iter().filter(|technique| *technique != Technique::Dhcp);
            let known = known.map(Technique::name).collect::<Vec<_>>().join(", ");
            return Err(ConfigError::Technique { value: dhcp.to_owned(), known, suggestion: String::new() });
        }
        let settings = SettingsKeys {
            techniques: args.techniques,
            resolve: Some(!args.no_resolve),
            nameservers: args.nameservers,
            ports: args.ports,
            snmp: args.snmp,
            ..SettingsKeys::default()
        };
        // What is found is asked for, so nothing of it is news: there is no learning period.
        let inventory = InventoryKeys { learning_s: Some(0), oui: args.oui, ..InventoryKeys::default() };
        Ok(Self {
            probing: Probing::new(probing, settings, Vec::new())?,
            interface: args.interface.as_deref().map(parse_iface).transpose()?,
            dry_run: args.dry_run,
            banners: !args.no_banners,
            tries: args.tries,
            wait: Duration::from_millis(wait_ms),
            db: args.db,
            screen: match (args.json, args.csv) {
                (true, _) => Screen::Json,
                (_, true) => Screen::Csv,
                _ => Screen::Text,
            },
            inventory: Inventory::new(inventory, Vec::new()),
            targets,
        })
    }
}
