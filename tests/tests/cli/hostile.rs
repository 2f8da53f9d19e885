//! Hostile host names, sent by DHCP and mDNS through the whole path, are harmless: in the
//! sightings, the database, every export, every sink, every table, and on standard error.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sensor::export::contract::EventSink as _;
use sensor::export::journal::Journal;
use sensor::export::record::event::EventRecord;
use sensor::export::syslog::form::Format;
use sensor::export::syslog::form::{ARPWATCH_MAX, RFC5424_MAX};
use sensor::export::syslog::{Address, Syslog};
use sensor_core::types::{Text, is_unsafe};
use sensor_tests::binary::sensor_binary;
use sensor_tests::frames::{arp, ethernet, ipv4, udp};
use serde_json::Value;
use tempfile::TempDir;

/// Clipboard, screen and link sequences, a reversed name, line breaks with forged fields, a formula, markup, bytes that
/// are no UTF-8, the end of a syslog parameter or a JSON string, and a name as long as fits.
const NAMES: [&[u8]; 15] = [
    b"\x1b]52;c;Y3VybCBldmls\x07",
    b"\x1b[2J\x1b[H",
    b"\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\",
    b"photo\xe2\x80\xaegpj.exe",
    b"\xc2\x9b2J",
    b"\x9b2J\xff\xfe",
    b"a\nMESSAGE_ID=6ebbec1f416c43aabc516dca1db08ed2\nPRIORITY=0",
    b"a\r\n<0>1 - - fake - - -",
    b"=cmd()",
    b"@SUM(A1)",
    b"<script>alert(1)</script>",
    b"x\"] [fake@1 a=\"b",
    b"x\\\"]",
    b"\"},{\"kind\":\"fake\",\"x\":\"",
    b"\0\t\x7f\xe2\x80\xa8\xef\xbb\xbf",
];

#[test]
fn hostile_names_are_harmless_everywhere() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (capture, db, events, sightings) = (file("capture"), file("db"), file("events"), file("sightings"));
    std::fs::write(&capture, pcap(&frames())).unwrap();

    let logs = ["--events", &events, "--sightings", &sightings, "--learning", "0"];
    check_lines("replay --db", &sensor(&[&["replay", &capture, "--db", &db][..], &logs].concat()));
    check_json("replay --json", &sensor(&["replay", &capture, "--json"]));
    check_csv("replay --csv", &sensor(&["replay", &capture, "--csv"]));
    check_lines("hosts", &sensor(&["hosts", "--db", &db]));
    check_lines("events", &sensor(&["events", "--db", &db]));
    check_lines("events --json", &sensor(&["events", "--db", &db, "--json"]));
    check_lines("export --jsonl", &sensor(&["export", "--db", &db, "--jsonl"]));
    check_json("export --json", &sensor(&["export", "--db", &db, "--json"]));
    check_csv("export --csv", &sensor(&["export", "--db", &db, "--csv"]));

    let sighted = std::fs::read_to_string(&sightings).unwrap();
    check_lines("sightings", &sighted);
    sighted.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
    let told = std::fs::read_to_string(&events).unwrap();
    check_lines("events.jsonl", &told);
    let told: Vec<EventRecord> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = told.iter().filter(|event| event.hostname.is_some() && event.kind == "new-host").count();
    // What is no text names nobody.
    let texts = NAMES.iter().filter(|name| Text::new(name).as_clean().is_some()).count();
    assert!(named >= texts, "{named} hosts are told by their names");
    let renamed = told.iter().filter(|event| event.kind == "name-changed").count();
    assert!(renamed >= texts / 2, "{renamed} names changed");
    told.iter().for_each(check_fields);
    check_journal(folder.path(), &told);
    check_syslog(folder.path(), &told);
}

