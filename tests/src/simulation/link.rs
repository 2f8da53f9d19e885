//! Stories of switches, telephones and routers: LLDP, CDP, the spanning tree, first-hop redundancy.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::source::Source;
use sensor_core::inventory::sighting::Claim;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::DhcpClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::types::{Mac, Text, Timestamp};
use sensor_core::wire::ndp::Prefix;
use sensor_core::wire::redundancy;
use sensor_core::wire::redundancy::Protocol;
use sensor_core::wire::{cdp, lldp, stp};

use super::known::{Known, Port};
use super::lan::Told;
use super::teller::{Someone, Teller, arp, four};

/// Marks the ports as gone whose announcement expired before the input ended.
pub(super) fn lapse(known: &mut Known, lapses: &[(Port, Timestamp)], end: Timestamp) {
    for (port, _) in lapses.iter().filter(|(_, until)| *until <= end) {
        known.ports.remove(port);
        known.ports.insert(Port { gone: true, ..port.clone() });
    }
}

impl Teller {
    /// A switch port announces itself, and perhaps the switch does; it is rebooted, and the sensor is plugged into
    /// another port.
    pub(super) fn switch(&mut self) {
        let (port, base) = (self.someone(), self.someone());
        let name = word("sw", &base);
        match self.rng.below(3) {
            0 => {
                self.lldp_of_switch(&port, &base, 7, 120);
                self.tell(Kind::NewHost, base.ip, port.mac);
            }
            1 => {
                self.cdp_of_switch(&port, &base);
                self.tell(Kind::NewHost, base.ip, port.mac);
            }
            _ => {
                self.stp(&port, &base, 7);
                self.tell_bare(Kind::NewHost, port.mac);
                self.pause(4_000, 9_000);
                self.lldp_of_switch(&port, &base, 7, 120);
                self.tell(Kind::NewAddress, base.ip, port.mac);
            }
        }
        self.holds(base.ip, port.mac);
        self.pause(1, 9_000);
        self.cdp_of_switch(&port, &base);
        self.stp(&port, &base, 7);
        self.lldp_of_switch(&port, &base, 7, 120);
        let mut ports = vec![port.mac];
        if self.rng.one_in(2) {
            // Its management address was reported with it, so its own ARP for that address is no news.
            self.arp(base.mac, base.ip, ArpOperation::Gratuitous);
            self.holds(base.ip, base.mac);
            ports.push(base.mac);
        }
        if self.rng.one_in(2) {
            self.lldp_of_switch(&port, &base, 7, 0);
            self.pause(1_000, 5_000);
            self.burst(port.mac, None, Claim::Stp(stp::Message { version: 0, configuration: None }));
            self.lldp_of_switch(&port, &base, 7, 120);
        }
        if self.rng.one_in(2) {
            let other = self.someone();
            self.pause(1_000, 30_000);
            self.lldp_of_switch(&other, &base, 9, 120);
            self.stp(&other, &base, 9);
            ports.push(other.mac);
        }
        self.called(port.mac, Source::Lldp, &[&name]);
        self.called(port.mac, Source::Cdp, &[&name]);
        self.is_for(port.mac, HostRole::Switch);
        self.is_one(&ports);
    }

    /// A telephone announces itself to the switch and the DHCP server; after a reboot it has another address.
    pub(super) fn telephone(&mut self, server: &Someone) -> bool {
        let host = self.someone();
        let name = word("SEP", &host);
        let words = DhcpClaim {
            hostname: Some(Text::new(name.as_bytes())),
            vendor_class: Some(Text::new(b"Cisco Systems, Inc. IP Phone CP-8841")),
            ..DhcpClaim::default()
        };
        self.lldp_of_telephone(&host, host.ip);
        self.lease_to(&host, host.ip, server, &words, 600);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.pause(1, 9_000);
        self.cdp(&host, &name, host.ip, cdp::PHONE, false);
        if self.rng.one_in(2) {
            let second = self.someone().ip;
            self.pause(1_000, 20_000);
            self.lldp_of_telephone(&host, second);
            self.lease_to(&host, second, server, &words, 600);
            self.tell(Kind::NewAddress, second, host.mac);
            self.holds(second, host.mac);
            self.cdp(&host, &name, second, cdp::PHONE, false);
        }
        for source in [Source::Cdp, Source::Dhcp, Source::Lldp] {
            self.called(host.mac, source, &[&name]);
        }
        self.is_for(host.mac, HostRole::Phone);
        self.taken_for(host.mac, None, Some("voip-phone"));
        true
    }

