//! The correlator: sightings in, events out. `observe`, `handle_timeout`, `poll_timeout`; plain `&mut self`.
//! It decides which rule applies (the rules stand in `event.rs`, at each kind); `memory.rs` and the leaves below it
//! compute. No clock, socket, file, thread or task: time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::correlator::dispute::{Dispute, Feud};
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::fingerprint;
use crate::inventory::memory::binding::{ClaimOutcome, MoveKind, PreviousHolder, Weight};
use crate::inventory::memory::host;
use crate::inventory::memory::host::Renamed;
use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::address::Lease;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::HostId;
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::model::prefix;
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::model::rows::Limits;
use crate::inventory::model::rows::{Changes, Presence, Rows, View};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use crate::inventory::sighting::mdns::MdnsClaim;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Iface, Mac, MacKind, Segment, Timestamp};
use crate::wire::syn::Syn;

/// Answers to probes.
pub mod answer;
/// Two stations, one address.
pub mod conflict;
/// Who has the address?
pub mod dispute;
/// What switches and routers tell each other.
pub mod link;
/// What an announced service says of its host's role.
pub mod evidence;
/// Names and announcements.
pub mod names;
/// Who serves and who routes, and who must not.
pub mod rogue;
/// Who looks around.
pub mod scan;
/// Frames of any kind.
pub mod traffic;

use crate::inventory::correlator::answer::Doubt;
use crate::inventory::correlator::dispute::Check;

/// What the owner or the world decided about correlating.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Until when new hosts are `info`: the learning period's end.
    pub learning_until: Option<Timestamp>,
    /// How long a new host without an IPv4 address may wait for one before `new-host` is told.
    pub settle: Duration,
    /// The sensor's own stations: they make no host and no event.
    pub own_macs: BTreeSet<Mac>,
    /// Prefixes that live on an interface (untagged segment), or on every segment where none is named.
    pub prefixes: Vec<(Option<Iface>, IpNet)>,
    /// Who may serve and route, where the owner said so.
    pub allow: Vec<Allow>,
    /// How long a claim by another MAC may wait for the answers of both stations; `None`: nobody can be asked.
    pub explain: Option<Duration>,
    /// Sightings may be older than what is known (a capture file): an old claim that is already known tells nothing.
    pub history: bool,
}

/// Who may serve and route on a segment. An empty list allows everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// The segment; every one, where none is named.
    pub segment: Option<Segment>,
    /// DHCP servers.
    pub dhcp_servers: Members,
    /// Routers.
    pub routers: Members,
}

/// Addresses and stations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// By address.
    pub ips: BTreeSet<IpAddr>,
    /// By station.
    pub macs: BTreeSet<Mac>,
}

impl Members {
    fn is_empty(&self) -> bool {
        self.ips.is_empty() && self.macs.is_empty()
    }

    fn has(&self, ip: IpAddr, mac: Mac) -> bool {
        self.ips.contains(&ip) || self.macs.contains(&mac)
    }
}

