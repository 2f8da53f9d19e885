//! Bodies of the fuzz targets: plain functions that assert what must hold for any bytes. `cargo test` runs them over
//! the committed corpus; `tests/fuzz` hands them to libFuzzer.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use sensor::capture::file::read_from;
use sensor::export::sightings::line::sighting_line;
use sensor::probe::banner::readings;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::fingerprint::p0f::signature;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::sighting::sightings;
use sensor_core::types::{Class, Frame, Iface, Mac, Packet, Segment, TEXT_MAX, Text, Timestamp, Vlans};
use sensor_core::wire;
use sensor_core::wire::error::WireError;
use sensor_core::wire::{
    arp as arp_message, cdp as cdp_message, dhcp as dhcp_message, dhcpv6 as dhcpv6_message, dns, lldp as lldp_message,
    llmnr as llmnr_message, mdns as mdns_message, membership as membership_message, nbns as nbns_message,
    ndp as ndp_message, redundancy as redundancy_message, served as served_message, ssdp as ssdp_message,
    stp as stp_message, syn as syn_message, wsd as wsd_message,
};
use sensor_ebpf::abi::{FRAME_MAX, HEADER_LEN, Header, TunnelKind};
use sensor_ebpf::classify::{Harvest, Opens, classify, read_on};
use sensor_ebpf::packet::Captured;
use sensor_ebpf::watched;

use crate::operations::run::correlate;

/// A fuzz target.
pub struct Target {
    /// Its name, which is also the name of its corpus folder.
    pub name: &'static str,
    /// What is done with the bytes.
    pub body: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 21] = [
    Target { name: "answers", body: answers },
    Target { name: "arp", body: arp },
    Target { name: "capture_file", body: capture_file },
    Target { name: "cdp", body: cdp },
    Target { name: "classifier", body: classifier },
    Target { name: "correlator", body: correlate },
    Target { name: "dhcp", body: dhcp },
    Target { name: "lldp", body: lldp },
    Target { name: "mdns", body: mdns },
    Target { name: "membership", body: membership },
    Target { name: "ndp", body: ndp },
    Target { name: "redundancy", body: redundancy },
    Target { name: "stp", body: stp },
    Target { name: "dhcpv6", body: dhcpv6 },
    Target { name: "llmnr", body: llmnr },
    Target { name: "nbns", body: nbns },
    Target { name: "served", body: served },
    Target { name: "ssdp", body: ssdp },
    Target { name: "syn", body: syn },
    Target { name: "whole_path", body: whole_path },
    Target { name: "wsd", body: wsd },
];

/// A frame of any bytes, on a port that looks into tunnels and on one that does not: the body lies inside it and inside
/// what is harvested of a frame, and records survive the ring.
pub fn classifier(data: &[u8]) {
    let (&[longer, ..], frame) = data.split_at(data.len().min(1)) else { return };
    let packet = Captured { bytes: frame, wire_len: frame.len() + usize::from(longer) };
    let opened = classify(&packet, Opens::All);
    assert_eq!(opened, classify(&packet, Opens::All));
    check_harvest(&opened, frame);
    let closed = classify(&packet, Opens::Named { table: &NOBODY, is_mirror: true });
    assert!(
        matches!(TunnelKind::from_number(closed.header.tunnel_kind), Some(TunnelKind::None | TunnelKind::Pppoe)),
        "nobody's tunnels are looked into"
    );
    check_harvest(&closed, frame);
}

static NOBODY: LazyLock<watched::Table> = LazyLock::new(|| watched::table(&[], &[]));

fn check_harvest(harvest: &Harvest, frame: &[u8]) {
    let end = harvest.body_at + usize::from(harvest.header.body_len);
    if harvest.class.is_harvested() {
        // Of a frame that was captured in part, the body may begin past the end; then there is none.
        assert!(harvest.header.body_len == 0 || end <= frame.len().min(FRAME_MAX), "{harvest:?}");
        assert_eq!(Header::from_bytes(&harvest.header.to_bytes()), harvest.header);
        let record = [&harvest.header.to_bytes()[..], frame.get(harvest.body_at..end).unwrap_or_default()].concat();
        assert_eq!(Header::split(&record), Some((harvest.header, &record[HEADER_LEN..])));
        if harvest.class == Class::Deep {
            let inner = read_on(&harvest.header, &record[HEADER_LEN..]);
            let end = inner.body_at + usize::from(inner.header.body_len);
            assert!(!inner.class.is_harvested() || inner.header.body_len == 0 || end <= record.len() - HEADER_LEN);
        }
    }
}

