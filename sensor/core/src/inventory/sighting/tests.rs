//! Messages of each protocol, and the sightings that they make.

use std::net::Ipv6Addr;

use super::*;
use crate::types::{Class, Iface, Packet, Vlans};
use crate::wire::dissect;

const HOST: Mac = Mac([2, 0, 0, 0, 0, 1]);
const ELSE: Mac = Mac([2, 0, 0, 0, 0, 2]);
const SOURCE: &str = "fe80::1";

fn facts(class: Class, source: &str, source_mac: Mac, destination_mac: Mac, body: &[u8]) -> Vec<Sighting> {
    let source: IpAddr = source.parse().expect("an address");
    // Duplicate address detection goes to the address's group.
    let is_dad = class == Class::Ndp && source.is_unspecified();
    let destination = if is_dad { "ff02::1:ff00:2".parse().expect("an address") } else { source };
    let frame = Frame {
        at: Timestamp::from_secs(1),
        segment: Segment::tagged(Iface::new("eth0").expect("a name"), Vlans::default()),
        class,
        cut: false,
        flood: false,
        scan: false,
        source_mac,
        destination_mac,
        packet: Some(Packet { source, destination, hop_limit: 255, protocol: 58, ports: [0; 2] }),
        body,
    };
    let mut out = Vec::new();
    if let Ok(Some(message)) = dissect(&frame) {
        sightings(&frame, &message, &mut out);
    }
    out
}

/// Of each sighting its MAC's last octet, its address, and the first word of its claim.
fn check(facts: &[Sighting], expected: &[&str]) {
    let told: Vec<String> = facts
        .iter()
        .map(|fact| {
            let claim = match &fact.claim {
                Claim::Answer(answer) => format!("{answer:?}"),
                Claim::Arp(claim) => format!("{:?}", claim.operation),
                Claim::Dhcp(claim) => format!("{:?}", claim.message),
                Claim::Mdns(claim) => format!("{claim:?}"),
                Claim::Ndp(claim) => format!("{claim:?}"),
                Claim::Dhcpv6(claim) => format!("Dhcpv6 {claim:?}"),
                Claim::Llmnr(heard) => format!("{:?}", heard.said),
                Claim::Nbns(heard) => format!("{:?}", heard.said),
                Claim::Ssdp(heard) => format!("{:?}", heard.said.kind),
                Claim::Wsd(heard) => format!("{:?}", heard.said.kind),
                claim => format!("{claim:?}"),
            };
            let ip = fact.ip.map_or("-".to_owned(), |ip| ip.to_string());
            let word = claim.split([' ', '(']).next().unwrap_or_default();
            format!("{:02x} {ip} {word}", fact.mac.0[5])
        })
        .collect();
    assert_eq!(told, expected);
}

fn arp(operation: u8, sender_mac: Mac, sender: [u8; 4], target: [u8; 4]) -> Vec<Sighting> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    let body = [&head[..], &sender_mac.0, &sender, &[0; 6], &target].concat();
    facts(Class::Arp, "0.0.0.0", HOST, Mac::BROADCAST, &body)
}

#[test]
fn arp_is_about_its_sender() {
    check(&arp(1, HOST, [10, 0, 0, 1], [10, 0, 0, 2]), &["01 10.0.0.1 Request"]);
    check(&arp(2, ELSE, [10, 0, 0, 1], [10, 0, 0, 2]), &["02 10.0.0.1 Reply"]);
    check(&arp(1, HOST, [10, 0, 0, 1], [10, 0, 0, 1]), &["01 10.0.0.1 Gratuitous"]);
    check(&arp(1, HOST, [0; 4], [10, 0, 0, 2]), &["01 10.0.0.2 ConflictCheck"]);
}

#[test]
fn arp_of_what_no_station_can_hold() {
    for sender in [[0, 0, 0, 1], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
        check(&arp(1, HOST, sender, [10, 0, 0, 2]), &[]);
    }
    check(&arp(2, HOST, [0; 4], [10, 0, 0, 2]), &[]);
    check(&arp(1, HOST, [0; 4], [0; 4]), &[]);
    check(&arp(1, HOST, [0; 4], [224, 0, 0, 1]), &[]);
}

#[test]
fn a_mac_that_no_station_has_is_claimed_and_shows_no_life() {
    let group = [2, 1, 1, 0, 0, 0, 0, 2];
    for (facts, expected) in [
        (arp(1, Mac::ZERO, [10, 0, 0, 1], [10, 0, 0, 2]), "00 10.0.0.1 Request"),
        (arp(2, Mac::BROADCAST, [10, 0, 0, 1], [10, 0, 0, 2]), "ff 10.0.0.1 Reply"),
        (ndp(SOURCE, 136, &["fe80::2"], &group), "02 fe80::2 Advert"),
        (ndp(SOURCE, 135, &["fe80::2"], &[1, 1, 1, 0, 0, 0, 0, 2]), "02 fe80::1 Solicit"),
    ] {
        check(&facts, &[expected]);
        assert_eq!(facts[0].shows_life(), None);
    }
}

