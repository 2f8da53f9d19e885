//! Stations that may answer for each other, so that an address which passes between them is no attack: stations of one
//! machine, routers of one redundancy group and its virtual station, load balancers, sleep proxies and who sleeps. Each needs
//! evidence that the newcomer alone cannot give; see `belief`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::correlator::belief::{ESTABLISHED, LONG_KNOWN, is_established};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::Reason;
use crate::inventory::model::host::HostRole;
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, MacKind, Segment, Timestamp};

/// The service of a Bonjour Sleep Proxy, as instances end in it.
const SLEEP_PROXY: &str = "._sleep-proxy._udp";
/// Whoever was heard with an address within this time does not sleep.
const AWAKE: Duration = Duration::from_secs(30);

impl Correlator {
    /// Whether the sighting's station and another one may answer for each other at the sighting's address.
    pub(super) fn are_one(&self, s: &Sighting, other: Mac) -> bool {
        [s.mac, s.frame_mac].contains(&other)
            || self.is_one_machine(s.segment, s.frame_mac, other, s.at)
            || s.ip.is_some_and(|ip| self.is_failover(s, ip, other))
    }

    /// Whether two stations belong to one host, on whatever evidence.
    pub(super) fn is_one_host(&self, segment: Segment, a: Mac, b: Mac) -> bool {
        let of = |mac| self.memory.host_of(segment, mac).map(|host| host.id);
        of(a).is_some() && of(a) == of(b)
    }

    /// Whether two stations belong to one host on evidence that has stood for a while: the earlier one was silent since the
    /// later one came. What anybody can repeat (a chassis, a bridge) makes one host of a switch's ports, and excuses nothing.
    pub(super) fn is_one_machine(&self, segment: Segment, a: Mac, b: Mac, at: Timestamp) -> bool {
        self.is_one_host(segment, a, b) && [a, b].into_iter().any(|mac| self.memory.has_stood(segment, mac, at))
    }

    /// Whether an address may pass between two stations because they are of the group of routers whose address it is, and the
    /// group was there before. A virtual MAC alone is no reason: anybody can send with one.
    pub(super) fn is_failover(&self, s: &Sighting, ip: IpAddr, other: Mac) -> bool {
        let is_side = |group: Mac, mac| mac == group || is_same_balancer(mac, group) || self.speaks_for(s, mac, group);
        match self.memory.role(s.segment, Role::VirtualRouter, ip) {
            Some(group) => {
                let is_here = is_side(group.mac, s.mac) || is_side(group.mac, s.frame_mac);
                is_here
                    && is_side(group.mac, other)
                    && self.came_with(s, group.first_seen, other)
                    && self.is_old_member(s, group.first_seen)
            }
            None => {
                let is_dear = self.is_dear(s.segment, ip);
                self.is_router_and_its_group(s, other) || !is_dear && self.share_silent_group(s, other)
            }
        }
    }

    /// Whether a group was known as early as the station whose address it is to explain, or has been for a day: one that
    /// turns up beside an old router may be made up.
    fn came_with(&self, s: &Sighting, group_since: Timestamp, other: Mac) -> bool {
        let since = self.memory.known_since(s.segment, other);
        since.is_none_or(|since| group_since <= since.after(ESTABLISHED)) || s.at.since(group_since) >= LONG_KNOWN
    }

    /// Whether the sighting's station was known as early as a group: anybody may say that it belongs to one that is there. A
    /// router that is not active is silent, so that it may say so for the first time when it takes over.
    fn is_old_member(&self, s: &Sighting, group_since: Timestamp) -> bool {
        // Who came with a group that is newer than the learning period counts as its member.
        let came_along = |since| !self.is_learning(group_since) && since <= group_since.after(ESTABLISHED);
        let is_old = |since: Timestamp| came_along(since) || self.is_of_old(since, s.at);
        let is_groups = s.mac.kind() == MacKind::Virtual;
        is_groups || self.memory.known_since(s.segment, s.mac).is_some_and(is_old)
    }

    /// Whether one of two stations is a group's virtual one and the other one a router that speaks for the group: a router
    /// answers for its own address with either MAC.
    pub(super) fn is_router_and_its_group(&self, s: &Sighting, other: Mac) -> bool {
        let (group, router) = match (other.kind(), s.mac.kind()) {
            (MacKind::Virtual, MacKind::Virtual) => return self.share_group(s, other),
            (MacKind::Virtual, _) => (other, s.mac),
            (_, MacKind::Virtual) => (s.mac, other),
            _ => return false,
        };
        let is_its = |known: &RoleHolder| known.mac == group;
        let of_addresses = self.memory.find_role(s.segment, Role::VirtualRouter, is_its).map(|known| known.first_seen);
        let since = of_addresses.or_else(|| self.memory.known_since(s.segment, group));
        // Where the group's own MAC speaks for it, the router is who held the address before.
        let had_it = || s.ip.is_some_and(|ip| self.memory.ever_held(s.segment, ip, router));
        (self.speaks_for(s, router, group) || self.speaks_for(s, group, group) && had_it())
            && since.is_some_and(|since| self.came_with(s, since, router))
    }

