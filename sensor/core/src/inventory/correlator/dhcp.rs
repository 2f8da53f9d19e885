//! DHCPv4: leases bind, clients name themselves, servers play their role.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::inventory::correlator::state::{Correlator, Request};
use crate::inventory::event::Event;
use crate::inventory::fingerprint::clue;
use crate::inventory::memory::host;
use crate::inventory::model::address::Lease;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::types::Timestamp;

impl Correlator {
    pub(super) fn observe_dhcp(&mut self, s: &Sighting, claim: &DhcpClaim, events: &mut Vec<Event>) {
        self.watch_starvation(s, claim, events);
        if claim.from_server {
            self.hear(s, s.frame_mac, Source::Dhcp);
            self.observe_server(s, claim, events);
        } else if claim.giaddr.is_none() && s.frame_mac.is_station() {
            self.note_bridged(s);
        }
        if !claim.client_is_here || !s.mac.is_station() {
            return;
        }
        match (claim.from_server, claim.message) {
            (true, DhcpMessage::Ack) => self.observe_ack(s, claim, events),
            // A server's answer, sent to everybody, proves no client: whoever asked may have made it up.
            (true, _) => {}
            (false, message) => self.observe_client(s, claim, message, events),
        }
    }

    fn observe_ack(&mut self, s: &Sighting, claim: &DhcpClaim, events: &mut Vec<Event>) {
        let id = self.memory.hear(s.segment, s.mac, Source::Dhcp, s.at);
        self.learn_lease_paths(s, claim);
        // Whoever answers itself gives nobody an address, nor does who speaks in a known server's name.
        let Some(ip) = claim.yiaddr.filter(|_| s.frame_mac != s.mac) else { return };
        let until = claim.lease_s.map(|lease_s| lease_end(s.at, lease_s));
        let (segment, mac, server, at) = (s.segment, s.mac, claim.server, s.at);
        if self.is_servers_word(s, claim) {
            self.watch_lease(s, claim, ip);
            self.memory.grant_lease(Lease { segment, ip, mac, server, at, until });
        }
        self.memory.update_host(id, |host| (host::learn_lease(host, server, until), ()));
        self.hint(s, IpAddr::V4(ip), Source::Dhcp, events);
    }

    fn observe_client(&mut self, s: &Sighting, claim: &DhcpClaim, message: DhcpMessage, events: &mut Vec<Event>) {
        let id = self.memory.hear(s.segment, s.mac, Source::Dhcp, s.at);
        self.note_client_id(s, claim);
        let prints_max = self.limits.prints_max;
        let options = clue::list(&claim.options);
        self.memory.update_host(id, |host| {
            let learned = host::learn_options(host, claim);
            (learned.max(host::learn_print(host, Evidence::DhcpOptions, options, prints_max)), ())
        });
        if message == DhcpMessage::Request {
            self.note_request(s, claim);
        }
        if let Some(name) = host::dhcp_name(claim) {
            self.learn_name(s, id, name, Source::Dhcp, events);
        }
        match (message, claim.ciaddr) {
            (DhcpMessage::Decline, _) => self.emit_declined(s, claim, events),
            (_, None) => {}
            (DhcpMessage::Release, Some(ip)) => {
                self.memory.release_lease(s.segment, ip, s.mac, s.at);
                self.memory.update_host(id, |host| (host::learn_lease(host, None, Some(s.at)), ()));
            }
            (_, Some(ip)) => self.hint(s, IpAddr::V4(ip), Source::Dhcp, events),
        }
    }
}

/// Requests that are remembered; the oldest are forgotten.
const REQUESTS_MAX: usize = 256;
/// A request explains a claim for so long.
const REQUESTED: Duration = Duration::from_secs(60);

impl Correlator {
    /// Notes a request that names the server and the address (RFC 2131, section 4.3.2): where the server's ACK goes to the client
    /// alone, nothing else is heard of the lease.
    fn note_request(&mut self, s: &Sighting, claim: &DhcpClaim) {
        let is_own = claim.giaddr.is_none() && s.mac == s.frame_mac;
        if let (true, Some(ip), Some(server)) = (is_own, claim.requested_ip, claim.server) {
            if self.requests.len() >= REQUESTS_MAX {
                self.requests.pop_front();
            }
            self.requests.push_back(Request { at: s.at, segment: s.segment, mac: s.mac, ip, server });
        }
    }

    /// The server of which the sighting's station requested the address just now.
    pub(super) fn requested_of(&self, s: &Sighting, ip: IpAddr) -> Option<Ipv4Addr> {
        let is_it = |known: &&Request| {
            (known.segment, known.mac, IpAddr::V4(known.ip)) == (s.segment, s.mac, ip)
                && s.at.since(known.at) < REQUESTED
        };
        self.requests.iter().rev().find(is_it).map(|known| known.server)
    }
}

/// When a lease ends. All ones means never (RFC 2131, section 3.3); that is 136 years.
fn lease_end(at: Timestamp, lease_s: u32) -> Timestamp {
    at.after(Duration::from_secs(u64::from(lease_s)))
}
