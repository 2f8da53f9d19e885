//! Stories of hosts behind a router, and of hosts in a tunnel or a VLAN: these frames are real bytes, and go
//! through classifier and parsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor::capture::file::read_from;
use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::fingerprint::p0f::signature;
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::dhcpv6::Dhcpv6Claim;
use sensor_core::inventory::sighting::heard::Heard;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::nbns::NbnsClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use sensor_core::inventory::sighting::wsd::WsdClaim;
use sensor_core::inventory::sighting::{Claim, Sighting, sightings};
use sensor_core::types::{Mac, Segment, Text, Tunnel, Vlans};
use sensor_core::wire;
use sensor_core::wire::{dhcpv6, nbns, ndp, ssdp, wsd};
use sensor_ebpf::abi::TunnelKind;

use super::lan::Told;
use super::teller::{Sent, Someone, Teller, four, message};
use crate::frames;

impl Teller {
    /// A router forwards the frames of others: their addresses do not belong to the router.
    pub(super) fn forwarder(&mut self) {
        let (router, neighbour) = (self.someone(), self.someone());
        for host in [&router, &neighbour] {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.holds(host.ip, host.mac);
        }
        let is_announced = self.rng.one_in(2);
        if is_announced {
            let advert = RouterAdvert { lifetime_s: 1800, prefixes: vec![prefix()], ..RouterAdvert::default() };
            self.ndp(router.mac, Some(router.link_local), NdpClaim::RouterAdvert(Box::new(advert)));
            self.tell(Kind::NewAddress, router.link_local, router.mac);
            self.tell(Kind::NewRouter, router.link_local, router.mac);
            self.routes(&router, router.link_local);
        }
        for _ in 0..4 + self.rng.below(12) {
            self.pause(1, 5_000);
            let far = self.far();
            let hop_limit = [63, 57, 120, 250][self.rng.below(4) as usize];
            let claim = self.word_from_afar(far, hop_limit, is_announced);
            let is_own_word = matches!(claim, Claim::Mdns(_));
            for _ in 0..1 + self.rng.below(3) {
                self.send_on(router.mac, router.mac, Some(far), claim.clone());
                // mDNS does not leave its link, so a repeated message shows that its sender is there.
                if is_own_word {
                    self.heard(router.mac);
                }
                self.pause(1, 20);
            }
        }
        self.relayed(&router);
        // Frames that a neighbour sent to another subnet may come back through the router.
        let frame = Claim::Traffic(TrafficClaim { hop_limit: Some(63), frames: 1, bytes: 0 });
        self.send_on(router.mac, router.mac, Some(neighbour.ip), frame);
        let own = Claim::Traffic(TrafficClaim { hop_limit: Some(64), frames: 1, bytes: 0 });
        self.burst(router.mac, Some(router.ip), own);
    }

    /// A router whose advertisement has every option; it ends its service and comes back.
    pub(super) fn whole_router(&mut self) {
        let router = self.someone();
        let (IpAddr::V6(server), IpAddr::V6(far)) = (router.global, "2001:db8:77::".parse().expect("an address"))
        else {
            return;
        };
        let advert = RouterAdvert {
            lifetime_s: 1800,
            hop_limit: 64,
            managed: true,
            other: true,
            preference: ndp::Preference::High,
            prefixes: vec![prefix(), ndp::Prefix { on_link: false, ..ndp::Prefix::new(far, 48) }],
            mtu: Some(1492),
            routes: vec![ndp::Route { address: far, length: 48, preference: ndp::Preference::Low, lifetime_s: 600 }],
            rdnss: vec![server],
            dnssl: vec![Text::new(b"example")],
        };
        let says = |teller: &mut Self, lifetime_s| {
            let advert = RouterAdvert { lifetime_s, ..advert.clone() };
            teller.ndp(router.mac, Some(router.link_local), NdpClaim::RouterAdvert(Box::new(advert)));
        };
        says(self, 1800);
        self.tell(Kind::NewRouter, router.link_local, router.mac);
        self.tell(Kind::NewHost, router.link_local, router.mac);
        self.routes(&router, router.link_local);
        self.pause(4_000, 20_000);
        says(self, 1800);
        if self.rng.one_in(2) {
            says(self, 0);
            let (ip, reason) = (Some(router.link_local), Some(Reason::ZeroLifetime));
            self.tell_it(router.mac, Told { kind: Kind::RogueRouter, ip, old_mac: None, reason });
            self.pause(1_000, 20_000);
            says(self, 1800);
        }
    }

