//! Each rule of the planner on a fake clock.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::inventory::planner::cost::Cost;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use enumset::EnumSet;
use ipnet::IpNet;

use crate::inventory::model::address::{Binding, Holder};
use crate::inventory::model::quiet::Quiet;
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::*;
use crate::inventory::sighting::Claim;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
use crate::inventory::sighting::ndp::NdpClaim;
use crate::types::{Iface, Vlans};

/// Random policies, hosts and liars.
pub mod safety;
/// A sweep alone.
pub mod sweeps;

/// 2026-01-01, midnight UTC.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const OWN: &str = "10.0.0.2";

fn segment(name: &str) -> Segment {
    Segment::tagged(Iface::new(name).unwrap(), Vlans::default())
}

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(prefix: &str) -> Network {
    Network {
        prefix: prefix.parse().unwrap(),
        segment: segment("eth0"),
        attached: true,
        passive: false,
        sweep: None,
        named: false,
        techniques: [Technique::Arp, Technique::Icmp, Technique::Ndp, Technique::Tcp].into(),
        ports: [22, 80].into(),
        delicate_ports: BTreeSet::new(),
        gone_after: 15 * MINUTE,
        describe_every: DAY,
        rate_per_s: 100,
    }
}

fn policy(networks: Vec<Network>) -> Policy {
    Policy {
        networks,
        never_prefixes: Vec::new(),
        never_macs: BTreeSet::new(),
        own_ips: [ip(OWN)].into(),
        rate_per_s: 100,
        host_per_hour: 1000,
        quiet: Vec::new(),
    }
}

fn sighting(address: &str, mac: Mac, claim: Claim) -> Sighting {
    Sighting { at: START, segment: segment("eth0"), frame_mac: mac, mac, ip: Some(ip(address)), claim }
}

fn arp(operation: ArpOperation, address: &str, mac: Mac) -> Sighting {
    let target: Ipv4Addr = OWN.parse().unwrap();
    sighting(address, mac, Claim::Arp(ArpClaim { operation, target, asked: false }))
}

fn request(address: &str, number: u8) -> Sighting {
    arp(ArpOperation::Request, address, mac(number))
}

fn advert(address: &str, number: u8) -> Sighting {
    sighting(address, mac(number), Claim::Ndp(NdpClaim::Advert { router: false, solicited: true, asked: false }))
}

fn answer(address: &str, answer: Answer) -> Sighting {
    sighting(address, Mac::ZERO, Claim::Answer(Box::new(answer)))
}

fn echo(address: &str) -> Sighting {
    answer(address, Answer::Echo { rtt: Duration::from_millis(1), hop_limit: None })
}

fn port(address: &str, port: u16, state: PortState) -> Sighting {
    answer(address, Answer::Port { port, state, banner: None, rtt: Duration::from_millis(1) })
}

fn event(kind: Kind, address: &str) -> Event {
    Event {
        id: 1,
        at: START,
        kind,
        severity: kind.severity(),
        segment: Some(segment("eth0")),
        ip: Some(ip(address)),
        mac: Some(mac(1)),
        old_mac: None,
        hostname: None,
        host: None,
        reason: None,
        confidence: None,
        details: Vec::new(),
    }
}

/// A planner, its clock, and what it sent when.
struct Bench {
    planner: Planner,
    now: Timestamp,
    sent: Vec<(Timestamp, Probe)>,
    silences: Vec<Silence>,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let planner = Planner::new(policy, 7, START);
        Self { planner, now: START, sent: Vec::new(), silences: Vec::new() }
    }

    /// Lets time pass as a caller would who comes whenever it is asked to.
    fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        for _ in 0..10_000_000 {
            let mut out = Vec::new();
            self.planner.plan(self.now, 1000, &mut out);
            self.sent.extend(out.into_iter().map(|probe| (self.now, probe)));
            self.silences.extend(self.planner.take_silences());
            let Some(next) = self.planner.poll_timeout(self.now).filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = next.max(self.now.after(Duration::from_millis(1)));
        }
        panic!("the planner does not let time pass");
    }

    fn hear(&mut self, sighting: &Sighting) -> bool {
        self.planner.observe(sighting, self.now)
    }

    fn sent_to(&self, address: &str) -> Vec<(Duration, Question)> {
        let of_ip = self.sent.iter().filter(|(_, probe)| probe.ip == ip(address));
        of_ip.map(|(at, probe)| (at.since(START), probe.question.clone())).collect()
    }

    /// What was sent to an address since the last call, as words with their times in whole seconds.
    fn take(&mut self, address: &str, since: Timestamp) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        let of_ip = sent.into_iter().filter(|(_, probe)| probe.ip == ip(address));
        of_ip.map(|(at, probe)| format!("{} {}", at.since(since).as_secs(), word(&probe.question))).collect()
    }
}

