//! Scenarios: lines of sightings in, lines of events out.
//!
//! A sighting is `SECONDS [@SEGMENT] VERB ARGUMENTS`; MACs are two hex digits (the last octet of `02:00:00:00:00:..`) or
//! whole; a MAC `aa/bb` is payload's `aa` in a frame of `bb`. Other verbs: `wait` (a timeout at that time), `finish`,
//! `restart` (snapshot and restore), and of asking: `asked` (an ARP or ND reply to a probe), `echo`, `port`, `ptr`, `nbns`,
//! `miss` (no answer since), `deaf`, `refuse` (nobody may be asked). `scan` is the classifier's word. An event is `KIND [IP] [MAC] [old MAC] [reason] [hostname in quotes] [severity]`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::inventory::correlator::answer::Missed;
use ipnet::Ipv6Net;

use crate::inventory::correlator::*;
use crate::inventory::fingerprint::p0f;
use crate::inventory::planner::probe::Technique;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::ArpClaim;
use crate::inventory::sighting::ndp::RouterAdvert;
use crate::types::{Text, Vlans};
use crate::wire::ndp;

/// Answers, silence, and addresses that two stations claim.
pub mod asking;
/// Two stations, one address.
pub mod conflict;
/// LLDP, CDP, spanning tree, group membership, first-hop redundancy.
pub mod link;
/// Names and announcements.
pub mod names;
/// Who serves, who routes, and gateways.
pub mod rogue;
/// Who looks around.
pub mod scan;

/// Stations that are a known host's.
pub mod rotation;
/// DHCP starvation.
pub mod starvation;

/// Feeds the lines one by one, each at its own time, and compares what they tell.
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
        "redirect" => (words[1], ip(0), Claim::Ndp(NdpClaim::Redirect { target, destination: target })),
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
        "syn" => (words[1], ip(0), Claim::Syn(Box::new(p0f::observed(words[2], false).unwrap()))),
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

/// Reads the lines into an empty database, then again into what that left: the second time tells nothing and leaves the same.
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

#[test]
fn a_host_is_told_once_at_its_first_ipv4_address() {
    check(&["0 arp 10.0.0.1 aa", "1 reply 10.0.0.1 aa", "2 announce 10.0.0.1 aa"], &["new-host 10.0.0.1 aa"]);
    check(&["0 rs aa", "1 arp 10.0.0.1 aa", "9 wait"], &["new-host 10.0.0.1 aa"]);
    check(&["0 mdns 10.0.0.1 aa query x.local", "9 wait"], &["new-host 10.0.0.1 aa"]);
    check(&["0 dhcp ack aa/fe yiaddr=10.0.0.1", "9 wait"], &["new-host 10.0.0.1 aa", "new-host fe"]);
}

#[test]
fn a_host_without_ipv4_waits() {
    check(&["0 rs aa", "2.999 wait"], &[]);
    check(&["0 rs aa", "3 wait"], &["new-host aa"]);
    check(&["0 rs aa", "1 finish"], &["new-host aa"]);
    check(&["0 ns fe80::1 aa", "1 ns 2001:db8::1 aa", "3 wait"], &["new-host 2001:db8::1 aa"]);
    check(&["0 ns fe80::1 aa", "1 restart", "3 wait"], &["new-host fe80::1 aa"]);
    // The clock was set back: nobody waits until it caught up.
    check(&["100 rs aa", "98 wait"], &["new-host aa"]);
    check(&["100 rs aa", "99.5 wait"], &[]);
}

#[test]
fn a_timeout_is_asked_for_the_host_that_waits_longest() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    assert_eq!(correlator.poll_timeout(), None);
    let mut events = Vec::new();
    for line in ["5 rs aa", "4.5 rs bb", "5 arp 10.0.0.3 cc"] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    assert_eq!(correlator.poll_timeout(), Some(time("7.5")));
    correlator.handle_timeout(time("7.5"), &mut events);
    assert_eq!(correlator.poll_timeout(), Some(time("8")));
    assert_eq!(events.last().map(|event| (event.at, event.mac)), Some((time("4.5"), Some(mac("bb")))));
}

#[test]
fn while_the_network_is_learned_new_is_for_the_record() {
    let learning = Settings { learning_until: Some(time("10")), ..settings() };
    let input = ["9 arp 10.0.0.1 aa", "9 rs bb", "10 arp 10.0.0.3 cc", "20 wait", "21 ra fe80::1 dd 9"];
    let expected = ["new-host 10.0.0.1 aa info", "new-host 10.0.0.3 cc", "new-host bb info", "new-router fe80::1 dd"];
    check_with(learning, Limits::default(), &input, &expected);
}

