//! Writes the stories of a simulated network: the frames that are sent, and beside them what must be reported and
//! known.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::source::Source;
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Mac, Segment, Text, Timestamp};

use super::known::{Known, Port};
use super::lan::Told;
use super::rng::Rng;

/// A sighting of a story on its way to the sensor.
pub(super) struct Sent {
    pub(super) story: u32,
    pub(super) sighting: Sighting,
}

/// Writes stories, one after the other; their times overlap.
pub(super) struct Teller {
    pub(super) frames: Vec<Sent>,
    pub(super) told: BTreeMap<(Segment, Mac), Vec<Told>>,
    pub(super) known: Known,
    pub(super) redundant: BTreeSet<(Segment, IpAddr)>,
    /// Switch ports, and when each announcement expires unless it is renewed.
    pub(super) lapses: Vec<(Port, Timestamp)>,
    pub(super) epoch: Timestamp,
    pub(super) segment: Segment,
    /// How many MACs and addresses were used so far. Every segment counts from 0, so that the same ones occur on
    /// several.
    pub(super) numbers: BTreeMap<Segment, u32>,
    pub(super) story: u32,
    pub(super) at_ms: u64,
    pub(super) rng: Rng,
}

/// A station and its addresses, unique in the segment.
pub(super) struct Someone {
    pub(super) mac: Mac,
    pub(super) ip: IpAddr,
    pub(super) link_local: IpAddr,
    pub(super) global: IpAddr,
}

impl Teller {
    /// A whole DHCP conversation: four messages, none of them lost.
    pub(super) fn lease(&mut self, host: &Someone, ip: IpAddr, server: &Someone, name: &str, lease_s: u32) {
        let words = DhcpClaim { hostname: Some(Text::new(name.as_bytes())), ..DhcpClaim::default() };
        self.lease_to(host, ip, server, &words, lease_s);
    }

    /// As [`Self::lease`], to a client that sends these options.
    pub(super) fn lease_to(&mut self, host: &Someone, ip: IpAddr, server: &Someone, words: &DhcpClaim, lease_s: u32) {
        let server_ip = four(server.ip);
        self.dhcp(host, None, DhcpClaim { message: DhcpMessage::Discover, ..words.clone() });
        self.pause(1, 20);
        let offer =
            DhcpClaim { yiaddr: four(ip), server: server_ip, lease_s: Some(lease_s), ..message(DhcpMessage::Offer) };
        self.dhcp(host, Some(server), offer.clone());
        self.pause(1, 20);
        let message = DhcpMessage::Request;
        self.dhcp(host, None, DhcpClaim { message, requested_ip: four(ip), server: server_ip, ..words.clone() });
        self.pause(1, 20);
        self.dhcp(host, Some(server), DhcpClaim { message: DhcpMessage::Ack, ..offer });
        self.pause(1, 20);
    }

    pub(super) fn dhcp(&mut self, host: &Someone, server: Option<&Someone>, claim: DhcpClaim) {
        let ip = claim.yiaddr.filter(|_| claim.message == DhcpMessage::Ack).or(claim.ciaddr).map(IpAddr::V4);
        let frame_mac = server.map_or(host.mac, |server| server.mac);
        let source = server.map(|server| server.ip);
        let claim = DhcpClaim { from_server: server.is_some(), client_is_here: true, source, ..claim };
        self.send(host.mac, frame_mac, ip, Claim::Dhcp(Box::new(claim)));
        self.heard(host.mac);
    }

    pub(super) fn mdns(&mut self, host: &Someone, claim: MdnsClaim) {
        self.burst(host.mac, Some(host.ip), Claim::Mdns(claim));
    }

    pub(super) fn arp(&mut self, mac: Mac, ip: IpAddr, operation: ArpOperation) {
        self.burst(mac, Some(ip), arp(operation));
    }

    pub(super) fn ndp(&mut self, mac: Mac, ip: Option<IpAddr>, claim: NdpClaim) {
        self.burst(mac, ip, Claim::Ndp(claim));
    }

    /// The same message several times; some copies are lost on the way, but not all.
    pub(super) fn burst(&mut self, mac: Mac, ip: Option<IpAddr>, claim: Claim) {
        let mut arrived = false;
        for left in (0..1 + self.rng.below(4)).rev() {
            if self.rng.one_in(3) && (arrived || left > 0) {
                self.pause(1, 20);
                continue;
            }
            arrived = true;
            self.send(mac, mac, ip, claim.clone());
            if self.rng.one_in(8) {
                self.send(mac, mac, ip, claim.clone());
            }
            self.pause(1, 20);
        }
    }

