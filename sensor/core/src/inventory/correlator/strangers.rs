//! Whether a station of which a frame of traffic was heard, and nothing else, is taken for a host.

use std::net::IpAddr;

use crate::inventory::correlator::report::bare;
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::memory::strangers::Stranger;
use crate::inventory::sighting::{Claim, Sighting};

impl Correlator {
    /// Whether a station that sends from an address that nobody holds is taken for a host now. In the learning period it always
    /// is.
    pub(super) fn is_no_stranger(&mut self, s: &Sighting, ip: IpAddr, events: &mut Vec<Event>) -> bool {
        let is_watched = self.settings.hear_again && !self.is_learning(s.at);
        // A service that answers has somebody who asked.
        let serves = matches!(s.claim, Claim::Served(_));
        if !is_watched || serves || self.memory.known_since(s.segment, s.mac).is_some() {
            return true;
        }
        let found = self.strangers.hear(s.segment, s.mac, ip, s.at);
        if let Stranger::Floods(count) = found {
            let event = Event {
                segment: Some(s.segment),
                severity: Severity::Warning,
                reason: Some(Reason::NewHosts),
                details: vec![("stations", Detail::Number(count as u64))],
                ..bare(Kind::Flood, s.at)
            };
            self.push(event, events);
        }
        found == Stranger::Taken
    }
}
