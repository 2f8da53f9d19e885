//! DHCP servers and routers: those that are new, those that do not belong there, and those that forge another one's messages.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};

use crate::inventory::correlator::belief::is_established;
use crate::inventory::correlator::settings::Members;
use crate::inventory::correlator::state::{Correlator, Details};
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::model::host::HostRole;
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::model::prefix;
use crate::inventory::model::role::{Role, RoleHolder, RouterFacts};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::inventory::sighting::ndp::RouterAdvert;
use crate::types::{Class, Mac, MacKind, Segment, Text, is_forwarded};
use crate::wire::ndp;

/// What has not been seen for this long is reported again when it comes back.
pub(super) const OVER: Duration = Duration::from_hours(1);

/// Name servers of one message that are noted.
const NAME_SERVERS_MAX: usize = 8;
/// A station that is new as so many routers or DHCP servers makes them up.
const SELVES_MAX: usize = 6;

impl Correlator {
    pub(super) fn observe_server(&mut self, s: &Sighting, claim: &DhcpClaim, events: &mut Vec<Event>) {
        let serves = matches!(claim.message, DhcpMessage::Ack | DhcpMessage::Nak | DhcpMessage::Offer);
        let server = claim.server.map(IpAddr::V4).or(claim.source).filter(|ip| prefix::is_holdable(*ip));
        // An answer to the sender itself serves nobody.
        if let Some(ip) = server.filter(|_| serves && s.frame_mac.is_station() && s.frame_mac != s.mac) {
            let relay = claim.giaddr.map(|relay| relay.to_string());
            let is_relayed = claim.hop_limit.is_some_and(is_forwarded);
            let relay = relay.or_else(|| is_relayed.then(|| s.frame_mac.to_string()));
            if self.serve(s, ip, relay, Vec::new(), events) {
                self.watch_handed_out(s, ip, claim, events);
            }
        }
    }

    /// Notes which router and name servers a DHCP server hands out: what clients' traffic depends on. An established server that
    /// hands out others is reported once for each.
    fn watch_handed_out(&mut self, s: &Sighting, server: IpAddr, claim: &DhcpClaim, events: &mut Vec<Event>) {
        let known = self.memory.role(s.segment, Role::DhcpServer, server);
        let is_established = known.is_some_and(|known| is_established(known.first_seen, s.at));
        let by_server = |known: &RoleHolder| known.mac == s.frame_mac;
        let is_holdable = |ip: &IpAddr| prefix::is_holdable(*ip);
        let routers = claim.router.into_iter().map(IpAddr::V4).filter(is_holdable);
        let servers = claim.name_servers.iter().copied().map(IpAddr::V4).filter(is_holdable).take(NAME_SERVERS_MAX);
        let mut details = Vec::new();
        let lists = [
            (Role::DhcpRouter, "routers", routers.collect::<Vec<_>>()),
            (Role::DhcpNameServer, "name_servers", servers.collect()),
        ];
        for (role, key, handed_out) in lists {
            let had = self.memory.find_role(s.segment, role, by_server).is_some();
            let new: Vec<String> = handed_out
                .iter()
                .filter(|ip| had && !self.memory.has_role(s.segment, role, **ip))
                .map(IpAddr::to_string)
                .collect();
            for ip in handed_out {
                self.note_role(s, role, ip, s.frame_mac);
            }
            if !new.is_empty() {
                details.push((key, Detail::Texts(new)));
            }
        }
        if !details.is_empty() && is_established && !self.is_learning(s.at) {
            let event = self.about_host(Kind::DhcpChanged, s.at, s.segment, s.frame_mac);
            self.push(Event { ip: Some(server), details, ..event }, events);
        }
    }

