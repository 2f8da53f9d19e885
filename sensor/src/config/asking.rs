//! What the sensor may ask: settings of probes, for all networks and for each.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use crate::cli::AskArgs;
use crate::config::error::ConfigError;
use crate::config::parse::parse_macs;
use crate::config::parse::{parse_iface, parse_prefix};
use crate::config::parse::{
    parse_members, parse_ports, parse_quiet, parse_segment, parse_server, parse_span, parse_technique,
};
use crate::probe::snmp::Credentials;
use sensor_core::inventory::correlator::settings::{Allow, Members};
use sensor_core::inventory::model::quiet::Quiet;
use sensor_core::inventory::planner::policy::DELICATE_PORTS;
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::{Iface, Mac, Segment};

/// What may be asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Nothing is asked at all.
    pub passive: bool,
    /// The interface that speaks for mirror ports.
    pub interface: Option<Iface>,
    /// Packets a second.
    pub rate_per_s: u32,
    /// Packets to one host in an hour.
    pub host_per_hour: u32,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Questions through sockets at the same time.
    pub concurrency: usize,
    /// Never asked.
    pub never_prefixes: Vec<IpNet>,
    /// Never asked.
    pub never_macs: BTreeSet<Mac>,
    /// When nothing is asked.
    pub quiet: Vec<Quiet>,
    /// Settings of networks that are attached and not named.
    pub defaults: NetworkSettings,
    /// Networks that were named.
    pub networks: Vec<Named>,
}

/// A network that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its addresses.
    pub prefix: IpNet,
    /// The interface on which its hosts live, where that was said.
    pub interface: Option<Iface>,
    /// The segment on which its hosts live, where that was said.
    pub segment: Option<Segment>,
    /// Its settings.
    pub settings: NetworkSettings,
}

/// Settings of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Nothing is asked.
    pub passive: bool,
    /// Every address is asked once in this time.
    pub sweep: Option<Duration>,
    /// What may be used.
    pub techniques: BTreeSet<Technique>,
    /// Name servers; the system's when there are none.
    pub nameservers: Vec<SocketAddr>,
    /// TCP ports that are looked at.
    pub ports: Arc<[u16]>,
    /// Printers' ports among them: they were named.
    pub delicate_ports: BTreeSet<u16>,
    /// A host that was not heard for this long, and does not answer, is gone.
    pub gone_after: Duration,
    /// DHCP servers that belong here; empty: any may.
    pub allow_dhcp_servers: Members,
    /// Routers that belong here; empty: any may.
    pub allow_routers: Members,
    /// Stations among which addresses may pass: a cluster's members and its virtual MACs.
    pub allow_virtual_macs: BTreeSet<Mac>,
    /// SNMP credentials.
    pub snmp: Option<PathBuf>,
}

/// Ports that tell most about a host, and cost little: remote access, names, web, file sharing.
pub const DEFAULT_PORTS: [u16; 12] = [22, 23, 53, 80, 139, 443, 445, 3389, 5900, 8000, 8080, 8443];
const DEFAULT_RATE: u32 = 20;
const DEFAULT_HOST_PER_HOUR: u32 = 240;
const DEFAULT_TIMEOUT_MS: u64 = 1000;
const DEFAULT_CONCURRENCY: usize = 64;
const HOUR: Duration = Duration::from_secs(3600);

/// Keys of the file that are about asking; those of a network come after `prefix`, `interface`, `segment`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(super) passive: Option<bool>,
    pub(super) sweep: Option<Sweep>,
    pub(super) techniques: Option<Vec<String>>,
    pub(super) resolve: Option<bool>,
    pub(super) nameservers: Option<Vec<String>>,
    pub(super) ports: Option<Ports>,
    pub(super) gone_after: Option<String>,
    pub(super) allow_dhcp_servers: Option<Vec<String>>,
    pub(super) allow_routers: Option<Vec<String>>,
    pub(super) allow_virtual_macs: Option<Vec<String>>,
    pub(super) snmp: Option<PathBuf>,
}

/// `sweep = true`, `"on"`, `"off"` or `"6h"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Sweep {
    Switch(bool),
    Word(String),
}

/// `ports = [22, 80]` or `"22,80,8000-8010"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ports {
    List(Vec<u16>),
    Word(String),
}

/// The rest of the file's keys that are about asking.
#[derive(Clone, Debug, Default)]
pub(super) struct General {
    pub(super) probe_interface: Option<String>,
    pub(super) rate: Option<u32>,
    pub(super) host_per_hour: Option<u32>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) concurrency: Option<usize>,
    pub(super) never_probe: Option<Vec<String>>,
    pub(super) quiet_hours: Option<Vec<String>>,
}

