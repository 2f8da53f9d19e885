//! A frame that left the prober, read by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::types::Mac;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outgoing {
    /// An ARP reply of the kernel to a host that asks for our address.
    ArpReply,
    /// An ARP request of the kernel, without padding, before it sends to a neighbour.
    ArpOfKernel(Ipv4Addr),
    /// An ARP request of the sensor, padded to Ethernet's minimum.
    ArpQuestion(Ipv4Addr),
    /// An echo request.
    Echo(IpAddr),
    /// An ICMP error: the kernel's, about a packet that came in.
    IcmpError(IpAddr),
    /// IPv6 housekeeping of the kernel's: group membership, router solicitation, its own address, an advertisement.
    Ipv6OfKernel,
    /// A neighbour solicitation; the kernel's and the sensor's look the same.
    Solicit(Ipv6Addr),
    /// The first segment of a connection.
    Syn(IpAddr, u16),
    /// A later segment.
    Tcp(IpAddr, u16),
    /// A datagram.
    Udp(IpAddr, u16),
    /// None of these.
    Unknown,
}

impl Outgoing {
    /// The IPv4 address that is asked.
    pub fn target(self) -> Option<Ipv4Addr> {
        match self {
            Self::ArpOfKernel(ip) | Self::ArpQuestion(ip) => Some(ip),
            Self::Echo(IpAddr::V4(ip))
            | Self::Syn(IpAddr::V4(ip), _)
            | Self::Tcp(IpAddr::V4(ip), _)
            | Self::Udp(IpAddr::V4(ip), _) => Some(ip),
            _ => None,
        }
    }
}

/// The destination MAC, and what the frame is.
pub fn read(frame: &[u8]) -> (Mac, Outgoing) {
    let to = Mac(array(frame, 0).unwrap_or_default());
    let payload = frame.get(14..).unwrap_or_default();
    let what = match array(frame, 12) {
        Some([0x08, 0x06]) => arp(payload, frame.len()),
        Some([0x08, 0x00]) => ipv4(payload),
        Some([0x86, 0xdd]) => ipv6(payload),
        _ => None,
    };
    (to, what.unwrap_or(Outgoing::Unknown))
}

/// What a datagram asks: everything after its transaction ID, so that a repeated question is recognised.
pub fn question(frame: &[u8]) -> Option<&[u8]> {
    let header = match array(frame, 12)? {
        [0x08, 0x00] => usize::from(frame.get(14)? & 15) * 4,
        [0x86, 0xdd] => 40,
        _ => return None,
    };
    frame.get(14 + header + UDP_HEADER + 2..)
}

fn arp(packet: &[u8], frame_len: usize) -> Option<Outgoing> {
    let target = Ipv4Addr::from(array::<4>(packet, 24)?);
    match (array(packet, 6)?, frame_len) {
        ([0, 1], ARP_LEN) => Some(Outgoing::ArpOfKernel(target)),
        ([0, 1], _) => Some(Outgoing::ArpQuestion(target)),
        ([0, 2], ARP_LEN) => Some(Outgoing::ArpReply),
        _ => None,
    }
}

fn ipv4(packet: &[u8]) -> Option<Outgoing> {
    let to = IpAddr::V4(array::<4>(packet, 16)?.into());
    let body = packet.get(usize::from(packet.first()? & 15) * 4..)?;
    match packet.get(9)? {
        1 => match body.first()? {
            8 => Some(Outgoing::Echo(to)),
            3 | 11 | 12 => Some(Outgoing::IcmpError(to)),
            _ => None,
        },
        protocol => transport(*protocol, to, body),
    }
}

fn ipv6(packet: &[u8]) -> Option<Outgoing> {
    let (from, to) = (Ipv6Addr::from(array::<16>(packet, 8)?), Ipv6Addr::from(array::<16>(packet, 24)?));
    let body = packet.get(40..)?;
    match packet.get(6)? {
        // Hop-by-hop options: only multicast listener reports need them (RFC 3810, section 5).
        0 => (*body.first()? == 58 && matches!(body.get(8)?, 131 | 132 | 143)).then_some(Outgoing::Ipv6OfKernel),
        58 => match body.first()? {
            1..=4 => Some(Outgoing::IcmpError(to.into())),
            128 => Some(Outgoing::Echo(to.into())),
            // Duplicate address detection by the kernel comes from the unspecified address (RFC 4862, section 5.4.2).
            135 if from.is_unspecified() => Some(Outgoing::Ipv6OfKernel),
            135 => Some(Outgoing::Solicit(array::<16>(body, 8)?.into())),
            133 | 136 => Some(Outgoing::Ipv6OfKernel),
            _ => None,
        },
        protocol => transport(*protocol, to.into(), body),
    }
}

fn transport(protocol: u8, to: IpAddr, body: &[u8]) -> Option<Outgoing> {
    let port = u16::from_be_bytes(array(body, 2)?);
    match protocol {
        6 if body.get(13)? & (SYN | ACK) == SYN => Some(Outgoing::Syn(to, port)),
        6 => Some(Outgoing::Tcp(to, port)),
        17 => Some(Outgoing::Udp(to, port)),
        _ => None,
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// An Ethernet header and an ARP packet for IPv4 (RFC 826), without padding.
const ARP_LEN: usize = 42;
const UDP_HEADER: usize = 8;
const SYN: u8 = 2;
const ACK: u8 = 16;
