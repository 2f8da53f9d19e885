//! Addresses that this box holds itself. The sensor's own frames make no sightings, so what it holds is told by its owner:
//! another station that claims such an address does not get it, and is reported.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::correlator::state::{Correlator, OwnClaim};
use crate::inventory::event::{Event, Kind, Reason, Severity};
use crate::inventory::memory::binding::Weight;
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, Segment, Timestamp};

/// A claim waits for this long: this box may be giving the address up at the same moment, as a redundancy group does.
const GIVING_UP: Duration = Duration::from_secs(3);
/// Most claims that wait.
const WAITING_MAX: usize = 64;

impl Correlator {
    /// Which addresses this box holds on which segment, and the station that holds each, from now on.
    pub fn set_own_addresses(&mut self, own: BTreeMap<(Segment, IpAddr), Mac>) {
        self.own_addresses = own;
    }

    /// Whether the address is this box's own: then nobody else becomes its holder. Who claims it is reported.
    pub(super) fn is_own_address(&mut self, s: &Sighting, ip: IpAddr, weight: Weight) -> bool {
        let Some(own) = self.own_addresses.get(&(s.segment, ip)).copied() else { return false };
        if weight == Weight::Claim {
            if self.is_known_conflict(s, ip, own) {
                // It goes on.
                self.is_new_conflict(s.segment, ip, [s.mac, own], s.at);
            } else if !self.own_claims.iter().any(|claim| claim.ip == ip && claim.by(s))
                && self.own_claims.len() < WAITING_MAX
            {
                self.own_claims.push(OwnClaim { at: s.at, segment: s.segment, ip, mac: s.mac, own });
            }
        }
        true
    }

    /// Reports the claims that have waited long enough, if the address is still this box's; without `now` all of them.
    pub(super) fn settle_own_claims(&mut self, now: Option<Timestamp>, events: &mut Vec<Event>) {
        let waits = |claim: &OwnClaim| now.is_some_and(|now| claim.at <= now && now < claim.at.after(GIVING_UP));
        if self.own_claims.iter().all(waits) {
            return;
        }
        let (wait, due): (_, Vec<_>) = std::mem::take(&mut self.own_claims).into_iter().partition(waits);
        self.own_claims = wait;
        for OwnClaim { at, segment, ip, mac, own } in due {
            let is_still_own = self.own_addresses.get(&(segment, ip)) == Some(&own);
            if is_still_own && self.is_new_conflict(segment, ip, [mac, own], at) {
                let mut event = self.about_host(Kind::IpConflict, at, segment, mac);
                (event.ip, event.old_mac) = (Some(ip), Some(own));
                self.give_reason(&mut event, Reason::Conflict);
                // A conflict that the sensor finds when it comes is as old as anything there.
                if self.is_learning(at) {
                    event.severity = Severity::Info;
                }
                self.push(event, events);
            }
        }
    }

    /// When a claim of an own address has waited long enough.
    pub(super) fn first_own_claim(&self) -> Option<Timestamp> {
        self.own_claims.iter().map(|claim| claim.at.after(GIVING_UP)).min()
    }
}

impl OwnClaim {
    /// Whether the sighting is of the station that claims the address.
    fn by(&self, s: &Sighting) -> bool {
        (self.segment, self.mac) == (s.segment, s.mac)
    }
}
