//! LLDP, CDP, spanning tree, group membership, first-hop redundancy: what switches and routers announce. It shows
//! which stations are there, names machines, gives them roles, and says to which switch's port a segment is connected. None of
//! it moves an address.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::inventory::correlator::belief::is_established;
use crate::inventory::correlator::related::{group_words, is_same_balancer};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::Event;
use crate::inventory::memory::binding::Weight;
use crate::inventory::memory::host;
use crate::inventory::model::host::{HostId, HostRole};
use crate::inventory::model::identity::{unit_id, words_id};
use crate::inventory::model::prefix;
use crate::inventory::model::role::{Neighbour, Role, RoleHolder};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, MacKind, Segment, Text, hex};
use crate::wire::cdp;
use crate::wire::lldp;
use crate::wire::membership;
use crate::wire::redundancy;
use crate::wire::stp;

/// Most addresses of one announcement that are taken.
const MENTIONS_MAX: usize = 4;
/// Most stations that are remembered to speak for groups.
const SPEAKERS_MAX: usize = 256;

impl Correlator {
    /// Notes that a host has a role, and on what evidence.
    pub(super) fn add_role(&mut self, id: HostId, role: HostRole, evidence: &str) {
        self.memory.update_host(id, |host| (host::learn_role(host, role, evidence), ()));
    }

    pub(super) fn observe_lldp(&mut self, s: &Sighting, message: &lldp::Message, events: &mut Vec<Event>) {
        if !s.mac.is_station() {
            return;
        }
        self.memory.hear(s.segment, s.mac, Source::Lldp, s.at);
        let (chassis, port) = (message.chassis.value.text(), message.port.value.text());
        let id = words_id(&[b"lldp", &[message.chassis.subtype], chassis.as_bytes(), port.as_bytes()]);
        if message.ttl_s == 0 {
            self.memory.neighbour_left(s.segment, id, s.at);
            return;
        }
        let does = message.capabilities.map_or(0, |capabilities| capabilities.enabled);
        let base = match message.chassis.value {
            lldp::Value::Mac(mac) => Some(mac).filter(|mac| mac.is_station() && mac.kind() != MacKind::Virtual),
            _ => None,
        };
        let neighbour = Neighbour {
            id,
            unit: unit_of_lldp(message, &chassis, base),
            name: words(message.system_name.as_ref()),
            port_description: words(message.port_description.as_ref()),
            bridges: is_bridge(does),
            ttl_s: message.ttl_s,
            ..neighbour_of(s, Source::Lldp, &chassis, &port)
        };
        let Some(host) = self.meet(s, neighbour, base) else { return };
        for (role, evidence) in lldp_roles(message, does) {
            self.add_role(host, role, evidence);
        }
        if let Some(name) = words(message.system_name.as_ref()) {
            self.learn_name(s, host, name, Source::Lldp, events);
        }
        self.mention(s, &message.management, Source::Lldp, events);
    }

    pub(super) fn observe_cdp(&mut self, s: &Sighting, message: &cdp::Message, events: &mut Vec<Event>) {
        if !s.mac.is_station() {
            return;
        }
        let host = self.memory.hear(s.segment, s.mac, Source::Cdp, s.at);
        let (Some(device), Some(port)) = (&message.device_id, &message.port) else { return };
        let id = words_id(&[b"cdp", device.as_bytes(), port.as_bytes()]);
        if message.ttl_s == 0 {
            self.memory.neighbour_left(s.segment, id, s.at);
            return;
        }
        let does = message.capabilities.unwrap_or(0);
        let neighbour = Neighbour {
            id,
            unit: unit_of_cdp(message, device),
            name: words(Some(device)),
            bridges: is_cdp_bridge(does),
            ttl_s: message.ttl_s.into(),
            ..neighbour_of(s, Source::Cdp, device, port)
        };
        let host = self.meet(s, neighbour, None).unwrap_or(host);
        for role in cdp_roles(does) {
            self.add_role(host, role, &format!("cdp: {}", capability_words(does)));
        }
        if let Some(name) = words(Some(device)) {
            self.learn_name(s, host, name, Source::Cdp, events);
        }
        let addresses = [&message.management[..], &message.addresses].concat();
        self.mention(s, &addresses, Source::Cdp, events);
    }

