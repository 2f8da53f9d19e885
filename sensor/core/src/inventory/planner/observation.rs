//! What a sighting or a saved row tells the planner: whether the host was heard, whether its address is in use and so
//! may become a target, and whether it may be an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::inventory::model::rows::Rows;
use crate::inventory::planner::probe::AnswerPath;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::dhcp::DhcpMessage;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Segment, Timestamp};

/// What a sighting says of its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// The host itself was heard, from wherever.
    pub is_heard: bool,
    /// The address is in use here, so that it may become a target.
    pub in_use: bool,
    /// The station, zero where it is not known.
    pub mac: Mac,
    /// How it arrived, where it may be an answer to a probe of ours.
    pub answers_by: Option<AnswerPath>,
    /// A TCP port that was found open.
    pub open_port: Option<u16>,
}

impl Observation {
    /// Reads a sighting; `own_ips` tell replies to us from replies to others.
    pub fn of(sighting: &Sighting, own_ips: &BTreeSet<IpAddr>) -> Self {
        let in_use = sighting.shows_life().is_some();
        // Where nothing else is said below, a host is heard by what shows that its address is in use.
        let usual = Self { is_heard: in_use, in_use, mac: sighting.mac, answers_by: None, open_port: None };
        match &sighting.claim {
            // Nobody has this MAC, so nobody answers with it.
            Claim::Arp(_) | Claim::Ndp(_) if !sighting.mac.is_station() => usual,
            Claim::Arp(claim) if claim.operation == ArpOperation::Reply => {
                // A conflict check has no sender, and so has the reply to it no target.
                let is_ours =
                    claim.target.is_unspecified() || own_ips.is_empty() || own_ips.contains(&claim.target.into());
                Self { answers_by: is_ours.then_some(AnswerPath::Wire), ..usual }
            }
            Claim::Ndp(NdpClaim::Advert { .. }) => Self { answers_by: Some(AnswerPath::Wire), ..usual },
            Claim::Ndp(NdpClaim::RouterAdvert(_) | NdpClaim::RouterSolicit) => Self { in_use: false, ..usual },
            Claim::Dhcp(claim) if !claim.client_is_here => Self { is_heard: false, in_use: false, ..usual },
            Claim::Dhcp(claim) if claim.from_server => {
                let in_use = claim.message == DhcpMessage::Ack && claim.yiaddr.is_some();
                Self { is_heard: false, in_use, ..usual }
            }
            // A host that gives its address back is about to leave.
            Claim::Dhcp(claim) => {
                let is_heard = !matches!(claim.message, DhcpMessage::Decline | DhcpMessage::Release);
                Self { is_heard, in_use: false, ..usual }
            }
            // A relayed message shows that the host lives, but not where.
            Claim::Dhcpv6(_) => Self { in_use: false, ..usual },
            Claim::Llmnr(_) | Claim::Nbns(_) | Claim::Ssdp(_) | Claim::Wsd(_) => Self { is_heard: true, ..usual },
            Claim::Mdns(_) if sighting.mac == Mac::ZERO => Self { answers_by: Some(AnswerPath::Socket), ..usual },
            // A router that sends with its group's MAC holds its own address with another one.
            Claim::Membership(_) | Claim::Redundancy(_) => Self { in_use: false, ..usual },
            Claim::Answer(answer) => match **answer {
                Answer::Echo { .. } => Self { answers_by: Some(AnswerPath::Echo), ..usual },
                Answer::Port { state: PortState::Silent, .. } => usual,
                Answer::Port { state, port, .. } => Self {
                    answers_by: Some(AnswerPath::Socket),
                    open_port: (state == PortState::Open).then_some(port),
                    ..usual
                },
                Answer::Nbns { .. } | Answer::Ptr { .. } | Answer::Snmp { .. } => {
                    Self { answers_by: Some(AnswerPath::Socket), ..usual }
                }
            },
            _ => usual,
        }
    }
}

/// An address that was known before.
#[derive(Clone, Debug)]
pub(super) struct KnownAddress {
    /// Where.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// Its holders, the present one first; empty where a router stands before it.
    pub macs: Vec<Mac>,
    /// A port that is open.
    pub open_port: Option<u16>,
    /// When it was last seen.
    pub last_seen: Timestamp,
}

/// Every address that was known, the latest seen first.
pub(super) fn known_addresses(rows: &Rows) -> Vec<KnownAddress> {
    let mut all = BTreeMap::new();
    for binding in &rows.bindings {
        let macs: Vec<Mac> = binding.holders.iter().map(|holder| holder.mac).collect();
        let last_seen = binding.holders.iter().map(|holder| holder.last_seen).max().unwrap_or_default();
        let known = KnownAddress { segment: binding.segment, ip: binding.ip, macs, open_port: None, last_seen };
        all.insert((binding.segment, binding.ip), known);
    }
    for asked in &rows.asked {
        let open_port = asked.ports.iter().find(|open| !open.closed).map(|open| open.port);
        if asked.sources.is_empty() && !all.contains_key(&(asked.segment, asked.ip)) {
            continue;
        }
        let known = all.entry((asked.segment, asked.ip)).or_insert_with(|| KnownAddress {
            segment: asked.segment,
            ip: asked.ip,
            macs: Vec::new(),
            open_port: None,
            last_seen: asked.last_seen,
        });
        known.open_port = open_port;
        known.last_seen = known.last_seen.max(asked.last_seen);
    }
    let mut all: Vec<KnownAddress> = all.into_values().collect();
    all.sort_by_key(|known| std::cmp::Reverse(known.last_seen));
    all
}
