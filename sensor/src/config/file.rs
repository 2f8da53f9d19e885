//! The configuration file.

use crate::cli::{CaptureArg, SyslogArg};
use crate::config::asking;
use crate::config::asking::Keys;
use crate::config::error::ConfigError;
use crate::config::parse::suggest;
use crate::config::telling;
use crate::config::{DEFAULT_FILE, FILE_KEYS, NETWORK_KEYS};
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};

/// The configuration file's keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    pub(crate) interface: Vec<String>,
    pub(crate) mirror: Vec<String>,
    pub(crate) capture: Option<CaptureArg>,
    pub(crate) db: Option<PathBuf>,
    pub(crate) events: Option<PathBuf>,
    pub(crate) sightings: Option<PathBuf>,
    pub(crate) syslog: Option<String>,
    pub(crate) syslog_format: Option<SyslogArg>,
    pub(crate) learning_s: Option<u64>,
    pub(crate) refresh_s: Option<u64>,
    pub(crate) fix_nic: Option<bool>,
    pub(crate) ring_bytes: Option<u32>,
    pub(crate) oui: Option<PathBuf>,
    pub(crate) fingerprints: Option<PathBuf>,
    pub(crate) p0f: Option<PathBuf>,
    pub(crate) name: Option<String>,
    pub(crate) passive: Option<bool>,
    pub(crate) probe_interface: Option<String>,
    pub(crate) rate: Option<u32>,
    pub(crate) host_per_hour: Option<u32>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) never_probe: Option<Vec<String>>,
    pub(crate) quiet_hours: Option<Vec<String>>,
    pub(crate) sweep: Option<asking::Sweep>,
    pub(crate) techniques: Option<Vec<String>>,
    pub(crate) resolve: Option<bool>,
    pub(crate) nameservers: Option<Vec<String>>,
    pub(crate) ports: Option<asking::Ports>,
    pub(crate) gone_after: Option<String>,
    pub(crate) snmp: Option<PathBuf>,
    pub(crate) network: Vec<Network>,
    pub(crate) policy: telling::Keys,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Network {
    pub(crate) prefix: String,
    pub(crate) interface: Option<String>,
    pub(crate) segment: Option<String>,
    pub(crate) passive: Option<bool>,
    pub(crate) sweep: Option<asking::Sweep>,
    pub(crate) techniques: Option<Vec<String>>,
    pub(crate) resolve: Option<bool>,
    pub(crate) nameservers: Option<Vec<String>>,
    pub(crate) ports: Option<asking::Ports>,
    pub(crate) gone_after: Option<String>,
    pub(crate) allow_dhcp_servers: Option<Vec<String>>,
    pub(crate) allow_routers: Option<Vec<String>>,
    pub(crate) allow_virtual_macs: Option<Vec<String>>,
    pub(crate) snmp: Option<PathBuf>,
}

impl Network {
    pub(crate) fn keys(self) -> Keys {
        Keys {
            passive: self.passive,
            sweep: self.sweep,
            techniques: self.techniques,
            resolve: self.resolve,
            nameservers: self.nameservers,
            ports: self.ports,
            gone_after: self.gone_after,
            allow_dhcp_servers: self.allow_dhcp_servers,
            allow_routers: self.allow_routers,
            allow_virtual_macs: self.allow_virtual_macs,
            snmp: self.snmp,
        }
    }
}

impl File {
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::Read { path: path.to_owned(), error }),
        }
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |error: &toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            ConfigError::File { path: format!("{}, line {line}", path.display()), message }
        };
        let table: toml::Table = text.parse().map_err(|error| wrong(&error))?;
        let unknown = |key: &str, known: &[&'static str]| ConfigError::UnknownKey {
            path: path.to_owned(),
            key: key.to_owned(),
            suggestion: suggest(key, known.iter().copied()),
        };
        if let Some(key) = table.keys().find(|key| !FILE_KEYS.contains(&key.as_str())) {
            return Err(unknown(key, &FILE_KEYS));
        }
        let networks = table.get("network").and_then(toml::Value::as_array).into_iter().flatten();
        for network in networks.filter_map(toml::Value::as_table) {
            if let Some(key) = network.keys().find(|key| !NETWORK_KEYS.contains(&key.as_str())) {
                return Err(unknown(key, &NETWORK_KEYS));
            }
        }
        if let Some(policy) = table.get("policy").and_then(toml::Value::as_table) {
            let rules = policy.get("rule").and_then(toml::Value::as_array).into_iter().flatten();
            let rules = rules.filter_map(toml::Value::as_table).map(|rule| (rule, &telling::RULE_KEYS[..]));
            for (table, keys) in [(policy, &telling::POLICY_KEYS[..])].into_iter().chain(rules) {
                if let Some(key) = table.keys().find(|key| !keys.contains(&key.as_str())) {
                    return Err(unknown(key, keys));
                }
            }
        }
        toml::from_str(text).map_err(|error| wrong(&error))
    }
}
