//! From bytes or from a ring record to a [`Frame`]: what packet sockets, files and XDP share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_ebpf::abi::{Class, FLAG_CUT, FLAG_FLOOD, FLAG_IPV4, FLAG_IPV6, FLAG_SCAN, Header};
use sensor_ebpf::classify::{classify, read_on};
use sensor_ebpf::packet::Captured;

use crate::capture::sieve::Sieve;
use sensor_core::types::{Frame, Iface, Mac, Packet, Segment, Timestamp, Tunnel, Vlans};

/// Classifies and counts one captured frame, and hands it on if it is harvested and, by its `sieve`, news.
/// `wire_len` may be smaller than what was captured (some writers leave it zero); it then counts as that.
pub(super) fn harvest<F: FnMut(Frame<'_>) + ?Sized>(
    bytes: &[u8],
    wire_len: usize,
    at: Timestamp,
    iface: Iface,
    sieve: &mut Sieve,
    sink: &mut F,
) {
    let mut harvest = classify(&Captured { bytes, wire_len: wire_len.max(bytes.len()) }, sieve.opens());
    let class = harvest.class as usize;
    let rest = bytes.get(harvest.body_at..).unwrap_or_default();
    if !sieve.hear(&mut harvest, rest, at) {
        return;
    }
    let counters = &mut sieve.counters;
    let body = rest.get(..usize::from(harvest.header.body_len));
    let Some(frame) = body.and_then(|body| frame(&harvest.header, body, at, iface)) else {
        counters.lost[class] += 1;
        return;
    };
    counters.passed[class] += 1;
    counters.cut[class] += u64::from(frame.cut);
    sink(frame);
}

/// A ring record's frame. `None` when the record names no harvested class.
pub(super) fn frame<'a>(header: &Header, body: &'a [u8], at: Timestamp, iface: Iface) -> Option<Frame<'a>> {
    let class = Class::from_number(header.class).filter(|class| class.is_harvested())?;
    match class {
        Class::Deep => Some(deep_frame(header, body, at, iface)),
        class => Some(frame_of(class, header, body, at, iface)),
    }
}

/// What the frame of a record is whose headers were too many for the kernel. Its class is [`Class::Deep`] still where
/// they are too many for user space.
fn deep_frame<'a>(header: &Header, body: &'a [u8], at: Timestamp, iface: Iface) -> Frame<'a> {
    let harvest = read_on(header, body);
    let end = harvest.body_at + usize::from(harvest.header.body_len);
    match body.get(harvest.body_at..end).filter(|_| harvest.class.is_harvested()) {
        Some(inner) => {
            let flags = harvest.header.flags | header.flags & (FLAG_FLOOD | FLAG_SCAN);
            frame_of(harvest.class, &Header { flags, ..harvest.header }, inner, at, iface)
        }
        None => frame_of(harvest.class, header, body, at, iface),
    }
}

fn frame_of<'a>(class: Class, header: &Header, body: &'a [u8], at: Timestamp, iface: Iface) -> Frame<'a> {
    Frame {
        at,
        segment: Segment {
            iface,
            tunnel: Tunnel::new(header.tunnel_kind, header.tunnel_id),
            vlans: Vlans::new(header.vlans),
        },
        class,
        cut: header.flags & FLAG_CUT != 0,
        flood: header.flags & FLAG_FLOOD != 0,
        scan: header.flags & FLAG_SCAN != 0,
        source_mac: Mac(header.source_mac),
        destination_mac: Mac(header.destination_mac),
        packet: packet(header),
        body,
    }
}

fn packet(header: &Header) -> Option<Packet> {
    let address: fn([u8; 16]) -> IpAddr = match header.flags {
        flags if flags & FLAG_IPV4 != 0 => |b| Ipv4Addr::new(b[0], b[1], b[2], b[3]).into(),
        flags if flags & FLAG_IPV6 != 0 => |b| Ipv6Addr::from(b).into(),
        _ => return None,
    };
    Some(Packet {
        source: address(header.source),
        destination: address(header.destination),
        hop_limit: header.hop_limit,
        protocol: header.protocol,
        ports: header.ports,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: Header, expected: Option<(&str, Option<(&str, &str)>)>) {
        let iface = Iface::new("eth1").expect("a name");
        let frame = frame(&header, &[], Timestamp::EPOCH, iface).map(|frame| {
            let packet = frame.packet.map(|packet| (packet.source.to_string(), packet.destination.to_string()));
            (frame.segment.to_string(), packet)
        });
        let expected = expected.map(|(segment, packet)| {
            (segment.to_owned(), packet.map(|(source, destination)| (source.to_owned(), destination.to_owned())))
        });
        assert_eq!(frame, expected);
    }

    fn header(class: Class, flags: u8) -> Header {
        Header { class: class as u8, flags, source: [1; 16], destination: [2; 16], ..Header::default() }
    }

    #[test]
    fn a_record_becomes_a_frame() {
        check(header(Class::Arp, 0), Some(("eth1", None)));
        check(header(Class::Dhcp, FLAG_IPV4), Some(("eth1", Some(("1.1.1.1", "2.2.2.2")))));
        let v6 = ("101:101:101:101:101:101:101:101", "202:202:202:202:202:202:202:202");
        check(header(Class::Ndp, FLAG_IPV6), Some(("eth1", Some(v6))));
        check(Header { vlans: [100, 30], ..header(Class::Arp, 0) }, Some(("eth1.100.30", None)));
    }

    /// An Ethernet frame with these tags and ARP inside, as a record of class Deep.
    fn check_deep(tags: &[u16], expected: (Class, &str)) {
        let tag = |id: &u16| [&[0x81, 0][..], &id.to_be_bytes()].concat();
        let mut bytes = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &tags.iter().flat_map(tag).collect::<Vec<u8>>()].concat();
        bytes.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        let header = Header { source_mac: [2, 0, 0, 0, 0, 1], vlans: [30, 0], ..header(Class::Deep, 0) };
        let iface = Iface::new("eth1").expect("a name");
        let frame = frame(&header, &bytes, Timestamp::EPOCH, iface).expect("harvested");
        assert_eq!((frame.class, frame.segment.to_string().as_str()), expected);
        assert_eq!(frame.source_mac, Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!(frame.body.len(), if frame.class == Class::Arp { 28 } else { bytes.len() });
    }

    #[test]
    fn a_deep_record_is_read_on() {
        check_deep(&[30, 0, 0, 0, 0], (Class::Arp, "eth1.30"));
        check_deep(&[30, 0, 0, 40], (Class::Arp, "eth1.30.40"));
        check_deep(&[30, 40, 50], (Class::Deep, "eth1.30.40"));
    }

    #[test]
    fn a_record_of_no_harvested_class_is_no_frame() {
        check(header(Class::Other, 0), None);
        check(Header { class: 200, ..Header::default() }, None);
    }
}
