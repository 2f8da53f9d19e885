//! ARP and NDP requests, and DHCP's search for servers, as raw frames, built with pnet and sent in batches (`sendmmsg(2)`). Nothing is received here:
//! the capture receives the answers like all other frames.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use ipnet::IpNet;
use pnet::packet::Packet as _;
use pnet::packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
use pnet::packet::ethernet::{EtherType, EtherTypes, MutableEthernetPacket};
use pnet::packet::icmpv6::ndp::{MutableNdpOptionPacket, MutableNeighborSolicitPacket, NdpOptionTypes};
use pnet::packet::icmpv6::{self, Icmpv6Packet, Icmpv6Types};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::util::MacAddr;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use crate::probe::discover;
use crate::probe::discover::DISCOVER_LEN;
use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_core::types::{Iface, Mac};

/// An interface that sends, with the addresses that it sends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The interface.
    pub iface: Iface,
    /// The kernel's number for it.
    pub index: u32,
    /// The interface's MAC.
    pub mac: Mac,
    /// The interface's addresses, with their prefix lengths.
    pub addresses: Vec<IpNet>,
}

/// A packet socket that only sends.
#[derive(Debug)]
pub struct Raw {
    speaker: Speaker,
    socket: OwnedFd,
    frames: Vec<RawFrame>,
}

/// Maximum number of frames sent by one system call.
pub const BATCH: usize = 64;
/// Maximum length of a frame in bytes: two VLAN tags and a DISCOVER.
const FRAME_MAX: usize = 14 + 8 + DISCOVER_LEN;
/// Minimum length of an Ethernet frame without the checksum, in bytes (IEEE 802.3, section 3.2.8).
const FRAME_MIN: usize = 60;

#[derive(Clone, Copy, Debug)]
struct RawFrame {
    bytes: [u8; FRAME_MAX],
    len: usize,
}

impl Raw {
    /// Opens the socket; needs `CAP_NET_RAW`.
    pub fn open(speaker: Speaker) -> io::Result<Self> {
        // With protocol 0 the socket receives nothing.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: the storage is large enough for any address, and all zeros is a valid `sockaddr_ll`.
        let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = speaker.index.cast_signed();
        let len = mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the family and the length are those of the `sockaddr_ll` just written.
        socket.bind(&unsafe { SockAddr::new(storage, len) })?;
        // A sweep queues thousands of frames at once. Without the privilege the system's limit applies.
        drop(socket.set_send_buffer_size(4 << 20));
        Ok(Self { speaker, socket: socket.into(), frames: Vec::with_capacity(BATCH) })
    }

    /// The interface that sends.
    pub fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Whether the socket is still bound to its interface. The binding is lost when the interface is removed, even if
    /// another one with the same name and number follows.
    pub fn is_bound(&self) -> bool {
        let mut storage = SockAddrStorage::zeroed();
        let mut len = storage.size_of();
        // SAFETY: the kernel writes at most `len` bytes, which is the storage's size.
        let result = unsafe { libc::getsockname(self.socket.as_raw_fd(), (&raw mut storage).cast(), &raw mut len) };
        // SAFETY: the storage is large enough for a `sockaddr_ll`, for which any bytes are a value.
        let index = unsafe { storage.view_as::<libc::sockaddr_ll>() }.sll_ifindex;
        result == 0 && index > 0
    }

    /// Whether a probe is a frame that this speaker can send: NDP needs an IPv6 address of its own.
    pub fn can_ask(&self, probe: &Probe) -> bool {
        frame(&self.speaker, probe).is_some()
    }

    /// Sends the probes that are frames (ARP, conflict check, DHCP, NDP), at most [`BATCH`] of them, and skips others.
    /// Returns how many of `probes`, from the first, are done; fewer than all when the interface's queue is full.
    pub fn send<'a>(&mut self, probes: impl IntoIterator<Item = &'a Probe>) -> io::Result<usize> {
        self.frames.clear();
        let mut taken = 0;
        let mut ends = [0_usize; BATCH];
        for probe in probes.into_iter().take(BATCH) {
            taken += 1;
            if let Some(frame) = frame(&self.speaker, probe) {
                self.frames.push(frame);
                ends[self.frames.len() - 1] = taken;
            }
        }
        if self.frames.is_empty() {
            return Ok(taken);
        }
        match self.send_frames() {
            Ok(sent) if sent == self.frames.len() => Ok(taken),
            Ok(0) => Ok(0),
            Ok(sent) => Ok(ends[sent - 1]),
            // The interface's queue is full for the moment.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR)) => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn send_frames(&mut self) -> io::Result<usize> {
        // SAFETY: a `mmsghdr` and an `iovec` are integers and pointers, for which zeros are a value.
        let (mut messages, mut parts): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) = unsafe { mem::zeroed() };
        for (slot, frame) in self.frames.iter_mut().enumerate() {
            parts[slot].iov_base = frame.bytes.as_mut_ptr().cast();
            parts[slot].iov_len = frame.len;
            messages[slot].msg_hdr.msg_iov = &raw mut parts[slot];
            messages[slot].msg_hdr.msg_iovlen = 1;
        }
        let (fd, count) = (self.socket.as_raw_fd(), self.frames.len());
        // SAFETY: the first `count` headers point to buffers of the stated lengths, all of which outlive the call.
        let sent = unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), count as _, libc::MSG_DONTWAIT as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// The frame of a probe; `None` when the probe is not sent as a frame.
