//! Traffic that tempts the sensor to break the rules: claims of addresses that must not be asked, by every protocol
//! that it reads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use sensor_core::types::Mac;

use super::rules::{self, PROBER, Rules, edges, pick};
use crate::frames::{self, Random};

/// A random frame of this kind.
pub fn frame(random: &mut Random, rules: &Rules) -> Vec<u8> {
    match random.below(32) {
        0..=23 => arp(random, rules),
        24..=26 => ndp(random),
        27..=30 => mdns(random, rules),
        _ => conflict(random, rules),
    }
}

/// The announcement of a station that must never be asked.
pub fn announcement(mac: Mac, ip: Ipv4Addr) -> Vec<u8> {
    padded(frames::arp(1, mac.0, ip.octets(), [0; 6], ip.octets()))
}

/// An address to claim: inside the networks, outside, or taken by no host.
fn address(random: &mut Random, rules: &Rules) -> Ipv4Addr {
    match random.below(6) {
        0 => pick(random, &OUTSIDE),
        1 => pick(random, &NOBODYS),
        2 => {
            let all: Vec<Ipv4Addr> = rules.networks.iter().flat_map(|network| v4(edges(network.prefix))).collect();
            if all.is_empty() { PROBER } else { pick(random, &all) }
        }
        3 => {
            let all: Vec<IpNet> = rules.never.iter().copied().filter(|prefix| prefix.addr().is_ipv4()).collect();
            if all.is_empty() {
                return PROBER;
            }
            let prefix = pick(random, &all);
            inside(random, prefix)
        }
        _ => {
            let all: Vec<IpNet> =
                rules.networks.iter().map(|network| network.prefix).filter(|net| net.addr().is_ipv4()).collect();
            let prefix = pick(random, &all);
            inside(random, prefix)
        }
    }
}

/// Any address of the prefix, the first and the last too.
fn inside(random: &mut Random, prefix: IpNet) -> Ipv4Addr {
    let IpNet::V4(net) = prefix else { return PROBER };
    let span = 1_usize << (32 - net.prefix_len()).min(8);
    // Mostly the same few, so that there is time to ask them everything.
    let few = if random.below(4) > 0 { FEW.min(span) } else { span };
    Ipv4Addr::from(u32::from(net.network()).wrapping_add((random.below(few) * STRIDE % span) as u32))
}

fn arp(random: &mut Random, rules: &Rules) -> Vec<u8> {
    let ip = address(random, rules);
    let mac = holder(random, ip);
    let target = pick(random, &[ip, PROBER, Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(10, 66, 0, 200)]);
    // Replies, requests and gratuitous messages all claim their sender's address (RFC 5227, section 3).
    let operation = pick(random, &[1, 1, 2]);
    let mut frame = frames::arp(operation, mac.0, ip.octets(), [0; 6], target.octets());
    frame[..6].copy_from_slice(&Mac::BROADCAST.0);
    if random.below(8) == 0 {
        // The sender in the frame and the one in the packet differ.
        frame[6..12].copy_from_slice(&stranger(random).0);
    }
    padded(frame)
}

/// Two stations claim one address, one right after the other.
fn conflict(random: &mut Random, rules: &Rules) -> Vec<u8> {
    let last = pick(random, &[41, 90, 140, 201]);
    let ip = if random.below(4) == 0 { address(random, rules) } else { Ipv4Addr::new(10, 66, 0, last) };
    let mac = pick(random, &[Mac([2, 66, 1, 0, 0, 1]), Mac([2, 66, 1, 0, 0, 2])]);
    padded(frames::arp(1, mac.0, ip.octets(), [0; 6], ip.octets()))
}

fn ndp(random: &mut Random) -> Vec<u8> {
    let mac = station(random);
    let target = pick(random, &IPV6);
    let source =
        pick(random, &[target, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9), Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 9)]);
    let body = match random.below(2) {
        0 => frames::ndp(136, 0x2000_0000, &[target.octets()], &frames::link_layer_option(2, mac.0)),
        _ => frames::ndp(135, 0, &[target.octets()], &frames::link_layer_option(1, mac.0)),
    };
    let mut frame = frames::ipv6(source.octets(), ALL_NODES.octets(), 58, 255, &body);
    frame[6..12].copy_from_slice(&mac.0);
    frame
}

/// A printer that says where it is: an address, and a port that nobody may ask.
fn mdns(random: &mut Random, rules: &Rules) -> Vec<u8> {
    let (said, source) = (address(random, rules), address(random, rules));
    let mac = holder(random, source);
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0];
    message.extend(b"\x04lure\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04");
    message.extend(said.octets());
    message.extend(b"\x04lure\x0f_pdl-datastream\x04_tcp\x05local\0\0\x21\x80\x01\0\0\0\x78\0\x12\0\0\0\0\x23\x8c\x04lure\x05local\0");
    let mut frame = frames::ipv4(source.octets(), [224, 0, 0, 251], 17, 0, &frames::udp(5353, 5353, &message));
    frame[..6].copy_from_slice(&[1, 0, 0x5e, 0, 0, 251]);
    frame[6..12].copy_from_slice(&mac.0);
    frame
}

/// Mostly the same MAC for an address: an address that is disputed all the time is only asked for its holder.
fn holder(random: &mut Random, ip: Ipv4Addr) -> Mac {
    let [_, _, c, d] = ip.octets();
    if random.below(24) > 0 { Mac([2, 66, 3, 0, c, d]) } else { station(random) }
}

/// Few MACs, so that they claim the same addresses; some that no network card has.
fn station(random: &mut Random) -> Mac {
    match random.below(12) {
        0 => pick(random, &[Mac([0; 6]), Mac::BROADCAST, Mac([1, 0, 0x5e, 0, 0, 9]), Mac([0, 0, 0x5e, 0, 1, 7])]),
        1 => rules::member_mac(random.below(254) as u8),
        _ => stranger(random),
    }
}

fn stranger(random: &mut Random) -> Mac {
    Mac([2, 66, 0, 0, 0, random.below(24) as u8])
}

fn v4(ips: Vec<IpAddr>) -> impl Iterator<Item = Ipv4Addr> {
    ips.into_iter().filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None })
}

fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(60, 0);
    frame
}

/// Addresses of a network that are claimed again and again, and how far they are from each other.
const FEW: usize = 24;
const STRIDE: usize = 11;
const OUTSIDE: [Ipv4Addr; 8] = [
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(10, 65, 255, 255),
    Ipv4Addr::new(10, 67, 0, 1),
    Ipv4Addr::new(10, 98, 0, 54),
    Ipv4Addr::new(10, 98, 3, 7),
    Ipv4Addr::new(10, 99, 1, 1),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::new(192, 168, 77, 5),
];
const NOBODYS: [Ipv4Addr; 10] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 66, 0, 9),
    Ipv4Addr::new(224, 0, 0, 5),
    Ipv4Addr::new(239, 1, 2, 3),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::new(169, 254, 7, 7),
    Ipv4Addr::BROADCAST,
    PROBER,
];
const IPV6: [Ipv6Addr; 9] = [
    Ipv6Addr::LOCALHOST,
    Ipv6Addr::UNSPECIFIED,
    Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x0a42, 9),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x77),
    Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0xa42, 0x19),
    Ipv6Addr::new(0xfd77, 0, 0, 1, 0, 0, 0, 1),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99),
    ALL_NODES,
];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
