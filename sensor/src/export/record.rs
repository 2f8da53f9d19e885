//! The only written form of what the sensor knows and tells. Changing a core type cannot change it by accident.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::escape::escape;
use super::guess;
use super::message::message;
use super::{HashMap, HashSet, RandomState};
use crate::inventory::event::{Detail, Event};
use crate::inventory::fingerprint::{Fingerprints, Verdict};
use crate::inventory::state::{
    Asked, Binding, DhcpFacts, Holder, Host, HostId, Name, Neighbour, OpenPort, Role, RoleHolder, SnmpFacts, Source,
    Station, View,
};
use crate::types::{Mac, MacKind, Segment, Timestamp};
use crate::vendor::Vendors;

/// One address that a host holds, or a station without one. What was not collected is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRecord {
    /// The address; absent for a station whose address is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Whether it answered a probe; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<bool>,
    /// Round-trip time of the answer, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// First label of the best name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The name that DNS gives for the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_dns: Option<String>,
    /// Lower case, with colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Of the MAC's longest assigned prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Ports that answered, rising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<u16>>,
    /// Port to the text that it greeted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banners: Option<BTreeMap<u16, String>>,
    /// What SNMP said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snmp: Option<Box<SnmpRecord>>,
    /// The host's stable id, 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where: `eth1.30`.
    pub segment: String,
    /// VLAN ids, outer first; absent when untagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vec<u16>>,
    /// `universal`, `local` or `virtual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_kind: Option<String>,
    /// When the holder first claimed the address; without address, when the station was first seen.
    pub first_seen: String,
    /// When it last did.
    pub last_seen: String,
    /// The protocols by which it did, sorted.
    pub sources: Vec<String>,
    /// What the host calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<NameRecord>>,
    /// What it announces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<ServiceRecord>>,
    /// What it told DHCP servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<Box<DhcpRecord>>,
    /// The address's other holders, most recent first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_macs: Option<Vec<String>>,
    /// What the host is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleRecord>>,
    /// The switch's port that the segment hangs on; absent unless exactly one is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Box<SwitchRecord>>,
    /// The operating system that the host seems to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<GuessRecord>,
    /// What the host seems to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GuessRecord>,
    /// What it advertises as an IPv6 router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<Box<RouterRecord>>,
}

/// A guess.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuessRecord {
    /// What.
    pub name: String,
    /// How sure, percent (50..=95).
    pub confidence: u8,
    /// By what: sort and text of each clue, escaped, the surest first.
    pub evidence: Vec<String>,
}

/// What a host is for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRecord {
    /// `router`, `switch`, ...
    pub role: String,
    /// What says so, sorted, escaped.
    pub evidence: Vec<String>,
}

/// A switch's port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchRecord {
    /// What the switch is called, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// LLDP's chassis or CDP's device id, escaped.
    pub chassis: String,
    /// The port's id, escaped.
    pub port: String,
    /// What the port is called, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_description: Option<String>,
    /// `lldp` or `cdp`.
    pub source: String,
}

/// What SNMP said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnmpRecord {
    /// `sysName`, escaped.
    #[serde(rename = "sysName")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys_name: Option<String>,
    /// `sysDescr`, escaped.
    #[serde(rename = "sysDescr")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys_descr: Option<String>,
    /// `sysObjectID`, dotted.
    #[serde(rename = "sysObjectID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys_object_id: Option<String>,
}

/// What a station advertises as an IPv6 router: its last advertisement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterRecord {
    /// Router lifetime, seconds; 0: it is no default router any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_s: Option<u16>,
    /// Addresses come from DHCPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Other settings come from DHCPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<bool>,
    /// Prefixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<Vec<String>>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdnss: Option<Vec<Ipv6Addr>>,
    /// Search domains, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssl: Option<Vec<String>>,
}

/// A name and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameRecord {
    /// The name, escaped.
    pub name: String,
    /// The protocol.
    pub source: String,
}

/// A service of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRecord {
    /// Transport port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `open`; `closed` when it was withdrawn.
    pub state: String,
    /// The protocol that told of it.
    pub source: String,
    /// What it greets with or announces itself as, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// First time.
    pub first_seen: String,
    /// Last time.
    pub last_seen: String,
}

