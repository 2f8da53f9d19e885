//! The kinds of events in the manual (`sensor/docs/events.md`), made from what the code says of each. Compiled for tests only:
//! they keep the chapter equal to the code.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;

use serde_json::{Value, json};

use sensor_core::inventory::event::Kind;

use crate::export::message::message;
use crate::export::record::event::EventRecord;

/// Where the generated part of the chapter begins; it ends at [`END`].
const BEGIN: &str = "<!-- generated: events -->\n";
const END: &str = "<!-- end -->\n";
const CHAPTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");

/// A section a kind, in Markdown.
fn sections() -> String {
    let mut out = String::new();
    for kind in Kind::ALL {
        let (name, severity, id) = (kind.name(), kind.severity().name(), kind.message_id());
        let arpwatch = kind.arpwatch().map_or_else(|| "no word for it".to_owned(), |word| format!("`{word}`"));
        write!(
            out,
            "\n### {name}\n\n{}\n\n- Severity: `{severity}`\n- arpwatch: {arpwatch}\n- `MESSAGE_ID`: `{id}`\n\
             - Fields: {}\n- Details: {}\n- Sentence: {}\n",
            wrapped(kind.rule()),
            names(kind.fields()),
            names(kind.details()),
            message(kind, &example(kind)),
        )
        .unwrap();
    }
    out
}

fn names(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Paragraphs, in lines of at most 120 bytes where words allow it.
fn wrapped(text: &str) -> String {
    let paragraph = |text: &str| {
        let mut out = String::new();
        let mut length = 0;
        for word in text.split_whitespace() {
            let gap = usize::from(length > 0);
            if length + gap + word.len() > 120 {
                out.push('\n');
                length = 0;
            } else if gap > 0 {
                out.push(' ');
                length += 1;
            }
            out.push_str(word);
            length += word.len();
        }
        out
    };
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

/// An event of this kind as the manual shows it, with addresses for documentation (RFC 5737, RFC 3849, RFC 7042).
fn example(kind: Kind) -> EventRecord {
    let (old, new) = ("00:00:5e:00:53:01".to_owned(), "00:00:5e:00:53:02".to_owned());
    let is_ours = kind.fields().is_empty();
    let of = |field: &str, value: &str| kind.fields().contains(&field).then(|| value.to_owned());
    let reason = match kind {
        Kind::ChangedMac => "replaced",
        Kind::IpConflict => "conflict",
        Kind::Redirect => "spoofed",
        Kind::RogueDhcpServer | Kind::RogueRouter => "unlisted",
        Kind::ScanDetected => "arp-scan",
        _ => "",
    };
    let details = kind.details().iter().filter_map(|name| Some((name.replace('*', "arp"), detail(kind, name)?)));
    EventRecord {
        segment: (!is_ours).then(|| "eth1.30".to_owned()),
        ip: kind.fields().contains(&"ip").then(|| "192.0.2.5".parse().unwrap()),
        mac: of("mac", &new),
        old_mac: of("old_mac", &old),
        reason: of("reason", reason).filter(|reason| !reason.is_empty()),
        details: Some(details.collect()),
        ..EventRecord::default()
    }
}

/// A detail's value in the example; `None` for those that only some events of the kind have.
fn detail(kind: Kind, name: &str) -> Option<Value> {
    Some(match name {
        "cause" => json!("no carrier"),
        "class" => json!("arp"),
        "destination" => json!("198.51.100.7"),
        "evidence" => json!(["client-id"]),
        "frame_mac" => json!("00:00:5e:00:53:01"),
        "gone_s" | "previous_age_s" | "unheard_s" => json!(7200),
        "hop" => json!("192.0.2.66"),
        "hop_mac" => json!("00:00:5e:00:53:66"),
        "lost_*" => json!(12),
        "new_name" => json!("desk-7"),
        "old_name" => json!("desk-6"),
        "port" if kind == Kind::SensorBlind => json!("eth1"),
        "port" => json!(22),
        "ports" => json!(["eth1 (mirror, driver)"]),
        "prefixes" => json!(["2001:db8::/64"]),
        "seen_*" => json!(5000),
        "since" => json!("2026-11-21T08:00:00.000000Z"),
        "source" => json!("dhcp"),
        "unanswered" => json!(["arp", "icmp"]),
        "version" => json!(env!("CARGO_PKG_VERSION")),
        _ => return None,
    })
}

#[test]
fn the_manual_has_a_section_for_every_kind() {
    let chapter = std::fs::read_to_string(CHAPTER).unwrap();
    let (before, rest) = chapter.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let sections = format!("{}\n", sections());
    if std::env::var_os("SENSOR_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(CHAPTER, format!("{before}{BEGIN}{sections}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, sections, "`SENSOR_UPDATE=1 cargo test -p sensor taxonomy` makes it anew");
}

#[test]
fn every_kind_is_explained_everywhere() {
    let catalog = include_str!("../../../systemd/sensor.catalog");
    for kind in Kind::ALL {
        let name = kind.name();
        assert_eq!(catalog.matches(&format!("-- {}\n", kind.message_id())).count(), 1, "{name}: one catalog entry");
        let sentence = message(kind, &EventRecord::default());
        assert!(sentence.len() > 10 && !sentence.ends_with('.'), "{name}: '{sentence}'");
        let rule = kind.rule();
        assert!(rule.ends_with('.') && !rule.contains("\n\n\n"), "{name}: '{rule}'");
        assert!(kind.details().is_sorted(), "{name}");
        assert_eq!(Kind::parse(name), Some(kind));
    }
    assert!(Kind::ALL.map(Kind::name).is_sorted());
}
