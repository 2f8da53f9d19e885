//! The configuration of `sensor run`.

use crate::capture::options::{Method, Options, Port};
use crate::cli::{AskArgs, CaptureArg, RunArgs, SyslogArg};
use crate::config::LEARNING_S;
use crate::config::asking::{Asking, Named};
use crate::config::asking::{General, Keys};
use crate::config::defaults::{default_db, host_name};
use crate::config::error::ConfigError;
use crate::config::file::File;
use crate::config::parse::{parse_iface, parse_prefix, ports, prefixes, screen, target};
use crate::config::shared::{Inventory, Screen, Target};
use crate::config::telling;
use crate::export::syslog;
use sensor_core::inventory::correlator::settings::Allow;
use sensor_core::inventory::judge::policy::EventPolicy;
use sensor_core::types::Iface;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `sensor run` is to do.
#[derive(Debug)]
pub struct Run {
    /// Where to listen.
    pub ports: Vec<Port>,
    /// How.
    pub capture: Options,
    /// Where to remember.
    pub db: PathBuf,
    /// Where to write events besides the journal.
    pub events: Option<Target>,
    /// Where to write sightings.
    pub sightings: Option<Target>,
    /// Which syslog server to send events to, and in which form.
    pub syslog: Option<(syslog::Address, syslog::form::Format)>,
    /// What happens on standard output.
    pub screen: Screen,
    /// What the events and the inventory depend on.
    pub inventory: Inventory,
    /// What may be asked.
    pub asking: Asking,
    /// Interfaces that were named, and not found by a default.
    pub named_interfaces: Vec<Iface>,
    /// What is told.
    pub telling: EventPolicy,
    /// The configuration file, where one was named.
    pub file: Option<PathBuf>,
}

/// What SIGHUP reads anew.
#[derive(Debug)]
pub struct Reloaded {
    /// What is told.
    pub telling: EventPolicy,
    /// Who may serve and route.
    pub allow: Vec<Allow>,
}

impl Run {
    /// From flags and environment (`args`) and the file that they or the default name.
    pub fn new(args: RunArgs) -> Result<Self, ConfigError> {
        let file = File::find(args.config.as_deref())?;
        let hosts = first_nonempty(args.interface, file.interface);
        let mirrors = first_nonempty(args.mirror, file.mirror);
        let events = target(args.events.or(file.events));
        let sightings = target(args.sightings.or(file.sightings));
        let defaults = Options::default();
        let ring_bytes = args.ring.or(file.ring_bytes).unwrap_or(defaults.ring_bytes);
        if !ring_bytes.is_power_of_two() || !(1 << 16..=1 << 30).contains(&ring_bytes) {
            return Err(ConfigError::Ring(ring_bytes));
        }
        let mut networks = prefixes("--network", &args.network)?;
        let mut asked: Vec<_> = networks.iter().map(|(_, net)| (*net, None, None, Keys::default())).collect();
        for network in file.network {
            let on = network.interface.as_deref().map(parse_iface).transpose()?;
            let prefix = parse_prefix("[[network]] prefix", &network.prefix)?;
            networks.push((on, prefix));
            asked.push((prefix, on, network.segment.clone(), network.keys()));
        }
        let general = General {
            probe_interface: file.probe_interface,
            rate: file.rate,
            host_per_hour: file.host_per_hour,
            timeout_ms: file.timeout_ms,
            concurrency: file.concurrency,
            never_probe: file.never_probe,
            quiet_hours: file.quiet_hours,
        };
        let keys = Keys {
            passive: file.passive,
            sweep: file.sweep,
            techniques: file.techniques,
            resolve: file.resolve,
            nameservers: file.nameservers,
            ports: file.ports,
            gone_after: file.gone_after,
            allow_dhcp_servers: None,
            allow_routers: None,
            allow_virtual_macs: None,
            snmp: file.snmp,
        };
        let asking = Asking::new(args.ask, general, keys, asked)?;
        let telling = telling::telling(file.policy, &asking.networks)?;
        let named = hosts.iter().map(|name| parse_iface(name)).collect::<Result<Vec<_>, _>>()?;
        let named_interfaces = named.into_iter().chain(asking.interface).collect();
        let capture = match args.capture {
            Some(how) => Some(how),
            None => file.capture,
        };
        Ok(Self {
            asking,
            telling,
            file: args.config,
            named_interfaces,
            ports: ports(&hosts, &mirrors)?,
            capture: Options {
                method: match capture.unwrap_or(CaptureArg::Auto) {
                    CaptureArg::Auto => Method::Auto,
                    CaptureArg::Driver => Method::Driver,
                    CaptureArg::Generic => Method::Generic,
                    CaptureArg::Packet => Method::Packet,
                },
                ring_bytes,
                fix_nic: args.fix_nic || file.fix_nic.unwrap_or(false),
                refresh: args.refresh.or(file.refresh_s).map_or(defaults.refresh, Duration::from_secs),
                policing: defaults.policing,
            },
            db: args.db.path.or(file.db).unwrap_or_else(default_db),
            screen: screen(args.json, &events, &sightings)?,
            events,
            sightings,
            syslog: syslog(args.syslog.or(file.syslog), args.syslog_format.or(file.syslog_format))?,
            inventory: Inventory {
                learning: Duration::from_secs(args.learning.or(file.learning_s).unwrap_or(LEARNING_S)),
                networks,
                oui: args.oui.or(file.oui),
                fingerprints: args.fingerprints.or(file.fingerprints),
                p0f: args.p0f.or(file.p0f),
                name: args.name.or(file.name).unwrap_or_else(host_name),
            },
        })
    }
}

impl Reloaded {
    /// From the file that was named at the start, or the default one.
    pub fn new(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = File::find(path)?;
        let mut networks = Vec::new();
        for network in file.network {
            let on = network.interface.as_deref().map(parse_iface).transpose()?;
            let prefix = parse_prefix("[[network]] prefix", &network.prefix)?;
            networks.push((prefix, on, network.segment.clone(), network.keys()));
        }
        let asking = Asking::new(AskArgs::default(), General::default(), Keys::default(), networks)?;
        Ok(Self {
            telling: telling::telling(file.policy, &asking.networks)?,
            allow: asking.networks.iter().map(Named::allow).collect(),
        })
    }
}

pub(crate) fn syslog(
    address: Option<String>,
    format: Option<SyslogArg>,
) -> Result<Option<(syslog::Address, syslog::form::Format)>, ConfigError> {
    let format = match format.unwrap_or(SyslogArg::Rfc5424) {
        SyslogArg::Rfc5424 => syslog::form::Format::Rfc5424,
        SyslogArg::Arpwatch => syslog::form::Format::Arpwatch,
    };
    // An empty variable or key switches off what the file has.
    let address = address.filter(|address| !address.is_empty());
    let parse = |text: String| match text.parse() {
        Ok(address) => Ok((address, format)),
        Err(()) => Err(ConfigError::Syslog(text.escape_debug().to_string())),
    };
    address.map(parse).transpose()
}

pub(crate) fn first_nonempty(a: Vec<String>, b: Vec<String>) -> Vec<String> {
    if a.is_empty() { b } else { a }
}
