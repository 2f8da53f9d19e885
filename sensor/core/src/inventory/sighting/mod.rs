//! A sighting: one fact about who, where, when, by which protocol, claiming what. And how messages become sightings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::inventory::sighting::names::{Dhcpv6Claim, Heard, NbnsClaim, WsdClaim};
use crate::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use crate::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use crate::types::{Frame, Mac, Segment, Text, Timestamp};
use crate::wire::syn::Syn;
use crate::wire::{self, Message, cdp, dns, lldp, membership, redundancy, ssdp, stp};

/// What switches and routers tell each other.
pub mod link;
/// Names and announcements.
pub mod names;

/// Answers to probes.
pub mod answer;
/// What an ARP packet claims.
pub mod arp;
/// What a DHCPv4 message claims (RFC 2131).
pub mod dhcp;
/// What a record of multicast DNS claims (RFC 6762).
pub mod mdns;
/// What a neighbour discovery message claims (RFC 4861).
pub mod ndp;
/// What frames of any kind tell of their sender.
pub mod traffic;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was seen.
    pub at: Timestamp,
    /// Where.
    pub segment: Segment,
    /// Who sent the frame.
    pub frame_mac: Mac,
    /// Whom the claim is about: ARP sender, NDP link-layer option, DHCP client; else the frame's source. All zeros, as
    /// `frame_mac` is, for an answer that came through a socket, which does not tell the station.
    pub mac: Mac,
    /// The address that the claim is about, where there is one.
    pub ip: Option<IpAddr>,
    /// What is claimed.
    pub claim: Claim,
}

/// What a sighting claims, in its protocol's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// What a host answered to a probe through a socket.
    Answer(Box<Answer>),
    /// ARP.
    Arp(ArpClaim),
    /// Cisco Discovery Protocol.
    Cdp(Box<cdp::Message>),
    /// DHCPv4; boxed because it is rare and large.
    Dhcp(Box<DhcpClaim>),
    /// LLDP.
    Lldp(Box<lldp::Message>),
    /// One record of an mDNS message, or its sender.
    Mdns(MdnsClaim),
    /// IGMP or MLD; `Sighting::ip` is the sender's.
    Membership(Box<membership::Message>),
    /// DHCPv6.
    Dhcpv6(Box<Dhcpv6Claim>),
    /// One record of an LLMNR message; of the same form as mDNS's.
    Llmnr(Box<Heard<MdnsClaim>>),
    /// One name of a NetBIOS name service message.
    Nbns(Box<Heard<NbnsClaim>>),
    /// NDP.
    Ndp(NdpClaim),
    /// VRRP, CARP, HSRP or GLBP; `Sighting::ip` is the sender's own.
    Redundancy(Box<redundancy::Message>),
    /// Spanning tree.
    Stp(stp::Message),
    /// A service answered somebody; `Sighting::ip` is its host's.
    Served(ServedClaim),
    /// How a TCP connection is opened or accepted; boxed because it is large.
    Syn(Box<Syn>),
    /// Frames of any kind from `Sighting::ip`.
    Traffic(TrafficClaim),
    /// SSDP.
    Ssdp(Box<Heard<ssdp::Message>>),
    /// One target of a WS-Discovery message.
    Wsd(Box<Heard<WsdClaim>>),
}

impl Sighting {
    /// An echo reply that came through a socket.
    pub fn of_echo(segment: Segment, ip: IpAddr, rtt: Duration, hop_limit: Option<u8>, at: Timestamp) -> Self {
        let claim = Claim::Answer(Box::new(Answer::Echo { rtt, hop_limit }));
        Self { at, segment, frame_mac: Mac::ZERO, mac: Mac::ZERO, ip: Some(ip), claim }
    }

    /// What the kernel counted of a station.
    pub fn of_presence(segment: Segment, mac: Mac, ip: IpAddr, frames: u64, bytes: u64, at: Timestamp) -> Self {
        let claim = Claim::Traffic(TrafficClaim { hop_limit: None, frames, bytes });
        Self { at, segment, frame_mac: mac, mac, ip: Some(ip), claim }
    }

