//! An event as a syslog message, in both forms. Every text is cut and escaped here, so that none can end its field, its
//! message or its frame.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::export::escape::escape;
use crate::export::record::event::EventRecord;
use sensor_core::inventory::event::{Kind, Severity};

/// The longest message in RFC 5424's form, bytes: what a collector should be able to take is 2048, rsyslog's default 8192
/// (RFC 5424, section 6.1).
pub const RFC5424_MAX: usize = 8192;
/// The longest message in arpwatch's form, bytes (RFC 3164, section 4.1).
pub const ARPWATCH_MAX: usize = 1024;

/// The longest value of one parameter before its escapes, bytes: all of them at twice that length leave room for the
/// sentence.
const VALUE_MAX: usize = 192;
/// `daemon` (RFC 5424, section 6.2.1).
const FACILITY: u8 = 3;
/// With the enterprise number that is reserved for documentation (RFC 5612), since the sensor has none of its own.
const SD_ID: &str = "sensor@32473";

/// What a message looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// RFC 5424, at most [`RFC5424_MAX`] bytes.
    #[default]
    Rfc5424,
    /// `KIND IP MAC[ (MAC2)] IFACE` behind a header of RFC 3164, at most [`ARPWATCH_MAX`] bytes; only events that
    /// arpwatch has a name for, with an address and a MAC.
    Arpwatch,
}

/// What the message's header needs besides the event.
pub(super) struct Sender {
    /// A socket of this machine: its reader expects no host name in RFC 3164's header (syslog(3)).
    pub is_local: bool,
    /// How far local time is east of UTC, seconds.
    pub utc_offset_s: i32,
}

/// The message, without framing; `None` where the form cannot express the event.
pub(super) fn message(format: Format, sender: &Sender, record: &EventRecord) -> Option<Vec<u8>> {
    match format {
        Format::Rfc5424 => Some(rfc5424(record)),
        Format::Arpwatch => arpwatch(sender, record),
    }
}

