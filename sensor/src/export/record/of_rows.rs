//! From the tables to the records of addresses.

use crate::export::escape::escape;
use crate::export::guess;
use crate::export::record::address::{
    AddressRecord, DhcpRecord, GuessRecord, NameRecord, RoleRecord, RouterRecord, ServiceRecord, SnmpRecord,
    SwitchRecord,
};
use crate::export::record::text::{filled, hex, host_id, hostname, mac_kind, rfc3339, source_names, vlan};
use crate::export::{HashMap, HashSet, RandomState};
use crate::vendor::Vendors;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::fingerprint::guess::Conclusion;
use sensor_core::inventory::model::address::{Asked, Binding, Holder, OpenPort, SnmpFacts};
use sensor_core::inventory::model::host::{DhcpFacts, Host, HostId, Name, Station};
use sensor_core::inventory::model::role::{Neighbour, Role, RoleHolder};
use sensor_core::inventory::model::rows::View;
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, Segment, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One record per address presently held, and one per station or host that holds none. By segment, then address.
pub fn address_records(rows: &View<'_>, vendors: &Vendors, fingerprints: &Fingerprints) -> Vec<AddressRecord> {
    each_record(rows, vendors, fingerprints, |_, _| true).collect()
}

/// As [`address_records`], one after the other, of the addresses that are wanted; `None` stands for a station or a host
/// without one. A record is large beside the rows that it is made of: whoever only writes them needs one at a time.
pub fn each_record<'a>(
    rows: &'a View<'a>,
    vendors: &'a Vendors,
    fingerprints: &'a Fingerprints,
    is_wanted: impl Fn(Segment, Option<IpAddr>) -> bool,
) -> impl Iterator<Item = AddressRecord> + 'a {
    let known = Known::new(rows, vendors);
    let mut subjects = known.subjects();
    subjects.retain(|(place, _)| is_wanted(place.segment, place.ip));
    subjects.sort_by_key(|(place, _)| *place);
    let switches = switches(&rows.neighbours);
    let guesses = guess::guesses(rows, vendors, fingerprints);
    subjects.into_iter().map(move |(place, subject)| {
        let (host, mut record) = known.describe(place, subject);
        record.switch = switches.get(&place.segment).copied().map(switch).map(Box::new);
        if let Some(guess) = host.and_then(|host| guesses.get(&host.id)) {
            record.os = guess.os.as_ref().map(guess_record);
            record.kind = guess.kind.as_ref().map(guess_record);
        }
        record
    })
}

/// Where a record stands among the others: those without an address last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    segment: Segment,
    has_no_ip: bool,
    ip: Option<IpAddr>,
    mac: Option<Mac>,
}

impl Place {
    fn new(segment: Segment, ip: Option<IpAddr>, mac: Option<Mac>) -> Self {
        Self { segment, has_no_ip: ip.is_none(), ip, mac }
    }
}

