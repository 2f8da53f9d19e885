//! Bytes to messages. One file a protocol: the file comment says what of the RFC is read; a parser never panics,
//! never allocates by a number found in the packet, never logs. Three answers: malformed, not ours, ours.

use crate::types::{Class, Frame};

/// ARP.
pub mod arp;
/// Cisco Discovery Protocol.
pub mod cdp;
/// DHCPv4.
pub mod dhcp;
/// DHCPv6.
pub mod dhcpv6;
/// The DNS message.
pub mod dns;
/// LLDP.
pub mod lldp;
/// Link-local multicast name resolution.
pub mod llmnr;
/// mDNS.
pub mod mdns;
/// IGMP and MLD.
pub mod membership;
/// NetBIOS name service.
pub mod nbns;
/// NDP.
pub mod ndp;
/// VRRP, CARP, HSRP, GLBP.
pub mod redundancy;
/// Spanning tree.
pub mod stp;
/// Answers of UDP services.
pub mod served;
/// TCP's opening segments.
pub mod syn;
/// Simple service discovery.
pub mod ssdp;
/// WS-Discovery.
pub mod wsd;

/// Why a message could not be read. Small and without strings: the frame itself is the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A DNS compression pointer that does not point strictly backwards, or a name over its limits.
    #[error("bad name")]
    BadName,
    /// A number in the message breaks the protocol's rules.
    #[error("bad value")]
    BadValue,
    /// NDP: the hop limit is not 255, so the message came from beyond the link (RFC 4861, section 6.1).
    #[error("hop limit is not 255")]
    HopLimit,
    /// The message ends before its fixed part does.
    #[error("truncated")]
    Truncated,
}

/// A message of a harvested protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// ARP.
    Arp(arp::Message),
    /// Cisco Discovery Protocol; boxed because it is rare and large.
    Cdp(Box<cdp::Message>),
    /// DHCPv4; boxed because it is rare and large.
    Dhcp(Box<dhcp::Message>),
    /// LLDP; boxed because it is rare and large.
    Lldp(Box<lldp::Message>),
    /// mDNS.
    Mdns(dns::Message),
    /// IGMP and MLD.
    Membership(membership::Message),
    /// VRRP, CARP, HSRP, GLBP.
    Redundancy(redundancy::Message),
    /// Spanning tree.
    Stp(stp::Message),
    /// DHCPv6; boxed because it is rare and large.
    Dhcpv6(Box<dhcpv6::Message>),
    /// LLMNR.
    Llmnr(dns::Message),
    /// A service's answer.
    Served(served::Message),
    /// Anything else: only who sent it is of interest.
    Traffic,
    /// TCP's opening segments.
    Syn(syn::Syn),
    /// NetBIOS name service.
    Nbns(nbns::Message),
    /// NDP; boxed because router advertisements are large.
    Ndp(Box<ndp::Message>),
    /// SSDP; boxed because it is rare and large.
    Ssdp(Box<ssdp::Message>),
    /// WS-Discovery.
    Wsd(wsd::Message),
}

/// Reads a frame's body: `Err` malformed, `Ok(None)` not ours, `Ok(Some(_))` ours.
pub fn dissect(frame: &Frame<'_>) -> Result<Option<Message>, WireError> {
    Ok(match frame.class {
        Class::Arp => arp::parse(frame.body)?.map(Message::Arp),
        Class::Cdp => cdp::parse(frame.body)?.map(|message| Message::Cdp(Box::new(message))),
        Class::Dhcp => dhcp::parse(frame.body)?.map(|message| Message::Dhcp(Box::new(message))),
        Class::Lldp => lldp::parse(frame.body)?.map(|message| Message::Lldp(Box::new(message))),
        Class::Mdns => mdns::parse(frame.body)?.map(Message::Mdns),
        Class::Membership => membership::parse(frame)?.map(Message::Membership),
        Class::Redundancy => redundancy::parse(frame)?.map(Message::Redundancy),
        Class::Stp => stp::parse(frame.body)?.map(Message::Stp),
        Class::Dhcpv6 => dhcpv6::parse(frame.body)?.map(|message| Message::Dhcpv6(Box::new(message))),
        Class::Llmnr => llmnr::parse(frame.body)?.map(Message::Llmnr),
        Class::Served => served::parse(frame)?.map(Message::Served),
        Class::Traffic => Some(Message::Traffic),
        Class::Syn | Class::SynAck => syn::parse(frame.body)?.map(Message::Syn),
        Class::Nbns => nbns::parse(frame.body)?.map(Message::Nbns),
        Class::Ndp => ndp::parse(frame)?.map(|message| Message::Ndp(Box::new(message))),
        Class::Ssdp => ssdp::parse(frame.body)?.map(|message| Message::Ssdp(Box::new(message))),
        Class::Wsd => wsd::parse(frame.body)?.map(Message::Wsd),
        _ => None,
    })
}