    /// It bridges to a radio network, and is no switch.
    pub(super) fn access_point(&mut self) {
        let host = self.someone();
        let name = word("ap", &host);
        let message = lldp::Message {
            capabilities: Some(does(lldp::ACCESS_POINT | lldp::BRIDGE)),
            management: vec![host.ip],
            system_name: Some(Text::new(name.as_bytes())),
            ..data_unit(lldp::Value::Mac(host.mac), 4, "eth0", 120)
        };
        self.lldp(&host, message, false);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.pause(1, 9_000);
        self.cdp(&host, &name, host.ip, cdp::ROUTER | cdp::TRANSPARENT_BRIDGE, false);
        self.arp(host.mac, host.ip, ArpOperation::Request);
        self.called(host.mac, Source::Lldp, &[&name]);
        self.called(host.mac, Source::Cdp, &[&name]);
        self.is_for(host.mac, HostRole::AccessPoint);
    }

    /// Two routers share an address, which passes from one to the other.
    pub(super) fn group(&mut self) {
        let (one, two) = (self.someone(), self.someone());
        let ip = self.someone().ip;
        let number = four(ip).map_or(0, |ip| ip.octets()[3]);
        self.redundant.insert((self.segment, ip));
        for router in [&one, &two] {
            self.arp(router.mac, router.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, router.ip, router.mac);
            self.holds(router.ip, router.mac);
        }
        match self.rng.below(6) {
            0 => self.by_virtual_station(Protocol::Vrrp, [0, 0, 0x5e, 0, 1, number], ip, [&one, &two]),
            1 => self.by_virtual_station(Protocol::Carp, [0, 0, 0x5e, 0, 1, number], ip, [&one, &two]),
            2 => self.by_virtual_station(Protocol::Hsrp, [0, 0, 0x0c, 7, 0xac, number], ip, [&one, &two]),
            3 => self.by_turns(Mac([0, 0, 0x5e, 0, 1, number]), ip, [&one, &two]),
            4 => self.balanced(number, ip, [&one, &two]),
            _ => self.advertised(Mac([0, 0, 0x5e, 0, 2, number]), [&one, &two]),
        }
    }

    /// The master sends from the group's MAC (RFC 9568, section 7.2), and answers for it from its own
    /// (section 8.1.1: "the source address of the Ethernet frame of this ARP response is the physical MAC address").
    fn by_virtual_station(&mut self, protocol: Protocol, group: [u8; 6], ip: IpAddr, [one, two]: [&Someone; 2]) {
        let group = Mac(group);
        let is_told = protocol != Protocol::Carp;
        let addresses: Vec<IpAddr> = is_told.then_some(ip).into_iter().collect();
        if self.rng.one_in(2) {
            self.arp(group, ip, ArpOperation::Gratuitous);
            self.hello(group, one.ip, protocol, addresses.clone(), &[group]);
        } else {
            self.hello(group, one.ip, protocol, addresses.clone(), &[group]);
            self.arp(group, ip, ArpOperation::Gratuitous);
        }
        self.tell(Kind::NewHost, ip, group);
        self.holds(ip, group);
        self.is_for(group, HostRole::Router);
        if is_told {
            self.known.roles.insert((self.segment, Role::VirtualRouter, ip, group));
        }
        if protocol == Protocol::Hsrp {
            self.hello(two.mac, two.ip, protocol, addresses.clone(), &[group]);
            self.is_for(two.mac, HostRole::Router);
        }
        for router in [one, two, one] {
            self.pause(1, 9_000);
            self.hello(group, router.ip, protocol, addresses.clone(), &[group]);
            // The group's MAC hides who sent it; the address says it.
            if protocol == Protocol::Carp {
                self.is_for(router.mac, HostRole::Router);
            }
            self.arp(group, ip, ArpOperation::Gratuitous);
            if protocol == Protocol::Vrrp {
                self.send(group, router.mac, Some(ip), arp(ArpOperation::Reply));
                self.heard(group);
            }
        }
    }

