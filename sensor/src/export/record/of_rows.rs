//! From the tables to the records of addresses: which records there are, and what each is about.

use std::net::IpAddr;

use crate::export::escape::escape;
use crate::export::guess;
use crate::export::hashed::{HashMap, HashSet, RandomState};
use crate::export::record::address::AddressRecord;
use crate::export::record::parts::{
    add_asked, dhcp, guess_record, name, previous, roles, router, routers, services, switch, switches,
};
use crate::export::record::text::{filled, host_id, hostname, mac_kind, rfc3339, source_names, vlan};
use crate::vendor::Vendors;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::model::address::{Asked, Binding, Holder};
use sensor_core::inventory::model::host::{Host, HostId, Station};
use sensor_core::inventory::model::role::RoleHolder;
use sensor_core::inventory::model::rows::View;
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, Segment, Timestamp};

/// One record per address presently held, and one per station or host that holds none. By segment, then address.
pub fn address_records(rows: &View<'_>, vendors: &Vendors, fingerprints: &Fingerprints) -> Vec<AddressRecord> {
    each_record(rows, vendors, fingerprints, |_, _| true).collect()
}

/// As [`address_records`], one after the other, and only those that `is_wanted` accepts: it is given the segment and the
/// address, `None` for a station or a host without one. A record is several times as large as the rows that it is made
/// of, so whoever only writes records should keep one at a time.
pub fn each_record<'a>(
    rows: &'a View<'a>,
    vendors: &'a Vendors,
    fingerprints: &'a Fingerprints,
    is_wanted: impl Fn(Segment, Option<IpAddr>) -> bool,
) -> impl Iterator<Item = AddressRecord> + 'a {
    let index = Index::new(rows, vendors);
    let mut subjects = index.subjects();
    subjects.retain(|(key, _)| is_wanted(key.segment, key.ip));
    subjects.sort_by_key(|(key, _)| *key);
    let switches = switches(&rows.neighbours);
    let guesses = guess::guesses(rows, vendors, fingerprints);
    subjects.into_iter().map(move |(key, subject)| {
        let (host, mut record) = index.describe(key, subject);
        record.switch = switches.get(&key.segment).copied().map(switch).map(Box::new);
        if let Some(guess) = host.and_then(|host| guesses.get(&host.id)) {
            record.os = guess.os.as_ref().map(guess_record);
            record.kind = guess.kind.as_ref().map(guess_record);
        }
        record
    })
}

/// By what records are sorted: within a segment those without an address come last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    segment: Segment,
    has_no_ip: bool,
    ip: Option<IpAddr>,
    mac: Option<Mac>,
}

impl SortKey {
    fn new(segment: Segment, ip: Option<IpAddr>, mac: Option<Mac>) -> Self {
        Self { segment, has_no_ip: ip.is_none(), ip, mac }
    }
}

/// What a record is about.
#[derive(Clone, Copy)]
enum Subject<'a> {
    /// An address that answers probes and whose station is not known: it lies behind a router, or its frames are not
    /// heard.
    Answering(&'a Asked),
    /// An address and its holder.
    Held(&'a Binding, &'a Holder),
    /// A station that holds no address.
    Lonely(&'a Station),
    /// A host without any station.
    Remembered(&'a Host),
}

/// The rows, by the keys that they are looked up by.
struct Index<'a> {
    rows: &'a View<'a>,
    vendors: &'a Vendors,
    hosts: HashMap<HostId, &'a Host>,
    stations: HashMap<(Segment, Mac), &'a Station>,
    /// Addresses that a station holds, and what probes found out about them.
    bound: HashMap<(Segment, IpAddr), Option<&'a Asked>>,
    routers: HashMap<(Segment, Mac), &'a RoleHolder>,
}

impl<'a> Index<'a> {
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

    /// What there are records about, in no order.
    fn subjects(&self) -> Vec<(SortKey, Subject<'a>)> {
        let rows = self.rows;
        let mut subjects = Vec::with_capacity(rows.bindings.len().max(rows.asked.len()));
        let mut holding = HashSet::default();
        for &binding in &rows.bindings {
            let Some(holder) = binding.holders.first() else { continue };
            holding.insert((binding.segment, holder.mac));
            let key = SortKey::new(binding.segment, Some(binding.ip), Some(holder.mac));
            subjects.push((key, Subject::Held(binding, holder)));
        }
        let mut with_record = HashSet::with_capacity_and_hasher(rows.hosts.len(), RandomState::default());
        let is_distant =
            |asked: &&Asked| !asked.sources.is_empty() && !self.bound.contains_key(&(asked.segment, asked.ip));
        for asked in rows.asked.iter().copied().filter(is_distant) {
            with_record.extend(asked.host);
            subjects.push((SortKey::new(asked.segment, Some(asked.ip), None), Subject::Answering(asked)));
        }
        for &station in &rows.stations {
            with_record.insert(station.host);
            if !holding.contains(&(station.segment, station.mac)) {
                let key = SortKey::new(station.segment, None, Some(station.mac));
                subjects.push((key, Subject::Lonely(station)));
            }
        }
        let mut remembered: Vec<&Host> =
            rows.hosts.iter().copied().filter(|host| !with_record.contains(&host.id)).collect();
        // They all have the same key.
        remembered.sort_unstable_by_key(|host| host.id);
        subjects.extend(
            remembered.into_iter().map(|host| (SortKey::new(host.segment, None, None), Subject::Remembered(host))),
        );
        subjects
    }

    /// The record, and its host.
    fn describe(&self, key: SortKey, subject: Subject<'a>) -> (Option<&'a Host>, AddressRecord) {
        let SortKey { segment, ip, mac, .. } = key;
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
                // An answer to an ARP or NDP probe is one like any other.
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

/// The record without what only one kind of subject has.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::export::{csv, hostile};
    use sensor_core::inventory::model::host::{DhcpFacts, Name, Service};
    use sensor_core::inventory::model::role::{Role, RouterFacts};
    use sensor_core::inventory::model::rows::Rows;
    use sensor_core::types::{Iface, Vlans};

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

    #[test]
    fn hostile_texts_are_escaped() {
        for text in hostile::TEXTS {
            let name = Name { name: text.to_owned(), ..any_name() };
            let dhcp = DhcpFacts { vendor_class: Some(text.to_owned()), ..DhcpFacts::default() };
            let service = Service { instance: text.to_owned(), ..any_service() };
            let host = Host { names: vec![name], services: vec![service], dhcp: Some(Box::new(dhcp)), ..host() };
            let facts = RouterFacts { dnssl: vec![text.to_owned()], ..RouterFacts::default() };
            let roles = vec![RoleHolder { router: Some(facts), ..any_router(C) }];
            let stations = vec![station(segment("eth0", [0, 0]), C)];
            let rows = Rows { hosts: vec![host], stations, roles, ..Rows::default() };
            let mut out = Vec::new();
            csv::write_csv(&address_records(&rows.view(), &Vendors::builtin(), &Fingerprints::builtin()), &mut out)
                .unwrap();
            let out = String::from_utf8(out).unwrap().replace("\r\n", "\n");
            hostile::assert_lines(out.as_bytes(), 2);
        }
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

    fn any_name() -> Name {
        let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        Name { name: String::new(), source: Source::Mdns, first_seen, last_seen }
    }
}