/// The fields and details of an event are those that its kind declares.
fn check_fields(event: &EventRecord) {
    let kind = sensor_core::inventory::event::Kind::parse(&event.kind).unwrap();
    let details = event.details.iter().flat_map(|details| details.keys());
    details.for_each(|detail| assert!(kind.has_detail(detail), "{}: {detail}", event.kind));
    let fields = [
        ("ip", event.ip.is_some()),
        ("mac", event.mac.is_some()),
        ("old_mac", event.old_mac.is_some()),
        ("reason", event.reason.is_some()),
        ("confidence", event.confidence.is_some()),
    ];
    for (field, is_told) in fields {
        assert!(!is_told || kind.fields().contains(&field), "{}: {field}", event.kind);
    }
}

/// Each datagram of journald's native protocol has the known fields, each once.
fn check_journal(folder: &Path, told: &[EventRecord]) {
    let path = folder.join("journal");
    let journald = server(&path);
    let mut journal = Journal::new(&path, sensor_core::types::Timestamp::EPOCH, 0).unwrap();
    for event in told {
        journal.publish(event, &serde_json::to_string(event).unwrap()).unwrap();
        let text = received(&journald);
        check_lines("journal", &text);
        let fields: Vec<&str> = text.lines().map(|line| line.split_once('=').unwrap().0).collect();
        let mut once = fields.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), fields.len(), "{text}");
        let is_known = |field: &&str| {
            field.starts_with("SENSOR_") || ["MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER"].contains(field)
        };
        assert!(fields.iter().all(is_known), "{text}");
    }
}

/// Each message is one well-formed line, and its structured data end where they should.
fn check_syslog(folder: &Path, told: &[EventRecord]) {
    for (name, format, max) in [("5424", Format::Rfc5424, RFC5424_MAX), ("3164", Format::Arpwatch, ARPWATCH_MAX)] {
        let path = folder.join(name);
        let server = server(&path);
        let mut syslog = Syslog::new(Address::Unix(path), format);
        for event in told {
            if format == Format::Arpwatch && event.arpwatch.is_none() {
                continue;
            }
            syslog.publish(event, "", 0).unwrap();
            let text = received(&server);
            assert!(text.len() <= max, "{text}");
            if format == Format::Arpwatch {
                check_lines("arpwatch", &format!("{text}\n"));
                assert!(text.contains(" arpwatch: new station 10.9.0."), "{text}");
                continue;
            }
            let (data, sentence) = structured_data(&text);
            assert_eq!(data, [("event", event.kind.as_str())].map(|(name, value)| format!("{name}={value}")), "{text}");
            check_lines("RFC 5424", &format!("{sentence}\n"));
            check_lines("RFC 5424", &format!("{}\n", text.replacen('\u{feff}', "", 1)));
            assert_eq!(sentence, event.message);
        }
    }
}

/// The parameters named `event` of all elements, unescaped; and the text after the structured data and the UTF-8 mark.
fn structured_data(text: &str) -> (Vec<String>, &str) {
    let start = text.match_indices(' ').nth(5).unwrap().0 + 1;
    let (mut in_value, mut escaped, mut value, mut name) = (false, false, String::new(), String::new());
    let mut found = Vec::new();
    for (at, c) in text[start..].char_indices() {
        match (in_value, escaped, c) {
            (true, false, '\\') => escaped = true,
            (true, false, '"') => {
                in_value = false;
                if name.trim() == "event" {
                    found.push(format!("event={value}"));
                }
                value.clear();
                name.clear();
            }
            (true, _, c) => {
                escaped = false;
                value.push(c);
            }
            (false, _, '"') => in_value = true,
            (false, _, ']') => {
                let rest = &text[start + at + 1..];
                return (found, rest.strip_prefix(" \u{feff}").unwrap_or_else(|| panic!("{text}")));
            }
            (false, _, '=') => {}
            (false, _, ' ') => name.clear(),
            (false, _, c) => name.push(c),
        }
    }
    panic!("no end of structured data: {text}");
}

fn server(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket
}