#[test]
fn an_address_moves_by_arpwatchs_rule() {
    let told = ["new-host 10.0.0.1 aa", "new-host 10.0.0.1 bb", "changed-mac 10.0.0.1 bb old aa unknown"];
    check(&["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb"], &told);
    let back = "flip-flop 10.0.0.1 aa old bb";
    check(&["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "1.01 arp 10.0.0.1 aa"], &[&told[..], &[back]].concat());
    check(
        &["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "2 arp 10.0.0.1 cc", "3 arp 10.0.0.1 aa", "4 arp 10.0.0.1 cc"],
        &[
            &told[..],
            &["new-host 10.0.0.1 cc", "changed-mac 10.0.0.1 cc old bb unknown"],
            &["reused-mac 10.0.0.1 aa old cc", "flip-flop 10.0.0.1 cc old aa"],
        ]
        .concat(),
    );
    // Capture order decides, not time: equal, zero and backward times give the same events.
    check(&["0 arp 10.0.0.1 aa", "0 arp 10.0.0.1 bb", "0 arp 10.0.0.1 aa"], &[&told[..], &[back]].concat());
    check(&["9 arp 10.0.0.1 aa", "5 arp 10.0.0.1 bb", "7 arp 10.0.0.1 aa"], &[&told[..], &[back]].concat());
    // And after a restart at any point.
    check(
        &["0 arp 10.0.0.1 aa", "0 restart", "1 arp 10.0.0.1 bb", "1 restart", "2 arp 10.0.0.1 aa", "2 restart"],
        &[&told[..], &[back]].concat(),
    );
}

#[test]
fn ndp_moves_addresses_too() {
    let input = ["0 na 2001:db8::1 aa", "0.1 ns 2001:db8::1 bb", "1 ra 2001:db8::1 aa 0", "9 wait"];
    let moved = ["changed-mac 2001:db8::1 bb old aa unknown", "flip-flop 2001:db8::1 aa old bb"];
    check(&input, &[&moved[..], &["new-host 2001:db8::1 aa", "new-host bb"]].concat());
    check(&["0 redirect fe80::1 aa", "1 redirect fe80::1 bb/cc", "2 finish"], &["new-host fe80::1 aa", "new-host cc"]);
}

#[test]
fn a_lease_explains_a_move() {
    let check = |input: &[&str], last: &str| {
        let before = ["0 arp 10.0.0.1 aa", "1 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=60"];
        let told = ["new-host 10.0.0.1 aa", "new-dhcp-server 10.0.0.254 fe", "new-host bb", "new-host fe"];
        check(&[&before[..], input].concat(), &[&told[..], &[last]].concat());
    };
    let by_lease = "changed-mac 10.0.0.1 bb old aa dhcp info";
    let unknown = "changed-mac 10.0.0.1 bb old aa unknown";
    check(&["60 arp 10.0.0.1 bb"], by_lease);
    check(&["61 arp 10.0.0.1 bb"], unknown);
    check(&["5 dhcp release bb ciaddr=10.0.0.1", "6 arp 10.0.0.1 bb"], unknown);
    // Somebody else's release ends nothing.
    check(&["1 dhcp release aa ciaddr=10.0.0.1", "6 arp 10.0.0.1 bb"], by_lease);
}

#[test]
fn hints_fill_and_refresh_but_never_move() {
    check(&["0 arp 10.0.0.1 aa", "1 mdns 10.0.0.1 bb query x", "2 finish"], &["new-host 10.0.0.1 aa", "new-host bb"]);
    check(
        &["0 arp 10.0.0.1 aa", "1 dhcp request bb ciaddr=10.0.0.1", "2 finish"],
        &["new-host 10.0.0.1 aa", "new-host bb"],
    );
    check(&["0 dhcp request aa ciaddr=10.0.0.1"], &["new-host 10.0.0.1 aa"]);
    check(&["0 dhcp release aa ciaddr=10.0.0.1", "1 finish"], &["new-host aa"]);
    check(&["0 dhcp decline aa ciaddr=10.0.0.1", "1 finish"], &["new-host aa"]);
    // The server's echo of a client's address is not the client's word.
    check(&["0 dhcp ack aa/fe ciaddr=10.0.0.1", "1 finish"], &["new-host aa", "new-host fe"]);
}

#[test]
fn questions_bind_nothing() {
    check(&["0 probe 10.0.0.1 aa", "1 dad fe80::1 bb", "2 finish"], &["new-host aa", "new-host bb"]);
    check(&["0 arp 10.0.0.1 aa", "1 probe 10.0.0.1 bb", "2 finish"], &["new-host 10.0.0.1 aa", "new-host bb"]);
}

#[test]
fn unusable_stations_and_addresses_make_nothing() {
    check(&["0 arp 10.0.0.1 ff:ff:ff:ff:ff:ff", "0 arp 10.0.0.1 00:00:00:00:00:00", "9 finish"], &[]);
    check(&["0 arp 10.0.0.1 ff:ff:ff:ff:ff:ff/aa", "9 finish"], &["new-host aa"]);
    for ip in ["0.1.2.3", "127.0.0.1", "224.0.0.251", "255.255.255.255", "::1", "ff02::1", "::"] {
        check(&[&format!("0 arp {ip} aa"), "9 finish"], &["new-host aa"]);
    }
}

#[test]
fn our_own_stations_are_silent() {
    let own = Settings { own_macs: [mac("ee")].into(), ..with_prefixes() };
    let input = [
        "0 arp 10.0.0.1 ee",
        "0 arp 192.0.2.1 ee",
        "0 arp 10.0.0.1 aa/ee",
        "0 arp 10.0.0.1 ee/aa",
        "0 dhcp discover ee name=me",
        "0 dhcp ack ee/fe yiaddr=10.0.0.1 server=10.0.0.254",
        "0 mdns 10.0.0.1 ee a me.local 10.0.0.1",
        "0 ra fe80::1 ee 9",
        "9 finish",
    ];
    check_with(own, Limits::default(), &input, &[]);
}

#[test]
fn a_foreign_payload_mac_is_told_once_and_binds_nothing() {
    let told = ["mac-mismatch 10.0.0.1 aa", "new-host bb"];
    check(&["0 arp 10.0.0.1 aa/bb", "1 reply 10.0.0.1 aa/bb", "1 restart", "2 arp 10.0.0.1 aa/bb", "9 wait"], &told);
    check(&["0 arp 10.0.0.1 aa/bb", "1 arp 10.0.0.2 aa/bb"], &["mac-mismatch 10.0.0.1 aa", "mac-mismatch 10.0.0.2 aa"]);
    // Virtual routers answer with their virtual MAC (VRRP).
    let vrrp = "00:00:5e:00:02:01";
    check(
        &[&format!("0 na 2001:db8::1 {vrrp}/aa"), "9 finish"],
        &[&*format!("new-host 2001:db8::1 {vrrp}"), "new-host aa"],
    );
}

#[test]
fn a_bogon_is_told_once_and_binds_nothing() {
    let check = |input: &[&str], expected: &[&str]| check_with(with_prefixes(), Limits::default(), input, expected);
    check(&["0 arp 192.0.2.1 aa", "1 arp 192.0.2.1 aa", "9 wait"], &["bogon 192.0.2.1 aa", "new-host aa"]);
    check(&["0 arp 192.0.2.1 aa", "1 arp 192.0.2.1 bb"], &["bogon 192.0.2.1 aa", "bogon 192.0.2.1 bb"]);
    check(&["0 na 2001:db9::1 aa", "0 na fe80::1 aa", "9 wait"], &["bogon 2001:db9::1 aa", "new-host fe80::1 aa"]);
    check(&["0 arp 169.254.1.1 aa"], &["new-host 169.254.1.1 aa"]);
    check(&["0 probe 192.0.2.1 aa", "1 finish"], &["new-host aa"]);
    // mDNS and DHCP are no bogons, but bind no foreign address.
    check(
        &["0 mdns 192.0.2.1 aa query x", "0.1 dhcp request bb ciaddr=192.0.2.1", "9 finish"],
        &["new-host aa", "new-host bb"],
    );
    // An interface's prefix says nothing of its VLANs; a prefix without interface speaks for all.
    check(&["0 @eth1.30 arp 192.0.2.1 aa"], &["new-host @eth1.30 192.0.2.1 aa"]);
    check(&["0 @eth1.30 na 2001:db9::1 aa"], &["bogon @eth1.30 2001:db9::1 aa"]);
}

#[test]
fn a_known_host_gets_another_address() {
    check(
        &["0 arp 10.0.0.1 aa", "1 arp 10.0.0.2 aa", "2 na fe80::1 aa"],
        &["new-host 10.0.0.1 aa", "new-address 10.0.0.2 aa", "new-address fe80::1 aa"],
    );
    // What belongs to it before it is told is no news.
    check(&["0 ns fe80::1 aa", "1 ns 2001:db8::1 aa", "2 arp 10.0.0.1 aa"], &["new-host 10.0.0.1 aa"]);
    // A move is told as a move only.
    check(
        &["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb", "1 arp 10.0.0.2 aa"],
        &["new-host 10.0.0.1 aa", "new-host 10.0.0.2 bb", "changed-mac 10.0.0.2 aa old bb unknown"],
    );
}

#[test]
fn ipv6_addresses_of_a_station_are_limited() {
    let limits = Limits { bindings_per_station_max: 2, ..Limits::default() };
    let mut correlator = Correlator::new(settings(), limits, Rows::default(), 1);
    for line in ["0 ns 2001:db8::1 aa", "1 ns 2001:db8::2 aa", "2 ns 2001:db8::1 aa", "3 ns 2001:db8::3 aa"] {
        step(&mut correlator, &settings(), limits, line, &mut Vec::new());
    }
    let held: Vec<_> = correlator.snapshot().bindings.iter().map(|binding| binding.ip.to_string()).collect();
    assert_eq!(held, ["2001:db8::1", "2001:db8::3"]);
    assert_eq!(correlator.evictions_total(), 1);
}

#[test]
fn names_change_at_their_own_source() {
    let named = "new-host 10.0.0.1 aa \"pc\"";
    let before = ["0 dhcp discover aa name=pc", "1 arp 10.0.0.1 aa"];
    check(&before, &[named]);
    check(&[&before[..], &["2 dhcp request aa name=PC"]].concat(), &[named]);
    check(&[&before[..], &["2 mdns 10.0.0.1 aa a other.local 10.0.0.1"]].concat(), &[named]);
    let renamed = "name-changed 10.0.0.1 aa \"box\"";
    check(&[&before[..], &["2 dhcp request aa name=box"]].concat(), &[named, renamed]);
    // A name that comes back is no news.
    let input = ["2 dhcp request aa name=box", "3 dhcp request aa name=pc", "4 dhcp request aa name=box"];
    check(&[&before[..], &input].concat(), &[named, renamed]);
    // Option 81 speaks where option 12 does not; a server's echo is not the client's name.
    check(&[&before[..], &["2 dhcp request aa fqdn=box.example"]].concat(), &[named, renamed]);
    check(&[&before[..], &["2 dhcp ack aa/aa name=box"]].concat(), &[named]);
    // mDNS: the sender's own address only, a goodbye is no change.
    let input = ["0 mdns 10.0.0.1 aa a pc.local 10.0.0.1", "1 mdns 10.0.0.1 aa a box.local 10.0.0.9"];
    check(&input, &[named]);
    let input = ["0 mdns 10.0.0.1 aa a pc.local 10.0.0.1", "1 mdns 10.0.0.1 aa bye a pc.local 10.0.0.1"];
    check(
        &[&input[..], &["2 mdns 10.0.0.1 aa a Box.LOCAL 10.0.0.1"]].concat(),
        &[named, "name-changed 10.0.0.1 aa \"Box\""],
    );
}

#[test]
fn a_server_is_told_once() {
    let offer = "0 dhcp offer aa/fe server=10.0.0.254";
    check(&[offer, "1 dhcp ack bb/fe server=10.0.0.254"], &["new-dhcp-server 10.0.0.254 fe"]);
    check(&[offer, "1 dhcp ack bb/fd server=10.0.0.254"], &["new-dhcp-server 10.0.0.254 fe"]);
    check(
        &[offer, "1 dhcp nak bb/fd source=10.0.0.253"],
        &["new-dhcp-server 10.0.0.254 fe", "new-dhcp-server 10.0.0.253 fd"],
    );
    check(&["0 dhcp offer aa/fe source=0.0.0.0", "0 dhcp request aa server=10.0.0.254"], &[]);
    // Beyond a relay the client is not here, but the server (or the relay's leg) is.
    check(
        &["0 dhcp ack aa/fe server=10.0.0.254 yiaddr=10.1.0.1 here=no", "9 finish"],
        &["new-dhcp-server 10.0.0.254 fe", "new-host fe"],
    );
    check(&["0 dhcp request aa/fd name=pc ciaddr=10.1.0.1 here=no", "9 finish"], &[]);
}

#[test]
fn a_router_is_told_once() {
    let ra = "0 ra fe80::1 aa 1800 2001:db8::/64";
    check(&[ra, "1 ra fe80::1 aa 1800", "9 wait"], &["new-router fe80::1 aa", "new-host fe80::1 aa"]);
    check(&["0 ra fe80::1 aa 0", "9 wait"], &["new-host fe80::1 aa"]);
    check(&[ra, "1 ra fe80::2 bb 9"], &["new-router fe80::1 aa", "new-router fe80::2 bb"]);
    check(&[ra, "1 @eth2 ra fe80::1 aa 9"], &["new-router fe80::1 aa", "new-router @eth2 fe80::1 aa"]);
}

#[test]
fn segments_are_apart() {
    check(
        &["0 arp 10.0.0.1 aa", "0 @eth1.30 arp 10.0.0.1 bb", "1 @eth1.30 arp 10.0.0.1 bb"],
        &["new-host 10.0.0.1 aa", "new-host @eth1.30 10.0.0.1 bb"],
    );
}

#[test]
fn services_open_and_close() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut services = |line: &str| {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
        let host = correlator.snapshot().hosts.remove(0);
        let written = |s: &crate::inventory::model::host::Service| {
            format!("{} {}/{} {}", s.instance, s.port, s.protocol, s.closed)
        };
        // The first is mDNS itself.
        assert_eq!(host.services.first().map(|s| (s.port, s.instance.as_str())), Some((5353, "")));
        host.services.iter().skip(1).map(written).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(services("0 mdns 10.0.0.1 aa a pc.local 10.0.0.1"), "");
    assert_eq!(
        services("1 mdns 10.0.0.1 aa srv a.b._ipp._tcp.local pc.local 631"),
        "a.b._ipp._tcp.local 631/tcp false"
    );
    assert_eq!(
        services("2 mdns 10.0.0.1 aa srv a.b._ipp._tcp.local pc.local 632"),
        "a.b._ipp._tcp.local 632/tcp false"
    );
    assert_eq!(
        services("3 mdns 10.0.0.1 aa bye srv a.b._ipp._tcp.local pc.local 0"),
        "a.b._ipp._tcp.local 632/tcp true"
    );
    // Another host's service, announced by a sleep proxy, and one without a transport.
    assert_eq!(services("4 mdns 10.0.0.1 aa srv c._ipp._tcp.local tv.local 1"), "a.b._ipp._tcp.local 632/tcp true");
    assert_eq!(services("5 mdns 10.0.0.1 aa srv odd.local pc.local 1"), "a.b._ipp._tcp.local 632/tcp true");
}

#[test]
fn dhcp_facts_are_the_last_ones() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    for line in [
        "0 dhcp discover aa name=pc class=udhcp",
        "1 dhcp request aa class=systemd",
        "2 dhcp ack aa/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=60",
        "3 dhcp ack aa/fe name=echo",
    ] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
    }
    let facts = correlator.snapshot().hosts.into_iter().find_map(|host| host.dhcp).unwrap();
    assert_eq!(facts.hostname.as_deref(), Some("pc"));
    assert_eq!(facts.vendor_class.as_deref(), Some("systemd"));
    assert_eq!(facts.server, "10.0.0.254".parse().ok());
    assert_eq!(facts.lease_until, Some(time("62")));
}

#[test]
fn hostile_names_are_escaped() {
    check(&["0 dhcp discover aa name=a\u{1b}[2Jb", "0 arp 10.0.0.1 aa"], &["new-host 10.0.0.1 aa \"a\\x1b[2Jb\""]);
}

#[test]
fn times_never_cross() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    for line in ["10 arp 10.0.0.1 aa", "5 arp 10.0.0.1 aa", "7 arp 10.0.0.1 aa"] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
    }
    let rows = correlator.snapshot();
    let holder = &rows.bindings[0].holders[0];
    assert_eq!((holder.first_seen, holder.last_seen), (time("5"), time("10")));
    assert_eq!((rows.hosts[0].first_seen, rows.hosts[0].last_seen), (time("5"), time("10")));
}

