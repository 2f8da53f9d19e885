//! `new-host`: a host is reported once it has an IPv4 address, or has waited long enough for one.

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::model::host::HostId;
use crate::types::Timestamp;

impl Correlator {
    /// Reports a host that has waited long enough; the event is of its first sighting.
    pub(super) fn announce(&mut self, id: HostId, events: &mut Vec<Event>) {
        if let Some(first_seen) = self.memory.host(id).map(|host| host.first_seen) {
            self.announce_at(id, first_seen, events);
        }
    }

    pub(super) fn announce_at(&mut self, id: HostId, at: Timestamp, events: &mut Vec<Event>) {
        let Some((mac, ip)) = self.memory.announce(id) else { return };
        let Some((segment, first_seen)) = self.memory.host(id).map(|host| (host.segment, host.first_seen)) else {
            return;
        };
        let mut event = self.about_host(Kind::NewHost, at, segment, mac);
        event.ip = ip;
        event.severity = self.severity_of_new(Kind::NewHost, first_seen);
        // A telephone that changes its MAC was there for a while; who came a moment ago excuses nobody.
        let alike = self.memory.similar_predecessors(id, |since| self.is_of_old(since, first_seen));
        if alike > 0 {
            event.severity = Severity::Info;
            event.details = vec![("alike", Detail::Number(alike as u64))];
        }
        if self.is_starved(id, segment, mac, first_seen) {
            event.severity = Severity::Info;
            self.note_part(segment, mac);
        }
        self.push(event, events);
    }
}