impl Asking {
    /// From flags and environment, the file's keys, its networks, and prefixes named by `--network`.
    pub(super) fn new(
        args: AskArgs,
        general: General,
        keys: Keys,
        networks: Vec<(IpNet, Option<Iface>, Option<String>, Keys)>,
    ) -> Result<Self, ConfigError> {
        let mut keys = over(args.keys(), keys);
        keys.snmp = keys.snmp.or_else(Credentials::of_systemd);
        let defaults = NetworkSettings::new(&NetworkSettings::default(), &keys)?;
        let mut named = Vec::new();
        for (prefix, interface, segment, own) in networks {
            // Who names a network wants to know who is in it.
            let own = Keys { sweep: own.sweep.or_else(|| keys.sweep.clone()).or(Some(Sweep::Switch(true))), ..own };
            let segment = segment.map(|text| parse_segment(&text)).transpose()?;
            named.push(Named { prefix, interface, segment, settings: NetworkSettings::new(&defaults, &own)? });
        }
        let interface = args.probe_interface.or(general.probe_interface).map(|name| parse_iface(&name)).transpose()?;
        let rate_per_s = args.rate.or(general.rate).unwrap_or(DEFAULT_RATE);
        let timeout_ms = args.timeout_ms.or(general.timeout_ms).unwrap_or(DEFAULT_TIMEOUT_MS);
        let concurrency = args.concurrency.or(general.concurrency).unwrap_or(DEFAULT_CONCURRENCY);
        if rate_per_s == 0 || timeout_ms == 0 || concurrency == 0 {
            return Err(ConfigError::Zero);
        }
        let quiet =
            if args.quiet_hours.is_empty() { general.quiet_hours.unwrap_or_default() } else { args.quiet_hours };
        let never =
            if args.never_probe.is_empty() { general.never_probe.unwrap_or_default() } else { args.never_probe };
        let (mut never_prefixes, mut never_macs) = (Vec::new(), BTreeSet::new());
        for text in never {
            match Mac::parse(&text) {
                Some(mac) => drop(never_macs.insert(mac)),
                None => never_prefixes.push(parse_prefix("never_probe", &text)?),
            }
        }
        Ok(Self {
            passive: defaults.passive,
            interface,
            rate_per_s,
            host_per_hour: args.host_per_hour.or(general.host_per_hour).unwrap_or(DEFAULT_HOST_PER_HOUR),
            timeout: Duration::from_millis(timeout_ms),
            concurrency,
            never_prefixes,
            never_macs,
            quiet: quiet.iter().map(|text| parse_quiet("quiet_hours", text)).collect::<Result<_, _>>()?,
            defaults,
            networks: named,
        })
    }
}

impl Named {
    /// The segment on which its hosts live; `None`: any.
    pub fn home(&self) -> Option<Segment> {
        self.segment.or_else(|| self.interface.map(Segment::untagged))
    }

    /// Who may serve and route on its segment.
    pub fn allow(&self) -> Allow {
        Allow {
            segment: self.home(),
            dhcp_servers: self.settings.allow_dhcp_servers.clone(),
            routers: self.settings.allow_routers.clone(),
        }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        let techniques = Technique::ALL.into_iter().filter(|technique| *technique != Technique::Snmp);
        Self {
            passive: false,
            sweep: None,
            techniques: techniques.collect(),
            nameservers: Vec::new(),
            ports: DEFAULT_PORTS.into(),
            delicate_ports: BTreeSet::new(),
            gone_after: HOUR,
            allow_dhcp_servers: Members::default(),
            allow_routers: Members::default(),
            allow_virtual_macs: BTreeSet::new(),
            snmp: None,
        }
    }
}

impl NetworkSettings {
    fn new(base: &Self, keys: &Keys) -> Result<Self, ConfigError> {
        let mut new = base.clone();
        new.passive = keys.passive.unwrap_or(base.passive);
        match &keys.sweep {
            None => {}
            Some(Sweep::Switch(on)) => new.sweep = on.then(|| base.sweep.unwrap_or(HOUR)),
            Some(Sweep::Word(word)) => {
                new.sweep = match word.as_str() {
                    "on" | "true" => Some(base.sweep.unwrap_or(HOUR)),
                    "off" | "false" => None,
                    span => Some(parse_span("sweep", span)?),
                };
            }
        }
        if let Some(words) = &keys.techniques {
            new.techniques = words.iter().map(|word| parse_technique(word)).collect::<Result<_, _>>()?;
        }
        if let Some(path) = &keys.snmp {
            new.snmp = Some(path.clone());
            // Credentials are there to be used, unless the techniques were chosen without it.
            if keys.techniques.is_none() {
                new.techniques.insert(Technique::Snmp);
            }
        }
        if keys.resolve == Some(false) {
            new.techniques.remove(&Technique::Ptr);
        }
        if let Some(servers) = &keys.nameservers {
            new.nameservers = servers.iter().map(|text| parse_server(text)).collect::<Result<_, _>>()?;
        }
        if let Some(ports) = &keys.ports {
            new.ports = match ports {
                Ports::List(list) => list.clone().into(),
                Ports::Word(word) => parse_ports(word)?.into(),
            };
            new.delicate_ports = new.ports.iter().copied().filter(|port| DELICATE_PORTS.contains(port)).collect();
        }
        if let Some(span) = &keys.gone_after {
            new.gone_after = parse_span("gone_after", span)?;
        }
        if let Some(list) = &keys.allow_dhcp_servers {
            new.allow_dhcp_servers = parse_members("allow_dhcp_servers", list)?;
        }
        if let Some(list) = &keys.allow_routers {
            new.allow_routers = parse_members("allow_routers", list)?;
        }
        if let Some(list) = &keys.allow_virtual_macs {
            new.allow_virtual_macs = parse_macs("allow_virtual_macs", list)?;
        }
        Ok(new)
    }
}

