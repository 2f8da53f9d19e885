//! The classifier: what a frame is, which part of it is harvested (sent to user space), and which claim the repeat gate
//! remembers.
//!
//! Bytes may be missing, because the sender or the snap length cut them. Where they are needed to tell the class, the
//! frame is `Malformed`. Where they belong to the body, the record has `FLAG_CUT`. Where they belong to a claim, there
//! is none.
//!
//! For a frame that carries another one (ERSPAN, VXLAN, ...), [`find`] says where the inner frame starts. The caller
//! knows whether tunnels of this port may be opened, and if so calls [`find`] again for the inner frame. One level is
//! opened, never two.

// Reading order.
/// How far the classifier reads.
pub mod bounds;
/// The ethertypes that it knows.
mod ethertype;
/// ARP, LLDP, and the protocols over LLC.
mod link;
/// IPv4 and IPv6.
mod ip;
/// UDP, TCP and VRRP.
mod transport;
/// ICMPv6 and IGMP: neighbour messages and group membership.
mod neighbor;
/// Protocols that carry another frame.
mod tunnel;

use crate::abi::{Class, FLAG_CUT, Header, Shut, TunnelKind};
use crate::found::{Addresses, Claim, Found, Tunnel};
use crate::gate;
use crate::packet::{Captured, Packet, Whole, mac_word, slice, u16_at, u32_at, u64_at};
use crate::scan::{self, Asked};
use crate::watched;

/// A classified frame, as native code needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Harvest {
    /// The class of the frame.
    pub class: Class,
    /// The header of the ring record, except `at_ns` and `ifindex`. Only the class is set unless the class is
    /// harvested.
    pub header: Header,
    /// Offset of the body in the frame; its length is `header.body_len`.
    pub body_at: usize,
    /// What the gate compares, for classes whose repeats are held back.
    pub claim: Option<Claim>,
    /// The address whose presence the frame shows ([`Found::sender`]).
    pub sender: Option<[u64; 2]>,
    /// The Ethernet source, as the lower 48 bits of a word.
    pub frame_mac: u64,
    /// What the frame asks for, where that is counted.
    pub asked: Option<Asked>,
    /// A tunnel that was not opened because nobody named its sender.
    pub shut: Option<Shut>,
}

impl Harvest {
    /// The segment of the frame as one word ([`gate::place`]), on the interface with this number.
    pub fn place(&self, ifindex: u32) -> u64 {
        let kind = TunnelKind::from_number(self.header.tunnel_kind).unwrap_or_default();
        gate::place(ifindex, self.header.vlans, Tunnel { kind, id: self.header.tunnel_id, vlan: 0 })
    }
}

/// Which tunnels are opened. Not all of them everywhere: whoever can send a datagram here could send tunnel frames of its
/// own and so forge the traffic of other segments.
#[derive(Clone, Copy, Debug)]
pub enum Opens<'a> {
    /// All of them: the frames come from a file.
    All,
    /// Those whose senders this table names; on a port that was not declared a mirror, only those that end at one of the
    /// sensor's own addresses, which the table has too.
    Named {
        /// The table.
        table: &'a watched::Table,
        /// Whether the port was declared a mirror.
        is_mirror: bool,
    },
}

impl Opens<'_> {
    /// Whether PPPoE sessions are opened, whose senders are on the link.
    const fn sessions(&self) -> bool {
        matches!(self, Opens::All | Opens::Named { is_mirror: true, .. })
    }
}

/// What becomes of a tunnel's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is opened.
    Opened,
    /// It is not: nobody named its sender.
    Shut,
    /// It is not: it belongs to others.
    Passing,
}

/// What becomes of the frame that `found` carries, on a port of this role.
#[inline(always)]
pub fn opening<P: Packet>(packet: &P, found: &Found, table: &watched::Table, is_mirror: bool) -> Opening {
    if !is_mirror && !found.destination(packet).is_some_and(|address| watched::is_own(table, address)) {
        Opening::Passing
    } else if watched::is_tunnel_source(table, found.source, &found.inner) {
        Opening::Opened
    } else {
        Opening::Shut
    }
}

/// Classifies a frame, or the frame that it carries where that may be opened.
pub fn classify<P: Packet>(packet: &P, opens: Opens<'_>) -> Harvest {
    let mut found = find(packet, 0, Tunnel::default(), opens.sessions());
    let mut shut = None;
    if found.inner_at > 0 {
        let opening = match opens {
            Opens::All => Opening::Opened,
            Opens::Named { table, is_mirror } => opening(packet, &found, table, is_mirror),
        };
        match opening {
            Opening::Opened => found = find(packet, found.inner_at, found.inner, false),
            Opening::Shut => shut = Some(found.shut()),
            Opening::Passing => {}
        }
    }
    Harvest { shut, ..harvest(packet, &found) }
}