/// Answers to probes: NetBIOS node status and the banners of services. Texts keep to their limit.
pub fn answers(data: &[u8]) {
    if let Some((id, body)) = data.split_first_chunk::<2>() {
        let whole = [id, body].concat();
        if let Ok(Some(status)) = nbns_message::parse_node_status(u16::from_be_bytes(*id), &whole) {
            assert!(status.names.len() <= 255 && status.names.iter().all(|name| name.name.as_bytes().len() <= 15));
            assert!(status.unit_id.is_none_or(Mac::is_station));
        }
    }
    for text in readings(data).into_iter().flatten() {
        assert!(text.as_bytes().len() <= TEXT_MAX);
    }
}

/// ARP.
pub fn arp(data: &[u8]) {
    if let Ok(Some(message)) = arp_message::parse(data) {
        assert_eq!(
            message.purpose == arp_message::Purpose::ConflictCheck,
            message.sender_ip.is_unspecified() && data[7] == 1
        );
    }
}

/// NDP; the first bytes choose hop limit, cut and source.
pub fn ndp(data: &[u8]) {
    let &[hop_limit, cut, last, ref body @ ..] = data else { return };
    let source = if last == 0 { Ipv6Addr::UNSPECIFIED } else { Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last.into()) };
    let packet = Packet {
        source: source.into(),
        destination: IpAddr::V6(Ipv6Addr::LOCALHOST),
        hop_limit,
        protocol: 17,
        ports: [0; 2],
    };
    let frame = Frame { cut: cut & 1 != 0, packet: Some(packet), ..frame_of(Class::Ndp, body) };
    match ndp_message::parse(&frame) {
        Ok(Some(message)) => {
            assert_eq!(hop_limit, 255);
            assert!(message.prefixes.len() <= ndp_message::PREFIXES_MAX);
            assert!(message.prefixes.iter().all(|prefix| prefix.length <= 128));
            assert!(message.routes.len() <= ndp_message::ROUTES_MAX);
            assert!(message.rdnss.len() <= ndp_message::SERVERS_MAX && message.dnssl.len() <= ndp_message::DOMAINS_MAX);
        }
        Ok(None) => {}
        Err(error) => assert!(matches!(error, WireError::BadValue | WireError::HopLimit | WireError::Truncated)),
    }
    check_sightings(&frame);
}

/// DHCPv4.
pub fn dhcp(data: &[u8]) {
    if let Ok(Some(message)) = dhcp_message::parse(data) {
        for number in 0..=255 {
            assert!(message.option(number).is_none_or(|value| value.len() <= dhcp_message::OPTION_MAX.min(data.len())));
            assert!(message.text(number).is_none_or(|text| text.as_bytes().len() <= TEXT_MAX));
        }
        assert!(message.fqdn().is_none_or(|name| name.as_bytes().len() <= TEXT_MAX));
    }
    check_sightings(&frame_of(Class::Dhcp, data));
}

/// mDNS.
pub fn mdns(data: &[u8]) {
    if let Ok(Some(message)) = mdns_message::parse(data) {
        assert!(message.questions.len() <= dns::RECORDS_MAX && message.records.len() <= dns::RECORDS_MAX);
        let is_name = |name: &Text| (1..=dns::NAME_MAX).contains(&name.as_bytes().len());
        assert!(message.questions.iter().all(is_name) && message.records.iter().all(|record| is_name(&record.name)));
    }
    check_sightings(&frame_of(Class::Mdns, data));
}

/// The segments that open TCP connections: what is written in p0f's notation can be read again, and is the same.
pub fn syn(data: &[u8]) {
    if let Ok(Some(syn)) = syn_message::parse(data) {
        assert!(syn.layout.kinds().len() <= syn_message::layout::OPTIONS_MAX);
        let read = signature::observed(&format!("{syn:#}"), syn.is_answer).expect("what is kept is read again");
        assert_eq!(syn_message::Syn { headers_len: syn.headers_len, ..read }, syn);
        assert!(signature::Signature::parse(&syn.to_string().replace("+?:", ":")).is_ok(), "{syn}");
    }
    check_sightings(&frame_of(Class::Syn, data));
}

