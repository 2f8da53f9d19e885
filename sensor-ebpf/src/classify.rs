//! The classifier: what a frame is, which part of it is harvested, and which claim the repeat gate remembers.
//!
//! Bytes that are missing, because the sender or the snap length cut them, make a frame `Malformed` as long as its
//! class is not known; after that they make its body `FLAG_CUT`, and a claim that cannot be read is no claim.
//!
//! A frame that carries another one (ERSPAN, VXLAN, ...) is told as such, and the caller, who knows whether the
//! port's tunnels are to be opened, looks again from the inner frame on. One level is opened, never two.

/// IPv4 and IPv6.
mod ip;
/// What is not IP: ARP, LLDP, and what LLC carries.
mod link;
/// ICMPv6: neighbour messages and group membership.
mod neighbor;
/// UDP, TCP, and what stands beside them.
mod transport;
/// What carries another frame.
mod tunnel;

use crate::abi::{Class, FLAG_CUT, FLAG_IPV4, FLAG_IPV6, FRAME_MAX, Header, SMALL_BODY, TunnelKind};
use crate::gate;
use crate::packet::{Packet, READ_MAX};
use crate::scan::{self, Asked};
use crate::watch;

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
    /// Whose presence it shows: two words in network order, an IPv4 address the first word.
    pub sender: Option<[u64; 2]>,
    /// The frame's source.
    pub frame_mac: u64,
    /// What it asks for, where that is counted.
    pub asked: Option<Asked>,
}

impl Harvest {
    /// The segment as one word, on the interface with this number.
    pub fn place(&self, ifindex: u32) -> u64 {
        let kind = TunnelKind::from_number(self.header.tunnel_kind).unwrap_or_default();
        gate::place(ifindex, self.header.vlans, Tunnel { kind, id: self.header.tunnel_id, vlan: 0 })
    }
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
    /// By what the frame was carried.
    pub tunnel: Tunnel,
    /// The frame's source.
    pub frame_mac: u64,
    /// The IP source as two words in network order, the first of them an IPv4 address; zeros without an IP header.
    pub source: [u64; 2],
    /// What is counted of a station that asks ([`scan`]): a neighbour's address as one word, or a port; 0: nothing.
    pub asks: u64,
    vlan_count: u8,
    flags: u8,
    protocol: u8,
    is_to_group: bool,
    /// The transport's ports; zeros without.
    pub ports: [u16; 2],
    /// Where the Ethernet header starts: not 0 in a tunnel.
    start: usize,
    ip_at: usize,
    /// Where the body starts in the frame.
    pub body_at: usize,
    /// Bytes of body.
    pub body_len: u16,
    /// Where the frame that this one carries starts; 0 when it carries none.
    pub inner_at: usize,
    /// By what it is carried.
    pub inner: Tunnel,
}

/// By what a frame was carried, and which of its channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// How.
    pub kind: TunnelKind,
    /// VNI, key or session.
    pub id: u32,
    /// The VLAN that an ERSPAN header names for a frame that has no tag; 0 for none.
    pub vlan: u16,
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
    /// TCP SYN: its source.
    pub const SYN: u8 = 24;
    /// A frame of any kind: its IP source.
    pub const PRESENCE: u8 = 25;
    /// TCP SYN-ACK: its source and port.
    pub const SYN_ACK: u8 = 32;
    /// A datagram from a service: its source and port.
    pub const SERVED: u8 = 40;
    /// Spanning tree: the frame's source; what the message says stands in the claimant's place.
    pub const SPANNING_TREE: u8 = 48;
    /// First-hop redundancy: the frame's source; who speaks and what it says stand in the claimant's place.
    pub const REDUNDANCY: u8 = 56;
    /// A message compared as a whole: its speaker; the message's hash stands in the claimant's place.
    pub const MESSAGE: u8 = 64;
}

/// VLAN tags that are read; a frame with more is `Deep`. Two is what 802.1ad makes of a customer's tag.
pub const TAGS_MAX: usize = 2;
/// IPv6 extension headers that are read; honest hosts send one or two.
pub const EXTENSIONS_MAX: usize = 6;
/// Headers before the transport layer end at this offset from the frame's start, or the frame is `Deep`.
pub const HEADERS_MAX: usize = 256;
/// A carried frame starts before this offset, or it is not opened. A power of two.
pub const INNER_MAX: usize = 256;
const _: () = assert!(INNER_MAX + HEADERS_MAX + SMALL_BODY + 8 <= READ_MAX);
/// Options of a neighbour message that are searched for a link-layer address.
pub const OPTIONS_MAX: usize = 4;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
const ETHERTYPE_LLDP: u16 = 0x88cc;
/// 802.1Q, 802.1ad, and what QinQ used before it.
const ETHERTYPES_TAG: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Below this an ethertype is a length (IEEE 802.3, section 3.2.6).
const LENGTH_END: u16 = 0x600;

