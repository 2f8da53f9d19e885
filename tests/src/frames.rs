//! Frames: made by hand, byte by byte; read from capture files; and changed at random from a seed.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError};

/// A MAC of the documentation range that ends in `n`.
pub fn mac(n: u8) -> [u8; 6] {
    [0x00, 0x00, 0x5e, 0x00, 0x53, n]
}

/// A link-local address that ends in `n`.
pub fn link_local(n: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[..2].copy_from_slice(&[0xfe, 0x80]);
    address[15] = n;
    address
}

/// An Ethernet II frame, without padding.
pub fn ethernet(destination: [u8; 6], source: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&destination[..], &source, &ethertype.to_be_bytes(), payload].concat()
}

/// The frame with a VLAN tag in front of its ethertype.
pub fn tagged(frame: &[u8], tpid: u16, tci: u16) -> Vec<u8> {
    [&frame[..12], &tpid.to_be_bytes(), &tci.to_be_bytes(), &frame[12..]].concat()
}

/// An ARP frame whose payload names `sender_mac`, sent by the same MAC.
pub fn arp(operation: u16, sender_mac: [u8; 6], sender: [u8; 4], target_mac: [u8; 6], target: [u8; 4]) -> Vec<u8> {
    let destination = if operation == 1 { [0xff; 6] } else { target_mac };
    let fixed = [0, 1, 8, 0, 6, 4];
    let payload = [&fixed[..], &operation.to_be_bytes(), &sender_mac, &sender, &target_mac, &target].concat();
    ethernet(destination, sender_mac, 0x0806, &payload)
}

/// An IPv4 packet in a frame. `fragment` is the word of flags and offset.
pub fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let len = 20 + payload.len() as u16;
    let mut header = vec![0x45, 0];
    header.extend(len.to_be_bytes());
    header.extend([0, 1]);
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(source);
    header.extend(destination);
    ethernet(mac(2), mac(1), 0x0800, &[&header, payload].concat())
}

/// An IPv6 packet in a frame; `payload` starts with the header that `next` names.
pub fn ipv6(source: [u8; 16], destination: [u8; 16], next: u8, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([next, hop_limit]);
    header.extend(source);
    header.extend(destination);
    ethernet([0x33, 0x33, 0, 0, 0, 1], mac(1), 0x86dd, &[&header, payload].concat())
}

/// A UDP datagram without checksum.
pub fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len() as u16;
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload].concat()
}

/// An NDP message: type, the four bytes after the checksum, addresses, options.
pub fn ndp(message: u8, flags: u32, addresses: &[[u8; 16]], options: &[u8]) -> Vec<u8> {
    [&[message, 0, 0, 0][..], &flags.to_be_bytes(), &addresses.concat(), options].concat()
}

/// A link-layer address option: 1 the source's, 2 the target's.
pub fn link_layer_option(kind: u8, mac: [u8; 6]) -> Vec<u8> {
    [&[kind, 1][..], &mac].concat()
}

/// An IPv6 extension header of 8 bytes times `units`.
pub fn extension(next: u8, units: u8) -> Vec<u8> {
    let mut header = vec![0; usize::from(units) * 8];
    header[0] = next;
    header[1] = units - 1;
    header
}