    pub(super) fn observe_stp(&mut self, s: &Sighting, message: &stp::Message) {
        if !s.mac.is_station() {
            return;
        }
        let host = self.memory.hear(s.segment, s.mac, Source::Stp, s.at);
        let Some(configuration) = message.configuration.filter(|c| c.bridge.mac.is_station()) else {
            return;
        };
        let base = configuration.bridge.mac;
        let port = format!("{:04x}", configuration.port);
        // The priority may change; the bridge is its address.
        let chassis = Text::new(base.to_string().as_bytes());
        let neighbour = Neighbour {
            id: words_id(&[b"stp", &base.0, port.as_bytes()]),
            unit: Some(unit_id(base)),
            bridges: true,
            ..neighbour_of(s, Source::Stp, &chassis, &Text::new(port.as_bytes()))
        };
        let host = self.meet(s, neighbour, Some(base)).unwrap_or(host);
        self.add_role(host, HostRole::Switch, "stp bridge");
    }

    /// Group membership shows that a station is there and still holds its address.
    pub(super) fn observe_membership(&mut self, s: &Sighting, message: &membership::Message, events: &mut Vec<Event>) {
        let source = match message.protocol {
            membership::Protocol::Igmp => Source::Igmp,
            membership::Protocol::Mld => Source::Mld,
        };
        self.hear(s, s.mac, source);
        self.refresh(s, source, events);
    }

    /// The virtual station and its addresses belong to the group; a sender with a MAC of its own is a router of the group.
    pub(super) fn observe_redundancy(&mut self, s: &Sighting, message: &redundancy::Message, events: &mut Vec<Event>) {
        if !s.mac.is_station() {
            return;
        }
        let source = match message.protocol {
            redundancy::Protocol::Carp => Source::Carp,
            redundancy::Protocol::Glbp => Source::Glbp,
            redundancy::Protocol::Hsrp => Source::Hsrp,
            redundancy::Protocol::Vrrp => Source::Vrrp,
        };
        let sender = self.memory.hear(s.segment, s.mac, source, s.at);
        let evidence = format!("{} group {}", message.protocol.name(), message.group);
        if self.speakers.len() < SPEAKERS_MAX {
            self.speakers.entry((s.segment, s.mac)).or_insert(s.at);
        }
        let is_groups = |mac: Mac| message.virtual_macs.contains(&mac);
        if s.mac.kind() != MacKind::Virtual || is_groups(s.mac) {
            self.add_role(sender, HostRole::Router, &evidence);
        }
        // CARP hides its routers behind a MAC of the group, and says its sender's own address only.
        if message.protocol == redundancy::Protocol::Carp
            && let Some(id) = s.ip.and_then(|ip| self.memory.host_at(s.segment, ip)).map(|host| host.id)
        {
            self.add_role(id, HostRole::Router, &evidence);
        }
        for &ip in &message.addresses {
            if is_groups(s.mac) {
                self.hint(s, ip, source, events);
            }
            if let Some(mac) = message.virtual_macs.first().filter(|_| prefix::is_holdable(ip)) {
                self.note_role(s, Role::VirtualRouter, ip, *mac);
            }
        }
        if s.mac.kind() != MacKind::Virtual {
            self.refresh(s, source, events);
        }
    }

    /// A message says that an address plays a role: its host has the role, now or when it becomes known.
    pub(super) fn note_role(&mut self, s: &Sighting, role: Role, ip: IpAddr, mac: Mac) {
        let (segment, first_seen, last_seen) = (s.segment, s.at, s.at);
        self.memory.note_role(RoleHolder {
            segment,
            role,
            ip,
            mac,
            first_seen,
            last_seen,
            prefixes: Vec::new(),
            router: None,
        });
        self.assign_roles(segment, ip);
    }

