//! Incidents of attacks and mistakes: spoofed addresses, rogue servers and routers, DHCP, scans, addresses and frames
//! that cannot be right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::scan::{PortTechnique, ScanTarget};

use super::calendar::{HOUR, MINUTE, SECOND};
use super::hosts::{GATEWAY, Machine, OWN_MAC, PREFIXES, SHARED_IP, Sort, random_mac};
use super::plot::{Plot, SOON, sign};
use super::talk::{self, discover, interface_id, link_local};
use super::words::{self, ClientWords, Server};
use super::world::{Act, Deed, address};

impl Plot<'_> {
    pub(super) fn spoofs(&mut self) {
        for number in 0..2 {
            let (at, liar) = (self.moment(), self.liar());
            self.lie(at, |_| words::arp(liar, ArpOperation::Reply, GATEWAY, Ipv4Addr::new(10, 20, 1, 7 + number)));
            let must = vec![sign(
                Kind::ChangedMac,
                Some(GATEWAY.into()),
                Some(liar),
                &[Reason::SpoofSuspected],
                at + 3 * SECOND,
            )];
            self.told("gateway spoofed by ARP", at, must, Vec::new());
        }
        for _ in 0..2 {
            let (_, ip) = self.victim();
            let (at, liar) = (self.moment(), self.liar());
            let IpAddr::V4(four) = ip else { return };
            self.lie(at, |_| words::announcement(liar, four));
            let must = vec![sign(Kind::ChangedMac, Some(ip), Some(liar), &[Reason::SpoofSuspected], at + 5 * SECOND)];
            self.told("host spoofed by ARP", at, must, Vec::new());
        }
        let router = link_local(self.world.machine(self.world.people.routers[0]).mac);
        let server = self.world.machine(self.world.people.routers[1]).mac;
        for (name, ip) in
            [("router spoofed by ND", router), ("host spoofed by ND", address(PREFIXES[0], interface_id(server)))]
        {
            let (at, liar) = (self.moment(), self.liar());
            self.lie(at, |_| words::unasked_advert(liar, ip));
            let must =
                vec![sign(Kind::ChangedMac, Some(ip.into()), Some(liar), &[Reason::SpoofSuspected], at + 5 * SECOND)];
            self.told(name, at, must, Vec::new());
        }
    }

    pub(super) fn rogues(&mut self) {
        for _ in 0..2 {
            let (rogue, ip) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(rogue).mac);
            let IpAddr::V4(four) = ip else { return };
            let server = Server { mac, ip: four, router: four };
            for again in 0..10_u64 {
                // It answers a known client, which does not receive the answer.
                let given = Ipv4Addr::new(10, 20, 3, 230);
                let to = self.world.machine(self.world.people.scanner).mac;
                self.frame(
                    at + again * 20 * MINUTE,
                    words::dhcp_from_server(server, to, DhcpMessage::Offer, given, 600),
                );
            }
            let must = vec![sign(Kind::RogueDhcpServer, Some(ip), Some(mac), &[Reason::Unlisted], at + SOON)];
            self.told("rogue DHCP server", at, must, Vec::new());
        }
        let foreign = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 0);
        let unlisted = [Reason::Unlisted, Reason::ForeignPrefix];
        for prefix in [foreign, PREFIXES[0]] {
            let (number, _) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            let own = link_local(mac);
            for again in 0..20_u64 {
                self.frame(at + again * 5 * MINUTE, words::router_advert(mac, own, 1800, &[prefix], &[]));
            }
            let must = vec![sign(Kind::RogueRouter, Some(own.into()), Some(mac), &unlisted, at + SOON)];
            self.told("rogue router", at, must, vec![sign(Kind::NewAddress, None, Some(mac), &[], at + SOON)]);
        }
        // In a router's name: advertisements that end its service, or that name another name server.
        let router_mac = self.world.machine(self.world.people.routers[0]).mac;
        let router = link_local(router_mac);
        // One of them ends in the same digits as the segment's own name server.
        let bad = |last| Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, last);
        let forged: [(&str, u16, Vec<Ipv6Addr>, Reason); 3] = [
            ("router's service taken back", 0, Vec::new(), Reason::ZeroLifetime),
            ("foreign name server", 1800, vec![bad(1)], Reason::ForeignDns),
            ("foreign name server", 1800, vec![bad(0x53)], Reason::ForeignDns),
        ];
        for (name, lifetime_s, rdnss, reason) in forged {
            let at = self.moment();
            for again in 0..5_u64 {
                let advert = words::router_advert(router_mac, router, lifetime_s, &PREFIXES, &rdnss);
                self.frame(at + again * 2 * SECOND, advert);
            }
            let must = vec![sign(Kind::RogueRouter, Some(router.into()), None, &[reason], at + SOON)];
            self.told(name, at, must, Vec::new());
        }
    }

    pub(super) fn dhcp_mischief(&mut self) {
        // DHCP requests of clients that do not exist.
        let at = self.moment();
        let client = ClientWords { parameters: &[1, 3, 6], ..ClientWords::default() };
        for number in 0..600_u64 {
            let mac = random_mac(&mut self.world.rng);
            discover(self.world, at - self.world.now_ms + number * 20, mac, &client);
        }
        let must = vec![sign(Kind::Flood, None, None, &[Reason::DhcpStarvation], at + 10 * MINUTE)];
        self.told("DHCP starvation", at, must, Vec::new());
        // A client declines the address that it was given.
        let (_, ip) = self.victim();
        let at = self.moment();
        let mac = self.world.maker.windows(Sort::Guest).mac;
        let IpAddr::V4(four) = ip else { return };
        let server = self.world.people.server();
        for again in [0, 10_000] {
            self.frame(at + again, words::dhcp_from_server(server, mac, DhcpMessage::Ack, four, 600));
            let decline = words::dhcp_client(&client, DhcpMessage::Decline);
            let decline = DhcpClaim { requested_ip: Some(four), server: Some(server.ip), ..decline };
            self.frame(at + again + 500, words::dhcp_from_client(mac, decline));
        }
        // The server leased an address that another host has: reported for the lease or for the refusal, but once.
        let reasons = [Reason::Declined, Reason::Leased];
        let must = vec![sign(Kind::IpConflict, Some(ip), None, &reasons, at + SOON)];
        self.told("address declined", at, must, vec![sign(Kind::NewHost, None, Some(mac), &[], at + SOON)]);
        // A host uses an address of the pool by hand, and then the server leases it to a client that does not check.
        let ip = self.world.book.withhold();
        let squatter = self.world.maker.fixed(Sort::Fixed, &[ip]);
        let squatter = self.world.add(squatter);
        let settles = self.world.rng.below(20 * MINUTE);
        self.world.plan(settles, Act::Join(squatter));
        let client = Machine { tcp: false, echo: false, ..self.world.maker.android(Sort::Guest) };
        let (at, mac) = (self.moment(), client.mac);
        let client = self.world.add(client);
        self.world.plan(at - 1, Act::Force(ip));
        self.world.plan(at, Act::Join(client));
        self.world.plan(at + 2 * HOUR, Act::Leave(client));
        let ip = IpAddr::from(ip);
        let must = vec![sign(Kind::IpConflict, Some(ip), None, &[Reason::Leased, Reason::Conflict], at + HOUR)];
        let may = vec![
            sign(Kind::NewHost, None, Some(mac), &[], at + SOON),
            sign(Kind::ChangedMac, Some(ip), None, &[Reason::Dhcp, Reason::Conflict], at + SOON),
            sign(Kind::FlipFlop, Some(ip), None, &[], at + HOUR),
        ];
        self.told("leased address in use", at, must, may);
    }

    pub(super) fn scans(&mut self) {
        let by = |technique| ScanTarget::Port { ip: SHARED_IP.into(), port: 69, technique };
        for (name, target, reason) in [
            ("ARP scan", ScanTarget::Neighbour(None), Reason::ArpScan),
            ("ARP scan", ScanTarget::Neighbour(None), Reason::ArpScan),
            ("port scan", by(PortTechnique::Syn), Reason::PortScan),
            ("FIN scan", by(PortTechnique::Stray), Reason::PortScan),
            ("UDP scan", by(PortTechnique::Udp), Reason::PortScan),
        ] {
            let (number, _) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            if reason == Reason::ArpScan {
                talk::scan(self.world, number, at - self.world.now_ms);
            }
            // The kernel reports it again as long as it goes on.
            for again in [5, 8] {
                self.world.plan(at + again * SECOND, Act::Deed(Deed::Scan(mac, target)));
            }
            let must = vec![sign(Kind::ScanDetected, None, Some(mac), &[reason], at + SOON)];
            self.told(name, at, must, Vec::new());
        }
    }

    /// Traffic is led to somebody who has no business with it, and an address to the sensor, which does not know of it.
    pub(super) fn redirects(&mut self) {
        let (number, own) = self.victim();
        let (at, liar) = (self.moment(), self.world.machine(number).mac);
        self.lie(at, |_| words::redirect(liar, GATEWAY.into(), own, None));
        let must = vec![sign(Kind::Redirect, Some(GATEWAY.into()), Some(liar), &[Reason::Spoofed], at + SOON)];
        self.told("redirect in the gateway's name", at, must, Vec::new());
        let router = link_local(self.world.machine(self.world.people.routers[0]).mac);
        let (at, liar) = (self.moment(), self.liar());
        self.lie(at, |_| words::redirect(liar, router.into(), link_local(liar).into(), Some(liar)));
        let must = vec![sign(Kind::Redirect, Some(router.into()), Some(liar), &[Reason::Spoofed], at + SOON)];
        self.told("ICMPv6 redirect in a router's name", at, must, Vec::new());
        // In frames with the sensor's own MAC.
        let (_, ip) = self.victim();
        let IpAddr::V4(four) = ip else { return };
        let at = self.moment();
        self.lie(at, |_| words::announcement(OWN_MAC, four));
        let must = vec![sign(Kind::ChangedMac, Some(ip), Some(OWN_MAC), &[Reason::SpoofSuspected], at + SOON)];
        self.told("host spoofed with the sensor's MAC", at, must, Vec::new());
    }

    pub(super) fn oddities(&mut self) {
        for last in [9, 10] {
            let (number, _) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            let ip = Ipv4Addr::new(192, 168, 7, last);
            for again in 0..4_u64 {
                self.frame(at + again * 30 * SECOND, words::arp(mac, ArpOperation::Request, ip, GATEWAY));
            }
            self.told(
                "bogon",
                at,
                vec![sign(Kind::Bogon, Some(ip.into()), Some(mac), &[], at + 2 * MINUTE)],
                Vec::new(),
            );
        }
        let (number, _) = self.victim();
        let (at, frame_mac, own) = (self.moment(), self.world.machine(number).mac, self.free());
        let mac = self.world.maker.mac([0x00, 0x0d, 0xb9]);
        for again in 0..4_u64 {
            let reply = words::arp(mac, ArpOperation::Reply, own, GATEWAY);
            self.frame(at + again * 30 * SECOND, Sighting { frame_mac, ..reply });
        }
        let must = vec![sign(Kind::MacMismatch, Some(own.into()), Some(mac), &[], at + 2 * MINUTE)];
        self.told("forged frame", at, must, Vec::new());
    }
}