    /// A DHCP server answered. Through a relay or a router, where one is named, the frame's MAC is not the server's. Whether it
    /// may be the word of the server that is named: what a forger hands out is nothing that was handed out before.
    pub(super) fn serve(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        relay: Option<String>,
        mut details: Details,
        events: &mut Vec<Event>,
    ) -> bool {
        let mut holder = holder_of(s, Role::DhcpServer, ip);
        let mac = Some(s.frame_mac).filter(|_| relay.is_none());
        let other = self.memory.role(s.segment, Role::DhcpServer, ip).filter(|known| Some(known.mac) != mac);
        let other = other.map(|known| known.mac);
        // A relay does not take its server's place.
        holder.mac = other.filter(|_| relay.is_some()).unwrap_or(holder.mac);
        let other = other.filter(|_| relay.is_none());
        if let Some(known) = other.filter(|_| self.is_named_by_another(s, ip)) {
            if self.keep_for_verdict(s, ip, &details) {
                return false;
            }
            if self.memory.is_new_oddity_after(oddity_of(s, Oddity::RogueDhcpServer, ip, s.frame_mac, known), OVER) {
                let event = Event { kind: Kind::RogueDhcpServer, ..self.rogue(s, ip, Reason::Spoofed, details) };
                self.push(Event { old_mac: Some(known), ..event }, events);
            }
            return false;
        }
        details.extend(relay.map(|relay| ("relay", Detail::Text(relay))));
        // A station that takes a server's place is a new server; those that take turns are reported once.
        let is_in_place = other.is_some_and(|known| {
            let since = self.memory.known_since(s.segment, s.frame_mac);
            let is_old = since.is_some_and(|since| self.is_of_old(since, s.at));
            !(is_old && self.is_failover(&as_server(s, ip), ip, known))
                && self.memory.is_new_oddity_after(oddity_of(s, Oddity::RogueDhcpServer, ip, s.frame_mac, known), OVER)
        });
        let is_new = self.memory.note_role(holder) || is_in_place;
        self.assign_roles(s.segment, ip);
        if self.is_unlisted(s.segment, Role::DhcpServer, ip, mac) {
            self.emit_unlisted(s, ip, Oddity::RogueDhcpServer, details, events);
        } else if is_new {
            self.emit_new(s, ip, Kind::NewDhcpServer, details, events);
        }
        true
    }

    /// Whether a station answers in a known DHCP server's name that neither holds its address nor is one with its station.
    fn is_named_by_another(&self, s: &Sighting, ip: IpAddr) -> bool {
        let Some(known) = self.memory.role(s.segment, Role::DhcpServer, ip) else { return false };
        let holder = self.memory.holder(s.segment, ip).map(|holder| holder.mac);
        // A server that moves to other hardware is silent first.
        let is_there = holder.is_some() || is_established(known.first_seen, s.at) && s.at.since(known.last_seen) < OVER;
        is_there && holder != Some(s.frame_mac) && !self.are_one(&as_server(s, ip), known.mac)
    }

    /// Whether a router advertisement comes from the address of another router that is alive: it is reported, and moves
    /// nothing. Once the address has passed to the station by claims (which was reported), the station is the router.
    pub(super) fn is_forged_advert(&mut self, s: &Sighting, advert: &RouterAdvert, events: &mut Vec<Event>) -> bool {
        let Some(ip) = s.ip.filter(|_| s.frame_mac.is_station()) else { return false };
        let Some(known) = self.memory.role(s.segment, Role::Router, ip) else { return false };
        let (victim, heard) = (known.mac, known.last_seen);
        let lifetime_s = known.router.as_ref().map_or(0, |facts| facts.lifetime_s);
        // Hosts forget a router when its lifetime is over (RFC 4861, section 6.3.5): another one may take the address.
        let is_alive = s.at.since(heard) < Duration::from_secs(lifetime_s.into());
        let has_passed = self.memory.holder(s.segment, ip).is_none_or(|holder| holder.mac == s.frame_mac);
        if !is_alive || has_passed || self.are_one(s, victim) {
            return false;
        }
        let told = oddity_of(s, Oddity::SpoofedRouter, ip, s.frame_mac, victim);
        // A capture file that is read again is of a time before the router that is known last.
        if self.settings.history && s.at <= heard {
            return self.memory.has_oddity(&told);
        }
        self.hear(s, s.frame_mac, Source::Ndp);
        if self.memory.is_new_oddity_after(told, OVER) {
            let mut event = self.rogue(s, ip, Reason::Spoofed, advert_details(advert));
            event.old_mac = Some(victim);
            self.push(event, events);
        }
        true
    }

