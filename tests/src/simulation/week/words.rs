//! Single sightings, one for each kind of frame. Their time is set when they arrive.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::heard::Heard;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::nbns::NbnsClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::redirect::Redirect;
use sensor_core::inventory::sighting::traffic::TrafficClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Mac, Text};
use sensor_core::wire::{nbns, ndp, redundancy};

use super::calendar::{START, segment};

/// A sighting whose frame comes from the station that it is about.
pub fn word(mac: Mac, ip: Option<IpAddr>, claim: Claim) -> Sighting {
    Sighting { at: START, segment: segment(), frame_mac: mac, mac, ip, claim }
}

/// ARP.
pub fn arp(mac: Mac, operation: ArpOperation, ip: Ipv4Addr, target: Ipv4Addr) -> Sighting {
    word(mac, Some(ip.into()), Claim::Arp(ArpClaim { operation, target, asked: false }))
}

/// An ARP announcement.
pub fn announcement(mac: Mac, ip: Ipv4Addr) -> Sighting {
    arp(mac, ArpOperation::Gratuitous, ip, ip)
}

/// RFC 5227's ARP probe.
pub fn conflict_check(mac: Mac, ip: Ipv4Addr) -> Sighting {
    arp(mac, ArpOperation::ConflictCheck, ip, ip)
}

/// NDP.
pub fn ndp(mac: Mac, ip: Ipv6Addr, claim: NdpClaim) -> Sighting {
    word(mac, Some(ip.into()), Claim::Ndp(claim))
}

/// A neighbour advertisement that the sensor or another host asked for.
pub fn advert(mac: Mac, ip: Ipv6Addr, router: bool) -> Sighting {
    ndp(mac, ip, NdpClaim::Advert { router, solicited: true, asked: false })
}

/// An unsolicited neighbour advertisement.
pub fn unasked_advert(mac: Mac, ip: Ipv6Addr) -> Sighting {
    ndp(mac, ip, NdpClaim::Advert { router: false, solicited: false, asked: false })
}

/// A router advertisement with these prefixes and name servers.
pub fn router_advert(mac: Mac, ip: Ipv6Addr, lifetime_s: u16, prefixes: &[Ipv6Addr], rdnss: &[Ipv6Addr]) -> Sighting {
    let advert = RouterAdvert {
        lifetime_s,
        hop_limit: 64,
        prefixes: prefixes.iter().map(|prefix| ndp::Prefix::new(*prefix, 64)).collect(),
        rdnss: rdnss.to_vec(),
        ..RouterAdvert::default()
    };
    ndp(mac, ip, NdpClaim::RouterAdvert(Box::new(advert)))
}

/// A redirect in a router's name.
pub fn redirect(mac: Mac, router: IpAddr, hop: IpAddr, hop_mac: Option<Mac>) -> Sighting {
    let far: IpAddr =
        if router.is_ipv4() { [198, 51, 100, 7].into() } else { [0x2001, 0xdb8, 9, 0, 0, 0, 0, 7].into() };
    let redirect = Redirect { hop, hop_mac, destination: far };
    let claim = if router.is_ipv4() { Claim::Redirect(redirect) } else { Claim::Ndp(NdpClaim::Redirect(redirect)) };
    word(mac, Some(router), claim)
}

/// Frames of a known station that the kernel counted.
pub fn presence(mac: Mac, ip: IpAddr, frames: u64) -> Sighting {
    word(mac, Some(ip), Claim::Traffic(TrafficClaim { hop_limit: None, frames, bytes: frames * 400 }))
}

/// One frame that came directly from its sender.
pub fn frame(mac: Mac, ip: IpAddr) -> Sighting {
    word(mac, Some(ip), Claim::Traffic(TrafficClaim { hop_limit: Some(64), frames: 1, bytes: 0 }))
}

/// One record of an mDNS response.
pub fn mdns(mac: Mac, ip: IpAddr, claim: MdnsClaim) -> Sighting {
    word(mac, Some(ip), Claim::Mdns(claim))
}

