//! Scans: `scan MAC [TARGET [TECHNIQUE]]`, of ports where a target is named.

use crate::inventory::correlator::tests::*;
use crate::inventory::sighting::scan::{PortTechnique, ScanTarget};
use crate::inventory::sighting::traffic::TrafficClaim;

pub(super) fn scan(
    correlator: &mut Correlator,
    segment: Segment,
    at: Timestamp,
    words: &[&str],
    events: &mut Vec<Event>,
) {
    let technique = match words.get(2) {
        Some(&"udp") => PortTechnique::Udp,
        Some(&"fin") => PortTechnique::Stray,
        _ => PortTechnique::Syn,
    };
    let target = words.get(1).map_or(ScanTarget::Neighbour(None), |word| {
        let ip = word.parse().unwrap();
        ScanTarget::Port { ip, port: 7, technique }
    });
    correlator.scan(segment, mac(words[0]), target, at, events);
}

#[test]
fn a_scan_is_reported_once_while_it_lasts() {
    check(
        &["0 arp 10.0.0.1 aa", "1 scan aa", "61 scan aa", "600 scan aa", "601 restart", "1199 scan aa", "1799 scan aa"],
        &["new-host 10.0.0.1 aa", "scan-detected 10.0.0.1 aa arp-scan", "scan-detected 10.0.0.1 aa arp-scan"],
    );
}

#[test]
fn scans_are_apart_by_kind_station_and_segment() {
    check(
        &["0 arp 10.0.0.1 aa", "1 scan aa", "2 scan aa 10.0.0.9", "3 scan aa 10.0.0.8", "4 scan bb", "5 @eth2 scan aa"],
        &[
            "new-host 10.0.0.1 aa",
            "scan-detected 10.0.0.1 aa arp-scan",
            "scan-detected 10.0.0.1 aa port-scan",
            "scan-detected bb arp-scan",
            "scan-detected @eth2 aa arp-scan",
        ],
    );
}

#[test]
fn a_scan_of_ports_names_its_technique() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut told = |words: &str| {
        let mut events = Vec::new();
        step(&mut correlator, &settings(), Limits::default(), words, &mut events);
        let details = events.iter().flat_map(|event| &event.details);
        details.filter(|(name, _)| *name == "technique").map(|(_, detail)| detail.clone()).collect::<Vec<_>>()
    };
    let by = |name: &str| [Detail::Text(name.to_owned())];
    assert_eq!(told("0 scan aa 10.0.0.9"), by("tcp-syn"));
    assert_eq!(told("1 scan bb 10.0.0.9 fin"), by("tcp-without-ack"));
    assert_eq!(told("2 scan cc 10.0.0.9 udp"), by("udp"));
    assert_eq!(told("3 scan dd"), []);
}

#[test]
fn stations_that_ask_for_others_do_not_scan() {
    check(&["2 scan ff:ff:ff:ff:ff:ff"], &[]);
    let group = "0 vrrp 00:00:5e:00:01:07 7 10.0.0.3 10.0.0.1";
    check(&[group, "3 wait", "86400 scan 00:00:5e:00:01:07"], &["new-host 10.0.0.1 00:00:5e:00:01:07"]);
    check(
        &[
            "0 ra fe80::1 aa 1800 2001:db8::/64",
            "86400 scan aa",
            "86401 restart",
            "86402 scan aa",
            "86403 scan aa 192.0.2.1",
        ],
        &["new-router fe80::1 aa"],
    );
    check(
        &[
            "0 arp 10.0.0.254 aa",
            "1 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.253 router=10.0.0.254",
            "86401 scan aa",
            "86402 restart",
            "86404 scan aa",
        ],
        &["new-host 10.0.0.254 aa", "new-dhcp-server 10.0.0.253 fe", "new-host 10.0.0.1 bb"],
    );
    // A MAC that anybody can send with, and what a station or a server said a moment before, make no router.
    check(
        &[
            "0 arp 10.0.0.254 aa",
            "1 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.253 router=10.0.0.254",
            "3600 scan aa",
        ],
        &[
            "new-host 10.0.0.254 aa",
            "new-dhcp-server 10.0.0.253 fe",
            "new-host 10.0.0.1 bb",
            "scan-detected 10.0.0.254 aa arp-scan",
        ],
    );
    check(&["0 scan 00:00:5e:00:01:07"], &["scan-detected 00:00:5e:00:01:07 arp-scan"]);
    check(
        &["0 ra fe80::1 aa 1800 2001:db8::/64", "1 scan aa"],
        &["new-router fe80::1 aa", "scan-detected fe80::1 aa arp-scan"],
    );
}

#[test]
fn a_holder_with_an_odd_hop_limit_is_no_forwarder() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    let mut feed = |line: &str| step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    feed("0 arp 10.0.0.1 aa");
    let mut sent = |second: &str, ip: &str| {
        let claim = Claim::Traffic(TrafficClaim { hop_limit: Some(45), frames: 1, bytes: 60 });
        let (at, mac) = (time(second), mac("aa"));
        let segment = segment("eth1");
        correlator.observe(&Sighting { at, segment, frame_mac: mac, mac, ip: ip.parse().ok(), claim }, at, &mut events);
        scan(&mut correlator, segment, at, &["aa"], &mut events);
        events.drain(..).map(|event| event.kind).collect::<Vec<_>>()
    };
    assert_eq!(sent("1", "10.0.0.1"), [Kind::NewHost, Kind::ScanDetected]);
    // One frame of another sender makes no router; many do, over a day.
    assert_eq!(sent("2000", "10.9.0.7"), [Kind::ScanDetected]);
    for number in 8..12 {
        sent("2001", &format!("10.9.0.{number}"));
    }
    assert_eq!(sent("90000", "10.9.0.7"), []);
}
