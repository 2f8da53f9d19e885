//! Sweeps: alone, and in the background of a planner.

use crate::inventory::planner::sweep::{Standing, Sweep};
use crate::inventory::planner::tests::bench::*;
use crate::inventory::sighting::scan::{PortTechnique, ScanTarget};

fn all(prefix: &str, key: u64) -> Vec<Ipv4Addr> {
    let mut sweep = Sweep::new(prefix.parse().unwrap(), key);
    std::iter::from_fn(|| sweep.next(START, |_| true)).collect()
}

fn check_complete(prefix: &str, expected: usize) {
    for key in 0..8 {
        let asked = all(prefix, key);
        let different: BTreeSet<_> = asked.iter().collect();
        let total = Sweep::new(prefix.parse().unwrap(), key).total();
        assert_eq!((asked.len(), different.len(), total), (expected, expected, expected as u64), "{prefix}");
    }
}

#[test]
fn every_address_once() {
    for (prefix, expected) in [
        ("10.0.0.7/32", 1),
        ("10.0.0.6/31", 2),
        ("10.0.0.4/30", 2),
        ("10.0.0.0/29", 6),
        ("10.0.0.0/24", 254),
        ("10.0.2.0/23", 510),
        ("10.1.0.0/16", 65_534),
    ] {
        check_complete(prefix, expected);
    }
}

#[test]
fn the_order_is_the_keys() {
    assert_eq!(all("10.0.0.0/24", 1), all("10.0.0.0/24", 1));
    assert_ne!(all("10.0.0.0/24", 1), all("10.0.0.0/24", 2));
    let neighbours = all("10.0.0.0/20", 1).windows(2).filter(|p| p[0].to_bits().abs_diff(p[1].to_bits()) == 1).count();
    assert!(neighbours < 40, "{neighbours} of 4094 follow their neighbour");
}

#[test]
fn retries_go_to_those_that_have_not_answered() {
    let mut sweep = Sweep::new("10.0.0.0/28".parse().unwrap(), 1);
    while let Some(ip) = sweep.next(START, |ip| ip.octets()[3] != 3) {
        if ip.octets()[3] % 2 == 0 {
            assert!(sweep.answered(ip));
            assert!(!sweep.answered(ip));
        }
    }
    assert_eq!((sweep.remaining(), sweep.answered_count()), (0, 7));
    sweep.retry();
    let again: BTreeSet<u8> =
        std::iter::from_fn(|| sweep.next(START, |ip| ip.octets()[3] != 3)).map(|ip| ip.octets()[3]).collect();
    assert_eq!(again, [1, 5, 7, 9, 11, 13].into());
    assert!(!sweep.answered("10.1.0.1".parse().unwrap()), "not of this prefix");
}

#[test]
fn the_place_tells_when_an_address_was_asked() {
    let window = Duration::from_secs(3);
    let mut sweep = Sweep::new("10.0.0.0/22".parse().unwrap(), 5);
    let mut asked = Vec::new();
    for number in 0..500u64 {
        let now = START.after(Duration::from_secs(number));
        asked.push((sweep.next(now, |_| true).unwrap(), now));
    }
    let now = START.after(Duration::from_secs(500));
    for &(ip, at) in &asked {
        let (earliest, latest) = sweep.asked_between(ip).unwrap();
        assert!(earliest <= at && at <= latest && latest.since(earliest) <= Duration::from_secs(66));
    }
    assert_eq!(sweep.standing(asked[499].0, now, window), Standing::InTime);
    assert_eq!(sweep.standing(asked[0].0, now, window), Standing::Late);
    let unasked = all("10.0.0.0/22", 5)[700];
    assert_eq!(sweep.standing(unasked, now, window), Standing::Unasked);
    assert_eq!(sweep.standing("10.9.0.1".parse().unwrap(), now, window), Standing::Unasked);
    sweep.answered(asked[499].0);
    assert_eq!(sweep.standing(asked[499].0, now, window), Standing::Duplicate);
}

fn swept(prefix: &str, interval: Duration) -> Network {
    Network { sweep: Some(interval), ..network(prefix) }
}

fn hosts(bench: &Bench) -> BTreeSet<IpAddr> {
    bench.sent.iter().map(|(_, probe)| probe.ip).collect()
}

