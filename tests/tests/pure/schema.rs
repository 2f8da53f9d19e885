//! The written records match their JSON Schemas, and the schemas describe all of them.

use std::collections::{BTreeMap, BTreeSet};

use enumset::EnumSet;
use jsonschema::Validator;
use sensor::export::record::address::{
    AddressRecord, DhcpRecord, GuessRecord, NameRecord, RoleRecord, RouterRecord, ServiceRecord, SnmpRecord,
    SwitchRecord,
};
use sensor::export::record::event::EventRecord;
use sensor::export::record::of_event::event_record;
use sensor::export::record::of_rows::address_records;
use sensor::export::{ADDRESS_SCHEMA, EVENT_SCHEMA, csv};
use sensor::vendor::Vendors;
use sensor_core::inventory::event::whole::{Other, Whole};
use sensor_core::inventory::event::{Detail, Event, Kind, Reason, Severity};
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::model::address::{Binding, Holder};
use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::inventory::model::host::{DhcpFacts, Host, HostId, HostRole, Name, Print, Service, Station};
use sensor_core::inventory::model::role::Neighbour;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Iface, Mac, Segment, Text, Timestamp, Vlans};
use serde::Serialize;
use serde_json::{Value, json};

/// Validates the record; the schema itself is checked against draft 2020-12 first.
#[track_caller]
fn check(schema: &str, record: impl Serialize) {
    let record = serde_json::to_value(record).unwrap();
    let errors: Vec<_> =
        validator(schema).iter_errors(&record).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{record:#}");
}

#[track_caller]
fn check_refused(schema: &str, record: &Value) {
    assert!(!validator(schema).is_valid(record), "{record:#}");
}

/// Every member of a complete record is described, and every described member is in it.
#[track_caller]
fn check_members(schema: &str, full: impl Serialize) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    compare(&schema, &schema, &serde_json::to_value(full).unwrap(), "");
}

#[track_caller]
fn compare(root: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolve(root, schema);
    match value {
        Value::Array(items) => items.iter().for_each(|item| compare(root, &schema["items"], item, at)),
        Value::Object(members) if schema.get("properties").is_some() => {
            assert_eq!(schema["additionalProperties"], json!(false), "{at}");
            let described = schema["properties"].as_object().unwrap();
            let names = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(members), names(described), "members of {at:?} in the record, then in the schema");
            for (name, part) in described {
                assert!(part["description"].as_str().is_some_and(|text| text.ends_with('.')), "{at}/{name}");
                compare(root, part, &members[name], &format!("{at}/{name}"));
            }
        }
        _ => {}
    }
}

/// The required members are those of a minimal record.
#[track_caller]
fn check_required(schema: &str, minimal: impl Serialize) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let required: Vec<_> = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let minimal = serde_json::to_value(minimal).unwrap();
    assert_eq!(minimal.as_object().unwrap().keys().collect::<Vec<_>>(), required);
}

