//! Arbitrary bytes as a list of correlator operations, over few stations, addresses and segments and under tiny limits,
//! so that everything meets everything. After each operation, what must always hold is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use sensor_core::inventory::correlator::answer::Missed;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::event::{Event, Kind, Reason};
use sensor_core::inventory::fingerprint::p0f::signature;
use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::inventory::model::host::HostId;
use sensor_core::inventory::model::role::Neighbour;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::{Presence, Rows};
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::inventory::sighting::answer::{Answer, PortState};
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::dhcpv6::Dhcpv6Claim;
use sensor_core::inventory::sighting::heard::Heard;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::nbns::NbnsClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use sensor_core::inventory::sighting::wsd::WsdClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Class, Iface, Mac, Segment, Text, Timestamp, Vlans};
use sensor_core::wire::ndp::Prefix;
use sensor_core::wire::syn::Syn;
use sensor_core::wire::{cdp, dhcpv6, lldp, membership, nbns, redundancy, ssdp, stp, wsd};

/// Runs the operations that `data` spells. Panics when something that must hold does not.
pub fn correlate(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    if let Ok(settings) = settings(&mut bytes) {
        let mut run = Run::new(settings);
        while !bytes.is_empty() && run.operate(&mut bytes).is_ok() {
            run.check();
        }
    }
}

const OWN: Mac = Mac([2, 0, 0, 0, 0, 0xee]);

const LIMITS: Limits = Limits {
    hosts_max: 3,
    bindings_max: 5,
    bindings_per_station_max: 2,
    holders_max: 2,
    names_max: 2,
    services_max: 1,
    prints_max: 1,
    leases_max: 2,
    roles_max: 2,
    told_max: 2,
    asked_max: 2,
    ports_max: 2,
    joins_max: 2,
    neighbours_max: 2,
    disputes_max: 1,
};

struct Run {
    settings: Settings,
    correlator: Correlator,
    now: Timestamp,
    events: Vec<Event>,
    checked: usize,
    evictions_total: u64,
    announced: BTreeSet<HostId>,
    /// What a store would hold that applied every change.
    stored: BTreeMap<String, String>,
}

fn settings(bytes: &mut Unstructured<'_>) -> Result<Settings> {
    Ok(Settings {
        learning_until: bytes.ratio(1, 2)?.then(|| Timestamp::from_secs(20)),
        settle: Duration::from_secs(bytes.int_in_range(0..=3)?),
        own_macs: [OWN].into(),
        prefixes: if bytes.ratio(1, 2)? { vec![(None, "10.0.0.0/30".parse().expect("a prefix"))] } else { Vec::new() },
        allow: Vec::new(),
        explain: bytes.ratio(1, 3)?.then_some(Duration::from_secs(3)),
        history: bytes.ratio(1, 2)?,
    })
}

impl Run {
    fn new(settings: Settings) -> Self {
        let correlator = Correlator::new(settings.clone(), LIMITS, Rows::default(), 1);
        Self {
            settings,
            correlator,
            now: Timestamp::from_secs(10),
            events: Vec::new(),
            checked: 0,
            evictions_total: 0,
            announced: BTreeSet::new(),
            stored: BTreeMap::new(),
        }
    }

    fn operate(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        match bytes.int_in_range(0..=17)? {
            0 => self.restart(),
            1 => self.now = Timestamp::from_secs(bytes.int_in_range(-5..=40)?),
            2 => self.wait(),
            3 => self.correlator.finish(self.now, &mut self.events),
            4 => self.store(),
            5 => self.ask(bytes)?,
            6 => self.count(bytes)?,
            7 => self.decide(bytes)?,
            _ => {
                self.now = self.now.after(Duration::from_millis(bytes.int_in_range(0..=2000)?));
                let sighting = sighting(bytes, self.now)?;
                self.correlator.observe(&sighting, self.now, &mut self.events);
            }
        }
        Ok(())
    }