/// The registration of a NetBIOS name.
pub fn netbios(mac: Mac, ip: Ipv4Addr, name: &str) -> Sighting {
    let name = nbns::Name { name: Text::new(name.to_ascii_uppercase().as_bytes()), suffix: 0 };
    let said = NbnsClaim::Address { name, group: false, addr: ip };
    word(mac, Some(ip.into()), Claim::Nbns(Box::new(Heard { said, is_near: true, port: 137 })))
}

/// An LLMNR query.
pub fn llmnr(mac: Mac, ip: Ipv4Addr, name: &str) -> Sighting {
    let said = MdnsClaim::Query { name: Text::new(name.as_bytes()) };
    word(mac, Some(ip.into()), Claim::Llmnr(Box::new(Heard { said, is_near: true, port: 50_000 })))
}

/// A redundancy message; `mac` is the frame's.
pub fn redundancy(
    mac: Mac,
    sender: Ipv4Addr,
    protocol: redundancy::Protocol,
    group: u16,
    virtual_ip: Ipv4Addr,
    virtual_macs: &[Mac],
) -> Sighting {
    let message = redundancy::Message {
        protocol,
        group,
        state: None,
        priority: Some(100),
        addresses: vec![virtual_ip.into()],
        virtual_macs: virtual_macs.to_vec(),
    };
    word(mac, Some(sender.into()), Claim::Redundancy(Box::new(message)))
}

/// The options of a DHCP client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientWords {
    /// Option 12.
    pub name: Option<String>,
    /// Option 60.
    pub class: Option<&'static str>,
    /// Option 55.
    pub parameters: &'static [u8],
    /// Option 61.
    pub client_id: Option<Vec<u8>>,
}

/// A DHCP client's message.
pub fn dhcp_client(words: &ClientWords, message: DhcpMessage) -> DhcpClaim {
    let text = |text: &str| Text::new(text.as_bytes());
    let mut options = vec![53];
    options.extend(words.client_id.as_ref().map(|_| 61));
    options.extend(words.name.as_ref().map(|_| 12));
    options.extend(words.class.map(|_| 60));
    options.push(55);
    DhcpClaim {
        message,
        client_is_here: true,
        options,
        hostname: words.name.as_deref().map(text),
        vendor_class: words.class.map(text),
        parameters: Some(words.parameters.to_vec()),
        client_id: words.client_id.as_deref().map(Text::new),
        ..DhcpClaim::default()
    }
}

/// Wraps a DHCP client's message.
pub fn dhcp_from_client(mac: Mac, claim: DhcpClaim) -> Sighting {
    let ip = claim.ciaddr.map(IpAddr::V4);
    word(mac, ip, Claim::Dhcp(Box::new(claim)))
}

/// A DHCP server and what it gives.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Its MAC.
    pub mac: Mac,
    /// Its address.
    pub ip: Ipv4Addr,
    /// The default router that it names.
    pub router: Ipv4Addr,
}

/// A DHCP server's answer to a client.
pub fn dhcp_from_server(server: Server, client: Mac, message: DhcpMessage, given: Ipv4Addr, lease_s: u32) -> Sighting {
    let claim = DhcpClaim {
        message,
        from_server: true,
        client_is_here: true,
        options: vec![53, 54, 51, 1, 3],
        netmask: Some(Ipv4Addr::new(255, 255, 252, 0)),
        router: Some(server.router),
        server: Some(server.ip),
        lease_s: Some(lease_s),
        yiaddr: Some(given),
        source: Some(server.ip.into()),
        ..DhcpClaim::default()
    };
    let ip = (message == DhcpMessage::Ack).then_some(IpAddr::V4(given));
    Sighting {
        at: START,
        segment: segment(),
        frame_mac: server.mac,
        mac: client,
        ip,
        claim: Claim::Dhcp(Box::new(claim)),
    }
}
