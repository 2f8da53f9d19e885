//! The classifier: what a frame is, which part of it is harvested, and which claim the repeat gate remembers.
//!
//! Bytes that are missing, because the sender or the snap length cut them, make a frame `Malformed` as long as its
//! class is not known; after that they make its body `FLAG_CUT`, and a claim that cannot be read is no claim.

use crate::abi::{ARP_BODY, Class, FLAG_CUT, FLAG_IPV4, FLAG_IPV6, FRAME_MAX, Header, SMALL_BODY};
use crate::packet::{Packet, READ_MAX};

/// A frame, classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Harvest {
    /// Its class.
    pub class: Class,
    /// The ring record's head, without `at_ns` and `ifindex`. Only the class is set unless the class is harvested.
    pub header: Header,
    /// Where the body starts in the frame; its length is `header.body_len`.
    pub body_at: usize,
    /// What the gate compares, for classes whose repeats are held back.
    pub claim: Option<Claim>,
}

/// What [`find`] found: enough for the gate, and where to read the rest. Small, because in the kernel whatever lives
/// across a call goes through a stack of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The frame's class.
    pub class: Class,
    /// What the gate compares, for classes whose repeats are held back.
    pub claim: Option<Claim>,
    /// VLAN ids, outer first.
    pub vlans: [u16; 2],
    vlan_count: u8,
    flags: u8,
    ip_at: usize,
    /// Where the body starts in the frame.
    pub body_at: usize,
    /// Bytes of body.
    pub body_len: u16,
}

/// Where a frame's IP source and destination stand, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Twice 4 bytes.
    Ipv4 {
        /// Offset of the first.
        at: usize,
    },
    /// Twice 16 bytes.
    Ipv6 {
        /// Offset of the first.
        at: usize,
    },
    /// There is no IP header.
    None,
}

/// An address and who claims it: the gate's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// A number of [`kind`].
    pub kind: u8,
    /// The address claimed, as two words in network order; an IPv4 address is the first word.
    pub address: [u64; 2],
    /// The claimant by the message itself, else `frame_mac`.
    pub mac: u64,
    /// The frame's source.
    pub frame_mac: u64,
}

/// What a claim means: bits 3 and up tell the tables of addresses apart, bits 0 to 2 the meanings within one table.
pub mod kind {
    /// ARP request: its sender's address.
    pub const ARP_REQUEST: u8 = 0;
    /// ARP reply: its sender's address.
    pub const ARP_REPLY: u8 = 1;
    /// ARP request for the sender's own address: an announcement (RFC 5227, section 3).
    pub const ARP_ANNOUNCEMENT: u8 = 2;
    /// ARP reply about and to the same address.
    pub const ARP_GRATUITOUS_REPLY: u8 = 3;
    /// ARP request without a sender: the address asked for is about to be taken (RFC 5227, section 2.1.1).
    pub const ARP_CONFLICT_CHECK: u8 = 4;
    /// Router solicitation: its source.
    pub const ROUTER_SOLICITATION: u8 = 8;
    /// Neighbour solicitation: its source.
    pub const NEIGHBOR_SOLICITATION: u8 = 9;
    /// Neighbour solicitation without a source: the target is about to be taken (RFC 4862, section 5.4).
    pub const DUPLICATE_ADDRESS_DETECTION: u8 = 10;
    /// Neighbour advertisement: its target. The flags router (1) and override (2) are added.
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 11;
    /// Redirect: source and target mixed, in a table of its own.
    pub const REDIRECT: u8 = 16;
}

/// VLAN tags that are read; a frame with more is `Deep`. Two is what 802.1ad makes of a customer's tag.
pub const TAGS_MAX: usize = 2;
/// IPv6 extension headers that are read; honest hosts send one or two.
pub const EXTENSIONS_MAX: usize = 6;
/// Headers before the transport layer end at this offset, or the frame is `Deep`.
pub const HEADERS_MAX: usize = 256;
const _: () = assert!(HEADERS_MAX + SMALL_BODY + 8 <= READ_MAX);
/// Options of a neighbour message that are searched for a link-layer address.
pub const OPTIONS_MAX: usize = 4;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and what QinQ used before it.
const ETHERTYPES_TAG: [u16; 3] = [0x8100, 0x88a8, 0x9100];

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

