//! Names and announcements: DHCPv6, LLMNR, NetBIOS, SSDP, WS-Discovery. A host is named by what it says of itself, not by
//! what others say of it. An address is bound or refreshed, never moved, and nothing that a router may have forwarded is taken
//! to be the router's.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::correlator::announced_roles;
use crate::inventory::correlator::announced_roles::AnnouncedRole;
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind};
use crate::inventory::memory::host;
use crate::inventory::memory::host::Renamed;
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::{HostId, Name};
use crate::inventory::model::prefix;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcpv6::Dhcpv6Claim;
use crate::inventory::sighting::heard::Heard;
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::inventory::sighting::nbns::NbnsClaim;
use crate::inventory::sighting::wsd::{WsdClaim, onvif_name};
use crate::types::{Mac, Text, Timestamp};
use crate::wire::{nbns, ssdp, wsd};

/// RFC 6762, section 2.
pub(super) const MDNS_PORT: u16 = 5353;
/// RFC 4795, section 2.
const LLMNR_PORT: u16 = 5355;
/// RFC 1002, section 4.2.
const NBNS_PORT: u16 = 137;
/// UPnP Device Architecture, section 1.
const SSDP_PORT: u16 = 1900;
/// WS-Discovery, section 2.4.
const WSD_PORT: u16 = 3702;
/// The suffix of a computer's own name, and of its domain's.
const WORKSTATION: u8 = 0;
/// The suffix of the name by which a computer's shares are reached.
const FILE_SERVER: u8 = 0x20;
/// Two names that a host claims within this time are aliases, not an old and a new name: a host that starts announces all
/// its names, one after the other.
const ALIASES: Duration = Duration::from_secs(60);
/// With so many names that differ in a counter only, one more is no news.
const COUNTED_MAX: usize = 4;

