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
/// The IP protocols that it knows.
pub(crate) mod protocol;
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

use crate::abi::{Class, FLAG_CUT, Header, TunnelKind};
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
}

impl Harvest {
    /// The segment of the frame as one word ([`gate::place`]), on the interface with this number.
    pub fn place(&self, ifindex: u32) -> u64 {
        let kind = TunnelKind::from_number(self.header.tunnel_kind).unwrap_or_default();
        gate::place(ifindex, self.header.vlans, Tunnel { kind, id: self.header.tunnel_id, vlan: 0 })
    }
}

/// Which tunnels are opened. Not all of them everywhere: a guest could send tunnel frames of its own and so forge the
/// traffic of other segments.
#[derive(Clone, Copy, Debug)]
pub enum Opens<'a> {
    /// All of them: the port was declared a mirror, or the frames come from a file.
    All,
    /// Those that end at one of the sensor's own addresses, which this table has.
    Own(&'a watched::Table),
}

/// Classifies a frame, or the frame that it carries where that may be opened.
pub fn classify<P: Packet>(packet: &P, opens: Opens<'_>) -> Harvest {
    let mut found = find(packet, 0, Tunnel::default(), matches!(opens, Opens::All));
    let opens_it = || match opens {
        Opens::All => true,
        Opens::Own(table) => found.destination(packet).is_some_and(|address| watched::is_own(table, address)),
    };
    if found.inner_at > 0 && opens_it() {
        found = find(packet, found.inner_at, found.inner, false);
    }
    harvest(packet, &found)
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
    }
}

/// The short way for untagged TCP and UDP, which is nearly all traffic of a busy link: the IP source and the Ethernet
/// source, as [`Found`] has them. `None` unless [`find`] would answer [`Class::Traffic`] without a tunnel, and nothing
/// that is counted as asked for.
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
        protocol::TCP if transport == 34 => transport::is_of_connection(head[47]),
        protocol::TCP => transport::is_of_connection(packet.bytes::<2>(66)?[1]),
        protocol::UDP if transport == 34 => {
            transport::is_plain(u16_at(&head, 34), u16_at(&head, 36), u16_at(&head, 38), true)
        }
        protocol::UDP => {
            let udp: [u8; 8] = packet.bytes(54)?;
            transport::is_plain(u16_at(&udp, 0), u16_at(&udp, 2), u16_at(&udp, 4), false)
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
mod tests;
