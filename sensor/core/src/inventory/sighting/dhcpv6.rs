//! What a DHCPv6 message claims (RFC 8415).

use crate::inventory::model::prefix::is_link_local;
use crate::inventory::sighting::heard::source;
use crate::types::{Frame, Mac};
use crate::wire::dhcpv6;

/// What a DHCPv6 message says (RFC 8415).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcpv6Claim {
    /// The message; of a relayed one, the one inside.
    pub message: dhcpv6::Message,
    /// Advertise, reply or reconfigure.
    pub from_server: bool,
    /// The client's MAC, where the frame went from or to the client itself and not between relay and server.
    pub client: Option<Mac>,
    /// The frame was sent from a link-local address: no router has forwarded it.
    pub is_near: bool,
}

impl Dhcpv6Claim {
    /// The message type Advertise.
    pub const ADVERTISE: u8 = 2;
    /// The message type Reply.
    pub const REPLY: u8 = 7;
    /// The message type Reconfigure.
    pub const RECONFIGURE: u8 = 10;
}

/// What the message claims.
pub(super) fn claim(frame: &Frame<'_>, message: &dhcpv6::Message) -> Dhcpv6Claim {
    let mut message = message.clone();
    message.is_truncated |= frame.cut;
    let from_server = matches!(message.kind, Dhcpv6Claim::ADVERTISE | Dhcpv6Claim::REPLY | Dhcpv6Claim::RECONFIGURE);
    // A client sends from its link-local address, unless a server allowed it unicast (RFC 8415, section 18.4): then a
    // router's MAC may be on the frame.
    let (end, station) = match from_server {
        true => (frame.packet.map(|packet| packet.destination), frame.destination_mac),
        false => (source(frame), frame.source_mac),
    };
    let is_here = message.relay.is_none() && end.is_some_and(is_link_local) && station.is_station();
    Dhcpv6Claim {
        message,
        from_server,
        client: is_here.then_some(station),
        is_near: source(frame).is_some_and(is_link_local),
    }
}