impl Correlator {
    pub(super) fn observe_dhcpv6(&mut self, s: &Sighting, claim: &Dhcpv6Claim, events: &mut Vec<Event>) {
        if !s.frame_mac.is_station() {
            return;
        }
        // Between relay and server, and with unicast, the frame's MAC may be a router's.
        let Some(id) = self.neighbour(s, claim.is_near, Source::Dhcpv6) else { return };
        let message = &claim.message;
        if claim.from_server {
            if let Some(ip) = s.ip.filter(|_| message.kind != Dhcpv6Claim::RECONFIGURE) {
                let details = vec![("protocol", Detail::Text(Source::Dhcpv6.name().to_owned()))];
                self.serve(s, ip, None, details, events);
            }
        } else if claim.client.is_some() {
            self.learn_duid(id, message);
        }
        if !claim.from_server
            && claim.client.is_some()
            && let Some(name) = host::dhcpv6_name(message)
        {
            self.learn_own_name(s, id, name, Source::Dhcpv6, events);
        }
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Dhcpv6, events);
        }
        let own = &self.settings.own_macs;
        let is_clients = |client: &Mac| grants(message.kind) && client.is_station() && !own.contains(client);
        let Some(client) = claim.client.filter(is_clients) else { return };
        self.memory.hear(s.segment, client, Source::Dhcpv6, s.at);
        let of_client = Sighting { frame_mac: client, mac: client, ..s.clone() };
        for address in message.addresses.iter().filter(|address| address.valid_s > 0) {
            self.hint(&of_client, IpAddr::V6(address.ip), Source::Dhcpv6, events);
        }
    }

    pub(super) fn observe_llmnr(&mut self, s: &Sighting, heard: &Heard<MdnsClaim>, events: &mut Vec<Event>) {
        let Some(id) = self.neighbour(s, heard.is_near, Source::Llmnr) else { return };
        if !matches!(heard.said, MdnsClaim::Query { .. }) && heard.port == LLMNR_PORT {
            self.hear_service(s, id, LLMNR_PORT, Source::Llmnr);
        }
        if let MdnsClaim::Query { name } = &heard.said {
            self.note_name_query(s, name, Source::Llmnr);
        }
        if let MdnsClaim::Address { name, addr } = &heard.said
            && self.is_its_own(s, id, *addr)
            && !self.is_false_answer(s, (id, *addr), name, Source::Llmnr, events)
            && let Some(name) = host::mdns_name(name)
        {
            self.learn_own_name(s, id, name, Source::Llmnr, events);
        }
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Llmnr, events);
        }
    }

    pub(super) fn observe_nbns(&mut self, s: &Sighting, heard: &Heard<NbnsClaim>, events: &mut Vec<Event>) {
        let Some(id) = self.neighbour(s, heard.is_near, Source::Nbns) else { return };
        let own = match &heard.said {
            NbnsClaim::Address { name, group: false, addr, is_answer }
                if self.is_its_own(s, id, IpAddr::V4(*addr)) && is_hosts(name) =>
            {
                if !is_answer {
                    self.note_own_name(s, &name.name, Source::Nbns);
                }
                let is_false =
                    *is_answer && self.is_false_answer(s, (id, (*addr).into()), &name.name, Source::Nbns, events);
                Some(name).filter(|_| !is_false)
            }
            NbnsClaim::Query { name } if is_hosts(name) => {
                self.note_name_query(s, &name.name, Source::Nbns);
                None
            }
            NbnsClaim::Status { name, group: false, active: true } => Some(name),
            NbnsClaim::Address { .. }
            | NbnsClaim::Goodbye { .. }
            | NbnsClaim::Query { .. }
            | NbnsClaim::Status { .. } => None,
        };
        let answers = matches!(heard.said, NbnsClaim::Address { .. } | NbnsClaim::Status { .. });
        if answers && heard.port == NBNS_PORT {
            self.hear_service(s, id, NBNS_PORT, Source::Nbns);
        }
        if let Some(name) = own.filter(|name| name.suffix == WORKSTATION && !name.name.as_bytes().is_empty()) {
            self.learn_own_name(s, id, name.name.escaped(), Source::Nbns, events);
        }
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Nbns, events);
        }
    }

    pub(super) fn observe_ssdp(&mut self, s: &Sighting, heard: &Heard<ssdp::Message>, events: &mut Vec<Event>) {
        let Some(id) = self.neighbour(s, heard.is_near, Source::Ssdp) else { return };
        if heard.port == SSDP_PORT {
            self.hear_service(s, id, SSDP_PORT, Source::Ssdp);
        }
        if let Some(server) = heard.said.server.as_ref().map(Text::escaped) {
            let prints_max = self.limits.prints_max;
            let learn = |host: &mut _| (host::learn_print(host, Evidence::SsdpServer, server, prints_max), ());
            self.memory.update_host(id, learn);
        }
        self.learn_uuid(id, &heard.said);
        self.learn_announced_role(id, announced_roles::of_ssdp(&heard.said));
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Ssdp, events);
        }
    }

    pub(super) fn observe_wsd(&mut self, s: &Sighting, heard: &Heard<WsdClaim>, events: &mut Vec<Event>) {
        let Some(id) = self.neighbour(s, heard.is_near, Source::Wsd) else { return };
        let WsdClaim { kind, target } = &heard.said;
        let is_target =
            matches!(kind, wsd::MessageKind::Hello | wsd::MessageKind::ProbeMatches | wsd::MessageKind::ResolveMatches);
        if is_target && heard.port == WSD_PORT {
            self.hear_service(s, id, WSD_PORT, Source::Wsd);
        }
        if let Some(name) = onvif_name(&target.scopes).filter(|_| is_target) {
            self.learn_own_name(s, id, name.escaped(), Source::Wsd, events);
        }
        self.learn_announced_role(id, announced_roles::of_wsd(&heard.said));
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Wsd, events);
        }
    }

    /// Notes the role that an announcement shows, if any.
    pub(super) fn learn_announced_role(&mut self, id: HostId, found: Option<AnnouncedRole>) {
        if let Some((role, text)) = found {
            self.add_role(id, role, &text);
        }
    }

    /// A host sent from a protocol's well-known port: it offers that service.
    pub(super) fn hear_service(&mut self, s: &Sighting, id: HostId, port: u16, source: Source) {
        let services_max = self.limits.services_max;
        self.memory.update_host(id, |host| (host::serve(host, "udp", port, source, s.at, services_max), ()));
    }

    /// The sender's host, if the sender is a neighbour: its frame was not forwarded and its address is not foreign, or it is
    /// known to hold the address.
    fn neighbour(&mut self, s: &Sighting, is_near: bool, source: Source) -> Option<HostId> {
        if !s.mac.is_station() {
            return None;
        }
        let is_foreign = |ip| prefix::is_foreign(&self.settings.prefixes, s.segment, ip);
        let is_neighbour = is_near && !s.ip.is_some_and(is_foreign) && !self.may_be_forwarded(s);
        let known = self.memory.host_of(s.segment, s.mac).map(|host| host.id);
        let holds = |ip| known.is_some_and(|id| self.memory.holds(id, ip, s.at));
        if !is_neighbour && !s.ip.is_some_and(holds) {
            return None;
        }
        Some(self.memory.hear(s.segment, s.mac, source, s.at))
    }

    fn is_its_own(&self, s: &Sighting, id: HostId, addr: IpAddr) -> bool {
        s.ip == Some(addr) || self.memory.holds(id, addr, s.at)
    }

    /// Takes in a name that a host gives itself. An alias, and a name that a probe learned as well, is not reported.
    fn learn_own_name(&mut self, s: &Sighting, id: HostId, name: String, source: Source, events: &mut Vec<Event>) {
        if !is_text(&name) {
            return;
        }
        let front = |names: &[Name]| names.iter().find(|known| known.source == source).cloned();
        let before = self.memory.host(id).and_then(|host| front(&host.names));
        let is_alias = before.is_some_and(|before| s.at.since(before.last_seen) < ALIASES);
        let asked = s.ip.and_then(|ip| self.memory.asked(s.segment, ip)).and_then(|asked| front(&asked.names));
        let is_told = asked.is_some_and(|asked| asked.name.eq_ignore_ascii_case(&name));
        if is_alias || is_told {
            let names_max = self.limits.names_max;
            self.memory.update_host(id, |host| {
                let (mark, _) = host::learn_name(&mut host.names, name, source, s.at, names_max);
                (mark, ())
            });
        } else {
            self.learn_name(s, id, name, source, events);
        }
    }

    /// Takes in a name, and reports that it is another one than before. Names in one mDNS message are all the host's
    /// names, and one with a counter (`host-2`, `host-3`, as a responder that meets a conflict goes on to) is reported a few
    /// times only. What is no text names nobody.
    pub(super) fn learn_name(
        &mut self,
        s: &Sighting,
        id: HostId,
        name: String,
        source: Source,
        events: &mut Vec<Event>,
    ) {
        if !is_text(&name) {
            return;
        }
        let names_max = self.limits.names_max;
        let is_known_history = self.memory.is_known_history(id, s.at);
        let is_silent = self.memory.host(id).is_some_and(|host| is_alias_or_counted(&host.names, &name, source, s.at));
        let renamed = self.memory.update_host(id, |known| {
            // A capture file read again brings back names that a full list lost; they are no news.
            let is_listed = known.names.iter().any(|n| n.source == source && n.name.eq_ignore_ascii_case(&name));
            if is_known_history && !is_listed && host::names_are_full(&known.names, source, names_max) {
                return (RowChange::Same, Renamed::No);
            }
            host::learn_name(&mut known.names, name.clone(), source, s.at, names_max)
        });
        if let Some(Renamed::From(old_name)) = renamed.filter(|_| !is_silent) {
            let mut event = self.about_host(Kind::NameChanged, s.at, s.segment, s.mac);
            event.ip = self.memory.best_address(id);
            event.details = vec![
                ("new_name", Detail::Text(name)),
                ("old_name", Detail::Text(old_name)),
                ("source", Detail::Text(source.name().to_owned())),
            ];
            self.push(event, events);
        }
    }
}

