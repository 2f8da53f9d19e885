//! Looking for DHCP servers.

use crate::inventory::planner::tests::bench::*;
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};

fn searched(prefix: &str) -> Network {
    Network { techniques: [Technique::Dhcp].into(), ..network(prefix) }
}

/// When a planner of this policy looks for servers in the first day, in seconds since its start.
fn searches(policy: Policy, from: Duration) -> Vec<u64> {
    let mut planner = Planner::new(policy, 7, START);
    planner.look_for_servers_from(START.after(from));
    let (mut now, mut found) = (START, Vec::new());
    while now.since(START) < DAY {
        let mut out = Vec::new();
        planner.plan(now, 64, &mut out);
        for probe in out {
            assert_eq!((&probe.question, probe.ip), (&Question::Discover, ip("255.255.255.255")));
            found.push(now.since(START).as_secs());
        }
        now = planner.poll_timeout(now).map_or(START.after(DAY), |at| at.max(now.after(Duration::from_millis(1))));
    }
    found
}

#[test]
fn servers_are_looked_for_at_the_start_and_every_few_hours() {
    let found = searches(policy(vec![searched("10.0.0.0/24")]), Duration::ZERO);
    assert!(found[0] < 30 && (4..=6).contains(&found.len()), "{found:?}");
    assert!(found.windows(2).all(|pair| (4 * 3600..6 * 3600).contains(&(pair[1] - pair[0]))), "{found:?}");
    // Two networks of one segment are asked as one.
    let two = vec![searched("10.0.0.0/24"), searched("10.0.1.0/24")];
    assert_eq!(searches(policy(two), Duration::ZERO), found);
    let learned = searches(policy(vec![searched("10.0.0.0/24")]), 10 * MINUTE);
    assert!((600..630).contains(&learned[0]), "{learned:?}");
}

#[test]
fn servers_are_not_looked_for_where_the_rules_forbid_it() {
    let check_silent = |policy: Policy| assert_eq!(searches(policy.clone(), Duration::ZERO), [0; 0], "{policy:?}");
    let one = || searched("10.0.0.0/24");
    check_silent(policy(vec![Network { passive: true, ..one() }]));
    check_silent(policy(vec![Network { attached: false, ..one() }]));
    check_silent(policy(vec![Network { techniques: [Technique::Arp].into(), ..one() }]));
    check_silent(policy(vec![searched("2001:db8::/64")]));
    check_silent(policy(vec![one(), Network { passive: true, ..network("10.0.1.0/24") }]));
    check_silent(Policy { never_prefixes: vec!["10.0.0.0/16".parse().unwrap()], ..policy(vec![one()]) });
    check_silent(Policy { host_per_hour: 0, ..policy(vec![one()]) });
    check_silent(Policy { quiet: vec![Quiet { from: 0, to: 1440 }], ..policy(vec![one()]) });
    // Hosts that are excepted do not matter: only servers answer.
    let some = Policy { never_prefixes: vec!["10.0.0.7/32".parse().unwrap()], ..policy(vec![one()]) };
    assert!(!searches(Policy { never_macs: [mac(9)].into(), ..some }, Duration::ZERO).is_empty());
}

#[test]
fn a_network_that_comes_back_is_not_asked_again_at_once() {
    let mut planner = Planner::new(policy(vec![searched("10.0.0.0/24")]), 7, START);
    let mut out = Vec::new();
    for s in 0..3600 {
        let now = START.after(Duration::from_secs(s));
        let networks = if s % 60 < 30 { vec![searched("10.0.0.0/24")] } else { Vec::new() };
        planner.set_policy(policy(networks), now);
        planner.plan(now, 64, &mut out);
    }
    assert_eq!(out.len(), 1);
}

#[test]
fn when_clients_ask_the_sensor_asks_too_but_seldom() {
    let mut planner = Planner::new(policy(vec![searched("10.0.0.0/24")]), 7, START);
    planner.look_for_servers_from(START.after(10 * MINUTE));
    let discover = |from_server| {
        let message = DhcpMessage::Discover;
        let claim = Claim::Dhcp(Box::new(DhcpClaim { message, from_server, ..DhcpClaim::default() }));
        Sighting { at: START, segment: segment("eth0"), frame_mac: mac(5), mac: mac(5), ip: None, claim }
    };
    let mut found = Vec::new();
    for s in 0..3600 {
        let now = START.after(Duration::from_secs(s));
        planner.observe(&discover(false), now);
        let mut out = Vec::new();
        planner.plan(now, 64, &mut out);
        found.extend(out.iter().map(|_| s));
    }
    assert_eq!(found, [600, 1200, 1800, 2400, 3000]);
    planner.observe(&discover(true), START.after(HOUR));
    let mut out = Vec::new();
    planner.plan(START.after(HOUR), 64, &mut out);
    assert_eq!(out, [], "a server's message");
}