    /// The routers have no common MAC: the address passes from the MAC of one to that of the other.
    fn by_turns(&mut self, group: Mac, ip: IpAddr, [one, two]: [&Someone; 2]) {
        self.known.roles.insert((self.segment, Role::VirtualRouter, ip, group));
        for router in [one, two] {
            self.hello(router.mac, router.ip, Protocol::Vrrp, vec![ip], &[group]);
            self.is_for(router.mac, HostRole::Router);
        }
        self.arp(one.mac, ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewAddress, ip, one.mac);
        let (mut last, mut next, mut kind) = (one, two, Kind::ChangedMac);
        for _ in 0..1 + self.rng.below(3) {
            self.pause(1, 9_000);
            self.hello(next.mac, next.ip, Protocol::Vrrp, vec![ip], &[group]);
            self.arp(next.mac, ip, ArpOperation::Gratuitous);
            let told = Told { kind, ip: Some(ip), old_mac: Some(last.mac), reason: Some(Reason::Failover) };
            self.tell_it(next.mac, told);
            kind = Kind::FlipFlop;
            (last, next) = (next, last);
        }
        self.known.holders.insert((self.segment, ip), vec![last.mac, next.mac]);
    }

    /// GLBP: two virtual stations answer in turn for one address.
    fn balanced(&mut self, number: u8, ip: IpAddr, [one, two]: [&Someone; 2]) {
        let [first, second] = [1, 2].map(|forwarder| Mac([0, 7, 0xb4, 0, number, forwarder]));
        for router in [one, two] {
            self.hello(router.mac, router.ip, Protocol::Glbp, vec![ip], &[first, second]);
            self.is_for(router.mac, HostRole::Router);
        }
        self.known.roles.insert((self.segment, Role::VirtualRouter, ip, first));
        self.arp(first, ip, ArpOperation::Reply);
        self.tell(Kind::NewHost, ip, first);
        self.holds(ip, first);
        self.is_for(first, HostRole::Router);
        for _ in 0..1 + self.rng.below(3) {
            self.pause(1, 9_000);
            self.arp(second, ip, ArpOperation::Reply);
            self.pause(1, 9_000);
            self.arp(first, ip, ArpOperation::Reply);
        }
        self.tell_bare(Kind::NewHost, second);
    }

    /// IPv6: the group's MAC advertises itself as a router, whichever router is master.
    fn advertised(&mut self, group: Mac, [one, two]: [&Someone; 2]) {
        let ip = self.someone().link_local;
        self.redundant.insert((self.segment, ip));
        let prefixes = vec![Prefix::new("2001:db8::".parse().expect("an address"), 64)];
        let advert = RouterAdvert { lifetime_s: 1800, prefixes, ..RouterAdvert::default() };
        for router in [one, two, one] {
            self.hello(group, router.link_local, Protocol::Vrrp, vec![ip], &[group]);
            self.ndp(group, Some(ip), NdpClaim::RouterAdvert(Box::new(advert.clone())));
            self.pause(1, 300);
        }
        self.tell(Kind::NewRouter, ip, group);
        self.tell(Kind::NewHost, ip, group);
        self.holds(ip, group);
        self.is_for(group, HostRole::Router);
        self.taken_for(group, None, Some("router"));
        for role in [Role::Router, Role::VirtualRouter] {
            self.known.roles.insert((self.segment, role, ip, group));
        }
    }

    // What these stories are made of.

    fn lldp_of_switch(&mut self, port: &Someone, base: &Someone, number: u8, ttl_s: u16) {
        let message = lldp::Message {
            capabilities: Some(does(lldp::BRIDGE)),
            management: vec![base.ip],
            system_name: Some(Text::new(word("sw", base).as_bytes())),
            ..data_unit(lldp::Value::Mac(base.mac), 4, &format!("Gi1/0/{number}"), ttl_s)
        };
        self.lldp(port, message, true);
    }

    fn lldp_of_telephone(&mut self, host: &Someone, ip: IpAddr) {
        let med = lldp::Med { class: Some(lldp::MED_COMMUNICATION), ..lldp::Med::default() };
        let message = lldp::Message {
            capabilities: Some(does(lldp::BRIDGE | lldp::TELEPHONE)),
            med: Some(Box::new(med)),
            system_name: Some(Text::new(word("SEP", host).as_bytes())),
            ..data_unit(lldp::Value::Ip(ip), 5, &host.mac.to_string(), 120)
        };
        self.lldp(host, message, false);
    }

    fn lldp(&mut self, from: &Someone, message: lldp::Message, bridges: bool) {
        let [chassis, port] = [&message.chassis, &message.port].map(|id| id.value.text().escaped());
        let name = message.system_name.as_ref().map(Text::escaped);
        let ttl_s = message.ttl_s;
        self.burst(from.mac, None, Claim::Lldp(Box::new(message)));
        let place = (self.segment, from.mac);
        self.says(Port { place, source: Source::Lldp, chassis, port, name, bridges, gone: ttl_s == 0 }, ttl_s);
    }