fn frame(speaker: &Speaker, probe: &Probe) -> Option<RawFrame> {
    let mut frame = RawFrame { bytes: [0; FRAME_MAX], len: FRAME_MIN };
    match (&probe.question, probe.ip) {
        (Question::Arp { to }, IpAddr::V4(target)) => {
            let at = head(&mut frame, speaker, probe, *to, EtherTypes::Arp)?;
            arp(&mut frame.bytes[at..], speaker.mac, own_ipv4(speaker, target), target)?;
        }
        (Question::ConflictCheck { to }, IpAddr::V4(target)) => {
            let at = head(&mut frame, speaker, probe, *to, EtherTypes::Arp)?;
            arp(&mut frame.bytes[at..], speaker.mac, Ipv4Addr::UNSPECIFIED, target)?;
        }
        (Question::Discover, _) => {
            let at = head(&mut frame, speaker, probe, Mac::BROADCAST, EtherTypes::Ipv4)?;
            discover::write(&mut frame.bytes[at..], speaker.mac)?;
            frame.len = at + DISCOVER_LEN;
        }
        (Question::Ndp { to }, IpAddr::V6(target)) => {
            let source = own_ipv6(speaker, target)?;
            let (to, destination) = match to {
                Some(mac) => (*mac, target),
                None => (solicited_mac(target), solicited_node(target)),
            };
            let at = head(&mut frame, speaker, probe, to, EtherTypes::Ipv6)?;
            ndp(&mut frame.bytes[at..], speaker.mac, source, destination, target)?;
            frame.len = at + NDP_LEN;
        }
        _ => return None,
    }
    Some(frame)
}

/// Writes the Ethernet header with the segment's VLAN tags. Returns the offset of the payload.
fn head(frame: &mut RawFrame, speaker: &Speaker, probe: &Probe, to: Mac, kind: EtherType) -> Option<usize> {
    let mut ethernet = MutableEthernetPacket::new(&mut frame.bytes)?;
    ethernet.set_destination(mac_addr(to));
    ethernet.set_source(mac_addr(speaker.mac));
    let vlans = probe.segment.vlans.ids();
    let mut at = 12;
    for (place, vlan) in vlans.iter().enumerate() {
        // The outer of two tags is a provider's (802.1ad).
        let tag: u16 = if place + 1 < vlans.len() { 0x88a8 } else { 0x8100 };
        frame.bytes[at..at + 2].copy_from_slice(&tag.to_be_bytes());
        frame.bytes[at + 2..at + 4].copy_from_slice(&vlan.to_be_bytes());
        at += 4;
    }
    frame.bytes[at..at + 2].copy_from_slice(&kind.0.to_be_bytes());
    Some(at + 2)
}

