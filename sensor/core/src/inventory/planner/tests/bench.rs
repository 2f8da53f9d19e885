//! What all tests of the planner work with: networks, sightings, and a planner on a fake clock.

pub(super) use std::collections::{BTreeMap, BTreeSet};
pub(super) use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
pub(super) use std::time::Duration;

pub(super) use enumset::EnumSet;
pub(super) use ipnet::IpNet;

pub(super) use crate::inventory::event::{Event, Kind};
pub(super) use crate::inventory::model::address::{Binding, Holder};
pub(super) use crate::inventory::model::quiet::Quiet;
pub(super) use crate::inventory::model::rows::Rows;
pub(super) use crate::inventory::planner::policy::{Network, Policy};
pub(super) use crate::inventory::planner::probe::{Probe, Question, Technique};
pub(super) use crate::inventory::planner::state::{AnswerCounts, Planner, Silence};
pub(super) use crate::inventory::sighting::answer::{Answer, PortState};
pub(super) use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
pub(super) use crate::inventory::sighting::ndp::NdpClaim;
pub(super) use crate::inventory::sighting::{Claim, Sighting};
pub(super) use crate::types::{Iface, Mac, Segment, Timestamp, Vlans};

/// 2026-01-01, midnight UTC.
pub(super) const START: Timestamp = Timestamp::from_secs(1_767_225_600);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const OWN: &str = "10.0.0.2";

pub(super) fn segment(name: &str) -> Segment {
    Segment::tagged(Iface::new(name).unwrap(), Vlans::default())
}

pub(super) fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn network(prefix: &str) -> Network {
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

pub(super) fn policy(networks: Vec<Network>) -> Policy {
    Policy {
        networks,
        never_prefixes: Vec::new(),
        never_macs: BTreeSet::new(),
        own_ips: [ip(OWN)].into(),
        own_macs: BTreeSet::new(),
        rate_per_s: 100,
        host_per_hour: 1000,
        quiet: Vec::new(),
    }
}

pub(super) fn sighting(address: &str, mac: Mac, claim: Claim) -> Sighting {
    Sighting { at: START, segment: segment("eth0"), frame_mac: mac, mac, ip: Some(ip(address)), claim }
}

pub(super) fn arp(operation: ArpOperation, address: &str, mac: Mac) -> Sighting {
    let target: Ipv4Addr = OWN.parse().unwrap();
    sighting(address, mac, Claim::Arp(ArpClaim { operation, target, asked: false, to: Mac::ZERO }))
}

pub(super) fn request(address: &str, number: u8) -> Sighting {
    arp(ArpOperation::Request, address, mac(number))
}

pub(super) fn advert(address: &str, number: u8) -> Sighting {
    sighting(
        address,
        mac(number),
        Claim::Ndp(NdpClaim::Advert { router: false, solicited: true, asked: false, to: Mac::ZERO }),
    )
}

pub(super) fn answer(address: &str, answer: Answer) -> Sighting {
    sighting(address, Mac::ZERO, Claim::Answer(Box::new(answer)))
}

pub(super) fn echo(address: &str) -> Sighting {
    answer(address, Answer::Echo { rtt: Duration::from_millis(1), hop_limit: None })
}

pub(super) fn port(address: &str, port: u16, state: PortState) -> Sighting {
    answer(address, Answer::Port { port, state, banner: None, rtt: Duration::from_millis(1) })
}

pub(super) fn event(kind: Kind, address: &str) -> Event {
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
        whole: crate::inventory::event::whole::Whole::default(),
    }
}

/// A planner, its clock, and what it sent when.
pub(super) struct Bench {
    pub(super) planner: Planner,
    pub(super) now: Timestamp,
    pub(super) sent: Vec<(Timestamp, Probe)>,
    pub(super) silences: Vec<Silence>,
}

impl Bench {
    pub(super) fn new(policy: Policy) -> Self {
        let planner = Planner::new(policy, 7, START);
        Self { planner, now: START, sent: Vec::new(), silences: Vec::new() }
    }

    /// Lets time pass as a caller would who comes whenever it is asked to.
    pub(super) fn run(&mut self, span: Duration) {
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

    pub(super) fn hear(&mut self, sighting: &Sighting) -> bool {
        self.planner.observe(sighting, self.now)
    }

    pub(super) fn sent_to(&self, address: &str) -> Vec<(Duration, Question)> {
        let of_ip = self.sent.iter().filter(|(_, probe)| probe.ip == ip(address));
        of_ip.map(|(at, probe)| (at.since(START), probe.question.clone())).collect()
    }

    /// What was sent to an address since the last call, as words with their times in whole seconds.
    pub(super) fn take(&mut self, address: &str, since: Timestamp) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        let of_ip = sent.into_iter().filter(|(_, probe)| probe.ip == ip(address));
        of_ip.map(|(at, probe)| format!("{} {}", at.since(since).as_secs(), word(&probe.question))).collect()
    }
}

pub(super) fn word(question: &Question) -> String {
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