fn ndp(source: &str, number: u8, addresses: &[&str], options: &[u8]) -> Vec<Sighting> {
    let mut body = vec![number, 0, 0, 0, 0, 0, 0, 30];
    for address in addresses {
        body.extend(address.parse::<Ipv6Addr>().expect("an address").octets());
    }
    if number == 134 {
        body.extend([0; 8]);
    }
    body.extend(options);
    facts(Class::Ndp, source, HOST, Mac::BROADCAST, &body)
}

const SOURCE_OPTION: [u8; 8] = [1, 1, 2, 0, 0, 0, 0, 2];
const TARGET_OPTION: [u8; 8] = [2, 1, 2, 0, 0, 0, 0, 2];

#[test]
fn solicitations_are_about_their_source() {
    check(&ndp(SOURCE, 135, &["fe80::2"], &SOURCE_OPTION), &["02 fe80::1 Solicit"]);
    check(&ndp(SOURCE, 133, &[], &SOURCE_OPTION), &["02 fe80::1 RouterSolicit"]);
    check(&ndp("::", 135, &["fe80::2"], &[]), &["01 fe80::2 Dad"]);
}

#[test]
fn solicitations_that_bind_nothing() {
    check(&ndp(SOURCE, 135, &["fe80::2"], &[]), &[]);
    check(&ndp("::", 133, &[], &SOURCE_OPTION), &[]);
    check(&ndp("ff02::1", 135, &["fe80::2"], &SOURCE_OPTION), &[]);
    check(&ndp("::", 135, &["::"], &[]), &[]);
}

#[test]
fn advertisements_are_about_their_target() {
    check(&ndp(SOURCE, 136, &["fe80::2"], &TARGET_OPTION), &["02 fe80::2 Advert"]);
    check(&ndp(SOURCE, 136, &["fe80::1"], &[]), &["01 fe80::1 Advert"]);
    check(&ndp(SOURCE, 136, &["fe80::2"], &[]), &[]);
    check(&ndp(SOURCE, 136, &["fe80::2"], &SOURCE_OPTION), &[]);
    check(&ndp(SOURCE, 136, &["::"], &TARGET_OPTION), &[]);
}

#[test]
fn router_messages_are_about_their_sender() {
    check(&ndp(SOURCE, 134, &[], &SOURCE_OPTION), &["02 fe80::1 RouterAdvert"]);
    check(&ndp(SOURCE, 134, &[], &[]), &["01 fe80::1 RouterAdvert"]);
    // The option is the better hop's; it says nothing of the router.
    check(&ndp(SOURCE, 137, &["fe80::2", "2001:db8::1"], &TARGET_OPTION), &["01 fe80::1 Redirect"]);
    check(&ndp("::", 134, &[], &SOURCE_OPTION), &[]);
}

/// A message for the client `HOST` with `ciaddr` 10.0.0.1 and `yiaddr` 10.0.0.2.
fn dhcp(op: u8, options: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 236];
    body[..3].copy_from_slice(&[op, 1, 6]);
    body[12..16].copy_from_slice(&[10, 0, 0, 1]);
    body[16..20].copy_from_slice(&[10, 0, 0, 2]);
    body[28..34].copy_from_slice(&HOST.0);
    [&body, &[99, 130, 83, 99][..], options].concat()
}

fn check_dhcp(op: u8, options: &[u8], expected: &str) {
    check(&facts(Class::Dhcp, "0.0.0.0", ELSE, HOST, &dhcp(op, options)), &[expected]);
}

#[test]
fn dhcp_is_about_its_client() {
    check_dhcp(2, &[53, 1, 5], "01 10.0.0.2 Ack");
    check_dhcp(2, &[53, 1, 2], "01 10.0.0.1 Offer");
    check_dhcp(1, &[53, 1, 3], "01 10.0.0.1 Request");
    check_dhcp(1, &[53, 1, 99], "01 10.0.0.1 Unknown");
    check_dhcp(1, &[], "01 10.0.0.1 Bootp");
    let mut nobody = dhcp(1, &[53, 1, 1]);
    nobody[28..34].fill(0);
    check(&facts(Class::Dhcp, "0.0.0.0", HOST, Mac::BROADCAST, &nobody), &[]);
}

fn check_is_here(op: u8, source_mac: Mac, destination_mac: Mac, expected: bool) {
    let facts = facts(Class::Dhcp, "10.0.0.9", source_mac, destination_mac, &dhcp(op, &[]));
    let [Sighting { claim: Claim::Dhcp(claim), .. }] = facts.as_slice() else { panic!("one claim: {facts:?}") };
    assert_eq!(claim.client_is_here, expected);
}