fn arp(bytes: &mut [u8], mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Option<()> {
    let mut arp = MutableArpPacket::new(bytes)?;
    arp.set_hardware_type(ArpHardwareTypes::Ethernet);
    arp.set_protocol_type(EtherTypes::Ipv4);
    arp.set_hw_addr_len(6);
    arp.set_proto_addr_len(4);
    arp.set_operation(ArpOperations::Request);
    arp.set_sender_hw_addr(mac_addr(mac));
    arp.set_sender_proto_addr(sender);
    arp.set_target_proto_addr(target);
    Some(())
}

const NDP_LEN: usize = 40 + 32;

fn ndp(bytes: &mut [u8], mac: Mac, source: Ipv6Addr, destination: Ipv6Addr, target: Ipv6Addr) -> Option<()> {
    let mut ip = MutableIpv6Packet::new(bytes.get_mut(..NDP_LEN)?)?;
    ip.set_version(6);
    ip.set_payload_length(32);
    ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
    // Receivers discard a lower hop limit (RFC 4861, section 7.1.1).
    ip.set_hop_limit(255);
    ip.set_source(source);
    ip.set_destination(destination);
    let body = &mut bytes[40..NDP_LEN];
    let mut solicit = MutableNeighborSolicitPacket::new(body)?;
    solicit.set_icmpv6_type(Icmpv6Types::NeighborSolicit);
    solicit.set_target_addr(target);
    let mut option = MutableNdpOptionPacket::new(&mut body[24..32])?;
    option.set_option_type(NdpOptionTypes::SourceLLAddr);
    option.set_length(1);
    option.set_data(&mac.0);
    let checksum = icmpv6::checksum(&Icmpv6Packet::new(body)?, &source, &destination);
    body[2..4].copy_from_slice(&checksum.to_be_bytes());
    debug_assert_eq!(Icmpv6Packet::new(body)?.packet().len(), 32);
    Some(())
}

/// The speaker's address in the target's prefix, so that the target need not resolve it; else 0.0.0.0, which makes the
/// request a conflict check.
fn own_ipv4(speaker: &Speaker, target: Ipv4Addr) -> Ipv4Addr {
    let own = speaker.addresses.iter().find_map(|net| match net {
        IpNet::V4(net) if net.contains(&target) => Some(net.addr()),
        _ => None,
    });
    own.unwrap_or(Ipv4Addr::UNSPECIFIED)
}

/// The speaker's address in the target's prefix, else its link-local one.
fn own_ipv6(speaker: &Speaker, target: Ipv6Addr) -> Option<Ipv6Addr> {
    let six = || speaker.addresses.iter().filter_map(|net| if let IpNet::V6(net) = net { Some(net) } else { None });
    let near = six().find(|net| net.contains(&target));
    near.or_else(|| six().find(|net| net.addr().is_unicast_link_local())).map(|net| net.addr())
}

/// The solicited-node multicast address (RFC 4291, section 2.7.1).
fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The MAC of a solicited-node multicast address (RFC 2464, section 7).
fn solicited_mac(target: Ipv6Addr) -> Mac {
    let [.., a, b, c] = target.octets();
    Mac([0x33, 0x33, 0xff, a, b, c])
}

fn mac_addr(mac: Mac) -> MacAddr {
    let [a, b, c, d, e, f] = mac.0;
    MacAddr::new(a, b, c, d, e, f)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use sensor_core::types::{Segment, Vlans};

    const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn hex(question: Question, ip: &str, vlans: [u16; 2]) -> Option<String> {
        let iface = Iface::new("eth0").unwrap();
        let addresses = ["192.168.1.9/24", "fe80::9/64"].map(|net| net.parse().unwrap()).to_vec();
        let speaker = Speaker { iface, index: 1, mac: OWN, addresses };
        let segment = Segment::tagged(iface, Vlans::new(vlans));
        let frame = frame(&speaker, &Probe { segment, ip: ip.parse().unwrap(), question })?;
        Some(frame.bytes[..frame.len].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[track_caller]
    fn check(question: Question, ip: &str, vlans: [u16; 2], expected: &str) {
        let got = hex(question, ip, vlans).unwrap();
        assert_eq!(got.trim_end_matches("00"), expected.replace(' ', ""));
        assert!(got.len() >= 2 * FRAME_MIN);
    }

    #[test]
    fn arp_frames() {
        check(
            Question::Arp { to: Mac::BROADCAST },
            "192.168.1.77",
            [0, 0],
            "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c0a80109 000000000000 c0a8014d",
        );
        check(
            Question::ConflictCheck { to: OTHER },
            "192.168.1.77",
            [0, 0],
            "020000000002 020000000001 0806 0001 0800 06 04 0001 020000000001 00000000 000000000000 c0a8014d",
        );
        // The speaker has no address in the target's prefix.
        check(
            Question::Arp { to: Mac::BROADCAST },
            "10.9.9.7",
            [100, 30],
            "ffffffffffff 020000000001 88a80064 8100001e 0806 0001 0800 06 04 0001 020000000001 00000000 000000000000 \
             0a090907",
        );
    }

    #[test]
    fn ndp_frames() {
        check(
            Question::Ndp { to: None },
            "fe80::aa:bbcc",
            [0, 0],
            "3333ffaabbcc 020000000001 86dd 60000000 0020 3a ff fe800000000000000000000000000009 \
             ff0200000000000000000001ffaabbcc 8700 01a6 00000000 fe8000000000000000000000 00aabbcc 0101 020000000001",
        );
    }

    #[test]
    fn a_search_for_servers_is_a_tagged_broadcast_where_the_segment_is() {
        let frame = hex(Question::Discover, "255.255.255.255", [0, 30]).unwrap();
        assert!(frame.starts_with("ffffffffffff0200000000018100001e0800450001480000"), "{frame}");
        assert_eq!(frame.len(), 2 * (14 + 4 + DISCOVER_LEN));
    }

    #[test]
    fn other_probes_are_not_frames() {
        assert_eq!(hex(Question::Echo, "192.168.1.77", [0, 0]), None);
        assert_eq!(hex(Question::Arp { to: OTHER }, "fe80::1", [0, 0]), None);
    }
}
