//! Scenarios: lines of sightings in, lines of events out.
//!
//! A sighting is `SECONDS [@SEGMENT] VERB ARGUMENTS`; MACs are two hex digits (the last octet of `02:00:00:00:00:..`) or
//! whole; a MAC `aa/bb` is `aa` in the payload of a frame from `bb`. Other verbs: `wait` (a timeout at that time), `finish`,
//! `restart` (snapshot and restore), and of asking: `asked` (an ARP or ND reply to a probe), `echo`, `port`, `ptr`, `nbns`,
//! `miss` (no answer since), `deaf`, `refuse` (nobody may be asked). `scan` is what the classifier counted. An event is
//! `KIND [IP] [MAC] [old MAC] [reason] [hostname in quotes] [severity]`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::Ipv6Net;

use crate::inventory::correlator::answer::Missed;
use crate::inventory::correlator::settings::{Allow, Members, Settings};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::fingerprint::p0f::signature;
use crate::inventory::model::rows::{Limits, Rows};
use crate::inventory::planner::probe::Technique;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Iface, Mac, Segment, Text, Timestamp, Vlans};
use crate::wire::ndp;

/// New hosts, and stations that make none.
pub mod hosts;
/// Addresses that pass from one station to another.
pub mod moves;
/// What is learned of a host.
pub mod facts;
/// Changes, presence, evictions, restoring.
pub mod rows;
/// Answers, silence, and addresses that two stations claim.
pub mod asking;
/// Two stations, one address.
pub mod conflict;
/// Stations that turn out to be a known host's.
pub mod rotation;
/// LLDP, CDP, spanning tree, group membership, first-hop redundancy.
pub mod link;
/// DHCPv6, LLMNR, NetBIOS, SSDP, WS-Discovery.
pub mod names;
/// DHCP servers, routers and gateways.
pub mod rogue;
/// Redirects.
pub mod redirect;
/// Frames with the sensor's own MAC.
pub mod own;
/// DHCP starvation.
pub mod starvation;
/// Scans.
pub mod scan;

/// Feeds the lines one by one, each at its own time, and compares the events.
fn check(input: &[&str], expected: &[&str]) {
    check_with(settings(), Limits::default(), input, expected);
}

fn check_with(settings: Settings, limits: Limits, input: &[&str], expected: &[&str]) {
    let mut correlator = Correlator::new(settings.clone(), limits, Rows::default(), 1);
    let mut events = Vec::new();
    for line in input {
        step(&mut correlator, &settings, limits, line, &mut events);
    }
    assert_eq!(events.iter().map(written).collect::<Vec<_>>(), expected, "events of {input:#?}");
    assert!(events.iter().zip(1..).all(|(event, id)| event.id == id), "ids rise one by one");
}

fn step(correlator: &mut Correlator, settings: &Settings, limits: Limits, line: &str, events: &mut Vec<Event>) {
    let mut words = line.split_whitespace().peekable();
    let at = time(words.next().unwrap());
    let segment = segment(words.next_if(|word| word.starts_with('@')).map_or("eth1", |word| &word[1..]));
    let verb = words.next().unwrap();
    let words: Vec<&str> = words.collect();
    match verb {
        "wait" => correlator.handle_timeout(at, events),
        "finish" => correlator.finish(at, events),
        "deaf" => correlator.set_deaf(at),
        "scan" => scan::scan(correlator, segment, at, &words, events),
        "miss" => miss(correlator, segment, at, &words, events),
        "refuse" => correlator.take_checks().iter().for_each(|check| correlator.refuse_check(check, events)),
        "restart" => {
            let next = events.last().map_or(1, |event| event.id + 1);
            *correlator = Correlator::new(settings.clone(), limits, correlator.snapshot(), next);
        }
        _ => correlator.observe(&sighting(at, segment, verb, &words), at, events),
    }
}

/// `miss ADDRESS SINCE [TECHNIQUE]...`, by default by ARP and ICMP; gone after 300 seconds.
fn miss(correlator: &mut Correlator, segment: Segment, at: Timestamp, words: &[&str], events: &mut Vec<Event>) {
    let mut techniques: BTreeSet<_> = words[2..].iter().map(|word| Technique::parse(word).unwrap()).collect();
    if techniques.is_empty() {
        techniques = [Technique::Arp, Technique::Icmp].into();
    }
    let (ip, since) = (words[0].parse().unwrap(), time(words[1]));
    let missed = Missed { segment, ip, techniques: &techniques, since, gone_after: Duration::from_secs(300) };
    correlator.miss(&missed, at, events);
}