/// What a host told DHCP servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpRecord {
    /// Option 12 or 81, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Option 60, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_class: Option<String>,
    /// Option 55, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<u8>>,
    /// Option 61, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The server of the last lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Ipv4Addr>,
    /// The end of the last lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<String>,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// Rising.
    pub id: u64,
    /// When it happened.
    pub at: String,
    /// The kind's name.
    pub kind: String,
    /// `info`, `notice`, `warning` or `alert`.
    pub severity: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The segment's interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iface: Option<String>,
    /// The segment's VLAN ids, outer first; absent when untagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vec<u16>>,
    /// The address it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The station it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The station before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_mac: Option<String>,
    /// Vendor of `mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Vendor of `old_mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_vendor: Option<String>,
    /// The host's best name, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The host's stable id, 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Why an address changed its MAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How sure, percent (0..=100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// Further facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Map<String, Value>>,
    /// One sentence for a person; never to be parsed.
    pub message: String,
    /// arpwatch's name for the kind, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arpwatch: Option<String>,
    /// This box's name.
    pub sensor: String,
    /// Why it was not told: `rule 2` of the configuration's, `mute 7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<String>,
    /// How often it happened; absent when once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// When it happened last; absent when once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
}

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
struct Place {
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
enum Subject<'a> {
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
struct Known<'a> {
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

/// The written form of an event; `sensor` is this box's name.
pub fn event_record(event: &Event, vendors: &Vendors, sensor: &str) -> EventRecord {
    let vendor = |mac: Option<Mac>| mac.and_then(|mac| vendors.lookup(mac)).map(|name| escape(name).into_owned());
    let mut record = EventRecord {
        id: event.id,
        at: rfc3339(event.at),
        kind: event.kind.name().to_owned(),
        severity: event.severity.name().to_owned(),
        segment: event.segment.map(|segment| segment.to_string()),
        iface: event.segment.map(|segment| segment.iface.as_str().to_owned()),
        vlan: event.segment.and_then(vlan),
        ip: event.ip,
        mac: event.mac.map(|mac| mac.to_string()),
        old_mac: event.old_mac.map(|mac| mac.to_string()),
        vendor: vendor(event.mac),
        old_vendor: vendor(event.old_mac),
        hostname: event.hostname.as_deref().map(|name| escape(name).into_owned()),
        host: event.host.map(host_id),
        reason: event.reason.map(|reason| reason.name().to_owned()),
        confidence: event.confidence,
        details: details(&event.details),
        message: String::new(),
        arpwatch: event.kind.arpwatch().map(str::to_owned),
        sensor: escape(sensor).into_owned(),
        muted: None,
        count: None,
        last_at: None,
    };
    record.message = message(event.kind, &record);
    record
}

/// RFC 3339 in UTC with `Z` and six digits, or nine where the nanoseconds are not whole microseconds.
pub fn rfc3339(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()))
        .expect("64 bits of nanoseconds lie within the years -9999 to 9999");
    let digits = if at.as_nanos() % 1000 == 0 { 6 } else { 9 };
    DateTimePrinter::new().precision(Some(digits)).timestamp_to_string(&moment)
}

fn record(
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
fn add_asked(record: &mut AddressRecord, asked: &Asked, host: Option<&Host>, heard: Option<Timestamp>) {
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

fn guess_record(verdict: &Verdict) -> GuessRecord {
    GuessRecord {
        name: escape(&verdict.name).into_owned(),
        confidence: verdict.confidence,
        evidence: verdict.evidence.iter().map(|text| escape(text).into_owned()).collect(),
    }
}

fn roles(host: &Host) -> Option<Vec<RoleRecord>> {
    let written = host.roles.iter().map(|(role, evidence)| RoleRecord {
        role: role.name().to_owned(),
        evidence: evidence.iter().map(|text| escape(text).into_owned()).collect(),
    });
    filled(written.collect())
}

/// The one port that a segment hangs on, for each segment that hears one. A port that speaks LLDP and CDP is one port.
fn switches<'a>(neighbours: &[&'a Neighbour]) -> HashMap<Segment, &'a Neighbour> {
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

fn switch(port: &Neighbour) -> SwitchRecord {
    let text = |text: &str| escape(text).into_owned();
    SwitchRecord {
        name: port.name.as_deref().map(text),
        chassis: text(&port.chassis),
        port: text(&port.port),
        port_description: port.port_description.as_deref().map(text),
        source: port.source.name().to_owned(),
    }
}

