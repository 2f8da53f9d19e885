//! ARP and NDP: arpwatch's order of checks (bogon, mismatch, binding).

use std::net::IpAddr;

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind};
use crate::inventory::memory::binding::Weight;
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::model::prefix;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::arp::{ArpClaim, ArpOperation};
use crate::inventory::sighting::ndp::NdpClaim;
use crate::types::MacKind;

impl Correlator {
    pub(super) fn observe_arp(&mut self, s: &Sighting, claim: &ArpClaim, events: &mut Vec<Event>) {
        let meaning = match claim.operation {
            ArpOperation::ConflictCheck | ArpOperation::PresenceCheck => Meaning::Question,
            ArpOperation::Gratuitous | ArpOperation::Reply | ArpOperation::Request => Meaning::Claim,
        };
        let source = if claim.asked { Source::ArpProbe } else { Source::Arp };
        self.observe_neighbour(s, source, meaning, events);
    }

    pub(super) fn observe_ndp(&mut self, s: &Sighting, claim: &NdpClaim, events: &mut Vec<Event>) {
        if let NdpClaim::RouterAdvert(advert) = claim
            && self.is_forged_advert(s, advert, events)
        {
            return;
        }
        let meaning = match claim {
            NdpClaim::Dad => Meaning::Question,
            // No host learns from it where the router is.
            NdpClaim::Redirect(redirect) => {
                self.hear(s, s.frame_mac, Source::Ndp);
                self.observe_redirect(s, redirect, events);
                return;
            }
            NdpClaim::Advert { .. }
            | NdpClaim::RouterAdvert(_)
            | NdpClaim::RouterSolicit
            | NdpClaim::Solicit { .. } => Meaning::Claim,
        };
        let source = match claim {
            NdpClaim::Advert { asked: true, .. } => Source::NdpProbe,
            _ => Source::Ndp,
        };
        self.observe_neighbour(s, source, meaning, events);
        if let NdpClaim::RouterAdvert(advert) = claim {
            self.observe_router(s, advert, events);
        }
    }

    /// ARP and NDP: arpwatch's order of checks (bogon, mismatch, binding); the first that fires ends it.
    fn observe_neighbour(&mut self, s: &Sighting, source: Source, meaning: Meaning, events: &mut Vec<Event>) {
        self.hear(s, s.frame_mac, source);
        if !s.frame_mac.is_station() {
            return;
        }
        if !s.mac.is_station() {
            // Hosts take such a MAC into their caches. A cluster answers so for an address that nobody else has.
            if let Some(ip) = s.ip.filter(|_| meaning == Meaning::Claim) {
                self.emit_oddity(s, ip, Oddity::MacMismatch, events);
            }
            return;
        }
        self.watch_conflict(s, events);
        let is_foreign = |ip| meaning == Meaning::Claim && prefix::is_foreign(&self.settings.prefixes, s.segment, ip);
        let is_mismatch = s.mac != s.frame_mac && !is_virtual_router(s, source) && !self.is_of_group(s);
        match s.ip {
            Some(ip) if is_foreign(ip) => self.emit_oddity(s, ip, Oddity::Bogon, events),
            Some(ip) if is_mismatch => self.emit_oddity(s, ip, Oddity::MacMismatch, events),
            None if is_mismatch => {}
            ip => {
                if s.mac != s.frame_mac {
                    self.hear(s, s.mac, source);
                }
                if let Some(ip) = ip.filter(|_| meaning == Meaning::Claim) {
                    self.weigh(s, ip, source, Weight::Claim, events);
                }
            }
        }
    }

    fn emit_oddity(&mut self, s: &Sighting, ip: IpAddr, oddity: Oddity, events: &mut Vec<Event>) {
        let (kind, frame_mac) = match oddity {
            // A bogon is reported once for its address and MAC, whoever sent the frame.
            Oddity::Bogon => (Kind::Bogon, s.mac),
            _ => (Kind::MacMismatch, s.frame_mac),
        };
        let (segment, mac) = (s.segment, s.mac);
        if self.memory.is_new_oddity(ReportedOddity {
            segment,
            oddity,
            ip,
            mac,
            frame_mac,
            first_seen: s.at,
            last_seen: s.at,
        }) {
            let mut event = self.about_host(kind, s.at, segment, s.frame_mac);
            event.ip = Some(ip);
            event.mac = Some(mac);
            if oddity == Oddity::MacMismatch {
                event.details.push(("frame_mac", Detail::Text(frame_mac.to_string())));
            }
            self.push(event, events);
        }
    }
}

/// What an ARP or NDP message says of its address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// "I hold this address."
    Claim,
    /// "Does anybody hold this address?" (RFC 5227, RFC 4862)
    Question,
}

/// Whether the message and its frame are of a router and of the virtual router that it stands for (RFC 9568, section 8.2).
fn is_virtual_router(s: &Sighting, source: Source) -> bool {
    matches!(source, Source::Ndp | Source::NdpProbe)
        && (s.mac.kind() == MacKind::Virtual || s.frame_mac.kind() == MacKind::Virtual)
}