#[test]
fn changes_are_given_once_and_presence_apart() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let feed = |correlator: &mut Correlator, line: &str| {
        step(correlator, &settings(), Limits::default(), line, &mut Vec::new());
        let rows = correlator.take_changes().rows;
        (rows.hosts.len(), rows.stations.len(), rows.bindings.len(), correlator.take_presence().len())
    };
    assert_eq!(feed(&mut correlator, "0 arp 10.0.0.1 aa"), (1, 1, 1, 0));
    assert_eq!(feed(&mut correlator, "1 arp 10.0.0.1 aa"), (0, 0, 0, 3));
    assert_eq!(feed(&mut correlator, "1 arp 10.0.0.1 aa"), (0, 0, 0, 0));
    assert_eq!(feed(&mut correlator, "2 mdns 10.0.0.1 aa query x"), (0, 1, 1, 1));
    assert_eq!(feed(&mut correlator, "2 restart"), (0, 0, 0, 0));
    assert_eq!(feed(&mut correlator, "3 arp 10.0.0.1 aa"), (0, 0, 0, 3));
}

#[test]
fn a_flood_evicts_the_oldest_and_says_so() {
    let limits = Limits { hosts_max: 8, ..Limits::default() };
    let mut correlator = Correlator::new(settings(), limits, Rows::default(), 1);
    for i in 0..20 {
        let line = format!("{i} arp 10.0.0.{i} {i:02x}");
        step(&mut correlator, &settings(), limits, &line, &mut Vec::new());
        if i == 7 {
            assert_eq!(correlator.take_changes().removed, Default::default());
        }
    }
    let changes = correlator.take_changes();
    let rows = correlator.snapshot();
    assert_eq!((rows.hosts.len(), rows.stations.len(), rows.bindings.len()), (8, 8, 8));
    assert_eq!(changes.rows.stations, rows.stations, "the old ones were given before, the dead ones never");
    assert_eq!(changes.removed.stations.len(), 8, "only what the store has is removed from it");
    assert_eq!((changes.removed.hosts.len(), changes.removed.bindings.len()), (8, 8));
    assert_eq!(correlator.evictions_total(), 36);
}

