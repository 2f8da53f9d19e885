//! A line of `journalctl -o json` becomes an event: the record that the sensor wrote, or what the other fields say of it.
//!
//! Whoever may log on this machine can write such fields, and names in them come from the network. So an event counts
//! only from root, from `sensor.service` or from the watcher's own user (fields that journald sets itself, see
//! systemd.journal-fields(7)), and every text is escaped and cut here, once, before any action sees it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::config::machine::host_name;
use crate::export::escape::escape;
use crate::export::record::text::rfc3339;
use sensor_core::inventory::event::{Kind, Severity};
use sensor_core::types::Timestamp;

/// An event, or a notice of the watcher's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The database whose ids these are; empty for a notice.
    pub database: String,
    /// Rising; 0 for a notice.
    pub id: u64,
    /// The record's fields; every text is escaped and cut.
    pub record: Map<String, Value>,
}

/// Where an event stands among those of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// The event.
    pub id: u64,
    /// The event that was emitted before it; where the entry does not say, the id before.
    pub previous: u64,
}

/// A line of the journal.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Its place in the journal.
    pub cursor: Option<String>,
    /// What it is.
    pub item: JournalItem,
}

/// What an entry of the journal is.
#[derive(Debug, PartialEq)]
pub enum JournalItem {
    /// An event, and its place among those that were emitted.
    Event(Event, Rank),
    /// It looks like an event, but was written by this user (a number, or `?`), who may not write any.
    Forged(String),
    /// Something else.
    Nothing,
}

/// The longest text of a record, bytes: the longest that the sensor itself writes into one field of the journal.
pub const TEXT_MAX: usize = 8192;
/// The longest record, bytes: it fits a pipe, so that a program that does not read it stops nobody.
pub const RECORD_MAX: usize = 60_000;
/// The unit whose events count.
const UNIT: &str = "sensor.service";

/// Reads one line; `None` when it is not a journal entry. `own_uid`: the watcher's user.
pub fn parse(line: &[u8], own_uid: u32) -> Option<Entry> {
    let Value::Object(fields) = serde_json::from_slice(line).ok()? else { return None };
    let cursor = field(&fields, "__CURSOR").map(Cow::into_owned);
    let item = match event(&fields) {
        None => JournalItem::Nothing,
        Some(event) if is_trusted(&fields, own_uid) => {
            let previous = field(&fields, "SENSOR_PREVIOUS_ID").and_then(|id| id.parse().ok());
            let rank = Rank { id: event.id, previous: previous.unwrap_or(event.id - 1).min(event.id - 1) };
            JournalItem::Event(event, rank)
        }
        Some(_) => {
            JournalItem::Forged(field(&fields, "_UID").map_or_else(|| "?".to_owned(), |uid| escape(&uid).into_owned()))
        }
    };
    Some(Entry { cursor, item })
}

impl Event {
    /// A notice of the watcher's own: no event of any database.
    pub fn notice(kind: &str, at: Timestamp, message: String, details: Map<String, Value>) -> Self {
        let texts = [("at", rfc3339(at)), ("kind", kind.to_owned()), ("severity", "warning".to_owned())];
        let mut record: Map<String, Value> = Map::new();
        record.insert("id".to_owned(), 0.into());
        record.extend(texts.into_iter().map(|(key, text)| (key.to_owned(), Value::from(text))));
        record.insert("details".to_owned(), Value::Object(details));
        record.insert("message".to_owned(), Value::from(escape(&message).into_owned()));
        record.insert("sensor".to_owned(), Value::from(escape(&host_name()).into_owned()));
        Self { database: String::new(), id: 0, record }
    }

    /// Whether it is a notice of the watcher's own.
    pub fn is_notice(&self) -> bool {
        self.id == 0
    }