    /// What the kernel learned of a neighbour when it asked for it by ARP.
    pub fn of_neighbour(segment: Segment, ip: Ipv4Addr, mac: Mac, at: Timestamp) -> Self {
        let claim = ArpClaim { operation: ArpOperation::Reply, target: Ipv4Addr::UNSPECIFIED, asked: true };
        Self { at, segment, frame_mac: mac, mac, ip: Some(ip.into()), claim: Claim::Arp(claim) }
    }

    /// The address that somebody has, by this; not one that is only asked about, or that a name server speaks of.
    pub fn shows_life(&self) -> Option<IpAddr> {
        let is_alive = match &self.claim {
            Claim::Answer(answer) => {
                !matches!(**answer, Answer::Ptr { .. } | Answer::Port { state: PortState::Silent, .. })
            }
            Claim::Arp(claim) => !matches!(claim.operation, ArpOperation::ConflictCheck | ArpOperation::PresenceCheck),
            Claim::Dhcp(claim) => claim.message == DhcpMessage::Ack || !claim.from_server,
            Claim::Cdp(_) | Claim::Lldp(_) | Claim::Stp(_) => false,
            Claim::Membership(_) | Claim::Redundancy(_) => true,
            Claim::Mdns(_) | Claim::Served(_) => true,
            // Who is behind a router is nobody's neighbour.
            Claim::Traffic(claim) => !claim.is_forwarded(),
            Claim::Ndp(claim) => *claim != NdpClaim::Dad,
            // It may come from anywhere, through a router.
            Claim::Syn(_) => false,
            Claim::Dhcpv6(claim) => claim.is_near,
            Claim::Llmnr(heard) => heard.is_near,
            Claim::Nbns(heard) => heard.is_near,
            Claim::Ssdp(heard) => heard.is_near,
            Claim::Wsd(heard) => heard.is_near,
        };
        self.ip.filter(|_| is_alive)
    }
}

/// Turns a message into its facts, appended to `out`. What binds nothing and names nobody makes no sighting.
pub fn sightings(frame: &Frame<'_>, message: &Message, out: &mut Vec<Sighting>) {
    match message {
        Message::Arp(message) => out.extend(arp_sighting(frame, message)),
        Message::Cdp(_) | Message::Lldp(_) | Message::Membership(_) | Message::Redundancy(_) | Message::Stp(_) => {
            out.extend(link::of(frame, message))
        }
        Message::Dhcp(message) => out.extend(dhcp_sighting(frame, message)),
        Message::Dhcpv6(message) => out.push(names::dhcpv6_sighting(frame, message)),
        Message::Llmnr(message) => names::llmnr_sightings(frame, message, out),
        Message::Mdns(message) => mdns_sightings(frame, message, out),
        Message::Nbns(message) => names::nbns_sightings(frame, message, out),
        Message::Ndp(message) => out.extend(ndp_sighting(frame, message)),
        Message::Served(message) => {
            let (protocol, port) = (message.protocol, message.port);
            out.extend(of_source(frame, |hop_limit| Claim::Served(ServedClaim { protocol, port, hop_limit })));
        }
        Message::Traffic => {
            out.extend(of_source(frame, one_frame));
        }
        Message::Syn(syn) => {
            // First who is there, then what its system is.
            let port = frame.packet.map_or(0, |packet| packet.ports[0]);
            out.extend(of_source(frame, |hop_limit| match syn.is_answer {
                true => Claim::Served(ServedClaim { protocol: "tcp", port, hop_limit }),
                false => one_frame(hop_limit),
            }));
            let source = frame.packet.map(|packet| packet.source).filter(|source| !source.is_unspecified());
            out.push(sighting(frame, frame.source_mac, source, Claim::Syn(Box::new(*syn))));
        }
        Message::Ssdp(message) => out.push(names::ssdp_sighting(frame, message)),
        Message::Wsd(message) => names::wsd_sightings(frame, message, out),
    }
}

fn sighting(frame: &Frame<'_>, mac: Mac, ip: Option<IpAddr>, claim: Claim) -> Sighting {
    Sighting { at: frame.at, segment: frame.segment, frame_mac: frame.source_mac, mac, ip, claim }
}

