//! The only written form of what the sensor knows and tells. Changing a core type cannot change it by accident.

/// The exported record of an address.
pub mod address;
/// The exported record of an event.
pub mod event;
/// From an event to its record.
pub mod of_event;
/// From the tables to the records of addresses.
pub mod of_rows;
/// Written forms of single values: times, ids, names.
pub mod text;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use crate::export::escape::escape;
    use crate::vendor::Vendors;
    use sensor_core::inventory::event::Detail;
    use sensor_core::inventory::event::Event;
    use sensor_core::inventory::fingerprint::Fingerprints;
    use sensor_core::inventory::model::address::Binding;
    use sensor_core::inventory::model::host::DhcpFacts;
    use sensor_core::inventory::model::host::Host;
    use sensor_core::inventory::model::host::HostId;
    use sensor_core::inventory::model::host::Station;
    use sensor_core::inventory::model::role::Role;
    use sensor_core::inventory::model::role::RoleHolder;
    use sensor_core::inventory::model::source::Source;
    use sensor_core::types::Mac;
    use sensor_core::types::Segment;
    use sensor_core::types::Timestamp;
    use serde_json::Value;
    use std::collections::BTreeMap;

    use enumset::EnumSet;
    use serde_json::json;

    use crate::export::hostile;
    use crate::export::record::of_event::event_record;
    use crate::export::record::of_rows::address_records;
    use crate::export::record::text::{hostname, rfc3339, source_names};
    use sensor_core::inventory::event::{Kind, Reason, Severity};
    use sensor_core::inventory::model::address::Holder;
    use sensor_core::inventory::model::host::{Name, Service};
    use sensor_core::inventory::model::role::RouterFacts;
    use sensor_core::inventory::model::rows::Rows;
    use sensor_core::types::{Iface, Text, Vlans};

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