    /// What the loop does with questions: checks are refused or left to be answered, rounds stay unanswered.
    fn ask(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        for check in self.correlator.take_checks() {
            if bytes.ratio(1, 2)? {
                self.correlator.refuse_check(&check, &mut self.events);
            }
        }
        assert!(self.correlator.take_doubts().len() <= 64, "doubts are taken, not kept");
        if bytes.ratio(1, 4)? {
            self.correlator.set_deaf(self.now);
        }
        let techniques = [Technique::Arp, Technique::Icmp].into();
        let (segment, ip) = (segment(bytes)?, ip(bytes)?);
        let (since, gone_after) = (self.now, Duration::from_secs(bytes.int_in_range(0..=9)?));
        let missed = Missed { segment, ip, techniques: &techniques, since, gone_after };
        self.correlator.miss(&missed, self.now, &mut self.events);
        Ok(())
    }

    /// What the classifier counted of a station.
    fn count(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        let (segment, mac, target) = (segment(bytes)?, mac(bytes)?, Some(ip(bytes)?));
        match bytes.int_in_range(0..=2)? {
            0 => self.correlator.scan(segment, mac, Reason::ArpScan, None, self.now, &mut self.events),
            1 => self.correlator.scan(segment, mac, Reason::PortScan, target, self.now, &mut self.events),
            // The kernel does not police its own host.
            _ if mac == OWN => {}
            _ => self.correlator.flood(segment, mac, Class::Arp, self.now, &mut self.events),
        }
        Ok(())
    }

