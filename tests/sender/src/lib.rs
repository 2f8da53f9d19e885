//! What the benches and their BPF programs share: which templates there are, where a host's number goes in them, and
//! how many stations take turns as a frame's sender.
#![no_std]
#![forbid(unsafe_code)]

/// Bytes of a frame on the wire, the checksum apart.
pub const FRAME_LEN: usize = 256;
/// Bytes of a DHCP frame, which does not fit the others' length.
pub const DHCP_LEN: usize = 342;
/// Hosts that send, numbered from 1.
pub const HOSTS: u32 = 5_000;
/// The hosts up to this number answer as servers.
pub const SERVERS: u32 = 100;
/// The interface that the frames leave by: its number in the sender's namespace.
pub const OUT_IFINDEX: u32 = 100;

/// Stations that take turns as a frame's sender.
pub const STATIONS: u32 = 10_000;

/// A frame as host 0 would send it, in a map from [`Kind`].
pub type Template = [u8; (DHCP_LEN + 2).next_multiple_of(8)];

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A TCP segment within a connection.
    Tcp,
    /// A UDP datagram to port 443.
    Udp,
    /// A TCP connection is opened.
    Syn,
    /// A server accepts one.
    SynAck,
    /// An ARP request.
    Arp,
    /// A DHCP request that renews a lease.
    Dhcp,
    /// An mDNS announcement.
    Mdns,
}

impl Kind {
    /// All of them, by number.
    pub const ALL: [Self; 7] = [Self::Tcp, Self::Udp, Self::Syn, Self::SynAck, Self::Arp, Self::Dhcp, Self::Mdns];

    /// The kind of a frame by a number below 1000: 2 % are ARP, DHCP and mDNS; of the rest a quarter is UDP, and 2 %
    /// of TCP opens connections.
    #[inline(always)]
    pub const fn of(draw: u32) -> Self {
        match draw {
            0..10 => Self::Arp,
            10..14 => Self::Dhcp,
            14..20 => Self::Mdns,
            20..265 => Self::Udp,
            265..273 => Self::Syn,
            273..280 => Self::SynAck,
            _ => Self::Tcp,
        }
    }
}

/// A host's station.
#[inline(always)]
pub const fn mac(host: u32) -> [u8; 6] {
    let [_, a, b, c] = host.to_be_bytes();
    [0x00, 0x14, 0x22, a, b, c]
}

/// A host's address, in 10.20.0.0/16.
#[inline(always)]
pub const fn ip(host: u32) -> [u8; 4] {
    let [_, _, b, c] = host.to_be_bytes();
    [10, 20, b, c]
}

/// The four digits of a host's name.
#[inline(always)]
pub const fn digits(host: u32) -> [u8; 4] {
    [digit(host / 1000), digit(host / 100), digit(host / 10), digit(host)]
}

#[inline(always)]
const fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}
