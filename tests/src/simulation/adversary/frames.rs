//! What stations can send, besides what `week::words` has: forged frames, servers' answers, announcements of switches, copied
//! identifiers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::dhcpv6::Dhcpv6Claim;
use sensor_core::inventory::sighting::heard::Heard;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::traffic::TrafficClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Mac, Text};
use sensor_core::wire::{dhcpv6, lldp, ndp, ssdp, stp};

use super::cast::{CLIENT_ID, NAME};
use crate::simulation::week::words::{self, ClientWords};

/// A frame that another station sent, or that says so.
pub fn from(frame_mac: Mac, sighting: Sighting) -> Sighting {
    Sighting { frame_mac, ..sighting }
}

/// What a DHCP server's message says.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// The frame's source.
    pub frame_mac: Mac,
    /// Which message.
    pub message: DhcpMessage,
    /// Option 54.
    pub server: Ipv4Addr,
    /// Option 3.
    pub router: Option<Ipv4Addr>,
    /// Option 6.
    pub name_server: Option<Ipv4Addr>,
    /// The client.
    pub client: Mac,
    /// The address that it gives.
    pub given: Ipv4Addr,
    /// The relay that it says was between.
    pub relay: Option<Ipv4Addr>,
    /// The lease time.
    pub lease_s: u32,
}

/// A DHCP server's message.
pub fn offer(offer: &Offer) -> Sighting {
    let claim = DhcpClaim {
        message: offer.message,
        from_server: true,
        client_is_here: true,
        options: vec![53, 54, 51, 1, 3, 6],
        netmask: Some(Ipv4Addr::new(255, 255, 255, 0)),
        router: offer.router,
        name_servers: offer.name_server.into_iter().collect(),
        server: Some(offer.server),
        lease_s: Some(offer.lease_s),
        yiaddr: Some(offer.given),
        giaddr: offer.relay,
        hop_limit: Some(64),
        source: Some(offer.server.into()),
        ..DhcpClaim::default()
    };
    let ip = (offer.message == DhcpMessage::Ack).then_some(IpAddr::V4(offer.given));
    from(offer.frame_mac, words::word(offer.client, ip, Claim::Dhcp(Box::new(claim))))
}

/// A DHCP client's message; with the desktop's identifiers where they are copied.
pub fn client(mac: Mac, message: DhcpMessage, own: Option<Ipv4Addr>, is_copied: bool) -> Sighting {
    let mut said = ClientWords { parameters: &[1, 3, 6, 15, 42, 119], ..ClientWords::default() };
    if is_copied {
        (said.client_id, said.name) = (Some(CLIENT_ID.to_vec()), Some(NAME.to_owned()));
    }
    let claim = DhcpClaim { ciaddr: own, hop_limit: Some(64), ..words::dhcp_client(&said, message) };
    words::dhcp_from_client(mac, claim)
}

/// A DHCPv6 client's message with this DUID, from its link-local address.
pub fn client_six(mac: Mac, six: Ipv6Addr, duid: &[u8]) -> Sighting {
    let message = dhcpv6::Message { kind: 1, client_duid: Some(Text::new(duid)), ..dhcpv6::Message::default() };
    let claim = Dhcpv6Claim { message, from_server: false, client: Some(mac), is_near: true };
    words::word(mac, Some(six.into()), Claim::Dhcpv6(Box::new(claim)))
}

/// A router advertisement.
pub fn advert(mac: Mac, six: Ipv6Addr, lifetime_s: u16, prefix: Option<Ipv6Addr>, dns: Option<Ipv6Addr>) -> Sighting {
    let advert = RouterAdvert {
        lifetime_s,
        hop_limit: 64,
        prefixes: prefix.map(|prefix| ndp::Prefix::new(prefix, 64)).into_iter().collect(),
        rdnss: dns.into_iter().collect(),
        ..RouterAdvert::default()
    };
    words::ndp(mac, six, NdpClaim::RouterAdvert(Box::new(advert)))
}

/// An announcement by LLDP.
pub fn lldp(mac: Mac, chassis: Mac, port: &str, capabilities: u16, management: Ipv4Addr) -> Sighting {
    let message = lldp::Message {
        chassis: lldp::Id { subtype: 4, value: lldp::Value::Mac(chassis) },
        port: lldp::Id { subtype: 5, value: lldp::Value::Text(Text::new(port.as_bytes())) },
        ttl_s: 120,
        port_description: None,
        system_name: None,
        system_description: None,
        capabilities: Some(lldp::Capabilities { supported: capabilities, enabled: capabilities }),
        management: vec![management.into()],
        port_vlan: None,
        med: None,
    };
    words::word(mac, None, Claim::Lldp(Box::new(message)))
}

/// A spanning tree's configuration message.
pub fn stp(mac: Mac, bridge: Mac, port: u16) -> Sighting {
    let bridge = stp::BridgeId { priority: 0x8000, mac: bridge };
    let configuration = stp::Configuration { flags: 0, root: bridge, root_cost: 0, bridge, port };
    words::word(mac, None, Claim::Stp(stp::Message { version: 2, configuration: Some(configuration) }))
}

/// An announcement by SSDP.
pub fn ssdp(mac: Mac, ip: Ipv4Addr, kind: &str, uuid: &str) -> Sighting {
    let text = |text: &str| Some(Text::new(text.as_bytes()));
    let said = ssdp::Message {
        kind: ssdp::MessageKind::Notify,
        server: text("Linux UPnP/1.0 device/1.0"),
        location: None,
        usn: text(&format!("{uuid}::{kind}")),
        nt: text(kind),
        nts: text("ssdp:alive"),
        st: None,
        user_agent: None,
    };
    words::word(mac, Some(ip.into()), Claim::Ssdp(Box::new(Heard { said, is_near: true, port: 1900 })))
}

/// A frame with this hop limit.
pub fn hopped(mac: Mac, ip: Ipv4Addr, hop_limit: u8) -> Sighting {
    let claim = TrafficClaim { hop_limit: Some(hop_limit), frames: 1, bytes: 0 };
    words::word(mac, Some(ip.into()), Claim::Traffic(claim))
}
