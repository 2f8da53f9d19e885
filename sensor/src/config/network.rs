//! What may be probed in one network: the general settings, and those of each `[[network]]`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{BoolValueParser, TypedValueParser as _};
use ipnet::IpNet;
use serde::Deserialize;

use crate::config::error::ConfigError;
use crate::config::keys::{Value, keys};
use crate::config::parse::{
    parse_iface, parse_macs, parse_members, parse_ports, parse_prefix, parse_segment, parse_server, parse_span,
    parse_technique,
};
use sensor_core::inventory::correlator::settings::{Allow, Members};
use sensor_core::inventory::planner::policy::DELICATE_PORTS;
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::{Iface, Mac, Segment};

keys! {
    flags
    /// What may be probed in a network: for every network, and in a `[[network]]` for that one.
    #[command(next_help_heading = "Probing")]
    pub SettingsKeys {
        /// Only listen, never probe
        #[arg(
            long,
            env = "SENSOR_PASSIVE",
            value_name = "BOOL",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "true",
            hide_possible_values = true,
        )]
        passive: bool = false,
        /// Probe every address of a network once in this time: on (1h), off, or a span such as 30m or 6h
        /// [default: on for networks that are named, else off]
        #[arg(long, value_name = "SPAN", env = "SENSOR_SWEEP")]
        sweep: Sweep,
        /// How hosts are probed: arp, dhcp, icmp, mdns, nbns, ndp, ptr, snmp, tcp [default: all; dhcp where
        /// `allow_dhcp_servers` names some, snmp with credentials only]
        #[arg(long, value_name = "LIST", env = "SENSOR_TECHNIQUES", value_delimiter = ',')]
        techniques: Vec<String>,
        /// Ask name servers for names; the flag and the variable switch that off
        #[arg(
            long = "no-resolve",
            env = "SENSOR_NO_RESOLVE",
            value_name = "BOOL",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "true",
            hide_possible_values = true,
            value_parser = BoolValueParser::new().map(|no| !no),
        )]
        resolve: bool = true,
        /// Name servers to ask, with or without a port [default: the system's]
        #[arg(long, value_name = "LIST", env = "SENSOR_NAMESERVERS", value_delimiter = ',')]
        nameservers: Vec<String>,
        /// TCP ports to look at, such as 22,80,8000-8010
        #[arg(long, value_name = "LIST", env = "SENSOR_TCP_SAMPLE_PORTS")]
        ports: Ports = "22,23,53,80,139,443,445,3389,5900,8000,8080,8443",
        /// A host that is not heard for so long, and does not answer, is gone
        #[arg(long, value_name = "SPAN", env = "SENSOR_GONE_AFTER")]
        gone_after: String = "1h",
        /// SNMP credentials: a TOML file that only its owner may read [default: systemd's credential `snmp`, where there
        /// is one]
        #[arg(long, value_name = "FILE", env = "SENSOR_SNMP")]
        snmp: PathBuf,
    }
}

keys! {
    /// `[[network]]`: addresses that live here; senders from elsewhere are bogons.
    pub NetworkKeys {
        /// Its addresses, such as 192.168.1.0/24; the flag names networks without further keys [default: none, it is required]
        prefix: String,
        /// The interface on which its hosts live [default: any]
        interface: String,
        /// The segment on which its hosts are filed, such as eth1.30 [default: the interface's]
        segment: String,
        /// Addresses and MACs of the DHCP servers that belong here; others are `rogue-dhcp-server` [default: any may serve]
        allow_dhcp_servers: Vec<String>,
        /// Addresses and MACs of the routers that belong here; others are `rogue-router` [default: any may route]
        allow_routers: Vec<String>,
        /// MACs among which addresses may pass: a cluster's members and its virtual MACs
        allow_virtual_macs: Vec<String>,
    }
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
    /// Nothing is probed.
    pub passive: bool,
    /// Every address is probed once in this time; `None`: there is no sweep.
    pub sweep: Option<Duration>,
    /// How hosts may be probed.
    pub techniques: BTreeSet<Technique>,
    /// The techniques were chosen, and are not the default.
    pub techniques_chosen: bool,
    /// Name servers; the system's when there are none.
    pub nameservers: Vec<SocketAddr>,
    /// TCP ports that are looked at.
    pub ports: Arc<[u16]>,
    /// Ports of printers and controllers among them, which are only looked at where they were named.
    pub delicate_ports: BTreeSet<u16>,
    /// A host that was not heard for this long, and does not answer, is gone.
    pub gone_after: Duration,
    /// DHCP servers that belong here; empty: any may.
    pub allow_dhcp_servers: Members,
    /// Routers that belong here; empty: any may.
    pub allow_routers: Members,
    /// Stations among which addresses may pass: a cluster's members and its virtual MACs.
    pub allow_virtual_macs: BTreeSet<Mac>,
    /// The file of SNMP credentials.
    pub snmp: Option<PathBuf>,
}

