//! Events to journald by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram an event.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::export::contract::EventSink;
use crate::export::record::event::EventRecord;
use sensor_core::inventory::event::{Kind, Severity};
use sensor_core::types::Timestamp;

/// What the sink is called in messages and marks.
pub const NAME: &str = "journal";

/// Where journald listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// The longest value of one field, bytes: a datagram then fits the kernel's default of 212992 with room to spare.
const VALUE_MAX: usize = 8192;

/// How long a busy journald is waited for: a burst fills its queue, which is some hundred datagrams long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest record that goes along whole, bytes; half of one would be of no use.
const RECORD_MAX: usize = 65_536;

/// The journal sink.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    /// Tells the events of one database from those of another: their ids are only unique with it.
    database: String,
    /// The event told before: not every id is told, so that the next one alone does not show whether one was lost.
    previous: u64,
}

impl Journal {
    /// Prepares to send to the journal at `path` ([`SOCKET`] but in tests) events of the database that was made at
    /// `created_at`, whose event `previous` was told last (0: none). Fails when no socket can be made.
    pub fn new(path: &Path, created_at: Timestamp, previous: u64) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, path: path.to_owned(), database: format!("{:x}", created_at.as_nanos()), previous })
    }

    /// Whether journald listens.
    pub fn check(&self) -> io::Result<()> {
        UnixDatagram::unbound()?.connect(&self.path)
    }

    /// Sends one event; `json` is the record's line, so that programs that read the journal get all of it. `WouldBlock`:
    /// journald did not read for five seconds, try again later.
    pub fn publish(&mut self, record: &EventRecord, json: &str) -> io::Result<()> {
        let mut datagram = datagram(record, &self.database, json);
        append(&mut datagram, "SENSOR_PREVIOUS_ID", &self.previous.to_string());
        self.socket.send_to(&datagram, &self.path)?;
        self.previous = record.id;
        Ok(())
    }
}

fn datagram(record: &EventRecord, database: &str, json: &str) -> Vec<u8> {
    let severities = [Severity::Info, Severity::Notice, Severity::Warning, Severity::Alert];
    let severity = severities.into_iter().find(|severity| severity.name() == record.severity);
    let vlan = record.vlan.as_ref().map(|ids| ids.iter().map(u16::to_string).collect::<Vec<_>>().join(","));
    let ip = record.ip.map(|ip| ip.to_string());
    let mut out = Vec::with_capacity(512);
    let mut put = |field: &str, value: Option<&str>| value.into_iter().for_each(|value| append(&mut out, field, value));
    put("MESSAGE", Some(&record.message));
    put("MESSAGE_ID", Kind::parse(&record.kind).map(Kind::message_id));
    put("PRIORITY", Some(&severity.unwrap_or(Severity::Notice).priority().to_string()));
    put("SYSLOG_IDENTIFIER", Some("sensor"));
    put("SENSOR_EVENT", Some(&record.kind));
    put("SENSOR_EVENT_ID", Some(&record.id.to_string()));
    put("SENSOR_IP", ip.as_deref());
    put("SENSOR_MAC", record.mac.as_deref());
    put("SENSOR_OLD_MAC", record.old_mac.as_deref());
    put("SENSOR_VENDOR", record.vendor.as_deref());
    put("SENSOR_HOSTNAME", record.hostname.as_deref());
    put("SENSOR_HOST", record.host.as_deref());
    put("SENSOR_SEGMENT", record.segment.as_deref());
    put("SENSOR_VLAN", vlan.as_deref());
    put("SENSOR_IFACE", record.iface.as_deref());
    put("SENSOR_REASON", record.reason.as_deref());
    put("SENSOR_CONFIDENCE", record.confidence.map(|percent| percent.to_string()).as_deref());
    put("SENSOR_DATABASE", Some(database));
    if json.len() <= RECORD_MAX {
        frame(&mut out, "SENSOR_RECORD", json);
    }
    out
}

fn append(out: &mut Vec<u8>, field: &str, value: &str) {
    frame(out, field, &value[..value.floor_char_boundary(VALUE_MAX)]);
}

