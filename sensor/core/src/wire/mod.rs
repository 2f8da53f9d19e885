//! Bytes to messages. One file a protocol: the file comment says what of the RFC is read; a parser never panics, never
//! allocates by a number found in the packet, never logs. It has three answers: malformed (`Err`), not ours
//! (`Ok(None)`), ours (`Ok(Some(_))`).

use crate::types::{Class, Frame};
use crate::wire::error::WireError;

/// Why a message could not be read.
pub mod error;
/// ARP (RFC 826).
pub mod arp;
/// Cisco Discovery Protocol.
pub mod cdp;
/// DHCPv4 (RFC 2131).
pub mod dhcp;
/// DHCPv6 (RFC 8415).
pub mod dhcpv6;
/// The DNS message (RFC 1035), which mDNS and LLMNR share.
pub mod dns;
/// LLDP (IEEE 802.1AB).
pub mod lldp;
/// LLMNR (RFC 4795).
pub mod llmnr;
/// mDNS (RFC 6762).
pub mod mdns;
/// Group membership: IGMP and MLD.
pub mod membership;
/// The NetBIOS name service (RFC 1002).
pub mod nbns;
/// Neighbour discovery (RFC 4861).
pub mod ndp;
/// ICMP redirects.
pub mod redirect;
/// First-hop redundancy: VRRP, CARP, HSRP, GLBP.
pub mod redundancy;
/// Spanning tree (IEEE 802.1Q).
pub mod stp;
/// Answers of UDP services.
pub mod served;
/// TCP's opening segments: SYN and SYN-ACK.
pub mod syn;
/// SSDP (UPnP).
pub mod ssdp;
/// WS-Discovery.
pub mod wsd;

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
    /// An ICMP redirect.
    Redirect(redirect::Message),
    /// VRRP, CARP, HSRP, GLBP.
    Redundancy(redundancy::Message),
    /// Spanning tree.
    Stp(stp::Message),
    /// DHCPv6; boxed because it is rare and large.
    Dhcpv6(Box<dhcpv6::Message>),
    /// LLMNR.
    Llmnr(dns::Message),
    /// An answer of DNS, NTP or SNMP.
    Served(served::Message),
    /// Any other frame: only its sender is of interest.
    Traffic,
    /// SYN and SYN-ACK.
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
        Class::Redirect => redirect::parse(frame.body)?.map(Message::Redirect),
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
        // What the capture found of a frame with many headers when it read on.
        Class::Deep => return Err(WireError::Deep),
        Class::Malformed => return Err(WireError::Truncated),
        Class::Fragment | Class::Other => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Iface, Mac, Segment, Timestamp};

    #[test]
    fn a_frame_that_is_too_deep_is_malformed_and_not_passed_over() {
        let read = |class| {
            dissect(&Frame {
                at: Timestamp::EPOCH,
                segment: Segment::untagged(Iface::new("eth0").expect("a name")),
                class,
                cut: false,
                flood: false,
                scan: false,
                source_mac: Mac([2, 0, 0, 0, 0, 1]),
                destination_mac: Mac::BROADCAST,
                packet: None,
                body: &[],
            })
        };
        assert_eq!(read(Class::Deep), Err(WireError::Deep));
        assert_eq!(read(Class::Malformed), Err(WireError::Truncated));
        assert_eq!(read(Class::Other), Ok(None));
    }
}