/// Reads on, natively and to the end, in the frame of a record whose class is [`Class::Deep`]. The offset of the body is
/// one in the record's body. A frame that is too deep for user space as well stays what it was.
pub fn read_on(record: &Header, body: &[u8]) -> Harvest {
    // Where the end was not captured, its length is not known: no packet is held against it.
    let wire_len = if record.flags & FLAG_CUT == 0 { body.len() } else { usize::MAX };
    let packet = Whole(Captured { bytes: body, wire_len });
    let carried = TunnelKind::from_number(record.tunnel_kind).unwrap_or_default();
    // A PPPoE session has no Ethernet header of its own: its header is in the frame.
    let is_session = carried == TunnelKind::Pppoe;
    let kind = if is_session { TunnelKind::None } else { carried };
    let tunnel = Tunnel { kind, id: if is_session { 0 } else { record.tunnel_id }, vlan: record.vlans[0] };
    harvest(&packet, &find(&packet, 0, tunnel, is_session))
}

fn harvest<P: Packet>(packet: &P, found: &Found) -> Harvest {
    let mut header = Header { class: found.class as u8, ..Header::default() };
    if found.class.is_harvested() {
        // These reads cannot fail: the classifier read the same bytes before.
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
        asked: scan::asked(packet, found),
        shut: None,
    }
}