    pub(super) fn observe_router(&mut self, s: &Sighting, advert: &RouterAdvert, events: &mut Vec<Event>) {
        let Some(ip) = s.ip.filter(|_| s.frame_mac.is_station()) else { return };
        let known = self.memory.role(s.segment, Role::Router, ip).cloned();
        let foreign_dns = self.foreign_name_servers(s, ip, advert, known.as_ref());
        let is_unlisted = self.is_unlisted(s.segment, Role::Router, ip, Some(s.frame_mac));
        if !foreign_dns.is_empty() && !is_unlisted && !self.is_learning(s.at) {
            let mut event = self.rogue(s, ip, Reason::ForeignDns, advert_details(advert));
            event.details.push(("name_servers", Detail::Texts(foreign_dns.iter().map(Ipv6Addr::to_string).collect())));
            self.push(event, events);
        }
        // A lifetime of 0 says that it is no default router: that matters only of one that was known.
        if advert.lifetime_s == 0 {
            let Some(known) = &known else { return };
            self.emit_end(s, ip, known, advert, events);
        }
        self.learn_router_paths(s, advert);
        if let Some(id) = self.memory.host_of(s.segment, s.frame_mac).map(|host| host.id) {
            self.add_role(id, HostRole::Router, "ra");
        }
        let router = RouterFacts {
            lifetime_s: advert.lifetime_s,
            managed: advert.managed,
            other: advert.other,
            rdnss: advert.rdnss.clone(),
            dnssl: advert.dnssl.iter().map(Text::escaped).collect(),
        };
        let holder = RoleHolder { prefixes: nets(advert), router: Some(router), ..holder_of(s, Role::Router, ip) };
        // Routers of a group take turns in sending with the group's MAC, each from its own address.
        let is_known_group = s.frame_mac.kind() == MacKind::Virtual && self.memory.is_router(s.segment, s.frame_mac);
        let is_new = self.memory.note_role(holder) && !is_known_group;
        if is_unlisted {
            self.emit_unlisted(s, ip, Oddity::RogueRouter, advert_details(advert), events);
        } else if self.brings_foreign_prefix(s, ip, advert, is_new) {
            let event = self.rogue(s, ip, Reason::ForeignPrefix, advert_details(advert));
            self.push(event, events);
        } else if is_new {
            self.emit_new(s, ip, Kind::NewRouter, advert_details(advert), events);
        }
    }

    /// A default router says that it is none any more. In a redundancy group another router takes over, and nothing is wrong.
    fn emit_end(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        known: &RoleHolder,
        advert: &RouterAdvert,
        events: &mut Vec<Event>,
    ) {
        let was_default = known.router.as_ref().is_some_and(|facts| facts.lifetime_s > 0);
        let is_group = s.frame_mac.kind() == MacKind::Virtual || self.share_group(s, s.mac);
        let told = oddity_of(s, Oddity::ZeroLifetime, ip, s.frame_mac, s.frame_mac);
        if was_default && !is_group && self.memory.is_new_oddity_after(told, OVER) {
            let mut event = self.rogue(s, ip, Reason::ZeroLifetime, advert_details(advert));
            event.severity = if self.is_learning(s.at) { Severity::Info } else { Severity::Warning };
            self.push(event, events);
        }
    }

    /// Notes the name servers of an advertisement. Returns those that no router announced before, where that is odd: from a
    /// known router, or from one that announces nothing but name servers.
    fn foreign_name_servers(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        advert: &RouterAdvert,
        known: Option<&RoleHolder>,
    ) -> Vec<Ipv6Addr> {
        let is_odd = match known {
            // An older database does not say what the router announced.
            Some(known) => known.router.is_some(),
            None => advert.lifetime_s == 0 && self.memory.find_router(s.segment, |_| true).is_some(),
        };
        let before: &[Ipv6Addr] = known.and_then(|known| known.router.as_ref()).map_or(&[], |facts| &facts.rdnss);
        let mut foreign = Vec::new();
        for &server in &advert.rdnss {
            let address = IpAddr::V6(server);
            let announces =
                |known: &RoleHolder| known.router.as_ref().is_some_and(|facts| facts.rdnss.contains(&server));
            let is_announced = self.memory.find_router(s.segment, announces).is_some();
            let is_anew = self.memory.is_new_oddity(oddity_of(s, Oddity::NameServer, address, Mac::ZERO, Mac::ZERO));
            let held_by = self.memory.holder(s.segment, address).map(|holder| holder.mac);
            // Who is off the link is asked through the router, and is not the router, whatever one frame says.
            let is_its_own = address == ip
                || self.is_near(s.segment, address)
                    && held_by.is_some_and(|mac| mac == s.frame_mac || self.are_one(s, mac));
            // A renumbered network keeps its name server's interface identifier, in the prefix that is announced with it.
            let is_renumbered = before.iter().any(|old| identifier(*old) == identifier(server))
                && nets(advert).iter().any(|net| net.contains(&address));
            if is_odd && is_anew && !is_announced && !is_its_own && !is_renumbered {
                foreign.push(server);
            }
        }
        foreign
    }

