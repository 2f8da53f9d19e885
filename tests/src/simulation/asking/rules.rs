//! The rules of asking, written independently of the planner: which host may be asked what, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::inventory::planner::probe::{Probe, Question, Technique};
use sensor_core::types::Timestamp;

/// Every probe must be allowed and must be about an address that is swept or was heard.
pub fn check_allowed(policy: &Policy, heard: &BTreeSet<IpAddr>, probe: &Probe) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{what}: {probe:?}"));
    let holding = policy.networks.iter().filter(|network| network.prefix.contains(&probe.ip));
    let Some(network) = holding.max_by_key(|network| network.prefix.prefix_len()) else {
        return fault("outside every network");
    };
    if probe.segment != network.segment || network.passive {
        return fault("a network that is not asked");
    }
    if policy.own_ips.contains(&probe.ip) || policy.never_prefixes.iter().any(|never| never.contains(&probe.ip)) {
        return fault("an address that is never asked");
    }
    if let (IpNet::V4(net), IpAddr::V4(ip)) = (network.prefix, probe.ip)
        && (ip == net.network() || ip == net.broadcast())
    {
        return fault("the network's edge");
    }
    if !network.techniques.contains(&probe.question.technique()) || !ports_are_allowed(network, &probe.question) {
        return fault("not by this technique");
    }
    let is_near = matches!(probe.question.technique(), Technique::Arp | Technique::Ndp);
    if is_near && !network.attached {
        return fault("a neighbour's question through a router");
    }
    if network.sweep.is_none() && !heard.contains(&probe.ip) {
        return fault("never heard of");
    }
    Ok(())
}

fn ports_are_allowed(network: &Network, question: &Question) -> bool {
    match question {
        Question::Connect { ports } | Question::Knock { ports } => {
            ports.iter().all(|port| network.ports.contains(port))
        }
        _ => true,
    }
}

/// No more packets in any second than the rate and a burst allow, and no more to a host in an hour than it may get. For
/// one run of the sensor: its buckets start full.
pub fn check_rates(policy: &Policy, sent: &[(Timestamp, Probe)]) -> Result<(), String> {
    let all: Vec<_> = sent.iter().map(|(at, probe)| (*at, probe.question.cost().sensor)).collect();
    check_window(&all, 1, policy.rate_per_s + (policy.rate_per_s / 4).max(3), "the sensor in a second")?;
    let mut by_host: BTreeMap<IpAddr, Vec<(Timestamp, u32)>> = BTreeMap::new();
    for (at, probe) in sent {
        by_host.entry(probe.ip).or_default().push((*at, probe.question.cost().host));
    }
    for (ip, sent) in by_host {
        check_window(&sent, 3600, policy.host_per_hour, &format!("{ip} in an hour"))?;
    }
    Ok(())
}

fn check_window(sent: &[(Timestamp, u32)], seconds: u64, packets_max: u32, what: &str) -> Result<(), String> {
    let (mut first, mut packets) = (0, 0);
    for (at, cost) in sent {
        packets += cost;
        while at.since(sent[first].0).as_secs() >= seconds {
            packets -= sent[first].1;
            first += 1;
        }
        if packets > packets_max {
            return Err(format!("{packets} packets of {packets_max} for {what}, at {at:?}"));
        }
    }
    Ok(())
}
