//! Whether something may be asked: the owner's rules, without budgets. `sensor run` and `sensor scan` both ask here, so
//! a rule is written once.
//!
//! An address may be asked when it is an ordinary unicast address, none of the sensor's own, not on the `never_probe`
//! list, no network or broadcast address, and inside a network of the policy that lives on this segment and is not
//! passive. On top of that come the station (`never_probe` by MAC), the technique, the TCP port, and the quiet hours.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::model::quiet::{Quiet, local_minute};
use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::excluded::Excluded;
use crate::inventory::planner::policy::{DELICATE_PORTS, Network, Policy};
use crate::inventory::planner::probe::{Probe, Question, Technique};
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Segment, Timestamp};

/// The owner's rules, ready for use, and the addresses of the stations that are never asked as far as they were heard.
#[derive(Debug)]
pub struct Permit {
    policy: Policy,
    /// Each network's ports, without delicate ones that the owner did not name.
    ports: Vec<Arc<[u16]>>,
    excluded: Excluded,
    utc_offset_s: i32,
}

/// Which rule forbids a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The network's own or broadcast address.
    Edge,
    /// All nodes would be asked at once, and somebody on the segment may not be asked.
    Everybody,
    /// The address is on the `never_probe` list.
    NeverAddress,
    /// The station is on the `never_probe` list, or one that is was heard with the address in the last 24 hours.
    NeverStation,
    /// ARP and NDP do not reach it: the sensor is not attached to its network.
    NotAttached,
    /// No host can be asked by this address: loopback, multicast, reserved.
    NotUnicast,
    /// In none of the networks that may be asked on this segment.
    Outside,
    /// One of the sensor's own addresses.
    Own,
    /// Its network is passive: it is only listened to.
    Passive,
    /// The port is not among the network's, or it is a delicate one that was not named.
    Port,
    /// Quiet hours.
    Quiet,
    /// The network does not use the technique.
    Technique,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Edge => "it is a network or broadcast address",
            Self::Everybody => "some hosts of the segment may not be asked",
            Self::NeverAddress => "its address is on the never_probe list",
            Self::NeverStation => "its station is on the never_probe list",
            Self::NotAttached => "no interface is attached to its network",
            Self::NotUnicast => "it is no host's address",
            Self::Outside => "it lies outside of the networks that may be asked",
            Self::Own => "it is the sensor's own address",
            Self::Passive => "its network is passive",
            Self::Port => "the port is not among those that may be asked",
            Self::Quiet => "these are quiet hours",
            Self::Technique => "its network does not use the technique",
        })
    }
}

const DAY_MIN: u16 = 1440;

impl Permit {
    /// From what the owner said.
    pub fn new(policy: Policy) -> Self {
        let ports = policy.networks.iter().map(allowed_ports).collect();
        Self { policy, ports, excluded: Excluded::default(), utc_offset_s: 0 }
    }

    /// What the owner said.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Replaces the rules; gives those before. Excluded addresses stay excluded.
    pub fn set_policy(&mut self, policy: Policy) -> Policy {
        self.ports = policy.networks.iter().map(allowed_ports).collect();
        std::mem::replace(&mut self.policy, policy)
    }