    /// Whether two stations speak for one group that does not say its addresses (CARP; ucarp moves an address between the
    /// hosts' own MACs).
    fn share_silent_group(&self, s: &Sighting, other: Mac) -> bool {
        let since = self.memory.known_since(s.segment, s.mac);
        // What is known of a host is known of all its stations: of them it shows nothing.
        !self.is_one_host(s.segment, s.mac, other)
            && self.share_words(s, other, |words| words.starts_with("carp group "))
            && since.is_some_and(|since| is_established(since, s.at) || self.is_of_old(since, s.at))
    }

    /// Whether one of two stations is a sleep proxy, which answers for hosts that sleep: the host takes its address back when
    /// it wakes. A gateway does not sleep, and neither does who was just heard.
    /// `is_silent`: the old station was asked and does not answer.
    fn is_sleep_proxied(&self, s: &Sighting, ip: IpAddr, old: Mac, is_silent: bool) -> bool {
        let is_awake = || {
            let mut held = self.memory.holders(s.segment, ip).iter();
            !is_silent && held.any(|held| held.mac == old && s.at.since(held.last_seen) < AWAKE)
        };
        // Who wakes takes its address back from a proxy that was just heard.
        !self.is_gateway(s.segment, ip) && (self.is_sleep_proxy(s, old) || self.is_sleep_proxy(s, s.mac) && !is_awake())
    }

    /// Whether a station has offered itself as a sleep proxy for a while.
    pub(super) fn is_sleep_proxy(&self, s: &Sighting, mac: Mac) -> bool {
        let host = self.memory.host_of(s.segment, mac);
        let mut services = host.into_iter().flat_map(|host| &host.services);
        services.any(|known| known.instance.contains(SLEEP_PROXY) && is_established(known.first_seen, s.at))
    }

    /// Why two stations take turns with an address, where that is normal: routers of a group, or a sleep proxy and its host.
    pub(super) fn explained_turn(&self, s: &Sighting, ip: IpAddr, old: Mac, is_silent: bool) -> Option<Reason> {
        if self.is_failover(s, ip, old) {
            return Some(Reason::Failover);
        }
        self.is_sleep_proxied(s, ip, old, is_silent).then_some(Reason::ProxyArp)
    }

    /// Whether a station speaks for a group of routers since the learning period or for a day.
    pub(super) fn spoke_of_old(&self, segment: Segment, mac: Mac, at: Timestamp) -> bool {
        self.speakers.get(&(segment, mac)).is_some_and(|since| self.is_of_old(*since, at))
    }

    /// Whether a station was heard to speak for the group that has this virtual MAC.
    fn speaks_for(&self, s: &Sighting, mac: Mac, group: Mac) -> bool {
        let Some(words) = group_words(group) else { return false };
        // CARP uses VRRP's MACs.
        let carp = words.replace("vrrp", "carp");
        self.router_evidence(s, mac).is_some_and(|evidence| [words, carp].iter().any(|words| evidence.contains(words)))
    }

    /// Whether the sighting's station and another one are routers of one redundancy group.
    pub(super) fn share_group(&self, s: &Sighting, other: Mac) -> bool {
        self.share_words(s, other, |words| words.contains(" group "))
    }

    /// Whether the sighting's station and another one are routers on the same evidence, which is of a kind.
    fn share_words(&self, s: &Sighting, other: Mac, is_of_kind: impl Fn(&str) -> bool) -> bool {
        let of = |mac| self.router_evidence(s, mac);
        let (Some(one), Some(other)) = (of(s.mac), of(other)) else { return false };
        one.intersection(other).any(|words| is_of_kind(words))
    }

    /// On what evidence a station's host is a router.
    fn router_evidence(&self, s: &Sighting, mac: Mac) -> Option<&BTreeSet<String>> {
        self.memory.host_of(s.segment, mac)?.roles.get(&HostRole::Router)
    }
}

/// Whether both are virtual stations of one GLBP group, which answer for one address in turn (`00:07:b4:00:GG:FF`).
pub(super) fn is_same_balancer(one: Mac, other: Mac) -> bool {
    one.0[..3] == [0, 7, 0xb4] && one.kind() == MacKind::Virtual && one.0[..5] == other.0[..5]
}

/// The group whose virtual station this is, as evidence of a role. CARP uses VRRP's MACs, but announces no addresses.
pub(super) fn group_words(mac: Mac) -> Option<String> {
    let [.., high, low] = mac.0;
    let (protocol, group) = match mac.0 {
        [0, 0, 0x5e, ..] => ("vrrp", u16::from(low)),
        [0, 0, 0x0c, 0x07, ..] => ("hsrp", u16::from(low)),
        [0, 0, 0x0c, ..] | [0, 5, 0x73, ..] => ("hsrp", u16::from_be_bytes([high & 0xf, low])),
        [0, 7, 0xb4, group_high, ..] => ("glbp", u16::from_be_bytes([group_high & 3, high])),
        _ => return None,
    };
    Some(format!("{protocol} group {group}"))
}
