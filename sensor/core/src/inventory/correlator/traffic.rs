//! Frames of any kind: they show which stations are there and which addresses they hold. They never move an address from one
//! station to another, and what a router forwards is never bound to the router.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::correlator::state::{Correlator, Forwarder, Paths, PortDoubt};
use crate::inventory::event::{Detail, Event, Kind};
use crate::inventory::memory::host;
use crate::inventory::model::address::Holder;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::prefix;
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcp::DhcpClaim;
use crate::inventory::sighting::ndp::RouterAdvert;
use crate::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use crate::types::{Class, Iface, Mac, MacKind, Segment, Timestamp};
use crate::wire::syn::Syn;

/// A flood is over when nothing more was held back for this long.
const FLOOD_OVER: Duration = Duration::from_secs(600);
/// Whoever forwarded frames of so many senders is a router; anybody can send one with a strange hop limit.
const FORWARDED_MIN: usize = 4;
/// Prefixes that are taken from one station.
const PREFIXES_MAX: usize = 32;
/// Doubted ports that wait to be taken.
const DOUBTS_MAX: usize = 64;
/// Only a router has addresses in so many IPv4 networks (/24) of one segment.
const NETWORKS_MIN: usize = 4;

impl Correlator {
    /// Prefixes that DHCP (option 1) and router advertisements say are on a segment, in order.
    pub fn learned_prefixes(&self) -> impl Iterator<Item = (Segment, IpNet)> + '_ {
        self.paths.prefixes.keys().copied()
    }

    /// A station sends so many frames of a class that the kernel holds the surplus back.
    pub fn flood(&mut self, segment: Segment, mac: Mac, class: Class, at: Timestamp, events: &mut Vec<Event>) {
        if class == Class::Dhcp && self.answers_a_crowd(segment, mac, at) {
            return;
        }
        let floods = &mut self.floods;
        floods.retain(|(.., last)| at.since(*last) < FLOOD_OVER);
        if let Some(known) = floods.iter_mut().find(|known| (known.0, known.1, known.2) == (segment, mac, class)) {
            known.3 = at;
            return;
        }
        if floods.len() >= Paths::MAX {
            return;
        }
        floods.push((segment, mac, class, at));
        let mut event = self.about_host(Kind::Flood, at, segment, mac);
        event.ip = event.host.and_then(|id| self.memory.best_address(id));
        event.details = vec![("class", Detail::Text(class.name().to_owned()))];
        self.push(event, events);
    }

    pub(super) fn observe_traffic(&mut self, s: &Sighting, claim: &TrafficClaim, events: &mut Vec<Event>) {
        let Some(ip) = s.ip.filter(|ip| prefix::is_holdable(*ip) && s.mac.is_station()) else { return };
        // Before the holder's time another station may have had the address.
        let holder = self.memory.holder(s.segment, ip).filter(|holder| holder.first_seen <= s.at);
        let holder = holder.map(|holder| holder.mac);
        if claim.is_forwarded() {
            // A scanner may send with any hop limit from its own address.
            if holder != Some(s.mac) {
                self.note_forwarded(s, ip);
            }
            return;
        }
        let is_holder = match holder {
            Some(mac) => mac == s.mac,
            // The kernel's count is of a sender that was not taken for a neighbour when its first frame came.
            None if claim.hop_limit.is_none() => self.strangers.is_back(s.segment, s.mac, ip, s.at),
            None => {
                self.is_near(s.segment, ip) && !self.forwards(s.segment, s.mac) && self.is_no_stranger(s, ip, events)
            }
        };
        if is_holder {
            self.hear_speak(s, ip);
            self.hear(s, s.mac, Source::Traffic);
            self.hint(s, ip, Source::Traffic, events);
        }
    }

    /// A service answered some host.
    pub(super) fn observe_served(&mut self, s: &Sighting, claim: &ServedClaim, events: &mut Vec<Event>) {
        self.observe_traffic(s, &TrafficClaim { hop_limit: claim.hop_limit, frames: 1, bytes: 0 }, events);
        let Some(ip) = s.ip else { return };
        let is_holder = |holder: &Holder| holder.mac == s.mac && holder.first_seen <= s.at;
        if !self.memory.holder(s.segment, ip).is_some_and(is_holder) {
            return;
        }
        if claim.protocol == "tcp" {
            self.doubt_closed(s.segment, ip, claim.port);
        }
        let Some(id) = self.memory.host_of(s.segment, s.mac).map(|host| host.id) else { return };
        let services_max = self.limits.services_max;
        self.memory.update_host(id, |host| {
            (host::serve(host, claim.protocol, claim.port, Source::Traffic, s.at, services_max), ())
        });
    }

    /// A SYN-ACK came from a port that refused when it was asked: it is asked again, because anybody can forge one.
    fn doubt_closed(&mut self, segment: Segment, ip: IpAddr, port: u16) {
        let was_closed = self.memory.asked(segment, ip).is_some_and(|asked| {
            let is_open =
                asked.ports.binary_search_by_key(&port, |open| open.port).map(|place| !asked.ports[place].closed);
            is_open == Ok(false) || is_open.is_err() && asked.closed_ports.binary_search(&port).is_ok()
        });
        // Where nobody may be asked, nobody takes them.
        if was_closed && self.doubts.len() < DOUBTS_MAX {
            self.doubts.push(PortDoubt { segment, ip, port, seen_open: true });
        }
    }

    pub(super) fn learn_lease_paths(&mut self, s: &Sighting, claim: &DhcpClaim) {
        if let Some(router) = claim.router {
            keep(&mut self.paths.gateways, (s.segment, router.into()));
        }
        let net =
            claim.yiaddr.zip(claim.netmask).and_then(|(ip, mask)| IpNet::with_netmask(ip.into(), mask.into()).ok());
        if let Some(net) = net.filter(|net| (8..=30).contains(&net.prefix_len())) {
            self.keep_prefix(s, net.trunc());
        }
    }

    /// Notes a prefix of a segment. One station's made-up ones must not keep out another one's.
    fn keep_prefix(&mut self, s: &Sighting, net: IpNet) {
        let prefixes = &mut self.paths.prefixes;
        let of_station = prefixes.values().filter(|mac| **mac == s.frame_mac).count();
        if of_station < PREFIXES_MAX && prefixes.len() < Paths::MAX {
            prefixes.entry((s.segment, net)).or_insert(s.frame_mac);
        }
    }

    pub(super) fn learn_router_paths(&mut self, s: &Sighting, advert: &RouterAdvert) {
        keep(&mut self.paths.routers, (s.segment, s.frame_mac));
        // Addresses of a prefix that is not on-link are elsewhere (RFC 4861, section 6.3.4).
        for prefix in advert.prefixes.iter().filter(|prefix| prefix.on_link) {
            let len = prefix.length;
            if let Some(net) = IpNet::new(prefix.address.into(), len).ok().filter(|_| (32..=127).contains(&len)) {
                self.keep_prefix(s, net.trunc());
            }
        }
    }

    /// Whether an address can be a neighbour's, by the prefixes that are configured or learned; without any, a private address
    /// can.
    pub(super) fn is_near(&self, segment: Segment, ip: IpAddr) -> bool {
        let learned = self.paths.prefixes.keys().any(|(at, net)| *at == segment && net.contains(&ip));
        learned || prefix::is_local(ip) && !prefix::is_foreign(&self.settings.prefixes, segment, ip) || {
            let applies = |at: &Option<Iface>| at.is_none_or(|iface| Segment::untagged(iface) == segment);
            self.settings.prefixes.iter().any(|(at, net)| applies(at) && net.contains(&ip))
        }
    }

    /// Whether a router may have forwarded a multicast message: the sender forwards, and is not known to hold the address.
    pub(super) fn may_be_forwarded(&self, s: &Sighting) -> bool {
        let is_known = |ip| self.memory.holder(s.segment, ip).is_some_and(|holder| holder.mac == s.mac);
        let is_elses = |ip| !prefix::is_link_local(ip) && !is_known(ip);
        s.ip.is_some_and(is_elses) && self.forwards(s.segment, s.mac)
    }

    /// A station sent a frame that a router had forwarded, or that looks so.
    fn note_forwarded(&mut self, s: &Sighting, sender: IpAddr) {
        let key = (s.segment, s.mac);
        if self.paths.forwarders.len() >= Paths::MAX && !self.paths.forwarders.contains_key(&key) {
            return;
        }
        let forwarder = self.paths.forwarders.entry(key).or_insert(Forwarder { since: s.at, senders: BTreeSet::new() });
        if forwarder.senders.len() < FORWARDED_MIN {
            forwarder.senders.insert(sender);
        }
    }

    /// Whether a station asks, and answers, on behalf of others: it is this machine's own gateway; or, since the learning period
    /// or for a day, it is a router, has addresses in many networks, or holds an address that DHCP hands out as the gateway's. What a newcomer says, what is said
    /// of it and what it seems to forward make no router soon.
    pub(super) fn routes_for_others(&self, segment: Segment, mac: Mac, at: Timestamp) -> bool {
        let is_old = |since: Timestamp| self.is_of_old(since, at);
        let holds = |ip: IpAddr| self.memory.holder(segment, ip).is_some_and(|holder| holder.mac == mac);
        let is_gateway = |known: &RoleHolder| is_old(known.first_seen) && holds(known.ip);
        let advertises = |known: &RoleHolder| is_old(known.first_seen) && known.mac == mac;
        let has_forwarded = |forwarder: &Forwarder| forwarder.senders.len() >= FORWARDED_MIN && is_old(forwarder.since);
        self.settings.gateways.iter().any(|(on, ip)| *on == segment && holds(*ip))
            || self.memory.find_role(segment, Role::DhcpRouter, is_gateway).is_some()
            || self.memory.find_role(segment, Role::Router, advertises).is_some()
            || self.memory.find_role(segment, Role::VirtualRouter, advertises).is_some()
            || self.paths.forwarders.get(&(segment, mac)).is_some_and(has_forwarded)
            || self.memory.known_since(segment, mac).is_some_and(is_old)
                && self.memory.ipv4_networks(segment, mac) >= NETWORKS_MIN
    }

    /// Whether a station may forward frames of others: then an address in its frames need not be its own.
    pub(super) fn forwards(&self, segment: Segment, mac: Mac) -> bool {
        let holds = |ip: &IpAddr| self.memory.holder(segment, *ip).is_some_and(|holder| holder.mac == mac);
        mac.kind() == MacKind::Virtual
            || self.paths.forwarders.contains_key(&(segment, mac))
            || self.paths.routers.contains(&(segment, mac))
            || self.paths.gateways.iter().any(|(at, ip)| *at == segment && holds(ip))
    }

    /// A TCP SYN says something of its station's system only where the station is known to hold the address: a router sends
    /// everybody's.
    pub(super) fn observe_syn(&mut self, s: &Sighting, syn: &Syn) {
        let host = self.memory.host_of(s.segment, s.mac).map(|host| host.id);
        let Some(id) = host.filter(|id| s.ip.is_some_and(|ip| self.memory.holds(*id, ip, s.at))) else { return };
        let evidence = if syn.is_answer { Evidence::SynAck } else { Evidence::Syn };
        let (text, prints_max) = (format!("{syn:#}"), self.limits.prints_max);
        self.memory.update_host(id, |host| (host::learn_print(host, evidence, text, prints_max), ()));
    }
}

fn keep<T: Ord>(set: &mut BTreeSet<T>, item: T) {
    if set.len() < Paths::MAX {
        set.insert(item);
    }
}
