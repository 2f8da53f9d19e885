//! Redirects: a router tells a host of a better first hop. Anybody who writes the router's address into one can lead traffic
//! to where he wants it; hosts check little more than that address (RFC 1122, section 3.2.2.2; RFC 4861, section 8.3).

use std::net::IpAddr;

use crate::inventory::correlator::belief::is_established;
use crate::inventory::correlator::rogue::{OVER, oddity_of};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::model::oddity::Oddity;
use crate::inventory::model::prefix;
use crate::inventory::model::role::Role;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::redirect::Redirect;
use crate::types::{Mac, MacKind};

impl Correlator {
    pub(super) fn observe_redirect(&mut self, s: &Sighting, redirect: &Redirect, events: &mut Vec<Event>) {
        let Some(router) = s.ip.filter(|ip| prefix::is_holdable(*ip) && prefix::is_holdable(redirect.hop)) else {
            return;
        };
        let holder_of = |ip| self.memory.holder(s.segment, ip).map(|holder| holder.mac);
        // The station whose address the sender bears. A router of a group speaks by the group's address with its own MAC.
        let is_groups =
            |mac: Mac| mac.kind() == MacKind::Virtual && self.routes_for_others(s.segment, s.frame_mac, s.at);
        let victim = holder_of(router).filter(|mac| !self.are_one(s, *mac) && !is_groups(*mac));
        let hop_mac = redirect.hop_mac.or_else(|| holder_of(redirect.hop));
        let is_innocent = victim.is_none() && self.is_innocent_hop(s, redirect);
        // What is innocent must not keep back what is not.
        let key = if is_innocent { Mac::ZERO } else { victim.unwrap_or(s.frame_mac) };
        let told = oddity_of(s, Oddity::Redirect, redirect.hop, s.frame_mac, key);
        let is_learned = self.memory.oddity_first_seen(&told).is_some_and(|since| self.is_learning(since));
        let is_new = if is_innocent || is_learned && victim.is_none() {
            self.memory.is_new_oddity(told)
        } else {
            self.memory.is_new_oddity_after(told, OVER)
        };
        if !is_new {
            return;
        }
        let is_dear = self.is_gateway(s.segment, router) || self.is_gateway(s.segment, redirect.hop);
        let text = |word: String| Detail::Text(word);
        let mut details =
            vec![("destination", text(redirect.destination.to_string())), ("hop", text(redirect.hop.to_string()))];
        details.extend(hop_mac.map(|mac| ("hop_mac", text(mac.to_string()))));
        let event = Event {
            ip: Some(router),
            old_mac: victim,
            severity: match victim {
                None if is_innocent || self.is_learning(s.at) => Severity::Info,
                _ if is_dear => Severity::Alert,
                _ => Severity::Warning,
            },
            reason: match victim {
                Some(_) => Some(Reason::Spoofed),
                None if is_innocent => None,
                None => Some(Reason::Unknown),
            },
            details,
            ..self.about_host(Kind::Redirect, s.at, s.segment, s.frame_mac)
        };
        self.push(event, events);
    }

    /// Whether traffic may be led to a hop: another station than the sender's, with the MAC that it has, which is a router for
    /// others, or to whom the traffic goes anyway.
    fn is_innocent_hop(&self, s: &Sighting, redirect: &Redirect) -> bool {
        let hop = redirect.hop;
        let is_direct = hop == redirect.destination;
        // Routers of a group lead to the address of their group, whoever holds it at the moment.
        let is_of_group = |mac| self.spoke_of_old(s.segment, mac, s.at);
        let holds = self.memory.holder(s.segment, hop).map(|holder| holder.mac);
        if self.memory.has_role(s.segment, Role::VirtualRouter, hop)
            && is_of_group(s.frame_mac)
            && redirect.hop_mac.or(holds).is_none_or(|mac| mac.kind() == MacKind::Virtual || is_of_group(mac))
        {
            return true;
        }
        let Some(holder) = self.memory.holder(s.segment, hop) else {
            // Nobody knows who that is, and no MAC is forced on hosts: they have to ask. A newcomer is not believed that.
            let since = self.memory.known_since(s.segment, s.frame_mac);
            let is_known = since.is_some_and(|since| is_established(since, s.at));
            return is_known && redirect.hop_mac.is_none() && is_direct && self.is_near(s.segment, hop);
        };
        let is_its_own = redirect.hop_mac.is_none_or(|mac| {
            let said = Sighting { mac, frame_mac: mac, ip: Some(hop), ..s.clone() };
            self.are_one(&said, holder.mac)
        });
        // Who names itself leads nobody elsewhere, if it is the router already.
        let is_self = holder.mac == s.frame_mac || self.is_one_machine(s.segment, s.frame_mac, holder.mac, s.at);
        is_its_own
            && (is_established(holder.first_seen, s.at) || self.is_of_old(holder.first_seen, s.at))
            && (is_direct && !is_self || self.is_router_for_others(s, hop, holder.mac))
    }

    /// Whether the owner lists the router, or it has been one for long enough.
    fn is_router_for_others(&self, s: &Sighting, ip: IpAddr, mac: Mac) -> bool {
        self.lists(s.segment, Role::Router).any(|list| list.has(ip, mac))
            || self.routes_for_others(s.segment, mac, s.at)
    }
}