/// One frame of each shape that the classifier knows or refuses, with a name for messages.
pub fn hand_made() -> Vec<(&'static str, Vec<u8>)> {
    let (a, b) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let (here, there) = (link_local(1), link_local(2));
    let all = {
        let mut all = link_local(1);
        all[..2].copy_from_slice(&[0xff, 0x02]);
        all
    };
    let request = arp(1, mac(1), a, [0; 6], b);
    let solicitation = ndp(135, 0, &[there], &link_layer_option(1, mac(1)));
    let mut router = ndp(134, 0x4000_0708, &[], &[0; 8]);
    router.extend(link_layer_option(1, mac(1)));
    let mut option_of_nothing = solicitation.clone();
    option_of_nothing[25] = 0;
    let dns = udp(5353, 5353, b"\0\0\x84\0\0\0\0\0\0\0\0\0");
    let boot = udp(68, 67, &[1; 300]);
    let atomic = [&[17, 0, 0, 0, 0, 0, 0, 1][..], &dns].concat();
    let fragment = [&[17, 0, 0, 1, 0, 0, 0, 1][..], &dns].concat();
    let deep: Vec<u8> =
        (0..7).flat_map(|n| extension(if n == 6 { 58 } else { 60 }, 1)).chain(solicitation.clone()).collect();
    let six: Vec<u8> =
        (0..6).flat_map(|n| extension(if n == 5 { 58 } else { 60 }, 1)).chain(solicitation.clone()).collect();
    let mut spoofed = request.clone();
    spoofed[22..28].copy_from_slice(&mac(9));
    let mut short_total = ipv4(a, b, 17, 0, &dns);
    short_total[17] = 27;
    let mut long_total = ipv4(a, b, 17, 0, &dns);
    long_total[17] += 1;
    let of_length = |change| {
        let mut datagram = dns.clone();
        datagram[5] = datagram[5].wrapping_add_signed(change);
        ipv4(a, b, 17, 0, &datagram)
    };
    let icmp_redirect = |code, about: &[u8]| {
        ipv4(IP, OTHER, 1, 0, &[&[5, code, 0, 0, 10, 0, 0, 9][..], &about[14..], &[1; 40]].concat())
    };
    let of_hardware = |hardware| {
        let mut arp = request.clone();
        arp[15] = hardware;
        arp
    };
    vec![
        ("arp request", request.clone()),
        ("arp request, padded", [&request[..], &[0; 18]].concat()),
        ("arp reply", arp(2, mac(1), a, mac(2), b)),
        ("arp announcement", arp(1, mac(1), a, [0; 6], a)),
        ("arp gratuitous reply", arp(2, mac(1), a, mac(2), a)),
        ("arp conflict check", arp(1, mac(1), [0; 4], [0; 6], b)),
        ("arp of another mac than the frame's", spoofed),
        ("arp, short", request[..41].to_vec()),
        ("arp of ieee 802", of_hardware(6)),
        ("arp of arcnet", of_hardware(7)),
        ("arp in snap", llc(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 6], &request[14..])),
        ("solicitation in snap", {
            llc(&[0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd], &ipv6(here, there, 58, 255, &solicitation)[14..])
        }),
        ("tcp in snap", llc(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(a, b, 6, 0, &[0; 20])[14..])),
        ("rarp request", {
            let mut rarp = request.clone();
            rarp[21] = 3;
            rarp
        }),
        ("one tag", tagged(&request, 0x8100, 0x2000 | 30)),
        ("priority tag", tagged(&request, 0x8100, 0xe000)),
        ("a service tag", tagged(&request, 0x88a8, 100)),
        ("two tags", tagged(&tagged(&request, 0x8100, 30), 0x88a8, 100)),
        ("priority tag outside", tagged(&tagged(&request, 0x8100, 30), 0x9100, 0)),
        ("three tags", tagged(&tagged(&tagged(&request, 0x8100, 1), 0x8100, 2), 0x88a8, 3)),
        ("tag without end", tagged(&request, 0x8100, 30)[..17].to_vec()),
        ("solicitation", ipv6(here, there, 58, 255, &solicitation)),
        ("solicitation from afar", ipv6(here, there, 58, 64, &solicitation)),
        ("solicitation of duplicates", ipv6([0; 16], all, 58, 255, &ndp(135, 0, &[here], &[]))),
        ("option of length zero", ipv6(here, there, 58, 255, &option_of_nothing)),
        ("five options", ipv6(here, there, 58, 255, &ndp(135, 0, &[there], &[[3, 1, 0, 0, 0, 0, 0, 0]; 5].concat()))),
        ("advertisement", ipv6(here, all, 58, 255, &ndp(136, 0xe000_0000, &[here], &link_layer_option(2, mac(1))))),
        ("advertisement without option", ipv6(here, all, 58, 255, &ndp(136, 0x6000_0000, &[here], &[]))),
        (
            "advertisement of another mac",
            ipv6(here, all, 58, 255, &ndp(136, 0, &[here], &link_layer_option(2, mac(9)))),
        ),
        ("router solicitation", ipv6(here, all, 58, 255, &ndp(133, 0, &[], &link_layer_option(1, mac(1))))),
        ("router advertisement", ipv6(here, all, 58, 255, &router)),
        ("redirect", ipv6(here, there, 58, 255, &ndp(137, 0, &[there, here], &link_layer_option(2, mac(3))))),
        ("redirect of a group", ipv6(here, there, 58, 255, &ndp(137, 0, &[there, all], &[]))),
        ("redirect with many options", ipv6(here, there, 58, 255, &ndp(137, 0, &[there; 2], &extension(4, 4)))),
        ("redirect of icmp", icmp_redirect(1, &ipv4(a, b, 17, 0, &dns))),
        ("redirect of icmp, of no known code", icmp_redirect(9, &ipv4(a, b, 17, 0, &dns))),
        ("redirect of icmp, short", ipv4(IP, OTHER, 1, 0, &[5; 27])),
        (
            "neighbour message with a code",
            ipv6(here, there, 58, 255, &{
                let mut m = solicitation.clone();
                m[1] = 1;
                m
            }),
        ),
        ("neighbour message, short", ipv6(here, there, 58, 255, &solicitation[..20])),
        ("echo request", ipv6(here, there, 58, 255, &[128, 0, 0, 0, 0, 1, 0, 1])),
        ("six extension headers", ipv6(here, there, 60, 255, &six)),
        ("seven extension headers", ipv6(here, there, 60, 255, &deep)),
        ("long extension header", ipv6(here, there, 0, 255, &[&extension(58, 40)[..], &solicitation].concat())),
        ("atomic fragment", ipv6(here, all, 44, 255, &atomic)),
        ("atomic solicitation", ipv6(here, all, 44, 255, &[&[58, 0, 0, 0, 0, 0, 0, 1], &solicitation[..]].concat())),
        ("first fragment", ipv6(here, all, 44, 255, &fragment)),
        (
            "fragment of tcp",
            ipv6(here, all, 44, 255, &{
                let mut f = fragment.clone();
                f[0] = 6;
                f
            }),
        ),
        ("authenticated", ipv6(here, there, 51, 255, &[&[58, 4, 0, 0][..], &[0; 20], &solicitation].concat())),
        ("dhcp", ipv4([0; 4], [255; 4], 17, 0, &boot)),
        ("dhcp, relayed", ipv4(a, b, 17, 0, &udp(67, 67, &[1; 300]))),
        ("dhcp, padded", [&ipv4(a, b, 17, 0, &boot)[..], &[0xaa; 40]].concat()),
        ("dhcp without payload", ipv4(a, b, 17, 0, &udp(68, 67, &[]))),
        ("dhcp, cut by the sender", ipv4(a, b, 17, 0, &boot)[..200].to_vec()),
        ("mdns", ipv4(a, [224, 0, 0, 251], 17, 0, &dns)),
        ("mdns response from another port", ipv4(a, b, 17, 0, &udp(40_000, 5353, &dns[8..]))),
        ("mdns question from another port", ipv4(a, b, 17, 0, &udp(40_000, 5353, &[0; 12]))),
        ("mdns answer to another port", ipv4(a, b, 17, 0, &udp(5353, 40_000, &dns[8..]))),
        ("mdns over IPv6", ipv6(here, all, 17, 255, &dns)),
        ("mdns, jumbo", ipv4(a, b, 17, 0, &udp(5353, 5353, &[7; 3000]))),
        ("mdns, 1472 bytes", ipv6(here, all, 17, 255, &udp(5353, 5353, &[7; 1432]))),
        ("udp length below its header", of_length(-13)),
        ("udp length past the packet", of_length(1)),
        ("udp length short of the packet", of_length(-4)),
        ("total length below the headers", short_total),
        ("total length past the frame", long_total),
        ("fragment, first", ipv4(a, b, 17, 0x2000, &dns)),
        ("fragment, last", ipv4(a, b, 17, 185, &dns)),
        ("don't fragment", ipv4(a, b, 17, 0x4000, &dns)),
        ("tcp", ipv4(a, b, 6, 0x4000, &[0; 20])),
        ("tcp over IPv6", ipv6(here, there, 6, 64, &[0; 20])),
        ("ip version 5", {
            let mut f = ipv4(a, b, 17, 0, &dns);
            f[14] = 0x55;
            f
        }),
        ("ip header of 16 bytes", {
            let mut f = ipv4(a, b, 17, 0, &dns);
            f[14] = 0x44;
            f
        }),
        ("lldp", ethernet([1, 0x80, 0xc2, 0, 0, 14], mac(1), 0x88cc, &[0; 46])),
        ("802.3 length", ethernet([1, 0x80, 0xc2, 0, 0, 0], mac(1), 38, &[0x42; 46])),
        ("bare header", ethernet(mac(2), mac(1), 0x0800, &[])),
        ("spanning tree", llc(&[0x42, 0x42, 3], &[0; 35])),
        ("spanning tree of a VLAN", llc(&[0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b], &[0; 42])),
        ("cdp", llc(&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], &[2, 180, 0, 0, 0, 1, 0, 8, 0x41, 0x42, 0x43, 0x44])),
        ("cdp, cut", llc(&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], &[0; 10])[..25].to_vec()),
        ("an unknown organisation", llc(&[0xaa, 0xaa, 3, 0, 0, 0x0d, 0x20, 0], &[0; 10])),
        ("dhcpv6", ipv6(link_local(1), link_local(2), 17, 1, &udp(546, 547, &[1; 40]))),
        ("dhcpv6's ports in IPv4", ipv4(IP, OTHER, 17, 0, &udp(546, 547, &[1; 40]))),
        ("dhcp's ports in IPv6", ipv6(link_local(1), link_local(2), 17, 64, &udp(68, 67, &[1; 40]))),
        ("llmnr", ipv4(IP, [224, 0, 0, 252], 17, 0, &udp(50_000, 5355, &[1; 30]))),
        ("nbns", ipv4(IP, [10, 0, 0, 255], 17, 0, &udp(137, 137, &[1; 50]))),
        ("ssdp", ipv4(IP, [239, 255, 255, 250], 17, 0, &udp(50_001, 1900, b"M-SEARCH * HTTP/1.1\r\n\r\n"))),
        ("wsd", ipv6(link_local(1), link_local(2), 17, 1, &udp(50_002, 3702, b"<a/>"))),
        ("igmp", ipv4(IP, [224, 0, 0, 22], 2, 0, &[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 2, 3])),
        ("igmp, short", ipv4(IP, [224, 0, 0, 22], 2, 0, &[0x22, 0, 0])),
        ("mld", ipv6(link_local(1), link_local(2), 58, 1, &[143, 0, 0, 0, 0, 0, 0, 0])),
        ("vrrp", ipv4(IP, [224, 0, 0, 18], 112, 0, &[0x31, 7, 100, 1, 0, 100, 0, 0, 10, 0, 0, 254])),
        ("vrrp of IPv6", ipv6(link_local(1), link_local(2), 112, 255, &[0x31, 7, 100, 1, 0, 100, 0, 0])),
        ("hsrp", ipv4(IP, [224, 0, 0, 2], 17, 0, &udp(1985, 1985, &[0; 20]))),
        ("hsrp of IPv6", ipv6(link_local(1), link_local(2), 17, 255, &udp(2029, 2029, &[0; 40]))),
        (
            "carp",
            ipv4(
                IP,
                [224, 0, 0, 18],
                112,
                0,
                &[0x21, 3, 0, 7, 0, 1, 0, 0].iter().copied().chain([0; 28]).collect::<Vec<u8>>(),
            ),
        ),
        ("glbp", ipv4(IP, [224, 0, 0, 102], 17, 0, &udp(3222, 3222, &[1; 40]))),
        ("syn", ipv4(IP, OTHER, 6, 0x4000, &tcp(50_003, 443, 0x02))),
        ("syn of IPv6", ipv6(link_local(1), link_local(2), 6, 64, &tcp(50_003, 443, 0x02))),
        ("syn and ack", ipv4(IP, OTHER, 6, 0x4000, &tcp(443, 50_003, 0x12))),
        ("syn and fin", ipv4(IP, OTHER, 6, 0x4000, &tcp(443, 50_003, 0x03))),
        ("syn without its options", ipv4(IP, OTHER, 6, 0x4000, &tcp(443, 50_003, 0x02)[..22])),
        ("no flags", ipv4(IP, OTHER, 6, 0x4000, &tcp(50_003, 443, 0))),
        ("fin, psh and urg", ipv6(link_local(1), link_local(2), 6, 64, &tcp(50_003, 443, 0x29))),
        ("tftp", ipv4(IP, OTHER, 17, 0, &udp(50_006, 69, &[0, 1]))),
        ("an empty datagram", ipv6(link_local(1), link_local(2), 17, 64, &udp(50_006, 5000, &[]))),
        ("data", ipv4(IP, OTHER, 6, 0x4000, &tcp(443, 50_003, 0x18))),
        ("data of IPv6", ipv6(link_local(1), link_local(2), 6, 64, &tcp(443, 50_003, 0x18))),
        ("dns answer", ipv4(IP, OTHER, 17, 0, &udp(53, 50_004, &[0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]))),
        ("ntp answer of IPv6", ipv6(link_local(1), link_local(2), 17, 64, &udp(123, 123, &[0x24; 48]))),
        (
            "snmp answer",
            ipv4(
                IP,
                OTHER,
                17,
                0,
                &udp(161, 50_005, &[&[0x30, 0x0e, 2, 1, 1, 4, 6][..], b"public", &[0xa2, 1, 0]].concat()),
            ),
        ),
        ("fragment of tcp", ipv4(IP, OTHER, 6, 0x2000, &tcp(443, 50_003, 0x02))),
        ("icmp", ipv4(IP, OTHER, 1, 0, &[8, 0, 0, 0, 0, 1, 0, 1])),
    ]
    .into_iter()
    .chain(tunnels())
    .collect()
}