fn word(question: &Question) -> String {
    match question {
        Question::Connect { ports } => format!("connect{ports:?}"),
        Question::Knock { ports } => format!("knock{ports:?}"),
        Question::Arp { to } if *to == Mac::BROADCAST => "arp".to_owned(),
        Question::Arp { to } => format!("arp-{}", to.0[5]),
        Question::ConflictCheck { to } => format!("check-{}", to.0[5]),
        Question::Ndp { to: Some(to) } => format!("ndp-{}", to.0[5]),
        Question::Ndp { to: None } => "ndp".to_owned(),
        question => format!("{question:?}").to_lowercase(),
    }
}

/// Whether the address is asked anything within an hour of being heard.
fn check_asked(policy: Policy, address: &str, expected: bool) {
    let mut bench = Bench::new(policy);
    let heard = match ip(address) {
        IpAddr::V4(_) => request(address, 1),
        IpAddr::V6(_) => advert(address, 1),
    };
    bench.hear(&heard);
    bench.planner.consider(&event(Kind::NewHost, address), START);
    bench.run(HOUR);
    assert_eq!(!bench.sent_to(address).is_empty(), expected, "{address}");
    assert_eq!(bench.planner.may_ask(segment("eth0"), ip(address), Some(mac(1))), expected, "{address}");
}

#[test]
fn only_allowed_networks_are_asked() {
    let elsewhere = Network { segment: segment("eth1"), ..network("10.0.0.64/26") };
    let hushed = Network { passive: true, ..network("10.0.0.128/26") };
    let both = || policy(vec![network("10.0.0.0/24"), elsewhere.clone(), hushed.clone(), network("2001:db8::/64")]);
    for (address, expected) in [
        ("10.0.0.5", true),
        ("10.0.1.5", false),
        // A longer prefix takes it: another segment's, a passive one's.
        ("10.0.0.70", false),
        ("10.0.0.130", false),
        ("2001:db8::5", true),
        ("2001:db8:0:1::5", false),
    ] {
        check_asked(both(), address, expected);
    }
}

#[test]
fn the_same_prefix_on_two_segments() {
    let other = Network { segment: segment("eth1"), ..network("10.0.0.0/24") };
    check_asked(policy(vec![network("10.0.0.0/24"), other.clone()]), "10.0.0.5", true);
    check_asked(policy(vec![other, network("10.0.0.0/24")]), "10.0.0.5", true);
}

#[test]
fn addresses_that_are_never_hosts() {
    for (prefix, address, expected) in [
        ("10.0.0.0/24", "10.0.0.0", false),
        ("10.0.0.0/24", "10.0.0.255", false),
        ("10.0.0.0/30", "10.0.0.3", false),
        ("10.0.0.0/31", "10.0.0.0", true),
        ("10.0.0.1/32", "10.0.0.1", true),
        ("10.0.0.0/24", OWN, false),
        ("0.0.0.0/0", "0.1.2.3", false),
        ("0.0.0.0/0", "127.0.0.1", false),
        ("0.0.0.0/0", "224.0.0.251", false),
        ("0.0.0.0/0", "240.0.0.1", false),
        ("0.0.0.0/0", "255.255.255.255", false),
        ("0.0.0.0/0", "9.9.9.9", true),
        ("::/0", "::", false),
        ("::/0", "::1", false),
        ("::/0", "ff02::1", false),
        ("::/0", "::ffff:10.0.0.1", false),
        ("::/0", "fe80::1", true),
    ] {
        check_asked(policy(vec![network(prefix)]), address, expected);
    }
}

#[test]
fn exceptions_are_never_asked() {
    let never = |prefix: &str| Policy {
        never_prefixes: vec![prefix.parse::<IpNet>().unwrap()],
        ..policy(vec![network("10.0.0.0/24")])
    };
    check_asked(never("10.0.0.4/31"), "10.0.0.5", false);
    check_asked(never("10.0.0.4/31"), "10.0.0.6", true);
}

