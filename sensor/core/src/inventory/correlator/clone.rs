//! Two stations that tell DHCP servers the same client id while both are there are two machines: they are parted, and it is
//! reported.

use std::net::{IpAddr, Ipv4Addr};

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason};
use crate::inventory::model::join::JoinEvidence;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcp::DhcpClaim;
use crate::types::{Mac, MacKind};

impl Correlator {
    /// A client's own message names its client id.
    pub(super) fn note_client_id(&mut self, s: &Sighting, claim: &DhcpClaim) {
        // Through another station's frames, or a relay's, it is not known who sent it.
        let is_own = claim.giaddr.is_none() && s.mac == s.frame_mac && s.mac.kind() != MacKind::Virtual;
        if let Some(id) = claim.client_id.as_ref().filter(|_| is_own) {
            self.clones.note(s.segment, id.as_bytes(), s.mac, s.at);
        }
    }

    /// Reports two stations of one client id that are both there, and parts them where they were taken for one host.
    pub(super) fn watch_clones(&mut self, s: &Sighting, events: &mut Vec<Event>) {
        let Some(macs) = self.clones.hear(s.segment, s.frame_mac, s.at) else { return };
        let since = |mac: Mac| self.memory.known_since(s.segment, mac).map(|since| (since, mac));
        let (Some(one), Some(other)) = (since(macs[0]), since(macs[1])) else { return };
        let ((_, earlier), (_, later)) = (one.min(other), one.max(other));
        let is_bridged = |a, b| self.conflicts.bridged.contains(&(s.segment, a, b));
        let by_owner = |mac| {
            let join = self.memory.join_of(s.segment, mac);
            join.is_some_and(|join| !join.apart && join.evidence.contains(&JoinEvidence::Owner))
        };
        if is_bridged(earlier, later) || is_bridged(later, earlier) || by_owner(earlier) || by_owner(later) {
            return;
        }
        if self.is_one_host(s.segment, earlier, later) {
            self.memory.split_station(s.segment, later, false);
        }
        let ip = self.memory.best_address_of(s.segment, later);
        let place = ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        if self.is_new_conflict(s.segment, place, [earlier, later], s.at) {
            let mut event = self.about_host(Kind::IpConflict, s.at, s.segment, later);
            (event.ip, event.old_mac, event.reason) = (ip, Some(earlier), Some(Reason::Cloned));
            event.details = vec![("evidence", Detail::Texts(vec![JoinEvidence::ClientId.name().to_owned()]))];
            self.push(event, events);
        }
    }
}