const IP: [u8; 4] = [10, 0, 0, 1];
const OTHER: [u8; 4] = [10, 0, 0, 2];

/// Frames that carry an ARP or another message in every kind of tunnel that is opened, and in some that must not be.
fn tunnels() -> Vec<(&'static str, Vec<u8>)> {
    let inner = arp(2, mac(7), [10, 7, 0, 7], mac(8), [10, 7, 0, 8]);
    let over = |protocol, head: &[u8]| ipv4(IP, OTHER, protocol, 0, &[head, &inner].concat());
    let six = |next, payload: &[u8]| ipv6(link_local(1), link_local(2), next, 64, payload);
    let vxlan = |port, head: [u8; 8]| ipv4(IP, OTHER, 17, 0, &udp(50_000, port, &[&head[..], &inner].concat()));
    let ip_inner = ipv4([10, 8, 0, 1], [224, 0, 0, 251], 17, 0, &udp(5353, 5353, &[1; 40]));
    let session = |protocol: [u8; 2], code, packet: &[u8]| {
        let len = (packet.len() + 2) as u16;
        let head = [&[0x11, code, 0, 9][..], &len.to_be_bytes(), &protocol].concat();
        ethernet(mac(2), mac(1), 0x8864, &[&head, packet].concat())
    };
    let nested =
        ipv4(IP, OTHER, 17, 0, &udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &vxlan(4789, VNI)].concat()));
    vec![
        ("vxlan", vxlan(4789, VNI)),
        ("vxlan on the old port", vxlan(8472, VNI)),
        ("vxlan without a valid VNI", vxlan(4789, [0; 8])),
        ("vxlan in a VLAN", tagged(&vxlan(4789, VNI), 0x8100, 30)),
        ("vxlan in vxlan", nested),
        ("vxlan over IPv6", six(17, &udp(50_000, 4789, &[&VNI[..], &inner].concat()))),
        ("vxlan, cut", vxlan(4789, VNI)[..60].to_vec()),
        ("tags in vxlan", {
            let tagged = tagged(&tagged(&inner, 0x8100, 30), 0x88a8, 100);
            ipv4(IP, OTHER, 17, 0, &udp(50_000, 4789, &[&VNI[..], &tagged].concat()))
        }),
        ("geneve", vxlan(6081, [0, 0, 0x65, 0x58, 0, 0, 43, 0])),
        ("geneve with options", {
            let head = [2, 0, 0x65, 0x58, 0, 0, 43, 0, 1, 2, 3, 4, 5, 6, 7, 8];
            ipv4(IP, OTHER, 17, 0, &udp(50_000, 6081, &[&head[..], &inner].concat()))
        }),
        ("gre", over(47, &[0, 0, 0x65, 0x58])),
        ("gre with key, checksum and sequence", over(47, &[0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 1])),
        ("gre of IPv4", over(47, &[0, 0, 8, 0])),
        ("gre of IPv6", over(47, &[0, 0, 0x86, 0xdd])),
        ("gre over IPv6", six(47, &[&[0, 0, 0x65, 0x58][..], &inner].concat())),
        ("gre in two tags", tagged(&tagged(&over(47, &[0, 0, 0x65, 0x58]), 0x8100, 30), 0x88a8, 100)),
        ("gre, version 1", over(47, &[0, 1, 0x65, 0x58])),
        ("erspan, type I", over(47, &[0, 0, 0x88, 0xbe])),
        ("erspan, type II", over(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 30, 0, 5, 0, 0, 0, 0])),
        ("erspan, type III", over(47, &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("erspan, type III, and more", {
            let head = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            over(47, &head)
        }),
        ("erspan, cut", over(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1])[..44].to_vec()),
        ("pppoe", session([0, 0x21], 0, &ip_inner[14..])),
        ("pppoe of IPv6", session([0, 0x57], 0, &six(17, &udp(546, 547, &[1; 40]))[14..])),
        ("pppoe in a VLAN", tagged(&session([0, 0x21], 0, &ip_inner[14..]), 0x8100, 30)),
        ("pppoe, link control", session([0xc0, 0x21], 0, &[0; 20])),
        ("pppoe, discovery's code", session([0, 0x21], 9, &ip_inner[14..])),
    ]
}