const PORTS_DHCP: [u16; 2] = [67, 68];
const PORT_MDNS: u16 = 5353;

/// Classifies one frame.
pub fn classify<P: Packet>(packet: &P) -> Harvest {
    let found = find(packet);
    let mut header = Header { class: found.class as u8, ..Header::default() };
    if found.class.is_harvested() {
        let again = "what was read once can be read again";
        found.write_header(packet, &mut header).expect(again);
        match found.addresses() {
            Addresses::Ipv4 { at } => {
                header.source[..4].copy_from_slice(&packet.bytes::<4>(at).expect(again));
                header.destination[..4].copy_from_slice(&packet.bytes::<4>(at + 4).expect(again));
            }
            Addresses::Ipv6 { at } => {
                header.source = packet.bytes(at).expect(again);
                header.destination = packet.bytes(at + 16).expect(again);
            }
            Addresses::None => {}
        }
    }
    Harvest { class: found.class, header, body_at: found.body_at, claim: found.claim }
}

/// Whether one look tells that [`find`] would answer `Other`: the TCP and UDP of untagged frames, which is nearly all
/// of a busy link. Spares them the rest.
#[inline(always)]
pub fn is_plainly_other<P: Packet>(packet: &P) -> bool {
    let Some(head) = packet.bytes::<30>(12) else { return false };
    match u16_at(&head, 0) {
        // Ethertype, 20 bytes of IPv4, 8 of UDP.
        ETHERTYPE_IPV4 if head[2] == 0x45 => {
            head[11] != UDP
                || u16_at(&head, 8) & 0x3fff == 0 && {
                    let (dhcp, mdns) = ports(&slice(&head, 22));
                    !dhcp && !mdns
                }
        }
        ETHERTYPE_IPV6 if head[2] >> 4 == 6 => head[8] == TCP,
        _ => false,
    }
}

/// What a frame is, without the parts of its record that are only copied.
#[inline(always)]
pub fn find<P: Packet>(packet: &P) -> Found {
    match read(packet) {
        Ok(found) => found,
        Err(class) => Found::new(class),
    }
}

impl Found {
    /// Writes the ring record's head, but for `at_ns`, `ifindex` and the addresses, of a frame of a harvested class:
    /// in place and with the call first, so that in the kernel no byte of it goes through the stack.
    #[inline(always)]
    pub fn write_header<P: Packet>(&self, packet: &P, header: &mut Header) -> Option<()> {
        header.class = self.class as u8;
        header.flags = self.flags;
        header.hop_limit = match self.addresses() {
            Addresses::Ipv4 { at } => packet.bytes::<2>(at - 4)?[0],
            Addresses::Ipv6 { at } => packet.bytes::<2>(at - 2)?[1],
            Addresses::None => 0,
        };
        header.vlan_count = self.vlan_count;
        header.vlans = self.vlans;
        header.destination_mac = packet.bytes(0)?;
        header.source_mac = packet.bytes(6)?;
        header.body_len = self.body_len;
        header.reserved = [0; 6];
        Some(())
    }

    /// Where the record's addresses stand in the frame. The kernel copies them by means of its own: byte by byte, as
    /// LLVM would do it for BPF, they cost more than the rest of the record.
    #[inline(always)]
    pub fn addresses(&self) -> Addresses {
        if self.flags & FLAG_IPV4 != 0 {
            Addresses::Ipv4 { at: self.ip_at + 12 }
        } else if self.flags & FLAG_IPV6 != 0 {
            Addresses::Ipv6 { at: self.ip_at + 8 }
        } else {
            Addresses::None
        }
    }

    /// Whether the body lacks its end.
    #[inline(always)]
    pub fn is_cut(&self) -> bool {
        self.flags & FLAG_CUT != 0
    }

    #[inline(always)]
    fn new(class: Class) -> Self {
        Self { class, claim: None, vlans: [0; 2], vlan_count: 0, flags: 0, ip_at: 0, body_at: 0, body_len: 0 }
    }
}

