//! A sighting: one fact about who, where, when, by which protocol, claiming what. One file a protocol says how its messages
//! become claims; here claims become sightings. A claim is the wire message itself where all of it is the fact (LLDP, CDP,
//! spanning tree, SSDP), and a type of its own where the message has to be interpreted.

/// What an ARP packet claims.
pub mod arp;
/// What a neighbour discovery message claims.
pub mod ndp;
/// From how far a message comes.
pub mod heard;
/// What a DHCPv4 message claims.
pub mod dhcp;
/// What a DHCPv6 message claims.
pub mod dhcpv6;
/// What a record of mDNS or LLMNR claims.
pub mod mdns;
/// What a NetBIOS name service message claims.
pub mod nbns;
/// What a WS-Discovery message claims.
pub mod wsd;
/// Frames of any kind: that their sender is there.
pub mod traffic;
/// Answers to probes that came through sockets.
pub mod answer;
/// What a redirect says.
pub mod redirect;
/// What a station asks for so often that it scans.
pub mod scan;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::inventory::sighting::dhcpv6::Dhcpv6Claim;
use crate::inventory::sighting::heard::{Heard, heard};
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::inventory::sighting::nbns::NbnsClaim;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::redirect::Redirect;
use crate::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use crate::inventory::sighting::wsd::WsdClaim;
use crate::types::{Frame, Mac, Segment, Timestamp};
use crate::wire::syn::Syn;
use crate::wire::{Message, cdp, lldp, membership, redundancy, ssdp, stp};

/// One fact: who, where, when, by which protocol, claiming what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When the frame or the answer was received.
    pub at: Timestamp,
    /// The segment.
    pub segment: Segment,
    /// The source of the frame.
    pub frame_mac: Mac,
    /// The station that the claim is about: ARP sender, NDP link-layer option, DHCP client; else the frame's source. All
    /// zeros, as `frame_mac` is, for an answer that came through a socket, which does not show the station.
    pub mac: Mac,
    /// The address that the claim is about, if there is one.
    pub ip: Option<IpAddr>,
    /// What is claimed.
    pub claim: Claim,
}