    /// The owner's word on two hosts, or on a host's station.
    fn decide(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        let rows = self.correlator.snapshot();
        let ids: Vec<HostId> = rows.hosts.iter().map(|host| host.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let (one, other) = (*bytes.choose(&ids)?, *bytes.choose(&ids)?);
        let evictions_total = self.correlator.evictions_total();
        let refused = match bytes.ratio(1, 2)? {
            true => self.correlator.join(one, other).is_err(),
            false => self.correlator.split(one, mac(bytes)?).is_err(),
        };
        // A host more may not fit, and the one that has to go may be the one that was to be split.
        let is_full = self.correlator.evictions_total() > evictions_total;
        assert!(!refused || is_full || self.correlator.snapshot() == rows, "what is refused changes nothing");
        Ok(())
    }

    fn restart(&mut self) {
        // A claim that waits for answers is forgotten in a crash, and told when it comes again; a stop decides it.
        if self.settings.explain.is_some() {
            self.correlator.finish(self.now, &mut self.events);
        }
        self.store();
        let rows = self.correlator.snapshot();
        let next = self.events.last().map_or(1, |event| event.id + 1);
        let restored = Correlator::new(self.settings.clone(), LIMITS, rows.clone(), next);
        assert_eq!(restored.snapshot(), rows, "a restored correlator knows the same");
        assert_eq!(restored.poll_timeout(), self.correlator.poll_timeout(), "and waits for the same");
        self.correlator = restored;
        self.evictions_total = 0;
    }

    fn wait(&mut self) {
        let Some(due) = self.correlator.poll_timeout() else { return };
        self.now = due;
        self.correlator.handle_timeout(due, &mut self.events);
        assert!(self.correlator.poll_timeout().is_none_or(|next| next > due), "what was due is done");
    }

    fn store(&mut self) {
        let changes = self.correlator.take_changes();
        let removed = changes.removed;
        let mut gone: Vec<String> = removed.hosts.iter().map(|key| format!("host {key:?}")).collect();
        gone.extend(removed.stations.iter().map(|key| format!("station {key:?}")));
        gone.extend(removed.bindings.iter().map(|key| format!("binding {key:?}")));
        gone.extend(removed.leases.iter().map(|key| format!("lease {key:?}")));
        gone.extend(removed.roles.iter().map(|key| format!("role {key:?}")));
        gone.extend(removed.told.iter().map(|key| format!("told {key:?}")));
        gone.extend(removed.asked.iter().map(|key| format!("asked {key:?}")));
        gone.extend(removed.neighbours.iter().map(|key| format!("neighbour {key:?}")));
        gone.extend(removed.joins.iter().map(|key| format!("join {key:?}")));
        for key in gone {
            assert!(self.stored.remove(&key).is_some(), "{key} is removed, but the store never had it");
        }
        self.stored.extend(written(&changes.rows));
        for seen in self.correlator.take_presence() {
            let key = match seen {
                Presence::Binding(segment, ip, _) => format!("binding {:?}", (segment, ip)),
                Presence::Host(id, _) => format!("host {id:?}"),
                Presence::Station(segment, mac, _) => format!("station {:?}", (segment, mac)),
            };
            assert!(self.stored.contains_key(&key), "{key} is seen again, but the store never had it");
        }
        assert_eq!(self.stored, written(&self.correlator.snapshot()), "the store knows what the correlator knows");
        assert_eq!(self.correlator.take_changes(), Default::default(), "changes are given once");
        assert_eq!(self.correlator.take_presence(), [], "presence is given once");
    }

    fn check(&mut self) {
        let rows = self.correlator.snapshot();
        check_limits(&rows);
        check_relations(&rows);
        let evicted = self.correlator.evictions_total() != self.evictions_total;
        self.evictions_total = self.correlator.evictions_total();
        for event in &self.events[self.checked..] {
            assert_ne!(event.mac, Some(OWN), "our own station is silent");
            if event.kind == Kind::NewHost {
                let id = event.host.expect("a new host has an id");
                // One that was evicted and heard again in the same operation is forgotten, so new.
                assert!(self.announced.insert(id) || evicted, "a host is told once");
            }
        }
        assert!(self.events.iter().zip(1..).all(|(event, id)| event.id == id), "ids rise one by one");
        self.checked = self.events.len();
        let told: BTreeSet<_> = rows.hosts.iter().filter(|host| host.announced).map(|host| host.id).collect();
        self.announced.retain(|id| told.contains(id));
    }
}

/// Rows by key, without the moments that only ride along with other changes.
fn written(rows: &Rows) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for row in &rows.hosts {
        let names: Vec<_> = row.names.iter().map(|name| (&name.name, name.source)).collect();
        let services: Vec<_> = row.services.iter().map(|s| (&s.instance, s.port, s.closed)).collect();
        let value = format!(
            "{:?}",
            (
                row.first_seen,
                row.announced,
                row.here_since,
                row.gone_since,
                names,
                services,
                &row.dhcp,
                &row.prints,
                &row.roles
            )
        );
        out.insert(format!("host {:?}", row.id), value);
    }
    for row in &rows.stations {
        let value = format!("{:?}", (row.host, row.first_seen, &row.sources));
        out.insert(format!("station {:?}", (row.segment, row.mac)), value);
    }
    for row in &rows.bindings {
        let holders: Vec<_> =
            row.holders.iter().map(|holder| (holder.mac, holder.first_seen, &holder.sources)).collect();
        out.insert(format!("binding {:?}", (row.segment, row.ip)), format!("{holders:?}"));
    }
    for row in &rows.leases {
        out.insert(format!("lease {:?}", (row.segment, row.ip)), format!("{row:?}"));
    }
    for row in &rows.roles {
        let value = format!("{:?}", (row.mac, row.first_seen, &row.prefixes));
        out.insert(format!("role {:?}", (row.segment, row.role, row.ip)), value);
    }
    for row in &rows.told {
        let key = (row.segment, row.oddity, row.ip, row.mac, row.frame_mac);
        out.insert(format!("told {key:?}"), format!("{:?}", row.first_seen));
    }
    for row in &rows.asked {
        let names: Vec<_> = row.names.iter().map(|name| (&name.name, name.source)).collect();
        let ports: Vec<_> = row.ports.iter().map(|port| (port.port, port.closed, port.misses, &port.banner)).collect();
        let value = format!(
            "{:?}",
            (row.host, row.first_seen, &row.sources, &row.reverse_dns, names, ports, &row.closed_ports, &row.snmp)
        );
        out.insert(format!("asked {:?}", (row.segment, row.ip)), value);
    }
    for row in &rows.joins {
        out.insert(format!("join {:?}", (row.segment, row.mac)), format!("{row:?}"));
    }
    for row in &rows.neighbours {
        let row = Neighbour { last_seen: row.first_seen, ..row.clone() };
        out.insert(format!("neighbour {:?}", (row.segment, row.id)), format!("{row:?}"));
    }
    out
}