#[test]
fn between_relay_and_server_the_client_is_not_here() {
    check_is_here(1, HOST, Mac::BROADCAST, true);
    check_is_here(1, ELSE, Mac::BROADCAST, false);
    check_is_here(2, ELSE, HOST, true);
    check_is_here(2, ELSE, Mac::BROADCAST, true);
    check_is_here(2, HOST, ELSE, false);
}

/// A response whose one record has this owner, type, TTL and data.
fn mdns(owner: &[u8], kind: u8, ttl_s: u8, data: &[u8]) -> Vec<Sighting> {
    let head = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let body = [&head[..], owner, &[0, kind, 0x80, 1, 0, 0, 0, ttl_s, 0, data.len() as u8], data].concat();
    facts(Class::Mdns, "10.0.0.1", HOST, Mac::BROADCAST, &body)
}

#[test]
fn mdns_makes_one_sighting_a_record() {
    check(&mdns(b"\x01a\0", 1, 120, &[10, 0, 0, 1]), &["01 10.0.0.1 Address"]);
    check(&mdns(b"\x01a\0", 1, 0, &[10, 0, 0, 1]), &["01 10.0.0.1 Goodbye"]);
    // The sender's address is another one.
    check(&mdns(b"\x01a\0", 1, 120, &[10, 0, 0, 3]), &["01 10.0.0.1 OfAnother"]);
    // An address of another kind tells nothing.
    check(&mdns(b"\x01a\0", 28, 120, &[0x20; 16]), &["01 10.0.0.1 Address"]);
    check(&mdns(b"\x01a\0", 33, 120, b"\0\0\0\0\0\x50\0"), &["01 10.0.0.1 Srv"]);
    check(&mdns(b"\x01a\0", 16, 120, b"\0"), &["01 10.0.0.1 Txt"]);
    check(&mdns(b"\x01a\0", 12, 120, b"\x01b\0"), &["01 10.0.0.1 Service"]);
    check(&mdns(b"\x011\x07IN-addr\x04arpa\0", 12, 120, b"\x01b\0"), &["01 10.0.0.1 Reverse"]);
    check(&mdns(b"\x09_services\x07_dns-sd\x04_udp\x05local\0", 12, 120, b"\x01b\0"), &["01 10.0.0.1 Type"]);
    check(&mdns(b"\x01a\0", 47, 120, b"\0"), &[]);
}

#[test]
fn mdns_questions() {
    let body = [&[0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0][..], b"\x01a\0\0\x01\x80\x01", b"\x01b\0\0\x01\0\x01"].concat();
    let asked = facts(Class::Mdns, "0.0.0.0", HOST, Mac::BROADCAST, &body);
    check(&asked, &["01 - Query", "01 - Query"]);
}

fn link_facts(class: Class, protocol: u8, source: &str, body: &[u8]) -> Vec<Sighting> {
    let source: IpAddr = source.parse().expect("an address");
    let ports = [1985; 2];
    let frame = Frame {
        at: Timestamp::EPOCH,
        segment: Segment::untagged(Iface::new("eth1").expect("a short name")),
        class,
        cut: false,
        source_mac: Mac([2, 0, 0, 0, 0, 1]),
        destination_mac: Mac::BROADCAST,
        packet: Some(Packet { source, destination: [224, 0, 0, 2].into(), hop_limit: 1, protocol, ports }),
        body,
        flood: false,
        scan: false,
    };
    let mut facts = Vec::new();
    let message = dissect(&frame).expect("sound").expect("ours");
    sightings(&frame, &message, &mut facts);
    facts
}

#[track_caller]
fn check_link(class: Class, protocol: u8, source: &str, body: &[u8], ip: Option<&str>) {
    let facts = link_facts(class, protocol, source, body);
    let [fact] = facts.as_slice() else { panic!("one fact: {facts:?}") };
    assert_eq!((fact.mac, fact.frame_mac), (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 1])));
    assert_eq!(fact.ip.map(|ip| ip.to_string()).as_deref(), ip);
}

#[test]
fn link_protocols_make_one_sighting_a_message() {
    let lldp = [2, 2, 7, b'x', 4, 2, 7, b'y', 6, 2, 0, 9, 0, 0];
    check_link(Class::Lldp, 0, "10.0.0.1", &lldp, None);
    check_link(Class::Cdp, 0, "10.0.0.1", &[2, 9, 0, 0], None);
    check_link(Class::Stp, 0, "10.0.0.1", &[0, 0, 0, 0x80], None);
    check_link(Class::Membership, 2, "10.0.0.1", &[0x16, 0, 0, 0, 239, 1, 1, 1], Some("10.0.0.1"));
    check_link(Class::Membership, 2, "0.0.0.0", &[0x16, 0, 0, 0, 239, 1, 1, 1], None);
    check_link(Class::Redundancy, 17, "10.0.0.1", &[0; 20], Some("10.0.0.1"));
}