const VNI: [u8; 8] = [8, 0, 0, 0, 0, 0, 42, 0];

/// A frame with a length in place of an ethertype.
fn llc(head: &[u8], body: &[u8]) -> Vec<u8> {
    let len = (head.len() + body.len()) as u16;
    let mut frame = ethernet([1, 0x80, 0xc2, 0, 0, 0], mac(1), len, &[head, body].concat());
    frame.resize(frame.len().max(60), 0);
    frame
}

/// A segment with a maximum segment size.
fn tcp(source: u16, destination: u16, flags: u8) -> Vec<u8> {
    let mut segment = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x60, flags, 0x72, 0x10, 0, 0, 0, 0, 2, 4, 5, 0xb4]);
    segment
}

/// A captured frame and its length on the wire.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What was captured.
    pub bytes: Vec<u8>,
    /// Bytes on the wire.
    pub wire_len: usize,
}

/// The Ethernet frames of a capture file (pcap or pcapng), up to the first damage.
pub fn read_capture(path: &Path) -> Vec<Frame> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let Ok(mut reader) = pcap_parser::create_reader(1 << 20, file) else { return Vec::new() };
    let mut frames = Vec::new();
    let mut link_types = Vec::new();
    loop {
        let is_short = match reader.next() {
            Ok((taken, block)) => {
                let frame = match &block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        link_types = vec![header.network];
                        None
                    }
                    PcapBlockOwned::Legacy(packet) => Some((0, packet.data, packet.caplen, packet.origlen)),
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                        link_types.clear();
                        None
                    }
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        link_types.push(interface.linktype);
                        None
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        Some((packet.if_id as usize, packet.data, packet.caplen, packet.origlen))
                    }
                    PcapBlockOwned::NG(_) => None,
                };
                if let Some((interface, data, captured, wire)) = frame
                    && link_types.get(interface) == Some(&Linktype::ETHERNET)
                {
                    let bytes = data[..data.len().min(captured as usize)].to_vec();
                    let wire_len = bytes.len().max(wire as usize);
                    frames.push(Frame { bytes, wire_len });
                }
                reader.consume(taken);
                false
            }
            Err(PcapError::Incomplete(_)) => true,
            Err(_) => return frames,
        };
        if is_short && (reader.reader_exhausted() || reader.refill().is_err()) {
            return frames;
        }
    }
}