    /// Gives an address's host the roles that others say the address has.
    pub(super) fn assign_roles(&mut self, segment: Segment, ip: IpAddr) {
        let [holder, earlier @ ..] = self.memory.holders(segment, ip) else { return };
        // Whoever took the address from another station a moment ago does not play its role.
        if !earlier.is_empty() && !is_established(holder.first_seen, holder.last_seen) {
            return;
        }
        let mac = holder.mac;
        let Some(id) = self.memory.host_of(segment, mac).map(|host| host.id) else { return };
        let of_role = |role| self.memory.role(segment, role, ip).map(|holder| holder.mac);
        let serves = of_role(Role::DhcpServer).is_some();
        let routes = of_role(Role::DhcpRouter).is_some();
        let group = of_role(Role::VirtualRouter).filter(|group| *group == mac || is_same_balancer(*group, mac));
        if serves {
            self.add_role(id, HostRole::DhcpServer, "dhcp");
        }
        if routes {
            self.add_role(id, HostRole::Router, "dhcp option 3");
        }
        if let Some(evidence) = group.and_then(group_words) {
            self.add_role(id, HostRole::Router, &evidence);
        }
    }

    /// Notes a neighbour, and makes one host of the stations that are one machine. Returns that host.
    fn meet(&mut self, s: &Sighting, neighbour: Neighbour, base: Option<Mac>) -> Option<HostId> {
        let unit = neighbour.unit;
        self.memory.note_neighbour(neighbour);
        match unit {
            Some(unit) => self.memory.join_unit(s.segment, s.mac, unit, base),
            None => self.memory.host_of(s.segment, s.mac).map(|host| host.id),
        }
    }

    /// A machine announces its management addresses: they bind only as long as nobody claims them.
    fn mention(&mut self, s: &Sighting, addresses: &[IpAddr], source: Source, events: &mut Vec<Event>) {
        let addresses: BTreeSet<IpAddr> = addresses.iter().copied().filter(|ip| prefix::is_holdable(*ip)).collect();
        for ip in addresses.into_iter().take(MENTIONS_MAX) {
            self.hint(s, ip, source, events);
        }
    }

    /// Whether an address is known only as a management address that a port announced, and the sighting's station is another
    /// one of the same machine.
    pub(super) fn is_own_mention(&self, s: &Sighting, ip: IpAddr, source: Source) -> bool {
        let Some(holder) = self.memory.holder(s.segment, ip).filter(|holder| holder.mac != s.mac) else { return false };
        let is_mentioned = holder.sources.iter().all(Source::is_mention);
        is_mentioned && !source.is_mention() && self.is_one_host(s.segment, holder.mac, s.mac)
    }

    /// Whether the message says that a group's virtual station holds the group's address. Any router of the group may send that
    /// with its own MAC (RFC 9568, section 8.1.1), and it takes the address from nobody.
    pub(super) fn is_of_group(&self, s: &Sighting) -> bool {
        let holder = s.ip.and_then(|ip| self.memory.role(s.segment, Role::VirtualRouter, ip));
        holder.is_some_and(|holder| holder.mac == s.mac || is_same_balancer(holder.mac, s.mac))
    }

    /// Refreshes the binding of the sender's address, if the sender is its known holder.
    fn refresh(&mut self, s: &Sighting, source: Source, events: &mut Vec<Event>) {
        if let Some(ip) = s.ip
            && self.memory.holder(s.segment, ip).is_some_and(|holder| holder.mac == s.mac)
        {
            self.weigh(s, ip, source, Weight::Hint, events);
        }
    }
}

/// A neighbour of which only this is known.
fn neighbour_of(s: &Sighting, source: Source, chassis: &Text, port: &Text) -> Neighbour {
    Neighbour {
        segment: s.segment,
        id: 0,
        source,
        unit: None,
        mac: s.mac,
        chassis: readable(chassis),
        port: readable(port),
        name: None,
        port_description: None,
        bridges: false,
        ttl_s: 0,
        gone: false,
        first_seen: s.at,
        last_seen: s.at,
    }
}