/// The state machine.
#[derive(Debug)]
pub struct Correlator {
    settings: Settings,
    limits: Limits,
    memory: Memory,
    next_event_id: u64,
    /// Until when not everything was heard.
    deaf_until: Option<Timestamp>,
    disputes: BTreeMap<(Segment, IpAddr), Dispute>,
    feuds: BTreeMap<(Segment, IpAddr), Feud>,
    /// The verdict on the move that is being made.
    verdict: Option<(Reason, Vec<(&'static str, Detail)>)>,
    checks: Vec<Check>,
    doubts: Vec<Doubt>,
    paths: traffic::Paths,
    conflicts: conflict::Conflicts,
    starving: starvation::Starving,
    /// Nobody takes events: they are not made.
    tells_nobody: bool,
}

/// A clock that goes back by less than this is jitter; by more, hosts that wait are told at once, not after it caught up.
const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

impl Correlator {
    /// Starts from what was saved (or from nothing: `Rows::default()`), with the next event's id.
    pub fn new(settings: Settings, limits: Limits, saved: Rows, next_event_id: u64) -> Self {
        let paths = traffic::Paths::restore(&saved.roles);
        let feuds = dispute::restore(&saved.told);
        let memory = Memory::restore(saved, limits, settings.history);
        Self {
            settings,
            limits,
            memory,
            next_event_id,
            deaf_until: None,
            disputes: BTreeMap::new(),
            feuds,
            verdict: None,
            checks: Vec::new(),
            doubts: Vec::new(),
            paths,
            conflicts: conflict::Conflicts::default(),
            starving: starvation::Starving::default(),
            tells_nobody: false,
        }
    }

    /// From now on no event is made and no change is kept: nobody takes them.
    pub fn tell_nobody(&mut self) {
        self.tells_nobody = true;
        self.memory.save_nothing();
    }

    /// Moves the end of the learning period: a capture file's begins with its first frame.
    pub fn set_learning_until(&mut self, until: Option<Timestamp>) {
        self.settings.learning_until = until;
    }

    /// Takes in one sighting; appends what it tells.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp, events: &mut Vec<Event>) {
        self.handle_timeout(now, events);
        let own = &self.settings.own_macs;
        if own.contains(&sighting.mac) || own.contains(&sighting.frame_mac) {
            return;
        }
        match &sighting.claim {
            Claim::Answer(answer) => self.observe_answer(sighting, answer, events),
            Claim::Arp(claim) => {
                let meaning = match claim.operation {
                    ArpOperation::ConflictCheck | ArpOperation::PresenceCheck => Meaning::Question,
                    ArpOperation::Gratuitous | ArpOperation::Reply | ArpOperation::Request => Meaning::Claim,
                };
                let source = if claim.asked { Source::ArpProbe } else { Source::Arp };
                self.observe_neighbour(sighting, source, meaning, events);
            }
            Claim::Cdp(message) => self.observe_cdp(sighting, message, events),
            Claim::Dhcp(claim) => self.observe_dhcp(sighting, claim, events),
            Claim::Lldp(message) => self.observe_lldp(sighting, message, events),
            Claim::Mdns(claim) if sighting.mac == Mac::ZERO => self.observe_mdns_answer(sighting, claim, events),
            Claim::Mdns(claim) => self.observe_mdns(sighting, claim, events),
            Claim::Membership(message) => self.observe_membership(sighting, message, events),
            Claim::Dhcpv6(claim) => self.observe_dhcpv6(sighting, claim, events),
            Claim::Llmnr(heard) => self.observe_llmnr(sighting, heard, events),
            Claim::Nbns(heard) => self.observe_nbns(sighting, heard, events),
            Claim::Ndp(claim) => self.observe_ndp(sighting, claim, events),
            Claim::Redundancy(message) => self.observe_redundancy(sighting, message, events),
            Claim::Stp(message) => self.observe_stp(sighting, message),
            Claim::Served(claim) => self.observe_served(sighting, claim, events),
            Claim::Traffic(claim) => self.observe_traffic(sighting, claim, events),
            Claim::Syn(syn) => self.observe_syn(sighting, syn),
            Claim::Ssdp(heard) => self.observe_ssdp(sighting, heard, events),
            Claim::Wsd(heard) => self.observe_wsd(sighting, heard, events),
        }
        self.recognise(sighting, events);
        self.tell_returned(events);
    }

    /// Does what is due at `now`; appends what it tells.
    pub fn handle_timeout(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.memory.expire(now);
        self.memory.forget_old(now);
        self.settle_defences(Some(now), events);
        // A verdict may give a new host its address, so it comes before the host is told.
        if !self.disputes.is_empty() {
            self.decide_due(Some(now), events);
        }
        if self.memory.first_waiting().is_none() {
            return;
        }
        let settle_ns = i64::try_from(self.settings.settle.as_nanos()).unwrap_or(i64::MAX);
        let settled = now.as_nanos().checked_sub(settle_ns).map(Timestamp::from_nanos);
        for id in self.memory.due(settled, now.after(CLOCK_STEP_MIN)) {
            self.announce(id, events);
        }
        self.settle_rotations(settled, now.after(CLOCK_STEP_MIN), events);
        self.settle_answers(settled, events);
        self.memory.recognise();
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let settled = self.memory.first_waiting().map(|first_seen| first_seen.after(self.settings.settle));
        [settled, self.next_verdict(), self.memory.first_expiry()].into_iter().flatten().min()
    }

    /// Tells everything that still waits for more evidence: the input has ended.
    pub fn finish(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.decide_due(None, events);
        self.settle_defences(None, events);
        self.handle_timeout(now, events);
        for id in self.memory.pending() {
            self.announce(id, events);
        }
        let end = Timestamp::from_nanos(i64::MAX);
        self.settle_rotations(Some(end), end, events);
        self.settle_answers(Some(end), events);
        self.memory.recognise();
    }

    /// An event about the sensor itself, with the next id.
    pub fn tell(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>, events: &mut Vec<Event>) {
        self.push(Event { details, ..bare(kind, at) }, events);
    }

    /// As [`Correlator::tell`], of one of the sensor's ports.
    pub fn tell_of(
        &mut self,
        segment: Segment,
        kind: Kind,
        at: Timestamp,
        details: Vec<(&'static str, Detail)>,
        events: &mut Vec<Event>,
    ) {
        self.push(Event { segment: Some(segment), details, ..bare(kind, at) }, events);
    }

    /// Who may serve and route, from now on.
    pub fn set_allow(&mut self, allow: Vec<Allow>) {
        self.settings.allow = allow;
    }

    /// Whose senders are at home, from now on: see [`Settings::prefixes`].
    pub fn set_prefixes(&mut self, prefixes: Vec<(Option<Iface>, IpNet)>) {
        self.settings.prefixes = prefixes;
    }

    /// More stations that are the sensor's own.
    pub fn set_own_macs(&mut self, macs: &BTreeSet<Mac>) {
        self.settings.own_macs.extend(macs);
    }

    /// Rows that changed in more than `last_seen` since the last call, each once.
    /// The last moments of names, services, earlier holders, roles and oddities ride along with the row's next change.
    pub fn take_changes(&mut self) -> Changes {
        self.memory.take_changes()
    }

    /// Everything that was seen again since the last call and did not otherwise change.
    pub fn take_presence(&mut self) -> Vec<Presence> {
        self.memory.take_presence()
    }

    /// Everything known, in a fixed order: each table by its key.
    pub fn snapshot(&self) -> Rows {
        self.memory.snapshot()
    }

    /// What records are made of, where it is kept.
    pub fn view(&self) -> View<'_> {
        self.memory.view()
    }

    /// Rows evicted by limits since the start.
    pub fn evictions_total(&self) -> u64 {
        self.memory.evictions_total()
    }

    fn observe_ndp(&mut self, s: &Sighting, claim: &NdpClaim, events: &mut Vec<Event>) {
        if let NdpClaim::RouterAdvert(advert) = claim
            && self.is_forged_advert(s, advert, events)
        {
            return;
        }
        let meaning = match claim {
            NdpClaim::Dad => Meaning::Question,
            // A redirect whose link-layer address is not its sender's speaks of another station.
            NdpClaim::Redirect { .. } if s.mac != s.frame_mac => {
                self.hear(s, s.frame_mac, Source::Ndp);
                return;
            }
            NdpClaim::Advert { .. }
            | NdpClaim::Redirect { .. }
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
        if !s.frame_mac.is_station() || !s.mac.is_station() {
            return;
        }
        self.watch_conflict(s, events);
        let is_foreign = |ip| meaning == Meaning::Claim && prefix::is_foreign(&self.settings.prefixes, s.segment, ip);
        let is_mismatch = s.mac != s.frame_mac && !is_virtual_router(s, source) && !self.is_groups_word(s);
        match s.ip {
            Some(ip) if is_foreign(ip) => self.tell_oddity(s, ip, Oddity::Bogon, events),
            Some(ip) if is_mismatch => self.tell_oddity(s, ip, Oddity::MacMismatch, events),
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

    fn observe_dhcp(&mut self, s: &Sighting, claim: &DhcpClaim, events: &mut Vec<Event>) {
        self.watch_starvation(s, claim, events);
        if claim.from_server {
            self.hear(s, s.frame_mac, Source::Dhcp);
            self.observe_server(s, claim, events);
        }
        if !claim.client_is_here || !s.mac.is_station() {
            return;
        }
        let id = self.memory.hear(s.segment, s.mac, Source::Dhcp, s.at);
        match (claim.from_server, claim.message) {
            (true, DhcpMessage::Ack) => {
                self.learn_lease_paths(s, claim);
                if let Some(ip) = claim.yiaddr {
                    self.watch_given(s, claim, ip);
                    let until = claim.lease_s.map(|lease_s| lease_end(s.at, lease_s));
                    let (segment, mac, server, at) = (s.segment, s.mac, claim.server, s.at);
                    self.memory.grant(Lease { segment, ip, mac, server, at, until });
                    self.memory.update_host(id, |host| (host::learn_lease(host, server, until), ()));
                    self.hint(s, IpAddr::V4(ip), Source::Dhcp, events);
                }
            }
            (true, _) => {}
            (false, message) => {
                let prints_max = self.limits.prints_max;
                let options = fingerprint::clue::list(&claim.options);
                self.memory.update_host(id, |host| {
                    let learned = host::learn_options(host, claim);
                    (learned.max(host::learn_print(host, Evidence::DhcpOptions, options, prints_max)), ())
                });
                if let Some(name) = host::dhcp_name(claim) {
                    self.learn_name(s, id, name, Source::Dhcp, events);
                }
                match (message, claim.ciaddr) {
                    (DhcpMessage::Decline, _) => self.tell_declined(s, claim, events),
                    (_, None) => {}
                    (DhcpMessage::Release, Some(ip)) => {
                        self.memory.release(s.segment, ip, s.mac, s.at);
                        self.memory.update_host(id, |host| (host::learn_lease(host, None, Some(s.at)), ()));
                    }
                    (_, Some(ip)) => self.hint(s, IpAddr::V4(ip), Source::Dhcp, events),
                }
            }
        }
    }

    fn observe_mdns(&mut self, s: &Sighting, claim: &MdnsClaim, events: &mut Vec<Event>) {
        if !s.mac.is_station() {
            return;
        }
        let id = self.memory.hear(s.segment, s.mac, Source::Mdns, s.at);
        if self.is_sent_on(s) {
            return;
        }
        // Only what serves a name answers; a goodbye is an answer too, but of one that goes.
        if !matches!(claim, MdnsClaim::Query { .. } | MdnsClaim::Goodbye { .. }) {
            self.hear_service(s, id, names::MDNS_PORT, Source::Mdns);
        }
        match claim {
            MdnsClaim::Address { name, addr } => {
                if (s.ip == Some(*addr) || self.memory.holds(id, *addr, s.at))
                    && let Some(name) = host::mdns_name(name)
                {
                    self.learn_name(s, id, name, Source::Mdns, events);
                }
            }
            MdnsClaim::Goodbye { record } => {
                if let MdnsClaim::Srv { name, .. } = record.as_ref() {
                    self.memory.update_host(id, |host| (host::close_service(host, name), ()));
                }
            }
            MdnsClaim::Srv { name, target, port } => {
                let services_max = self.limits.services_max;
                self.memory
                    .update_host(id, |host| (host::open_service(host, name, target, *port, s.at, services_max), ()));
                // Not what another host is said to serve.
                let instance = name.escaped();
                let is_own = |host: &crate::inventory::model::host::Host| {
                    host.services.iter().any(|own| own.instance == instance)
                };
                if self.memory.host(id).is_some_and(is_own) {
                    self.learn_announced_role(id, evidence::of_mdns(name));
                }
            }
            MdnsClaim::Txt { name, txt } => {
                let prints_max = self.limits.prints_max;
                if let Some(model) = host::model(name, txt) {
                    let learn = |host: &mut _| (host::learn_print(host, Evidence::MdnsModel, model, prints_max), ());
                    self.memory.update_host(id, learn);
                }
            }
            MdnsClaim::Query { .. }
            | MdnsClaim::Reverse { .. }
            | MdnsClaim::Service { .. }
            | MdnsClaim::Type { .. } => {}
        }
        // Last, so that a host that is told for its address is told with its name.
        if let Some(ip) = s.ip {
            self.hint(s, ip, Source::Mdns, events);
        }
    }

    /// A segment tells of its station's system only where the address is known to be that station's: a router's MAC
    /// stands on everybody's.
    fn observe_syn(&mut self, s: &Sighting, syn: &Syn) {
        let host = self.memory.host_of(s.segment, s.mac).map(|host| host.id);
        let Some(id) = host.filter(|id| s.ip.is_some_and(|ip| self.memory.holds(*id, ip, s.at))) else { return };
        let evidence = if syn.is_answer { Evidence::SynAck } else { Evidence::Syn };
        let (text, prints_max) = (format!("{syn:#}"), self.limits.prints_max);
        self.memory.update_host(id, |host| (host::learn_print(host, evidence, text, prints_max), ()));
    }

    fn hear(&mut self, s: &Sighting, mac: Mac, source: Source) {
        if mac.is_station() {
            self.memory.hear(s.segment, mac, source, s.at);
        }
    }

    /// DHCP and mDNS say where an address is. What lies behind a router is not on this segment, whoever speaks for it.
    fn hint(&mut self, s: &Sighting, ip: IpAddr, source: Source, events: &mut Vec<Event>) {
        if !prefix::is_foreign(&self.settings.prefixes, s.segment, ip) {
            self.weigh(s, ip, source, Weight::Hint, events);
        }
    }

    fn weigh(&mut self, s: &Sighting, ip: IpAddr, source: Source, weight: Weight, events: &mut Vec<Event>) {
        if !source.is_mention() && !self.is_own_mention(s, ip, source) {
            self.memory.unmention(s.segment, ip, s.mac);
        }
        let holder = self.memory.holder(s.segment, ip).map(|holder| holder.mac);
        if holder.is_some_and(|holder| holder != s.mac && link::is_same_balancer(holder, s.mac)) {
            return;
        }
        let is_held_back = weight == Weight::Claim && self.is_disputed(s, ip, source, events);
        if prefix::is_holdable(ip) && !is_held_back {
            self.weigh_undisputed(s, ip, source, weight, events);
        }
    }

    fn weigh_undisputed(&mut self, s: &Sighting, ip: IpAddr, source: Source, weight: Weight, events: &mut Vec<Event>) {
        // Where a machine is managed was told with the machine, by the station of one of its ports.
        let is_told = self.is_own_mention(s, ip, source);
        if is_told {
            self.memory.unmention(s.segment, ip, s.mac);
        }
        // Before the address is bound: a host that was known by it only, and told, may become this one.
        let host = self.memory.host_of(s.segment, s.mac).map(|host| (host.id, host.announced));
        let verdict = self.memory.hold(s.segment, ip, &dispute::word(s, source, weight));
        if verdict == ClaimOutcome::Kept {
            return;
        }
        self.assign_roles(s.segment, ip);
        let Some((id, was_announced)) = host else { return };
        if !was_announced && ip.is_ipv4() {
            self.announce_at(id, s.at, events);
        }
        let is_untold = self.memory.join_of(s.segment, s.mac).is_some_and(|join| !join.told);
        if is_untold && ip.is_ipv4() {
            self.tell_rotation(s.segment, s.mac, s.at, events);
        }
        match verdict {
            ClaimOutcome::Bound if was_announced && !is_untold && !is_told && !self.is_one_more(id, ip) => {
                let event = Event { ip: Some(ip), ..self.about_host(Kind::NewAddress, s.at, s.segment, s.mac) };
                self.push(event, events);
            }
            ClaimOutcome::Bound | ClaimOutcome::Kept => {}
            ClaimOutcome::Moved(_, previous) if self.tell_promised(s, ip, &previous, events) => {}
            ClaimOutcome::Moved(how, previous) => self.tell_move(s, ip, how, &previous, events),
        }
    }

    fn tell_move(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        how: MoveKind,
        previous: &PreviousHolder,
        events: &mut Vec<Event>,
    ) {
        let is_within = self.is_one_host(s.segment, previous.mac, s.mac);
        let kind = match how {
            MoveKind::Back => Kind::FlipFlop,
            MoveKind::New => Kind::ChangedMac,
            MoveKind::Older => Kind::ReusedMac,
        };
        let mut event = self.about_host(kind, s.at, s.segment, s.mac);
        event.ip = Some(ip);
        event.old_mac = Some(previous.mac);
        event.details.push(("previous_age_s", Detail::Number(s.at.since(previous.last_seen).as_secs())));
        if is_within {
            self.tell_move_within(s, previous.mac, event, events);
            return;
        }
        let explained = self.explained_turn(s, ip, previous.mac);
        if kind == Kind::ChangedMac {
            let (reason, evidence) = self.reason_of_move(s, ip, previous.mac);
            self.give_reason(&mut event, reason);
            event.details.extend(evidence);
        } else {
            self.tell_given_back(s, ip, previous, events);
            let goes_on = self.is_known_conflict(s, ip, previous.mac).then_some(Reason::Conflict);
            // It passes back for a reason that is known: then it is for the record.
            if let Some(reason) = explained.or(goes_on) {
                self.give_reason(&mut event, reason);
                event.severity = Severity::Info;
            }
        }
        // What sleeps is a proxy's for a while, and nobody has to look.
        if explained == Some(Reason::ProxyArp) {
            event.severity = Severity::Info;
        }
        self.push(event, events);
    }

    fn tell_oddity(&mut self, s: &Sighting, ip: IpAddr, oddity: Oddity, events: &mut Vec<Event>) {
        let (kind, frame_mac) = match oddity {
            // A bogon is told once for its address and MAC, whoever carries it.
            Oddity::Bogon => (Kind::Bogon, s.mac),
            _ => (Kind::MacMismatch, s.frame_mac),
        };
        let (segment, mac) = (s.segment, s.mac);
        if self.memory.is_odd_anew(ReportedOddity {
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

    fn learn_name(&mut self, s: &Sighting, id: HostId, name: String, source: Source, events: &mut Vec<Event>) {
        let names_max = self.limits.names_max;
        let is_known_history = self.memory.is_known_history(id, s.at);
        let renamed = self.memory.update_host(id, |known| {
            // A capture file read again brings back names that a full list lost; they are no news.
            let is_listed = known.names.iter().any(|n| n.source == source && n.name.eq_ignore_ascii_case(&name));
            if is_known_history && !is_listed && host::names_are_full(&known.names, source, names_max) {
                return (RowChange::Same, Renamed::No);
            }
            host::learn_name(&mut known.names, name.clone(), source, s.at, names_max)
        });
        if let Some(Renamed::From(old_name)) = renamed {
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

    /// Tells a host that settled: when it was first seen.
    fn announce(&mut self, id: HostId, events: &mut Vec<Event>) {
        if let Some(first_seen) = self.memory.host(id).map(|host| host.first_seen) {
            self.announce_at(id, first_seen, events);
        }
    }

    fn announce_at(&mut self, id: HostId, at: Timestamp, events: &mut Vec<Event>) {
        let Some((mac, ip)) = self.memory.announce(id) else { return };
        let Some((segment, first_seen)) = self.memory.host(id).map(|host| (host.segment, host.first_seen)) else {
            return;
        };
        let mut event = self.about_host(Kind::NewHost, at, segment, mac);
        event.ip = ip;
        event.severity = self.severity_of_new(Kind::NewHost, first_seen);
        let alike = self.memory.alike(id);
        if alike > 0 {
            event.severity = Severity::Info;
            event.details = vec![("alike", Detail::Number(alike as u64))];
        }
        if self.is_starved(id, segment, mac, first_seen) {
            event.severity = Severity::Info;
        }
        self.push(event, events);
    }

    /// While the network is learned, what is new is for the record only.
    fn severity_of_new(&self, kind: Kind, first_seen: Timestamp) -> Severity {
        let learning = self.settings.learning_until.is_some_and(|until| first_seen < until);
        if learning { Severity::Info } else { kind.severity() }
    }

    fn about_host(&self, kind: Kind, at: Timestamp, segment: Segment, mac: Mac) -> Event {
        let host = self.memory.host_of(segment, mac);
        Event {
            segment: Some(segment),
            mac: Some(mac),
            hostname: host.and_then(|host| host::hostname(&host.names)),
            host: host.map(|host| host.id),
            ..bare(kind, at)
        }
    }

    fn push(&mut self, mut event: Event, events: &mut Vec<Event>) {
        if self.tells_nobody {
            return;
        }
        self.raise_for_gateway(&mut event);
        events.push(Event { id: self.next_event_id, ..event });
        self.next_event_id += 1;
    }
}

/// What an ARP or NDP message wants with its address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// "I hold it."
    Claim,
    /// "Does anybody hold it?" (RFC 5227, RFC 4862)
    Question,
}

/// A router's own MAC may carry the word of the virtual router that it stands for (RFC 9568, section 8.2), or the reverse.
fn is_virtual_router(s: &Sighting, source: Source) -> bool {
    matches!(source, Source::Ndp | Source::NdpProbe)
        && (s.mac.kind() == MacKind::Virtual || s.frame_mac.kind() == MacKind::Virtual)
}

fn holder_of(s: &Sighting, role: Role, ip: IpAddr) -> RoleHolder {
    let (segment, mac, at) = (s.segment, s.frame_mac, s.at);
    RoleHolder { segment, role, ip, mac, first_seen: at, last_seen: at, prefixes: Vec::new(), router: None }
}

/// RFC 2131, section 3.3: all ones is infinity, which is far enough away.
fn lease_end(at: Timestamp, lease_s: u32) -> Timestamp {
    at.after(Duration::from_secs(u64::from(lease_s)))
}

fn bare(kind: Kind, at: Timestamp) -> Event {
    Event {
        id: 0,
        at,
        kind,
        severity: kind.severity(),
        segment: None,
        ip: None,
        mac: None,
        old_mac: None,
        hostname: None,
        host: None,
        reason: None,
        confidence: None,
        details: Vec::new(),
    }
}

#[cfg(test)]
mod tests;

/// Stations that are a known host's.
pub mod rotation;
/// Addresses asked of DHCP servers by too many.
pub mod starvation;