#[test]
fn a_station_that_is_never_asked() {
    let never = || Policy { never_macs: [mac(9)].into(), ..policy(vec![network("10.0.0.0/24")]) };
    let mut bench = Bench::new(never());
    bench.hear(&request("10.0.0.9", 9));
    bench.run(HOUR);
    // Learnt later, and not forgotten when another claims its address.
    bench.hear(&request("10.0.0.8", 1));
    bench.hear(&request("10.0.0.8", 9));
    bench.hear(&request("10.0.0.8", 1));
    bench.run(HOUR);
    assert_eq!(bench.sent, []);
    let holders = vec![Holder { mac: mac(9), first_seen: START, last_seen: START, sources: EnumSet::empty() }];
    let rows =
        Rows { bindings: vec![Binding { segment: segment("eth0"), ip: ip("10.0.0.7"), holders }], ..Rows::default() };
    bench.planner.restore(&rows, bench.now);
    bench.hear(&request("10.0.0.7", 1));
    bench.run(HOUR);
    assert_eq!(bench.sent, []);
    assert!(!bench.planner.check(segment("eth0"), ip("10.0.0.5"), [mac(1), mac(9)], bench.now));
}

#[test]
fn delicate_ports_have_to_be_named() {
    let mut printers = network("10.0.0.0/24");
    printers.ports = [22, 515, 631, 9100, 9107].into();
    printers.delicate_ports = [631].into();
    let mut bench = Bench::new(policy(vec![printers]));
    bench.hear(&request("10.0.0.5", 1));
    bench.hear(&port("10.0.0.5", 9100, PortState::Open));
    assert!(!bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 9100, bench.now));
    bench.run(HOUR);
    let mut ports = BTreeSet::new();
    for (_, question) in bench.sent_to("10.0.0.5") {
        if let Question::Connect { ports: asked } | Question::Knock { ports: asked } = question {
            ports.extend(asked.iter().copied());
        }
    }
    assert_eq!(ports, [22, 631].into());
}

fn check_quiet(quiet: &[(u16, u16)], utc_offset_s: i32, hours: &[u64]) {
    let quiet = quiet.iter().map(|&(from, to)| Quiet { from, to }).collect();
    let mut bench = Bench::new(Policy { quiet, ..policy(vec![network("10.0.0.0/24")]) });
    bench.planner.set_utc_offset_s(utc_offset_s);
    let mut spoken = BTreeSet::new();
    for hour in 0..24 {
        bench.hear(&request(&format!("10.0.0.{}", 10 + hour), 1));
        bench.run(HOUR);
        spoken.extend(bench.sent.drain(..).map(|(at, _)| at.since(START).as_secs() / 3600));
    }
    let silent: Vec<u64> = (0..24).filter(|hour| !spoken.contains(hour)).collect();
    assert_eq!(silent, hours);
}

#[test]
fn quiet_hours() {
    check_quiet(&[], 0, &[]);
    check_quiet(&[(60, 180)], 0, &[1, 2]);
    check_quiet(&[(23 * 60, 120)], 0, &[0, 1, 23]);
    check_quiet(&[(60, 180), (600, 660)], 3600, &[0, 1, 9]);
    check_quiet(&[(60, 120)], -7200, &[3]);
}

#[test]
fn quiet_hours_end_to_the_minute() {
    let quiet = vec![Quiet { from: 0, to: 90 }];
    let mut bench = Bench::new(Policy { quiet, ..policy(vec![network("10.0.0.0/24")]) });
    bench.hear(&request("10.0.0.5", 1));
    assert!(!bench.planner.may_ask(segment("eth0"), ip("10.0.0.5"), None));
    assert!(!bench.planner.check(segment("eth0"), ip("10.0.0.5"), [mac(1), mac(3)], bench.now));
    bench.run(2 * HOUR);
    assert_eq!(bench.sent[0].0.since(START), 90 * MINUTE);
}

#[test]
fn a_new_host_is_described_once_and_slowly() {
    let mut all = network("10.0.0.0/24");
    all.techniques = Technique::ALL.into();
    let mut bench = Bench::new(policy(vec![all]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(2 * MINUTE);
    let sent = bench.sent_to("10.0.0.5");
    assert!((2..5).contains(&sent[0].0.as_secs()), "after its own chatter: {sent:?}");
    assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= Duration::from_secs(1)), "one in flight: {sent:?}");
    let words: Vec<String> = sent.iter().map(|(_, question)| word(question)).collect();
    assert_eq!(words, ["echo", "ptr", "mdns", "nbns", "snmp", "connect[22, 80]"]);
}

