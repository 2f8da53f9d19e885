//! What a DHCPv4 message claims (RFC 2131).

use crate::types::Text;
use std::net::{IpAddr, Ipv4Addr};

/// What a DHCPv4 message says (RFC 2131, RFC 2132); `Sighting::mac` is `chaddr`,
/// `Sighting::ip` is `yiaddr` of an ACK, else a non-zero `ciaddr`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpClaim {
    /// Option 53, `BOOTP` without one.
    pub message: DhcpMessage,
    /// Sent by a server (`op` 2).
    pub from_server: bool,
    /// The frame went from or to the client itself, not over a relay's other leg: the client is on this segment.
    pub client_is_here: bool,
    /// The options that are there, in order, by number.
    pub options: Vec<u8>,
    /// Option 12.
    pub hostname: Option<Text>,
    /// Option 81, the name only.
    pub fqdn: Option<Text>,
    /// Option 60.
    pub vendor_class: Option<Text>,
    /// Option 77.
    pub user_class: Option<Text>,
    /// Option 43, raw.
    pub vendor_specific: Option<Text>,
    /// Option 55, in order.
    pub parameters: Option<Vec<u8>>,
    /// Option 61, raw.
    pub client_id: Option<Text>,
    /// Option 82, raw.
    pub relay_info: Option<Text>,
    /// Option 1.
    pub netmask: Option<Ipv4Addr>,
    /// Option 3, the first.
    pub router: Option<Ipv4Addr>,
    /// Option 50.
    pub requested_ip: Option<Ipv4Addr>,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 51, seconds.
    pub lease_s: Option<u32>,
    /// Option 57, bytes.
    pub max_message_size: Option<u16>,
    /// `ciaddr`, when not zero.
    pub ciaddr: Option<Ipv4Addr>,
    /// `yiaddr`, when not zero.
    pub yiaddr: Option<Ipv4Addr>,
    /// `giaddr`, when not zero.
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
    /// 1
    Discover,
    /// 2
    Offer,
    /// 3
    Request,
    /// 4
    Decline,
    /// 5
    Ack,
    /// 6
    Nak,
    /// 7
    Release,
    /// 8
    Inform,
    /// Any other number.
    Unknown(u8),
}
