//! What a DHCPv4 message claims (RFC 2131).

use crate::inventory::sighting::heard::source;
use crate::types::{Frame, Mac, Text};
use crate::wire::dhcp;
use std::net::{IpAddr, Ipv4Addr};

/// What a DHCPv4 message says (RFC 2131, RFC 2132); `Sighting::mac` is `chaddr`,
/// `Sighting::ip` is `yiaddr` of an ACK, else a non-zero `ciaddr`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpClaim {
    /// Message type (option 53); BOOTP without one.
    pub message: DhcpMessage,
    /// Sent by a server (`op` 2).
    pub from_server: bool,
    /// The frame went from or to the client itself and not between relay and server: the client is on this segment.
    pub client_is_here: bool,
    /// The numbers of the options, in order.
    pub options: Vec<u8>,
    /// Host name (option 12).
    pub hostname: Option<Text>,
    /// Client FQDN (option 81), the name only.
    pub fqdn: Option<Text>,
    /// Vendor class (option 60).
    pub vendor_class: Option<Text>,
    /// User class (option 77).
    pub user_class: Option<Text>,
    /// Vendor-specific information (option 43), raw.
    pub vendor_specific: Option<Text>,
    /// Parameter request list (option 55), in order.
    pub parameters: Option<Vec<u8>>,
    /// Client identifier (option 61), raw.
    pub client_id: Option<Text>,
    /// Relay agent information (option 82), raw.
    pub relay_info: Option<Text>,
    /// Subnet mask (option 1).
    pub netmask: Option<Ipv4Addr>,
    /// Router (option 3), the first.
    pub router: Option<Ipv4Addr>,
    /// Name servers (option 6), at most 64.
    pub name_servers: Vec<Ipv4Addr>,
    /// Requested address (option 50).
    pub requested_ip: Option<Ipv4Addr>,
    /// Server identifier (option 54).
    pub server: Option<Ipv4Addr>,
    /// Lease time (option 51), seconds.
    pub lease_s: Option<u32>,
    /// Maximum message size (option 57), bytes.
    pub max_message_size: Option<u16>,
    /// The client's present address (`ciaddr`), when not zero.
    pub ciaddr: Option<Ipv4Addr>,
    /// The address given to the client (`yiaddr`), when not zero.
    pub yiaddr: Option<Ipv4Addr>,
    /// The relay's address (`giaddr`), when not zero.
    pub giaddr: Option<Ipv4Addr>,
    /// The IP time to live.
    pub hop_limit: Option<u8>,
    /// The IP source of the message.
    pub source: Option<IpAddr>,
    /// The options ended early or ran over the message.
    pub truncated: bool,
}

/// DHCP message types (RFC 2132, section 9.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DhcpMessage {
    /// No option 53: BOOTP (RFC 951).
    #[default]
    Bootp,
    /// 1, Discover: a client looks for servers.
    Discover,
    /// 2, Offer.
    Offer,
    /// 3, Request: a client asks for an address, or renews it.
    Request,
    /// 4, Decline: a client found the address in use.
    Decline,
    /// 5, Ack: the server gives the address.
    Ack,
    /// 6, Nak: the server refuses.
    Nak,
    /// 7, Release: a client gives its address back.
    Release,
    /// 8, Inform: a client asks for settings only.
    Inform,
    /// Any other number.
    Unknown(u8),
}

/// What the message claims, and of which client and address. `None` where it names no client.
pub(super) fn claim(frame: &Frame<'_>, message: &dhcp::Message) -> Option<(Mac, Option<Ipv4Addr>, DhcpClaim)> {
    let client = message.client.filter(|mac| mac.is_station())?;
    let nonzero = |ip: Ipv4Addr| (!ip.is_unspecified()).then_some(ip);
    let number = message.option(dhcp::MESSAGE_TYPE);
    let kind = match number {
        None => DhcpMessage::Bootp,
        Some(&[number]) => kind_of(number),
        // A type that is not one byte is invalid (RFC 2132, section 9.6).
        Some(_) => DhcpMessage::Unknown(0),
    };
    let (ciaddr, yiaddr) = (nonzero(message.ciaddr), nonzero(message.yiaddr));
    let ip = yiaddr.filter(|_| kind == DhcpMessage::Ack).or(ciaddr);
    let claim = DhcpClaim {
        message: kind,
        from_server: message.from_server,
        // Between relay and server the client is on another segment.
        client_is_here: match message.from_server {
            true => frame.destination_mac == client || frame.destination_mac == Mac::BROADCAST,
            false => frame.source_mac == client,
        },
        options: message.numbers(),
        hostname: message.host_name(),
        fqdn: message.fqdn(),
        vendor_class: message.text(dhcp::VENDOR_CLASS),
        user_class: message.text(dhcp::USER_CLASS),
        vendor_specific: message.option(dhcp::VENDOR_SPECIFIC).map(Text::new),
        parameters: message.option(dhcp::PARAMETERS).map(<[u8]>::to_vec),
        client_id: message.option(dhcp::CLIENT_ID).map(Text::new),
        relay_info: message.option(dhcp::RELAY_INFO).map(Text::new),
        netmask: message.ipv4(dhcp::SUBNET_MASK),
        router: message.ipv4(dhcp::ROUTERS),
        name_servers: message.ipv4s(dhcp::NAME_SERVERS),
        requested_ip: message.ipv4(dhcp::REQUESTED_ADDRESS),
        server: message.ipv4(dhcp::SERVER),
        lease_s: message.option(dhcp::LEASE_TIME).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_be_bytes(*bytes)),
        max_message_size: message
            .option(dhcp::MAX_MESSAGE_SIZE)
            .and_then(<[u8]>::first_chunk)
            .map(|bytes| u16::from_be_bytes(*bytes)),
        ciaddr,
        yiaddr,
        giaddr: nonzero(message.giaddr),
        hop_limit: frame.packet.map(|packet| packet.hop_limit),
        source: source(frame),
        truncated: message.is_truncated || frame.cut,
    };
    Some((client, ip, claim))
}

fn kind_of(number: u8) -> DhcpMessage {
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