fn one_frame(hop_limit: Option<u8>) -> Claim {
    Claim::Traffic(TrafficClaim { hop_limit, frames: 1, bytes: 0 })
}

/// About the frame's own sender.
fn of_source(frame: &Frame<'_>, claim: impl FnOnce(Option<u8>) -> Claim) -> Option<Sighting> {
    let packet = frame.packet?;
    Some(sighting(frame, frame.source_mac, Some(packet.source), claim(Some(packet.hop_limit))))
}

fn arp_sighting(frame: &Frame<'_>, message: &wire::arp::Message) -> Option<Sighting> {
    let (operation, ip) = match message.purpose {
        wire::arp::Purpose::ConflictCheck if frame.destination_mac.is_station() => {
            (ArpOperation::PresenceCheck, message.target_ip)
        }
        wire::arp::Purpose::ConflictCheck => (ArpOperation::ConflictCheck, message.target_ip),
        wire::arp::Purpose::Gratuitous => (ArpOperation::Gratuitous, message.sender_ip),
        wire::arp::Purpose::Reply => (ArpOperation::Reply, message.sender_ip),
        wire::arp::Purpose::Request => (ArpOperation::Request, message.sender_ip),
    };
    if !message.sender_mac.is_station() || !is_usable(ip) {
        return None;
    }
    let claim = Claim::Arp(ArpClaim { operation, target: message.target_ip, asked: false });
    Some(sighting(frame, message.sender_mac, Some(ip.into()), claim))
}

/// Whether a host can hold the address: not "this network", loopback, multicast or reserved (RFC 6890, section 2.2.2).
fn is_usable(ip: Ipv4Addr) -> bool {
    let [first, ..] = ip.octets();
    !matches!(first, 0 | 127 | 224..=255)
}

fn ndp_sighting(frame: &Frame<'_>, message: &wire::ndp::Message) -> Option<Sighting> {
    let source = message.source;
    let station = |mac: Option<Mac>| mac.filter(|mac| mac.is_station());
    let holdable = |address: Ipv6Addr| !address.is_unspecified() && !address.is_multicast();
    let (mac, ip, claim) = match message.kind {
        wire::ndp::Kind::Solicit { target } if source.is_unspecified() => {
            (Some(frame.source_mac), target, NdpClaim::Dad)
        }
        wire::ndp::Kind::Solicit { target } => {
            (station(message.source_mac), source, NdpClaim::Solicit { target: target.into() })
        }
        wire::ndp::Kind::Advert { target, router, solicited } => {
            // Without the option the frame's own source answers, if it answers for itself (RFC 4861, section 4.4).
            let own = (target == source).then_some(frame.source_mac);
            (station(message.target_mac).or(own), target, NdpClaim::Advert { router, solicited, asked: false })
        }
        wire::ndp::Kind::RouterSolicit => (station(message.source_mac), source, NdpClaim::RouterSolicit),
        wire::ndp::Kind::RouterAdvert(router) => {
            let advert = RouterAdvert {
                lifetime_s: router.lifetime_s,
                hop_limit: router.hop_limit,
                managed: router.managed,
                other: router.other,
                preference: router.preference,
                prefixes: message.prefixes.clone(),
                mtu: message.mtu,
                routes: message.routes.clone(),
                rdnss: message.rdnss.clone(),
                dnssl: message.dnssl.clone(),
            };
            let mac = station(message.source_mac).or(Some(frame.source_mac));
            (mac, source, NdpClaim::RouterAdvert(Box::new(advert)))
        }
        // Its link-layer option is the target's, so the frame alone speaks for the router that sends it.
        wire::ndp::Kind::Redirect { target, destination } => (
            Some(frame.source_mac),
            source,
            NdpClaim::Redirect { target: target.into(), destination: destination.into() },
        ),
    };
    let mac = mac.filter(|_| holdable(ip))?;
    Some(sighting(frame, mac, Some(ip.into()), Claim::Ndp(claim)))
}