#[test]
fn a_network_has_the_techniques_it_has() {
    let mut few = network("2001:db8::/64");
    few.techniques = [Technique::Icmp, Technique::Nbns].into();
    let mut bench = Bench::new(policy(vec![few]));
    bench.hear(&advert("2001:db8::5", 1));
    bench.run(MINUTE);
    let words: Vec<String> = bench.sent.iter().map(|(_, probe)| word(&probe.question)).collect();
    assert_eq!(words, ["echo"]);
}

#[test]
fn a_host_that_speaks_is_described_again_about_daily() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    for _ in 0..(50 * 60) {
        bench.hear(&request("10.0.0.5", 1));
        bench.run(MINUTE);
    }
    let echoes: Vec<Duration> =
        bench.sent_to("10.0.0.5").into_iter().filter(|(_, q)| *q == Question::Echo).map(|(at, _)| at).collect();
    assert_eq!(echoes.len(), 3);
    for pair in echoes.windows(2) {
        assert!((DAY * 9 / 10..DAY * 11 / 10).contains(&(pair[1] - pair[0])), "{echoes:?}");
    }
}

#[test]
fn events_put_an_address_first() {
    for kind in [Kind::NewHost, Kind::NewAddress, Kind::HostBack, Kind::ChangedMac, Kind::FlipFlop] {
        let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
        bench.hear(&request("10.0.0.5", 1));
        bench.run(10 * MINUTE);
        bench.sent.clear();
        bench.planner.consider(&event(kind, "10.0.0.5"), bench.now);
        bench.run(MINUTE);
        assert!(!bench.sent.is_empty(), "{kind:?}");
    }
}

/// One network that presence is asked in, and the questions of a round with their seconds.
fn check_round(network: Network, heard: &Sighting, expected: &[&str]) {
    let address = heard.ip.unwrap().to_string();
    let gone_after = network.gone_after;
    let mut bench = Bench::new(policy(vec![network]));
    bench.run(MINUTE);
    bench.hear(heard);
    bench.run(MINUTE);
    bench.sent.clear();
    bench.hear(heard);
    bench.run(gone_after - Duration::from_secs(1));
    assert_eq!(bench.take(&address, bench.now), [""; 0]);
    bench.run(Duration::from_secs(1));
    let begun = bench.now;
    bench.run(MINUTE);
    assert_eq!(bench.take(&address, begun), expected);
    let techniques = expected.iter().map(|word| match word.split(' ').nth(1).unwrap().get(..3).unwrap() {
        "arp" => Technique::Arp,
        "ech" => Technique::Icmp,
        "ndp" => Technique::Ndp,
        _ => Technique::Tcp,
    });
    let silence = Silence {
        segment: segment("eth0"),
        ip: ip(&address),
        techniques: techniques.collect(),
        since: begun,
        gone_after,
    };
    assert_eq!(bench.silences, [silence]);
}

#[test]
fn presence_rounds() {
    let knocks =
        ["0 arp-1", "1 echo", "2 knock[22]", "3 arp", "4 echo", "5 knock[22]", "6 arp", "7 echo", "8 knock[22]"];
    check_round(network("10.0.0.0/24"), &request("10.0.0.5", 1), &knocks);
    let portless = Network { ports: [].into(), ..network("10.0.0.0/24") };
    check_round(portless, &request("10.0.0.5", 1), &["0 arp-1", "1 echo", "2 arp", "3 echo", "5 arp", "6 echo"]);
    check_round(
        network("2001:db8::/64"),
        &advert("2001:db8::5", 1),
        &["0 ndp-1", "1 echo", "2 ndp", "3 echo", "5 ndp", "6 echo"],
    );
    let far = Network { attached: false, ..network("10.9.0.0/24") };
    check_round(
        far,
        &port("10.9.0.5", 80, PortState::Open),
        &["0 echo", "1 knock[80]", "2 echo", "3 knock[80]", "5 echo", "6 knock[80]"],
    );
}