    fn cdp_of_switch(&mut self, port: &Someone, base: &Someone) {
        self.cdp(port, &word("sw", base), base.ip, cdp::SWITCH, true);
    }

    fn cdp(&mut self, from: &Someone, device: &str, ip: IpAddr, does: u32, bridges: bool) {
        let message = cdp::Message {
            ttl_s: 180,
            device_id: Some(Text::new(device.as_bytes())),
            port: Some(Text::new(b"Port 1")),
            addresses: vec![ip],
            capabilities: Some(does),
            ..cdp::Message::default()
        };
        self.burst(from.mac, None, Claim::Cdp(Box::new(message)));
        let (place, port, name) = ((self.segment, from.mac), "Port 1".to_owned(), Some(device.to_owned()));
        self.says(
            Port { place, source: Source::Cdp, chassis: device.to_owned(), port, name, bridges, gone: false },
            180,
        );
    }

    fn stp(&mut self, port: &Someone, base: &Someone, number: u16) {
        let bridge = stp::BridgeId { priority: 0x8000, mac: base.mac };
        let port_id = 0x8000 | number;
        let configuration = stp::Configuration { flags: 0, root: bridge, root_cost: 0, bridge, port: port_id };
        let claim = stp::Message { version: 2, configuration: Some(configuration) };
        self.burst(port.mac, None, Claim::Stp(claim));
        let (place, chassis) = ((self.segment, port.mac), base.mac.to_string());
        let port = format!("{port_id:04x}");
        self.says(Port { place, source: Source::Stp, chassis, port, name: None, bridges: true, gone: false }, 0);
    }

    /// A port announced itself: it is there from now on, for as long as it said; 0: for good.
    fn says(&mut self, port: Port, ttl_s: u16) {
        // When its last frame was sent.
        let at = self.known.stations.get(&port.place).map_or(self.now(), |(_, last)| *last);
        let is_it = |known: &Port| {
            let id = |port: &Port| (port.place, port.source, port.chassis.clone(), port.port.clone());
            id(known) == id(&port)
        };
        self.known.ports.retain(|known| !is_it(known));
        self.lapses.retain(|(known, _)| !is_it(known));
        self.known.ports.insert(port.clone());
        if ttl_s > 0 {
            self.lapses.push((port, at.after(Duration::from_secs(ttl_s.into()))));
        }
    }

    fn hello(&mut self, mac: Mac, ip: IpAddr, protocol: Protocol, addresses: Vec<IpAddr>, virtual_macs: &[Mac]) {
        let message = redundancy::Message {
            protocol,
            group: virtual_macs[0].0[5].into(),
            state: None,
            priority: Some(100),
            addresses,
            virtual_macs: virtual_macs.to_vec(),
        };
        self.burst(mac, Some(ip), Claim::Redundancy(Box::new(message)));
    }

    /// These stations are one machine: what is known of the first is known of all.
    fn is_one(&mut self, macs: &[Mac]) {
        let places: BTreeSet<_> = macs.iter().map(|mac| (self.segment, *mac)).collect();
        let first = (self.segment, macs[0]);
        for place in &places {
            if let Some(names) = self.known.names.get(&first).cloned() {
                self.known.names.insert(*place, names);
            }
            if let Some(roles) = self.known.host_roles.get(&first).cloned() {
                self.known.host_roles.insert(*place, roles);
            }
        }
        if places.len() > 1 {
            self.known.machines.insert(places);
        }
    }
}

/// A name that is unique in the segment.
pub(super) fn word(kind: &str, of: &Someone) -> String {
    let [.., high, low] = of.mac.0;
    format!("{kind}-{high:x}{low:02x}")
}

fn does(enabled: u16) -> lldp::Capabilities {
    lldp::Capabilities { supported: enabled, enabled }
}

fn data_unit(chassis: lldp::Value, subtype: u8, port: &str, ttl_s: u16) -> lldp::Message {
    lldp::Message {
        chassis: lldp::Id { subtype, value: chassis },
        port: lldp::Id { subtype: 5, value: lldp::Value::Text(Text::new(port.as_bytes())) },
        ttl_s,
        port_description: None,
        system_name: None,
        system_description: None,
        capabilities: None,
        management: Vec::new(),
        port_vlan: None,
        med: None,
    }
}