    /// Whether a router announces a prefix that is not the segment's. Where prefixes are configured, every router is compared
    /// with them, once for each prefix; else a new one is compared with the known ones. Withdrawn and deprecated prefixes do
    /// not count: no host makes an address of them.
    fn brings_foreign_prefix(&mut self, s: &Sighting, ip: IpAddr, advert: &RouterAdvert, is_new: bool) -> bool {
        let is_learning = self.is_learning(s.at);
        let is_used = |prefix: &ndp::Prefix| prefix.valid_s > 0 && prefix.preferred_s > 0;
        let configured = |net: &IpNet| !prefix::is_foreign(&self.settings.prefixes, s.segment, net.addr());
        let (used, old): (Vec<_>, Vec<_>) = advert.prefixes.iter().partition(|prefix| is_used(prefix));
        let used: Vec<IpNet> = used.into_iter().filter_map(net_of).collect();
        // A router that renumbers withdraws the segment's prefix while it announces the next one.
        let renumbers = old.into_iter().filter_map(net_of).any(|net| configured(&net));
        let foreign: Vec<IpNet> = used.iter().filter(|net| !configured(net)).copied().collect();
        if !foreign.is_empty() {
            let mut is_anew = false;
            for net in foreign {
                let told = oddity_of(s, Oddity::ForeignPrefix, net.addr(), s.frame_mac, s.frame_mac);
                is_anew |= self.memory.is_new_oddity(told);
            }
            return is_anew && !renumbers && !is_learning;
        }
        let is_judged = is_new && !is_learning && !self.is_listed(s.segment, Role::Router, ip, s.frame_mac);
        let is_none = |net: &IpNet, known: &RoleHolder| {
            known.prefixes.iter().all(|other| !other.contains(net) && !net.contains(other))
        };
        let has_prefixes = |known: &RoleHolder| known.ip != ip && !known.prefixes.is_empty();
        let knows = |net: &IpNet| {
            self.memory.find_router(s.segment, |known| has_prefixes(known) && !is_none(net, known)).is_some()
        };
        is_judged
            && !used.is_empty()
            && self.memory.find_router(s.segment, has_prefixes).is_some()
            && !used.iter().any(knows)
    }

    fn emit_unlisted(&mut self, s: &Sighting, ip: IpAddr, oddity: Oddity, details: Details, events: &mut Vec<Event>) {
        if self.memory.is_new_oddity(oddity_of(s, oddity, ip, s.frame_mac, s.frame_mac)) {
            let kind = if oddity == Oddity::RogueRouter { Kind::RogueRouter } else { Kind::RogueDhcpServer };
            let event = Event { kind, ..self.rogue(s, ip, Reason::Unlisted, details) };
            self.push(event, events);
        }
    }

    fn emit_new(&mut self, s: &Sighting, ip: IpAddr, kind: Kind, details: Details, events: &mut Vec<Event>) {
        // One station is not many routers or servers: that it says so is told once.
        let of_station = |known: &RoleHolder| known.mac == s.frame_mac;
        let role = if kind == Kind::NewRouter { Role::Router } else { Role::DhcpServer };
        if self.memory.count_roles(s.segment, role, of_station) > SELVES_MAX {
            let class = if kind == Kind::NewRouter { Class::Ndp } else { Class::Dhcp };
            self.flood(s.segment, s.frame_mac, class, s.at, events);
            return;
        }
        let mut event = self.about_host(kind, s.at, s.segment, s.frame_mac);
        event.ip = Some(ip);
        // A server that the owner listed and that the sensor found by asking is no news.
        let is_expected = self.settings.own_macs.contains(&s.mac) && self.is_listed(s.segment, role, ip, s.frame_mac);
        event.severity = if is_expected { Severity::Info } else { self.severity_of_new(kind, s.at) };
        event.details = details;
        self.push(event, events);
    }