/// The short way for untagged TCP and UDP, which is nearly all traffic of a busy link: the IP source and the Ethernet
/// source, as [`Found`] has them. `None` unless [`find`] would answer [`Class::Traffic`] without a tunnel.
#[inline(always)]
pub fn plain_traffic<P: Packet>(packet: &P) -> Option<([u64; 2], u64)> {
    // Ethernet, IPv4 without options, and TCP up to its flags; or IPv6 and its ports.
    let head: [u8; 48] = packet.bytes(0)?;
    // The Ethernet source and the ethertype in one word.
    let source = u64_at(&head, 6);
    let (address, protocol, transport) = match source as u16 {
        ethertype::IPV4 if head[14] == 0x45 && u16_at(&head, 20) & 0x3fff == 0 => {
            ([u64::from(u32_at(&head, 26)), 0], head[23], 34)
        }
        ethertype::IPV6 if head[14] >> 4 == 6 => ([u64_at(&head, 22), u64_at(&head, 30)], head[20], 54),
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

/// What a frame is, without the parts of its record that are only copied. `start` is the offset of its Ethernet header,
/// below [`bounds::INNER_MAX`]; `tunnel` the tunnel that carried it there; `opens` says whether PPPoE sessions are
/// opened.
#[inline(always)]
pub fn find<P: Packet>(packet: &P, start: usize, tunnel: Tunnel, opens: bool) -> Found {
    let mut found = Found::new(start, tunnel);
    if let Err(class) = read(packet, &mut found, opens) {
        found.class = class;
        // Compared as numbers, as in `transport`.
        if class as u8 == Class::Deep as u8 {
            found.take_body(packet, start, packet.wire_len());
        }
    }
    found
}

/// Reads a frame into `found`. The error is the class of a frame that is not harvested.
#[inline(always)]
fn read<P: Packet>(packet: &P, found: &mut Found, opens: bool) -> Result<(), Class> {
    let ethernet: [u8; 14] = packet.bytes(found.start).ok_or(Class::Malformed)?;
    found.is_to_group = ethernet[0] & 1 != 0;
    found.frame_mac = mac_word(&slice(&ethernet, 6));
    let mut ethertype = u16_at(&ethernet, 12);
    let mut at = found.start + 14;
    let mut tags = 0;
    for _ in 0..P::REACH.tags {
        if P::REACH.snap
            && ethertype < ethertype::LENGTH_END
            && let Some(behind) = link::snap(packet, at)
        {
            ethertype = behind;
            at += link::SNAP_LEN;
        }
        if !ethertype::is_tag(ethertype) {
            break;
        }
        let tag: [u8; 4] = packet.bytes(at).ok_or(Class::Malformed)?;
        let id = u16_at(&tag, 0) & 0xfff;
        // A priority tag (id 0) names no VLAN. A tag in the frame wins over the VLAN of an ERSPAN header, which repeats
        // it.
        if id != 0 {
            if tags == 2 {
                return Err(Class::Deep);
            }
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
    if ethertype == ethertype::PPPOE_SESSION && opens {
        ethertype = tunnel::pppoe(packet, found, at)?;
        at += tunnel::PPPOE_LEN;
    }
    match ethertype {
        ethertype::IPV4 => ip::ipv4(packet, found, at),
        ethertype::IPV6 => ip::ipv6(packet, found, at),
        ethertype::ARP => link::arp(packet, found, at),
        ethertype::LLDP => link::lldp(packet, found, at),
        0..ethertype::LENGTH_END => link::llc(packet, found, at, usize::from(ethertype)),
        tag if ethertype::is_tag(tag) => Err(Class::Deep),
        _ => Err(Class::Other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::abi::FRAME_MAX;

    /// Classifies a datagram of 40 bytes between two ports over IPv4, of whose frame `captured` bytes were captured.
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
    fn source_or_destination_port_tells_the_protocol() {
        check([68, 67], 82, Class::Dhcp, 40, false);
        check([40_000, 67], 82, Class::Dhcp, 40, false);
        check([5353, 5353], 82, Class::Mdns, 40, false);
        // A question from another port; the datagram's bytes are 7.
        check([40_000, 5353], 82, Class::Mdns, 40, false);
        check([5353, 40_000], 82, Class::Traffic, 0, false);
        check([5353, 53], 82, Class::Traffic, 0, false);
        check([40_000, 53], 82, Class::Traffic, 0, false);
        check([53, 40_000], 82, Class::Served, 40, false);
    }

    const HOST: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const ROUTER: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const NEIGHBOR: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

    fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
        [&[0xff; 6][..], &HOST, &ethertype.to_be_bytes(), payload].concat()
    }

    fn arp(hardware: u8) -> Vec<u8> {
        let head = [0, hardware, 8, 0, 6, 4, 0, 2];
        [&head[..], &HOST, &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 2]].concat()
    }

    /// An IPv6 packet from a link-local address to itself, with these headers and a message behind them.
    fn ipv6(headers: &[u8], first: u8, hop_limit: u8, message: &[u8]) -> Vec<u8> {
        let len = (headers.len() + message.len()) as u16;
        let head = [&[0x60, 0, 0, 0][..], &len.to_be_bytes(), &[first, hop_limit], &ROUTER, &ROUTER].concat();
        [&head, headers, message].concat()
    }

    /// A neighbour advertisement with these options.
    fn advertisement(options: &[[u8; 8]]) -> Vec<u8> {
        [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &NEIGHBOR, &options.concat()].concat()
    }

    /// So many destination options headers of padding, before ICMPv6.
    fn padding(count: usize) -> Vec<u8> {
        let header = |n| [if n + 1 == count { 58 } else { 60 }, 0, 1, 4, 0, 0, 0, 0];
        (0..count).flat_map(header).collect()
    }

    fn read(frame: &[u8]) -> Harvest {
        classify(&Captured { bytes: frame, wire_len: frame.len() }, Opens::All)
    }

    /// The class and the body's length in the kernel, and the class where user space reads on.
    #[track_caller]
    fn check_deep(frame: &[u8], class: Class, further: Class) {
        let harvest = read(frame);
        assert_eq!(harvest.class, class);
        if class == Class::Deep {
            assert_eq!((harvest.body_at, usize::from(harvest.header.body_len)), (0, frame.len().min(FRAME_MAX)));
            let body = &frame[..frame.len().min(FRAME_MAX)];
            let inner = read_on(&harvest.header, body);
            assert_eq!(inner.class, further);
            assert!(inner.body_at + usize::from(inner.header.body_len) <= body.len());
            assert_eq!(inner.header.source_mac, HOST);
        }
    }

    #[test]
    fn user_space_reads_on_behind_many_headers() {
        for (count, class) in [(6, Class::Ndp), (7, Class::Deep), (150, Class::Deep)] {
            let packet = ipv6(&padding(count), 60, 255, &advertisement(&[]));
            check_deep(&ethernet(ethertype::IPV6, &packet), class, Class::Ndp);
        }
        // Its end is not harvested.
        let far = ipv6(&padding(200), 60, 255, &advertisement(&[]));
        check_deep(&ethernet(ethertype::IPV6, &far), Class::Deep, Class::Deep);
    }

    #[test]
    fn user_space_reads_on_behind_many_tags() {
        for (tags, class, further) in [
            (&[0, 0][..], Class::Arp, Class::Arp),
            (&[0, 0, 0], Class::Deep, Class::Arp),
            (&[0, 30, 0, 40, 0], Class::Deep, Class::Arp),
            (&[10, 20, 30], Class::Deep, Class::Deep),
        ] {
            // Each tag is followed by the ethertype of the next one.
            let ids: Vec<[u8; 2]> = tags.iter().map(|id| [0, *id]).collect();
            let packet = [&ids.join(&[0x81, 0][..])[..], &[8, 6], &arp(1)].concat();
            check_deep(&ethernet(0x8100, &packet), class, further);
        }
    }

    #[test]
    fn what_stands_behind_a_snap_header() {
        let snap = |ethertype: u16, packet: &[u8]| {
            let payload = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &ethertype.to_be_bytes(), packet].concat();
            ethernet(payload.len() as u16, &payload)
        };
        check_deep(&snap(ethertype::ARP, &arp(1)), Class::Arp, Class::Arp);
        let advertised = ipv6(&[], 58, 255, &advertisement(&[]));
        check_deep(&snap(ethertype::IPV6, &advertised), Class::Deep, Class::Ndp);
        check_deep(&snap(0x8100, &[&[0, 30, 8, 6][..], &arp(1)].concat()), Class::Deep, Class::Arp);
        check_deep(&snap(ethertype::IPV6, &ipv6(&[], 6, 64, &[0; 20])), Class::Other, Class::Other);
        check_deep(&snap(0x8137, &[0; 40]), Class::Other, Class::Other);
    }

    #[test]
    fn hardware_types_of_ethernet() {
        for (hardware, class) in [(1, Class::Arp), (6, Class::Arp), (7, Class::Other)] {
            assert_eq!(read(&ethernet(ethertype::ARP, &arp(hardware))).class, class);
        }
    }

    #[test]
    fn the_shortest_spanning_tree_message() {
        assert_eq!(read(&ethernet(7, &[0x42, 0x42, 3, 0, 0, 0, 0x80])).class, Class::Stp);
    }

    /// The claimed MAC's last octet, and the body's length.
    #[track_caller]
    fn check_options(options: &[[u8; 8]], claimed: Option<u64>, body_len: u16) {
        let harvest = read(&ethernet(ethertype::IPV6, &ipv6(&[], 58, 255, &advertisement(options))));
        assert_eq!((harvest.class, harvest.header.flags & FLAG_CUT), (Class::Ndp, 0));
        assert_eq!((harvest.claim.map(|claim| claim.mac & 0xff), harvest.header.body_len), (claimed, body_len));
    }

    #[test]
    fn a_neighbour_message_with_many_options_is_harvested_whole() {
        let (other, address) = ([200, 1, 0, 0, 0, 0, 0, 0], [2, 1, 2, 0, 0, 0, 0, 9]);
        check_options(&[], Some(1), 24);
        check_options(&[address], Some(9), 32);
        check_options(&[other, other, other, address], Some(9), 56);
        check_options(&[other, other, other, other, address], None, 64);
        check_options(&[address, other, other, other, other, other], None, 72);
    }

    #[test]
    fn what_hosts_discard_claims_nothing() {
        let claims = |packet: &[u8]| read(&ethernet(ethertype::IPV6, packet)).claim.is_some();
        assert!(claims(&ipv6(&[], 58, 255, &advertisement(&[]))));
        assert!(!claims(&ipv6(&[], 58, 64, &advertisement(&[]))));
        let mut solicited = ipv6(&[], 58, 255, &advertisement(&[]));
        solicited[44] = 0x60;
        assert!(claims(&solicited));
        solicited[24] = 0xff;
        assert!(!claims(&solicited));
        // An atomic fragment (RFC 6980).
        let fragment = ipv6(&[58, 0, 0, 0, 0, 0, 0, 1], 44, 255, &advertisement(&[]));
        assert_eq!(read(&ethernet(ethertype::IPV6, &fragment)).class, Class::Fragment);
    }

    #[test]
    fn a_response_of_mdns_comes_from_its_port() {
        for (source, flags, class) in
            [(5353, 0x84, Class::Mdns), (40_000, 0x84, Class::Traffic), (40_000, 0, Class::Mdns)]
        {
            let ports = [u16::to_be_bytes(source), u16::to_be_bytes(5353)].concat();
            let datagram = [&ports[..], &[0, 20, 0, 0, 0, 0, flags, 0], &[0; 8]].concat();
            assert_eq!(read(&ethernet(ethertype::IPV6, &ipv6(&[], 17, 255, &datagram))).class, class);
        }
    }

    #[test]
    fn a_body_cut_short_is_flagged_and_a_header_cut_short_is_malformed() {
        check([68, 67], 81, Class::Dhcp, 39, true);
        check([68, 67], 42, Class::Dhcp, 0, true);
        check([68, 67], 41, Class::Malformed, 0, false);
        check([68, 67], 13, Class::Malformed, 0, false);
    }
}
