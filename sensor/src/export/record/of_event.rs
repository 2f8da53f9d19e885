//! From an event to its record.

use crate::export::escape::escape;
use crate::export::message::message;
use crate::export::record::event::EventRecord;
use crate::export::record::text::{host_id, rfc3339, vlan};
use crate::vendor::Vendors;
use sensor_core::inventory::event::{Detail, Event};
use sensor_core::types::Mac;
use serde_json::{Map, Value};

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
        host_ips: event.whole.ips.iter().map(|other| other.it).collect(),
        host_macs: event.whole.macs.iter().map(|other| other.it.to_string()).collect(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;
    use crate::export::hostile;
    use sensor_core::inventory::event::whole::{Other, Whole};
    use sensor_core::inventory::event::{Kind, Reason, Severity};
    use sensor_core::inventory::model::host::HostId;
    use sensor_core::types::{Iface, Segment, Timestamp, Vlans};

    const A: Mac = Mac([0, 0, 0x5e, 0, 0x53, 1]);
    const C: Mac = Mac([2, 0, 0, 0, 0, 3]);

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
    fn a_full_event() {
        let event = Event {
            segment: Some(Segment::tagged(Iface::new("eth1").unwrap(), Vlans::new([100, 30]))),
            ip: Some([10, 0, 0, 1].into()),
            mac: Some(C),
            old_mac: Some(A),
            hostname: Some("nas".to_owned()),
            host: Some(HostId(0xaa)),
            reason: Some(Reason::Dhcp),
            confidence: Some(90),
            whole: Whole {
                ips: vec![Other { it: "fe80::1".parse().unwrap(), is_proven: true }],
                macs: vec![Other { it: A, is_proven: false }],
                is_dear: true,
            },
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
                "host": "00000000000000aa", "reason": "dhcp", "host_ips": ["fe80::1"],
                "host_macs": ["00:00:5e:00:53:01"],
                "confidence": 90,
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
    fn hostile_texts_are_escaped() {
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
        }
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
            whole: Whole::default(),
            details: Vec::new(),
        }
    }
}