fn check_limits(rows: &Rows) {
    assert!(rows.hosts.len() <= LIMITS.hosts_max && rows.stations.len() <= LIMITS.hosts_max);
    assert!(rows.bindings.len() <= LIMITS.bindings_max);
    assert!(rows.leases.len() <= LIMITS.leases_max);
    assert!(rows.roles.len() <= LIMITS.roles_max);
    assert!(rows.told.len() <= LIMITS.told_max);
    assert!(rows.asked.len() <= LIMITS.asked_max);
    assert!(rows.neighbours.len() <= LIMITS.neighbours_max);
    assert!(rows.joins.len() <= LIMITS.joins_max);
    for asked in &rows.asked {
        assert!(asked.ports.len() <= LIMITS.ports_max && asked.closed_ports.len() <= LIMITS.ports_max);
        assert!(asked.ports.is_sorted_by_key(|open| open.port) && asked.closed_ports.is_sorted());
    }
    for host in &rows.hosts {
        assert!(host.services.len() <= LIMITS.services_max);
        assert!(host.prints.is_sorted() && host.prints.len() <= LIMITS.prints_max * Evidence::NAMES.len());
        for name in &host.names {
            let of_source = host.names.iter().filter(|other| other.source == name.source);
            assert!(of_source.count() <= LIMITS.names_max);
        }
        assert!(host.roles.values().all(|evidence| (1..=8).contains(&evidence.len())));
    }
    for station in &rows.stations {
        let holds = |ip: IpAddr, mac: Mac| ip.is_ipv6() && mac == station.mac;
        let here = rows.bindings.iter().filter(|binding| binding.segment == station.segment);
        let six = here.filter(|binding| holds(binding.ip, binding.holders[0].mac)).count();
        assert!(six <= LIMITS.bindings_per_station_max);
    }
}

fn check_relations(rows: &Rows) {
    let hosts: BTreeSet<_> = rows.hosts.iter().map(|host| host.id).collect();
    let housed: BTreeSet<_> = rows.stations.iter().map(|station| station.host).collect();
    let distant: BTreeSet<_> = rows.asked.iter().filter_map(|asked| asked.host).collect();
    let known: BTreeSet<_> = housed.union(&distant).copied().collect();
    assert_eq!(hosts, known, "every station and every distant address has its host, every host one of them");
    assert!(housed.is_disjoint(&distant), "a host has stations or is distant");
    let stations: BTreeSet<_> = rows.stations.iter().map(|station| (station.segment, station.mac)).collect();
    assert!(stations.iter().all(|(_, mac)| mac.is_station() && *mac != OWN));
    for binding in &rows.bindings {
        assert!(stations.contains(&(binding.segment, binding.holders[0].mac)), "the present holder is known");
        assert!(binding.holders.len() <= LIMITS.holders_max);
        let macs: BTreeSet<_> = binding.holders.iter().map(|holder| holder.mac).collect();
        assert_eq!(macs.len(), binding.holders.len(), "a station stands once in a history");
        assert!(binding.holders.iter().all(|holder| holder.first_seen <= holder.last_seen));
    }
    assert!(rows.hosts.iter().all(|host| host.id.0 != 0 && host.first_seen <= host.last_seen));
    assert!(rows.stations.iter().all(|station| station.first_seen <= station.last_seen));
}