    fn rogue(&self, s: &Sighting, ip: IpAddr, reason: Reason, details: Details) -> Event {
        let event = self.about_host(Kind::RogueRouter, s.at, s.segment, s.frame_mac);
        Event { ip: Some(ip), reason: Some(reason), details, ..event }
    }

    pub(super) fn lists(&self, segment: Segment, role: Role) -> impl Iterator<Item = &Members> {
        let here = self.settings.allow.iter().filter(move |allow| allow.segment.is_none_or(|at| at == segment));
        let lists = here.map(move |allow| match role {
            Role::DhcpServer => &allow.dhcp_servers,
            Role::DhcpNameServer | Role::DhcpRouter | Role::Router | Role::VirtualRouter => &allow.routers,
        });
        lists.filter(|list| !list.is_empty())
    }

    fn is_listed(&self, segment: Segment, role: Role, ip: IpAddr, mac: Mac) -> bool {
        self.lists(segment, role).any(|list| list.has(ip, mac))
    }

    /// Whether the role is restricted on the segment and this station is not on a list. Where its MAC is not known, lists of
    /// MACs do not count.
    fn is_unlisted(&self, segment: Segment, role: Role, ip: IpAddr, mac: Option<Mac>) -> bool {
        let Some(mac) = mac else {
            let mut lists = self.lists(segment, role).peekable();
            return lists.peek().is_some() && !lists.any(|list| list.ips.contains(&ip) || !list.macs.is_empty());
        };
        // A DHCPv6 server sends from a link-local address, while its owner lists the other one.
        let is_listed_otherwise = |list: &Members| {
            let holds = |known: &IpAddr| self.memory.holder(segment, *known).is_some_and(|holder| holder.mac == mac);
            role == Role::DhcpServer && ip.is_ipv6() && list.ips.iter().any(holds)
        };
        let mut lists = self.lists(segment, role).peekable();
        lists.peek().is_some() && !lists.any(|list| list.has(ip, mac) || is_listed_otherwise(list))
    }
}

fn advert_details(advert: &RouterAdvert) -> Details {
    vec![
        ("lifetime_s", Detail::Number(u64::from(advert.lifetime_s))),
        ("prefixes", Detail::Texts(nets(advert).iter().map(IpNet::to_string).collect())),
    ]
}

/// The prefixes of an advertisement, in order.
fn nets(advert: &RouterAdvert) -> Vec<IpNet> {
    let mut nets: Vec<IpNet> = advert.prefixes.iter().filter_map(net_of).collect();
    nets.sort_unstable();
    nets.dedup();
    nets
}

fn net_of(prefix: &ndp::Prefix) -> Option<IpNet> {
    Ipv6Net::new(prefix.address, prefix.length).ok().map(|net| IpNet::V6(net.trunc()))
}

/// The lower half of an address (RFC 4291, section 2.5.1).
fn identifier(address: Ipv6Addr) -> u64 {
    address.to_bits() as u64
}

/// The row of an oddity that was seen now.
pub(super) fn oddity_of(s: &Sighting, oddity: Oddity, ip: IpAddr, mac: Mac, frame_mac: Mac) -> ReportedOddity {
    ReportedOddity { segment: s.segment, oddity, ip, mac, frame_mac, first_seen: s.at, last_seen: s.at }
}

/// A DHCP server's answer as the word of its frame's station about the server's address.
fn as_server(s: &Sighting, ip: IpAddr) -> Sighting {
    Sighting { mac: s.frame_mac, ip: Some(ip), ..s.clone() }
}

fn holder_of(s: &Sighting, role: Role, ip: IpAddr) -> RoleHolder {
    let (segment, mac, at) = (s.segment, s.frame_mac, s.at);
    RoleHolder { segment, role, ip, mac, first_seen: at, last_seen: at, prefixes: Vec::new(), router: None }
}
