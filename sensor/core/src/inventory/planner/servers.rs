//! Looking for DHCP servers: a DISCOVER to everybody on a segment, soon after the start, then every few hours, and when a
//! client asks, which is when a server that was just plugged in gives leases. A server that answers its clients by unicast is heard by nobody else. Nothing is ever requested, so no lease is taken.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::jitter;
use crate::inventory::planner::permit::{Permit, has};
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::Technique;
use crate::types::{Segment, Timestamp};

/// The search on one segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerSearch {
    pub(super) segment: Segment,
    /// The network under whose rules it asks; `None` while there is none.
    pub(super) network: Option<usize>,
    /// When it asks next.
    pub(super) next_at: Timestamp,
    /// It does not ask before.
    not_before: Timestamp,
    /// How often it asked: makes the jitter differ each time.
    pub(super) asked: u64,
}

/// The first question comes within this time.
const START: Duration = Duration::from_secs(30);
/// The others come this long after the one before, and up to [`JITTER`] later.
const EVERY: Duration = Duration::from_secs(4 * 3600);
const JITTER: Duration = Duration::from_secs(2 * 3600);
/// Two questions are at least so far apart, however many clients ask.
const SPACING: Duration = Duration::from_secs(600);
/// Segments whose search is remembered.
const SEARCHES_MAX: usize = 64;

impl ServerSearch {
    /// When it asks next, where it may ask.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.network.map(|_| self.next_at)
    }

    /// It begins at `from` at the earliest.
    pub(super) fn begin(&mut self, key: u64, from: Timestamp) {
        self.not_before = self.not_before.max(from);
        self.next_at = self.next_at.max(from.after(jitter::part(START, number(key, self.segment, 0))));
    }

    /// A client on the segment asks for servers: whoever answers it may be heard by nobody else, so it asks as well.
    pub(super) fn hear_client(&mut self, now: Timestamp) {
        if now >= self.not_before {
            self.next_at = self.next_at.min(now);
        }
    }

    /// It asks at `now`.
    pub(super) fn ask(&mut self, key: u64, now: Timestamp) {
        self.asked += 1;
        self.not_before = now.after(SPACING);
        self.next_at = now.after(EVERY).after(jitter::part(JITTER, number(key, self.segment, self.asked)));
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

/// The searches go on where they were, each under the rules of the first network of its segment that allows it.
pub(super) fn renew(searches: &mut Vec<ServerSearch>, permit: &Permit, key: u64, now: Timestamp) {
    searches.iter_mut().for_each(|search| search.network = None);
    for (index, network) in permit.policy().networks.iter().enumerate() {
        if !permit.allows_search(network) {
            continue;
        }
        let segment = network.segment;
        if let Some(known) = searches.iter_mut().find(|search| search.segment == segment) {
            known.network = known.network.or(Some(index));
        } else if searches.len() < SEARCHES_MAX {
            let mut search = ServerSearch { segment, network: Some(index), next_at: now, not_before: now, asked: 0 };
            search.begin(key, now);
            searches.push(search);
        }
    }
}

/// The address to which a client without one sends (RFC 2131, section 4.1).
pub(super) const EVERYBODY: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

fn number(key: u64, segment: Segment, purpose: u64) -> u64 {
    jitter::number(key, SegmentAddress { segment, ip: EVERYBODY }, purpose)
}