#[test]
fn a_file_read_twice_tells_nothing_new() {
    check_read_twice(&["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "2 arp 10.0.0.1 aa", "3 arp 10.0.0.1 cc"]);
    check_read_twice(&["9 arp 10.0.0.1 aa", "5 arp 10.0.0.1 bb", "7 arp 10.0.0.1 aa", "1 rs aa"]);
    check_read_twice(&["1 arp 10.0.0.1 bb", "2 mdns 10.0.0.1 aa query x", "3 arp 10.0.0.1 aa"]);
    check_read_twice(&["1 dhcp discover aa name=a", "2 dhcp request aa name=b", "3 dhcp request aa name=a"]);
    // Names of other sources stand between those that take turns.
    check_read_twice(&[
        "1 nbname 10.0.0.1 aa unique old 10.0.0.1",
        "2 llmnr 10.0.0.1 aa a x 10.0.0.1",
        "90 nbname 10.0.0.1 aa unique new 10.0.0.1",
    ]);
    // The name comes before the address is known to be its sender's, and the service before its host's name.
    check_read_twice(&[
        "1 mdns 10.0.0.1 aa a x.local 10.0.0.1",
        "2 mdns 10.0.0.1 aa a y.local fe80::1",
        "3 mdns fe80::1 aa query z",
    ]);
    check_read_twice(&[
        "1 mdns 10.0.0.1 aa a x.local 10.0.0.1",
        "2 mdns 10.0.0.1 aa srv i._ipp._tcp.local y.local 631",
        "3 mdns 10.0.0.1 aa a y.local 10.0.0.1",
    ]);
    check_read_twice(&[
        "0 arp 10.0.0.1 aa",
        "1 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=60",
        "2 arp 10.0.0.1 bb",
        "3 dhcp release bb ciaddr=10.0.0.1",
        "4 arp 10.0.0.1 aa/cc",
        "5 ra fe80::1 dd 9 2001:db8::/64",
        "6 mdns 10.0.0.1 bb a pc.local 10.0.0.1",
        "7 mdns 10.0.0.1 bb srv x._ipp._tcp.local pc.local 631",
        "8 mdns 10.0.0.1 bb bye srv x._ipp._tcp.local pc.local 631",
    ]);
}

#[test]
fn what_a_file_says_beyond_the_known_is_news() {
    let mut first = Correlator::new(history(), Limits::default(), Rows::default(), 1);
    for line in ["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "2 arp 10.0.0.1 bb"] {
        step(&mut first, &history(), Limits::default(), line, &mut Vec::new());
    }
    let mut second = Correlator::new(history(), Limits::default(), first.snapshot(), 5);
    let mut events = Vec::new();
    for line in ["0 arp 10.0.0.1 aa", "2 arp 10.0.0.1 bb", "3 arp 10.0.0.1 aa"] {
        step(&mut second, &history(), Limits::default(), line, &mut events);
    }
    assert_eq!(events.iter().map(written).collect::<Vec<_>>(), ["flip-flop 10.0.0.1 aa old bb"]);
}

#[test]
fn details_have_fixed_keys() {
    let keys = |input: &[&str]| {
        let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
        let mut events = Vec::new();
        input.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut events));
        format!("{:?}", events.last().unwrap().details)
    };
    assert_eq!(keys(&["0 arp 10.0.0.1 aa", "9.9 arp 10.0.0.1 bb"]), r#"[("previous_age_s", Number(9))]"#);
    assert_eq!(keys(&["0 arp 10.0.0.1 aa/bb"]), r#"[("frame_mac", Text("02:00:00:00:00:bb"))]"#);
    assert_eq!(
        keys(&["0 dhcp discover aa name=a", "0 dhcp discover aa name=b"]),
        r#"[("new_name", Text("b")), ("old_name", Text("a")), ("source", Text("dhcp"))]"#
    );
    assert_eq!(
        keys(&["0 ra fe80::1 aa 9 2001:db8:1::/64 2001:db8::1/64"]),
        r#"[("lifetime_s", Number(9)), ("prefixes", Texts(["2001:db8::/64", "2001:db8:1::/64"]))]"#
    );
    assert_eq!(
        keys(&["0 arp 10.0.0.1 aa", "1 dhcp ack bb/bb yiaddr=10.0.0.1 server=10.0.0.2", "2 arp 10.0.0.1 bb"]),
        r#"[("previous_age_s", Number(2)), ("dhcp_server", Text("10.0.0.2"))]"#
    );
}

#[test]
fn the_sensor_speaks_of_itself_with_the_same_ids() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 7);
    let mut events = Vec::new();
    correlator.tell(Kind::SensorStarted, time("1"), vec![("version", Detail::Text("1".into()))], &mut events);
    correlator.observe(&sighting(time("2"), segment("eth1"), "arp", &["10.0.0.1", "aa"]), time("2"), &mut events);
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [7, 8]);
    assert_eq!((events[0].kind, events[0].severity), (Kind::SensorStarted, Severity::Info));
}

