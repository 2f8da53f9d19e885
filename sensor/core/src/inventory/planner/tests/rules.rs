//! Who may be asked, and when.

use crate::inventory::planner::tests::bench::*;

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
