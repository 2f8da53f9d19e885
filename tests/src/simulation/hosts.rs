//! Stories of ordinary hosts: by hand, by IPv6, with another's address, with a name; and the sensor itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::source::Source;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Mac, Text};
use sensor_core::wire::ndp::Prefix;

use super::known::Service;
use super::teller::{Sent, Someone, Teller, arp, solicit};

/// The sensor's own station.
pub(super) const OWN: Mac = Mac([0x02, 0xff, 0, 0, 0, 1]);

impl Teller {
    pub(super) fn static_host(&mut self) {
        let host = self.someone();
        if self.rng.one_in(2) {
            self.arp(host.mac, host.ip, ArpOperation::ConflictCheck);
            self.pause(10, 900);
        }
        self.arp(host.mac, host.ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        for _ in 0..self.rng.below(5) {
            self.pause(1, 30_000);
            let operation = if self.rng.one_in(2) { ArpOperation::Request } else { ArpOperation::Reply };
            self.arp(host.mac, host.ip, operation);
        }
        if self.rng.one_in(2) {
            let second = self.someone().ip;
            self.arp(host.mac, second, ArpOperation::Gratuitous);
            self.tell(Kind::NewAddress, second, host.mac);
            self.holds(second, host.mac);
        }
    }

    pub(super) fn dual_stack(&mut self) {
        let host = self.someone();
        let late = self.rng.one_in(2);
        if late {
            self.arp(host.mac, host.ip, ArpOperation::Gratuitous);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.pause(1, 9_000);
        }
        for ip in [host.link_local, host.global] {
            self.ndp(host.mac, Some(ip), NdpClaim::Dad);
            self.pause(1, 300);
            self.ndp(host.mac, Some(ip), solicit());
            self.holds(ip, host.mac);
            if late {
                self.tell(Kind::NewAddress, ip, host.mac);
            }
            self.pause(1, 300);
        }
        if !late {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
        }
        self.holds(host.ip, host.mac);
    }

    pub(super) fn six_only(&mut self) {
        let host = self.someone();
        self.ndp(host.mac, None, NdpClaim::RouterSolicit);
        self.ndp(host.mac, Some(host.link_local), solicit());
        self.holds(host.link_local, host.mac);
        let late = self.rng.one_in(2);
        if late {
            self.tell(Kind::NewHost, host.link_local, host.mac);
            self.pause(4_000, 9_000);
        }
        self.ndp(
            host.mac,
            Some(host.global),
            NdpClaim::Advert { router: false, solicited: true, asked: false, to: Mac::ZERO },
        );
        self.tell(if late { Kind::NewAddress } else { Kind::NewHost }, host.global, host.mac);
        self.holds(host.global, host.mac);
    }

    /// The attacker claims the victim's address and the victim claims it back, in quick succession.
    pub(super) fn spoofed(&mut self) {
        let (victim, attacker) = (self.someone(), self.someone());
        for host in [&victim, &attacker] {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.holds(host.ip, host.mac);
        }
        let mut kind = Kind::ChangedMac;
        for _ in 0..1 + self.rng.below(4) {
            self.pause(1, 50);
            self.arp(attacker.mac, victim.ip, ArpOperation::Reply);
            self.tell_move(kind, victim.ip, attacker.mac, victim.mac, Reason::Unknown);
            kind = Kind::FlipFlop;
            self.pause(1, 50);
            self.arp(victim.mac, victim.ip, ArpOperation::Request);
            self.tell_move(kind, victim.ip, victim.mac, attacker.mac, Reason::Unknown);
        }
        self.known.holders.insert((self.segment, victim.ip), vec![victim.mac, attacker.mac]);
    }

    /// Three stations have the same address set by hand.
    pub(super) fn passed_around(&mut self) {
        let (a, b, c) = (self.someone(), self.someone(), self.someone());
        let ip = if self.rng.one_in(2) { a.ip } else { a.global };
        let claim = |teller: &mut Self, host: &Someone| match ip {
            IpAddr::V4(_) => teller.arp(host.mac, ip, ArpOperation::Request),
            IpAddr::V6(_) => teller.ndp(
                host.mac,
                Some(ip),
                NdpClaim::Advert { router: false, solicited: true, asked: false, to: Mac::ZERO },
            ),
        };
        // Each is known before, so that only the moves are reported.
        for host in [&b, &c] {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.holds(host.ip, host.mac);
        }
        claim(self, &a);
        self.tell(Kind::NewHost, ip, a.mac);
        self.pause(4_000, 5_000);
        claim(self, &b);
        self.tell_move(Kind::ChangedMac, ip, b.mac, a.mac, Reason::Unknown);
        self.pause(1, 5_000);
        claim(self, &c);
        self.tell_move(Kind::ChangedMac, ip, c.mac, b.mac, Reason::Unknown);
        self.pause(1, 5_000);
        claim(self, &a);
        self.tell_move(Kind::ReusedMac, ip, a.mac, c.mac, Reason::Unknown);
        self.known.holders.insert((self.segment, ip), vec![a.mac, c.mac, b.mac]);
    }

    /// Says its name and service by mDNS, is renamed, and withdraws.
    pub(super) fn announcer(&mut self) {
        let host = self.someone();
        let station = (self.segment, host.mac);
        let name = |n: u8| Text::new(format!("printer-{n}.local").as_bytes());
        let renames = self.rng.below(3) as u8;
        for n in 0..=renames {
            self.mdns(&host, MdnsClaim::Address { name: name(n), addr: host.ip });
            self.tell(if n == 0 { Kind::NewHost } else { Kind::NameChanged }, host.ip, host.mac);
            self.pause(1, 4_000);
        }
        if renames > 0 && self.rng.one_in(2) {
            // The previous name comes back: it is known, and now the most recent.
            self.mdns(&host, MdnsClaim::Address { name: name(renames - 1), addr: host.ip });
            self.known
                .names
                .entry(station)
                .or_default()
                .entry(Source::Mdns)
                .or_default()
                .push(text(&name(renames - 1)));
        }
        let elsewhere = self.someone().ip;
        self.mdns(&host, MdnsClaim::Address { name: Text::new(b"somebody-else.local"), addr: elsewhere });
        let names = self.known.names.entry(station).or_default().entry(Source::Mdns).or_default();
        for n in (0..=renames).rev() {
            if !names.contains(&text(&name(n))) {
                names.push(text(&name(n)));
            }
        }
        self.holds(host.ip, host.mac);
        let srv = MdnsClaim::Srv { name: Text::new(b"It._ipp._tcp.local"), target: name(renames), port: 631 };
        self.mdns(&host, srv.clone());
        let closed = self.rng.one_in(2);
        if closed {
            self.pause(1, 4_000);
            self.mdns(&host, MdnsClaim::Goodbye { record: Box::new(srv) });
        }
        let services = self.known.services.entry(station).or_default();
        services.insert(Service { instance: "It._ipp._tcp.local".to_owned(), port: 631, closed });
        self.answers(host.mac, "udp", 5353, Source::Mdns);
        self.is_for(host.mac, HostRole::Printer);
        if !closed {
            self.taken_for(host.mac, None, Some("printer"));
        }
    }

    /// Sends with another station's MAC in the payload, and from an address outside the network.
    pub(super) fn misfit(&mut self) {
        let (host, payload) = (self.someone(), self.someone());
        self.arp(host.mac, host.ip, ArpOperation::Request);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.pause(1, 4_000);
        for _ in 0..3 {
            self.send(payload.mac, host.mac, Some(payload.ip), arp(ArpOperation::Reply));
        }
        self.tell(Kind::MacMismatch, payload.ip, payload.mac);
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, self.rng.below(250) as u8 + 1));
        for _ in 0..3 {
            self.pause(1, 4_000);
            self.arp(host.mac, foreign, ArpOperation::Request);
        }
        self.tell(Kind::Bogon, foreign, host.mac);
    }

    pub(super) fn asks_only(&mut self) {
        let host = self.someone();
        self.arp(host.mac, host.ip, ArpOperation::ConflictCheck);
        self.tell_bare(Kind::NewHost, host.mac);
    }

    pub(super) fn router(&mut self) {
        let host = self.someone();
        let lifetime_s = if self.rng.one_in(3) { 0 } else { 1800 };
        let prefixes = vec![Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 64)];
        let advert = NdpClaim::RouterAdvert(Box::new(RouterAdvert { lifetime_s, prefixes, ..RouterAdvert::default() }));
        for _ in 0..2 {
            self.ndp(host.mac, Some(host.link_local), advert.clone());
            self.pause(1, 500);
        }
        if lifetime_s > 0 {
            self.tell(Kind::NewRouter, host.link_local, host.mac);
            self.known.roles.insert((self.segment, Role::Router, host.link_local, host.mac));
            self.is_for(host.mac, HostRole::Router);
            self.taken_for(host.mac, None, Some("router"));
        }
        self.tell(Kind::NewHost, host.link_local, host.mac);
        self.holds(host.link_local, host.mac);
    }

    pub(super) fn sensor_itself(&mut self) {
        let ip = self.someone().ip;
        let sighting = |mac, frame_mac, claim| (mac, frame_mac, Some(ip), claim);
        let other = self.someone().mac;
        for (mac, frame_mac, ip, claim) in [
            sighting(OWN, OWN, arp(ArpOperation::Request)),
            sighting(OWN, other, arp(ArpOperation::Reply)),
            sighting(OWN, OWN, Claim::Mdns(MdnsClaim::Query { name: Text::new(b"x.local") })),
        ] {
            let at = self.now();
            let sighting = Sighting { at, segment: self.segment, frame_mac, mac, ip, claim };
            self.frames.push(Sent { story: self.story, sighting });
            self.pause(1, 100);
        }
    }

    /// A repeater forwards mDNS of another host, from that host's address: the address does not move.
    pub(super) fn reflected(&mut self) {
        let (host, repeater) = (self.someone(), self.someone());
        self.arp(host.mac, host.ip, ArpOperation::Request);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.pause(1, 5_000);
        self.burst(repeater.mac, Some(host.ip), Claim::Mdns(MdnsClaim::Query { name: Text::new(b"x.local") }));
        self.tell_bare(Kind::NewHost, repeater.mac);
        self.arp(host.mac, host.ip, ArpOperation::Reply);
    }
}

fn text(name: &Text) -> String {
    name.escaped().trim_end_matches(".local").to_owned()
}