    /// A text of the record, empty when it is absent.
    pub fn text(&self, key: &str) -> &str {
        self.record.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The texts of a list of the record's.
    pub fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.record.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Its severity; `notice` where the record has none.
    pub fn severity(&self) -> Severity {
        Severity::parse(self.text("severity")).unwrap_or(Severity::Notice)
    }

    /// The record's line.
    pub fn json(&self) -> String {
        Value::Object(self.record.clone()).to_string()
    }

    /// What recognises the same event again: database and id.
    pub fn key(&self) -> String {
        match self.is_notice() {
            true => format!("notice-{}-{}", self.text("kind"), self.text("at")),
            false => format!("{}-{}", self.database, self.id),
        }
    }
}

fn event(fields: &Map<String, Value>) -> Option<Event> {
    let id: u64 = field(fields, "SENSOR_EVENT_ID")?.parse().ok().filter(|id| *id > 0)?;
    let kind = field(fields, "SENSOR_EVENT")?;
    let database = field(fields, "SENSOR_DATABASE").unwrap_or_default();
    let database = database.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let written = field(fields, "SENSOR_RECORD").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let record = match written {
        Some(Value::Object(record))
            if record.get("id") == Some(&id.into()) && record.get("kind") == Some(&(*kind).into()) =>
        {
            record
        }
        _ => rebuilt(fields, id, &kind),
    };
    let mut record = harmless_map(record);
    if Value::Object(record.clone()).to_string().len() > RECORD_MAX {
        record.remove("details");
    }
    if Value::Object(record.clone()).to_string().len() > RECORD_MAX {
        record = harmless_map(rebuilt(fields, id, &kind));
    }
    Some(Event { database, id, record })
}

/// The record, as far as the journal's other fields go.
fn rebuilt(fields: &Map<String, Value>, id: u64, kind: &str) -> Map<String, Value> {
    let micros = ["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"]
        .into_iter()
        .find_map(|key| field(fields, key)?.parse::<i64>().ok());
    let at = Timestamp::from_nanos(micros.unwrap_or(0).saturating_mul(1000));
    let known = Kind::parse(kind);
    let severity = match field(fields, "PRIORITY").as_deref() {
        Some("0" | "1" | "2") => Severity::Alert,
        Some("3" | "4") => Severity::Warning,
        Some("6" | "7") => Severity::Info,
        _ => Severity::Notice,
    };
    let mut record = Map::new();
    let mut put = |key: &str, value: Value| drop(record.insert(key.to_owned(), value));
    put("id", id.into());
    put("at", rfc3339(at).into());
    put("kind", kind.into());
    put("severity", severity.name().into());
    for (key, name) in [
        ("segment", "SENSOR_SEGMENT"),
        ("iface", "SENSOR_IFACE"),
        ("ip", "SENSOR_IP"),
        ("mac", "SENSOR_MAC"),
        ("old_mac", "SENSOR_OLD_MAC"),
        ("vendor", "SENSOR_VENDOR"),
        ("hostname", "SENSOR_HOSTNAME"),
        ("host", "SENSOR_HOST"),
        ("reason", "SENSOR_REASON"),
        ("message", "MESSAGE"),
        ("sensor", "_HOSTNAME"),
    ] {
        if let Some(text) = field(fields, name) {
            // So many texts of the longest kind would not fit.
            put(key, text[..text.floor_char_boundary(TEXT_MAX / 8)].into());
        }
    }
    let vlan = field(fields, "SENSOR_VLAN").map(|ids| ids.split(',').map_while(|id| id.parse().ok()).take(2).collect());
    vlan.into_iter().for_each(|ids: Vec<u16>| put("vlan", ids.into()));
    let confidence = field(fields, "SENSOR_CONFIDENCE").and_then(|text| text.parse::<u8>().ok());
    confidence.into_iter().for_each(|percent| put("confidence", percent.into()));
    known.and_then(Kind::arpwatch).into_iter().for_each(|name| put("arpwatch", name.into()));
    record
}

/// A field of an entry: text, or an array of bytes where the journal holds something else, or an array of these where it
/// holds the field several times (systemd.io/JOURNAL_EXPORT_FORMATS): then the first.
fn field<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<Cow<'a, str>> {
    match fields.get(key)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(items) => match items.first()? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Array(bytes) => Some(Cow::Owned(lossy(bytes))),
            _ => Some(Cow::Owned(lossy(items))),
        },
        _ => None,
    }
}