/// A harvested frame, or the class of one that is not.
#[inline(always)]
fn read<P: Packet>(packet: &P) -> Result<Found, Class> {
    let ethernet: [u8; 2] = packet.bytes(12).ok_or(Class::Malformed)?;
    let mut ethertype = u16_at(&ethernet, 0);
    let mut at = 14;
    let mut found = Found::new(Class::Other);
    for _ in 0..TAGS_MAX {
        if !is_tag(ethertype) {
            break;
        }
        let tag: [u8; 4] = packet.bytes(at).ok_or(Class::Malformed)?;
        let id = u16_at(&tag, 0) & 0xfff;
        // A priority tag (id 0) names no VLAN.
        if id != 0 {
            found.vlans[if found.vlan_count == 0 { 0 } else { 1 }] = id;
            found.vlan_count += 1;
        }
        ethertype = u16_at(&tag, 2);
        at += 4;
    }
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(packet, found, at),
        ETHERTYPE_IPV6 => ipv6(packet, found, at),
        ETHERTYPE_ARP => arp(packet, found, at),
        tag if is_tag(tag) => Err(Class::Deep),
        _ => Err(Class::Other),
    }
}

#[inline(always)]
fn arp<P: Packet>(packet: &P, mut found: Found, at: usize) -> Result<Found, Class> {
    let body: [u8; ARP_BODY] = packet.bytes(at).ok_or(Class::Malformed)?;
    // Ethernet, IPv4 and their address lengths (RFC 826).
    if body[..6] != [0, 1, 8, 0, 6, 4] {
        return Err(Class::Other);
    }
    let sender = u32_at(&body, 14);
    let target = u32_at(&body, 24);
    let kind = match (u16_at(&body, 6), sender == target) {
        (1, _) if sender == 0 => kind::ARP_CONFLICT_CHECK,
        (1, false) => kind::ARP_REQUEST,
        (1, true) => kind::ARP_ANNOUNCEMENT,
        (2, false) => kind::ARP_REPLY,
        (2, true) => kind::ARP_GRATUITOUS_REPLY,
        _ => return Err(Class::Other),
    };
    let address = if kind == kind::ARP_CONFLICT_CHECK { target } else { sender };
    found.class = Class::Arp;
    found.body_at = at;
    found.body_len = ARP_BODY as u16;
    let frame_mac = frame_mac(packet).ok_or(Class::Malformed)?;
    found.claim = Some(Claim { kind, address: [u64::from(address), 0], mac: mac_word(&slice(&body, 8)), frame_mac });
    Ok(found)
}

#[inline(always)]
fn ipv4<P: Packet>(packet: &P, mut found: Found, ip_at: usize) -> Result<Found, Class> {
    let ip: [u8; 20] = packet.bytes(ip_at).ok_or(Class::Malformed)?;
    let header_len = usize::from(ip[0] & 0xf) * 4;
    if ip[0] >> 4 != 4 || header_len < 20 {
        return Err(Class::Malformed);
    }
    if ip[9] != UDP {
        return Err(Class::Other);
    }
    // More fragments, or an offset.
    if u16_at(&ip, 6) & 0x3fff != 0 {
        return Err(Class::Fragment);
    }
    let at = ip_at + header_len;
    let udp: [u8; 8] = packet.bytes(at).ok_or(Class::Malformed)?;
    found.class = match ports(&udp) {
        (true, _) => Class::Dhcp,
        (false, true) => Class::Mdns,
        _ => return Err(Class::Other),
    };
    found.flags = FLAG_IPV4;
    found.ip_at = ip_at;
    payload(packet, found, at, &udp, ip_at + usize::from(u16_at(&ip, 2)))
}

