//! Hosts, stations and addresses that the owner named, and whether an event is about one of them.
//!
//! The host counts as a whole: by each of its MACs and present addresses, also where the event names another one. Two bounds keep
//! an attacker from hiding behind what the owner listed: what makes an event quieter counts only for events about the host's
//! own life, and only by stations that are surely the host's. A prefix is about the event's own address where that is of the
//! same family, and never about another one's link-local address, since every host has one.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::inventory::event::Event;
use crate::inventory::model::host::HostId;
use crate::inventory::model::prefix;
use crate::types::Mac;

/// Hosts, stations and addresses that the owner named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Stations.
    pub macs: BTreeSet<Mac>,
    /// Hosts.
    pub hosts: BTreeSet<HostId>,
    /// Single addresses.
    pub ips: BTreeSet<IpAddr>,
    /// Networks.
    pub prefixes: Vec<IpNet>,
}

/// What it does to an event that it is about somebody whom the owner named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is reported as more severe, or at all.
    Louder,
    /// It is reported as less severe, or not at all.
    Quieter,
}

impl Subjects {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.macs.is_empty() && self.hosts.is_empty() && self.ips.is_empty() && self.prefixes.is_empty()
    }

    /// Whether the address is named.
    pub fn has_ip(&self, ip: IpAddr) -> bool {
        self.ips.contains(&ip) || self.prefixes.iter().any(|prefix| prefix.contains(&ip))
    }

    /// Whether the host that an event is about is named, by whatever it has. Who held the address before counts only for
    /// what makes the event louder.
    pub fn has(&self, event: &Event, effect: Effect) -> bool {
        let before = event.old_mac.filter(|_| effect == Effect::Louder);
        event.host.is_some_and(|host| self.hosts.contains(&host))
            || event.mac.into_iter().chain(before).chain(other_macs(event, effect)).any(|mac| self.macs.contains(&mac))
            || self.named_ip(event, effect).is_some()
    }

    /// The address by which the host that an event is about is named: the event's own, if it is, else another one of its.
    pub fn named_ip(&self, event: &Event, effect: Effect) -> Option<IpAddr> {
        let is_named = |ip: &IpAddr| {
            self.ips.contains(ip) || self.prefixes.iter().any(|prefix| is_within(*ip, prefix, event, effect))
        };
        event.ip.filter(|ip| self.has_ip(*ip)).or_else(|| other_ips(event, effect).find(is_named))
    }
}

/// The MACs of an event's host that the event does not name, as far as they count.
pub(super) fn other_macs(event: &Event, effect: Effect) -> impl Iterator<Item = Mac> + '_ {
    let macs = event.whole.macs.iter().filter(move |other| counts(event, effect, other.is_proven));
    macs.map(|other| other.it)
}

/// As [`other_macs`], the addresses.
pub(super) fn other_ips(event: &Event, effect: Effect) -> impl Iterator<Item = IpAddr> + '_ {
    let ips = event.whole.ips.iter().filter(move |other| counts(event, effect, other.is_proven));
    ips.map(|other| other.it)
}

fn counts(event: &Event, effect: Effect, is_proven: bool) -> bool {
    match effect {
        Effect::Louder => true,
        Effect::Quieter => is_proven && event.kind.is_of_life(),
    }
}

/// Whether an address that the event does not name counts as one of the prefix.
pub(super) fn is_within(other: IpAddr, prefix: &IpNet, event: &Event, effect: Effect) -> bool {
    let is_single = prefix.prefix_len() == prefix.max_prefix_len();
    let has_own = |own: IpAddr| !prefix::is_link_local(own) && own.is_ipv4() == other.is_ipv4();
    let decides_itself = || effect == Effect::Quieter && event.ip.is_some_and(has_own);
    prefix.contains(&other) && (is_single || !prefix::is_link_local(other) && !decides_itself())
}