    pub(super) fn send(&mut self, mac: Mac, frame_mac: Mac, ip: Option<IpAddr>, claim: Claim) {
        self.send_on(mac, frame_mac, ip, claim);
        self.heard(frame_mac);
    }

    /// A frame that does not show that its sender is there, or whose sender is counted separately.
    pub(super) fn send_on(&mut self, mac: Mac, frame_mac: Mac, ip: Option<IpAddr>, claim: Claim) {
        let sighting = Sighting { at: self.now(), segment: self.segment, frame_mac, mac, ip, claim };
        self.frames.push(Sent { story: self.story, sighting });
    }

    pub(super) fn heard(&mut self, mac: Mac) {
        let now = self.now();
        let (first, last) = self.known.stations.entry((self.segment, mac)).or_insert((now, now));
        *first = now.min(*first);
        *last = now.max(*last);
    }

    pub(super) fn named(&mut self, host: &Someone, name: &str) {
        self.called(host.mac, Source::Dhcp, &[name]);
    }

    pub(super) fn called(&mut self, mac: Mac, source: Source, names: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.known.names.entry((self.segment, mac)).or_default().insert(source, names);
    }

    pub(super) fn is_for(&mut self, mac: Mac, role: HostRole) {
        self.known.host_roles.entry((self.segment, mac)).or_default().insert(role);
    }

    pub(super) fn taken_for(&mut self, mac: Mac, os: Option<&str>, kind: Option<&str>) {
        let guess = (os.map(str::to_owned), kind.map(str::to_owned));
        self.known.guesses.insert((self.segment, mac), guess);
    }

    pub(super) fn answers(&mut self, mac: Mac, protocol: &'static str, port: u16, source: Source) {
        self.known.answered.entry((self.segment, mac)).or_default().insert((protocol, port, source));
    }

    pub(super) fn holds(&mut self, ip: IpAddr, mac: Mac) {
        self.known.holders.insert((self.segment, ip), vec![mac]);
    }

    pub(super) fn tell(&mut self, kind: Kind, ip: IpAddr, mac: Mac) {
        self.tell_it(mac, Told { kind, ip: Some(ip), old_mac: None, reason: None });
    }

    pub(super) fn tell_bare(&mut self, kind: Kind, mac: Mac) {
        self.tell_it(mac, Told { kind, ip: None, old_mac: None, reason: None });
    }

    pub(super) fn tell_move(&mut self, kind: Kind, ip: IpAddr, mac: Mac, old_mac: Mac, reason: Reason) {
        let reason = (kind == Kind::ChangedMac).then_some(reason);
        self.tell_it(mac, Told { kind, ip: Some(ip), old_mac: Some(old_mac), reason });
    }

    pub(super) fn tell_it(&mut self, mac: Mac, told: Told) {
        self.told.entry((self.segment, mac)).or_default().push(told);
    }

    pub(super) fn begin(&mut self, at_ms: u64) {
        self.story += 1;
        self.at_ms = at_ms;
    }

    pub(super) fn pause(&mut self, ms_min: u64, ms_max: u64) {
        self.at_ms += ms_min + self.rng.below(ms_max - ms_min);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.epoch.after(Duration::from_millis(self.at_ms))
    }

    pub(super) fn someone(&mut self) -> Someone {
        let number = self.numbers.entry(self.segment).or_default();
        *number += 1;
        let [_, _, high, low] = number.to_be_bytes();
        Someone {
            mac: Mac([if low % 2 == 0 { 0x02 } else { 0x52 }, 0x54, 0, 0, high, low]),
            ip: IpAddr::V4(Ipv4Addr::new(10, 1, high, low)),
            link_local: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, u16::from(high), u16::from(low))),
            global: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, u16::from(high), u16::from(low))),
        }
    }
}

pub(super) fn arp(operation: ArpOperation) -> Claim {
    Claim::Arp(ArpClaim { operation, target: Ipv4Addr::new(10, 1, 0, 1), asked: false, to: Mac::ZERO })
}

pub(super) fn solicit() -> NdpClaim {
    NdpClaim::Solicit { target: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)) }
}

pub(super) fn message(message: DhcpMessage) -> DhcpClaim {
    DhcpClaim { message, ..DhcpClaim::default() }
}

pub(super) fn four(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}