    /// A host is heard in another network's frames, which somebody carries to the sensor's interface.
    pub(super) fn tunnel(&mut self) {
        let outer = self.segment;
        let way = WAYS[self.rng.below(WAYS.len() as u64) as usize];
        self.segment = Segment { tunnel: way.tunnel, vlans: Vlans::new(way.vlans), ..outer };
        let host = self.someone();
        let bytes: Vec<Vec<u8>> = inner(&host).iter().map(|frame| (way.carry)(frame)).collect();
        for facts in heard(&bytes) {
            assert!(!facts.is_empty(), "{} is opened", way.name);
            for _ in 0..1 + self.rng.below(3) {
                for fact in &facts {
                    let segment = Segment { iface: outer.iface, ..fact.segment };
                    let sighting = Sighting { at: self.now(), segment, ..fact.clone() };
                    self.frames.push(Sent { story: self.story, sighting });
                    self.heard(host.mac);
                }
                self.pause(1, 2_000);
            }
        }
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.taken_for(host.mac, Some("Linux"), None);
        self.segment = outer;
    }

    // What these stories are made of.

    fn routes(&mut self, router: &Someone, ip: IpAddr) {
        self.holds(ip, router.mac);
        self.known.roles.insert((self.segment, Role::Router, ip, router.mac));
        self.is_for(router.mac, HostRole::Router);
        self.taken_for(router.mac, None, Some("router"));
    }

    /// An address of another network: within the configured prefix, or outside.
    fn far(&mut self) -> IpAddr {
        let last = 1 + self.rng.below(250) as u8;
        match self.rng.below(4) {
            0 => Ipv4Addr::new(192, 0, 2, last).into(),
            1 => Ipv4Addr::new(172, 16, 0, last).into(),
            2 => Ipv4Addr::new(10, 200, 0, last).into(),
            _ => Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, last.into()).into(),
        }
    }

    /// A message from a host behind a router. A router that is known as one may also forward multicast.
    fn word_from_afar(&mut self, far: IpAddr, hop_limit: u8, is_group: bool) -> Claim {
        let (is_near, port) = (is_group && self.rng.one_in(2), 50_000);
        let name = Text::new(b"far-away");
        let hop = Some(hop_limit);
        match self.rng.below(11) {
            0 => Claim::Traffic(TrafficClaim { hop_limit: hop, frames: 1, bytes: 0 }),
            1 => Claim::Traffic(TrafficClaim { hop_limit: None, frames: 500, bytes: 90_000 }),
            2 => Claim::Served(ServedClaim { protocol: "tcp", port: 443, hop_limit: hop }),
            3 => Claim::Served(ServedClaim { protocol: "udp", port: 53, hop_limit: hop }),
            4 => {
                let print = "4:64+7:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0";
                Claim::Syn(Box::new(signature::observed(print, self.rng.one_in(2)).expect("a notation that is read")))
            }
            5 => {
                let said = MdnsClaim::Address { name, addr: far };
                Claim::Llmnr(Box::new(Heard { said, is_near, port: 5355 }))
            }
            6 => {
                let said = match far {
                    IpAddr::V4(addr) => NbnsClaim::Address {
                        name: nbns::Name { name, suffix: 0 },
                        group: false,
                        addr,
                        is_answer: false,
                    },
                    IpAddr::V6(_) => NbnsClaim::Query { name: nbns::Name { name, suffix: 0 } },
                };
                Claim::Nbns(Box::new(Heard { said, is_near: false, port: 137 }))
            }
            7 => {
                let said = ssdp::Message {
                    kind: ssdp::MessageKind::Notify,
                    server: Some(Text::new(b"Windows NT/10.0")),
                    location: None,
                    usn: Some(Text::new(b"uuid:00000000-1111-2222-3333-444444444444")),
                    nt: Some(Text::new(b"urn:schemas-upnp-org:device:MediaServer:1")),
                    nts: Some(Text::new(b"ssdp:alive")),
                    st: None,
                    user_agent: None,
                };
                Claim::Ssdp(Box::new(Heard { said, is_near, port: 1900 }))
            }
            8 => {
                let types = vec![Text::new(b"pub:Computer")];
                let target = wsd::Target { types, ..wsd::Target::default() };
                let said = WsdClaim { kind: wsd::MessageKind::Hello, target };
                Claim::Wsd(Box::new(Heard { said, is_near, port }))
            }
            9 if is_group => Claim::Mdns(MdnsClaim::Address { name, addr: far }),
            _ => {
                let fqdn = Some(name);
                let message = dhcpv6::Message { kind: 3, fqdn, ..dhcpv6::Message::default() };
                Claim::Dhcpv6(Box::new(Dhcpv6Claim { message, from_server: false, client: None, is_near: false }))
            }
        }
    }

    /// A relay forwards a message of a client in another network: the client is not here.
    fn relayed(&mut self, router: &Someone) {
        let client = Mac([0x02, 0x99, 0, 0, 0, 1 + self.rng.below(250) as u8]);
        let claim = DhcpClaim {
            hostname: Some(Text::new(b"far-away")),
            giaddr: four(router.ip),
            ..message(DhcpMessage::Request)
        };
        self.send_on(client, router.mac, None, Claim::Dhcp(Box::new(claim)));
    }
}

