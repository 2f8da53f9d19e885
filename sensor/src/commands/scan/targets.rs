//! The networks and addresses to be scanned, and the interfaces that lead to them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::link::Link;
use crate::capture::iface::proc::default_route_iface;
use crate::config::error::ConfigError;
use crate::config::scan::Scan;
use crate::probe::prober::SegmentSpeaker;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::planner::policy::Policy;
use sensor_core::types::{Iface, Segment};

/// A network or an address to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScanTarget {
    /// Its addresses.
    pub prefix: IpNet,
    /// Where its hosts are filed, and where ARP and NDP are asked.
    pub segment: Segment,
    /// ARP and NDP reach it.
    pub attached: bool,
}

/// The largest network that is swept without being named has so many host bits: a /16.
const UNNAMED_BITS_MAX: u8 = 16;
/// IPv6 networks with more host bits than this are not swept: all nodes are asked at once instead.
pub(super) const IPV6_BITS_MAX: u8 = 12;

impl ScanTarget {
    /// Whether it is an IPv6 network that this machine is attached to, whose hosts have link-local addresses too.
    pub fn is_attached_ipv6(&self) -> bool {
        self.attached && matches!(self.prefix, IpNet::V6(_))
    }
}

/// Whether every address of an IPv6 network is asked.
pub(super) fn is_swept(prefix: IpNet) -> bool {
    prefix.prefix_len() >= 128 - IPV6_BITS_MAX
}

/// The interfaces to scan by when none was named: with targets those that lead to them, else that of the default route.
pub(super) fn interfaces(config: &Scan, here: &Addresses) -> Result<Vec<Iface>, Failure> {
    let mut found = Vec::new();
    let mut add = |iface: Option<Iface>| found.extend(iface.filter(|iface| !found.contains(iface)));
    for target in &config.targets {
        // Not by the route to the first address: that may be the network's own, which is no host's, or one of this machine's,
        // whose route leads to loopback.
        let mut around = here.around(*target).into_iter();
        let attached = around.find(|name| Link::of(*name, here).is_ok_and(|link| link.mac.is_some()));
        add(attached.or_else(|| here.towards(first_host(*target))));
    }
    if config.targets.is_empty() {
        add(default_route_iface());
    }
    if found.is_empty() {
        return Err(ConfigError::NoWay.into());
    }
    Ok(found)
}

/// The targets that were named, or else the attached networks.
pub(super) fn targets(
    config: &Scan,
    speakers: &[SegmentSpeaker],
    policy: &Policy,
    here: &Addresses,
) -> Vec<ScanTarget> {
    if config.targets.is_empty() { attached_networks(policy) } else { named(&config.targets, speakers, here) }
}

fn attached_networks(policy: &Policy) -> Vec<ScanTarget> {
    let mut targets = Vec::new();
    for network in policy.networks.iter().filter(|network| network.attached) {
        let bits = network.prefix.max_prefix_len() - network.prefix.prefix_len();
        if network.prefix.addr().is_ipv4() && bits > UNNAMED_BITS_MAX {
            notice::warning(&format!(
                "{0} is larger than a /16 and left out; name it to scan it: sensor scan {0}",
                network.prefix
            ));
            continue;
        }
        targets.push(ScanTarget { prefix: network.prefix, segment: network.segment, attached: true });
    }
    targets
}

fn named(prefixes: &[IpNet], speakers: &[SegmentSpeaker], here: &Addresses) -> Vec<ScanTarget> {
    let mut targets = Vec::new();
    for &prefix in prefixes {
        let is_attached =
            |speaker: &&SegmentSpeaker| speaker.speaker.addresses.iter().any(|own| own.trunc().contains(&prefix));
        let near = speakers.iter().find(is_attached);
        let far = || match speakers {
            [only] => Some(only),
            _ => {
                let way = here.towards(first_host(prefix));
                speakers.iter().find(|speaker| Some(speaker.iface) == way).or_else(|| speakers.first())
            }
        };
        let Some(speaker) = near.or_else(far) else { continue };
        targets.push(ScanTarget { prefix, segment: Segment::untagged(speaker.iface), attached: near.is_some() });
        if prefix.addr().is_ipv6() && near.is_none() && !is_swept(prefix) {
            notice::warning(&format!("{prefix} is too large to ask each address; name addresses, or a /116 at most"));
        }
    }
    targets
}

fn first_host(prefix: IpNet) -> IpAddr {
    prefix.hosts().next().unwrap_or(prefix.addr())
}
