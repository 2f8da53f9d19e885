//! What a redirect says, of ICMP or of ICMPv6.

use std::net::IpAddr;

use crate::types::Mac;

/// A better first hop for a destination; `Sighting::ip` is the router in whose name it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The better first hop; the destination itself where that is said to be on the link.
    pub hop: IpAddr,
    /// Its MAC by ICMPv6's option, which hosts take into their neighbour caches (RFC 4861, section 8.3).
    pub hop_mac: Option<Mac>,
    /// The destination that it is for.
    pub destination: IpAddr,
}