/// What a record is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// An address that only answers, from behind a router or where no frame is heard: it has no station.
    Answering(&'a Asked),
    /// An address and its holder.
    Held(&'a Binding, &'a Holder),
    /// A station that holds no address.
    Lonely(&'a Station),
    /// A host without any station.
    Remembered(&'a Host),
}

/// The rows, by what they are looked up by.
pub(crate) struct Known<'a> {
    rows: &'a View<'a>,
    vendors: &'a Vendors,
    hosts: HashMap<HostId, &'a Host>,
    stations: HashMap<(Segment, Mac), &'a Station>,
    /// Addresses that somebody holds, and what probes know of them.
    bound: HashMap<(Segment, IpAddr), Option<&'a Asked>>,
    routers: HashMap<(Segment, Mac), &'a RoleHolder>,
}

impl<'a> Known<'a> {
    fn new(rows: &'a View<'a>, vendors: &'a Vendors) -> Self {
        let mut bound: HashMap<(Segment, IpAddr), Option<&Asked>> =
            rows.bindings.iter().map(|binding| ((binding.segment, binding.ip), None)).collect();
        for &asked in &rows.asked {
            if let Some(known) = bound.get_mut(&(asked.segment, asked.ip)) {
                *known = Some(asked);
            }
        }
        Self {
            rows,
            vendors,
            hosts: rows.hosts.iter().map(|&host| (host.id, host)).collect(),
            stations: rows.stations.iter().map(|&station| ((station.segment, station.mac), station)).collect(),
            bound,
            routers: routers(&rows.roles),
        }
    }

    /// What there is to tell of, in no order.
    fn subjects(&self) -> Vec<(Place, Subject<'a>)> {
        let rows = self.rows;
        let mut subjects = Vec::with_capacity(rows.bindings.len().max(rows.asked.len()));
        let mut holding = HashSet::default();
        for &binding in &rows.bindings {
            let Some(holder) = binding.holders.first() else { continue };
            holding.insert((binding.segment, holder.mac));
            let place = Place::new(binding.segment, Some(binding.ip), Some(holder.mac));
            subjects.push((place, Subject::Held(binding, holder)));
        }
        let mut with_record = HashSet::with_capacity_and_hasher(rows.hosts.len(), RandomState::default());
        let is_distant =
            |asked: &&Asked| !asked.sources.is_empty() && !self.bound.contains_key(&(asked.segment, asked.ip));
        for asked in rows.asked.iter().copied().filter(is_distant) {
            with_record.extend(asked.host);
            subjects.push((Place::new(asked.segment, Some(asked.ip), None), Subject::Answering(asked)));
        }
        for &station in &rows.stations {
            with_record.insert(station.host);
            if !holding.contains(&(station.segment, station.mac)) {
                let place = Place::new(station.segment, None, Some(station.mac));
                subjects.push((place, Subject::Lonely(station)));
            }
        }
        let mut remembered: Vec<&Host> =
            rows.hosts.iter().copied().filter(|host| !with_record.contains(&host.id)).collect();
        // They all stand in the same place.
        remembered.sort_unstable_by_key(|host| host.id);
        subjects.extend(
            remembered.into_iter().map(|host| (Place::new(host.segment, None, None), Subject::Remembered(host))),
        );
        subjects
    }

    /// The record, and whose it is.
    fn describe(&self, place: Place, subject: Subject<'a>) -> (Option<&'a Host>, AddressRecord) {
        let Place { segment, ip, mac, .. } = place;
        let (host, seen) = match subject {
            Subject::Answering(asked) => (asked.host, (asked.first_seen, asked.last_seen)),
            Subject::Held(_, holder) => {
                let station = self.stations.get(&(segment, holder.mac));
                (station.map(|station| station.host), (holder.first_seen, holder.last_seen))
            }
            Subject::Lonely(station) => (Some(station.host), (station.first_seen, station.last_seen)),
            Subject::Remembered(host) => (Some(host.id), (host.first_seen, host.last_seen)),
        };
        let host = host.and_then(|id| self.hosts.get(&id)).copied();
        let mut record = AddressRecord { ip, ..record(segment, mac, seen, host, self.vendors) };
        record.router = mac.and_then(|mac| self.routers.get(&(segment, mac))).map(|holder| Box::new(router(holder)));
        match subject {
            Subject::Answering(asked) => add_asked(&mut record, asked, host, None),
            Subject::Held(binding, holder) => {
                record.sources = source_names(holder.sources).collect();
                record.previous_macs = previous(binding, holder.mac);
                // A frame that answers a question is an answer.
                let is_answer = |source| matches!(source, Source::ArpProbe | Source::NdpProbe);
                record.alive = holder.sources.iter().any(is_answer).then_some(true);
                if let Some(Some(asked)) = self.bound.get(&(segment, binding.ip)) {
                    add_asked(&mut record, asked, host, Some(holder.last_seen));
                }
            }
            Subject::Lonely(station) => record.sources = source_names(station.sources).collect(),
            Subject::Remembered(_) => {}
        }
        (host, record)
    }
}

pub(crate) fn record(
    segment: Segment,
    mac: Option<Mac>,
    (first_seen, last_seen): (Timestamp, Timestamp),
    host: Option<&Host>,
    vendors: &Vendors,
) -> AddressRecord {
    let first = rfc3339(first_seen);
    let last = if last_seen == first_seen { first.clone() } else { rfc3339(last_seen) };
    AddressRecord {
        hostname: host.and_then(|host| hostname(&host.names)),
        mac: mac.map(|mac| mac.to_string()),
        vendor: mac.and_then(|mac| vendors.lookup(mac)).map(|name| escape(name).into_owned()),
        host: host.map(|host| host_id(host.id)),
        segment: segment.to_string(),
        vlan: vlan(segment),
        mac_kind: mac.map(|mac| mac_kind(mac).to_owned()),
        first_seen: first,
        last_seen: last,
        names: host.and_then(|host| filled(host.names.iter().map(name).collect())),
        services: host.and_then(services),
        dhcp: host.and_then(|host| host.dhcp.as_deref()).map(dhcp).map(Box::new),
        roles: host.and_then(roles),
        ..AddressRecord::default()
    }
}

/// Puts in what probes found out. `heard`: when a frame last showed the address.
pub(crate) fn add_asked(record: &mut AddressRecord, asked: &Asked, host: Option<&Host>, heard: Option<Timestamp>) {
    let answered = (!asked.sources.is_empty()).then_some(asked.last_seen);
    let is_silent = asked.silent_at.is_some_and(|silent| heard.max(answered).is_none_or(|last| silent >= last));
    record.alive = if is_silent { Some(false) } else { record.alive.or(answered.map(|_| true)) };
    record.rtt_ms = asked.rtt_us.filter(|_| !is_silent).map(|us| f64::from(us) / 1000.0);
    record.reverse_dns = asked.reverse_dns.as_deref().map(|name| escape(name).into_owned());
    let open = || asked.ports.iter().filter(|port| !port.closed);
    record.ports = filled(open().map(|open| open.port).collect());
    let banners = open().filter_map(|open| Some((open.port, escape(open.banner.as_deref()?).into_owned())));
    record.banners = Some(banners.collect()).filter(|map: &BTreeMap<_, _>| !map.is_empty());
    record.snmp = asked.snmp.as_deref().map(snmp).map(Box::new);
    let names = host.into_iter().flat_map(|host| &host.names).chain(&asked.names);
    record.hostname = hostname(names.clone());
    let mut written: Vec<NameRecord> = Vec::new();
    for name in names.map(name) {
        if !written.contains(&name) {
            written.push(name);
        }
    }
    record.names = filled(written);
    let mut services = record.services.take().unwrap_or_default();
    services.extend(asked.ports.iter().map(port));
    record.services = filled(services);
    let asked_by = asked.sources.iter().chain(asked.reverse_dns.is_some().then_some(Source::Ptr));
    record.sources.extend(source_names(asked_by));
    record.sources.sort();
    record.sources.dedup();
}

pub(crate) fn guess_record(verdict: &Conclusion) -> GuessRecord {
    GuessRecord {
        name: escape(&verdict.name).into_owned(),
        confidence: verdict.confidence,
        evidence: verdict.evidence.iter().map(|text| escape(text).into_owned()).collect(),
    }
}

pub(crate) fn roles(host: &Host) -> Option<Vec<RoleRecord>> {
    let written = host.roles.iter().map(|(role, evidence)| RoleRecord {
        role: role.name().to_owned(),
        evidence: evidence.iter().map(|text| escape(text).into_owned()).collect(),
    });
    filled(written.collect())
}

/// The one port that a segment hangs on, for each segment that hears one. A port that speaks LLDP and CDP is one port.
pub(crate) fn switches<'a>(neighbours: &[&'a Neighbour]) -> HashMap<Segment, &'a Neighbour> {
    let mut heard: HashMap<Segment, Vec<&Neighbour>> = HashMap::default();
    for neighbour in neighbours.iter().copied().filter(|n| n.bridges && !n.gone && n.source != Source::Stp) {
        heard.entry(neighbour.segment).or_default().push(neighbour);
    }
    heard.retain(|_, ports| {
        let one_of_each = [Source::Lldp, Source::Cdp].map(|source| ports.iter().filter(|n| n.source == source).count());
        one_of_each.iter().all(|count| *count <= 1) && ports.iter().all(|port| port.mac == ports[0].mac)
    });
    // LLDP says more of the port than CDP.
    let best = heard.into_iter().map(|(segment, ports)| {
        let port = ports.into_iter().max_by_key(|port| port.source == Source::Lldp)?;
        Some((segment, port))
    });
    best.flatten().collect()
}

