//! DHCP starvation: so many clients ask for addresses that the server has none left. Either one station sends for all of
//! them, or each is a station that sends nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::inventory::correlator::state::{Clients, Correlator, ReportedStarvation};
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::model::host::HostId;
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::types::{Mac, Segment, Timestamp};

/// Clients within this time count together.
const WINDOW: Duration = Duration::from_secs(60);
/// No honest station sends for more clients than this.
const CLIENTS: usize = 32;
/// More new stations than this do not come at once and then send nothing but DHCP.
const CROWD: usize = 100;
/// It is over when nothing was seen of it for this long.
const STARVING: Duration = Duration::from_secs(600);
/// Most stations that are remembered as parts of starvations.
const PARTS_MAX: usize = 16_384;
/// Most stations, and segments, that are watched.
const WATCHED_MAX: usize = 256;
/// Most stations of one segment that are counted.
const CROWD_MAX: usize = 512;

impl Correlator {
    /// A client without an address asks for one.
    pub(super) fn watch_starvation(&mut self, s: &Sighting, claim: &DhcpClaim, events: &mut Vec<Event>) {
        let asks = !claim.from_server && matches!(claim.message, DhcpMessage::Discover | DhcpMessage::Request);
        // A client that renews has an address, and its frame may come through a router; a relay sets `giaddr`.
        let is_first = claim.source.is_none() && claim.ciaddr.is_none() && claim.giaddr.is_none();
        if !asks || !is_first || !s.mac.is_station() || !s.frame_mac.is_station() {
            return;
        }
        if s.mac != s.frame_mac {
            let clients = note(&mut self.starvation.senders, (s.segment, s.frame_mac), s, CLIENTS + 1);
            if clients > CLIENTS {
                self.emit_starvation(s, Some(s.frame_mac), clients, events);
            }
        } else if self.memory.host_of(s.segment, s.mac).is_none() {
            if note(&mut self.starvation.crowds, s.segment, s, CROWD_MAX) <= CROWD {
                return;
            }
            let asked = self.starvation.crowds.get(&s.segment);
            let silent = asked.into_iter().flatten().filter(|(_, mac)| self.only_asked(s.segment, *mac)).count();
            if silent > CROWD {
                self.emit_starvation(s, None, silent, events);
            }
        }
    }

    /// Whether nothing but DHCP was heard of a station. True as well of one that is forgotten already.
    fn only_asked(&self, segment: Segment, mac: Mac) -> bool {
        self.memory.sources(segment, mac).is_none_or(|sources| sources.iter().all(|source| source == Source::Dhcp))
    }

    fn emit_starvation(&mut self, s: &Sighting, mac: Option<Mac>, clients: usize, events: &mut Vec<Event>) {
        let told = &mut self.starvation.reported;
        told.retain(|told| s.at.since(told.last_seen) < STARVING);
        if let Some(told) = told.iter_mut().find(|told| (told.segment, told.mac) == (s.segment, mac)) {
            told.last_seen = s.at.max(told.last_seen);
            return;
        }
        if told.len() >= WATCHED_MAX {
            return;
        }
        told.push(ReportedStarvation { segment: s.segment, mac, since: s.at, last_seen: s.at });
        let event = self.about_host(Kind::Flood, s.at, s.segment, mac.unwrap_or(s.mac));
        let host = event.host.filter(|_| mac.is_some());
        let event = Event {
            mac,
            host,
            hostname: event.hostname.filter(|_| mac.is_some()),
            ip: host.and_then(|id| self.memory.best_address(id)),
            severity: Severity::Alert,
            reason: Some(Reason::DhcpStarvation),
            details: vec![("class", Detail::Text("dhcp".to_owned())), ("clients", Detail::Number(clients as u64))],
            ..event
        };
        self.push(event, events);
    }

    /// Whether a station answers as a DHCP server while so many clients ask that its answers are as many.
    pub(super) fn answers_a_crowd(&self, segment: Segment, mac: Mac, at: Timestamp) -> bool {
        let serves = |known: &RoleHolder| known.mac == mac;
        let senders = self.starvation.senders.iter();
        let senders = senders.filter(|((on, by), _)| *on == segment && *by != mac).map(|(_, clients)| clients);
        let asked = senders.chain(self.starvation.crowds.get(&segment)).flatten();
        self.memory.find_role(segment, Role::DhcpServer, serves).is_some()
            && asked.filter(|(asked_at, _)| at.since(*asked_at) < WINDOW).count() > CLIENTS
    }

    /// Whether a host is part of a starvation: first heard while it lasts, and by DHCP only.
    pub(super) fn is_starved(&self, id: HostId, segment: Segment, mac: Mac, first_seen: Timestamp) -> bool {
        let is_part = |told: &ReportedStarvation| {
            told.since.since(first_seen) <= WINDOW && first_seen.since(told.last_seen) < STARVING
        };
        self.starvation.reported.iter().any(|told| told.segment == segment && is_part(told))
            && self.memory.first_mac(id) == Some(mac)
            && self.only_asked(segment, mac)
    }

    /// A station that was told as a part of a starvation says more than that: it is a new host like any other.
    pub(super) fn rise_from_starvation(&mut self, s: &Sighting, events: &mut Vec<Event>) {
        for mac in [s.mac, s.frame_mac] {
            if self.starvation.parts.contains(&(s.segment, mac)) && !self.only_asked(s.segment, mac) {
                self.starvation.parts.remove(&(s.segment, mac));
                let mut event = self.about_host(Kind::NewHost, s.at, s.segment, mac);
                event.ip = event.host.and_then(|id| self.memory.best_address(id));
                event.severity = self.severity_of_new(Kind::NewHost, s.at);
                self.push(event, events);
            }
        }
    }

    /// Remembers a station that is told as a part of a starvation.
    pub(super) fn note_part(&mut self, segment: Segment, mac: Mac) {
        if self.starvation.parts.len() < PARTS_MAX {
            self.starvation.parts.insert((segment, mac));
        }
    }
}

/// Notes the client. Returns how many different ones there were within the window, at most `max`.
fn note<K: Copy + Ord>(watched: &mut BTreeMap<K, Clients>, key: K, s: &Sighting, max: usize) -> usize {
    if !watched.contains_key(&key) && watched.len() >= WATCHED_MAX {
        let oldest = watched.iter().min_by_key(|(_, asked)| asked.back().map(|(at, _)| *at)).map(|(key, _)| *key);
        oldest.map(|oldest| watched.remove(&oldest));
    }
    let asked = watched.entry(key).or_default();
    let is_recent = |at: Timestamp| s.at.since(at) < WINDOW && at.since(s.at) < WINDOW;
    asked.retain(|(at, mac)| is_recent(*at) && *mac != s.mac);
    asked.push_back((s.at, s.mac));
    if asked.len() > max {
        asked.pop_front();
    }
    asked.len()
}