#[test]
fn a_network_is_swept_once_an_interval_and_evenly() {
    let mut bench = Bench::new(policy(vec![swept("10.0.0.0/24", HOUR)]));
    bench.run(HOUR + MINUTE);
    // All but network, broadcast and our own address; and the next pass has begun.
    assert_eq!(hosts(&bench).len(), 253);
    assert!((253..=260).contains(&bench.sent.len()), "{}", bench.sent.len());
    assert!(bench.sent.iter().all(|(_, probe)| probe.question == Question::Arp { to: Mac::BROADCAST }));
    let first_half = bench.sent.iter().filter(|(at, _)| at.since(START) < HOUR / 2).count();
    assert!((110..145).contains(&first_half), "{first_half}");
    bench.run(HOUR);
    assert!((500..=515).contains(&bench.sent.len()), "{}", bench.sent.len());
}

#[test]
fn a_sweep_takes_a_tenth_of_the_rate_at_most() {
    let mut bench = Bench::new(Policy { rate_per_s: 10, ..policy(vec![swept("10.0.0.0/22", 10 * MINUTE)]) });
    bench.run(10 * MINUTE);
    assert!((500..=601).contains(&bench.sent.len()), "{}", bench.sent.len());
}

#[test]
fn routed_networks_are_swept_by_echo() {
    let far = Network { attached: false, ..swept("10.9.0.0/28", HOUR) };
    let mut bench = Bench::new(policy(vec![far]));
    bench.run(HOUR + MINUTE);
    assert_eq!(hosts(&bench).len(), 14);
    assert!(bench.sent.iter().all(|(_, probe)| probe.question == Question::Echo));
}

#[test]
fn who_was_heard_is_left_out() {
    let mut bench =
        Bench::new(policy(vec![Network { techniques: [Technique::Arp].into(), ..swept("10.0.0.0/28", HOUR) }]));
    for _ in 0..61 {
        bench.hear(&request("10.0.0.5", 1));
        bench.run(MINUTE);
    }
    assert_eq!(bench.sent_to("10.0.0.5"), []);
    assert_eq!(hosts(&bench).len(), 12);
}

#[test]
fn an_answer_to_a_sweep_is_known() {
    let mut bench = Bench::new(policy(vec![swept("10.0.0.0/24", HOUR)]));
    bench.run(MINUTE);
    let asked = bench.sent.last().unwrap().1.ip.to_string();
    assert!(bench.hear(&arp(ArpOperation::Reply, &asked, mac(5))));
    assert!(!bench.hear(&arp(ArpOperation::Reply, &asked, mac(5))));
    let unasked = (10..).map(|n| format!("10.0.0.{n}")).find(|address| bench.sent_to(address).is_empty()).unwrap();
    assert!(!bench.hear(&arp(ArpOperation::Reply, &unasked, mac(5))));
    assert_eq!(bench.planner.answers(), AnswerCounts { in_time: 1, duplicate: 1, late: 0, unasked: 1 });
}

#[test]
fn what_the_sensor_asked_is_known_while_a_scan_may_be_of_it() {
    let has_asked = |bench: &Bench, target| bench.planner.has_asked(segment("eth0"), target);
    let mut bench = Bench::new(policy(vec![swept("10.0.0.0/24", 4 * MINUTE)]));
    bench.run(MINUTE);
    let asked = bench.sent.last().unwrap().1.ip;
    let unasked = (10..).map(|n| format!("10.0.0.{n}")).find(|address| bench.sent_to(address).is_empty()).unwrap();
    assert!(has_asked(&bench, ScanTarget::Neighbour(Some(asked))));
    assert!(!has_asked(&bench, ScanTarget::Neighbour(Some(ip(&unasked)))));
    assert!(!bench.planner.has_asked(segment("eth1"), ScanTarget::Neighbour(Some(asked))));
    assert!(!has_asked(&bench, ScanTarget::Neighbour(None)));
    let port = |port, technique| ScanTarget::Port { ip: asked, port, technique };
    assert!(has_asked(&bench, port(22, PortTechnique::Syn)));
    assert!(!has_asked(&bench, port(23, PortTechnique::Syn)) && !has_asked(&bench, port(22, PortTechnique::Udp)));
    // A sweep that takes a day makes no scan.
    let mut bench = Bench::new(policy(vec![swept("10.0.0.0/24", DAY)]));
    bench.run(3 * HOUR);
    let asked = bench.sent.last().unwrap().1.ip;
    assert!(!has_asked(&bench, ScanTarget::Neighbour(Some(asked))));
}