#[track_caller]
fn check_words(schema: &str, pointer: &str, words: impl IntoIterator<Item = &'static str>) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let described: BTreeSet<_> =
        schema.pointer(pointer).unwrap().as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(described, words.into_iter().collect());
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn validator(schema: &str) -> Validator {
    let schema = serde_json::from_str(schema).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn full_addresses() {
    check(ADDRESS_SCHEMA, full_address());
    check_members(ADDRESS_SCHEMA, full_address());
}

#[test]
fn minimal_addresses() {
    check(ADDRESS_SCHEMA, minimal_address());
    check_required(ADDRESS_SCHEMA, minimal_address());
}

#[test]
fn full_events() {
    check(EVENT_SCHEMA, full_event());
    check_members(EVENT_SCHEMA, full_event());
}

#[test]
fn minimal_events() {
    check(EVENT_SCHEMA, minimal_event());
    check_required(EVENT_SCHEMA, minimal_event());
}

#[test]
fn columns_are_the_members_of_the_schema() {
    let schema: Value = serde_json::from_str(ADDRESS_SCHEMA).unwrap();
    assert_eq!(schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), csv::COLUMNS);
}

#[test]
fn words_of_events_are_those_of_the_schema() {
    check_words(EVENT_SCHEMA, "/properties/kind/enum", Kind::ALL.map(Kind::name));
    check_words(EVENT_SCHEMA, "/properties/arpwatch/enum", Kind::ALL.into_iter().filter_map(Kind::arpwatch));
    let severities = [Severity::Info, Severity::Notice, Severity::Warning, Severity::Alert];
    check_words(EVENT_SCHEMA, "/properties/severity/enum", severities.map(Severity::name));
    check_words(EVENT_SCHEMA, "/properties/reason/enum", Reason::ALL.map(Reason::name));
}

#[test]
fn records_of_the_inventory_match_the_schema() {
    let records = address_records(&rows().view(), &Vendors::builtin(), &Fingerprints::builtin());
    assert_eq!(records.len(), 5);
    records.iter().for_each(|record| check(ADDRESS_SCHEMA, record));
}

#[test]
fn records_of_every_kind_of_event_match_the_schema() {
    for kind in Kind::ALL {
        check(EVENT_SCHEMA, event_record(&event(kind), &Vendors::builtin(), "box\n"));
        let bare =
            Event { segment: None, ip: None, mac: None, old_mac: None, hostname: None, host: None, ..event(kind) };
        check(EVENT_SCHEMA, event_record(&bare, &Vendors::builtin(), "box"));
    }
}

#[test]
fn unknown_fields_and_values_are_refused() {
    let changed = |mut record: Value, name: &str, value: Value| {
        record[name] = value;
        record
    };
    let address = serde_json::to_value(full_address()).unwrap();
    check_refused(ADDRESS_SCHEMA, &changed(address.clone(), "colour", json!("red")));
    check_refused(ADDRESS_SCHEMA, &changed(address.clone(), "ip", json!("10.0.0")));
    check_refused(ADDRESS_SCHEMA, &changed(address.clone(), "mac", json!("00-00-5E-00-53-01")));
    check_refused(ADDRESS_SCHEMA, &changed(address.clone(), "last_seen", json!("2026-01-02 03:04:05")));
    check_refused(ADDRESS_SCHEMA, &changed(address, "vlan", json!([])));
    let event = serde_json::to_value(full_event()).unwrap();
    check_refused(EVENT_SCHEMA, &changed(event.clone(), "kind", json!("new-horse")));
    check_refused(EVENT_SCHEMA, &changed(event, "details", json!({"a": {"b": 1}})));
}

const TIME: &str = "2026-01-02T03:04:05.678901Z";

/// Written out member by member, so that a new one cannot be forgotten here.
fn guess(name: &str, evidence: &str) -> GuessRecord {
    GuessRecord { name: name.to_owned(), confidence: 85, evidence: vec![evidence.to_owned()] }
}

fn full_address() -> AddressRecord {
    AddressRecord {
        ip: Some("2001:db8::5".parse().unwrap()),
        alive: Some(true),
        rtt_ms: Some(0.25),
        hostname: some("printer"),
        reverse_dns: some("printer.example.net"),
        mac: some("00:00:5e:00:53:01"),
        vendor: some("ICANN, IANA Department"),
        ports: Some(vec![22, 631]),
        banners: Some(BTreeMap::from([(22, "SSH-2.0".to_owned())])),
        snmp: Some(Box::new(SnmpRecord {
            sys_name: some("printer"),
            sys_descr: some("A printer"),
            sys_object_id: some("1.3.6.1.4.1.11"),
        })),
        host: some("00000000000000aa"),
        segment: "eth1.100.30".to_owned(),
        vlan: Some(vec![100, 30]),
        mac_kind: some("universal"),
        first_seen: TIME.to_owned(),
        last_seen: "2026-01-02T03:04:05.678901234Z".to_owned(),
        sources: vec!["arp".to_owned(), "arp-probe".to_owned()],
        names: Some(vec![NameRecord { name: "printer".to_owned(), source: "mdns".to_owned() }]),
        services: Some(vec![ServiceRecord {
            port: 631,
            protocol: "tcp".to_owned(),
            state: "open".to_owned(),
            source: "mdns".to_owned(),
            banner: some("Office printer._ipp._tcp.local"),
            first_seen: TIME.to_owned(),
            last_seen: TIME.to_owned(),
        }]),
        dhcp: Some(Box::new(DhcpRecord {
            hostname: some("printer"),
            vendor_class: some("MSFT 5.0"),
            parameters: Some(vec![1, 3, 6, 255]),
            client_id: some("0100005e005301"),
            server: Some("192.0.2.1".parse().unwrap()),
            lease_until: some(TIME),
        })),
        previous_macs: Some(vec!["00:00:5e:00:53:02".to_owned()]),
        roles: Some(vec![RoleRecord { role: "printer".to_owned(), evidence: vec!["lldp: other".to_owned()] }]),
        switch: Some(Box::new(SwitchRecord {
            name: some("sw1"),
            chassis: "00:00:5e:00:53:09".to_owned(),
            port: "Gi1/0/7".to_owned(),
            port_description: some("to the roof"),
            source: "lldp".to_owned(),
        })),
        os: Some(guess("Debian", "ssh: SSH-2.0-OpenSSH_9.2p1 Debian-2")),
        kind: Some(guess("server", "banner: nginx/1.22.1")),
        router: Some(Box::new(RouterRecord {
            lifetime_s: Some(1800),
            managed: Some(true),
            other: Some(false),
            prefixes: Some(vec!["2001:db8::/64".to_owned()]),
            rdnss: Some(vec!["2001:db8::53".parse().unwrap()]),
            dnssl: Some(vec!["lan".to_owned()]),
        })),
    }
}

fn minimal_address() -> AddressRecord {
    AddressRecord {
        segment: "eth1".to_owned(),
        first_seen: TIME.to_owned(),
        last_seen: TIME.to_owned(),
        ..AddressRecord::default()
    }
}

/// Written out member by member, so that a new one cannot be forgotten here.
fn full_event() -> EventRecord {
    EventRecord {
        id: u64::MAX,
        at: TIME.to_owned(),
        kind: "changed-mac".to_owned(),
        severity: "warning".to_owned(),
        segment: some("eth1.30"),
        iface: some("eth1"),
        vlan: Some(vec![30]),
        ip: Some("192.0.2.5".parse().unwrap()),
        mac: some("00:00:5e:00:53:01"),
        old_mac: some("00:00:5e:00:53:02"),
        vendor: some("ICANN, IANA Department"),
        old_vendor: some("ICANN, IANA Department"),
        hostname: some("printer"),
        host: some("00000000000000aa"),
        host_ips: vec!["fe80::5".parse().unwrap()],
        host_macs: vec!["00:00:5e:00:53:03".to_owned()],
        reason: some("unknown"),
        confidence: Some(100),
        details: json!({"number": 1, "text": "a", "texts": ["a", "b"]}).as_object().cloned(),
        message: "192.0.2.5 moved".to_owned(),
        arpwatch: some("changed ethernet address"),
        sensor: "box".to_owned(),
        muted: some("rule 2"),
        count: Some(2),
        last_at: Some(TIME.to_owned()),
    }
}

fn minimal_event() -> EventRecord {
    EventRecord {
        at: TIME.to_owned(),
        kind: "sensor-stopped".to_owned(),
        severity: "info".to_owned(),
        message: "the sensor stopped".to_owned(),
        ..EventRecord::default()
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Two addresses and a station without one of a talkative host, an address of an unknown host, a host without station.
fn rows() -> Rows {
    let segment = segment();
    let (first_seen, last_seen) = (Timestamp::from_secs(1), Timestamp::from_nanos(2_000_000_001));
    let [a, b, c] = [Mac([0, 0, 0x5e, 0, 0x53, 1]), Mac([2, 0, 0, 0, 0, 1]), Mac([0, 0, 0x5e, 0, 1, 1])];
    let sources = EnumSet::all();
    let holder = |mac| Holder { mac, first_seen, last_seen, sources };
    let binding = |ip: &str, macs: &[Mac]| Binding {
        segment,
        ip: ip.parse().unwrap(),
        holders: macs.iter().copied().map(holder).collect(),
    };
    let station = |mac| Station { segment, mac, host: HostId(1), first_seen, last_seen, sources };
    let hostile = Text::new(b"\x1b]52;c;\x07=cmd\n\0").escaped();
    let host = Host {
        id: HostId(1),
        segment,
        first_seen,
        last_seen,
        announced: true,
        here_since: first_seen,
        gone_since: None,
        names: vec![Name { name: hostile.clone(), source: Source::Mdns, first_seen, last_seen }],
        services: [true, false]
            .map(|closed| Service {
                port: 0,
                protocol: "udp",
                instance: hostile.clone(),
                source: Source::Mdns,
                closed,
                first_seen,
                last_seen,
            })
            .to_vec(),
        prints: vec![Print { evidence: Evidence::MdnsModel, value: "MacBookPro18,3".to_owned() }],
        dhcp: Some(Box::new(DhcpFacts {
            hostname: Some(hostile.clone()),
            vendor_class: Some(hostile.clone()),
            parameters: vec![0, 255],
            client_id: vec![0, 255],
            server: Some([192, 0, 2, 1].into()),
            lease_until: Some(last_seen),
        })),
        roles: HostRole::ALL.map(|role| (role, [hostile.clone()].into())).into(),
    };
    let neighbour = Neighbour {
        segment,
        id: 1,
        source: Source::Cdp,
        unit: None,
        mac: a,
        chassis: hostile.clone(),
        port: hostile.clone(),
        name: Some(hostile.clone()),
        port_description: Some(hostile),
        bridges: true,
        ttl_s: 120,
        gone: false,
        first_seen,
        last_seen,
    };
    let silent = Host { id: HostId(2), names: vec![], services: vec![], dhcp: Some(Box::default()), ..host.clone() };
    Rows {
        hosts: vec![host, silent],
        stations: vec![station(a), station(b)],
        bindings: vec![binding("192.0.2.5", &[a, b, a]), binding("2001:db8::5", &[a]), binding("192.0.2.6", &[c])],
        neighbours: vec![neighbour],
        joins: Vec::new(),
        ..Rows::default()
    }
}

fn event(kind: Kind) -> Event {
    Event {
        id: 7,
        at: Timestamp::from_secs(1),
        kind,
        severity: kind.severity(),
        segment: Some(segment()),
        ip: Some([192, 0, 2, 5].into()),
        mac: Some(Mac([0, 0, 0x5e, 0, 0x53, 1])),
        old_mac: Some(Mac([2, 0, 0, 0, 0, 1])),
        hostname: Some("a\x1b[2J".to_owned()),
        host: Some(HostId(1)),
        reason: Some(Reason::Unknown),
        confidence: Some(50),
        details: vec![
            ("number", Detail::Number(u64::MAX)),
            ("text", Detail::Text("b\n".to_owned())),
            ("texts", Detail::Texts(vec!["c\0".to_owned()])),
        ],
        whole: Whole {
            ips: vec![Other { it: "2001:db8::5".parse().unwrap(), is_proven: true }],
            macs: vec![Other { it: Mac([2, 0, 0, 0, 0, 2]), is_proven: false }],
            is_dear: true,
        },
    }
}

fn segment() -> Segment {
    Segment::tagged(Iface::new("eth1").unwrap(), Vlans::new([100, 30]))
}