/// Whose tunnels are looked into: a guest could forge segments by sending tunnel frames of its own.
#[derive(Clone, Copy, Debug)]
pub enum Opens<'a> {
    /// Everybody's: the port was declared a mirror, or the frames come from a file.
    All,
    /// Those that end here: at the own addresses of this table.
    Own(&'a watch::Table),
}

/// Classifies one frame, or the one that it carries.
pub fn classify<P: Packet>(packet: &P, opens: Opens<'_>) -> Harvest {
    let mut found = find(packet, 0, Tunnel::default(), matches!(opens, Opens::All));
    let opens_it = || match opens {
        Opens::All => true,
        Opens::Own(table) => found.destination(packet).is_some_and(|address| watch::is_own(table, address)),
    };
    if found.inner_at > 0 && opens_it() {
        found = find(packet, found.inner_at, found.inner, false);
    }
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
    let sender = found.sender().filter(|_| found.class.is_harvested());
    Harvest {
        class: found.class,
        header,
        body_at: found.body_at,
        claim: found.claim,
        sender,
        frame_mac: found.frame_mac,
        asked: scan::asked(packet, &found),
    }
}

/// One look at the TCP and UDP of untagged frames, which is nearly all of a busy link: the IP source (two words in
/// network order, an IPv4 address the first word) and the frame's, if [`find`] would say [`Class::Traffic`] and no
/// tunnel.
#[inline(always)]
pub fn plain_traffic<P: Packet>(packet: &P) -> Option<([u64; 2], u64)> {
    // Ethernet, IPv4 without options, and TCP up to its flags; or IPv6 and its ports.
    let head: [u8; 48] = packet.bytes(0)?;
    // The frame's source and its ethertype in one word.
    let source = u64_at(&head, 6);
    let (address, protocol, transport) = match source as u16 {
        ETHERTYPE_IPV4 if head[14] == 0x45 && u16_at(&head, 20) & 0x3fff == 0 => {
            ([u64::from(u32_at(&head, 26)), 0], head[23], 34)
        }
        ETHERTYPE_IPV6 if head[14] >> 4 == 6 => ([u64_at(&head, 22), u64_at(&head, 30)], head[20], 54),
        _ => return None,
    };
    let is_plain = match protocol {
        ip::TCP if transport == 34 => transport::is_no_syn(head[47]),
        ip::TCP => transport::is_no_syn(packet.bytes::<2>(66)?[1]),
        ip::UDP if transport == 34 => transport::is_plain(u16_at(&head, 34), u16_at(&head, 36), true),
        ip::UDP => {
            let ports: [u8; 8] = packet.bytes(54)?;
            transport::is_plain(u16_at(&ports, 0), u16_at(&ports, 2), false)
        }
        _ => false,
    };
    is_plain.then_some((address, source >> 16))
}

/// What a frame is, without the parts of its record that are only copied. `start` is where its Ethernet header is,
/// below [`INNER_MAX`]; `tunnel` by what it was carried there; `opens` whether PPPoE is looked into.
#[inline(always)]
pub fn find<P: Packet>(packet: &P, start: usize, tunnel: Tunnel, opens: bool) -> Found {
    let mut found = Found::new(start, tunnel);
    if let Err(class) = read(packet, &mut found, opens) {
        found.class = class;
    }
    found
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
        header.destination_mac = packet.bytes(self.start)?;
        header.source_mac = packet.bytes(self.start + 6)?;
        header.body_len = self.body_len;
        header.ports = self.ports;
        header.protocol = self.protocol;
        header.tunnel_kind = self.tunnel.kind as u8;
        header.tunnel_id = self.tunnel.id;
        header.reserved = [0; 4];
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

    /// The IP destination, as [`Found::source`].
    #[inline(always)]
    pub fn destination<P: Packet>(&self, packet: &P) -> Option<[u64; 2]> {
        match self.addresses() {
            Addresses::Ipv4 { at } => Some([u64::from(u32::from_be_bytes(packet.bytes(at + 4)?)), 0]),
            Addresses::Ipv6 { at } => address_at(packet, at + 16),
            Addresses::None => None,
        }
    }

    /// Whose presence the frame shows, likewise: the IP source, or ARP's sender when it speaks for itself.
    #[inline(always)]
    pub fn sender(&self) -> Option<[u64; 2]> {
        match &self.claim {
            Some(claim) if self.class as u8 == Class::Arp as u8 => {
                let speaks = claim.kind != kind::ARP_CONFLICT_CHECK && claim.mac == claim.frame_mac;
                speaks.then_some(claim.address)
            }
            _ => (self.flags & (FLAG_IPV4 | FLAG_IPV6) != 0).then_some(self.source),
        }
    }

    /// What any frame claims: that its station has its IP source.
    #[inline(always)]
    pub fn presence(&self) -> Claim {
        Claim { kind: kind::PRESENCE, address: self.source, mac: self.frame_mac, frame_mac: self.frame_mac }
    }

    /// Whether the body lacks its end.
    #[inline(always)]
    pub fn is_cut(&self) -> bool {
        self.flags & FLAG_CUT != 0
    }

    #[inline(always)]
    fn new(start: usize, tunnel: Tunnel) -> Self {
        Self {
            class: Class::Other,
            claim: None,
            vlans: [tunnel.vlan, 0],
            tunnel,
            frame_mac: 0,
            source: [0; 2],
            asks: 0,
            is_to_group: false,
            vlan_count: u8::from(tunnel.vlan != 0),
            flags: 0,
            protocol: 0,
            ports: [0; 2],
            start,
            ip_at: 0,
            body_at: 0,
            body_len: 0,
            inner_at: 0,
            inner: Tunnel::default(),
        }
    }

    /// The body runs from `at` to `end`, as far as it was captured and not past `FRAME_MAX`.
    #[inline(always)]
    fn take_body<P: Packet>(&mut self, packet: &P, at: usize, end: usize) {
        self.take_body_until(packet, at, end, self.start + FRAME_MAX);
    }

    /// As [`Found::take_body`], and not past `limit`.
    #[inline(always)]
    fn take_body_until<P: Packet>(&mut self, packet: &P, at: usize, end: usize, limit: usize) {
        let taken_to = end.min(limit).min(packet.captured_len());
        if taken_to < end {
            self.flags |= FLAG_CUT;
        }
        self.body_at = at;
        self.body_len = taken_to.saturating_sub(at) as u16;
    }
}