/// `FIELD=value`, or the length-framed form where the value could end the field.
fn frame(out: &mut Vec<u8>, field: &str, value: &str) {
    out.extend_from_slice(field.as_bytes());
    if value.chars().any(char::is_control) {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

impl EventSink for Journal {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn check(&self) -> io::Result<()> {
        Self::check(self)
    }

    fn publish(&mut self, record: &EventRecord, json: &str, _utc_offset_s: i32) -> io::Result<()> {
        Self::publish(self, record, json)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeMap;

    use super::*;
    use crate::export::hostile;
    use sensor_core::inventory::event::texts::Catalog;

    #[track_caller]
    fn check(value: &str, expected: &[u8]) {
        let mut out = Vec::new();
        append(&mut out, "F", value);
        assert_eq!(out, expected);
    }

    /// The fields that journald takes from a datagram, each of them once.
    #[track_caller]
    fn check_fields(record: &EventRecord, expected: &[(&str, &str)]) {
        let mut fields = BTreeMap::new();
        let datagram = datagram(record, "d", "{}");
        let mut rest = &datagram[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = (str::from_utf8(&rest[..end]).unwrap(), &rest[end + 1..]);
            let (field, value, after) = match line.split_once('=') {
                Some((field, value)) => (field, value, after),
                None => {
                    let (len, after) = after.split_first_chunk().unwrap();
                    let (value, after) = after.split_at(usize::try_from(u64::from_le_bytes(*len)).unwrap());
                    (line, str::from_utf8(value).unwrap(), after.strip_prefix(b"\n").unwrap())
                }
            };
            assert_eq!(fields.insert(field.to_owned(), value.to_owned()), None, "{field} twice");
            rest = after;
        }
        assert!(rest.is_empty());
        let expected = expected.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn plain_values_are_lines() {
        check("=cmd|x", b"F==cmd|x\n");
        check("", b"F=\n");
    }

    #[test]
    fn a_newline_adds_no_field() {
        check("a\nMESSAGE=b", b"F\n\x0b\0\0\0\0\0\0\0a\nMESSAGE=b\n");
    }

    #[test]
    fn long_values_end_between_characters() {
        let mut out = Vec::new();
        append(&mut out, "F", &"\u{20ac}".repeat(VALUE_MAX));
        assert_eq!(out.len(), "F=\n".len() + VALUE_MAX / 3 * 3);
    }

    #[test]
    fn the_catalog_names_fields_that_exist() {
        let datagram = String::from_utf8(datagram(&full(), "d", "{}")).unwrap();
        for kind in Kind::ALL {
            let Catalog { subject, text } = kind.catalog();
            let fields = [subject, text].into_iter().flat_map(|text| text.split('@').skip(1).step_by(2));
            for field in fields {
                let start = format!("{field}=");
                assert!(datagram.lines().any(|line| line.starts_with(&start)), "{}: {field}", kind.name());
            }
        }
    }

    #[test]
    fn absent_values_are_absent_fields() {
        let record =
            EventRecord { kind: "new-host".to_owned(), severity: "alert".to_owned(), ..EventRecord::default() };
        check_fields(
            &record,
            &[
                ("MESSAGE", ""),
                ("MESSAGE_ID", "079d919f182941389c510b0ab6b42931"),
                ("PRIORITY", "1"),
                ("SYSLOG_IDENTIFIER", "sensor"),
                ("SENSOR_EVENT", "new-host"),
                ("SENSOR_EVENT_ID", "0"),
                ("SENSOR_DATABASE", "d"),
                ("SENSOR_RECORD", "{}"),
            ],
        );
    }

    #[test]
    fn hostile_texts_stay_in_their_field() {
        for text in hostile::TEXTS {
            let record = EventRecord { message: text.to_owned(), hostname: Some(text.to_owned()), ..full() };
            check_fields(
                &record,
                &[
                    ("MESSAGE", text),
                    ("MESSAGE_ID", "1b9d2383a823486a8b6d7d96e11fa4e4"),
                    ("PRIORITY", "4"),
                    ("SYSLOG_IDENTIFIER", "sensor"),
                    ("SENSOR_EVENT", "changed-mac"),
                    ("SENSOR_EVENT_ID", "7"),
                    ("SENSOR_IP", "10.0.0.5"),
                    ("SENSOR_MAC", "00:00:5e:00:53:01"),
                    ("SENSOR_OLD_MAC", "00:00:5e:00:53:02"),
                    ("SENSOR_VENDOR", "IANA"),
                    ("SENSOR_HOSTNAME", text),
                    ("SENSOR_HOST", "00000000000000aa"),
                    ("SENSOR_SEGMENT", "eth1.100.30"),
                    ("SENSOR_VLAN", "100,30"),
                    ("SENSOR_IFACE", "eth1"),
                    ("SENSOR_REASON", "unknown"),
                    ("SENSOR_CONFIDENCE", "50"),
                    ("SENSOR_DATABASE", "d"),
                    ("SENSOR_RECORD", "{}"),
                ],
            );
        }
    }

    #[test]
    fn a_record_goes_along_whole_or_not_at_all() {
        for (len, is_there) in [(RECORD_MAX, true), (RECORD_MAX + 1, false)] {
            let datagram = datagram(&full(), "d", &"x".repeat(len));
            assert_eq!(datagram.len() > len, is_there);
            assert!(datagram.len() < 212_992);
        }
    }

    #[test]
    fn one_datagram_an_event() {
        let path = std::env::temp_dir().join(format!("sensor-journal-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        let mut journal = Journal::new(&path, Timestamp::from_nanos(0xabc), 5).unwrap();
        assert!(journal.check().is_err() && journal.publish(&full(), "{}").is_err());
        let journald = UnixDatagram::bind(&path).unwrap();
        journal.check().unwrap();
        journal.publish(&full(), "{}").unwrap();
        let mut received = [0; 4096];
        let len = journald.recv(&mut received).unwrap();
        std::fs::remove_file(&path).unwrap();
        let expected = [&datagram(&full(), "abc", "{}")[..], b"SENSOR_PREVIOUS_ID=5\n"].concat();
        assert_eq!(received[..len], expected);
        assert_eq!(journal.previous, 7, "the next one names it");
    }

    fn full() -> EventRecord {
        EventRecord {
            id: 7,
            kind: "changed-mac".to_owned(),
            severity: "warning".to_owned(),
            segment: Some("eth1.100.30".to_owned()),
            iface: Some("eth1".to_owned()),
            vlan: Some(vec![100, 30]),
            ip: Some([10, 0, 0, 5].into()),
            mac: Some("00:00:5e:00:53:01".to_owned()),
            old_mac: Some("00:00:5e:00:53:02".to_owned()),
            vendor: Some("IANA".to_owned()),
            hostname: Some("nas".to_owned()),
            host: Some("00000000000000aa".to_owned()),
            reason: Some("unknown".to_owned()),
            confidence: Some(50),
            message: "10.0.0.5 moved".to_owned(),
            ..EventRecord::default()
        }
    }
}