fn dhcp_sighting(frame: &Frame<'_>, message: &wire::dhcp::Message) -> Option<Sighting> {
    let client = message.client.filter(|mac| mac.is_station())?;
    let nonzero = |ip: Ipv4Addr| (!ip.is_unspecified()).then_some(ip);
    let number = message.option(wire::dhcp::MESSAGE_TYPE);
    let kind = match number {
        None => DhcpMessage::Bootp,
        Some(&[number]) => dhcp_message(number),
        // A type that is not one byte is no type (RFC 2132, section 9.6).
        Some(_) => DhcpMessage::Unknown(0),
    };
    let (ciaddr, yiaddr) = (nonzero(message.ciaddr), nonzero(message.yiaddr));
    let ip = yiaddr.filter(|_| kind == DhcpMessage::Ack).or(ciaddr);
    let claim = DhcpClaim {
        message: kind,
        from_server: message.from_server,
        // On a relay's other leg the frame goes between relay and server, and the client is elsewhere.
        client_is_here: match message.from_server {
            true => frame.destination_mac == client || frame.destination_mac == Mac::BROADCAST,
            false => frame.source_mac == client,
        },
        options: message.numbers(),
        hostname: message.text(wire::dhcp::HOST_NAME),
        fqdn: message.fqdn(),
        vendor_class: message.text(wire::dhcp::VENDOR_CLASS),
        user_class: message.text(wire::dhcp::USER_CLASS),
        vendor_specific: message.option(wire::dhcp::VENDOR_SPECIFIC).map(Text::new),
        parameters: message.option(wire::dhcp::PARAMETERS).map(<[u8]>::to_vec),
        client_id: message.option(wire::dhcp::CLIENT_ID).map(Text::new),
        relay_info: message.option(wire::dhcp::RELAY_INFO).map(Text::new),
        netmask: message.ipv4(wire::dhcp::SUBNET_MASK),
        router: message.ipv4(wire::dhcp::ROUTERS),
        requested_ip: message.ipv4(wire::dhcp::REQUESTED_ADDRESS),
        server: message.ipv4(wire::dhcp::SERVER),
        lease_s: message
            .option(wire::dhcp::LEASE_TIME)
            .and_then(<[u8]>::first_chunk)
            .map(|bytes| u32::from_be_bytes(*bytes)),
        max_message_size: message
            .option(wire::dhcp::MAX_MESSAGE_SIZE)
            .and_then(<[u8]>::first_chunk)
            .map(|bytes| u16::from_be_bytes(*bytes)),
        ciaddr,
        yiaddr,
        giaddr: nonzero(message.giaddr),
        hop_limit: frame.packet.map(|packet| packet.hop_limit),
        source: frame.packet.map(|packet| packet.source).filter(|source| !source.is_unspecified()),
        truncated: message.is_truncated || frame.cut,
    };
    Some(sighting(frame, client, ip.map(IpAddr::V4), Claim::Dhcp(Box::new(claim))))
}

fn dhcp_message(number: u8) -> DhcpMessage {
    match number {
        1 => DhcpMessage::Discover,
        2 => DhcpMessage::Offer,
        3 => DhcpMessage::Request,
        4 => DhcpMessage::Decline,
        5 => DhcpMessage::Ack,
        6 => DhcpMessage::Nak,
        7 => DhcpMessage::Release,
        8 => DhcpMessage::Inform,
        number => DhcpMessage::Unknown(number),
    }
}

fn mdns_sightings(frame: &Frame<'_>, message: &dns::Message, out: &mut Vec<Sighting>) {
    let source = frame.packet.map(|packet| packet.source).filter(|source| !source.is_unspecified());
    let mut push = |claim| out.push(sighting(frame, frame.source_mac, source, Claim::Mdns(claim)));
    if !message.is_response {
        message.questions.iter().for_each(|name| push(MdnsClaim::Query { name: name.clone() }));
        return;
    }
    for record in &message.records {
        let claim = record_claim(record);
        push(match record.ttl_s {
            0 => MdnsClaim::Goodbye { record: Box::new(claim) },
            _ => claim,
        });
    }
}

/// What a response says, one claim a record; goodbyes are left out.
pub fn mdns_claims(message: &dns::Message) -> impl Iterator<Item = MdnsClaim> {
    message.records.iter().filter(|record| record.ttl_s > 0).map(record_claim)
}

