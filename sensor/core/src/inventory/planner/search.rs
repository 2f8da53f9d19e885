//! Searches for DHCP servers have their turns.

use crate::inventory::planner::probe::{Probe, Question};
use crate::inventory::planner::servers::{EVERYBODY, ServerSearch};
use crate::inventory::planner::state::Planner;
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::Timestamp;

impl Planner {
    /// DHCP servers are looked for from `at` on, by the wall clock: in the learning period they are only noted.
    pub fn look_for_servers_from(&mut self, at: Timestamp) {
        let from = self.clock.now().after(at.since(self.clock.wall()));
        self.searches.iter_mut().for_each(|search| search.begin(self.key, from));
    }

    /// Takes in a sighting: a client may look for DHCP servers.
    pub(super) fn hear_client(&mut self, sighting: &Sighting) {
        let asks = |claim: &DhcpClaim| !claim.from_server && claim.message == DhcpMessage::Discover;
        if matches!(&sighting.claim, Claim::Dhcp(claim) if asks(claim)) {
            let now = self.clock.now();
            let here = self.searches.iter_mut().filter(|search| search.segment == sighting.segment);
            here.for_each(|search| search.hear_client(now));
        }
    }

    /// Asks for DHCP servers where that is due. Whether all were asked.
    pub(super) fn plan_searches(&mut self, limit: usize, shut: &[bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        for place in 0..self.searches.len() {
            let ServerSearch { segment, network, next_at, .. } = self.searches[place];
            let Some(index) = network.filter(|index| next_at <= now && !shut[*index]) else { continue };
            if out.len() >= limit {
                return false;
            }
            let cost = Question::Discover.cost();
            if let Some(at) = self.missing(index, cost, now) {
                self.resume_no_later(at);
                continue;
            }
            self.searches[place].ask(self.key, now);
            self.sensor.take(cost.sensor, now);
            self.networks[index].take(cost.host, now);
            out.push(Probe { segment, ip: EVERYBODY, question: Question::Discover });
        }
        true
    }
}
