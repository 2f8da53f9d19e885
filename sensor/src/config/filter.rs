//! Which events an alert, or `sensor watch` as a whole, is about.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::error::ConfigError;
use crate::config::parse::{parse_kind, parse_severity};
use sensor_core::inventory::event::Severity;

/// Which events; an empty list holds all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Names of kinds.
    pub kinds: Vec<String>,
    /// The event is at least so severe.
    pub severity: Severity,
    /// Names of segments.
    pub segments: Vec<String>,
    /// Hosts that the event is about.
    pub hosts: Vec<HostFilter>,
}

/// A host, as it may be named in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFilter {
    /// By its address, or a prefix that has it.
    Net(IpNet),
    /// By its id, MAC or name, in lower case.
    Word(String),
}

impl Filter {
    /// From what was written.
    pub(super) fn new(
        kinds: Vec<String>,
        severity: Option<&str>,
        segments: Vec<String>,
        hosts: &[String],
    ) -> Result<Self, ConfigError> {
        for kind in &kinds {
            parse_kind(kind)?;
        }
        let severity = severity.map_or(Ok(Severity::Info), parse_severity)?;
        Ok(Self { kinds, severity, segments, hosts: hosts.iter().map(|text| HostFilter::new(text)).collect() })
    }
}

impl HostFilter {
    fn new(text: &str) -> Self {
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map_or_else(|| Self::Word(text.to_ascii_lowercase()), Self::Net)
    }
}