#[test]
fn whoever_is_heard_is_not_silent() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(MINUTE);
    bench.hear(&request("10.0.0.5", 1));
    bench.run(15 * MINUTE + Duration::from_secs(4));
    bench.sent.clear();
    bench.hear(&port("10.0.0.5", 22, PortState::Closed));
    bench.run(10 * MINUTE);
    assert_eq!((bench.sent.len(), bench.silences.len()), (0, 0));
    // A port that stays silent is nobody's word.
    bench.run(5 * MINUTE + Duration::from_secs(4));
    bench.hear(&port("10.0.0.5", 22, PortState::Silent));
    bench.run(MINUTE);
    assert_eq!(bench.silences.len(), 1);
}

#[test]
fn the_silent_are_asked_ever_more_seldom() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(6 * DAY);
    let minutes: Vec<u64> =
        bench.silences.windows(2).map(|pair| pair[1].since.since(pair[0].since).as_secs() / 60).collect();
    assert_eq!(minutes[..9], [30, 60, 120, 240, 480, 960, 1440, 1440, 1440]);
    // Anything heard resets it.
    bench.hear(&request("10.0.0.5", 1));
    bench.silences.clear();
    bench.run(16 * MINUTE);
    assert_eq!(bench.silences.len(), 1);
}

#[test]
fn one_technique_proves_nothing() {
    let one = Network { techniques: [Technique::Icmp].into(), ..network("10.0.0.0/24") };
    let mut bench = Bench::new(policy(vec![one]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(2 * HOUR);
    assert!(bench.sent.len() > 3);
    assert_eq!(bench.silences, []);
}

#[test]
fn what_a_bucket_withholds_was_not_asked() {
    // The description takes what the host may get; rounds come too soon after it.
    let mut bench = Bench::new(Policy { host_per_hour: 2, ..policy(vec![network("10.0.0.0/24")]) });
    bench.hear(&request("10.0.0.5", 1));
    bench.run(45 * MINUTE);
    assert_eq!(bench.sent.len(), 1, "{:?}", bench.sent);
    assert_eq!(bench.silences, []);
}

#[test]
fn the_deaf_call_nobody_silent() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(15 * MINUTE + Duration::from_secs(4));
    bench.planner.set_deaf(bench.now);
    bench.run(MINUTE);
    assert_eq!(bench.silences, []);
    bench.run(HOUR);
    assert!(!bench.silences.is_empty());
}

#[test]
fn both_holders_are_checked_within_two_seconds() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24"), network("2001:db8::/64")]));
    bench.run(MINUTE);
    let begun = bench.now;
    for address in ["10.0.0.5", "2001:db8::5"] {
        assert!(bench.planner.check(segment("eth0"), ip(address), [mac(1), mac(3)], bench.now));
    }
    bench.run(MINUTE);
    let sent = std::mem::take(&mut bench.sent);
    let mut told = BTreeMap::<bool, Vec<String>>::new();
    for (at, probe) in sent {
        let word = format!("{} {}", at.since(begun).as_millis(), word(&probe.question));
        told.entry(probe.ip.is_ipv6()).or_default().push(word);
    }
    let v4 = [
        "0 check-1",
        "0 check-3",
        "500 arp-1",
        "500 arp-3",
        "1000 check-1",
        "1000 check-3",
        "1500 arp-1",
        "1500 arp-3",
        "2000 check-1",
        "2000 check-3",
    ];
    assert_eq!(told[&false], v4);
    assert_eq!(told[&true], ["0 ndp-1", "0 ndp-3", "1000 ndp-1", "1000 ndp-3", "2000 ndp-1", "2000 ndp-3"]);
}

#[test]
fn each_holder_answers_for_itself() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.planner.check(segment("eth0"), ip("10.0.0.5"), [mac(1), mac(3)], bench.now);
    bench.run(Duration::from_millis(100));
    let reply = |number| arp(ArpOperation::Reply, "10.0.0.5", mac(number));
    assert!(bench.hear(&reply(1)));
    assert!(!bench.hear(&reply(1)), "once");
    assert!(!bench.hear(&reply(4)), "nobody asked it");
    assert!(bench.hear(&reply(3)));
    let answers = bench.planner.answers();
    assert_eq!((answers.in_time, answers.duplicate, answers.unasked), (2, 1, 1));
    bench.sent.clear();
    bench.run(Duration::from_secs(2));
    assert_eq!(bench.sent, [], "who answered is left alone");
}