fn blocks(bench: &Bench) -> BTreeMap<u8, usize> {
    let mut blocks = BTreeMap::new();
    for address in hosts(bench) {
        if let IpAddr::V4(address) = address {
            *blocks.entry(address.octets()[2]).or_default() += 1;
        }
    }
    blocks
}

#[test]
fn big_prefixes_are_sampled_and_swept_where_somebody_lives() {
    let mut quick = swept("10.0.0.0/20", 6 * HOUR);
    quick.techniques = [Technique::Arp].into();
    let mut bench = Bench::new(policy(vec![quick]));
    bench.hear(&request("10.0.3.77", 1));
    bench.run(HOUR);
    // An answer to a sample wakes its block.
    let answered = *hosts(&bench).iter().find(|ip| matches!(ip, IpAddr::V4(ip) if ip.octets()[2] == 9)).unwrap();
    bench.hear(&arp(ArpOperation::Reply, &answered.to_string(), mac(5)));
    bench.run(5 * HOUR - MINUTE);
    for (block, asked) in blocks(&bench) {
        match block {
            3 | 9 => assert!(asked >= 250, "block {block}: {asked}"),
            0 | 15 => assert!((7..=8).contains(&asked), "block {block}: {asked}"),
            _ => assert_eq!(asked, 8, "block {block}"),
        }
    }
}

#[test]
fn very_big_prefixes_have_to_be_named() {
    for (prefix, named, expected) in [
        ("10.0.0.0/16", false, true),
        ("10.0.0.0/15", false, false),
        ("10.0.0.0/15", true, true),
        ("0.0.0.0/0", true, false),
    ] {
        let mut bench = Bench::new(policy(vec![Network { named, ..swept(prefix, DAY) }]));
        bench.run(10 * MINUTE);
        assert_eq!(!bench.sent.is_empty(), expected, "{prefix} {named}");
    }
}

fn check_all_nodes(policy: Policy, expected: usize) {
    let mut bench = Bench::new(policy);
    bench.run(6 * HOUR - MINUTE);
    assert!(bench.sent.iter().all(|(_, probe)| probe.question == Question::AllNodes && probe.ip == ip("ff02::1")));
    assert_eq!(bench.sent.len(), expected);
}

#[test]
fn ipv6_is_asked_as_a_whole() {
    let v6 = || swept("2001:db8::/64", HOUR);
    check_all_nodes(policy(vec![v6()]), 6);
    check_all_nodes(policy(vec![v6(), swept("fe80::/64", HOUR)]), 6);
    check_all_nodes(policy(vec![Network { attached: false, ..v6() }]), 0);
    check_all_nodes(policy(vec![Network { techniques: [Technique::Ndp].into(), ..v6() }]), 0);
    // Everybody would hear it, also who must not be asked.
    check_all_nodes(policy(vec![v6(), Network { passive: true, ..network("fd00::/64") }]), 0);
    check_all_nodes(Policy { never_macs: [mac(9)].into(), ..policy(vec![v6()]) }, 0);
    check_all_nodes(Policy { never_prefixes: vec!["2001:db8::5/128".parse().unwrap()], ..policy(vec![v6()]) }, 0);
}

#[test]
fn all_nodes_answers_are_known() {
    let mut bench = Bench::new(policy(vec![swept("2001:db8::/64", HOUR)]));
    bench.run(MINUTE);
    let asked_at = bench.sent[0].0;
    let mut bench = Bench::new(policy(vec![swept("2001:db8::/64", HOUR)]));
    bench.run(asked_at.since(START) + Duration::from_secs(1));
    assert!(bench.hear(&echo("2001:db8::7")));
    assert!(!bench.hear(&echo("2001:db8::7")));
    bench.run(MINUTE);
    assert!(!bench.sent_to("2001:db8::7").is_empty(), "and whoever answers is described");
}
