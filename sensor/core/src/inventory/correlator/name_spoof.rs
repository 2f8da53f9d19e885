//! Answers for names that belong to others or to nobody: by LLMNR, NetBIOS and mDNS anybody may answer, and who answers for a
//! server's name, or for one that was mistyped, is sent its clients' passwords. Hosts answer for their own few names; what a
//! station repeats of others (a reflector, a proxy) gives the others' addresses and is not looked at.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::inventory::correlator::belief::{LONG_KNOWN, is_established};
use crate::inventory::correlator::name_log::Answered;
use crate::inventory::correlator::names::stem;
use crate::inventory::correlator::rogue::{OVER, oddity_of};
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::model::host::{Host, HostId, HostRole, Name};
use crate::inventory::model::oddity::Oddity;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, Text, Timestamp};

/// Names that clients look for by themselves: whoever answers for them becomes the web proxy or the IPv6 gateway.
const ALLURING: [&str; 2] = ["isatap", "wpad"];
/// Names in the weight of one that was answered by LLMNR or NetBIOS; one that was answered by mDNS alone, where hosts
/// may have many aliases, weighs half.
const WEIGHT_UNICAST: usize = 2;
const WEIGHT_MDNS: usize = 1;
/// From this weight on a station answers for everything: four names of two askers, or eight names.
const WEIGHT_OF_TWO: usize = 8;
const WEIGHT_OF_ONE: usize = 16;
/// A host that was not heard for so long may have given up its name.
const LIVING: Duration = Duration::from_secs(600);
/// The address in the row of a told station.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Names that an event lists.
const NAMES_MAX: usize = 16;

impl Correlator {
    /// A station asks for a name.
    pub(super) fn note_name_query(&mut self, s: &Sighting, name: &Text, source: Source) {
        if let Some(name) = key(name, source).filter(|_| s.mac.is_station()) {
            self.name_log.ask(s.segment, s.mac, name, s.at);
        }
    }

    /// A station announces a name of its own without being asked.
    pub(super) fn note_own_name(&mut self, s: &Sighting, name: &Text, source: Source) {
        if let Some(name) = key(name, source) {
            self.name_log.announce(s.segment, s.mac, name);
        }
    }

    /// A station answers for a name with an address of its own, `addr`. Whether the name is not its own, as far as can be told:
    /// then the station is not called by it.
    pub(super) fn is_false_answer(
        &mut self,
        s: &Sighting,
        (id, addr): (HostId, IpAddr),
        name: &Text,
        source: Source,
        events: &mut Vec<Event>,
    ) -> bool {
        let Some(name) = key(name, source) else { return false };
        if source == Source::Mdns && self.name_log.askers(s.segment, &name, s.mac, s.at).is_empty() {
            self.name_log.announce(s.segment, s.mac, name);
            return false;
        }
        let memory = &self.memory;
        // What a station was called by before a restart counts as announced, unless it was told of it.
        let is_honest = !memory.has_oddity(&oddity_of(s, Oddity::NameSpoof, NOWHERE, s.mac, Mac::ZERO));
        let restored_until = self.name_log.restored_until.filter(|_| is_honest);
        let whose = |is_announced: bool| {
            let is_own = is_own_name(memory.host(id), &name, is_announced, restored_until, s.at);
            let owns: fn(&Host, &str, Timestamp) -> bool = if is_own { owns_by_dhcp } else { owns };
            let is_owner = |host: &Host| host.id != id && host.segment == s.segment && owns(host, &name, s.at);
            (is_own, memory.find_host(is_owner).map(|host| host.id))
        };
        let answered = self.name_log.answer((s.segment, s.mac), &name, source != Source::Mdns, s.at, whose);
        let is_false = |answered: &&Answered| !answered.is_own || answered.owner.is_some();
        if answered.iter().find(|answered| answered.name == name).is_none_or(|answered| !is_false(&answered)) {
            return false;
        }
        let others = || answered.iter().filter(|answered| !answered.is_own);
        let askers: BTreeSet<Mac> = others().flat_map(|answered| &answered.askers).copied().collect();
        let weight = |answered: &Answered| if answered.is_unicast { WEIGHT_UNICAST } else { WEIGHT_MDNS };
        let is_everything =
            others().map(weight).sum::<usize>() >= if askers.len() > 1 { WEIGHT_OF_TWO } else { WEIGHT_OF_ONE };
        let is_alluring = others().any(|answered| is_alluring(&answered.name));
        let owners: BTreeSet<HostId> = answered.iter().filter_map(|answered| answered.owner).collect();
        let names: Vec<String> = answered.iter().filter(is_false).map(|answered| answered.name.clone()).collect();
        let owners: Vec<HostId> = owners.into_iter().filter(|owner| self.is_living(*owner, s.at)).collect();
        // Infrastructure answers for the names of its network.
        let is_anybodys = (is_alluring || is_everything) && !self.is_server_of_names(s, id);
        // One other name may be this machine's own, by its other interface; with a name of its own, or with two, it is not.
        let is_others = owners.len() > 1 || owners.len() == 1 && self.has_other_name(s, id, &names);
        if is_anybodys || is_others {
            let owner = if is_others { self.first_server(&owners).or(owners.first().copied()) } else { None };
            self.emit_name_spoof(s, addr, owner, names, askers.len(), events);
        }
        is_anybodys || is_others
    }