#[test]
fn checks_keep_to_the_rules() {
    let mut networks =
        vec![network("10.0.0.0/24"), network("10.1.0.0/24"), network("10.2.0.0/24"), network("10.3.0.0/24")];
    networks[1].passive = true;
    networks[2].attached = false;
    networks[3].techniques = [Technique::Icmp].into();
    let mut planner = Planner::new(policy(networks), 7, START);
    let mut check = |address: &str, holders, expected| {
        assert_eq!(planner.check(segment("eth0"), ip(address), holders, START), expected, "{address} {holders:?}");
    };
    check("10.0.0.5", [mac(1), mac(3)], true);
    check("10.0.0.5", [mac(1), mac(1)], false);
    check("10.0.0.5", [mac(1), Mac::BROADCAST], false);
    check("10.1.0.5", [mac(1), mac(3)], false);
    check("10.2.0.5", [mac(1), mac(3)], false);
    check("10.3.0.5", [mac(1), mac(3)], false);
    check("10.4.0.5", [mac(1), mac(3)], false);
    check(OWN, [mac(1), mac(3)], false);
}

#[test]
fn answers_are_told_apart() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    assert!(!bench.hear(&echo("10.0.0.5")), "not asked yet");
    bench.run(Duration::from_secs(5));
    assert!(!bench.sent.is_empty());
    assert!(!bench.hear(&arp(ArpOperation::Reply, "10.0.0.5", mac(1))), "asked by echo, not by ARP");
    assert!(bench.hear(&echo("10.0.0.5")));
    assert!(!bench.hear(&echo("10.0.0.5")), "answered before");
    assert_eq!(bench.planner.answers(), Answers { in_time: 1, duplicate: 1, late: 0, unasked: 2 });
    // Late: the next description's echo, answered after six seconds.
    bench.planner.consider(&event(Kind::HostBack, "10.0.0.5"), bench.now);
    bench.run(Duration::from_secs(11));
    assert!(!bench.hear(&echo("10.0.0.5")));
    assert_eq!(bench.planner.answers().late, 1);
    // What somebody else asked for is no answer at all.
    let others = ArpClaim { operation: ArpOperation::Reply, target: [10, 0, 0, 77].into(), asked: false };
    assert!(!bench.hear(&sighting("10.0.0.5", mac(1), Claim::Arp(others))));
    assert_eq!(bench.planner.answers().unasked, 2);
}

#[test]
fn urgent_work_comes_first() {
    // Slow enough that everything queues; nobody sweeps in the first second.
    let slow = Policy { rate_per_s: 1, ..policy(vec![network("10.0.0.0/24")]) };
    let mut bench = Bench::new(slow);
    for number in 10..20 {
        bench.hear(&request(&format!("10.0.0.{number}"), number));
    }
    bench.run(HOUR);
    bench.sent.clear();
    bench.hear(&request("10.0.0.5", 5));
    bench.run(Duration::from_secs(10));
    let news = bench.sent.iter().position(|(_, probe)| probe.ip == ip("10.0.0.5"));
    assert!(news.is_some_and(|place| place <= 8), "{news:?}");
    bench.sent.clear();
    bench.planner.check(segment("eth0"), ip("10.0.0.6"), [mac(1), mac(3)], bench.now);
    bench.run(Duration::from_secs(2));
    assert!(bench.sent.iter().all(|(_, probe)| probe.ip == ip("10.0.0.6")), "{:?}", bench.sent);
}

#[test]
fn rates_hold_for_the_sensor_and_each_network() {
    let slow = Network { rate_per_s: 4, ..network("10.1.0.0/16") };
    let mut bench = Bench::new(Policy { rate_per_s: 20, ..policy(vec![network("10.0.0.0/16"), slow]) });
    for number in 1..=250 {
        bench.hear(&request(&format!("10.0.0.{number}"), 1));
        bench.hear(&request(&format!("10.1.0.{number}"), 1));
    }
    bench.run(2 * MINUTE);
    let packets = |only: &str| {
        let only: IpNet = only.parse().unwrap();
        let inside = bench.sent.iter().filter(|(_, probe)| only.contains(&probe.ip));
        inside.map(|(_, probe)| Cost::of(&probe.question).sensor).sum::<u32>()
    };
    assert!((1200..=2405).contains(&packets("10.0.0.0/8")), "{}", packets("10.0.0.0/8"));
    assert!((400..=483).contains(&packets("10.1.0.0/16")), "{}", packets("10.1.0.0/16"));
}