/// Reads a frame into `found`, or answers the class of one that is not harvested.
#[inline(always)]
fn read<P: Packet>(packet: &P, found: &mut Found, opens: bool) -> Result<(), Class> {
    let ethernet: [u8; 14] = packet.bytes(found.start).ok_or(Class::Malformed)?;
    found.is_to_group = ethernet[0] & 1 != 0;
    found.frame_mac = mac_word(&slice(&ethernet, 6));
    let mut ethertype = u16_at(&ethernet, 12);
    let mut at = found.start + 14;
    let mut tags = 0;
    for _ in 0..TAGS_MAX {
        if !is_tag(ethertype) {
            break;
        }
        let tag: [u8; 4] = packet.bytes(at).ok_or(Class::Malformed)?;
        let id = u16_at(&tag, 0) & 0xfff;
        // A priority tag (id 0) names no VLAN; a tag in the frame is what an ERSPAN header only repeats.
        if id != 0 {
            if tags == 0 {
                found.vlans = [id, 0];
            } else {
                found.vlans[1] = id;
            }
            tags += 1;
            found.vlan_count = tags;
        }
        ethertype = u16_at(&tag, 2);
        at += 4;
    }
    if ethertype == ETHERTYPE_PPPOE_SESSION && opens {
        ethertype = tunnel::pppoe(packet, found, at)?;
        at += tunnel::PPPOE_LEN;
    }
    match ethertype {
        ETHERTYPE_IPV4 => ip::ipv4(packet, found, at),
        ETHERTYPE_IPV6 => ip::ipv6(packet, found, at),
        ETHERTYPE_ARP => link::arp(packet, found, at),
        ETHERTYPE_LLDP => link::lldp(packet, found, at),
        0..LENGTH_END => link::llc(packet, found, at, usize::from(ethertype)),
        tag if is_tag(tag) => Err(Class::Deep),
        _ => Err(Class::Other),
    }
}

#[inline(always)]
fn address_at<P: Packet>(packet: &P, at: usize) -> Option<[u64; 2]> {
    let bytes: [u8; 16] = packet.bytes(at)?;
    Some([u64_at(&bytes, 0), u64_at(&bytes, 8)])
}

#[inline(always)]
fn is_tag(ethertype: u16) -> bool {
    ETHERTYPES_TAG.contains(&ethertype)
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
        frame.extend([8, 0, 0x45, 0, 0, 68, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()).collect::<Vec<u8>>());
        frame.extend([0, 48, 0, 0]);
        frame.resize(14 + 68, 7);
        let packet = Captured { bytes: &frame[..captured], wire_len: frame.len() };
        let harvest = classify(&packet, Opens::All);
        let flags = harvest.header.flags;
        assert_eq!((harvest.class, harvest.header.body_len, flags & FLAG_CUT != 0), (class, body_len, is_cut));
    }

    #[test]
    fn either_port_may_be_the_known_one() {
        check([68, 67], 82, Class::Dhcp, 40, false);
        check([40_000, 67], 82, Class::Dhcp, 40, false);
        check([5353, 40_000], 82, Class::Mdns, 40, false);
        check([40_000, 53], 82, Class::Traffic, 0, false);
        check([53, 40_000], 82, Class::Served, 40, false);
    }

    #[test]
    fn what_was_not_captured_is_cut_and_unknown_headers_are_malformed() {
        check([68, 67], 81, Class::Dhcp, 39, true);
        check([68, 67], 42, Class::Dhcp, 0, true);
        check([68, 67], 41, Class::Malformed, 0, false);
        check([68, 67], 13, Class::Malformed, 0, false);
    }
}