fn lossy(bytes: &[Value]) -> String {
    let bytes: Vec<u8> = bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_trusted(fields: &Map<String, Value>, own_uid: u32) -> bool {
    let uid = field(fields, "_UID");
    let is_ours = uid.as_deref().is_none_or(|uid| uid == "0" || uid == own_uid.to_string());
    is_ours || field(fields, "_SYSTEMD_UNIT").as_deref() == Some(UNIT)
}

fn harmless_map(record: Map<String, Value>) -> Map<String, Value> {
    record.into_iter().map(|(key, value)| (harmless_text(&key), harmless(value))).collect()
}

/// `serde_json` reads no deeper than 128 levels, so this ends.
fn harmless(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(harmless_text(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(harmless).collect()),
        Value::Object(map) => Value::Object(harmless_map(map)),
        plain => plain,
    }
}

fn harmless_text(text: &str) -> String {
    let escaped = escape(text);
    escaped[..escaped.floor_char_boundary(TEXT_MAX)].to_owned()
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    /// An event of that kind about that address.
    pub(in crate::watch) fn event(id: u64, kind: &str, ip: &str) -> Event {
        let record = serde_json::json!({
            "id": id, "at": "2026-11-21T08:00:00Z", "kind": kind, "severity": "notice", "segment": "eth1",
            "ip": ip, "mac": "00:14:22:01:02:03", "hostname": "nas", "host": "00000000000000aa",
            "message": format!("{kind} {ip}"), "sensor": "box",
        });
        let Value::Object(record) = record else { panic!("an object") };
        Event { database: "db".to_owned(), id, record }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    fn entry(change: impl FnOnce(&mut Map<String, Value>)) -> Option<Entry> {
        let record = json!({"id": 7, "at": "2026-11-21T08:00:00Z", "kind": "new-host", "severity": "notice",
            "details": {"x": 1}, "message": "m", "sensor": "box"});
        let Value::Object(mut fields) = json!({"__CURSOR": "c", "SENSOR_EVENT": "new-host", "SENSOR_EVENT_ID": "7",
            "SENSOR_DATABASE": "d", "SENSOR_RECORD": record.to_string(), "_UID": "0", "MESSAGE": "m", "PRIORITY": "5",
            "SENSOR_VLAN": "100,30", "SENSOR_IP": "10.0.0.5", "__REALTIME_TIMESTAMP": "1000000"})
        else {
            return None;
        };
        change(&mut fields);
        parse(Value::Object(fields).to_string().as_bytes(), 1000)
    }

    fn told(entry: Option<Entry>) -> Event {
        match entry.unwrap().item {
            JournalItem::Event(event, _) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_record_is_taken_as_it_is() {
        let event = told(entry(|_| {}));
        assert_eq!((event.id, event.database.as_str(), event.key().as_str()), (7, "d", "d-7"));
        assert_eq!(
            event.json(),
            r#"{"id":7,"at":"2026-11-21T08:00:00Z","kind":"new-host","severity":"notice","details":{"x":1},"message":"m","sensor":"box"}"#
        );
    }

    #[test]
    fn without_a_record_the_fields_make_one() {
        let without: [fn(&mut Map<String, Value>); 4] = [
            |fields| drop(fields.remove("SENSOR_RECORD")),
            |fields| drop(fields.insert("SENSOR_RECORD".into(), Value::Null)),
            |fields| drop(fields.insert("SENSOR_RECORD".into(), "{\"id\":8}".into())),
            |fields| drop(fields.insert("SENSOR_RECORD".into(), "[".repeat(100_000).into())),
        ];
        for change in without {
            let event = told(entry(change));
            assert_eq!(
                event.json(),
                r#"{"id":7,"at":"1970-01-01T00:00:01.000000Z","kind":"new-host","severity":"notice","ip":"10.0.0.5","message":"m","vlan":[100,30],"arpwatch":"new station"}"#
            );
        }
    }

    #[test]
    fn bytes_and_repeated_fields_are_read() {
        let event = told(entry(|fields| {
            fields.remove("SENSOR_RECORD");
            fields.insert("MESSAGE".into(), json!([97, 27, 255, 98, 900, -1, "x"]));
            fields.insert("SENSOR_HOSTNAME".into(), json!(["a", "b"]));
            fields.insert("SENSOR_MAC".into(), json!([[99, 100], "b"]));
        }));
        assert_eq!(event.text("message"), "a\\x1b\u{fffd}b");
        assert_eq!((event.text("hostname"), event.text("mac")), ("a", "cd"));
    }

    #[test]
    fn what_anybody_may_write_is_no_event() {
        let set = |key: &'static str, value: &'static str| {
            move |fields: &mut Map<String, Value>| drop(fields.insert(key.into(), value.into()))
        };
        assert_eq!(entry(set("_UID", "33")).unwrap().item, JournalItem::Forged("33".to_owned()));
        told(entry(set("_UID", "1000")));
        told(entry(|fields| {
            set("_UID", "61234")(fields);
            set("_SYSTEMD_UNIT", "sensor.service")(fields);
        }));
        assert_eq!(entry(set("SENSOR_EVENT_ID", "x")).unwrap().item, JournalItem::Nothing);
        assert_eq!(entry(set("SENSOR_EVENT_ID", "0")).unwrap().item, JournalItem::Nothing);
        assert_eq!(entry(|fields| drop(fields.remove("SENSOR_EVENT"))).unwrap().item, JournalItem::Nothing);
        for line in [&b""[..], b"\xff", b"[]", b"-- Boot --", b"{\"a\":"] {
            assert_eq!(parse(line, 0), None);
        }
    }

    #[test]
    fn every_text_is_harmless_and_bounded() {
        let event = told(entry(|fields| {
            let record = json!({"id": 7, "kind": "new-host", "hostname": "\x1b[2J".repeat(20_000),
                "details": {"a\nb": ["x\u{202e}y", {"z": "\0"}]}, "message": "a\nb"});
            fields.insert("SENSOR_RECORD".into(), record.to_string().into());
        }));
        let json = event.json();
        assert!(json.len() < RECORD_MAX && !json.chars().any(sensor_core::types::is_unsafe), "{json}");
        assert!(
            json.ends_with(r#""details":{"a\\x0ab":["x\\u{202e}y",{"z":"\\x00"}]},"message":"a\\x0ab"}"#),
            "{json}"
        );
        let event = told(entry(|fields| {
            let details: Map<String, Value> = (0..1000).map(|n| (n.to_string(), "y".repeat(200).into())).collect();
            let record = json!({"id": 7, "kind": "new-host", "details": details, "message": "m"});
            fields.insert("SENSOR_RECORD".into(), record.to_string().into());
        }));
        assert_eq!(event.json(), r#"{"id":7,"kind":"new-host","message":"m"}"#);
    }
}