    /// Local time is this far east of UTC, in seconds: quiet hours are local.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.utc_offset_s = seconds;
    }

    /// A network by its index in the policy.
    pub fn network(&self, index: usize) -> &Network {
        &self.policy.networks[index]
    }

    /// The ports that may be asked in a network, in the owner's order.
    pub fn ports(&self, index: usize) -> &Arc<[u16]> {
        &self.ports[index]
    }

    /// Takes in a sighting. Whether one of its stations is never to be asked: its address is then refused for 24 hours.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp) -> bool {
        // The frame of a DHCP message may be the server's.
        let frame_mac = if let Claim::Dhcp(_) = sighting.claim { sighting.mac } else { sighting.frame_mac };
        let is_never = [sighting.mac, frame_mac].iter().any(|mac| !self.allows_station(*mac));
        if let (true, Some(ip)) = (is_never, sighting.ip) {
            // Also where nobody may be asked: that may change.
            self.exclude(SegmentAddress { segment: sighting.segment, ip }, now);
        }
        is_never
    }

    /// Notes that a station that is never asked holds the address.
    pub fn exclude(&mut self, address: SegmentAddress, now: Timestamp) {
        self.excluded.insert(address, now);
    }

    /// Whether a station that is never asked was heard with the address in the last 24 hours.
    pub(super) fn is_excluded(&self, address: &SegmentAddress, now: Timestamp) -> bool {
        self.excluded.contains(address, now)
    }

    /// Whether a question may be sent, the hour apart (see [`Permit::allows_now`]): to the address, to the station that
    /// holds it as far as is known, by this technique, to this TCP port where it has one.
    pub fn allows(
        &self,
        address: SegmentAddress,
        mac: Option<Mac>,
        technique: Technique,
        port: Option<u16>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let index = self.allows_address(address, mac, now)?;
        let network = self.network(index);
        if !has(network, technique) {
            return Err(Refusal::Technique);
        }
        if !network.attached && technique.info().link_only {
            return Err(Refusal::NotAttached);
        }
        match port {
            Some(port) if !self.ports(index).contains(&port) => Err(Refusal::Port),
            _ => Ok(()),
        }
    }

    /// The same of a whole probe; `mac` is the station that holds the address, as far as is known.
    pub fn allows_probe(&self, probe: &Probe, mac: Option<Mac>, now: Timestamp) -> Result<(), Refusal> {
        let address = SegmentAddress { segment: probe.segment, ip: probe.ip };
        let technique = probe.question.technique();
        match &probe.question {
            Question::AllNodes => match self.allows_everybody(probe.segment) {
                true => Ok(()),
                false => Err(Refusal::Everybody),
            },
            Question::Discover => {
                let mut here = self.policy.networks.iter().filter(|network| network.segment == probe.segment);
                if here.any(|network| self.allows_search(network)) { Ok(()) } else { Err(Refusal::Everybody) }
            }
            Question::Connect { ports } | Question::Knock { ports } => {
                self.allows(address, mac, technique, None, now)?;
                ports.iter().try_for_each(|port| self.allows(address, mac, technique, Some(*port), now))
            }
            Question::Arp { to } | Question::ConflictCheck { to } | Question::Ndp { to: Some(to) } => {
                self.allows(address, mac, technique, None, now)?;
                if self.allows_station(*to) { Ok(()) } else { Err(Refusal::NeverStation) }
            }
            _ => self.allows(address, mac, technique, None, now),
        }
    }

    /// The index of the network under whose rules the address, held by this station as far as is known, may be asked.
    pub fn allows_address(&self, address: SegmentAddress, mac: Option<Mac>, now: Timestamp) -> Result<usize, Refusal> {
        let index = self.network_of(address)?;
        let is_never = mac.is_some_and(|mac| !self.allows_station(mac)) || self.is_excluded(&address, now);
        if is_never { Err(Refusal::NeverStation) } else { Ok(index) }
    }

    /// The index of the network under whose rules the address may be asked, whoever holds it.
    pub fn network_of(&self, address: SegmentAddress) -> Result<usize, Refusal> {
        let SegmentAddress { segment, ip } = address;
        if !is_unicast(ip) {
            return Err(Refusal::NotUnicast);
        }
        if self.policy.own_ips.contains(&ip) {
            return Err(Refusal::Own);
        }
        if self.policy.never_prefixes.iter().any(|prefix| prefix.contains(&ip)) {
            return Err(Refusal::NeverAddress);
        }
        if self.is_edge(ip) {
            return Err(Refusal::Edge);
        }
        let holding = self.policy.networks.iter().enumerate().filter(|(_, network)| network.prefix.contains(&ip));
        // The same prefix may live on several segments; a longer one on another segment takes the address away from
        // this.
        let best = holding.max_by_key(|(_, network)| (network.prefix.prefix_len(), network.segment == segment));
        match best {
            Some((_, network)) if network.segment != segment => Err(Refusal::Outside),
            Some((_, network)) if network.passive => Err(Refusal::Passive),
            Some((index, _)) => Ok(index),
            None => Err(Refusal::Outside),
        }
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

    /// Whether anything may be asked at this time: not in quiet hours.
    pub fn allows_now(&self, wall: Timestamp) -> Result<(), Refusal> {
        if self.is_quiet(wall) { Err(Refusal::Quiet) } else { Ok(()) }
    }

    /// Whether these are quiet hours.
    pub fn is_quiet(&self, wall: Timestamp) -> bool {
        !self.policy.quiet.is_empty() && is_quiet(&self.policy.quiet, self.local_minute(wall))
    }

    /// When the quiet hours that last at `wall` end; a day later when they never do.
    pub(super) fn quiet_end(&self, wall: Timestamp) -> Timestamp {
        let minute = self.local_minute(wall);
        let passed = (1..=DAY_MIN).find(|passed| !is_quiet(&self.policy.quiet, (minute + passed) % DAY_MIN));
        let local_ns = wall.as_nanos().saturating_add(i64::from(self.utc_offset_s) * 1_000_000_000);
        let into_minute_ns = local_ns.rem_euclid(60_000_000_000);
        let minute_start = Timestamp::from_nanos(wall.as_nanos().saturating_sub(into_minute_ns));
        minute_start.after(Duration::from_secs(60 * u64::from(passed.unwrap_or(DAY_MIN))))
    }

    fn local_minute(&self, wall: Timestamp) -> u16 {
        local_minute(wall, self.utc_offset_s)
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
/// (RFC 6890, section 2.2), nor an IPv4-mapped or IPv4-compatible IPv6 address (RFC 4291, section 2.5.5).
fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_unicast_v4(ip),
        IpAddr::V6(ip) => {
            let has_v4_inside = matches!(ip.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, ..]);
            !has_v4_inside && !ip.is_multicast()
        }
    }
}

