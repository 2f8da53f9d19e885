//! A machine: how it answers each question, how late, how often, and which answers are lost on the way.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sensor_core::inventory::planner::probe::{Probe, Question, Technique};
use sensor_core::inventory::sighting::answer::{Answer, PortState};
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Mac, Text};
use sensor_core::wire::redundancy;

use super::common::{OWN_IP, OWN_MAC, START, segment};
use crate::simulation::rng::Rng;

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its MAC; zero behind a router.
    pub mac: Mac,
    /// Its addresses.
    pub ips: BTreeSet<IpAddr>,
    /// Addresses of others for which it answers plain questions.
    pub proxies: BTreeSet<IpAddr>,
    /// It answers ARP and NDP.
    pub near: bool,
    /// It answers echo.
    pub echo: bool,
    /// It refuses or accepts connections; otherwise it drops them.
    pub tcp: bool,
    /// Ports that are open.
    pub open: BTreeSet<u16>,
    /// How late it answers at least, in milliseconds.
    pub late_ms: u64,
    /// One answer in four is lost, but never two of a kind in a row.
    pub lossy: bool,
    /// One answer in four comes twice.
    pub doubles: bool,
    /// It is plugged in.
    pub present: bool,
    /// Kinds of answers of which the last was lost.
    lost: BTreeSet<(Technique, u16)>,
    /// Ports that were looked at once.
    looked_at: BTreeSet<(IpAddr, u16)>,
}

/// What a machine sends unasked.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// An announcement.
    Announce(IpAddr),
    /// Asks somebody else.
    Ask(IpAddr),
    /// A reply that was not asked for, to the sensor or to another station.
    Forge(IpAddr, Side),
    /// As a router of the redundancy group of this address and station.
    Hello(IpAddr, Mac),
    /// As a DHCP server: gives the address to a station.
    Lease(IpAddr, Mac),
}

/// To which station something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Another station.
    Other,
    /// The sensor.
    Sensor,
}

/// How long the prober waits for sockets, in milliseconds.
const TIMEOUT_MS: u64 = 1000;

impl Machine {
    /// A machine that answers everything at once.
    pub fn new(mac: Mac, ip: IpAddr) -> Self {
        Self {
            mac,
            ips: [ip].into(),
            proxies: BTreeSet::new(),
            near: true,
            echo: true,
            tcp: true,
            open: [22].into(),
            late_ms: 0,
            lossy: false,
            doubles: false,
            present: false,
            lost: BTreeSet::new(),
            looked_at: BTreeSet::new(),
        }
    }

    /// What it answers: milliseconds from now, and the sighting, whose time is not set.
    pub fn answer(&mut self, probe: &Probe, rng: &mut Rng, out: &mut Vec<(u64, Sighting)>) {
        let ip = probe.ip;
        let has = self.ips.contains(&ip);
        let speaks_for = has || self.proxies.contains(&ip);
        if !self.present || !speaks_for {
            return;
        }
        let is_for_us = |to: Mac| to == Mac::BROADCAST || to == self.mac;
        match &probe.question {
            Question::Arp { to } if self.near && is_for_us(*to) => {
                self.send(Technique::Arp, 0, arp(ArpOperation::Reply, OWN_IP.into()), ip, rng, out);
            }
            Question::ConflictCheck { to } if self.near && has && is_for_us(*to) => {
                self.send(Technique::Arp, 0, arp(ArpOperation::Reply, Ipv4Addr::UNSPECIFIED), ip, rng, out);
            }
            Question::Ndp { to } if self.near && to.is_none_or(is_for_us) => {
                let advert = Claim::Ndp(NdpClaim::Advert { router: false, solicited: true, asked: false, to: OWN_MAC });
                self.send(Technique::Ndp, 0, advert, ip, rng, out);
            }
            Question::Echo if self.echo && has && self.late_ms < TIMEOUT_MS => {
                let rtt = Duration::from_millis(self.late_ms + 1);
                let echo = answer(Answer::Echo { rtt, hop_limit: Some(64) });
                self.send(Technique::Icmp, 0, echo, ip, rng, out);
            }
            _ => {}
        }
    }

    /// The result of connecting to one of its ports.
    pub fn connect(&mut self, ip: IpAddr, port: u16, rng: &mut Rng) -> (u64, PortState) {
        // A loss at the very first look cannot be distinguished from a filtered port.
        let is_known = !self.looked_at.insert((ip, port));
        let is_lost = is_known && self.loses(Technique::Tcp, port, rng);
        if !self.present || !self.tcp || is_lost || self.late_ms >= TIMEOUT_MS {
            return (TIMEOUT_MS, PortState::Silent);
        }
        let state = if self.open.contains(&port) { PortState::Open } else { PortState::Closed };
        (self.late_ms + 1 + rng.below(20), state)
    }

