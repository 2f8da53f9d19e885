//! The sensor's own stations. What they send is ignored where a mirror port brings it back. But anybody can write their MACs into
//! a frame, and hosts believe it: what speaks for an address that the sensor does not have, the sensor cannot have said.

use std::net::IpAddr;

use crate::inventory::correlator::rogue::{OVER, oddity_of};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Event, Kind, Reason};
use crate::inventory::model::oddity::Oddity;
use crate::inventory::model::prefix;
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::dhcp::DhcpClaim;
use crate::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, MacKind};

impl Correlator {
    /// Whether a sighting is about a station of the sensor itself, or was sent by one, as far as anybody can tell.
    pub fn is_own(&self, s: &Sighting) -> bool {
        self.bears_own_mac(s) && self.served(s).is_none() && !self.is_forged(s)
    }

    /// What a DHCP server answers the sensor's own client, or its search for servers.
    pub(super) fn served<'a>(&self, s: &'a Sighting) -> Option<&'a DhcpClaim> {
        match &s.claim {
            Claim::Dhcp(claim) if self.is_own_mac(s.mac) && !self.is_own_mac(s.frame_mac) => {
                Some(&**claim).filter(|claim| claim.from_server)
            }
            _ => None,
        }
    }

    /// Whether a sighting has a MAC of the sensor.
    pub fn bears_own_mac(&self, s: &Sighting) -> bool {
        self.is_own_mac(s.mac) || self.is_own_mac(s.frame_mac)
    }

    /// Whether a station is the sensor's own.
    pub fn is_own_mac(&self, mac: Mac) -> bool {
        self.settings.own_macs.contains(&mac)
    }

    /// Whether a sighting with a MAC of the sensor cannot be its word: it speaks for an address that the sensor does not have,
    /// or asks a DHCP server in another client's name. Where the sensor's addresses are not known, nothing is.
    fn is_forged(&self, s: &Sighting) -> bool {
        let own_ips = &self.settings.own_ips;
        // A group's other routers send with the group's MAC too.
        if [s.mac, s.frame_mac].into_iter().any(|mac| self.is_own_mac(mac) && mac.kind() == MacKind::Virtual) {
            return false;
        }
        if let Claim::Dhcp(claim) = &s.claim
            && !claim.from_server
        {
            return !own_ips.is_empty() && !self.is_own_mac(s.mac);
        }
        spoken_for(s).is_some_and(|ip| prefix::is_holdable(ip) && !own_ips.is_empty() && !own_ips.contains(&ip))
    }

    /// A sighting with a MAC of the sensor that is not its word. What it says of others is weighed as anybody's; that an address
    /// is the sensor's is a lie, and moves nothing.
    pub(super) fn observe_forged(&mut self, s: &Sighting, events: &mut Vec<Event>) {
        match &s.claim {
            Claim::Ndp(NdpClaim::RouterAdvert(advert)) => self.observe_forged_advert(s, advert, events),
            Claim::Arp(_) | Claim::Ndp(_) if self.is_own_mac(s.mac) && !is_redirect(&s.claim) => {
                self.emit_own_mac(s, events);
            }
            Claim::Arp(claim) => self.observe_arp(s, claim, events),
            Claim::Dhcp(claim) => self.observe_dhcp(s, claim, events),
            Claim::Ndp(claim) => self.observe_ndp(s, claim, events),
            Claim::Redirect(redirect) => self.observe_redirect(s, redirect, events),
            _ => {}
        }
    }

    fn observe_forged_advert(&mut self, s: &Sighting, advert: &RouterAdvert, events: &mut Vec<Event>) {
        if !self.is_forged_advert(s, advert, events) {
            self.observe_router(s, advert, events);
        }
    }

    /// Somebody says that another host's address is the sensor's.
    fn emit_own_mac(&mut self, s: &Sighting, events: &mut Vec<Event>) {
        let Some(ip) = s.ip else { return };
        let Some(holder) = self.memory.holder(s.segment, ip).map(|holder| holder.mac) else { return };
        if self.memory.is_new_oddity_after(oddity_of(s, Oddity::OwnMac, ip, s.mac, holder), OVER) {
            let mut event = self.about_host(Kind::ChangedMac, s.at, s.segment, s.mac);
            (event.ip, event.old_mac) = (Some(ip), Some(holder));
            self.give_reason(&mut event, Reason::SpoofSuspected);
            self.push(event, events);
        }
    }
}

/// The address that a message speaks for, where hosts act on what it says.
fn spoken_for(s: &Sighting) -> Option<IpAddr> {
    match &s.claim {
        Claim::Arp(claim) => {
            s.ip.filter(|_| !matches!(claim.operation, ArpOperation::ConflictCheck | ArpOperation::PresenceCheck))
        }
        Claim::Dhcp(claim) => claim.source,
        Claim::Ndp(claim) => s.ip.filter(|_| *claim != NdpClaim::Dad),
        Claim::Redirect(_) => s.ip,
        _ => None,
    }
}

fn is_redirect(claim: &Claim) -> bool {
    matches!(claim, Claim::Ndp(NdpClaim::Redirect(_)))
}