fn is_unicast_v4(ip: Ipv4Addr) -> bool {
    !matches!(ip.octets()[0], 0 | 127 | 224..)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeSet;

    use super::*;
    use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
    use crate::types::Iface;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const PRINTER: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn segment(name: &str) -> Segment {
        Segment::untagged(Iface::new(name).unwrap())
    }

    fn network(prefix: &str, name: &str) -> Network {
        Network {
            prefix: prefix.parse().unwrap(),
            segment: segment(name),
            attached: true,
            passive: false,
            sweep: None,
            named: true,
            techniques: [Technique::Arp, Technique::Icmp, Technique::Ndp, Technique::Tcp].into(),
            ports: [22, 631, 9100].into(),
            delicate_ports: [631].into(),
            gone_after: Duration::from_secs(3600),
            describe_every: Duration::from_secs(3600),
            rate_per_s: 10,
        }
    }

    /// 10.0.0.0/24 is attached, 10.0.0.64/26 in it is passive, 10.9.0.0/16 lies behind a router, 10.8.0.0/24 on another
    /// segment.
    fn permit() -> Permit {
        Permit::new(Policy {
            networks: vec![
                network("10.0.0.0/24", "eth0"),
                Network { passive: true, ..network("10.0.0.64/26", "eth0") },
                Network { attached: false, ..network("10.9.0.0/16", "eth0") },
                network("10.8.0.0/24", "eth1"),
                network("10.7.0.4/31", "eth0"),
                network("2001:db8::/64", "eth0"),
            ],
            never_prefixes: vec!["10.0.0.16/30".parse().unwrap()],
            never_macs: [PRINTER].into(),
            own_ips: ["10.0.0.2".parse().unwrap()].into(),
            own_macs: BTreeSet::new(),
            rate_per_s: 10,
            host_per_hour: 10,
            quiet: vec![Quiet { from: 1380, to: 60 }],
        })
    }

    #[track_caller]
    fn check_in(permit: &Permit, ip: &str, technique: Technique, port: Option<u16>, expected: Result<(), Refusal>) {
        let address = SegmentAddress { segment: segment("eth0"), ip: ip.parse().unwrap() };
        assert_eq!(permit.allows(address, None, technique, port, NOW), expected, "{ip} {technique:?} {port:?}");
    }

    #[track_caller]
    fn check(ip: &str, expected: Result<(), Refusal>) {
        check_in(&permit(), ip, Technique::Icmp, None, expected);
    }

    fn reply(ip: &str, mac: Mac, frame_mac: Mac) -> Sighting {
        let claim =
            ArpClaim { operation: ArpOperation::Reply, target: [10, 0, 0, 2].into(), asked: false, to: Mac::ZERO };
        let ip = Some(ip.parse().unwrap());
        Sighting { at: NOW, segment: segment("eth0"), frame_mac, mac, ip, claim: Claim::Arp(claim) }
    }

    #[test]
    fn addresses_of_allowed_networks_are_allowed() {
        for ip in ["10.0.0.1", "10.0.0.254", "10.9.1.255", "10.7.0.4", "10.7.0.5", "2001:db8::1"] {
            check(ip, Ok(()));
        }
    }

    #[test]
    fn addresses_outside_are_refused() {
        for ip in ["10.1.0.1", "192.0.2.1", "2001:db9::1", "fe80::1", "10.8.0.1"] {
            check(ip, Err(Refusal::Outside));
        }
    }

    #[test]
    fn own_listed_and_passive_addresses_are_refused() {
        check("10.0.0.2", Err(Refusal::Own));
        check("10.0.0.17", Err(Refusal::NeverAddress));
        check("10.0.0.70", Err(Refusal::Passive));
    }

    #[test]
    fn network_and_broadcast_addresses_are_refused() {
        for ip in ["10.0.0.0", "10.0.0.255", "10.0.0.64", "10.0.0.127", "10.9.0.0", "10.9.255.255"] {
            check(ip, Err(Refusal::Edge));
        }
    }

    #[test]
    fn what_is_no_hosts_address_is_refused() {
        for ip in ["0.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "ff02::1", "::ffff:10.0.0.1"] {
            check(ip, Err(Refusal::NotUnicast));
        }
    }

    #[test]
    fn techniques_and_links() {
        let permit = permit();
        check_in(&permit, "10.0.0.1", Technique::Arp, None, Ok(()));
        check_in(&permit, "10.0.0.1", Technique::Snmp, None, Err(Refusal::Technique));
        check_in(&permit, "10.9.0.1", Technique::Arp, None, Err(Refusal::NotAttached));
    }

    #[test]
    fn delicate_ports_are_refused_unless_named() {
        let permit = permit();
        for (port, expected) in [(22, Ok(())), (631, Ok(())), (9100, Err(Refusal::Port)), (80, Err(Refusal::Port))] {
            check_in(&permit, "10.0.0.1", Technique::Tcp, Some(port), expected);
        }
        let probe = |ports: &[u16]| Probe {
            segment: segment("eth0"),
            ip: "10.0.0.1".parse().unwrap(),
            question: Question::Connect { ports: ports.into() },
        };
        assert_eq!(permit.allows_probe(&probe(&[22, 631]), None, NOW), Ok(()));
        assert_eq!(permit.allows_probe(&probe(&[22, 9100]), None, NOW), Err(Refusal::Port));
    }

    #[test]
    fn a_station_that_is_never_asked_is_refused_by_each_address_it_is_heard_with() {
        let other = Mac([2, 0, 0, 0, 0, 1]);
        let mut permit = permit();
        let address = SegmentAddress { segment: segment("eth0"), ip: "10.0.0.1".parse().unwrap() };
        assert_eq!(permit.allows(address, Some(other), Technique::Icmp, None, NOW), Ok(()));
        assert_eq!(permit.allows(address, Some(PRINTER), Technique::Icmp, None, NOW), Err(Refusal::NeverStation));
        assert!(!permit.observe(&reply("10.0.0.1", other, other), NOW));
        check_in(&permit, "10.0.0.1", Technique::Icmp, None, Ok(()));
        assert!(permit.observe(&reply("10.0.0.1", other, PRINTER), NOW));
        check_in(&permit, "10.0.0.1", Technique::Icmp, None, Err(Refusal::NeverStation));
        let day = Duration::from_hours(24);
        assert_eq!(permit.allows(address, Some(other), Technique::Icmp, None, NOW.after(day)), Ok(()));
    }

    #[test]
    fn frames_to_a_station_that_is_never_asked_are_refused() {
        let permit = permit();
        for (to, expected) in [(Mac::BROADCAST, Ok(())), (PRINTER, Err(Refusal::NeverStation))] {
            let ip = "10.0.0.1".parse().unwrap();
            let probe = Probe { segment: segment("eth0"), ip, question: Question::Arp { to } };
            assert_eq!(permit.allows_probe(&probe, None, NOW), expected);
        }
    }

    #[test]
    fn all_nodes_are_asked_only_where_nobody_is_excepted() {
        let probe = Probe { segment: segment("eth0"), ip: "ff02::1".parse().unwrap(), question: Question::AllNodes };
        assert_eq!(permit().allows_probe(&probe, None, NOW), Err(Refusal::Everybody));
        let open = Policy {
            networks: vec![network("2001:db8::/64", "eth0")],
            never_macs: BTreeSet::new(),
            ..permit().policy().clone()
        };
        assert_eq!(Permit::new(open).allows_probe(&probe, None, NOW), Ok(()));
    }

    #[test]
    fn nothing_is_asked_in_quiet_hours() {
        let mut permit = permit();
        let at = |hour: i64| Timestamp::from_secs(20_000 * 86_400 + hour * 3600);
        for (hour, expected) in [(0, Err(Refusal::Quiet)), (1, Ok(())), (22, Ok(())), (23, Err(Refusal::Quiet))] {
            assert_eq!(permit.allows_now(at(hour)), expected, "{hour}");
        }
        permit.set_utc_offset_s(3600);
        assert_eq!(permit.allows_now(at(22)), Err(Refusal::Quiet));
    }
}