pub(crate) fn switch(port: &Neighbour) -> SwitchRecord {
    let text = |text: &str| escape(text).into_owned();
    SwitchRecord {
        name: port.name.as_deref().map(text),
        chassis: text(&port.chassis),
        port: text(&port.port),
        port_description: port.port_description.as_deref().map(text),
        source: port.source.name().to_owned(),
    }
}

pub(crate) fn snmp(facts: &SnmpFacts) -> SnmpRecord {
    let text = |text: &Option<String>| text.as_deref().map(|text| escape(text).into_owned());
    SnmpRecord {
        sys_name: text(&facts.name),
        sys_descr: text(&facts.description),
        sys_object_id: text(&facts.object_id),
    }
}

pub(crate) fn port(open: &OpenPort) -> ServiceRecord {
    ServiceRecord {
        port: open.port,
        protocol: "tcp".to_owned(),
        state: if open.closed { "closed" } else { "open" }.to_owned(),
        source: Source::Tcp.name().to_owned(),
        banner: open.banner.as_deref().map(|banner| escape(banner).into_owned()),
        first_seen: rfc3339(open.first_seen),
        last_seen: rfc3339(open.last_seen),
    }
}

/// The routers, by station; of several addresses of one, that which spoke last.
pub(crate) fn routers<'a>(roles: &[&'a RoleHolder]) -> HashMap<(Segment, Mac), &'a RoleHolder> {
    let mut routers: HashMap<(Segment, Mac), &RoleHolder> = HashMap::default();
    for holder in roles.iter().copied().filter(|holder| holder.role == Role::Router) {
        let known = routers.entry((holder.segment, holder.mac)).or_insert(holder);
        if (holder.last_seen, holder.ip) > (known.last_seen, known.ip) {
            *known = holder;
        }
    }
    routers
}

