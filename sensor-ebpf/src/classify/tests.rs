//! What is found in frames of each kind.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::abi::FRAME_MAX;
use crate::found::kind;

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

/// A redirect of ICMPv6: the better first hop and the destination, by their last octets; 0x20.. is not link-local.
fn redirect6(target: u8, destination: u8, options: &[[u8; 8]]) -> Vec<u8> {
    let address = |last: u8| {
        let high = if last >= 0x20 { [0x20, 1] } else { [0xfe, 0x80] };
        [&high[..], &[0; 13], &[last]].concat()
    };
    [&[137, 0, 0, 0, 0, 0, 0, 0][..], &address(target), &address(destination), &options.concat()].concat()
}

#[test]
fn redirects_of_icmpv6_are_harvested_whole() {
    // The link-layer address may stand behind the packet that it is about.
    let options = [[4, 2, 0, 0, 0, 0, 0, 0], [0; 8], [2, 1, 2, 0, 0, 0, 0, 9]];
    for message in [redirect6(2, 0x20, &[]), redirect6(0x21, 0x20, &[]), redirect6(0x20, 0x20, &options)] {
        let harvest = read(&ethernet(ethertype::IPV6, &ipv6(&[], 58, 255, &message)));
        assert_eq!((harvest.class, harvest.claim), (Class::Ndp, None), "{message:?}");
        assert_eq!(usize::from(harvest.header.body_len), message.len());
    }
}

/// An IPv4 packet of a protocol between 192.0.2.1 and 192.0.2.2.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len() as u16).to_be_bytes();
    let head = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&head[..], payload].concat()
}

#[test]
fn redirects_of_icmp() {
    let about = ipv4(17, &[0; 8]);
    let redirect = |code: u8, gateway: u8, about: &[u8]| {
        let message = [&[5, code, 0, 0, 192, 0, 2, gateway][..], about].concat();
        let harvest = read(&ethernet(ethertype::IPV4, &ipv4(1, &message)));
        (harvest.class, harvest.header.body_len, harvest.claim.map(|claim| claim.kind))
    };
    assert_eq!(redirect(1, 9, &about), (Class::Redirect, 36, Some(kind::REDIRECT)));
    assert_eq!(redirect(0, 2, &about), (Class::Redirect, 36, Some(kind::REDIRECT_ON_LINK)));
    assert_eq!(redirect(1, 9, &[about.clone(), vec![0; 400]].concat()).1, 56, "the end tells nothing");
    assert_eq!(redirect(4, 9, &about).2, None);
    assert_eq!(redirect(1, 9, &[&[0x60][..], &about[1..]].concat()).2, None);
    assert_eq!(redirect(1, 9, &about[..19]), (Class::Malformed, 0, None));
    let echo = ethernet(ethertype::IPV4, &ipv4(1, &[8, 0, 0, 0, 0, 1, 0, 1]));
    assert_eq!(read(&echo).class, Class::Traffic);
}

/// The class of a TCP segment with these flags to port 80, and whether its port is counted.
fn segment(flags: u8) -> (Class, bool) {
    let tcp = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0, 64, 0, 0, 0, 0];
    let frame = ethernet(ethertype::IPV4, &ipv4(6, &tcp));
    let harvest = read(&frame);
    let is_short = plain_traffic(&Captured { bytes: &frame, wire_len: frame.len() }).is_some();
    assert_eq!(is_short, harvest.class == Class::Traffic && harvest.asked.is_none(), "{flags}");
    (harvest.class, harvest.asked.is_some())
}

#[test]
fn segments_that_no_connection_has_are_counted() {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const PSH: u8 = 8;
    const ACK: u8 = 16;
    const URG: u8 = 32;
    for flags in [0, FIN, FIN | PSH | URG, URG, SYN | FIN] {
        assert_eq!(segment(flags), (Class::Traffic, true), "{flags}");
    }
    for flags in [ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, RST | FIN] {
        assert_eq!(segment(flags), (Class::Traffic, false), "{flags}");
    }
    assert_eq!(segment(SYN), (Class::Syn, true));
    assert_eq!(segment(SYN | ACK), (Class::SynAck, false));
}

#[test]
fn the_short_way_leaves_counted_datagrams_to_the_classifier() {
    for (port, payload, is_counted) in [(69, 4, true), (443, 4, false), (5000, 0, true), (5000, 4, false)] {
        let len = 8 + payload as u8;
        let udp = [&[0x9c, 0x40][..], &u16::to_be_bytes(port), &[0, len, 0, 0], &vec![7; payload]].concat();
        for packet in [ipv4(17, &udp), ipv6(&[], 17, 64, &udp)] {
            let number = if packet[0] == 0x45 { ethertype::IPV4 } else { ethertype::IPV6 };
            let frame = ethernet(number, &[&packet[..], &[0; 8]].concat());
            let harvest = read(&frame);
            assert_eq!((harvest.class, harvest.asked.is_some()), (Class::Traffic, is_counted), "{port}");
            let is_short = plain_traffic(&Captured { bytes: &frame, wire_len: frame.len() }).is_some();
            assert_eq!(is_short, !is_counted, "{port}");
        }
    }
}

#[test]
fn a_response_of_mdns_comes_from_its_port() {
    for (source, flags, class) in [(5353, 0x84, Class::Mdns), (40_000, 0x84, Class::Traffic), (40_000, 0, Class::Mdns)]
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