/// What a host is remembered to have shown, after `input`.
#[track_caller]
fn check_prints(input: &[&str], expected: &[&str]) {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    input.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new()));
    let rows = correlator.snapshot();
    let prints = rows.hosts.iter().flat_map(|host| &host.prints);
    let shown: Vec<String> = prints.map(|print| format!("{}: {}", print.evidence.name(), print.value)).collect();
    assert_eq!(shown, expected);
}

const SYN: &str = "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0";

#[test]
fn a_segment_tells_of_who_holds_its_address() {
    let line = format!("1 syn 10.0.0.1 aa {SYN}");
    check_prints(&["0 arp 10.0.0.1 aa", &line, &line], &[&format!("syn: {SYN}")]);
}

/// Nothing else keeps a router from having the systems of all that is behind it.
#[test]
fn a_segment_from_behind_a_router_tells_nothing() {
    let (stranger, other) = (format!("1 syn 198.51.100.7 aa {SYN}"), format!("1 syn 10.0.0.2 aa {SYN}"));
    check_prints(&["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb", &stranger, &other], &[]);
    check_prints(&[&stranger], &[]);
}

#[test]
fn models_and_options_are_kept_in_bounds() {
    check_prints(&["0 model 10.0.0.1 aa model=Mac14,2", "1 model 10.0.0.1 aa osxvers=22"], &["mdns-model: Mac14,2"]);
    let lines: Vec<String> = (0..9).map(|number| format!("0 model 10.0.0.1 aa model={number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check_prints(&lines, &["mdns-model: 0", "mdns-model: 1", "mdns-model: 2", "mdns-model: 3"]);
}