impl AskArgs {
    fn keys(&self) -> Keys {
        let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        Keys {
            passive: self.passive.then_some(true),
            sweep: self.sweep.clone().map(Sweep::Word),
            techniques: list(&self.techniques),
            resolve: self.no_resolve.then_some(false),
            nameservers: list(&self.nameservers),
            ports: self.ports.clone().map(Ports::Word),
            gone_after: self.gone_after.clone(),
            allow_dhcp_servers: None,
            allow_routers: None,
            allow_virtual_macs: None,
            snmp: self.snmp.clone(),
        }
    }
}

fn over(flags: Keys, file: Keys) -> Keys {
    Keys {
        passive: flags.passive.or(file.passive),
        sweep: flags.sweep.or(file.sweep),
        techniques: flags.techniques.or(file.techniques),
        resolve: flags.resolve.or(file.resolve),
        nameservers: flags.nameservers.or(file.nameservers),
        ports: flags.ports.or(file.ports),
        gone_after: flags.gone_after.or(file.gone_after),
        allow_dhcp_servers: file.allow_dhcp_servers,
        allow_routers: file.allow_routers,
        allow_virtual_macs: file.allow_virtual_macs,
        snmp: flags.snmp.or(file.snmp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::types::Vlans;

    #[track_caller]
    fn check<T: std::fmt::Debug + PartialEq>(got: Result<T, ConfigError>, expected: Option<T>) {
        assert_eq!(got.as_ref().ok(), expected.as_ref());
        if let Err(error) = got {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn ports_and_ranges() {
        check(parse_ports("22,80"), Some(vec![22, 80]));
        check(parse_ports("80, 22 ,79-81"), Some(vec![80, 22, 79, 81]));
        check(parse_ports(""), Some(vec![]));
        for bad in ["0", "65536", "5-4", "http", "1-", "-5"] {
            check(parse_ports(bad), None);
        }
    }

    #[test]
    fn spans() {
        check(parse_span("sweep", "90s"), Some(Duration::from_secs(90)));
        check(parse_span("sweep", "7d"), Some(Duration::from_secs(7 * 86_400)));
        for bad in ["", "5", "0s", "-1s", "1w", "é", "99999999999999999999h"] {
            check(parse_span("sweep", bad), None);
        }
    }

    #[test]
    fn quiet_hours() {
        let parse_quiet = |text| parse_quiet("quiet_hours", text);
        check(parse_quiet("22:00-06:30"), Some(Quiet { from: 1320, to: 390 }));
        check(parse_quiet("00:00-24:00"), Some(Quiet { from: 0, to: 1440 }));
        for bad in ["", "22-6", "25:00-01:00", "10:60-11:00", "10:00-10:00", "24:00-01:00"] {
            check(parse_quiet(bad), None);
        }
    }

    #[test]
    fn segments() {
        let segment = |iface, vlans| Iface::new(iface).map(|iface| Segment::tagged(iface, Vlans::new(vlans)));
        check(parse_segment("eth1"), segment("eth1", [0, 0]));
        check(parse_segment("eth1.100.30"), segment("eth1", [100, 30]));
        for bad in ["", "eth1.0", "eth1.4096", "eth1.1.2.3", "eth1.x"] {
            check(parse_segment(bad), None);
        }
    }

    #[test]
    fn a_network_takes_the_general_settings_and_its_own() {
        let args =
            AskArgs { ports: Some("22,9100".to_owned()), gone_after: Some("2h".to_owned()), ..AskArgs::default() };
        let own =
            Keys { ports: Some(Ports::List(vec![80])), sweep: Some(Sweep::Word("off".into())), ..Keys::default() };
        let net = |text: &str| text.parse().expect("a prefix");
        let networks = vec![(net("10.0.0.0/24"), None, None, own), (net("10.0.1.0/24"), None, None, Keys::default())];
        let asking = Asking::new(args, General::default(), Keys::default(), networks).expect("it is right");
        assert_eq!((&*asking.defaults.ports, asking.defaults.sweep), (&[22, 9100][..], None));
        assert_eq!(asking.defaults.delicate_ports, [9100].into());
        let [first, second] = &asking.networks[..] else { panic!("two networks") };
        assert_eq!((&*first.settings.ports, first.settings.sweep), (&[80][..], None));
        assert_eq!((&*second.settings.ports, second.settings.sweep), (&[22, 9100][..], Some(HOUR)));
        assert_eq!(second.settings.gone_after, Duration::from_secs(7200));
        assert!(!second.settings.techniques.contains(&Technique::Snmp));
    }
}