fn sighting(bytes: &mut Unstructured<'_>, now: Timestamp) -> Result<Sighting> {
    let late = Duration::from_millis(bytes.int_in_range(0..=4)? * 700);
    let at = Timestamp::from_nanos(now.as_nanos() - i64::try_from(late.as_nanos()).expect("a few seconds"));
    let segment = segment(bytes)?;
    if bytes.ratio(1, 4)? {
        let (ip, claim) = (Some(ip(bytes)?), answer(bytes)?);
        return Ok(Sighting { at, segment, frame_mac: Mac::ZERO, mac: Mac::ZERO, ip, claim });
    }
    let mac = mac(bytes)?;
    let frame_mac = if bytes.ratio(1, 6)? { self::mac(bytes)? } else { mac };
    let (ip, claim) = claim(bytes)?;
    Ok(Sighting { at, segment, frame_mac, mac, ip, claim })
}

fn segment(bytes: &mut Unstructured<'_>) -> Result<Segment> {
    let vlans = Vlans::new([*bytes.choose(&[0, 0, 30])?, 0]);
    Ok(Segment::tagged(Iface::new("eth1").expect("a short name"), vlans))
}

/// What a host answers through a socket.
fn answer(bytes: &mut Unstructured<'_>) -> Result<Claim> {
    let rtt = Duration::from_millis(bytes.int_in_range(0..=9)?);
    let some = |bytes: &mut Unstructured<'_>| Ok(if bytes.ratio(3, 4)? { Some(text(bytes)?) } else { None });
    Ok(Claim::Answer(Box::new(match bytes.int_in_range(0..=6)? {
        0 => Answer::Echo { rtt, hop_limit: None },
        1 => Answer::Nbns { name: some(bytes)?, group: None, mac: None },
        2 => Answer::Ptr { name: some(bytes)?, confirmed: true },
        3 => Answer::Snmp { name: some(bytes)?, description: some(bytes)?, object_id: None },
        4 => return Ok(Claim::Mdns(MdnsClaim::Address { name: text(bytes)?, addr: ip(bytes)? })),
        _ => Answer::Port {
            port: bytes.int_in_range(1..=4)?,
            state: *bytes.choose(&[PortState::Closed, PortState::Open, PortState::Silent])?,
            banner: some(bytes)?,
            rtt,
        },
    })))
}

fn opening(bytes: &mut Unstructured<'_>) -> Result<Syn> {
    let is_answer = bytes.ratio(1, 2)?;
    let text =
        *bytes.choose(&["4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0", "4:128+0:0:1460:8192,8:mss:df:0"])?;
    Ok(signature::observed(text, is_answer).expect("a notation that is read"))
}

/// As sent, by a router on the way, and only counted.
fn hop_limit(bytes: &mut Unstructured<'_>) -> Result<Option<u8>> {
    Ok(*bytes.choose(&[Some(64), Some(64), Some(63), None])?)
}

/// What SSDP says, near or far.
fn device(bytes: &mut Unstructured<'_>) -> Result<Claim> {
    let word = |word: &[u8]| Some(Text::new(word));
    let said = ssdp::Message {
        kind: *bytes.choose(&[ssdp::MessageKind::Notify, ssdp::MessageKind::Response, ssdp::MessageKind::Search])?,
        server: Some(text(bytes)?),
        location: None,
        usn: word(bytes.choose(&[&b"uuid:0123456789abcdef0123456789abcdef::x"[..], b"uuid:short", b"x"])?),
        nt: word(bytes.choose(&[&b"urn:schemas-upnp-org:device:InternetGatewayDevice:1"[..], b"x"])?),
        nts: word(bytes.choose(&[&b"ssdp:alive"[..], b"ssdp:byebye"])?),
        st: Some(text(bytes)?),
        user_agent: None,
    };
    Ok(Claim::Ssdp(Box::new(Heard { said, is_near: bytes.ratio(2, 3)?, port: *bytes.choose(&[1900, 50_000])? })))
}