/// A text that is not empty; `None` for bytes that are no text. Some machines send the NUL that ends a string.
fn words(text: Option<&Text>) -> Option<String> {
    let bytes = text?.as_bytes();
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    Text::new(&bytes[..end]).as_clean().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// An identifier as people write it. Bytes that are no text are a MAC where they are six, else hexadecimal.
fn readable(id: &Text) -> String {
    let bytes = id.as_bytes();
    let of_bytes = || <[u8; 6]>::try_from(bytes).map_or_else(|_| hex(bytes), |mac| Mac(mac).to_string());
    words(Some(id)).unwrap_or_else(of_bytes)
}

/// What identifies the machine: a MAC or an address does. Other chassis ids may be a factory default: they need the
/// machine's name too.
fn unit_of_lldp(message: &lldp::Message, chassis: &Text, base: Option<Mac>) -> Option<u64> {
    match message.chassis.value {
        lldp::Value::Mac(_) => base.map(unit_id),
        lldp::Value::Ip(ip) if prefix::is_holdable(ip) => Some(words_id(&[b"ip", ip.to_string().as_bytes()])),
        lldp::Value::Ip(_) => None,
        lldp::Value::Text(_) => {
            let name = message.system_name.as_ref().map(Text::as_bytes).filter(|name| !name.is_empty())?;
            Some(words_id(&[b"lldp", &[message.chassis.subtype], chassis.as_bytes(), name]))
        }
    }
}

/// What identifies the machine: its device id, which may be a factory default, with its first address.
fn unit_of_cdp(message: &cdp::Message, device: &Text) -> Option<u64> {
    let addresses = message.management.iter().chain(&message.addresses);
    let ip = addresses.copied().find(|ip| prefix::is_holdable(*ip))?;
    Some(words_id(&[b"cdp", device.as_bytes(), ip.to_string().as_bytes()]))
}

/// Whether the machine is a switch. Access points and telephones bridge too, but are no switches.
fn is_bridge(does: u16) -> bool {
    does & lldp::BRIDGE != 0 && does & (lldp::ACCESS_POINT | lldp::TELEPHONE) == 0
}

fn lldp_roles(message: &lldp::Message, does: u16) -> Vec<(HostRole, &'static str)> {
    let is_phone = message.med.as_ref().is_some_and(|med| med.class == Some(lldp::MED_COMMUNICATION));
    let roles = [
        (is_bridge(does), HostRole::Switch, "lldp: bridge"),
        (does & lldp::ACCESS_POINT != 0, HostRole::AccessPoint, "lldp: wlan-access-point"),
        (does & lldp::ROUTER != 0, HostRole::Router, "lldp: router"),
        (does & lldp::TELEPHONE != 0, HostRole::Phone, "lldp: telephone"),
        (is_phone, HostRole::Phone, "lldp-med: class III"),
    ];
    roles.into_iter().filter(|(holds, ..)| *holds).map(|(_, role, evidence)| (role, evidence)).collect()
}

/// As [`is_bridge`].
fn is_cdp_bridge(does: u32) -> bool {
    let bridges = does & (cdp::SWITCH | cdp::TRANSPARENT_BRIDGE | cdp::SOURCE_BRIDGE) != 0;
    bridges && does & cdp::PHONE == 0 && !is_cdp_access_point(does)
}

/// Access points announce themselves as routers that bridge.
fn is_cdp_access_point(does: u32) -> bool {
    does & (cdp::ROUTER | cdp::TRANSPARENT_BRIDGE | cdp::SWITCH) == cdp::ROUTER | cdp::TRANSPARENT_BRIDGE
}

fn cdp_roles(does: u32) -> impl Iterator<Item = HostRole> {
    let routes = does & cdp::ROUTER != 0 && does & cdp::TRANSPARENT_BRIDGE == 0;
    let roles = [
        (does & cdp::PHONE != 0, HostRole::Phone),
        (routes, HostRole::Router),
        (does & cdp::SWITCH != 0, HostRole::Switch),
    ];
    roles.into_iter().filter(|(holds, _)| *holds).map(|(_, role)| role)
}

fn capability_words(does: u32) -> String {
    let words = (0..).zip(cdp::CAPABILITIES).filter(|(bit, _)| does >> bit & 1 != 0).map(|(_, word)| word);
    words.collect::<Vec<_>>().join(" ")
}