    fn emit_name_spoof(
        &mut self,
        s: &Sighting,
        addr: IpAddr,
        owner: Option<HostId>,
        mut names: Vec<String>,
        askers: usize,
        events: &mut Vec<Event>,
    ) {
        let is_servers = owner.is_some_and(|owner| self.serves_network(owner));
        let owner_mac = owner.and_then(|owner| self.memory.first_mac(owner));
        // What was a warning is told again when it comes to the name of a server of the network.
        let of_server = owner_mac.filter(|_| is_servers).unwrap_or(Mac::ZERO);
        if !self.memory.is_new_oddity_after(oddity_of(s, Oddity::NameSpoof, NOWHERE, s.mac, of_server), OVER) {
            return;
        }
        let mut event = self.about_host(Kind::NameSpoofSuspected, s.at, s.segment, s.mac);
        (event.ip, event.old_mac) = (Some(addr), owner_mac);
        names.truncate(NAMES_MAX);
        if is_servers {
            event.severity = Severity::Alert;
        }
        event.details = vec![("askers", Detail::Number(askers as u64)), ("names", Detail::Texts(names))];
        self.push(event, events);
    }

    /// Whether a station has announced a name that is another one than these, apart from a counter.
    fn has_other_name(&self, s: &Sighting, id: HostId, names: &[String]) -> bool {
        let is_other = |own: &str| names.iter().all(|name| stem(name) != stem(own));
        let known = self.memory.host(id).into_iter().flat_map(|host| &host.names);
        known.filter(|known| is_of_dhcp(known)).any(|known| is_other(&label(&known.name)))
            || self.name_log.announced(s.segment, s.mac).any(is_other)
    }

    /// Whether a host was heard lately.
    fn is_living(&self, id: HostId, at: Timestamp) -> bool {
        self.memory.host(id).is_some_and(|host| host.gone_since.is_none() && at.since(host.last_seen) < LIVING)
    }

    /// Whether the answering station has been a router, DHCP server or name server of the network for a while.
    fn is_server_of_names(&self, s: &Sighting, id: HostId) -> bool {
        let since = self.memory.known_since(s.segment, s.mac);
        since.is_some_and(|since| is_established(since, s.at)) && self.serves_network(id)
    }

    /// Whether much depends on a host: it is a router, DHCP server or name server.
    fn serves_network(&self, id: HostId) -> bool {
        let Some(host) = self.memory.host(id) else { return false };
        let has = |role| host.roles.contains_key(&role);
        [HostRole::Router, HostRole::DhcpServer].into_iter().any(has)
            || self.memory.addresses_of(id).any(|ip| self.is_dear(host.segment, ip))
    }

    fn first_server(&self, owners: &[HostId]) -> Option<HostId> {
        owners.iter().copied().find(|owner| self.serves_network(*owner))
    }
}

/// Whether a name is a host's own: one that it announced, gives to DHCP, or has been called by for a day. What clients look for
/// by themselves nobody can announce as his.
fn is_own_name(
    host: Option<&Host>,
    name: &str,
    is_announced: bool,
    restored_until: Option<Timestamp>,
    at: Timestamp,
) -> bool {
    let is_restored = |known: &Name| restored_until.is_some_and(|until| known.first_seen <= until);
    let mut known = host.into_iter().flat_map(|host| &host.names).filter(|known| label(&known.name) == name);
    let is_long_known = |known: &Name| at.since(known.first_seen) >= LONG_KNOWN;
    match is_alluring(name) {
        true => known.any(is_long_known),
        false => is_announced || known.any(|known| is_of_dhcp(known) || is_long_known(known) || is_restored(known)),
    }
}

fn is_alluring(name: &str) -> bool {
    ALLURING.contains(&name)
}

fn is_of_dhcp(name: &Name) -> bool {
    matches!(name.source, Source::Dhcp | Source::Dhcpv6)
}

/// As [`owns`], by the name that the host gives to DHCP.
fn owns_by_dhcp(host: &Host, name: &str, at: Timestamp) -> bool {
    let front = host.names.iter().find(|known| is_of_dhcp(known));
    front.is_some_and(|known| label(&known.name) == name && is_established(known.first_seen, at))
}

/// Whether a host is called so at present, and has been for a while: by each protocol the name that it gave last.
fn owns(host: &Host, name: &str, at: Timestamp) -> bool {
    let sources = [Source::Dhcp, Source::Dhcpv6, Source::Mdns, Source::Nbns, Source::Llmnr];
    sources.into_iter().any(|source| {
        let front = host.names.iter().find(|known| known.source == source);
        front.is_some_and(|known| label(&known.name) == name && is_established(known.first_seen, at))
    })
}

/// A name in the form in which names are compared: of a host, without its domain, in lower case. `None` for what is no host's
/// name: a service, a reverse name, bytes that are no text.
fn key(name: &Text, source: Source) -> Option<String> {
    let text = name.escaped();
    if source == Source::Mdns && !text.to_ascii_lowercase().ends_with(".local") {
        return None;
    }
    let key = label(&text);
    let is_text = !key.is_empty() && !key.contains(['\\', '*']) && !key.starts_with('_');
    // In mDNS a host's name is one label below `.local` (RFC 6762, section 3); services and aliases below it are longer.
    let is_name = source != Source::Mdns || text.len() == key.len() + ".local".len();
    (is_text && is_name).then_some(key)
}

/// The first label of a name, in lower case.
fn label(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_ascii_lowercase()
}
