//! What an excuse has to stand on. An excuse lowers, folds or drops an event about an address that passes to another station.
//! A newcomer's words only ever add to what is told: an excuse comes from the address's holder, from infrastructure that was
//! established before, or from an answer to a question of the sensor.
//!
//! Evidence ranks, the most trusted first: a station's own answer to a question; infrastructure that is established and
//! speaks from its own station; a station's claim about itself; a claim about others; the source of a frame.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Reason};
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcp::DhcpClaim;
use crate::types::{Mac, Segment, Timestamp};

/// Infrastructure is established when it was known for so long before what it is to explain.
pub(super) const ESTABLISHED: Duration = Duration::from_secs(60);

/// What was known for so long is no newcomer, whatever it stands beside.
pub(super) const LONG_KNOWN: Duration = Duration::from_hours(24);

/// Whether something that was first seen at `first_seen` was established at `at`.
pub(super) fn is_established(first_seen: Timestamp, at: Timestamp) -> bool {
    at.since(first_seen) >= ESTABLISHED
}

impl Correlator {
    /// Whether what was first seen at `since` was known at `at` since the learning period, or for a day.
    pub(super) fn is_of_old(&self, since: Timestamp, at: Timestamp) -> bool {
        self.is_learning(since) || at.since(since) >= LONG_KNOWN
    }

    /// Whether a DHCP server is known that was established before this one came, while this one is not established yet.
    fn has_older_server(&self, s: &Sighting, server: &RoleHolder) -> bool {
        let is_older = |known: &RoleHolder| known.ip != server.ip && known.first_seen < server.first_seen;
        !is_established(server.first_seen, s.at)
            && self.memory.find_role(s.segment, Role::DhcpServer, is_older).is_some()
    }

    /// What explains that an address passes from `old` to the sighting's station, if something does. Of dear addresses only the
    /// group of routers whose address it is counts: no server leases a gateway's address.
    /// `is_silent`: the old station was asked and does not answer.
    pub(super) fn excuse(&self, s: &Sighting, ip: IpAddr, old: Mac, is_silent: bool) -> Option<Reason> {
        if !self.is_dear(s.segment, ip) {
            if self.memory.lease(s.segment, ip, s.mac, s.at).is_some() {
                return Some(Reason::Dhcp);
            }
            // A newcomer's own word counts where the old station was asked and is gone.
            if is_silent && self.requested_of(s, ip).is_some() {
                return Some(Reason::Dhcp);
            }
            if self.is_one_machine(s.segment, old, s.mac, s.at) {
                return Some(Reason::Failover);
            }
        }
        self.explained_turn(s, ip, old, is_silent)
    }

    /// The evidence that an excuse stands on, as a detail of the event.
    pub(super) fn of_excuse(&self, s: &Sighting, ip: IpAddr, reason: Reason) -> Option<(&'static str, Detail)> {
        let server = || self.memory.lease(s.segment, ip, s.mac, s.at).and_then(|lease| lease.server);
        match reason {
            Reason::Dhcp => match server() {
                Some(server) => Some(("dhcp_server", Detail::Text(server.to_string()))),
                None => self.requested_of(s, ip).map(|server| ("requested_of", Detail::Text(server.to_string()))),
            },
            _ => None,
        }
    }

    /// Whether much depends on an address: gateways, DHCP servers, name servers, and what the owner lists.
    pub(super) fn is_dear(&self, segment: Segment, ip: IpAddr) -> bool {
        self.is_gateway(segment, ip)
            || self.memory.has_role(segment, Role::DhcpServer, ip)
            || self.memory.has_role(segment, Role::DhcpNameServer, ip)
            || self.lists(segment, Role::DhcpServer).any(|list| list.ips.contains(&ip))
    }

    /// Whether a DHCP server's message may be the word of the server that it names. It is not when its frame comes from another
    /// station than the one that the server was known by; through a relay the frame is the relay's.
    pub(super) fn is_servers_word(&self, s: &Sighting, claim: &DhcpClaim) -> bool {
        let Some(server) = claim.server.map(IpAddr::V4) else { return true };
        let is_its = |mac: Mac| mac == s.frame_mac || self.are_one(s, mac);
        let holder = self.memory.holder(s.segment, server);
        if holder.is_some_and(|holder| is_its(holder.mac)) {
            return true;
        }
        match self.memory.role(s.segment, Role::DhcpServer, server) {
            Some(known) => is_its(known.mac) && !self.has_older_server(s, known),
            None => holder.is_none() && self.memory.find_role(s.segment, Role::DhcpServer, |_| true).is_none(),
        }
    }
}