#[test]
fn a_clock_that_is_set_makes_nobody_silent_and_fills_no_bucket() {
    let mut bench = Bench::new(Policy { rate_per_s: 8, ..policy(vec![network("10.0.0.0/24")]) });
    for number in 10..100 {
        bench.hear(&request(&format!("10.0.0.{number}"), number));
    }
    bench.run(Duration::from_secs(10));
    bench.sent.clear();
    for stride in [30 * DAY, 365 * DAY] {
        bench.now = bench.now.after(stride);
        let mut out = Vec::new();
        bench.planner.plan(bench.now, 1000, &mut out);
        let packets: u32 = out.iter().map(|probe| Cost::of(&probe.question).sensor).sum();
        assert!(packets <= 4, "{packets}");
        assert_eq!(bench.planner.take_silences(), []);
    }
    // Back by a year: work goes on at once, not in a year.
    bench.now = START;
    bench.run(Duration::from_secs(30));
    assert!(bench.sent.len() > 60, "{}", bench.sent.len());
}

/// Rows of addresses in 10.0.0.0/24, each with its holder.
fn known(numbers: std::ops::Range<u8>) -> Rows {
    let binding = |number| {
        let holders = vec![Holder { mac: mac(number), first_seen: START, last_seen: START, sources: EnumSet::empty() }];
        Binding { segment: segment("eth0"), ip: IpAddr::V4([10, 0, 0, number].into()), holders }
    };
    Rows { bindings: numbers.map(binding).collect(), ..Rows::default() }
}

#[test]
fn known_addresses_are_taken_up_slowly() {
    let rows = known(10..210);
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.now = START.after(DAY);
    bench.planner.restore(&rows, bench.now);
    assert_eq!(bench.planner.targets(), 200);
    let mut rounds = Vec::new();
    for _ in 0..16 {
        bench.run(MINUTE);
        rounds.push(bench.sent.drain(..).filter(|(_, p)| matches!(p.question, Question::Arp { .. })).count());
    }
    assert!(rounds.iter().all(|arps| *arps < 100), "{rounds:?}");
    assert!(rounds.iter().sum::<usize>() >= 590, "{rounds:?}");
}

#[test]
fn a_network_that_comes_later_is_asked_and_one_that_went_is_not() {
    let (old, new) = ("10.0.0.0/24", "10.1.0.0/24");
    let mut bench = Bench::new(policy(vec![network(old)]));
    bench.hear(&request("10.0.0.5", 1));
    bench.hear(&request("10.1.0.5", 2));
    bench.run(MINUTE);
    assert!(!bench.sent_to("10.0.0.5").is_empty() && bench.sent_to("10.1.0.5").is_empty());
    bench.sent.clear();
    bench.planner.set_policy(policy(vec![network(new)]), bench.now);
    bench.hear(&request("10.0.0.5", 1));
    bench.hear(&request("10.1.0.5", 2));
    bench.run(HOUR);
    assert_eq!((bench.planner.targets(), bench.sent_to("10.0.0.5")), (1, Vec::new()));
    assert!(!bench.sent_to("10.1.0.5").is_empty());
    // An address that became our own, and one of a network whose settings are others.
    let own = Policy { own_ips: [ip("10.1.0.5")].into(), ..policy(vec![network(new)]) };
    bench.hear(&request("10.1.0.6", 3));
    bench.run(Duration::from_secs(1));
    bench.sent.clear();
    bench.planner.set_policy(own.clone(), bench.now);
    let brief = Network { techniques: [Technique::Icmp].into(), ..network(new) };
    bench.planner.set_policy(Policy { networks: vec![brief], ..own }, bench.now);
    bench.run(HOUR);
    assert!(bench.sent_to("10.1.0.5").is_empty() && !bench.sent_to("10.1.0.6").is_empty());
    assert!(bench.sent.iter().all(|(_, probe)| probe.question == Question::Echo), "{:?}", bench.sent);
}