fn sighting(at: Timestamp, segment: Segment, verb: &str, words: &[&str]) -> Sighting {
    let ip = |i: usize| words.get(i).and_then(|word| word.parse::<IpAddr>().ok());
    let arp = |operation| Claim::Arp(ArpClaim { operation, target: [10, 0, 0, 254].into(), asked: false });
    let target = "fe80::99".parse().unwrap();
    let (who, ip, claim) = match verb {
        "arp" => (words[1], ip(0), arp(ArpOperation::Request)),
        "reply" => (words[1], ip(0), arp(ArpOperation::Reply)),
        "announce" => (words[1], ip(0), arp(ArpOperation::Gratuitous)),
        "probe" => (words[1], ip(0), arp(ArpOperation::ConflictCheck)),
        "track" => (words[1], ip(0), arp(ArpOperation::PresenceCheck)),
        "ns" => (words[1], ip(0), Claim::Ndp(NdpClaim::Solicit { target })),
        "na" => (words[1], ip(0), Claim::Ndp(NdpClaim::Advert { router: false, solicited: true, asked: false })),
        "dad" => (words[1], ip(0), Claim::Ndp(NdpClaim::Dad)),
        "rs" => (words[0], None, Claim::Ndp(NdpClaim::RouterSolicit)),
        "redirect" => redirect::said(words),
        "ra" => {
            let prefix = |word: &&str| {
                let net: Ipv6Net = word.trim_end_matches('~').parse().unwrap();
                let new = ndp::Prefix::new(net.addr(), net.prefix_len());
                let preferred_s = if word.ends_with('~') { 0 } else { new.preferred_s };
                ndp::Prefix { preferred_s, ..new }
            };
            let (servers, prefixes): (Vec<_>, Vec<_>) = words[3..].iter().partition(|word| word.starts_with("dns="));
            let advert = RouterAdvert {
                lifetime_s: words[2].parse().unwrap(),
                prefixes: prefixes.iter().map(prefix).collect(),
                rdnss: servers.iter().map(|word| word[4..].parse().unwrap()).collect(),
                ..RouterAdvert::default()
            };
            (words[1], ip(0), Claim::Ndp(NdpClaim::RouterAdvert(Box::new(advert))))
        }
        "dhcp" => {
            let claim = dhcp(words);
            (words[1], claim.ciaddr.map(IpAddr::V4), Claim::Dhcp(Box::new(claim)))
        }
        "syn" => (words[1], ip(0), Claim::Syn(Box::new(signature::observed(words[2], false).unwrap()))),
        "model" => {
            let (name, txt) = (Text::new(b"A._device-info._tcp.local"), Text::new(words[2].as_bytes()));
            (words[1], ip(0), Claim::Mdns(MdnsClaim::Txt { name, txt: vec![txt] }))
        }
        "mdns" => (words[1], ip(0), Claim::Mdns(mdns(&words[2..]))),
        "dhcp6" | "llmnr" | "nbname" | "ssdp" | "wsd" => names::said(verb, words),
        "asked" if ip(0).is_some_and(|ip| ip.is_ipv6()) => {
            (words[1], ip(0), Claim::Ndp(NdpClaim::Advert { router: false, solicited: true, asked: true }))
        }
        "asked" => {
            let reply = ArpClaim { operation: ArpOperation::Reply, target: [10, 0, 0, 254].into(), asked: true };
            (words[1], ip(0), Claim::Arp(reply))
        }
        "echo" | "nbns" | "port" | "ptr" | "snmp" => {
            ("00:00:00:00:00:00", ip(0), Claim::Answer(Box::new(answer(verb, &words[1..]))))
        }
        other => link::claim(other, words),
    };
    let (mac_word, frame_word) = who.split_once('/').unwrap_or((who, who));
    Sighting { at, segment, frame_mac: mac(frame_word), mac: mac(mac_word), ip, claim }
}

/// `echo`, `nbns NAME`, `port NUMBER STATE [BANNER]`, `ptr [NAME]`
fn answer(verb: &str, words: &[&str]) -> Answer {
    let text = |i: usize| words.get(i).map(|word| Text::new(word.as_bytes()));
    let rtt = Duration::from_millis(1);
    match verb {
        "echo" => Answer::Echo { rtt, hop_limit: None },
        "nbns" => Answer::Nbns { name: text(0), group: None, mac: None },
        "ptr" => Answer::Ptr { name: text(0), confirmed: true },
        "snmp" => Answer::Snmp { name: text(0), description: text(1), object_id: None },
        _ => {
            let state = match words[1] {
                "open" => PortState::Open,
                "closed" => PortState::Closed,
                "silent" => PortState::Silent,
                other => panic!("no such state: {other}"),
            };
            Answer::Port { port: words[0].parse().unwrap(), state, banner: text(2), rtt }
        }
    }
}

