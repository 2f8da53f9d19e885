//! What the classifier found in a frame: its class, its tunnel, what it claims, and where in the frame the rest stands.
//!
//! An address is two words in network order; an IPv4 address is the first word, and the second is 0. A MAC address is
//! the lower 48 bits of a word.

use crate::abi::{Class, FLAG_CUT, FLAG_IPV4, FLAG_IPV6, FRAME_MAX, Header, TunnelKind};
use crate::packet::{Packet, address_at};

/// What [`crate::classify::find`] found: enough for the gate, and where to read the rest. It is small, because in the
/// kernel everything that is kept across a call goes through a stack of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The class of the frame.
    pub class: Class,
    /// What the gate compares, for classes whose repeats are held back.
    pub claim: Option<Claim>,
    /// VLAN ids, outer first; 0 where there is none.
    pub vlans: [u16; 2],
    /// The tunnel in which the frame was carried.
    pub tunnel: Tunnel,
    /// The Ethernet source.
    pub frame_mac: u64,
    /// The IP source; zeros without an IP header.
    pub source: [u64; 2],
    /// What the frame asks for, where that is counted ([`crate::scan`]): the address of a neighbour as one word, or a
    /// port of TCP or UDP; 0 where nothing is counted.
    pub asks: u64,
    pub(crate) vlan_count: u8,
    pub(crate) flags: u8,
    pub(crate) protocol: u8,
    /// Whether the Ethernet destination is a group (multicast or broadcast).
    pub(crate) is_to_group: bool,
    /// Transport ports, source and destination; zeros where there are none.
    pub ports: [u16; 2],
    /// Offset of the Ethernet header: not 0 in a tunnel.
    pub(crate) start: usize,
    pub(crate) ip_at: usize,
    /// Offset of the body in the frame.
    pub body_at: usize,
    /// Length of the body, bytes.
    pub body_len: u16,
    /// Offset of the frame that this one carries; 0 when it carries none.
    pub inner_at: usize,
    /// The tunnel in which this frame carries another one.
    pub inner: Tunnel,
}

/// An encapsulation, and the channel of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// The kind of encapsulation.
    pub kind: TunnelKind,
    /// VNI, key or session.
    pub id: u32,
    /// The VLAN id that an ERSPAN header names for a frame without a tag; 0 for none.
    pub vlan: u16,
}

/// Where the IP source and destination of a frame stand, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Twice 4 bytes.
    Ipv4 {
        /// Offset of the source.
        at: usize,
    },
    /// Twice 16 bytes.
    Ipv6 {
        /// Offset of the source.
        at: usize,
    },
    /// There is no IP header.
    None,
}

/// An address and the station that claims it: what the gate remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// One of the numbers in [`kind`].
    pub kind: u8,
    /// The claimed address.
    pub address: [u64; 2],
    /// The claimant: the MAC address that the message names, or `frame_mac` where it names none.
    pub mac: u64,
    /// The Ethernet source.
    pub frame_mac: u64,
}

/// What a claim means. Bits 3 and up are the number of a table of addresses; bits 0 to 2 tell the meanings within that
/// table apart.
pub mod kind {
    /// ARP request; the address is its sender's.
    pub const ARP_REQUEST: u8 = 0;
    /// ARP reply; the address is its sender's.
    pub const ARP_REPLY: u8 = 1;
    /// ARP request for the sender's own address: an announcement (RFC 5227, section 3).
    pub const ARP_ANNOUNCEMENT: u8 = 2;
    /// ARP reply whose sender and target are the same address.
    pub const ARP_GRATUITOUS_REPLY: u8 = 3;
    /// ARP request without a sender: its station wants to take the address it asks for (RFC 5227, section 2.1.1).
    pub const ARP_CONFLICT_CHECK: u8 = 4;
    /// Router solicitation; the address is its source.
    pub const ROUTER_SOLICITATION: u8 = 8;
    /// Neighbour solicitation; the address is its source.
    pub const NEIGHBOR_SOLICITATION: u8 = 9;
    /// Neighbour solicitation without a source: its station wants to take the target (RFC 4862, section 5.4).
    pub const DUPLICATE_ADDRESS_DETECTION: u8 = 10;
    /// Neighbour advertisement; the address is its target. The flags router (1) and override (2) are added to the
    /// number.
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 11;
    /// ICMP redirect; the address is its source and the gateway. A table of its own.
    pub const REDIRECT: u8 = 16;
    /// ICMP redirect that says that its destination is on the link.
    pub const REDIRECT_ON_LINK: u8 = 17;
    /// TCP SYN; the address is its source.
    pub const SYN: u8 = 24;
    /// Any frame; the address is its IP source.
    pub const PRESENCE: u8 = 25;
    /// TCP SYN-ACK; the address is its source, with the source port mixed in.
    pub const SYN_ACK: u8 = 32;
    /// A datagram from a service; the address is its source, with the source port mixed in.
    pub const SERVED: u8 = 40;
    /// Spanning tree; the address is the Ethernet source, and a digest of the message takes the claimant's place.
    pub const SPANNING_TREE: u8 = 48;
    /// First-hop redundancy; the address is the Ethernet source and the port, and a digest of the IP source and the
    /// message takes the claimant's place.
    pub const REDUNDANCY: u8 = 56;
    /// A message that is compared as a whole; the address is made of its sender and class, and the hash of the message
    /// takes the claimant's place ([`crate::message`]).
    pub const MESSAGE: u8 = 64;
}

impl Found {
    #[inline(always)]
    pub(crate) fn new(start: usize, tunnel: Tunnel) -> Self {
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

    /// Writes the header of the ring record of a harvested frame, except `at_ns`, `ifindex` and the addresses. `None`
    /// when the frame cannot be read any more. The header is written in place, and the reads that may be calls come
    /// first, so that in the kernel no byte of it goes through the stack.
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

    /// Where the addresses of the record stand in the frame. The kernel copies them by other means than `write_header`:
    /// LLVM would copy them byte by byte for BPF, which costs more than the rest of the record.
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

    /// The IP destination; `None` without an IP header.
    #[inline(always)]
    pub fn destination<P: Packet>(&self, packet: &P) -> Option<[u64; 2]> {
        match self.addresses() {
            Addresses::Ipv4 { at } => Some([u64::from(u32::from_be_bytes(packet.bytes(at + 4)?)), 0]),
            Addresses::Ipv6 { at } => address_at(packet, at + 16),
            Addresses::None => None,
        }
    }

    /// The address whose presence the frame shows: the IP source, or the sender of an ARP message that speaks for
    /// itself.
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

    /// The claim that any IP frame makes: its station has its IP source.
    #[inline(always)]
    pub fn presence(&self) -> Claim {
        Claim { kind: kind::PRESENCE, address: self.source, mac: self.frame_mac, frame_mac: self.frame_mac }
    }

    /// Whether the end of the body is missing.
    #[inline(always)]
    pub fn is_cut(&self) -> bool {
        self.flags & FLAG_CUT != 0
    }

    /// Sets the body: from `at` to `end`, as far as that was captured, and at most to [`FRAME_MAX`].
    #[inline(always)]
    pub(crate) fn take_body<P: Packet>(&mut self, packet: &P, at: usize, end: usize) {
        let taken_to = end.min(self.start + FRAME_MAX).min(packet.captured_len());
        if taken_to < end {
            self.flags |= FLAG_CUT;
        }
        self.body_at = at;
        self.body_len = taken_to.saturating_sub(at) as u16;
    }
}