/// However often the networks change, nobody is asked more often, in another order or too fast.
#[test]
fn networks_that_change_places_change_nothing_else() {
    let swept = || Network { sweep: Some(HOUR), ..network("10.0.0.0/26") };
    let slow = || Network { rate_per_s: 4, ..network("10.1.0.0/16") };
    let changes = |every: Option<u64>| {
        let mut bench = Bench::new(policy(vec![swept(), slow()]));
        for number in 1..=100 {
            bench.hear(&request(&format!("10.1.0.{number}"), number));
        }
        for second in 0..3000 {
            bench.run(Duration::from_secs(1));
            match every.map(|every| (second % every, second / every % 3)) {
                Some((0, 0)) => bench.planner.set_policy(policy(vec![slow(), swept()]), bench.now),
                Some((0, 1)) => {
                    bench.planner.set_policy(policy(vec![network("10.9.0.0/24"), swept(), slow()]), bench.now);
                }
                Some((0, _)) => {
                    // Gone and back at once.
                    bench.planner.set_policy(policy(vec![slow()]), bench.now);
                    bench.planner.set_policy(policy(vec![swept(), slow()]), bench.now);
                }
                _ => {}
            }
        }
        bench.sent
    };
    let steady = changes(None);
    assert!(steady.len() > 1000, "{}", steady.len());
    assert_eq!(changes(Some(7)), steady);
}

#[test]
fn what_is_known_of_a_network_is_asked_about_when_it_may_be() {
    let rows = known(10..20);
    let mut bench = Bench::new(policy(vec![]));
    bench.planner.restore(&rows, bench.now);
    assert_eq!(bench.planner.targets(), 0);
    bench.planner.set_policy(policy(vec![network("10.0.0.0/24")]), bench.now);
    bench.hear(&request("10.0.0.10", 10));
    bench.planner.restore(&rows, bench.now);
    assert_eq!(bench.planner.targets(), 10);
    // One that was just heard is as new as it was.
    bench.run(MINUTE);
    assert!(!bench.sent_to("10.0.0.10").is_empty());
}

#[test]
fn tables_are_bounded() {
    let mut planner = Planner::new(policy(vec![network("10.0.0.0/8"), network("2001:db8::/64")]), 7, START);
    for number in 0..70_000u32 {
        let address = Ipv4Addr::from_bits(0x0a01_0001 + number).to_string();
        planner.observe(&request(&address, 1), START.after(Duration::from_millis(number.into())));
    }
    assert!((60_000..=65_536).contains(&planner.targets()), "{}", planner.targets());
    let now = START.after(HOUR);
    let v4 = planner.targets();
    for number in 0..200u128 {
        let address = Ipv6Addr::from_bits("2001:db8::".parse::<Ipv6Addr>().unwrap().to_bits() + 1 + number);
        planner.observe(&advert(&address.to_string(), 3), now);
    }
    assert!(planner.targets() <= v4 + 64, "{} {v4}", planner.targets());
}

#[test]
fn a_port_in_doubt_is_asked_again() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(MINUTE);
    bench.sent.clear();
    assert!(bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 80, bench.now));
    assert!(!bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 81, bench.now));
    let since = bench.now;
    // Doubted once more while that is asked: it waits as long again.
    bench.run(Duration::from_millis(11_500));
    assert!(bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 80, bench.now));
    bench.run(MINUTE);
    assert_eq!(bench.take("10.0.0.5", since), ["10 arp-1", "11 connect[80]", "21 arp-1", "22 connect[80]"]);
}

#[test]
fn a_round_is_asked_whole_or_waits() {
    // A budget of 40 an hour holds 20, of which a round takes 18.
    let mut bench = Bench::new(Policy { host_per_hour: 40, ..policy(vec![network("10.0.0.0/24")]) });
    bench.hear(&request("10.0.0.5", 1));
    bench.run(14 * MINUTE);
    bench.sent.clear();
    bench.run(12 * HOUR);
    let asked = bench.take("10.0.0.5", START);
    let whole = ["arp-1", "echo", "knock[22]", "arp", "echo", "knock[22]", "arp", "echo", "knock[22]"];
    for round in asked.chunks(whole.len()) {
        let words: Vec<_> = round.iter().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(words, whole);
    }
    assert!(bench.silences.len() > 3, "{asked:?}");
}

#[test]
fn the_same_inputs_give_the_same_probes() {
    let run = || {
        let swept = Network { sweep: Some(HOUR), ..network("10.0.0.0/24") };
        let mut bench = Bench::new(policy(vec![swept]));
        for number in 10..60 {
            bench.hear(&request(&format!("10.0.0.{number}"), number));
        }
        bench.run(2 * HOUR);
        bench.sent
    };
    assert_eq!(run(), run());
}