#[inline(always)]
fn ipv6<P: Packet>(packet: &P, mut found: Found, ip_at: usize) -> Result<Found, Class> {
    let ip: [u8; 8] = packet.bytes(ip_at).ok_or(Class::Malformed)?;
    let mut at = ip_at + 40;
    if ip[0] >> 4 != 6 {
        return Err(Class::Malformed);
    }
    let mut next = ip[6];
    for _ in 0..EXTENSIONS_MAX {
        if !is_extension(next) {
            break;
        }
        if at > HEADERS_MAX {
            return Err(Class::Deep);
        }
        let extension: [u8; 4] = packet.bytes(at).ok_or(Class::Malformed)?;
        at += match next {
            // An atomic fragment is the whole packet (RFC 6946).
            FRAGMENT if u16_at(&extension, 2) & 0xfff9 != 0 => return Err(fragment_of(extension[0])),
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(extension[1]) + 2) * 4,
            _ => (usize::from(extension[1]) + 1) * 8,
        };
        next = extension[0];
    }
    if is_extension(next) || at > HEADERS_MAX {
        return Err(Class::Deep);
    }
    if next != UDP && next != ICMPV6 {
        return Err(Class::Other);
    }
    let transport: [u8; 8] = packet.bytes(at).ok_or(Class::Malformed)?;
    let end = ip_at + 40 + usize::from(u16_at(&ip, 4));
    found.flags = FLAG_IPV6;
    found.ip_at = ip_at;
    if next == UDP {
        if !ports(&transport).1 {
            return Err(Class::Other);
        }
        found.class = Class::Mdns;
        return payload(packet, found, at, &transport, end);
    }
    if !matches!(transport[0], ROUTER_SOLICITATION..=REDIRECT) {
        return Err(Class::Other);
    }
    found.class = Class::Ndp;
    ndp(packet, found, at, &transport, end)
}

/// A datagram's payload: `at` is where its UDP header starts, `end` where the IP packet ends.
#[inline(always)]
fn payload<P: Packet>(packet: &P, mut found: Found, at: usize, udp: &[u8; 8], end: usize) -> Result<Found, Class> {
    let len = usize::from(u16_at(udp, 4));
    if len < 8 || at + len > end || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    found.take_body(packet, at + 8, at + len, FRAME_MAX);
    Ok(found)
}

/// A neighbour message: `at` is where its ICMPv6 header starts, `end` where the IP packet ends.
#[inline(always)]
fn ndp<P: Packet>(packet: &P, mut found: Found, at: usize, icmp: &[u8; 8], end: usize) -> Result<Found, Class> {
    let message = icmp[0];
    let fixed_len = match message {
        ROUTER_SOLICITATION => 8,
        ROUTER_ADVERTISEMENT => 16,
        REDIRECT => 40,
        _ => 24,
    };
    if icmp[1] != 0 || end < at + fixed_len || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    if message == ROUTER_ADVERTISEMENT {
        found.take_body(packet, at, end, FRAME_MAX);
        return Ok(found);
    }
    found.take_body(packet, at, end, at + SMALL_BODY);
    // Solicitations name their sender's link-layer address (option 1), the others their target's (option 2).
    let wanted = if message == ROUTER_SOLICITATION || message == NEIGHBOR_SOLICITATION { 1 } else { 2 };
    let options_end = end.min(at + SMALL_BODY);
    let Some(frame_mac) = frame_mac(packet) else { return Ok(found) };
    let mac = match link_layer_option(packet, at + fixed_len, options_end, wanted)? {
        LinkLayer::Absent => frame_mac,
        LinkLayer::Is(mac) => mac,
        LinkLayer::NotCaptured => return Ok(found),
    };
    let Some(source) = address_at(packet, found.ip_at + 8) else { return Ok(found) };
    let (kind, address) = if message == ROUTER_SOLICITATION {
        (kind::ROUTER_SOLICITATION, source)
    } else {
        let Some(target) = address_at(packet, at + 8) else { return Ok(found) };
        match message {
            NEIGHBOR_SOLICITATION if source == [0, 0] => (kind::DUPLICATE_ADDRESS_DETECTION, target),
            NEIGHBOR_SOLICITATION => (kind::NEIGHBOR_SOLICITATION, source),
            NEIGHBOR_ADVERTISEMENT => (kind::NEIGHBOR_ADVERTISEMENT + (icmp[4] >> 7) + (icmp[4] >> 4 & 2), target),
            _ => (kind::REDIRECT, [source[0] ^ target[0].rotate_left(32), source[1] ^ target[1].rotate_left(32)]),
        }
    };
    found.claim = Some(Claim { kind, address, mac, frame_mac });
    Ok(found)
}

/// What a neighbour message's options say of a link-layer address.
enum LinkLayer {
    Absent,
    Is(u64),
    NotCaptured,
}

