//! Looking for DHCP servers: a DISCOVER to everybody on a segment, soon after the start and then every few hours. A server
//! that answers its clients by unicast is heard by nobody else. Nothing is ever requested, so no lease is taken.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::jitter;
use crate::inventory::planner::permit::{Permit, has};
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::{Probe, Question, Technique};
use crate::inventory::planner::state::Planner;
use crate::types::{Segment, Timestamp};

/// The search on one segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerSearch {
    segment: Segment,
    /// The network under whose rules it asks; `None` while there is none.
    network: Option<usize>,
    next_at: Timestamp,
    /// How often it asked: makes the jitter differ each time.
    asked: u64,
}

/// The first question comes within this time.
const START: Duration = Duration::from_secs(30);
/// The others come this long after the one before, and up to [`JITTER`] later.
const EVERY: Duration = Duration::from_secs(4 * 3600);
const JITTER: Duration = Duration::from_secs(2 * 3600);
/// Segments whose search is remembered.
const SEARCHES_MAX: usize = 64;

impl ServerSearch {
    /// When it asks next, where it may ask.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.network.map(|_| self.next_at)
    }
}

impl Permit {
    /// Whether DHCP servers may be looked for on a network's segment: it is attached, uses the technique, is not passive and
    /// not excepted as a whole, and no other network of the segment is passive. Hosts of its that are excepted are not asked:
    /// only servers answer.
    pub(super) fn allows_search(&self, network: &Network) -> bool {
        let IpNet::V4(prefix) = network.prefix else { return false };
        let policy = self.policy();
        let is_never = |never: &IpNet| matches!(never, IpNet::V4(never) if never.contains(&prefix));
        let is_passive = |other: &Network| other.segment == network.segment && other.passive;
        network.attached
            && has(network, Technique::Dhcp)
            && policy.host_per_hour > 0
            && !policy.never_prefixes.iter().any(is_never)
            && !policy.networks.iter().any(is_passive)
    }
}

impl Planner {
    /// The searches go on where they were, each under the rules of the first network of its segment that allows it.
    pub(super) fn renew_searches(&mut self, now: Timestamp) {
        let searches = &mut self.searches;
        searches.iter_mut().for_each(|search| search.network = None);
        for (index, network) in self.permit.policy().networks.iter().enumerate() {
            if !self.permit.allows_search(network) {
                continue;
            }
            let segment = network.segment;
            if let Some(known) = searches.iter_mut().find(|search| search.segment == segment) {
                known.network = known.network.or(Some(index));
            } else if searches.len() < SEARCHES_MAX {
                let next_at = now.after(jitter::part(START, number(self.key, segment, 0)));
                searches.push(ServerSearch { segment, network: Some(index), next_at, asked: 0 });
            }
        }
    }

    /// DHCP servers are looked for from `at` on, by the wall clock: in the learning period they are only noted.
    pub fn look_for_servers_from(&mut self, at: Timestamp) {
        let ahead = at.since(self.clock.wall());
        let from = self.clock.now().after(ahead);
        for search in &mut self.searches {
            search.next_at = search.next_at.max(from.after(jitter::part(START, number(self.key, search.segment, 0))));
        }
    }

    /// Asks for DHCP servers where that is due. Whether all were asked.
    pub(super) fn plan_searches(&mut self, limit: usize, shut: &[bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        for place in 0..self.searches.len() {
            let ServerSearch { segment, network, next_at, asked } = self.searches[place];
            let Some(index) = network.filter(|index| next_at <= now && !shut[*index]) else { continue };
            if out.len() >= limit {
                return false;
            }
            let cost = Question::Discover.cost();
            if let Some(at) = self.missing(index, cost, now) {
                self.resume_no_later(at);
                continue;
            }
            let search = &mut self.searches[place];
            search.asked += 1;
            search.next_at = now.after(EVERY).after(jitter::part(JITTER, number(self.key, segment, asked + 1)));
            self.sensor.take(cost.sensor, now);
            self.networks[index].take(cost.host, now);
            out.push(Probe { segment, ip: EVERYBODY, question: Question::Discover });
        }
        true
    }
}

/// The address to which a client without one sends (RFC 2131, section 4.1).
pub(super) const EVERYBODY: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

fn number(key: u64, segment: Segment, purpose: u64) -> u64 {
    jitter::number(key, SegmentAddress { segment, ip: EVERYBODY }, purpose)
}
