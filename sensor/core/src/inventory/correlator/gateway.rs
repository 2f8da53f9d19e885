//! A gateway's address in other hands is an alarm.

use std::net::IpAddr;

use crate::inventory::correlator::rogue::{OVER, oddity_of};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::model::oddity::Oddity;
use crate::inventory::model::role::Role;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Segment};

impl Correlator {
    /// Whether an address is known to be a gateway's: allowed, advertised, announced by DHCP, a redundancy group's, or where
    /// this machine's own default route leads.
    pub(super) fn is_gateway(&self, segment: Segment, ip: IpAddr) -> bool {
        let plays = |role| self.memory.has_role(segment, role, ip);
        [Role::Router, Role::DhcpRouter, Role::VirtualRouter].into_iter().any(plays)
            || self.settings.gateways.contains(&(segment, ip))
            || self.lists(segment, Role::Router).any(|list| list.ips.contains(&ip))
    }

    /// Raises an event about a gateway's address to an alert, unless a lease or a fail-over explains it, or the gateway itself
    /// caused it. An address that flips back and forth raises the alert once.
    pub(super) fn raise_for_gateway(&mut self, event: &mut Event) {
        let (Some(segment), Some(ip), Some(mac)) = (event.segment, event.ip, event.mac) else { return };
        let text = |key| match event.details.iter().find(|(name, _)| *name == key) {
            Some((_, Detail::Text(text))) => Some(text.as_str()),
            _ => None,
        };
        let holder = self.memory.holder(segment, ip).map(|holder| holder.mac);
        let other = match event.kind {
            Kind::ChangedMac | Kind::FlipFlop | Kind::ReusedMac | Kind::IpConflict => event.old_mac,
            // A frame that names the gateway's MAC takes nothing from it. That it comes from the gateway's own MAC proves
            // nothing: anybody can write a frame's source.
            Kind::MacMismatch => text("frame_mac").and_then(Mac::parse).filter(|_| {
                holder.is_none_or(|holder| holder != mac && !self.is_one_machine(segment, holder, mac, event.at))
            }),
            _ => return,
        };
        let is_explained = match event.reason {
            Some(Reason::Dhcp | Reason::Failover) => true,
            Some(Reason::ProxyArp) => text("old_answered") != Some("yes"),
            _ => false,
        };
        let Some(other) = other.filter(|_| !is_explained && self.is_gateway(segment, ip)) else { return };
        let s = Sighting { at: event.at, segment, frame_mac: mac, mac, ip: Some(ip), claim: Claim::Ndp(NdpClaim::Dad) };
        if event.kind != Kind::MacMismatch && self.are_one(&s, other) {
            return;
        }
        let is_anew =
            self.memory.is_new_oddity_after(oddity_of(&s, Oddity::Gateway, ip, mac.min(other), mac.max(other)), OVER);
        let is_back = matches!(event.kind, Kind::FlipFlop | Kind::ReusedMac);
        if is_anew || !is_back {
            event.severity = Severity::Alert;
        }
        event.details.push(("role", Detail::Text("gateway".to_owned())));
    }
}
