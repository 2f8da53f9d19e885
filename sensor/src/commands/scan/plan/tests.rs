#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use enumset::EnumSet;

use super::*;
use crate::config::network::NetworkSettings;
use sensor_core::inventory::model::address::{Binding, Holder};
use sensor_core::inventory::planner::policy::DELICATE_PORTS;
use sensor_core::inventory::sighting::Claim;
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::types::{Iface, Mac};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const EXCEPTED: Mac = Mac([2, 0, 0, 0, 0, 9]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const OWN: &str = "10.0.0.2";

fn segment() -> Segment {
    Segment::untagged(Iface::new("eth0").unwrap())
}

fn target(prefix: &str, attached: bool) -> ScanTarget {
    ScanTarget { prefix: prefix.parse().unwrap(), segment: segment(), attached }
}

fn asking(never: &[&str], never_macs: &[Mac]) -> Probing {
    let techniques = Technique::ALL.into();
    Probing {
        passive: false,
        interface: None,
        rate_per_s: 5000,
        host_per_hour: 240,
        timeout: Duration::from_secs(1),
        concurrency: 64,
        never_prefixes: never.iter().map(|prefix| prefix.parse().unwrap()).collect(),
        never_macs: never_macs.iter().copied().collect(),
        quiet: Vec::new(),
        defaults: NetworkSettings { techniques, ports: [22, 80, 9100].into(), ..NetworkSettings::default() },
        networks: Vec::new(),
    }
}

/// eth0 is attached to 10.0.0.0/24, 2001:db8::/64 and fe80::/64. Every technique is chosen, ARP and NDP are possible.
fn plan(asking: &Probing, targets: &[ScanTarget]) -> ScanPlan {
    let attached = ["10.0.0.0/24", "2001:db8::/64", "fe80::/64"];
    let attached = attached.map(|prefix| target(prefix, true));
    let networks = attached
        .iter()
        .map(|known| speakers::network(known.prefix, known.segment, true, false, &asking.defaults, asking))
        .collect();
    let policy = Policy {
        networks,
        never_prefixes: asking.never_prefixes.clone(),
        never_macs: asking.never_macs.clone(),
        own_ips: [OWN.parse().unwrap()].into(),
        own_macs: BTreeSet::new(),
        rate_per_s: asking.rate_per_s,
        host_per_hour: asking.host_per_hour,
        quiet: Vec::new(),
    };
    let mut plan = ScanPlan::with_rules(policy, targets.to_vec(), asking);
    plan.wants_banners = true;
    plan.has_frames = true;
    plan
}

fn may_ask(plan: &ScanPlan, ip: &str) -> bool {
    plan.may_ask(segment(), ip.parse().unwrap(), NOW)
}

/// The techniques by which a host that was found is asked, and the ports.
fn asked(plan: &ScanPlan, ip: &str) -> (BTreeSet<Technique>, Vec<u16>) {
    let probes = plan.questions(segment(), ip.parse().unwrap(), NOW);
    assert!(probes.iter().all(|probe| plan.allows(probe, NOW)), "{probes:?}");
    let ports = probes.iter().filter_map(|probe| match &probe.question {
        Question::Connect { ports } | Question::Knock { ports } => Some(ports.to_vec()),
        _ => None,
    });
    let ports = ports.flatten().collect();
    (probes.iter().map(|probe| probe.question.technique()).collect(), ports)
}

fn reply(ip: &str, mac: Mac) -> Sighting {
    let claim = ArpClaim { operation: ArpOperation::Reply, target: [10, 0, 0, 2].into(), asked: false, to: Mac::ZERO };
    let ip = Some(ip.parse().unwrap());
    Sighting { at: NOW, segment: segment(), frame_mac: mac, mac, ip, claim: Claim::Arp(claim) }
}

#[test]
fn only_hosts_of_attached_networks_and_of_targets_are_asked() {
    let plan = plan(&asking(&[], &[]), &[target("10.0.0.0/24", true), target("10.9.0.0/24", false)]);
    for ip in ["10.0.0.1", "10.0.0.254", "10.9.0.1", "2001:db8::1", "fe80::1"] {
        assert!(may_ask(&plan, ip), "{ip}");
    }
    for ip in [OWN, "10.0.0.0", "10.0.0.255", "10.9.0.255", "10.8.0.1", "192.0.2.1", "224.0.0.1", "127.0.0.1", "::1"] {
        assert!(!may_ask(&plan, ip), "{ip}");
        assert_eq!(asked(&plan, ip), Default::default(), "{ip}");
    }
}

#[test]
fn excepted_networks_and_addresses_are_not_asked() {
    let never = ["10.0.0.16/28", "10.0.0.77/32", "2001:db8::5/128"];
    let plan = plan(&asking(&never, &[]), &[target("10.0.0.0/24", true), target("2001:db8::/126", true)]);
    for ip in ["10.0.0.16", "10.0.0.31", "10.0.0.77", "2001:db8::5"] {
        assert!(!may_ask(&plan, ip), "{ip}");
        assert_eq!(asked(&plan, ip), Default::default(), "{ip}");
    }
    assert!(may_ask(&plan, "10.0.0.32") && may_ask(&plan, "2001:db8::4"));
}

#[test]
fn techniques_and_ports_are_those_of_the_rules() {
    let plan = plan(&asking(&[], &[]), &[target("10.0.0.0/24", true), target("10.9.0.0/24", false)]);
    assert!(DELICATE_PORTS.contains(&9100));
    let of_hosts = |technique: &Technique| !matches!(technique, Technique::Arp | Technique::Dhcp);
    let all: BTreeSet<_> = Technique::ALL.into_iter().filter(of_hosts).collect();
    let of_v4: BTreeSet<_> = all.iter().copied().filter(|technique| *technique != Technique::Ndp).collect();
    let of_v6: BTreeSet<_> = all.iter().copied().filter(|technique| *technique != Technique::Nbns).collect();
    let far: BTreeSet<_> = of_v4.iter().copied().filter(|technique| *technique != Technique::Mdns).collect();
    assert_eq!(asked(&plan, "10.0.0.1"), (of_v4, vec![22, 80]));
    assert_eq!(asked(&plan, "2001:db8::1"), (of_v6, vec![22, 80]));
    assert_eq!(asked(&plan, "10.9.0.1"), (far, vec![22, 80]));
    let mut named = asking(&[], &[]);
    named.defaults.delicate_ports = [9100].into();
    let plan = super::tests::plan(&named, &[target("10.0.0.0/24", true)]);
    assert_eq!(asked(&plan, "10.0.0.1").1, [22, 80, 9100]);
    assert_eq!(*plan.ports(&target("10.0.0.0/24", true)), [22, 80, 9100]);
}

#[test]
fn a_station_that_is_excepted_is_asked_nothing_once_it_is_known() {
    let mut plan = plan(&asking(&[], &[EXCEPTED]), &[target("10.0.0.0/24", true)]);
    let arp =
        Probe { segment: segment(), ip: "10.0.0.9".parse().unwrap(), question: Question::Arp { to: Mac::BROADCAST } };
    assert!(plan.allows(&arp, NOW), "whose address it is only ARP can tell");
    let planned = plan.questions(segment(), arp.ip, NOW);
    plan.observe(&reply("10.0.0.1", OTHER), NOW);
    plan.observe(&reply("10.0.0.9", EXCEPTED), NOW);
    assert!(may_ask(&plan, "10.0.0.1") && !may_ask(&plan, "10.0.0.9"));
    assert_eq!(asked(&plan, "10.0.0.9"), Default::default());
    // Neither what was planned before, nor the next round of a pass.
    assert!(!planned.is_empty() && planned.iter().all(|probe| !plan.allows(probe, NOW)));
    for technique in [Technique::Arp, Technique::Icmp, Technique::Tcp] {
        assert!(!plan.may_sweep(technique, segment(), arp.ip, NOW), "{technique:?}");
    }
}

#[test]
fn a_station_that_is_excepted_and_in_the_database_is_asked_nothing_at_all() {
    let mut plan = plan(&asking(&[], &[EXCEPTED]), &[target("10.0.0.0/24", true)]);
    let holder = |mac| Holder { mac, first_seen: NOW, last_seen: NOW, sources: EnumSet::empty() };
    let binding = |ip: &str, macs: &[Mac]| Binding {
        segment: segment(),
        ip: ip.parse().unwrap(),
        holders: macs.iter().copied().map(holder).collect(),
    };
    let bindings = vec![
        binding("10.0.0.9", &[EXCEPTED]),
        binding("10.0.0.10", &[OTHER, EXCEPTED]),
        binding("10.0.0.11", &[OTHER]),
        binding("2001:db8::9", &[EXCEPTED]),
    ];
    plan.restore(&Rows { bindings, ..Rows::default() }, NOW);
    for (ip, expected) in [("10.0.0.9", false), ("10.0.0.10", false), ("10.0.0.11", true), ("2001:db8::9", false)] {
        assert_eq!(may_ask(&plan, ip), expected, "{ip}");
    }
}

#[test]
fn where_stations_are_excepted_arp_and_ndp_come_before_anything_else() {
    let targets = [target("10.0.0.0/16", false), target("2001:db8::/126", true), target("10.9.0.0/24", false)];
    let six = |plan: &ScanPlan| -> Vec<Technique> {
        plan.first_questions(NOW).iter().map(|probe| probe.question.technique()).collect()
    };
    let by_echo = |plan: &ScanPlan, ip: &str| plan.may_sweep(Technique::Icmp, segment(), ip.parse().unwrap(), NOW);
    let free = plan(&asking(&[], &[]), &targets);
    assert!(by_echo(&free, "10.0.0.9") && by_echo(&free, "10.0.7.9") && by_echo(&free, "10.9.0.9"));
    assert!(six(&free).contains(&Technique::Icmp));
    assert_eq!(free.networks_within(&targets[0]), []);
    let plan = plan(&asking(&[], &[EXCEPTED]), &targets);
    assert!(!by_echo(&plan, "10.0.0.9") && by_echo(&plan, "10.0.7.9") && by_echo(&plan, "10.9.0.9"));
    assert!(!six(&plan).is_empty() && six(&plan).iter().all(|technique| *technique == Technique::Ndp));
    assert_eq!(plan.networks_within(&targets[0]), [target("10.0.0.0/24", true)]);
}

#[test]
fn all_ipv6_nodes_are_asked_only_where_nobody_is_excepted() {
    let count = |never: &[&str], never_macs: &[Mac]| {
        let plan = plan(&asking(never, never_macs), &[target("2001:db8::/64", true)]);
        plan.first_questions(NOW).len()
    };
    assert_eq!(count(&[], &[]), 1);
    assert_eq!(count(&["10.0.0.9/32"], &[]), 1);
    assert_eq!(count(&["2001:db8::9/128"], &[]), 0);
    assert_eq!(count(&[], &[EXCEPTED]), 0);
}