/// `sweep = true`, `"on"`, `"off"` or `"6h"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Sweep {
    /// On or off.
    Switch(bool),
    /// On, off or a span.
    Word(String),
}

/// `ports = [22, 80]` or `"22,80,8000-8010"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Ports {
    /// Numbers.
    List(Vec<u16>),
    /// Numbers and ranges.
    Word(String),
}

/// A sweep takes this long where no span is named.
const SWEEP: Duration = Duration::from_secs(3600);

impl Named {
    /// From its keys; `number` is its place in the file, from 1.
    pub(super) fn new(
        keys: NetworkKeys,
        own: SettingsKeys,
        number: usize,
        general: &NetworkSettings,
    ) -> Result<Self, ConfigError> {
        let prefix = keys.prefix.as_deref().ok_or(ConfigError::NoPrefix(number))?;
        let mut settings = general.with(&own)?;
        if let Some(list) = &keys.allow_dhcp_servers {
            settings.allow_dhcp_servers = parse_members("allow_dhcp_servers", list)?;
            // Others can only be found where they are looked for.
            if !list.is_empty() && !settings.techniques_chosen {
                settings.techniques.insert(Technique::Dhcp);
            }
        }
        if let Some(list) = &keys.allow_routers {
            settings.allow_routers = parse_members("allow_routers", list)?;
        }
        if let Some(list) = &keys.allow_virtual_macs {
            settings.allow_virtual_macs = parse_macs("allow_virtual_macs", list)?;
        }
        Ok(Self {
            prefix: parse_prefix("[[network]] prefix", prefix)?,
            interface: keys.interface.as_deref().map(parse_iface).transpose()?,
            segment: keys.segment.as_deref().map(parse_segment).transpose()?,
            settings,
        })
    }

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
        // Every other test reads the defaults.
        Self::general(&SettingsKeys::default()).expect("the defaults are right")
    }
}

impl NetworkSettings {
    /// The settings of networks without any of their own.
    pub(super) fn general(keys: &SettingsKeys) -> Result<Self, ConfigError> {
        let is_usual = |technique: &Technique| !matches!(technique, Technique::Dhcp | Technique::Snmp);
        let techniques = Technique::ALL.into_iter().filter(is_usual);
        let none = Self {
            passive: false,
            sweep: None,
            techniques: techniques.collect(),
            techniques_chosen: false,
            nameservers: Vec::new(),
            ports: Arc::default(),
            delicate_ports: BTreeSet::new(),
            gone_after: Duration::ZERO,
            allow_dhcp_servers: Members::default(),
            allow_routers: Members::default(),
            allow_virtual_macs: BTreeSet::new(),
            snmp: None,
        };
        let defaults = SettingsKeys { ports: Some(keys.ports()), gone_after: Some(keys.gone_after()), ..keys.clone() };
        none.with(&defaults)
    }

    /// These settings with what the keys change.
    fn with(&self, keys: &SettingsKeys) -> Result<Self, ConfigError> {
        let mut new = self.clone();
        new.passive = keys.passive.unwrap_or(self.passive);
        match &keys.sweep {
            None => {}
            Some(Sweep::Switch(on)) => new.sweep = on.then(|| self.sweep.unwrap_or(SWEEP)),
            Some(Sweep::Word(word)) => {
                new.sweep = match word.as_str() {
                    "on" | "true" => Some(self.sweep.unwrap_or(SWEEP)),
                    "off" | "false" => None,
                    span => Some(parse_span("sweep", span)?),
                };
            }
        }
        if let Some(words) = &keys.techniques {
            new.techniques = words.iter().map(|word| parse_technique(word)).collect::<Result<_, _>>()?;
            new.techniques_chosen = true;
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
        Ok(new)
    }
}

impl Value for Sweep {
    const KIND: &'static str = "true, false or span";
}

impl FromStr for Sweep {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self::Word(word.to_owned()))
    }
}

impl Value for Ports {
    const KIND: &'static str = "list of numbers, or text";
}

impl FromStr for Ports {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self::Word(word.to_owned()))
    }
}