/// LLDP.
pub fn lldp(data: &[u8]) {
    if let Ok(Some(message)) = lldp_message::parse(data) {
        assert!(message.management.len() <= lldp_message::ADDRESSES_MAX);
        assert!((1..=TEXT_MAX).contains(&message.chassis.value.text().as_bytes().len()));
    }
    check_sightings(&frame_of(Class::Lldp, data));
}

/// CDP.
pub fn cdp(data: &[u8]) {
    if let Ok(Some(message)) = cdp_message::parse(data) {
        assert!(message.addresses.len() <= cdp_message::ADDRESSES_MAX);
        assert!(message.management.len() <= cdp_message::ADDRESSES_MAX);
    }
    check_sightings(&frame_of(Class::Cdp, data));
}

/// Spanning tree.
pub fn stp(data: &[u8]) {
    if let Ok(Some(message)) = stp_message::parse(data) {
        assert!(message.configuration.is_some() || message.is_topology_change());
    }
    check_sightings(&frame_of(Class::Stp, data));
}

/// IGMP and MLD; the first byte chooses which.
pub fn membership(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let frame = packet_of(Class::Membership, if choice & 1 == 0 { 2 } else { 58 }, 0, 1, body);
    if let Ok(Some(message)) = membership_message::parse(&frame) {
        let groups_max = membership_message::GROUPS_MAX;
        assert!(message.groups.len() <= groups_max && message.left.len() <= groups_max);
        assert!(message.groups.iter().chain(&message.left).all(IpAddr::is_multicast));
    }
    check_sightings(&frame);
}

/// VRRP, CARP, HSRP and GLBP; the first byte chooses which.
pub fn redundancy(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let (protocol, port) = match choice & 3 {
        0 => (112, 0),
        1 => (17, 1985),
        2 => (17, 2029),
        _ => (17, 3222),
    };
    let frame = packet_of(Class::Redundancy, protocol, port, 255, body);
    if let Ok(Some(message)) = redundancy_message::parse(&frame) {
        assert!(message.addresses.len() <= redundancy_message::ADDRESSES_MAX);
        assert!(message.virtual_macs.len() <= redundancy_message::MACS_MAX);
    }
    check_sightings(&frame);
}

fn packet_of(class: Class, protocol: u8, port: u16, hop_limit: u8, body: &[u8]) -> Frame<'_> {
    let frame = frame_of(class, body);
    let packet = frame.packet.map(|packet| Packet { protocol, hop_limit, ports: [port; 2], ..packet });
    Frame { packet, ..frame }
}

/// DHCPv6: tables keep to their limits, and prefix lengths are possible ones.
pub fn dhcpv6(data: &[u8]) {
    if let Ok(Some(message)) = dhcpv6_message::parse(data) {
        assert!(message.addresses.len() <= dhcpv6_message::ADDRESSES_MAX);
        assert!(message.prefixes.len() <= dhcpv6_message::ADDRESSES_MAX);
        assert!(message.prefixes.iter().all(|prefix| prefix.length <= 128));
        assert!(message.requested.len() <= dhcpv6_message::REQUESTED_MAX);
    }
    check_sightings(&frame_of(Class::Dhcpv6, data));
}

/// LLMNR.
pub fn llmnr(data: &[u8]) {
    if let Ok(Some(message)) = llmnr_message::parse(data) {
        assert!(message.questions.len() <= dns::RECORDS_MAX && message.records.len() <= dns::RECORDS_MAX);
    }
    check_sightings(&frame_of(Class::Llmnr, data));
}

/// The NetBIOS name service: tables keep to their limits, and names are no longer than the protocol allows.
pub fn nbns(data: &[u8]) {
    if let Ok(Some(message)) = nbns_message::parse(data) {
        assert!(message.questions.len() <= nbns_message::RECORDS_MAX);
        assert!(message.records.len() <= nbns_message::RECORDS_MAX);
        assert!(message.questions.iter().all(|name| name.name.as_bytes().len() <= 15));
        for record in &message.records {
            match record {
                nbns_message::Record::Addresses(_, list) => assert!(list.len() <= nbns_message::ADDRESSES_MAX),
                nbns_message::Record::Status(status) => assert!(status.names.len() <= 255),
            }
        }
    }
    check_sightings(&frame_of(Class::Nbns, data));
}

