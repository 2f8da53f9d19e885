//! Incidents of stations that speak for others by more than an address: names, a DHCP server's words, the gateway in odd
//! frames, the sensor's own address.

use std::net::{IpAddr, Ipv4Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::DhcpMessage;
use sensor_core::types::Mac;

use super::calendar::{MINUTE, SECOND};
use super::hosts::{GATEWAY, OWN_IP, Sort};
use super::plot::{Plot, SOON, sign};
use super::words::{self, Server};

impl Plot<'_> {
    /// Answers by LLMNR, NetBIOS and mDNS for names that are not the station's.
    pub(super) fn names(&mut self) {
        for protocol in 0..3 {
            let (at, mac, ip) = self.answerer();
            for again in 0..5_u64 {
                let at = at + again * MINUTE;
                match protocol {
                    0 => self.frame(at, words::llmnr_answer(mac, ip, "wpad")),
                    1 => self.frame(at, words::netbios_answer(mac, ip, "wpad")),
                    _ => {
                        let asker = self.asker();
                        self.frame(at, words::mdns_query(asker, "isatap.local"));
                        self.frame(at + 20, words::mdns_address(mac, ip, "isatap.local"));
                    }
                }
            }
            let must = vec![sign(Kind::NameSpoofSuspected, Some(ip.into()), Some(mac), &[], at + 6 * MINUTE)];
            self.told("web proxy's name answered for", at, must, Vec::new());
        }
        for _ in 0..2 {
            let (at, mac, ip) = self.answerer();
            for (name, n) in
                ["filesrever", "prnter", "mial", "intra", "qxzv", "kdsfj", "oiuew", "hgftz"].into_iter().zip(0..)
            {
                let (asker, at) = (self.asker(), at + n * 20 * SECOND);
                self.frame(at, words::llmnr_query(asker, name));
                self.frame(at + 5, words::llmnr_answer(mac, ip, name));
                self.frame(at + 400, words::netbios_answer(mac, ip, name));
            }
            let must = vec![sign(Kind::NameSpoofSuspected, Some(ip.into()), Some(mac), &[], at + 5 * MINUTE)];
            self.told("every name answered for", at, must, Vec::new());
        }
    }

    /// A moment, and a resident that answers for names, with its address.
    fn answerer(&mut self) -> (u64, Mac, Ipv4Addr) {
        let (number, ip) = self.victim();
        let IpAddr::V4(ip) = ip else { unreachable!("a victim has an IPv4 address") };
        (self.moment(), self.world.machine(number).mac, ip)
    }

    /// A resident that is always here.
    fn asker(&mut self) -> Mac {
        let residents = 0..self.world.people.residents;
        let things: Vec<usize> = residents.filter(|number| self.world.machine(*number).sort == Sort::Thing).collect();
        let place = usize::try_from(self.world.rng.below(things.len() as u64)).unwrap_or(0);
        self.world.machine(things[place]).mac
    }

    /// A DHCP server that lies: in the known one's name, or the known one itself that hands out another router.
    pub(super) fn lying_servers(&mut self) {
        let known = self.world.people.server();
        let client = self.world.machine(self.world.people.scanner).mac;
        let given = Ipv4Addr::new(10, 20, 3, 231);
        for _ in 0..2 {
            let (at, liar) = (self.moment(), self.liar());
            for again in 0..5_u64 {
                let forged = Server { mac: liar, router: given, ..known };
                let offer = words::dhcp_from_server(forged, client, DhcpMessage::Offer, given, 600);
                self.frame(at + again * MINUTE, offer);
            }
            let must = vec![sign(
                Kind::RogueDhcpServer,
                Some(known.ip.into()),
                Some(liar),
                &[Reason::Spoofed],
                at + 6 * MINUTE,
            )];
            self.told("the DHCP server's name forged", at, must, Vec::new());
        }
        let at = self.moment();
        for again in 0..5_u64 {
            let changed = Server { router: given, ..known };
            self.frame(at + again * MINUTE, words::dhcp_from_server(changed, client, DhcpMessage::Offer, given, 600));
        }
        let must = vec![sign(Kind::DhcpChanged, Some(known.ip.into()), Some(known.mac), &[], at + 6 * MINUTE)];
        self.told("the DHCP server names another router", at, must, Vec::new());
    }

    /// The gateway's address for another MAC, in frames that hosts take and that name nobody's station, or another's.
    pub(super) fn odd_claims(&mut self) {
        for payload in [Mac::BROADCAST, Mac([0x01, 0x00, 0x5e, 0, 0, 0x42])] {
            let (at, liar) = (self.moment(), self.liar());
            self.lie(at, |_| {
                let reply = words::arp(payload, ArpOperation::Reply, GATEWAY, Ipv4Addr::new(10, 20, 1, 9));
                Sighting { frame_mac: liar, ..reply }
            });
            let must = vec![sign(Kind::MacMismatch, Some(GATEWAY.into()), Some(payload), &[], at + SOON)];
            self.told("gateway claimed for a group's MAC", at, must, Vec::new());
        }
        for _ in 0..2 {
            let (at, liar) = (self.moment(), self.liar());
            let payload = self.world.maker.mac([0x00, 0x0d, 0xb9]);
            self.lie(at, |_| {
                let reply = words::arp(payload, ArpOperation::Reply, GATEWAY, Ipv4Addr::new(10, 20, 1, 9));
                Sighting { frame_mac: liar, ..reply }
            });
            let must = vec![sign(Kind::MacMismatch, Some(GATEWAY.into()), Some(payload), &[], at + SOON)];
            self.told("gateway claimed for a third MAC", at, must, Vec::new());
        }
    }

    /// Somebody configures the sensor's own address.
    pub(super) fn own_address(&mut self) {
        for _ in 0..2 {
            let (at, liar) = (self.moment(), self.liar());
            self.lie(at, |_| words::announcement(liar, OWN_IP));
            let must = vec![sign(Kind::IpConflict, Some(OWN_IP.into()), Some(liar), &[Reason::Conflict], at + SOON)];
            self.told("the sensor's own address taken", at, must, Vec::new());
        }
    }
}