fn record_claim(record: &dns::Record) -> MdnsClaim {
    let name = record.name.clone();
    match &record.data {
        dns::Data::Address(addr) => MdnsClaim::Address { name, addr: *addr },
        dns::Data::Service { target, port } => MdnsClaim::Srv { name, target: target.clone(), port: *port },
        dns::Data::Texts(txt) => MdnsClaim::Txt { name, txt: txt.clone() },
        dns::Data::Pointer(to) => {
            let owner = record.name.as_bytes().to_ascii_lowercase();
            if owner.ends_with(b".in-addr.arpa") || owner.ends_with(b".ip6.arpa") {
                MdnsClaim::Reverse { name, target: to.clone() }
            } else if owner.starts_with(b"_services._dns-sd._udp") {
                MdnsClaim::Type { name: to.clone() }
            } else {
                MdnsClaim::Service { name, instance: to.clone() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Class, Iface, Packet, Vlans};
    use crate::wire::dissect;

    const HOST: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const ELSE: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const SOURCE: &str = "fe80::1";

    fn facts(class: Class, source: &str, source_mac: Mac, destination_mac: Mac, body: &[u8]) -> Vec<Sighting> {
        let source = source.parse().expect("an address");
        let frame = Frame {
            at: Timestamp::from_secs(1),
            segment: Segment::tagged(Iface::new("eth0").expect("a name"), Vlans::default()),
            class,
            cut: false,
            flood: false,
            scan: false,
            source_mac,
            destination_mac,
            packet: Some(Packet { source, destination: source, hop_limit: 255, protocol: 58, ports: [0; 2] }),
            body,
        };
        let mut out = Vec::new();
        if let Ok(Some(message)) = dissect(&frame) {
            sightings(&frame, &message, &mut out);
        }
        out
    }

    /// Of each sighting its MAC's last octet, its address, and the first word of its claim.
    fn check(facts: &[Sighting], expected: &[&str]) {
        let told: Vec<String> = facts
            .iter()
            .map(|fact| {
                let claim = match &fact.claim {
                    Claim::Answer(answer) => format!("{answer:?}"),
                    Claim::Arp(claim) => format!("{:?}", claim.operation),
                    Claim::Dhcp(claim) => format!("{:?}", claim.message),
                    Claim::Mdns(claim) => format!("{claim:?}"),
                    Claim::Ndp(claim) => format!("{claim:?}"),
                    Claim::Dhcpv6(claim) => format!("Dhcpv6 {claim:?}"),
                    Claim::Llmnr(heard) => format!("{:?}", heard.said),
                    Claim::Nbns(heard) => format!("{:?}", heard.said),
                    Claim::Ssdp(heard) => format!("{:?}", heard.said.kind),
                    Claim::Wsd(heard) => format!("{:?}", heard.said.kind),
                    claim => format!("{claim:?}"),
                };
                let ip = fact.ip.map_or("-".to_owned(), |ip| ip.to_string());
                let word = claim.split([' ', '(']).next().unwrap_or_default();
                format!("{:02x} {ip} {word}", fact.mac.0[5])
            })
            .collect();
        assert_eq!(told, expected);
    }

    fn arp(operation: u8, sender_mac: Mac, sender: [u8; 4], target: [u8; 4]) -> Vec<Sighting> {
        let head = [0, 1, 8, 0, 6, 4, 0, operation];
        let body = [&head[..], &sender_mac.0, &sender, &[0; 6], &target].concat();
        facts(Class::Arp, "0.0.0.0", HOST, Mac::BROADCAST, &body)
    }

    #[test]
    fn arp_speaks_for_its_sender() {
        check(&arp(1, HOST, [10, 0, 0, 1], [10, 0, 0, 2]), &["01 10.0.0.1 Request"]);
        check(&arp(2, ELSE, [10, 0, 0, 1], [10, 0, 0, 2]), &["02 10.0.0.1 Reply"]);
        check(&arp(1, HOST, [10, 0, 0, 1], [10, 0, 0, 1]), &["01 10.0.0.1 Gratuitous"]);
        check(&arp(1, HOST, [0; 4], [10, 0, 0, 2]), &["01 10.0.0.2 ConflictCheck"]);
    }

    #[test]
    fn arp_of_what_no_station_can_hold() {
        for sender in [[0, 0, 0, 1], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
            check(&arp(1, HOST, sender, [10, 0, 0, 2]), &[]);
        }
        check(&arp(2, HOST, [0; 4], [10, 0, 0, 2]), &[]);
        check(&arp(1, HOST, [0; 4], [0; 4]), &[]);
        check(&arp(1, HOST, [0; 4], [224, 0, 0, 1]), &[]);
        check(&arp(1, Mac::ZERO, [10, 0, 0, 1], [10, 0, 0, 2]), &[]);
        check(&arp(1, Mac::BROADCAST, [10, 0, 0, 1], [10, 0, 0, 2]), &[]);
    }

    fn ndp(source: &str, number: u8, addresses: &[&str], options: &[u8]) -> Vec<Sighting> {
        let mut body = vec![number, 0, 0, 0, 0, 0, 0, 30];
        for address in addresses {
            body.extend(address.parse::<Ipv6Addr>().expect("an address").octets());
        }
        if number == 134 {
            body.extend([0; 8]);
        }
        body.extend(options);
        facts(Class::Ndp, source, HOST, Mac::BROADCAST, &body)
    }

    const SOURCE_OPTION: [u8; 8] = [1, 1, 2, 0, 0, 0, 0, 2];
    const TARGET_OPTION: [u8; 8] = [2, 1, 2, 0, 0, 0, 0, 2];

    #[test]
    fn solicitations_speak_for_their_source() {
        check(&ndp(SOURCE, 135, &["fe80::2"], &SOURCE_OPTION), &["02 fe80::1 Solicit"]);
        check(&ndp(SOURCE, 133, &[], &SOURCE_OPTION), &["02 fe80::1 RouterSolicit"]);
        check(&ndp("::", 135, &["fe80::2"], &[]), &["01 fe80::2 Dad"]);
    }

    #[test]
    fn solicitations_that_bind_nothing() {
        check(&ndp(SOURCE, 135, &["fe80::2"], &[]), &[]);
        check(&ndp(SOURCE, 135, &["fe80::2"], &[1, 1, 1, 0, 0, 0, 0, 2]), &[]);
        check(&ndp("::", 133, &[], &SOURCE_OPTION), &[]);
        check(&ndp("ff02::1", 135, &["fe80::2"], &SOURCE_OPTION), &[]);
        check(&ndp("::", 135, &["::"], &[]), &[]);
    }

    #[test]
    fn advertisements_speak_for_their_target() {
        check(&ndp(SOURCE, 136, &["fe80::2"], &TARGET_OPTION), &["02 fe80::2 Advert"]);
        check(&ndp(SOURCE, 136, &["fe80::1"], &[]), &["01 fe80::1 Advert"]);
        check(&ndp(SOURCE, 136, &["fe80::2"], &[]), &[]);
        check(&ndp(SOURCE, 136, &["fe80::2"], &SOURCE_OPTION), &[]);
        check(&ndp(SOURCE, 136, &["::"], &TARGET_OPTION), &[]);
    }

    #[test]
    fn routers_speak_for_themselves() {
        check(&ndp(SOURCE, 134, &[], &SOURCE_OPTION), &["02 fe80::1 RouterAdvert"]);
        check(&ndp(SOURCE, 134, &[], &[]), &["01 fe80::1 RouterAdvert"]);
        // The option is the better hop's; it says nothing of the router.
        check(&ndp(SOURCE, 137, &["fe80::2", "2001:db8::1"], &TARGET_OPTION), &["01 fe80::1 Redirect"]);
        check(&ndp("::", 134, &[], &SOURCE_OPTION), &[]);
    }

    /// A message for the client `HOST` with `ciaddr` 10.0.0.1 and `yiaddr` 10.0.0.2.
    fn dhcp(op: u8, options: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 236];
        body[..3].copy_from_slice(&[op, 1, 6]);
        body[12..16].copy_from_slice(&[10, 0, 0, 1]);
        body[16..20].copy_from_slice(&[10, 0, 0, 2]);
        body[28..34].copy_from_slice(&HOST.0);
        [&body, &[99, 130, 83, 99][..], options].concat()
    }

    fn check_dhcp(op: u8, options: &[u8], expected: &str) {
        check(&facts(Class::Dhcp, "0.0.0.0", ELSE, HOST, &dhcp(op, options)), &[expected]);
    }

    #[test]
    fn dhcp_speaks_for_its_client() {
        check_dhcp(2, &[53, 1, 5], "01 10.0.0.2 Ack");
        check_dhcp(2, &[53, 1, 2], "01 10.0.0.1 Offer");
        check_dhcp(1, &[53, 1, 3], "01 10.0.0.1 Request");
        check_dhcp(1, &[53, 1, 99], "01 10.0.0.1 Unknown");
        check_dhcp(1, &[], "01 10.0.0.1 Bootp");
        let mut nobody = dhcp(1, &[53, 1, 1]);
        nobody[28..34].fill(0);
        check(&facts(Class::Dhcp, "0.0.0.0", HOST, Mac::BROADCAST, &nobody), &[]);
    }

    fn check_is_here(op: u8, source_mac: Mac, destination_mac: Mac, expected: bool) {
        let facts = facts(Class::Dhcp, "10.0.0.9", source_mac, destination_mac, &dhcp(op, &[]));
        let [Sighting { claim: Claim::Dhcp(claim), .. }] = facts.as_slice() else { panic!("one claim: {facts:?}") };
        assert_eq!(claim.client_is_here, expected);
    }

    #[test]
    fn a_relays_other_leg_is_not_the_clients() {
        check_is_here(1, HOST, Mac::BROADCAST, true);
        check_is_here(1, ELSE, Mac::BROADCAST, false);
        check_is_here(2, ELSE, HOST, true);
        check_is_here(2, ELSE, Mac::BROADCAST, true);
        check_is_here(2, HOST, ELSE, false);
    }

    /// A response whose one record has this owner, type, TTL and data.
    fn mdns(owner: &[u8], kind: u8, ttl_s: u8, data: &[u8]) -> Vec<Sighting> {
        let head = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let body = [&head[..], owner, &[0, kind, 0x80, 1, 0, 0, 0, ttl_s, 0, data.len() as u8], data].concat();
        facts(Class::Mdns, "10.0.0.1", HOST, Mac::BROADCAST, &body)
    }

    #[test]
    fn mdns_has_one_fact_a_record() {
        check(&mdns(b"\x01a\0", 1, 120, &[10, 0, 0, 3]), &["01 10.0.0.1 Address"]);
        check(&mdns(b"\x01a\0", 1, 0, &[10, 0, 0, 3]), &["01 10.0.0.1 Goodbye"]);
        check(&mdns(b"\x01a\0", 33, 120, b"\0\0\0\0\0\x50\0"), &["01 10.0.0.1 Srv"]);
        check(&mdns(b"\x01a\0", 16, 120, b"\0"), &["01 10.0.0.1 Txt"]);
        check(&mdns(b"\x01a\0", 12, 120, b"\x01b\0"), &["01 10.0.0.1 Service"]);
        check(&mdns(b"\x011\x07IN-addr\x04arpa\0", 12, 120, b"\x01b\0"), &["01 10.0.0.1 Reverse"]);
        check(&mdns(b"\x09_services\x07_dns-sd\x04_udp\x05local\0", 12, 120, b"\x01b\0"), &["01 10.0.0.1 Type"]);
        check(&mdns(b"\x01a\0", 47, 120, b"\0"), &[]);
    }

    #[test]
    fn mdns_questions() {
        let body =
            [&[0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0][..], b"\x01a\0\0\x01\x80\x01", b"\x01b\0\0\x01\0\x01"].concat();
        let asked = facts(Class::Mdns, "0.0.0.0", HOST, Mac::BROADCAST, &body);
        check(&asked, &["01 - Query", "01 - Query"]);
    }
}