/// The segment's own prefix.
fn prefix() -> ndp::Prefix {
    ndp::Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 64)
}

/// A kind of tunnel or tag, and the segment that results.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    carry: fn(&[u8]) -> Vec<u8>,
    tunnel: Option<Tunnel>,
    vlans: [u16; 2],
}

const fn way(name: &'static str, kind: TunnelKind, id: u32, vlans: [u16; 2], carry: fn(&[u8]) -> Vec<u8>) -> Way {
    let tunnel = match kind {
        TunnelKind::None => None,
        kind => Some(Tunnel { kind, id }),
    };
    Way { name, carry, tunnel, vlans }
}

const WAYS: [Way; 9] = [
    way("a tag", TunnelKind::None, 0, [31, 0], |frame| frames::tagged(frame, 0x8100, 31)),
    way("two tags", TunnelKind::None, 0, [101, 31], |frame| {
        frames::tagged(&frames::tagged(frame, 0x8100, 31), 0x88a8, 101)
    }),
    way("a priority tag", TunnelKind::None, 0, [0, 0], |frame| frames::tagged(frame, 0x8100, 0xe000)),
    way("gre", TunnelKind::Gre, 44, [0, 0], |frame| over(47, &[0x20, 0, 0x65, 0x58, 0, 0, 0, 44], frame)),
    way("erspan, type II", TunnelKind::Erspan, 5, [30, 0], |frame| {
        over(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 30, 0, 5, 0, 0, 0, 0], frame)
    }),
    way("erspan, type III", TunnelKind::Erspan, 6, [0, 0], |frame| {
        over(47, &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], frame)
    }),
    way("vxlan", TunnelKind::Vxlan, 42, [0, 0], |frame| datagram(4789, [8, 0, 0, 0, 0, 0, 42, 0], frame)),
    way("a tag in vxlan", TunnelKind::Vxlan, 42, [31, 0], |frame| {
        datagram(4789, [8, 0, 0, 0, 0, 0, 42, 0], &frames::tagged(frame, 0x8100, 31))
    }),
    way("geneve", TunnelKind::Geneve, 43, [0, 0], |frame| datagram(6081, [0, 0, 0x65, 0x58, 0, 0, 43, 0], frame)),
];

fn over(protocol: u8, head: &[u8], frame: &[u8]) -> Vec<u8> {
    frames::ipv4([10, 250, 0, 1], [10, 250, 0, 2], protocol, 0, &[head, frame].concat())
}

fn datagram(port: u16, head: [u8; 8], frame: &[u8]) -> Vec<u8> {
    frames::ipv4([10, 250, 0, 1], [10, 250, 0, 2], 17, 0, &frames::udp(50_000, port, &[&head[..], frame].concat()))
}

/// Its announcement, the opening of a connection, and a group that it joins.
fn inner(host: &Someone) -> [Vec<u8>; 3] {
    let ip = four(host.ip).map_or([0; 4], |ip| ip.octets());
    let from = |frame: Vec<u8>| [&frame[..6], &host.mac.0, &frame[12..]].concat();
    let mut segment = vec![0xc3, 0x50, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 2, 0xfa, 0xf0, 0, 0, 0, 0];
    segment.extend([2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
    let report = [0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 2, 3];
    [
        frames::arp(1, host.mac.0, ip, [0; 6], ip),
        from(frames::ipv4(ip, [192, 0, 2, 1], 6, 0x4000, &segment)),
        from(frames::ipv4(ip, [224, 0, 0, 22], 2, 0, &report)),
    ]
}

/// The sightings of each frame, through classifier and parsers.
fn heard(frames: &[Vec<u8>]) -> Vec<Vec<Sighting>> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for (second, frame) in (0_u32..).zip(frames) {
        let len = u32::try_from(frame.len()).expect("a short frame");
        for word in [second, 0, len, len] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(frame);
    }
    let mut facts = vec![Vec::new(); frames.len()];
    let read = read_from("a simulated wire", &file[..], |frame| {
        let number = usize::try_from(frame.at.as_nanos() / 1_000_000_000).expect("few frames");
        if let Ok(Some(message)) = wire::dissect(&frame) {
            sightings(&frame, &message, &mut facts[number]);
        }
    });
    assert!(read.is_ok(), "a whole capture was refused");
    facts
}
