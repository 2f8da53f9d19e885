//! What the planner takes from a sighting and from saved rows: who was heard, who may become a target, what is an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::inventory::model::rows::Rows;
use crate::inventory::planner::target::Channel;
use crate::inventory::sighting::answer::{Answer, PortState};
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::dhcp::DhcpMessage;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Segment, Timestamp};

/// What a sighting says of its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// The host itself was heard.
    pub is_heard: bool,
    /// The address is in use, so that it may become a target.
    pub is_learnt: bool,
    /// The station, zero where it is not known.
    pub mac: Mac,
    /// On which channel it may be an answer to a probe of ours.
    pub channel: Option<Channel>,
    /// A port that is open.
    pub open_port: Option<u16>,
}

impl Said {
    /// Reads a sighting; `own_ips` tell replies to us from replies to others.
    pub fn by(sighting: &Sighting, own_ips: &BTreeSet<IpAddr>) -> Self {
        let nothing = Self { is_heard: false, is_learnt: false, mac: sighting.mac, channel: None, open_port: None };
        let known = Self { is_heard: true, is_learnt: true, ..nothing };
        match &sighting.claim {
            Claim::Arp(claim) => match claim.operation {
                ArpOperation::ConflictCheck | ArpOperation::PresenceCheck => nothing,
                ArpOperation::Gratuitous | ArpOperation::Request => known,
                ArpOperation::Reply => {
                    // A conflict check has no sender, and so has the reply to it no target.
                    let is_ours =
                        claim.target.is_unspecified() || own_ips.is_empty() || own_ips.contains(&claim.target.into());
                    Self { channel: is_ours.then_some(Channel::Wire), ..known }
                }
            },
            Claim::Ndp(claim) => match claim {
                NdpClaim::Advert { .. } => Self { channel: Some(Channel::Wire), ..known },
                NdpClaim::Solicit { .. } => known,
                NdpClaim::Redirect { .. } | NdpClaim::RouterAdvert(_) | NdpClaim::RouterSolicit => {
                    Self { is_learnt: false, ..known }
                }
                NdpClaim::Dad => nothing,
            },
            Claim::Dhcp(claim) if !claim.client_is_here => nothing,
            Claim::Dhcp(claim) if claim.from_server => {
                Self { is_learnt: claim.message == DhcpMessage::Ack && claim.yiaddr.is_some(), ..nothing }
            }
            // Who gives an address back is heard for the last time.
            Claim::Dhcp(claim) => {
                Self { is_heard: !matches!(claim.message, DhcpMessage::Decline | DhcpMessage::Release), ..nothing }
            }
            Claim::Syn(_) => nothing,
            // What a router forwarded shows life, but not where.
            Claim::Dhcpv6(claim) => Self { is_heard: claim.is_near, ..nothing },
            Claim::Llmnr(heard) => Self { is_learnt: heard.is_near, ..known },
            Claim::Nbns(heard) => Self { is_learnt: heard.is_near, ..known },
            Claim::Ssdp(heard) => Self { is_learnt: heard.is_near, ..known },
            Claim::Wsd(heard) => Self { is_learnt: heard.is_near, ..known },
            Claim::Mdns(_) if sighting.mac == Mac::ZERO => Self { channel: Some(Channel::Socket), ..known },
            Claim::Mdns(_) | Claim::Served(_) => known,
            Claim::Traffic(claim) if claim.is_forwarded() => nothing,
            Claim::Traffic(_) => known,
            // A router that speaks by its group's station holds its own address elsewhere.
            Claim::Membership(_) | Claim::Redundancy(_) => Self { is_learnt: false, ..known },
            Claim::Cdp(_) | Claim::Lldp(_) | Claim::Stp(_) => nothing,
            Claim::Answer(answer) => match **answer {
                Answer::Echo { .. } => Self { channel: Some(Channel::Echo), ..known },
                Answer::Nbns { .. } | Answer::Snmp { .. } => Self { channel: Some(Channel::Socket), ..known },
                Answer::Port { state: PortState::Silent, .. } => nothing,
                Answer::Port { state, port, .. } => Self {
                    channel: Some(Channel::Socket),
                    open_port: (state == PortState::Open).then_some(port),
                    ..known
                },
                // The name server answered, not the host.
                Answer::Ptr { .. } => Self { channel: Some(Channel::Socket), ..nothing },
            },
        }
    }
}

/// An address that was known before.
#[derive(Clone, Debug)]
pub(super) struct Known {
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
pub(super) fn known(rows: &Rows) -> Vec<Known> {
    let mut all = BTreeMap::new();
    for binding in &rows.bindings {
        let macs: Vec<Mac> = binding.holders.iter().map(|holder| holder.mac).collect();
        let last_seen = binding.holders.iter().map(|holder| holder.last_seen).max().unwrap_or_default();
        let known = Known { segment: binding.segment, ip: binding.ip, macs, open_port: None, last_seen };
        all.insert((binding.segment, binding.ip), known);
    }
    for asked in &rows.asked {
        let open_port = asked.ports.iter().find(|open| !open.closed).map(|open| open.port);
        if asked.sources.is_empty() && !all.contains_key(&(asked.segment, asked.ip)) {
            continue;
        }
        let known = all.entry((asked.segment, asked.ip)).or_insert_with(|| Known {
            segment: asked.segment,
            ip: asked.ip,
            macs: Vec::new(),
            open_port: None,
            last_seen: asked.last_seen,
        });
        known.open_port = open_port;
        known.last_seen = known.last_seen.max(asked.last_seen);
    }
    let mut all: Vec<Known> = all.into_values().collect();
    all.sort_by_key(|known| std::cmp::Reverse(known.last_seen));
    all
}