fn rfc5424(record: &EventRecord) -> Vec<u8> {
    let severities = [Severity::Info, Severity::Notice, Severity::Warning, Severity::Alert];
    let severity = severities.into_iter().find(|severity| severity.name() == record.severity);
    let priority = FACILITY * 8 + severity.unwrap_or(Severity::Notice).priority();
    let at = record.at.parse::<Timestamp>().map_or_else(|_| "-".to_owned(), |at| format!("{at:.6}"));
    let host = word(&record.sensor, 255);
    let kind = word(&record.kind, 32);
    let pid = std::process::id();
    let mut out = format!("<{priority}>1 {at} {host} sensor {pid} {kind} [{SD_ID}");
    let mut put = |name: &str, value: Option<&str>| {
        let Some(value) = value else { return };
        out.push_str(&format!(" {name}=\""));
        for c in cut(&escape(value), VALUE_MAX).chars() {
            // RFC 5424, section 6.3.3.
            if matches!(c, '"' | '\\' | ']') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    };
    let vlan = record.vlan.as_ref().map(|ids| ids.iter().map(u16::to_string).collect::<Vec<_>>().join(","));
    put("event", Some(&record.kind));
    put("event_id", Some(&record.id.to_string()));
    put("severity", Some(&record.severity));
    put("ip", record.ip.map(|ip| ip.to_string()).as_deref());
    put("mac", record.mac.as_deref());
    put("old_mac", record.old_mac.as_deref());
    put("vendor", record.vendor.as_deref());
    put("old_vendor", record.old_vendor.as_deref());
    put("hostname", record.hostname.as_deref());
    put("host", record.host.as_deref());
    put("segment", record.segment.as_deref());
    put("vlan", vlan.as_deref());
    put("iface", record.iface.as_deref());
    put("reason", record.reason.as_deref());
    put("confidence", record.confidence.map(|percent| percent.to_string()).as_deref());
    // The mark says that the sentence is UTF-8 (section 6.4).
    out.push_str("] \u{feff}");
    let room = RFC5424_MAX.saturating_sub(out.len());
    out.push_str(cut(&escape(&record.message), room));
    out.into_bytes()
}

/// arpwatch's names, priorities and spelling of MACs (arpwatch 2.1a15, `report.c`; with the interface, as in Debian).
fn arpwatch(sender: &Sender, record: &EventRecord) -> Option<Vec<u8>> {
    let kind = Kind::parse(&record.kind)?;
    let words = kind.arpwatch()?;
    let (ip, mac) = (record.ip?, unpadded(record.mac.as_deref()?));
    // Of a mismatch arpwatch names the frame's MAC first.
    let frame_mac = record.details.as_ref().and_then(|details| details.get("frame_mac")?.as_str());
    let macs = match (kind, record.old_mac.as_deref().map(unpadded)) {
        (Kind::MacMismatch, _) => format!("{} ({mac})", unpadded(frame_mac?)),
        (_, Some(old)) => format!("{mac} ({old})"),
        (_, None) => mac,
    };
    let severity = match kind {
        Kind::Bogon | Kind::MacMismatch => Severity::Info,
        _ => Severity::Notice,
    };
    let priority = FACILITY * 8 + severity.priority();
    let offset = Offset::from_seconds(sender.utc_offset_s).unwrap_or(Offset::UTC);
    let at = offset.to_datetime(record.at.parse().unwrap_or(Timestamp::UNIX_EPOCH)).strftime("%b %e %H:%M:%S");
    let host = if sender.is_local { String::new() } else { format!("{} ", word(&record.sensor, 255)) };
    let segment = word(record.segment.as_deref().unwrap_or("-"), 64);
    let out = format!("<{priority}>{at} {host}arpwatch: {words} {ip} {macs} {segment}");
    Some(cut(&out, ARPWATCH_MAX).as_bytes().to_vec())
}

/// `00:0c:29:00:00:20` as arpwatch writes it: `0:c:29:0:0:20`.
fn unpadded(mac: &str) -> String {
    let short = |byte: &str| match byte.trim_start_matches('0') {
        "" => "0".to_owned(),
        rest => word(rest, 2),
    };
    mac.split(':').map(short).collect::<Vec<_>>().join(":")
}

/// One word of printable ASCII, as a header field must be; `-` for none.
fn word(text: &str, max: usize) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let word: String = text.chars().take(max).map(printable).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;
    use crate::export::hostile;

    const FAR: Sender = Sender { is_local: false, utc_offset_s: 3600 };
    const HERE: Sender = Sender { is_local: true, utc_offset_s: 0 };

    #[track_caller]
    fn check_arpwatch(sender: &Sender, record: EventRecord, expected: Option<&str>) {
        let message = message(Format::Arpwatch, sender, &record).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(message.as_deref(), expected);
    }

    /// The parameters of the one element, by the grammar of RFC 5424, section 6; panics where it is broken.
    fn parse(message: &str) -> (Vec<String>, Vec<(String, String)>, String) {
        let header: Vec<String> = message.splitn(7, ' ').take(6).map(str::to_owned).collect();
        let rest = message.splitn(7, ' ').nth(6).unwrap();
        let mut rest = rest.strip_prefix("[sensor@32473").unwrap();
        let mut params = Vec::new();
        while let Some(param) = rest.strip_prefix(' ') {
            let (name, mut value) = param.split_once("=\"").unwrap();
            let mut text = String::new();
            loop {
                let mut chars = value.chars();
                match chars.next().unwrap() {
                    '"' => break,
                    '\\' => text.push(chars.next().unwrap()),
                    c => text.push(c),
                }
                value = chars.as_str();
            }
            params.push((name.to_owned(), text));
            rest = &value[1..];
        }
        (header, params, rest.strip_prefix("] \u{feff}").unwrap().to_owned())
    }

    #[test]
    fn a_full_event() {
        let pid = std::process::id();
        let expected = format!(
            "<28>1 2026-11-21T06:37:03.123456Z box sensor {pid} changed-mac [sensor@32473 event=\"changed-mac\" \
             event_id=\"7\" severity=\"warning\" ip=\"10.0.0.5\" mac=\"00:0c:29:00:00:99\" old_mac=\"00:0c:29:00:00:20\" \
             vendor=\"VMware, \\\"Inc.\\\"\" segment=\"eth1.30\" vlan=\"30\" iface=\"eth1\" reason=\"unknown\"] \
             \u{feff}10.0.0.5 moved"
        );
        assert_eq!(String::from_utf8(rfc5424(&changed())).unwrap(), expected);
    }

    #[test]
    fn an_event_about_nothing() {
        let (header, params, message) = parse(&String::from_utf8(rfc5424(&EventRecord::default())).unwrap());
        assert_eq!(header[..4], ["<29>1", "-", "-", "sensor"]);
        assert_eq!((params.len(), message.as_str()), (3, ""));
    }

    #[test]
    fn arpwatch_writes_it_so() {
        check_arpwatch(
            &FAR,
            changed(),
            Some(
                "<29>Nov 21 07:37:03 box arpwatch: changed ethernet address 10.0.0.5 0:c:29:0:0:99 (0:c:29:0:0:20) eth1.30",
            ),
        );
        let record = EventRecord { kind: "new-host".to_owned(), old_mac: None, ..changed() };
        check_arpwatch(&HERE, record, Some("<29>Nov 21 06:37:03 arpwatch: new station 10.0.0.5 0:c:29:0:0:99 eth1.30"));
        let details = json!({"frame_mac": "aa:bb:0c:00:01:02"}).as_object().cloned();
        let record = EventRecord { kind: "mac-mismatch".to_owned(), details, ..changed() };
        let expected = "<30>Nov 21 06:37:03 arpwatch: ethernet mismatch 10.0.0.5 aa:bb:c:0:1:2 (0:c:29:0:0:99) eth1.30";
        check_arpwatch(&HERE, record, Some(expected));
    }

    #[test]
    fn arpwatch_has_no_word_for_it() {
        check_arpwatch(&HERE, EventRecord { kind: "host-gone".to_owned(), ..changed() }, None);
        check_arpwatch(&HERE, EventRecord { mac: None, ..changed() }, None);
        check_arpwatch(&HERE, EventRecord { kind: "new-host".to_owned(), ip: None, ..changed() }, None);
        check_arpwatch(&HERE, EventRecord { kind: "mac-mismatch".to_owned(), ..changed() }, None);
    }

    #[test]
    fn hostile_texts_stay_in_their_parameter() {
        let tricks = ["\"] [fake@1 a=\"b", "a\\", "]", "\\]\"", "\u{feff}", "\u{202e}x", "\u{9b}2J"];
        for text in hostile::TEXTS.into_iter().chain(tricks) {
            let text = || text.to_owned();
            let record = EventRecord {
                message: text(),
                hostname: Some(text()),
                vendor: Some(text()),
                segment: Some(text()),
                sensor: text(),
                kind: text(),
                ..changed()
            };
            let message = String::from_utf8(rfc5424(&record)).unwrap();
            let (header, params, sentence) = parse(&message);
            assert!(header.iter().all(|field| field.chars().all(|c| c.is_ascii_graphic())), "{header:?}");
            let hostname = params.iter().find(|(name, _)| name == "hostname").unwrap();
            assert_eq!(hostname.1, escape(&text()));
            assert_eq!(sentence, escape(&text()));
            assert_eq!(params.len(), 12);
            hostile::assert_lines(format!("{}\n", message.replacen('\u{feff}', "", 1)).as_bytes(), 1);
            let record = EventRecord { kind: "changed-mac".to_owned(), ..record };
            let line = super::message(Format::Arpwatch, &FAR, &record).unwrap();
            hostile::assert_lines(&[&line[..], b"\n"].concat(), 1);
        }
    }

    #[test]
    fn a_message_is_bounded() {
        for text in ["]", "\u{20ac}", "\n", "\\\""].map(|text| text.repeat(64 << 10)) {
            let text = || Some(text.clone());
            let record = EventRecord {
                mac: text(),
                old_mac: text(),
                vendor: text(),
                old_vendor: text(),
                hostname: text(),
                host: text(),
                segment: text(),
                iface: text(),
                reason: text(),
                message: text().unwrap(),
                severity: text().unwrap(),
                sensor: text().unwrap(),
                ..changed()
            };
            let message = rfc5424(&record);
            assert!(message.len() <= RFC5424_MAX, "{}", message.len());
            let (_, params, sentence) = parse(&String::from_utf8(message).unwrap());
            assert!(params.len() == 15 - 1 && sentence.len() > 1000, "{} {}", params.len(), sentence.len());
            let line = super::message(Format::Arpwatch, &FAR, &record).unwrap();
            assert!(line.len() <= ARPWATCH_MAX, "{}", line.len());
        }
    }

    fn changed() -> EventRecord {
        EventRecord {
            id: 7,
            at: "2026-11-21T06:37:03.123456789Z".to_owned(),
            kind: "changed-mac".to_owned(),
            severity: "warning".to_owned(),
            segment: Some("eth1.30".to_owned()),
            iface: Some("eth1".to_owned()),
            vlan: Some(vec![30]),
            ip: Some([10, 0, 0, 5].into()),
            mac: Some("00:0c:29:00:00:99".to_owned()),
            old_mac: Some("00:0c:29:00:00:20".to_owned()),
            vendor: Some("VMware, \"Inc.\"".to_owned()),
            reason: Some("unknown".to_owned()),
            message: "10.0.0.5 moved".to_owned(),
            sensor: "box".to_owned(),
            ..EventRecord::default()
        }
    }
}