/// Answers of DNS, NTP and SNMP; the first byte chooses the port. A datagram without a body is no answer.
pub fn served(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let port = [53, 123, 161, 80][usize::from(choice & 3)];
    let frame = packet_of(Class::Served, 17, port, 64, body);
    if let Ok(Some(message)) = served_message::parse(&frame) {
        assert_eq!((message.protocol, message.port), ("udp", port));
        assert!(port != 80 && body.len() >= 2);
    }
    check_sightings(&frame);
}

/// SSDP: texts keep to their limit and contain no line break.
pub fn ssdp(data: &[u8]) {
    if let Ok(Some(message)) = ssdp_message::parse(data) {
        for text in [message.server, message.location, message.usn, message.nt, message.nts, message.st] {
            assert!(text.is_none_or(|text| text.as_bytes().len() <= TEXT_MAX && !text.as_bytes().contains(&b'\n')));
        }
    }
    check_sightings(&frame_of(Class::Ssdp, data));
}

/// WS-Discovery: tables keep to their limits, and words contain no white space.
pub fn wsd(data: &[u8]) {
    if let Ok(Some(message)) = wsd_message::parse(data) {
        assert!(message.targets.len() <= wsd_message::TARGETS_MAX);
        for target in &message.targets {
            for list in [&target.types, &target.scopes, &target.xaddrs] {
                assert!(list.len() <= wsd_message::WORDS_MAX);
                assert!(list.iter().all(|word| !word.as_bytes().is_empty() && !word.as_bytes().contains(&b' ')));
            }
        }
    }
    check_sightings(&frame_of(Class::Wsd, data));
}

/// A capture file of any bytes: frames lie inside it, and reading ends.
pub fn capture_file(data: &[u8]) {
    let mut bodies = 0;
    let summary = read_from("fuzz", data, |frame| bodies += frame.body.len());
    // Every packet has a header of its own in the file, so what came out cannot be more than what went in, unless gzip.
    if let Ok(summary) = summary
        && data.get(..2) != Some(&[0x1f, 0x8b])
    {
        assert!(bodies <= data.len() && summary.frames <= data.len() as u64);
    }
}

/// Frames through the whole path without I/O: classifier, parsers, sightings, correlator, written records.
pub fn whole_path(data: &[u8]) {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    let mut rest = data;
    let mut second = 1_000_u32;
    while let [length, later, after @ ..] = rest {
        let (frame, after) = after.split_at(after.len().min(usize::from(*length) * 2));
        second += u32::from(*later);
        for word in [second, 0, frame.len() as u32, frame.len() as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(frame);
        rest = after;
    }
    let settings = Settings { settle: std::time::Duration::from_secs(3), ..Settings::default() };
    let mut correlator = Correlator::new(settings, Limits::default(), Rows::default(), 1);
    let (mut facts, mut events) = (Vec::new(), Vec::new());
    let mut now = Timestamp::EPOCH;
    let read = read_from("fuzz", &file[..], |frame| {
        now = now.max(frame.at);
        if let Ok(Some(message)) = wire::dissect(&frame) {
            facts.clear();
            sightings(&frame, &message, &mut facts);
            for sighting in &facts {
                check_line(&sighting_line(sighting));
                correlator.observe(sighting, now, &mut events);
            }
        }
    });
    assert!(read.is_ok(), "a whole capture was refused");
    correlator.finish(now, &mut events);
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
}

fn check_sightings(frame: &Frame<'_>) {
    let mut facts = Vec::new();
    if let Ok(Some(message)) = wire::dissect(frame) {
        sightings(frame, &message, &mut facts);
    }
    facts.iter().for_each(|sighting| check_line(&sighting_line(sighting)));
}

/// One line of JSON without control characters.
fn check_line(line: &str) {
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.is_object()), "{line}");
}

fn frame_of(class: Class, body: &[u8]) -> Frame<'_> {
    let packet = Packet {
        source: IpAddr::from([10, 0, 0, 1]),
        destination: IpAddr::from([224, 0, 0, 251]),
        hop_limit: 255,
        protocol: 17,
        ports: [5353; 2],
    };
    Frame {
        at: Timestamp::from_secs(1),
        segment: Segment::tagged(Iface::new("fuzz").expect("a short name"), Vlans::default()),
        class,
        cut: false,
        flood: false,
        scan: false,
        source_mac: Mac([2, 0, 0, 0, 0, 1]),
        destination_mac: Mac::BROADCAST,
        packet: Some(packet),
        body,
    }
}