/// What WS-Discovery says, near or far.
fn target_service(bytes: &mut Unstructured<'_>) -> Result<Claim> {
    let types = vec![Text::new(bytes.choose(&[&b"pub:Computer"[..], b"x:PrintDeviceType", b"x"])?)];
    let scopes = vec![Text::new(bytes.choose(&[&b"onvif://www.onvif.org/name/a%20b"[..], b"x"])?)];
    let target = wsd::Target { types, scopes, ..wsd::Target::default() };
    let kind = *bytes.choose(&[
        wsd::MessageKind::Hello,
        wsd::MessageKind::Bye,
        wsd::MessageKind::Probe,
        wsd::MessageKind::ResolveMatches,
    ])?;
    let said = WsdClaim { kind, target };
    Ok(Claim::Wsd(Box::new(Heard { said, is_near: bytes.ratio(2, 3)?, port: *bytes.choose(&[3702, 50_000])? })))
}

/// What LLMNR or NetBIOS says, near or far.
fn announced(bytes: &mut Unstructured<'_>, ip: IpAddr) -> Result<Claim> {
    let (is_near, port) = (bytes.ratio(2, 3)?, *bytes.choose(&[137, 5355])?);
    let word = text(bytes)?;
    let name = nbns::Name { name: word.clone(), suffix: 0 };
    let addr = Ipv4Addr::new(10, 0, 0, 1);
    let said = match bytes.int_in_range(0..=6)? {
        0 | 1 => {
            let said = if bytes.ratio(3, 4)? {
                MdnsClaim::Address { name: word, addr: ip }
            } else {
                MdnsClaim::Query { name: word }
            };
            return Ok(Claim::Llmnr(Box::new(Heard { said, is_near, port })));
        }
        2 => NbnsClaim::Goodbye { name, group: false, addr },
        3 => NbnsClaim::Query { name },
        4 | 5 => NbnsClaim::Address { name, group: bytes.ratio(1, 4)?, addr },
        _ => NbnsClaim::Status { name, group: bytes.ratio(1, 4)?, active: true },
    };
    Ok(Claim::Nbns(Box::new(Heard { said, is_near, port })))
}

