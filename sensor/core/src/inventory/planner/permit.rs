//! Whether an address may be asked at all, and when nobody may: the owner's rules, without budgets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::model::quiet::Quiet;
use crate::inventory::planner::policy::{DELICATE_PORTS, Network, Policy};
use crate::inventory::planner::probe::Technique;
use crate::types::{Mac, Segment, Timestamp};

/// The owner's rules, ready for use.
#[derive(Debug)]
pub(super) struct Permit {
    policy: Policy,
    /// Each network's ports without delicate ones that were not named.
    ports: Vec<Arc<[u16]>>,
    utc_offset_s: i32,
}

const DAY_S: i64 = 86_400;
const DAY_MIN: u16 = 1440;

impl Permit {
    /// From what the owner said.
    pub fn new(policy: Policy) -> Self {
        let ports = policy.networks.iter().map(allowed_ports).collect();
        Self { policy, ports, utc_offset_s: 0 }
    }

    /// What the owner said.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The owner says this from now on; gives what was said before.
    pub fn set_policy(&mut self, policy: Policy) -> Policy {
        self.ports = policy.networks.iter().map(allowed_ports).collect();
        std::mem::replace(&mut self.policy, policy)
    }

    /// A network by its place in the policy.
    pub fn network(&self, place: usize) -> &Network {
        &self.policy.networks[place]
    }

    /// The ports that may be asked in a network, in the owner's order.
    pub fn ports(&self, place: usize) -> &Arc<[u16]> {
        &self.ports[place]
    }

    /// The place of the network under whose rules the address may be asked, whatever the time and the station.
    pub fn place(&self, segment: Segment, ip: IpAddr) -> Option<usize> {
        if !is_unicast(ip) || self.policy.own_ips.contains(&ip) || self.is_never(ip) || self.is_edge(ip) {
            return None;
        }
        let holding = self.policy.networks.iter().enumerate().filter(|(_, network)| network.prefix.contains(&ip));
        // The same prefix may live on several segments; a longer one on another segment takes the address away from this.
        let (place, network) =
            holding.max_by_key(|(_, network)| (network.prefix.prefix_len(), network.segment == segment))?;
        (network.segment == segment && !network.passive).then_some(place)
    }

    /// Whether a station may be asked.
    pub fn allows_station(&self, mac: Mac) -> bool {
        !self.policy.never_macs.contains(&mac)
    }

    /// Whether every host of the segment may be asked at once: nobody there is excepted, as far as can be told.
    pub fn allows_everybody(&self, segment: Segment) -> bool {
        self.policy.never_macs.is_empty()
            && !self.policy.never_prefixes.iter().any(|prefix| matches!(prefix, IpNet::V6(_)))
            && !self.policy.networks.iter().any(|network| network.segment == segment && network.passive)
    }

    /// Local time is this far east of UTC, in seconds.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.utc_offset_s = seconds;
    }

    /// Whether nothing is asked now.
    pub fn is_quiet(&self, wall: Timestamp) -> bool {
        !self.policy.quiet.is_empty() && is_quiet(&self.policy.quiet, self.local_minute(wall))
    }

    /// When the quiet hours that last at `wall` end; a day later when they never do.
    pub fn quiet_end(&self, wall: Timestamp) -> Timestamp {
        let minute = self.local_minute(wall);
        let passed = (1..=DAY_MIN).find(|passed| !is_quiet(&self.policy.quiet, (minute + passed) % DAY_MIN));
        let into_minute_ns = self.local_ns(wall).rem_euclid(60_000_000_000);
        let begun = Timestamp::from_nanos(wall.as_nanos().saturating_sub(into_minute_ns));
        begun.after(Duration::from_secs(60 * u64::from(passed.unwrap_or(DAY_MIN))))
    }

    fn local_ns(&self, wall: Timestamp) -> i64 {
        wall.as_nanos().saturating_add(i64::from(self.utc_offset_s) * 1_000_000_000)
    }

    fn local_minute(&self, wall: Timestamp) -> u16 {
        let second = self.local_ns(wall).div_euclid(1_000_000_000).rem_euclid(DAY_S);
        u16::try_from(second / 60).unwrap_or(0)
    }

    fn is_never(&self, ip: IpAddr) -> bool {
        self.policy.never_prefixes.iter().any(|prefix| prefix.contains(&ip))
    }

    /// Whether it is the network's own or broadcast address in any network listed; /31 and /32 have none (RFC 3021).
    fn is_edge(&self, ip: IpAddr) -> bool {
        let IpAddr::V4(ip) = ip else { return false };
        self.policy.networks.iter().any(|network| match network.prefix {
            IpNet::V4(net) => net.prefix_len() <= 30 && (ip == net.network() || ip == net.broadcast()),
            IpNet::V6(_) => false,
        })
    }
}

/// Whether the technique may be used in the network.
pub(super) fn has(network: &Network, technique: Technique) -> bool {
    network.techniques.contains(&technique)
}

fn allowed_ports(network: &Network) -> Arc<[u16]> {
    let is_allowed = |port: &u16| !DELICATE_PORTS.contains(port) || network.delicate_ports.contains(port);
    network.ports.iter().copied().filter(is_allowed).collect()
}

fn is_quiet(windows: &[Quiet], minute: u16) -> bool {
    windows.iter().any(|window| window.holds(minute))
}

/// Whether a host can have the address and be asked by it: not "this network", loopback, multicast or reserved
/// (RFC 6890, section 2.2), nor IPv4 in IPv6's clothes (RFC 4291, section 2.5.5).
fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_unicast_v4(ip),
        IpAddr::V6(ip) => {
            let is_dressed_v4 = matches!(ip.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, ..]);
            !is_dressed_v4 && !ip.is_multicast()
        }
    }
}

fn is_unicast_v4(ip: Ipv4Addr) -> bool {
    !matches!(ip.octets()[0], 0 | 127 | 224..)
}