/// `dhcp TYPE CLIENT[/FRAME] [key=value]...`
fn dhcp(words: &[&str]) -> DhcpClaim {
    let (message, from_server) = match words[0] {
        "discover" => (DhcpMessage::Discover, false),
        "request" => (DhcpMessage::Request, false),
        "inform" => (DhcpMessage::Inform, false),
        "release" => (DhcpMessage::Release, false),
        "decline" => (DhcpMessage::Decline, false),
        "offer" => (DhcpMessage::Offer, true),
        "ack" => (DhcpMessage::Ack, true),
        "nak" => (DhcpMessage::Nak, true),
        other => panic!("no such message: {other}"),
    };
    let mut claim = DhcpClaim { message, from_server, client_is_here: true, ..DhcpClaim::default() };
    for (key, value) in words[2..].iter().map(|word| word.split_once('=').unwrap()) {
        let text = || Some(Text::new(value.as_bytes()));
        match key {
            "name" => claim.hostname = text(),
            "fqdn" => claim.fqdn = text(),
            "class" => claim.vendor_class = text(),
            "id" => claim.client_id = text(),
            "asks" => claim.parameters = Some(value.split(',').map(|number| number.parse().unwrap()).collect()),
            "server" => claim.server = value.parse().ok(),
            "source" => claim.source = value.parse().ok(),
            "router" => claim.router = value.parse().ok(),
            "lease" => claim.lease_s = value.parse().ok(),
            "ciaddr" => claim.ciaddr = value.parse().ok(),
            "yiaddr" => claim.yiaddr = value.parse().ok(),
            "giaddr" => claim.giaddr = value.parse().ok(),
            "wants" => claim.requested_ip = value.parse().ok(),
            "ttl" => claim.hop_limit = value.parse().ok(),
            "here" => claim.client_is_here = value == "yes",
            other => panic!("no such key: {other}"),
        }
    }
    claim
}

/// `a NAME ADDR`, `srv INSTANCE TARGET PORT`, `query NAME`, and any of them after `bye`.
fn mdns(words: &[&str]) -> MdnsClaim {
    let text = |i: usize| Text::new(words[i].as_bytes());
    match words[0] {
        "bye" => MdnsClaim::Goodbye { record: Box::new(mdns(&words[1..])) },
        "of" => MdnsClaim::OfAnother {
            record: Box::new(mdns(&words[2..])),
            addresses: words[1].split(',').map(|ip| ip.parse().unwrap()).collect(),
        },
        "a" => MdnsClaim::Address { name: text(1), addr: words[2].parse().unwrap() },
        "srv" => MdnsClaim::Srv { name: text(1), target: text(2), port: words[3].parse().unwrap() },
        "query" => MdnsClaim::Query { name: text(1) },
        other => panic!("no such record: {other}"),
    }
}

fn written(event: &Event) -> String {
    let mut line = event.kind.name().to_owned();
    let mut add = |word: Option<String>| line.extend(word.map(|word| format!(" {word}")));
    if event.segment.is_some_and(|at| at != segment("eth1")) {
        add(event.segment.map(|segment| format!("@{segment}")));
    }
    add(event.ip.map(|ip| ip.to_string()));
    add(event.mac.map(short));
    add(event.old_mac.map(|mac| format!("old {}", short(mac))));
    add(event.reason.map(|reason| reason.name().to_owned()));
    add(event.hostname.as_ref().map(|name| format!("\"{name}\"")));
    add((event.severity != event.kind.severity()).then(|| event.severity.name().to_owned()));
    line
}

fn short(mac: Mac) -> String {
    match mac.0 {
        [2, 0, 0, 0, 0, last] => format!("{last:02x}"),
        _ => mac.to_string(),
    }
}

fn mac(word: &str) -> Mac {
    Mac::parse(word).unwrap_or_else(|| Mac([2, 0, 0, 0, 0, u8::from_str_radix(word, 16).unwrap()]))
}

fn time(word: &str) -> Timestamp {
    let seconds: f64 = word.parse().unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "a test's times are small")]
    Timestamp::from_nanos((seconds * 1000.0).round() as i64 * 1_000_000)
}

fn segment(word: &str) -> Segment {
    let mut parts = word.split('.');
    let iface = Iface::new(parts.next().unwrap()).unwrap();
    let mut ids = parts.map(|id| id.parse().unwrap());
    Segment::tagged(iface, Vlans::new([ids.next().unwrap_or(0), ids.next().unwrap_or(0)]))
}

fn settings() -> Settings {
    Settings { settle: Duration::from_secs(3), ..Settings::default() }
}

fn history() -> Settings {
    Settings { history: true, ..settings() }
}

fn with_prefixes() -> Settings {
    let prefixes = vec![(Iface::new("eth1"), "10.0.0.0/24".parse().unwrap()), (None, "2001:db8::/64".parse().unwrap())];
    Settings { prefixes, ..settings() }
}

/// Reads the lines into an empty database, then again into what that left: the second time makes no event and
/// leaves the same.
fn check_read_twice(input: &[&str]) {
    let mut first = Correlator::new(history(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in input {
        step(&mut first, &history(), Limits::default(), line, &mut events);
    }
    first.finish(time("1000"), &mut events);
    let mut second = Correlator::new(history(), Limits::default(), first.snapshot(), 1000);
    let mut again = Vec::new();
    for line in input {
        step(&mut second, &history(), Limits::default(), line, &mut again);
    }
    second.finish(time("1000"), &mut again);
    assert_eq!(again, [], "told again");
    assert_eq!(second.snapshot(), first.snapshot(), "known again");
    assert_eq!(second.take_changes().removed, Default::default(), "deleted");
}