/// Whether a NetBIOS name is a computer's, and not a user's, a domain's or a browser's.
fn is_hosts(name: &nbns::Name) -> bool {
    matches!(name.suffix, WORKSTATION | FILE_SERVER)
}

/// Whether an escaped name is text: nothing in it had to be escaped.
fn is_text(name: &str) -> bool {
    !name.contains("\\x") && !name.contains("\\u{")
}

/// Whether a new name is one of several in a message of mDNS, which has one time, or counts on.
fn is_alias_or_counted(names: &[Name], name: &str, source: Source, at: Timestamp) -> bool {
    let mut of_source = names.iter().filter(|known| known.source == source).peekable();
    let is_alias = source == Source::Mdns && of_source.peek().is_some_and(|front| front.last_seen == at);
    let is_counted = |known: &&Name| stem(&known.name).eq_ignore_ascii_case(stem(name));
    is_alias || of_source.filter(is_counted).count() >= COUNTED_MAX
}

/// A name without the counter at its end: `host` of `host-2`, `Host` of `Host (2)`.
pub(super) fn stem(name: &str) -> &str {
    let is_count = |c: char| c.is_ascii_digit() || matches!(c, '-' | ' ' | '(' | ')');
    let stem = name.trim_end_matches(is_count);
    if stem.is_empty() { name } else { stem }
}

/// Whether the addresses of such a message are its client's (RFC 8415, section 18): given by the server, or named by a
/// client that has them already.
fn grants(kind: u8) -> bool {
    const RENEW: u8 = 5;
    const REBIND: u8 = 6;
    matches!(kind, Dhcpv6Claim::REPLY | RENEW | REBIND)
}
