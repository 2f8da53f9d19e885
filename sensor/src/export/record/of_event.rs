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

pub(crate) fn details(details: &[(&'static str, Detail)]) -> Option<Map<String, Value>> {
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