fn snmp(facts: &SnmpFacts) -> SnmpRecord {
    let text = |text: &Option<String>| text.as_deref().map(|text| escape(text).into_owned());
    SnmpRecord {
        sys_name: text(&facts.name),
        sys_descr: text(&facts.description),
        sys_object_id: text(&facts.object_id),
    }
}

fn port(open: &OpenPort) -> ServiceRecord {
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
fn routers<'a>(roles: &[&'a RoleHolder]) -> HashMap<(Segment, Mac), &'a RoleHolder> {
    let mut routers: HashMap<(Segment, Mac), &RoleHolder> = HashMap::default();
    for holder in roles.iter().copied().filter(|holder| holder.role == Role::Router) {
        let known = routers.entry((holder.segment, holder.mac)).or_insert(holder);
        if (holder.last_seen, holder.ip) > (known.last_seen, known.ip) {
            *known = holder;
        }
    }
    routers
}

fn router(holder: &RoleHolder) -> RouterRecord {
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

fn previous(binding: &Binding, present: Mac) -> Option<Vec<String>> {
    let others = binding.holders.iter().skip(1).filter(|holder| holder.mac != present);
    filled(others.map(|holder| holder.mac.to_string()).collect())
}

fn source_names(sources: impl IntoIterator<Item = Source>) -> impl Iterator<Item = String> {
    sources.into_iter().map(|source| source.name().to_owned())
}

/// First label of the name that is trusted most.
fn hostname<'a>(names: impl IntoIterator<Item = &'a Name>) -> Option<String> {
    let best = names.into_iter().min_by_key(|name| name.source.name_rank())?;
    let label = best.name.split('.').find(|label| !label.is_empty())?;
    Some(escape(label).into_owned())
}

fn name(name: &Name) -> NameRecord {
    NameRecord { name: escape(&name.name).into_owned(), source: name.source.name().to_owned() }
}