pub(crate) fn router(holder: &RoleHolder) -> RouterRecord {
    let facts = holder.router.as_ref();
    let domains = |domains: &Vec<String>| domains.iter().map(|domain| escape(domain).into_owned()).collect();
    RouterRecord {
        lifetime_s: facts.map(|facts| facts.lifetime_s),
        managed: facts.map(|facts| facts.managed),
        other: facts.map(|facts| facts.other),
        prefixes: filled(holder.prefixes.iter().map(ToString::to_string).collect()),
        rdnss: facts.and_then(|facts| filled(facts.rdnss.clone())),
        dnssl: facts.and_then(|facts| filled(domains(&facts.dnssl))),
    }
}

pub(crate) fn previous(binding: &Binding, present: Mac) -> Option<Vec<String>> {
    let others = binding.holders.iter().skip(1).filter(|holder| holder.mac != present);
    filled(others.map(|holder| holder.mac.to_string()).collect())
}

pub(crate) fn name(name: &Name) -> NameRecord {
    NameRecord { name: escape(&name.name).into_owned(), source: name.source.name().to_owned() }
}

pub(crate) fn services(host: &Host) -> Option<Vec<ServiceRecord>> {
    let written = host.services.iter().map(|service| ServiceRecord {
        port: service.port,
        protocol: service.protocol.to_owned(),
        state: if service.closed { "closed" } else { "open" }.to_owned(),
        source: service.source.name().to_owned(),
        banner: Some(escape(&service.instance).into_owned()).filter(|banner| !banner.is_empty()),
        first_seen: rfc3339(service.first_seen),
        last_seen: rfc3339(service.last_seen),
    });
    filled(written.collect())
}

pub(crate) fn dhcp(facts: &DhcpFacts) -> DhcpRecord {
    DhcpRecord {
        hostname: facts.hostname.as_deref().map(|name| escape(name).into_owned()),
        vendor_class: facts.vendor_class.as_deref().map(|class| escape(class).into_owned()),
        parameters: filled(facts.parameters.clone()),
        client_id: Some(hex(&facts.client_id)).filter(|id| !id.is_empty()),
        server: facts.server,
        lease_until: facts.lease_until.map(rfc3339),
    }
}
