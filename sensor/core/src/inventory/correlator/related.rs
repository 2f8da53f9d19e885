//! Stations that may answer for each other, so that an address which passes between them is no attack: stations of one host,
//! routers of one redundancy group, virtual stations, load balancers, sleep proxies.

use std::net::IpAddr;

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::Reason;
use crate::inventory::model::host::HostRole;
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, MacKind, Segment};

/// The service of a Bonjour Sleep Proxy, as instances end in it.
const SLEEP_PROXY: &str = "._sleep-proxy._udp";

impl Correlator {
    /// Whether the sighting's station and another one may answer for each other: stations of one host, of one group of
    /// routers or balancers, or virtual ones.
    pub(super) fn are_one(&self, s: &Sighting, other: Mac) -> bool {
        [s.mac, s.frame_mac].contains(&other)
            || self.is_failover(s.segment, s.mac, other)
            || self.is_failover(s.segment, s.frame_mac, other)
            || self.is_one_host(s.segment, s.frame_mac, other)
            || self.share_group(s, other)
            || is_same_balancer(s.mac, other)
    }

    /// Whether two stations belong to one host.
    pub(super) fn is_one_host(&self, segment: Segment, a: Mac, b: Mac) -> bool {
        let of = |mac| self.memory.host_of(segment, mac).map(|host| host.id);
        of(a).is_some() && of(a) == of(b)
    }

    /// Whether an address may pass between two stations by fail-over: both are virtual, or one is and the other is a router
    /// (of the group, or one that forwards). A virtual MAC alone is no reason: anybody can send with one.
    fn is_failover(&self, segment: Segment, old: Mac, new: Mac) -> bool {
        let router = match (old.kind(), new.kind()) {
            (MacKind::Virtual, MacKind::Virtual) => return true,
            (MacKind::Virtual, _) => new,
            (_, MacKind::Virtual) => old,
            _ => return false,
        };
        self.forwards(segment, router) || self.is_in_group(segment, router)
    }

    /// Whether one of two stations is a sleep proxy, which answers for hosts that sleep: the host takes its address back when
    /// it wakes. A gateway does not sleep.
    pub(super) fn is_sleep_proxied(&self, segment: Segment, ip: IpAddr, macs: [Mac; 2]) -> bool {
        let serves = |mac| {
            let host = self.memory.host_of(segment, mac);
            host.is_some_and(|host| host.services.iter().any(|service| service.instance.contains(SLEEP_PROXY)))
        };
        macs.into_iter().any(serves) && !self.is_gateway(segment, ip)
    }

    /// Why two stations take turns with an address, where that is normal: routers of a group, or a sleep proxy and its host.
    pub(super) fn explained_turn(&self, s: &Sighting, ip: IpAddr, old: Mac) -> Option<Reason> {
        if self.is_failover(s.segment, old, s.mac) || self.share_group(s, old) {
            return Some(Reason::Failover);
        }
        self.is_sleep_proxied(s.segment, ip, [old, s.mac]).then_some(Reason::ProxyArp)
    }

    /// Whether a station is a router of some redundancy group.
    fn is_in_group(&self, segment: Segment, mac: Mac) -> bool {
        let roles = self.memory.host_of(segment, mac).and_then(|host| host.roles.get(&HostRole::Router));
        roles.is_some_and(|evidence| evidence.iter().any(|evidence| evidence.contains(" group ")))
    }

    /// Whether both stations are routers of one redundancy group.
    pub(super) fn share_group(&self, s: &Sighting, old: Mac) -> bool {
        let groups = |mac: Mac| self.memory.host_of(s.segment, mac).and_then(|host| host.roles.get(&HostRole::Router));
        let (Some(old), Some(new)) = (groups(old), groups(s.mac)) else { return false };
        old.intersection(new).any(|evidence| evidence.contains(" group "))
    }
}

/// Whether both are virtual stations of one GLBP group, which answer for one address in turn (`00:07:b4:00:GG:FF`).
pub(super) fn is_same_balancer(one: Mac, other: Mac) -> bool {
    one.0[..3] == [0, 7, 0xb4] && one.kind() == MacKind::Virtual && one.0[..5] == other.0[..5]
}
