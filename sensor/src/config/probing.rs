//! How the sensor probes: the keys for all networks together, and the settings that follow from all keys about probes.

use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::error::ConfigError;
use crate::config::keys::{Keys as _, keys};
use crate::config::network::{Named, NetworkKeys, NetworkSettings, SettingsKeys, Sweep};
use crate::config::parse::{parse_iface, parse_prefix, parse_quiet};
use crate::probe::snmp::Credentials;
use sensor_core::inventory::model::quiet::Quiet;
use sensor_core::types::{Iface, Mac};

keys! {
    flags
    /// How the sensor probes, all networks together.
    #[command(next_help_heading = "Probing")]
    pub ProbingKeys {
        /// The interface that probes the hosts of a mirror port, which cannot send
        #[arg(long, value_name = "IFACE", env = "SENSOR_PROBE_INTERFACE")]
        probe_interface: String,
        /// Packets a second for all probes together, at most; 1 or more
        #[arg(long, value_name = "N", env = "SENSOR_RATE")]
        rate: u32 = 20,
        /// Packets to one host in an hour, at most
        #[arg(long, value_name = "N", env = "SENSOR_HOST_PER_HOUR")]
        host_per_hour: u32 = 240,
        /// How long an answer is waited for, in milliseconds, 1 or more
        #[arg(long, value_name = "MS", env = "SENSOR_TIMEOUT_MS")]
        timeout_ms: u64 = 1000,
        /// Probes through sockets at the same time, at most; 1 or more
        #[arg(long, value_name = "N", env = "SENSOR_CONCURRENCY")]
        concurrency: usize = 64,
        /// Addresses, prefixes and MACs that are never probed
        #[arg(long, value_name = "LIST", env = "SENSOR_NEVER_PROBE", value_delimiter = ',')]
        never_probe: Vec<String>,
        /// Hours in which nothing is probed, local time, such as 22:00-06:00
        #[arg(long, value_name = "LIST", env = "SENSOR_QUIET_HOURS", value_delimiter = ',')]
        quiet_hours: Vec<String>,
    }
}

/// What may be probed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probing {
    /// Nothing is probed at all.
    pub passive: bool,
    /// The interface that probes the hosts of mirror ports.
    pub interface: Option<Iface>,
    /// Packets a second, at least 1.
    pub rate_per_s: u32,
    /// Packets to one host in an hour.
    pub host_per_hour: u32,
    /// How long an answer is waited for, at least a millisecond.
    pub timeout: Duration,
    /// Probes through sockets at the same time, at least 1.
    pub concurrency: usize,
    /// Prefixes that are never probed.
    pub never_prefixes: Vec<IpNet>,
    /// Stations that are never probed.
    pub never_macs: BTreeSet<Mac>,
    /// Hours in which nothing is probed.
    pub quiet: Vec<Quiet>,
    /// Settings of networks that are attached and not named.
    pub defaults: NetworkSettings,
    /// Networks that were named.
    pub networks: Vec<Named>,
}

impl Probing {
    /// From the keys for all networks, the general settings of a network, and the networks with their own.
    pub(super) fn new(
        keys: ProbingKeys,
        mut settings: SettingsKeys,
        networks: Vec<(NetworkKeys, SettingsKeys)>,
    ) -> Result<Self, ConfigError> {
        settings.snmp = settings.snmp.or_else(Credentials::of_systemd);
        let defaults = NetworkSettings::general(&settings)?;
        // A network is named to learn who is in it: it is swept unless its keys or the general ones say otherwise.
        let swept = SettingsKeys { sweep: settings.sweep.or(Some(Sweep::Switch(true))), ..SettingsKeys::default() };
        let networks = networks
            .into_iter()
            .zip(1..)
            .map(|((keys, own), number)| Named::new(keys, own.over(swept.clone()), number, &defaults))
            .collect::<Result<_, _>>()?;
        if keys.rate() == 0 || keys.timeout_ms() == 0 || keys.concurrency() == 0 {
            return Err(ConfigError::Zero);
        }
        let (mut never_prefixes, mut never_macs) = (Vec::new(), BTreeSet::new());
        for text in keys.never_probe.iter().flatten() {
            match Mac::parse(text) {
                Some(mac) => drop(never_macs.insert(mac)),
                None => never_prefixes.push(parse_prefix("never_probe", text)?),
            }
        }
        let quiet = keys.quiet_hours.iter().flatten().map(|text| parse_quiet("quiet_hours", text));
        Ok(Self {
            passive: defaults.passive,
            interface: keys.probe_interface.as_deref().map(parse_iface).transpose()?,
            rate_per_s: keys.rate(),
            host_per_hour: keys.host_per_hour(),
            timeout: Duration::from_millis(keys.timeout_ms()),
            concurrency: keys.concurrency(),
            never_prefixes,
            never_macs,
            quiet: quiet.collect::<Result<_, _>>()?,
            defaults,
            networks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::network::Ports;
    use sensor_core::inventory::planner::probe::Technique;

    #[test]
    fn a_network_takes_the_general_settings_and_its_own() {
        let general = SettingsKeys {
            ports: Some(Ports::Word("22,9100".to_owned())),
            gone_after: Some("2h".to_owned()),
            ..SettingsKeys::default()
        };
        let own = SettingsKeys {
            ports: Some(Ports::List(vec![80])),
            sweep: Some(Sweep::Word("off".to_owned())),
            ..SettingsKeys::default()
        };
        let network = |prefix: &str| NetworkKeys { prefix: Some(prefix.to_owned()), ..NetworkKeys::default() };
        let networks = vec![(network("10.0.0.0/24"), own), (network("10.0.1.0/24"), SettingsKeys::default())];
        let probing = Probing::new(ProbingKeys::default(), general, networks).expect("it is right");
        assert_eq!((&*probing.defaults.ports, probing.defaults.sweep), (&[22, 9100][..], None));
        assert_eq!(probing.defaults.delicate_ports, [9100].into());
        let [first, second] = &probing.networks[..] else { panic!("two networks") };
        let hour = Duration::from_secs(3600);
        assert_eq!((&*first.settings.ports, first.settings.sweep), (&[80][..], None));
        assert_eq!((&*second.settings.ports, second.settings.sweep), (&[22, 9100][..], Some(hour)));
        assert_eq!(second.settings.gone_after, 2 * hour);
        assert!(!second.settings.techniques.contains(&Technique::Snmp));
    }

    #[test]
    fn limits_that_forbid_everything_are_refused() {
        for keys in [
            ProbingKeys { rate: Some(0), ..ProbingKeys::default() },
            ProbingKeys { timeout_ms: Some(0), ..ProbingKeys::default() },
            ProbingKeys { concurrency: Some(0), ..ProbingKeys::default() },
        ] {
            let probing = Probing::new(keys, SettingsKeys::default(), Vec::new());
            assert!(matches!(probing, Err(ConfigError::Zero)), "{probing:?}");
        }
    }
}