/// Every capture file there is: the committed ones, and those of `SENSOR_PCAPS`, else of `../shared/pcaps/open`
/// beside the repository, where that folder exists. Sorted.
pub fn captures() -> Vec<PathBuf> {
    let root = crate::bpf::root();
    let more = std::env::var_os("SENSOR_PCAPS").map_or_else(|| root.join("../shared/pcaps/open"), PathBuf::from);
    let mut files = Vec::new();
    let mut folders = vec![root.join("tests/data/captures"), more];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| ["pcap", "pcapng", "cap"].iter().any(|known| e == *known)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Random numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }
}

/// The frame with one to four changes: bytes replaced, bits turned, cut, grown, tagged, spliced with itself.
/// Most changes are near the headers, where they matter.
pub fn mutant(random: &mut Random, frame: &[u8]) -> Vec<u8> {
    const TELLING: [u8; 24] =
        [0, 1, 2, 4, 6, 8, 17, 20, 43, 44, 51, 58, 59, 60, 0x45, 0x46, 0x60, 0x81, 0x88, 133, 134, 135, 136, 0xff];
    let mut bytes = frame.to_vec();
    for _ in 0..=random.below(4) {
        let near = bytes.len().clamp(1, 96);
        let at = random.below(near).min(bytes.len().saturating_sub(1));
        match random.below(8) {
            0 | 1 => bytes[at] = random.word() as u8,
            2 | 3 => bytes[at] = TELLING[random.below(TELLING.len())],
            4 => bytes[at] ^= 1 << random.below(8),
            5 => bytes.truncate(14 + random.below(bytes.len().max(15) - 14)),
            6 => bytes.extend((0..random.below(64)).map(|n| n as u8)),
            _ => {
                let tci = random.word() as u16 & 0x0fff;
                bytes = tagged(&bytes, [0x8100, 0x88a8, 0x9100][random.below(3)], tci * (tci & 1));
            }
        }
        if bytes.len() < 14 {
            bytes.resize(14, 0);
        }
    }
    bytes
}