fn claim(bytes: &mut Unstructured<'_>) -> Result<(Option<IpAddr>, Claim)> {
    let target = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ip = ip(bytes)?;
    let ndp = |claim| Ok((Some(ip), Claim::Ndp(claim)));
    let mdns = |claim| Ok((Some(ip), Claim::Mdns(claim)));
    if bytes.ratio(1, 3)? {
        return Ok((Some(ip), link(bytes, ip)?));
    }
    match bytes.int_in_range(0..=27)? {
        15 => Ok((Some(ip), Claim::Syn(Box::new(opening(bytes)?)))),
        16 => {
            let txt = vec![Text::new(bytes.choose(&[&b"model=A"[..], b"model=B", b"x"])?)];
            mdns(MdnsClaim::Txt { name: Text::new(b"a._device-info._tcp.local"), txt })
        }
        0 => ndp(NdpClaim::Dad),
        1 => ndp(NdpClaim::Redirect { target, destination: target }),
        2 => {
            let lifetime_s = *bytes.choose(&[0, 9])?;
            let prefixes = vec![Prefix::new(std::net::Ipv6Addr::UNSPECIFIED, bytes.int_in_range(0..=255)?)];
            ndp(NdpClaim::RouterAdvert(Box::new(RouterAdvert { lifetime_s, prefixes, ..RouterAdvert::default() })))
        }
        3 => Ok((None, Claim::Ndp(NdpClaim::RouterSolicit))),
        4 => ndp(NdpClaim::Advert { router: false, solicited: true, asked: bytes.ratio(1, 3)? }),
        5 => mdns(MdnsClaim::Address { name: text(bytes)?, addr: ip }),
        6 => mdns(MdnsClaim::Srv { name: instance(bytes)?, target: text(bytes)?, port: bytes.int_in_range(1..=2)? }),
        7 => {
            let record = MdnsClaim::Srv { name: instance(bytes)?, target: text(bytes)?, port: 0 };
            mdns(MdnsClaim::Goodbye { record: Box::new(record) })
        }
        8..=10 => dhcp(bytes),
        17 => {
            let IpAddr::V6(address) = ip else { return Ok((Some(ip), announced(bytes, ip)?)) };
            let address = dhcpv6::Address { ip: address, preferred_s: 1, valid_s: bytes.int_in_range(0..=1)? };
            let kind = *bytes.choose(&[Dhcpv6Claim::ADVERTISE, 5, Dhcpv6Claim::REPLY])?;
            let from_server = kind != 5;
            let client = if bytes.ratio(1, 2)? { Some(mac(bytes)?) } else { None };
            let (addresses, fqdn) = (vec![address], Some(text(bytes)?));
            let message = dhcpv6::Message { kind, addresses, fqdn, ..dhcpv6::Message::default() };
            let is_near = bytes.ratio(2, 3)?;
            Ok((Some(ip), Claim::Dhcpv6(Box::new(Dhcpv6Claim { message, from_server, client, is_near }))))
        }
        18..=20 => Ok((Some(ip), announced(bytes, ip)?)),
        21 => Ok((Some(ip), device(bytes)?)),
        22 => Ok((Some(ip), target_service(bytes)?)),
        23 => {
            let (protocol, port) = *bytes.choose(&[("tcp", 22), ("udp", 53)])?;
            Ok((Some(ip), Claim::Served(ServedClaim { protocol, port, hop_limit: hop_limit(bytes)? })))
        }
        24 | 25 => Ok((Some(ip), Claim::Traffic(TrafficClaim { hop_limit: hop_limit(bytes)?, frames: 1, bytes: 60 }))),
        26 => mdns(match bytes.int_in_range(0..=3)? {
            0 => MdnsClaim::Query { name: text(bytes)? },
            1 => MdnsClaim::Reverse { name: text(bytes)?, target: text(bytes)? },
            2 => MdnsClaim::Service { name: text(bytes)?, instance: instance(bytes)? },
            _ => MdnsClaim::Type { name: text(bytes)? },
        }),
        27 => {
            let claim = ArpClaim { operation: ArpOperation::PresenceCheck, target: Ipv4Addr::LOCALHOST, asked: false };
            Ok((Some(ip), Claim::Arp(claim)))
        }
        operation => {
            let operation = match operation {
                11 => ArpOperation::ConflictCheck,
                12 => ArpOperation::Gratuitous,
                13 => ArpOperation::Reply,
                _ => ArpOperation::Request,
            };
            Ok((Some(ip), Claim::Arp(ArpClaim { operation, target: Ipv4Addr::LOCALHOST, asked: bytes.ratio(1, 3)? })))
        }
    }
}

/// What switches and routers tell each other.
fn link(bytes: &mut Unstructured<'_>, ip: IpAddr) -> Result<Claim> {
    Ok(match bytes.int_in_range(0..=4)? {
        0 => {
            let chassis = match bytes.int_in_range(0..=2)? {
                0 => lldp::Value::Mac(mac(bytes)?),
                1 => lldp::Value::Ip(self::ip(bytes)?),
                _ => lldp::Value::Text(text(bytes)?),
            };
            Claim::Lldp(Box::new(lldp::Message {
                chassis: lldp::Id { subtype: 4, value: chassis },
                port: lldp::Id { subtype: 7, value: lldp::Value::Text(text(bytes)?) },
                ttl_s: bytes.int_in_range(0..=9)?,
                port_description: None,
                system_name: if bytes.ratio(1, 2)? { Some(text(bytes)?) } else { None },
                system_description: None,
                capabilities: Some(lldp::Capabilities { supported: 0, enabled: bytes.int_in_range(0..=63)? }),
                management: vec![ip],
                port_vlan: None,
                med: None,
            }))
        }
        1 => Claim::Cdp(Box::new(cdp::Message {
            ttl_s: bytes.int_in_range(0..=9)?,
            device_id: Some(text(bytes)?),
            port: Some(text(bytes)?),
            addresses: vec![ip],
            capabilities: Some(bytes.int_in_range(0..=255)?),
            ..cdp::Message::default()
        })),
        2 => {
            let bridge = stp::BridgeId { priority: 0, mac: mac(bytes)? };
            let port = bytes.int_in_range(0..=2)?;
            let configuration = stp::Configuration { flags: 0, root: bridge, root_cost: 0, bridge, port };
            Claim::Stp(stp::Message { version: 0, configuration: Some(configuration) })
        }
        3 => Claim::Membership(Box::new(membership::Message {
            protocol: membership::Protocol::Mld,
            operation: membership::Operation::Report,
            groups: Vec::new(),
            left: Vec::new(),
        })),
        _ => {
            use redundancy::Protocol::{Carp, Glbp, Hsrp, Vrrp};
            let (protocol, station) = *bytes.choose(&[
                (Vrrp, [0, 0, 0x5e, 0, 2, 1]),
                (Carp, [0, 0, 0x5e, 0, 2, 1]),
                (Hsrp, [0, 0, 0x0c, 7, 0xac, 1]),
                (Glbp, [0, 7, 0xb4, 0, 1, 1]),
            ])?;
            Claim::Redundancy(Box::new(redundancy::Message {
                protocol,
                group: bytes.int_in_range(0..=20)?,
                state: None,
                priority: None,
                addresses: vec![self::ip(bytes)?],
                virtual_macs: vec![Mac(station)],
            }))
        }
    })
}