fn services(host: &Host) -> Option<Vec<ServiceRecord>> {
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

fn dhcp(facts: &DhcpFacts) -> DhcpRecord {
    DhcpRecord {
        hostname: facts.hostname.as_deref().map(|name| escape(name).into_owned()),
        vendor_class: facts.vendor_class.as_deref().map(|class| escape(class).into_owned()),
        parameters: filled(facts.parameters.clone()),
        client_id: Some(hex(&facts.client_id)).filter(|id| !id.is_empty()),
        server: facts.server,
        lease_until: facts.lease_until.map(rfc3339),
    }
}

fn details(details: &[(&'static str, Detail)]) -> Option<Map<String, Value>> {
    let written = details.iter().map(|(key, detail)| {
        let value = match detail {
            Detail::Number(number) => Value::from(*number),
            Detail::Text(text) => Value::from(escape(text)),
            Detail::Texts(texts) => texts.iter().map(|text| Value::from(escape(text))).collect(),
        };
        ((*key).to_owned(), value)
    });
    Some(written.collect()).filter(|map: &Map<_, _>| !map.is_empty())
}

fn vlan(segment: Segment) -> Option<Vec<u16>> {
    filled(segment.vlans.ids().to_vec())
}

fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

fn host_id(host: HostId) -> String {
    hex(&host.0.to_be_bytes())
}

fn mac_kind(mac: Mac) -> &'static str {
    match mac.kind() {
        MacKind::Local => "local",
        MacKind::Universal => "universal",
        MacKind::Virtual => "virtual",
    }
}

/// Lower-case hex, two digits a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [byte >> 4, byte & 0xf].map(|nibble| DIGITS[usize::from(nibble)]);
    let digits: Vec<u8> = bytes.iter().flat_map(digits).collect();
    String::from_utf8(digits).expect("digits are ASCII")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use enumset::EnumSet;
    use serde_json::json;

    use super::*;
    use crate::export::hostile;
    use crate::inventory::event::{Kind, Reason, Severity};
    use crate::inventory::state::{Holder, Name, RouterFacts, Rows, Service};
    use crate::types::{Iface, Text, Vlans};

    const A: Mac = Mac([0, 0, 0x5e, 0, 0x53, 1]);
    const B: Mac = Mac([0, 0, 0x5e, 0, 0x53, 2]);
    const C: Mac = Mac([2, 0, 0, 0, 0, 3]);

    /// The records' members, times left out but for where they are asked for.
    #[track_caller]
    fn check(rows: Rows, expected: Value) {
        let mut written =
            serde_json::to_value(address_records(&rows.view(), &Vendors::builtin(), &Fingerprints::builtin())).unwrap();
        for record in written.as_array_mut().unwrap() {
            for key in ["first_seen", "last_seen", "host", "vendor"] {
                record.as_object_mut().unwrap().remove(key);
            }
        }
        assert_eq!(written, expected);
    }

    #[track_caller]
    fn check_hostname(names: &[(Source, &str)], expected: Option<&str>) {
        let names = names.iter().map(|&(source, name)| Name { name: name.to_owned(), source, ..any_name() });
        let names: Vec<Name> = names.collect();
        assert_eq!(hostname(&names).as_deref(), expected);
    }

    #[track_caller]
    fn check_time(ns: i64, expected: &str) {
        assert_eq!(rfc3339(Timestamp::from_nanos(ns)), expected);
    }

    /// The members of an event's record that are not `id`, `at`, `kind`, `severity`, `message` and `sensor`.
    #[track_caller]
    fn check_event(event: Event, expected: Value) {
        let mut written = serde_json::to_value(event_record(&event, &Vendors::builtin(), "box")).unwrap();
        for key in ["id", "at", "kind", "severity", "message", "sensor"] {
            assert!(written.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn by_segment_then_address_then_those_without() {
        let (eth0, eth1) = (segment("eth0", [0, 0]), segment("eth1", [30, 0]));
        let rows = Rows {
            bindings: vec![
                binding(eth1, "10.0.0.10", &[A]),
                binding(eth1, "10.0.0.9", &[A]),
                binding(eth1, "fe80::1", &[A]),
                binding(eth0, "10.0.0.11", &[A]),
            ],
            stations: vec![station(eth1, C), station(eth1, A)],
            ..Rows::default()
        };
        let record = |segment: &str, ip: &str, vlan: Option<u16>| {
            let mut record = json!({"ip": ip, "mac": A.to_string(), "segment": segment});
            if let Some(vlan) = vlan {
                record["vlan"] = json!([vlan]);
            }
            record["mac_kind"] = json!("universal");
            record["sources"] = json!(["arp", "ndp"]);
            record
        };
        check(
            rows,
            json!([
                record("eth0", "10.0.0.11", None),
                record("eth1.30", "10.0.0.9", Some(30)),
                record("eth1.30", "10.0.0.10", Some(30)),
                record("eth1.30", "fe80::1", Some(30)),
                {"mac": C.to_string(), "segment": "eth1.30", "vlan": [30], "mac_kind": "local", "sources": ["mdns"]},
            ]),
        );
    }

    #[test]
    fn the_present_holder_and_the_others() {
        let eth0 = segment("eth0", [0, 0]);
        check(
            Rows { bindings: vec![binding(eth0, "10.0.0.1", &[A, B, A, C])], ..Rows::default() },
            json!([{
                "ip": "10.0.0.1", "mac": A.to_string(), "segment": "eth0", "mac_kind": "universal",
                "sources": ["arp", "ndp"], "previous_macs": [B.to_string(), C.to_string()],
            }]),
        );
    }

    #[test]
    fn what_the_host_told() {
        let eth0 = segment("eth0", [0, 0]);
        let service = Service {
            port: 631,
            protocol: "tcp",
            instance: "Office._ipp._tcp.local".to_owned(),
            source: Source::Mdns,
            closed: true,
            first_seen: Timestamp::from_secs(1),
            last_seen: Timestamp::from_secs(2),
        };
        let dhcp = DhcpFacts {
            hostname: Some("nas".to_owned()),
            vendor_class: None,
            parameters: vec![1, 255],
            client_id: vec![1, 0xff],
            server: Some([10, 0, 0, 1].into()),
            lease_until: Some(Timestamp::from_secs(3)),
        };
        let name = Name { name: "nas.lan".to_owned(), ..any_name() };
        let host = Host { names: vec![name], services: vec![service], dhcp: Some(Box::new(dhcp)), ..host() };
        check(
            Rows { hosts: vec![host], stations: vec![station(eth0, C)], ..Rows::default() },
            json!([{
                "hostname": "nas", "mac": C.to_string(), "segment": "eth0", "mac_kind": "local", "sources": ["mdns"],
                "names": [{"name": "nas.lan", "source": "mdns"}],
                "services": [{
                    "port": 631, "protocol": "tcp", "state": "closed", "source": "mdns",
                    "banner": "Office._ipp._tcp.local",
                    "first_seen": "1970-01-01T00:00:01.000000Z", "last_seen": "1970-01-01T00:00:02.000000Z",
                }],
                "dhcp": {
                    "hostname": "nas", "parameters": [1, 255], "client_id": "01ff", "server": "10.0.0.1",
                    "lease_until": "1970-01-01T00:00:03.000000Z",
                },
            }]),
        );
    }

    #[test]
    fn a_host_without_station() {
        check(Rows { hosts: vec![host()], ..Rows::default() }, json!([{"segment": "eth0", "sources": []}]));
    }

    #[test]
    fn the_most_trusted_name() {
        check_hostname(&[], None);
        check_hostname(&[(Source::Mdns, "a.b")], Some("a"));
        check_hostname(&[(Source::Mdns, "a"), (Source::Dhcp, "b"), (Source::Dhcp, "c")], Some("b"));
        check_hostname(&[(Source::Ndp, "a"), (Source::Mdns, "b")], Some("b"));
        check_hostname(&[(Source::Dhcp, ".a")], Some("a"));
        check_hostname(&[(Source::Dhcp, "...")], None);
        check_hostname(&[(Source::Dhcp, "a\nb")], Some("a\\x0ab"));
    }

    #[test]
    fn times_are_utc_of_a_fixed_width() {
        check_time(0, "1970-01-01T00:00:00.000000Z");
        check_time(1_000, "1970-01-01T00:00:00.000001Z");
        check_time(1_001, "1970-01-01T00:00:00.000001001Z");
        check_time(-1_000, "1969-12-31T23:59:59.999999Z");
        check_time(i64::MAX, "2262-04-11T23:47:16.854775807Z");
        check_time(i64::MIN, "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn a_full_event() {
        let event = Event {
            segment: Some(segment("eth1", [100, 30])),
            ip: Some([10, 0, 0, 1].into()),
            mac: Some(C),
            old_mac: Some(A),
            hostname: Some("nas".to_owned()),
            host: Some(HostId(0xaa)),
            reason: Some(Reason::Dhcp),
            confidence: Some(90),
            details: vec![
                ("z", Detail::Number(1)),
                ("a", Detail::Text("b".to_owned())),
                ("c", Detail::Texts(vec!["d".to_owned(), "e".to_owned()])),
            ],
            ..event()
        };
        check_event(
            event,
            json!({
                "segment": "eth1.100.30", "iface": "eth1", "vlan": [100, 30], "ip": "10.0.0.1", "mac": C.to_string(),
                "old_mac": A.to_string(), "old_vendor": "ICANN, IANA Department", "hostname": "nas",
                "host": "00000000000000aa", "reason": "dhcp", "confidence": 90,
                "details": {"z": 1, "a": "b", "c": ["d", "e"]}, "arpwatch": "changed ethernet address",
            }),
        );
    }

    #[test]
    fn an_event_about_nothing() {
        check_event(event(), json!({"arpwatch": "changed ethernet address"}));
        check_event(Event { kind: Kind::SensorStopped, ..event() }, json!({}));
    }

    #[test]
    fn hostile_texts_are_escaped_everywhere() {
        for text in hostile::TEXTS {
            let details =
                vec![("new_name", Detail::Text(text.to_owned())), ("ports", Detail::Texts(vec![text.to_owned()]))];
            for kind in Kind::ALL {
                let event = Event { kind, hostname: Some(text.to_owned()), details: details.clone(), ..event() };
                let record = event_record(&event, &Vendors::builtin(), text);
                let details = Value::from(record.details.unwrap()).to_string();
                for written in [&record.message, record.hostname.as_ref().unwrap(), &record.sensor, &details] {
                    hostile::assert_lines(format!("{written}\n").as_bytes(), 1);
                }
            }
            let name = Name { name: text.to_owned(), ..any_name() };
            let dhcp = DhcpFacts { vendor_class: Some(text.to_owned()), ..DhcpFacts::default() };
            let service = Service { instance: text.to_owned(), ..any_service() };
            let host = Host { names: vec![name], services: vec![service], dhcp: Some(Box::new(dhcp)), ..host() };
            let facts = RouterFacts { dnssl: vec![text.to_owned()], ..RouterFacts::default() };
            let roles = vec![RoleHolder { router: Some(facts), ..any_router(C) }];
            let stations = vec![station(segment("eth0", [0, 0]), C)];
            let rows = Rows { hosts: vec![host], stations, roles, ..Rows::default() };
            let mut out = Vec::new();
            crate::export::csv::write_csv(
                &address_records(&rows.view(), &Vendors::builtin(), &Fingerprints::builtin()),
                &mut out,
            )
            .unwrap();
            let out = String::from_utf8(out).unwrap().replace("\r\n", "\n");
            hostile::assert_lines(out.as_bytes(), 2);
        }
    }

    #[test]
    fn a_text_that_is_escaped_stays_as_it_is() {
        for text in hostile::TEXTS {
            let escaped = Text::new(text.as_bytes()).escaped();
            assert_eq!(escape(text), escaped);
            assert_eq!(escape(&escaped), escaped);
        }
    }

    #[test]
    fn sources_are_written_in_the_order_of_their_names() {
        assert!(source_names(EnumSet::all()).is_sorted());
    }

    fn segment(iface: &str, vlans: [u16; 2]) -> Segment {
        Segment::tagged(Iface::new(iface).unwrap(), Vlans::new(vlans))
    }

    fn binding(segment: Segment, ip: &str, macs: &[Mac]) -> Binding {
        let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let sources = Source::Ndp | Source::Arp;
        let holders = macs.iter().map(|&mac| Holder { mac, first_seen, last_seen, sources }).collect();
        Binding { segment, ip: ip.parse().unwrap(), holders }
    }

    fn station(segment: Segment, mac: Mac) -> Station {
        let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        Station { segment, mac, host: HostId(1), first_seen, last_seen, sources: Source::Mdns.into() }
    }

    fn host() -> Host {
        Host {
            id: HostId(1),
            segment: segment("eth0", [0, 0]),
            first_seen: Timestamp::from_secs(1),
            last_seen: Timestamp::from_secs(2),
            announced: true,
            here_since: Timestamp::from_secs(1),
            gone_since: None,
            names: Vec::new(),
            services: Vec::new(),
            dhcp: None,
            roles: BTreeMap::new(),
            prints: Vec::new(),
        }
    }

    fn any_service() -> Service {
        let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let (protocol, instance, source) = ("udp", String::new(), Source::Ssdp);
        Service { port: 1900, protocol, instance, source, closed: false, first_seen, last_seen }
    }

    fn any_router(mac: Mac) -> RoleHolder {
        let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let (segment, ip) = (segment("eth0", [0, 0]), "fe80::1".parse().unwrap());
        let prefixes = vec!["2001:db8::/64".parse().unwrap()];
        RoleHolder { segment, role: Role::Router, ip, mac, first_seen, last_seen, prefixes, router: None }
    }

    #[test]
    fn a_router_tells_what_it_advertises() {
        let eth0 = segment("eth0", [0, 0]);
        let facts = RouterFacts {
            lifetime_s: 1800,
            managed: true,
            other: false,
            rdnss: vec!["2001:db8::53".parse().unwrap()],
            dnssl: vec!["lan".to_owned()],
        };
        let last_seen = Timestamp::from_secs(3);
        let newer = RoleHolder { ip: "fe80::".parse().unwrap(), last_seen, router: Some(facts), ..any_router(A) };
        check(
            Rows {
                bindings: vec![binding(eth0, "10.0.0.1", &[A])],
                stations: vec![station(eth0, C)],
                roles: vec![any_router(A), newer, any_router(C)],
                ..Rows::default()
            },
            json!([
                {
                    "ip": "10.0.0.1", "mac": A.to_string(), "segment": "eth0", "mac_kind": "universal",
                    "sources": ["arp", "ndp"],
                    "router": {
                        "lifetime_s": 1800, "managed": true, "other": false, "prefixes": ["2001:db8::/64"],
                        "rdnss": ["2001:db8::53"], "dnssl": ["lan"],
                    },
                },
                // From a database of before: only its prefixes are known.
                {
                    "mac": C.to_string(), "segment": "eth0", "mac_kind": "local", "sources": ["mdns"],
                    "router": {"prefixes": ["2001:db8::/64"]},
                },
            ]),
        );
    }

    fn any_name() -> Name {
        let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        Name { name: String::new(), source: Source::Mdns, first_seen, last_seen }
    }

    fn event() -> Event {
        Event {
            id: 1,
            at: Timestamp::from_secs(1),
            kind: Kind::ChangedMac,
            severity: Severity::Info,
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
}