/// The first link-layer address of the `wanted` type among the options from `at` to `end`.
#[inline(always)]
fn link_layer_option<P: Packet>(packet: &P, mut at: usize, end: usize, wanted: u8) -> Result<LinkLayer, Class> {
    for _ in 0..OPTIONS_MAX {
        if at + 8 > end {
            break;
        }
        let Some(option) = packet.bytes::<8>(at) else { return Ok(LinkLayer::NotCaptured) };
        // "Nodes MUST silently discard an ND packet that contains an option with length zero." (RFC 4861, 4.6)
        if option[1] == 0 {
            return Err(Class::Malformed);
        }
        if option[0] == wanted && option[1] == 1 {
            return Ok(LinkLayer::Is(mac_word(&slice(&option, 2))));
        }
        at += usize::from(option[1]) * 8;
    }
    Ok(LinkLayer::Absent)
}

#[inline(always)]
fn frame_mac<P: Packet>(packet: &P) -> Option<u64> {
    Some(mac_word(&packet.bytes(6)?))
}

#[inline(always)]
fn address_at<P: Packet>(packet: &P, at: usize) -> Option<[u64; 2]> {
    let bytes: [u8; 16] = packet.bytes(at)?;
    Some([u64_at(&bytes, 0), u64_at(&bytes, 8)])
}

impl Found {
    /// The body runs from `at` to `end`, as far as it was captured and not past `limit` or `FRAME_MAX`.
    #[inline(always)]
    fn take_body<P: Packet>(&mut self, packet: &P, at: usize, end: usize, limit: usize) {
        let taken_to = end.min(limit).min(FRAME_MAX).min(packet.captured_len());
        if taken_to < end {
            self.flags |= FLAG_CUT;
        }
        self.body_at = at;
        self.body_len = taken_to.saturating_sub(at) as u16;
    }
}

/// Whether a datagram's ports are DHCP's, and whether they are mDNS's.
#[inline(always)]
fn ports(udp: &[u8; 8]) -> (bool, bool) {
    let (source, destination) = (u16_at(udp, 0), u16_at(udp, 2));
    (PORTS_DHCP.contains(&source) || PORTS_DHCP.contains(&destination), source == PORT_MDNS || destination == PORT_MDNS)
}

#[inline(always)]
fn is_tag(ethertype: u16) -> bool {
    ETHERTYPES_TAG.contains(&ethertype)
}

#[inline(always)]
fn is_extension(header: u8) -> bool {
    matches!(header, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS)
}

/// The class of an IPv6 fragment of `next`: those that may belong to a harvested protocol are counted as fragments.
#[inline(always)]
fn fragment_of(next: u8) -> Class {
    if next == UDP || next == ICMPV6 || is_extension(next) { Class::Fragment } else { Class::Other }
}

#[inline(always)]
fn slice<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[inline(always)]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(slice(bytes, at))
}

#[inline(always)]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(slice(bytes, at))
}

#[inline(always)]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(slice(bytes, at))
}

#[inline(always)]
fn mac_word(mac: &[u8; 6]) -> u64 {
    u64::from(u16_at(mac, 0)) << 32 | u64::from(u32_at(mac, 2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::packet::Captured;

    /// A datagram between two ports in IPv4, cut after `captured` of its bytes.
    #[track_caller]
    fn check(ports: [u16; 2], captured: usize, class: Class, body_len: u16, is_cut: bool) {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 68, 0, 1, 0, 0, 64, UDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()).collect::<Vec<u8>>());
        frame.extend([0, 48, 0, 0]);
        frame.resize(14 + 68, 7);
        let packet = Captured { bytes: &frame[..captured], wire_len: frame.len() };
        let harvest = classify(&packet);
        let flags = harvest.header.flags;
        assert_eq!((harvest.class, harvest.header.body_len, flags & FLAG_CUT != 0), (class, body_len, is_cut));
        assert!(!is_plainly_other(&packet) || class == Class::Other);
    }

    #[test]
    fn either_port_may_be_the_known_one() {
        check([68, 67], 82, Class::Dhcp, 40, false);
        check([40_000, 67], 82, Class::Dhcp, 40, false);
        check([5353, 40_000], 82, Class::Mdns, 40, false);
        check([40_000, 53], 82, Class::Other, 0, false);
    }

    #[test]
    fn what_was_not_captured_is_cut_and_unknown_headers_are_malformed() {
        check([68, 67], 81, Class::Dhcp, 39, true);
        check([68, 67], 42, Class::Dhcp, 0, true);
        check([68, 67], 41, Class::Malformed, 0, false);
        check([68, 67], 13, Class::Malformed, 0, false);
    }
}