fn dhcp(bytes: &mut Unstructured<'_>) -> Result<(Option<IpAddr>, Claim)> {
    use DhcpMessage::{Ack, Bootp, Decline, Discover, Inform, Nak, Offer, Release, Request, Unknown};
    let four = |bytes: &mut Unstructured<'_>| {
        Ok(match ip(bytes)? {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
    };
    let claim = DhcpClaim {
        message: *bytes.choose(&[
            Ack,
            Ack,
            Bootp,
            Decline,
            Discover,
            Inform,
            Nak,
            Offer,
            Release,
            Request,
            Unknown(9),
        ])?,
        from_server: bytes.ratio(1, 2)?,
        client_is_here: !bytes.ratio(1, 6)?,
        hostname: if bytes.ratio(1, 2)? { Some(text(bytes)?) } else { None },
        fqdn: if bytes.ratio(1, 2)? { Some(text(bytes)?) } else { None },
        server: four(bytes)?,
        lease_s: *bytes.choose(&[None, Some(0), Some(5), Some(u32::MAX)])?,
        ciaddr: four(bytes)?,
        yiaddr: four(bytes)?,
        source: Some(ip(bytes)?),
        ..DhcpClaim::default()
    };
    Ok((claim.yiaddr.or(claim.ciaddr).map(IpAddr::V4), Claim::Dhcp(Box::new(claim))))
}

fn mac(bytes: &mut Unstructured<'_>) -> Result<Mac> {
    Ok(match bytes.int_in_range(0..=9)? {
        0 => Mac::BROADCAST,
        1 => Mac::ZERO,
        2 => OWN,
        3 => Mac(*bytes.choose(&[[0, 0, 0x5e, 0, 2, 1], [0, 7, 0xb4, 0, 1, 1], [0, 7, 0xb4, 0, 1, 2]])?),
        last => Mac([2, 0, 0, 0, 0, last]),
    })
}

fn ip(bytes: &mut Unstructured<'_>) -> Result<IpAddr> {
    const IPS: [&str; 12] = [
        "0.0.0.0",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.9",
        "224.0.0.1",
        "::",
        "fe80::1",
        "fe80::2",
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::3",
    ];
    Ok(bytes.choose(&IPS)?.parse().expect("an address"))
}

fn text(bytes: &mut Unstructured<'_>) -> Result<Text> {
    const TEXTS: [&[u8]; 9] = [b"", b".", b".local", b"a.local", b"A", b"b", b"c.local", b"\0\0", b"\xff\x1b.local"];
    Ok(Text::new(bytes.choose(&TEXTS)?))
}

fn instance(bytes: &mut Unstructured<'_>) -> Result<Text> {
    const INSTANCES: [&[u8]; 4] = [b"x._ipp._tcp.local", b"y.z._tftp._UDP.local", b"nothing", b"_tcp"];
    Ok(Text::new(bytes.choose(&INSTANCES)?))
}