fn received(socket: &UnixDatagram) -> String {
    let mut buffer = vec![0; 1 << 18];
    let len = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

/// What the command prints on standard output; its standard error is checked.
fn sensor(arguments: &[&str]) -> String {
    let mut command = Command::new(sensor_binary());
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENSOR_")) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    check_lines("standard error", &said);
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn check_lines(what: &str, text: &str) {
    let bad = text.lines().find(|line| line.chars().any(is_unsafe));
    assert_eq!(bad, None, "{what}");
    assert!(!text.contains('\r'), "{what}");
}

fn check_json(what: &str, text: &str) {
    check_lines(what, text);
    let records: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(records.len() >= NAMES.len(), "{what}: {} records", records.len());
}

/// No cell starts a formula, and no name starts a row.
fn check_csv(what: &str, text: &str) {
    check_lines(what, &text.replace("\r\n", "\n"));
    assert!(text.contains(",'=cmd()") && text.contains(",'@SUM(A1)"), "{what}: {text}");
    for start in [",=", ",@", ",\"=", ",\"@", "\n=", "\n@", ",\"+", ",+"] {
        assert!(!text.contains(start), "{what}: a cell starts with {start:?}");
    }
}

/// Each name as that of a new host by DHCP, as a new name by DHCP, and by mDNS; then one as long as a datagram.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (number, name) in (1..).zip(NAMES) {
        let ip = [10, 9, 0, number];
        let next = NAMES[usize::from(number) % NAMES.len()];
        frames.push(dhcp(number, ip, name));
        frames.push(arp(1, station(number), ip, [0; 6], ip));
        frames.push(mdns(number, ip, name));
        frames.push(dhcp(number, ip, next));
        frames.push(mdns(number, ip, next));
    }
    let long = b"\x1b]0;=\n\"]<".repeat(7_000);
    frames.push(dhcp(200, [10, 9, 0, 200], &long));
    frames.push(arp(1, station(200), [10, 9, 0, 200], [0; 6], [10, 9, 0, 200]));
    frames
}

fn station(number: u8) -> [u8; 6] {
    [0x00, 0x50, 0x56, 0, 0, number]
}

/// From the station, an IPv4 packet that `frames::ipv4` made.
fn from(number: u8, packet: &[u8]) -> Vec<u8> {
    ethernet([0xff; 6], station(number), 0x0800, &packet[14..])
}

/// A DHCPREQUEST that renews `ip`, with the name in as many options 12 as it takes (RFC 3396).
fn dhcp(number: u8, ip: [u8; 4], name: &[u8]) -> Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 0, 0, 0, number, 0, 0, 0, 0];
    message.extend(ip);
    message.extend([0; 12]);
    message.extend(station(number));
    message.extend([0; 10 + 192]);
    message.extend([99, 130, 83, 99, 53, 1, 3]);
    for part in name.chunks(255) {
        message.extend([12, part.len() as u8]);
        message.extend(part);
    }
    message.push(255);
    from(number, &ipv4(ip, [255; 4], 17, 0, &udp(68, 67, &message)))
}

/// An announcement of `NAME.local` as the sender's own address.
fn mdns(number: u8, ip: [u8; 4], name: &[u8]) -> Vec<u8> {
    let label = &name[..name.len().min(63)];
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    message.push(label.len() as u8);
    message.extend(label);
    message.extend(b"\x05local\0");
    message.extend([0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4]);
    message.extend(ip);
    from(number, &ipv4(ip, [224, 0, 0, 251], 17, 0, &udp(5353, 5353, &message)))
}

/// A capture file in which ten seconds pass from frame to frame.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 1 << 18, 1] {
        out.extend(word.to_le_bytes());
    }
    for (at, frame) in (0_u32..).zip(frames) {
        let len = frame.len() as u32;
        for word in [1_800_000_000 + at * 10, 0, len, len] {
            out.extend(word.to_le_bytes());
        }
        out.extend(frame);
    }
    out
}
