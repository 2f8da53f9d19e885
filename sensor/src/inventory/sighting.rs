//! A sighting: one fact about who, where, when, by which protocol, claiming what. And how messages become sightings.

use std::net::{IpAddr, Ipv4Addr};

use crate::types::{Mac, Segment, Text, Timestamp};

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was seen.
    pub at: Timestamp,
    /// Where.
    pub segment: Segment,
    /// Who sent the frame.
    pub frame_mac: Mac,
    /// Whom the claim is about: ARP sender, NDP link-layer option, DHCP client; else the frame's source.
    pub mac: Mac,
    /// The address that the claim is about, where there is one.
    pub ip: Option<IpAddr>,
    /// What is claimed.
    pub claim: Claim,
}

/// What a sighting claims, in its protocol's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// ARP.
    Arp(ArpClaim),
    /// DHCPv4; boxed because it is rare and large.
    Dhcp(Box<DhcpClaim>),
    /// One record of an mDNS message, or its sender.
    Mdns(MdnsClaim),
    /// NDP.
    Ndp(NdpClaim),
}

/// ARP's claim; `Sighting::ip` is the sender's address, or the one asked about in a conflict check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpClaim {
    /// What the message does.
    pub operation: ArpOperation,
    /// The address asked for or answered to.
    pub target: Ipv4Addr,
}

/// What an ARP message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOperation {
    /// Sender 0.0.0.0: "does anybody hold this address?" (RFC 5227, section 2.1.1). Binds nothing.
    ConflictCheck,
    /// Sender and target address are the same: an announcement.
    Gratuitous,
    /// Answer.
    Reply,
    /// Question.
    Request,
}

/// NDP's claim; `Sighting::ip` is the address that the link-layer option (or, without one, the frame) speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NdpClaim {
    /// Neighbour advertisement: the target is held by `Sighting::mac`.
    Advert {
        /// The sender says that it routes.
        router: bool,
    },
    /// Solicitation from `::`: "does anybody hold this address?" (RFC 4862, section 5.4). Binds nothing.
    Dad,
    /// Redirect (RFC 4861, section 4.5); the sighting speaks for the router that sent it and binds nothing else.
    Redirect {
        /// The better first hop.
        target: IpAddr,
        /// The destination that it is for.
        destination: IpAddr,
    },
    /// Router advertisement. Boxed because it is rare.
    RouterAdvert(Box<RouterAdvert>),
    /// Router solicitation.
    RouterSolicit,
    /// Neighbour solicitation.
    Solicit {
        /// The address asked for.
        target: IpAddr,
    },
}

/// What a router advertisement says (RFC 4861, section 4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterAdvert {
    /// Router lifetime, seconds; 0: not a default router.
    pub lifetime_s: u16,
    /// Prefixes: address and length (0..=128).
    pub prefixes: Vec<(std::net::Ipv6Addr, u8)>,
}

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

/// One record of an mDNS message (RFC 6762), or the message's sender where it has none of interest.
/// Names are labels joined by `.`, nothing escaped, no final dot; the root is `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MdnsClaim {
    /// A or AAAA of a response.
    Address {
        /// The owner.
        name: Text,
        /// Its address.
        addr: IpAddr,
    },
    /// A record with TTL 0: what it was, and its owner.
    Goodbye {
        /// The record that ends.
        record: Box<MdnsClaim>,
    },
    /// A question.
    Query {
        /// The name asked for.
        name: Text,
    },
    /// PTR below `in-addr.arpa` or `ip6.arpa`.
    Reverse {
        /// The owner.
        name: Text,
        /// Where it points.
        target: Text,
    },
    /// PTR of a service type to an instance.
    Service {
        /// The service type.
        name: Text,
        /// The instance.
        instance: Text,
    },
    /// SRV.
    Srv {
        /// The instance.
        name: Text,
        /// The host name.
        target: Text,
        /// The port.
        port: u16,
    },
    /// TXT.
    Txt {
        /// The owner.
        name: Text,
        /// Its strings.
        txt: Vec<Text>,
    },
    /// PTR of `_services._dns-sd._udp`.
    Type {
        /// The service type that exists.
        name: Text,
    },
}