    /// What it sends unasked, if it is there.
    pub fn say(&self, word: Word) -> Option<Sighting> {
        let (ip, claim) = match word {
            Word::Announce(ip @ IpAddr::V4(_)) => (ip, arp(ArpOperation::Gratuitous, Ipv4Addr::UNSPECIFIED)),
            Word::Ask(ip @ IpAddr::V4(_)) => (ip, arp(ArpOperation::Request, [10, 0, 0, 99].into())),
            Word::Announce(ip @ IpAddr::V6(_)) | Word::Ask(ip @ IpAddr::V6(_)) => (ip, solicit()),
            Word::Forge(ip, Side::Sensor) => (ip, arp(ArpOperation::Reply, OWN_IP.into())),
            Word::Forge(ip, Side::Other) => (ip, arp(ArpOperation::Reply, [10, 0, 0, 99].into())),
            Word::Hello(ip, group) => {
                let message = redundancy::Message {
                    protocol: redundancy::Protocol::Vrrp,
                    group: group.0[5].into(),
                    state: None,
                    priority: None,
                    addresses: vec![ip],
                    virtual_macs: vec![group],
                };
                (ip, Claim::Redundancy(Box::new(message)))
            }
            Word::Lease(ip, mac) => return Some(self.lease(ip, mac)).filter(|_| self.present),
        };
        let at = START;
        let sighting = Sighting { at, segment: segment(), frame_mac: self.mac, mac: self.mac, ip: Some(ip), claim };
        self.present.then_some(sighting)
    }

    fn lease(&self, ip: IpAddr, mac: Mac) -> Sighting {
        let four = |ip: &IpAddr| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None };
        let claim = DhcpClaim {
            message: DhcpMessage::Ack,
            from_server: true,
            client_is_here: true,
            lease_s: Some(86_400),
            yiaddr: four(&ip),
            server: self.ips.iter().find_map(four),
            ..DhcpClaim::default()
        };
        let claim = Claim::Dhcp(Box::new(claim));
        Sighting { at: START, segment: segment(), frame_mac: self.mac, mac, ip: Some(ip), claim }
    }

    fn send(
        &mut self,
        technique: Technique,
        port: u16,
        claim: Claim,
        ip: IpAddr,
        rng: &mut Rng,
        out: &mut Vec<(u64, Sighting)>,
    ) {
        if self.loses(technique, port, rng) {
            return;
        }
        let mac = if let Claim::Answer(_) = claim { Mac::ZERO } else { self.mac };
        let sighting = Sighting { at: START, segment: segment(), frame_mac: mac, mac, ip: Some(ip), claim };
        let delay_ms = self.late_ms + 1 + rng.below(20);
        if self.doubles && mac != Mac::ZERO && rng.one_in(4) {
            out.push((delay_ms + rng.below(5), sighting.clone()));
        }
        out.push((delay_ms, sighting));
    }

    fn loses(&mut self, technique: Technique, port: u16, rng: &mut Rng) -> bool {
        let kind = (technique, port);
        let is_lost = self.lossy && !self.lost.contains(&kind) && rng.one_in(4);
        if is_lost {
            self.lost.insert(kind);
        } else {
            self.lost.remove(&kind);
        }
        is_lost
    }
}

/// What the prober and the name server answer for any address: ports that stayed silent, and names.
pub fn answer_of_prober(ip: IpAddr, answered: Answer) -> Sighting {
    Sighting {
        at: START,
        segment: segment(),
        frame_mac: Mac::ZERO,
        mac: Mac::ZERO,
        ip: Some(ip),
        claim: answer(answered),
    }
}

/// The name of every address.
pub fn name_of(ip: IpAddr) -> Text {
    Text::new(format!("host-{}", ip.to_string().replace(['.', ':'], "-")).as_bytes())
}

fn answer(answer: Answer) -> Claim {
    Claim::Answer(Box::new(answer))
}

fn arp(operation: ArpOperation, target: Ipv4Addr) -> Claim {
    // Answers go to who asked, to a conflict check as well; all else to everybody.
    let is_answer = operation == ArpOperation::Reply && (target.is_unspecified() || target.octets() == OWN_IP);
    let to = if is_answer { OWN_MAC } else { Mac::BROADCAST };
    Claim::Arp(ArpClaim { operation, target, asked: false, to })
}

fn solicit() -> Claim {
    Claim::Ndp(NdpClaim::Solicit { target: "2001:db8::99".parse().expect("an address") })
}
