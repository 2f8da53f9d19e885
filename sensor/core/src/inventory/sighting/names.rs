//! Names and announcements become sightings: DHCPv6, LLMNR, NetBIOS, SSDP, WS-Discovery. Each is about its sender; what
//! is said of others is in the claim.

use std::net::{IpAddr, Ipv4Addr};

use crate::inventory::model::prefix::is_link_local;
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::inventory::sighting::{Claim, Sighting, record_claim, sighting};
use crate::types::{Frame, Mac, Text};
use crate::wire::{dhcpv6, dns, nbns, ssdp, wsd};

/// What somebody says, and from how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard<T> {
    /// What is said.
    pub said: T,
    /// Its sender is on this segment, not behind a router: the frame went to a group, its hop limit is as high as one
    /// can be sent with, or its source is link-local.
    pub is_near: bool,
    /// The transport port that it was sent from.
    pub port: u16,
}

/// What a DHCPv6 message says (RFC 8415).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcpv6Claim {
    /// The message; of a relayed one, the one inside.
    pub message: dhcpv6::Message,
    /// Advertise, reply or reconfigure.
    pub from_server: bool,
    /// The client, when the frame went from or to it and not over a relay's other leg.
    pub client: Option<Mac>,
    /// The frame's sender speaks from a link-local address: no router stands before it.
    pub is_near: bool,
}

/// One name of a NetBIOS name service message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NbnsClaim {
    /// A name has this address: a registration, a refresh, or the answer to a query.
    Address {
        /// The name.
        name: nbns::Name,
        /// It is a group's.
        group: bool,
        /// Its address.
        addr: Ipv4Addr,
    },
    /// A name is given back.
    Goodbye {
        /// The name.
        name: nbns::Name,
        /// It is a group's.
        group: bool,
        /// Its address.
        addr: Ipv4Addr,
    },
    /// Somebody asks for a name.
    Query {
        /// The name.
        name: nbns::Name,
    },
    /// One of the names that a node lists as its own.
    Status {
        /// The name.
        name: nbns::Name,
        /// It is a group's.
        group: bool,
        /// It is in use.
        active: bool,
    },
}

/// What a WS-Discovery message says of one target, or asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsdClaim {
    /// Which message.
    pub kind: wsd::Kind,
    /// The target.
    pub target: wsd::Target,
}

impl Dhcpv6Claim {
    /// Type 2.
    pub const ADVERTISE: u8 = 2;
    /// Type 7.
    pub const REPLY: u8 = 7;
    /// Type 10.
    pub const RECONFIGURE: u8 = 10;
}

pub(super) fn dhcpv6_sighting(frame: &Frame<'_>, message: &dhcpv6::Message) -> Sighting {
    let mut message = message.clone();
    message.is_truncated |= frame.cut;
    let from_server = matches!(message.kind, Dhcpv6Claim::ADVERTISE | Dhcpv6Claim::REPLY | Dhcpv6Claim::RECONFIGURE);
    // A client speaks from its link-local address, unless a server allowed it unicast (RFC 8415, section 18.4): then a
    // router's MAC may be on the frame.
    let (end, station) = match from_server {
        true => (frame.packet.map(|packet| packet.destination), frame.destination_mac),
        false => (source(frame), frame.source_mac),
    };
    let is_here = message.relay.is_none() && end.is_some_and(is_link_local) && station.is_station();
    let claim = Dhcpv6Claim {
        message,
        from_server,
        client: is_here.then_some(station),
        is_near: source(frame).is_some_and(is_link_local),
    };
    sighting(frame, frame.source_mac, source(frame), Claim::Dhcpv6(Box::new(claim)))
}

pub(super) fn llmnr_sightings(frame: &Frame<'_>, message: &dns::Message, out: &mut Vec<Sighting>) {
    let mut push =
        |said| out.push(sighting(frame, frame.source_mac, source(frame), Claim::Llmnr(Box::new(heard(frame, said)))));
    if message.is_response {
        message.records.iter().map(record_claim).for_each(push);
    } else {
        message.questions.iter().for_each(|name| push(MdnsClaim::Query { name: name.clone() }));
    }
}

pub(super) fn nbns_sightings(frame: &Frame<'_>, message: &nbns::Message, out: &mut Vec<Sighting>) {
    let mut push =
        |said| out.push(sighting(frame, frame.source_mac, source(frame), Claim::Nbns(Box::new(heard(frame, said)))));
    let is_claim = if message.is_response {
        message.opcode == nbns::QUERY && message.rcode == 0
    } else {
        matches!(message.opcode, nbns::REGISTRATION | nbns::REFRESH | nbns::REFRESH_OLD | nbns::MULTIHOMED)
    };
    let is_release = !message.is_response && message.opcode == nbns::RELEASE;
    if !message.is_response && message.opcode == nbns::QUERY {
        message.questions.iter().for_each(|name| push(NbnsClaim::Query { name: name.clone() }));
    }
    for record in &message.records {
        match record {
            nbns::Record::Addresses(name, addresses) if is_claim || is_release => {
                for &(group, addr) in addresses {
                    let name = name.clone();
                    push(match is_release {
                        true => NbnsClaim::Goodbye { name, group, addr },
                        false => NbnsClaim::Address { name, group, addr },
                    });
                }
            }
            nbns::Record::Addresses(..) => {}
            nbns::Record::Status(status) if message.is_response => {
                for node in &status.names {
                    let name = nbns::Name { name: node.name.clone(), suffix: node.suffix };
                    push(NbnsClaim::Status { name, group: node.group, active: node.active });
                }
            }
            nbns::Record::Status(_) => {}
        }
    }
}

pub(super) fn ssdp_sighting(frame: &Frame<'_>, message: &ssdp::Message) -> Sighting {
    let claim = Claim::Ssdp(Box::new(heard(frame, message.clone())));
    sighting(frame, frame.source_mac, source(frame), claim)
}

pub(super) fn wsd_sightings(frame: &Frame<'_>, message: &wsd::Message, out: &mut Vec<Sighting>) {
    let nothing = [wsd::Target::default()];
    // Matches that name nobody are still somebody's answer.
    let targets = if message.targets.is_empty() { &nothing[..] } else { &message.targets };
    for target in targets {
        let claim = Claim::Wsd(Box::new(heard(frame, WsdClaim { kind: message.kind, target: target.clone() })));
        out.push(sighting(frame, frame.source_mac, source(frame), claim));
    }
}

fn heard<T>(frame: &Frame<'_>, said: T) -> Heard<T> {
    let is_group = frame.destination_mac.0[0] & 1 != 0;
    // Nobody can send with more, and a router takes one off.
    let is_unforwarded = frame.packet.is_some_and(|packet| packet.hop_limit == u8::MAX);
    let is_near = is_group || is_unforwarded || source(frame).is_some_and(is_link_local);
    Heard { said, is_near, port: frame.packet.map_or(0, |packet| packet.ports[0]) }
}

fn source(frame: &Frame<'_>) -> Option<IpAddr> {
    frame.packet.map(|packet| packet.source).filter(|source| !source.is_unspecified())
}

/// The name that an ONVIF device gives itself in its scopes (ONVIF Core Specification, section 7.3.2.2), percent signs
/// decoded.
pub fn onvif_name(scopes: &[Text]) -> Option<Text> {
    let prefix = b"onvif://www.onvif.org/name/";
    let name = scopes.iter().find_map(|scope| scope.as_bytes().strip_prefix(prefix))?;
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, after @ ..] = rest {
        let digits = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    (!decoded.is_empty()).then(|| Text::new(&decoded))
}