/// What a sighting claims, in the terms of its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// An answer to a probe, through a socket.
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
    /// An ICMP redirect; that of ICMPv6 is one of NDP's claims.
    Redirect(Redirect),
    /// VRRP, CARP, HSRP or GLBP; `Sighting::ip` is the sender's own.
    Redundancy(Box<redundancy::Message>),
    /// Spanning tree.
    Stp(stp::Message),
    /// A service sent an answer to some host; `Sighting::ip` is the service's address.
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

    /// Frames of a station that the kernel counted.
    pub fn of_presence(segment: Segment, mac: Mac, ip: IpAddr, frames: u64, bytes: u64, at: Timestamp) -> Self {
        let claim = Claim::Traffic(TrafficClaim { hop_limit: None, frames, bytes });
        Self { at, segment, frame_mac: mac, mac, ip: Some(ip), claim }
    }

    /// A neighbour that the kernel resolved by ARP.
    pub fn of_neighbour(segment: Segment, ip: Ipv4Addr, mac: Mac, at: Timestamp) -> Self {
        let claim = ArpClaim { operation: ArpOperation::Reply, target: Ipv4Addr::UNSPECIFIED, asked: true };
        Self { at, segment, frame_mac: mac, mac, ip: Some(ip.into()), claim: Claim::Arp(claim) }
    }

    /// The address that is in use by this sighting; `None` for one that is only asked about or that a name server names.
    pub fn shows_life(&self) -> Option<IpAddr> {
        let is_alive = match &self.claim {
            Claim::Answer(answer) => {
                !matches!(**answer, Answer::Ptr { .. } | Answer::Port { state: PortState::Silent, .. })
            }
            Claim::Arp(_) | Claim::Ndp(_) if !self.mac.is_station() => false,
            Claim::Arp(claim) => !matches!(claim.operation, ArpOperation::ConflictCheck | ArpOperation::PresenceCheck),
            Claim::Dhcp(claim) => claim.message == DhcpMessage::Ack || !claim.from_server,
            Claim::Cdp(_) | Claim::Lldp(_) | Claim::Stp(_) => false,
            Claim::Membership(_) | Claim::Redundancy(_) => true,
            Claim::Mdns(_) | Claim::Served(_) => true,
            // A forwarded packet's sender is behind a router.
            Claim::Traffic(claim) => !claim.is_forwarded(),
            Claim::Ndp(claim) => !matches!(claim, NdpClaim::Dad | NdpClaim::Redirect(_)),
            // Anybody can write a router's address into it.
            Claim::Redirect(_) => false,
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

/// Turns a message into sightings, appended to `out`. A message that neither binds an address nor shows a station makes none.
pub fn sightings(frame: &Frame<'_>, message: &Message, out: &mut Vec<Sighting>) {
    let mut push = |mac, ip, claim| {
        out.push(Sighting { at: frame.at, segment: frame.segment, frame_mac: frame.source_mac, mac, ip, claim });
    };
    let (sender, source) = (frame.source_mac, heard::source(frame));
    let unicast_source = source.filter(|ip| !ip.is_multicast());
    match message {
        Message::Arp(message) => {
            if let Some((mac, ip, claim)) = arp::claim(frame, message) {
                push(mac, Some(ip.into()), Claim::Arp(claim));
            }
        }
        Message::Cdp(message) => push(sender, None, Claim::Cdp(message.clone())),
        Message::Dhcp(message) => {
            if let Some((client, ip, claim)) = dhcp::claim(frame, message) {
                push(client, ip.map(IpAddr::V4), Claim::Dhcp(Box::new(claim)));
            }
        }
        Message::Dhcpv6(message) => push(sender, source, Claim::Dhcpv6(Box::new(dhcpv6::claim(frame, message)))),
        Message::Lldp(message) => push(sender, None, Claim::Lldp(message.clone())),
        Message::Llmnr(message) => {
            for said in mdns::llmnr_claims(message) {
                push(sender, source, Claim::Llmnr(Box::new(heard(frame, said))));
            }
        }
        Message::Mdns(message) => {
            for claim in mdns::claims(message, source) {
                push(sender, source, Claim::Mdns(claim));
            }
        }
        Message::Membership(message) => {
            push(sender, unicast_source, Claim::Membership(Box::new(message.clone())));
        }
        Message::Nbns(message) => {
            for said in nbns::claims(message) {
                push(sender, source, Claim::Nbns(Box::new(heard(frame, said))));
            }
        }
        Message::Ndp(message) => {
            if let Some((mac, ip, claim)) = ndp::claim(frame, message) {
                push(mac, Some(ip), Claim::Ndp(claim));
            }
        }
        Message::Redirect(message) => {
            // First who is there, then what is said.
            if let Some(packet) = frame.packet {
                push(sender, Some(packet.source), Claim::Traffic(TrafficClaim::one_frame(packet.hop_limit)));
            }
            let (hop, destination) = (message.gateway.into(), message.destination.into());
            push(sender, source, Claim::Redirect(Redirect { hop, hop_mac: None, destination }));
        }
        Message::Redundancy(message) => {
            push(sender, unicast_source, Claim::Redundancy(Box::new(message.clone())));
        }
        Message::Served(served) => {
            if let Some(packet) = frame.packet {
                let (protocol, port, hop_limit) = (served.protocol, served.port, Some(packet.hop_limit));
                push(sender, Some(packet.source), Claim::Served(ServedClaim { protocol, port, hop_limit }));
            }
        }
        Message::Ssdp(message) => push(sender, source, Claim::Ssdp(Box::new(heard(frame, (**message).clone())))),
        Message::Stp(message) => push(sender, None, Claim::Stp(*message)),
        Message::Syn(syn) => {
            // First who is there, then what its system is.
            if let Some(packet) = frame.packet {
                let (port, hop_limit) = (packet.ports[0], Some(packet.hop_limit));
                push(
                    sender,
                    Some(packet.source),
                    match syn.is_answer {
                        true => Claim::Served(ServedClaim { protocol: "tcp", port, hop_limit }),
                        false => Claim::Traffic(TrafficClaim::one_frame(packet.hop_limit)),
                    },
                );
            }
            push(sender, source, Claim::Syn(Box::new(*syn)));
        }
        Message::Traffic => {
            if let Some(packet) = frame.packet {
                push(sender, Some(packet.source), Claim::Traffic(TrafficClaim::one_frame(packet.hop_limit)));
            }
        }
        Message::Wsd(message) => {
            for said in wsd::claims(message) {
                push(sender, source, Claim::Wsd(Box::new(heard(frame, said))));
            }
        }
    }
}

#[cfg(test)]
mod tests;
