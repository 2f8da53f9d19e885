//! Output for a person: hosts as a table, events as lines. It is not meant to be parsed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use crate::export::escape::escape;
use crate::export::record::address::{AddressRecord, GuessRecord};
use crate::export::record::event::EventRecord;

/// Whether colours are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With ANSI colours.
    Colour,
    /// Text only.
    Plain,
}

/// The table's width in columns: two tables fit a wide screen side by side, and one fits a page.
pub const WIDTH: u16 = 120;

/// A row a record, in the order given, and a last line that counts hosts and addresses. Wider than [`WIDTH`] only when
/// a segment's name, an IPv6 address and a MAC leave no room at all. Fails when `out` does.
pub fn write_hosts(records: &[AddressRecord], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    write_table(records, &HOSTS, paint, out)
}

fn write_table(records: &[AddressRecord], columns: &Columns, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    if !records.is_empty() {
        for (index, line) in table(records, columns).lines().enumerate() {
            let line = line.trim_end();
            match paint {
                Paint::Colour if index == 0 => writeln!(out, "{BOLD}{line}{RESET}")?,
                Paint::Colour | Paint::Plain => writeln!(out, "{line}")?,
            }
        }
    }
    let hosts: BTreeSet<_> = records.iter().map(identity).collect();
    let addresses = records.iter().filter(|record| record.ip.is_some()).count();
    writeln!(out, "{}, {}", counted(hosts.len(), "host", "hosts"), counted(addresses, "address", "addresses"))
}

/// What a scan found: a row a record, in the order given, and a last line that counts hosts and addresses. Fails when
/// `out` does.
pub fn write_scan(records: &[AddressRecord], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    write_table(records, &SCAN, paint, out)
}

/// One line: time to the second, severity, kind, message, and how often and how lately where it repeated. Fails when `out`
/// does.
pub fn write_event(record: &EventRecord, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let (at, severity, kind) = (seconds(&record.at), escape(&record.severity), escape(&record.kind));
    let (on, off) = match (paint, record.severity.as_str()) {
        (Paint::Colour, "alert") => (BOLD_RED, RESET),
        (Paint::Colour, "warning") => (YELLOW, RESET),
        (Paint::Colour, "notice") => (BOLD, RESET),
        (Paint::Colour | Paint::Plain, _) => ("", ""),
    };
    write!(out, "{at}  {on}{severity:<7}{off}  {kind:<15}  {}", escape(&record.message))?;
    let often = record.count.map(|count| format!("{count} times"));
    let last = record.last_at.as_deref().map(|last| format!("last {}", seconds(last)));
    let muted = record.muted.as_deref().map(|muted| format!("muted by {}", escape(muted)));
    let more: Vec<String> = [often, last, muted].into_iter().flatten().collect();
    if more.is_empty() { writeln!(out) } else { writeln!(out, " ({})", more.join(", ")) }
}

/// A table's heading and what stands below it.
struct Columns {
    heading: &'static [&'static str],
    /// Columns that do not wrap, by index: addresses and times, which are copied from the screen.
    unbroken: &'static [usize],
    row: fn(&AddressRecord) -> Vec<String>,
}

const HOSTS: Columns = Columns {
    heading: &["segment", "ip", "mac", "vendor", "name", "kind/os", "sources", "last seen"],
    unbroken: &[1, 2, 7],
    row: host_row,
};
const SCAN: Columns = Columns {
    heading: &["ip", "mac", "vendor", "name", "rtt", "ports", "greets with"],
    unbroken: &[0, 1, 4],
    row: scan_row,
};
/// Blanks between two columns.
const GAP: u16 = 2;

/// Select graphic rendition (ECMA-48, section 8.3.117).
const BOLD: &str = "\x1b[1m";
const BOLD_RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

fn table(records: &[AddressRecord], columns: &Columns) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(columns.heading.iter().copied()).add_rows(records.iter().map(columns.row));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 == columns.heading.len() { 0 } else { GAP }));
        if columns.unbroken.contains(&index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| escape(text).into_owned())
}

fn scan_row(record: &AddressRecord) -> Vec<String> {
    let ports = record.ports.iter().flatten().map(u16::to_string).collect::<Vec<_>>().join(" ");
    let banners = record.banners.iter().flatten().map(|(port, banner)| format!("{port}: {banner}"));
    let system = record.snmp.as_ref().and_then(|snmp| snmp.sys_descr.as_ref()).map(|text| format!("snmp: {text}"));
    let greetings = banners.chain(system).collect::<Vec<_>>().join("; ");
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    vec![
        record.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string()),
        shown(record.mac.as_deref()),
        shown(record.vendor.as_deref()),
        shown(record.hostname.as_deref().or(record.reverse_dns.as_deref())),
        record.rtt_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms")),
        shown(some(ports).as_deref()),
        shown(some(greetings).as_deref()),
    ]
}

/// `printer/Linux`, or what there is of it.
fn guess(record: &AddressRecord) -> Option<String> {
    let name = |guess: &Option<GuessRecord>| guess.as_ref().map(|guess| guess.name.clone());
    let both: Vec<String> = [name(&record.kind), name(&record.os)].into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join("/"))
}

fn host_row(record: &AddressRecord) -> Vec<String> {
    vec![
        shown(Some(&record.segment)),
        record.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string()),
        shown(record.mac.as_deref()),
        shown(record.vendor.as_deref()),
        shown(record.hostname.as_deref().or(record.reverse_dns.as_deref())),
        shown(guess(record).as_deref()),
        shown(Some(&record.sources.join(" "))),
        seconds(&record.last_seen).into_owned(),
    ]
}

/// What identifies a host: its id, or else its segment and MAC.
fn identity(record: &AddressRecord) -> (&str, &str) {
    match (&record.host, &record.mac) {
        (Some(host), _) => ("", host),
        (None, mac) => (&record.segment, mac.as_deref().unwrap_or_default()),
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// An RFC 3339 time without its fraction.
fn seconds(at: &str) -> Cow<'_, str> {
    match at.split_once('.') {
        Some((whole, _)) => escape(whole) + "Z",
        None => escape(at),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::export::hostile;

    #[track_caller]
    fn check_hosts(records: &[AddressRecord], expected: &str) {
        let mut out = Vec::new();
        write_hosts(records, Paint::Plain, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, expected);
        assert!(out.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{out}");
    }

    #[track_caller]
    fn check_event(severity: &str, paint: Paint, message: &str, expected: &str) {
        let record = EventRecord {
            at: "2026-01-02T03:04:05.678901Z".to_owned(),
            kind: "new-host".to_owned(),
            severity: severity.to_owned(),
            message: message.to_owned(),
            ..EventRecord::default()
        };
        let mut out = Vec::new();
        write_event(&record, paint, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    fn record(ip: &str, hostname: &str) -> AddressRecord {
        AddressRecord {
            ip: ip.parse().ok(),
            hostname: Some(hostname.to_owned()),
            mac: Some("00:00:5e:00:53:01".to_owned()),
            vendor: Some("ICANN, IANA Department".to_owned()),
            host: Some("00000000000000aa".to_owned()),
            segment: "eth1.30".to_owned(),
            last_seen: "2026-01-02T03:04:05.678901Z".to_owned(),
            sources: vec!["arp".to_owned(), "dhcp".to_owned()],
            ..AddressRecord::default()
        }
    }

    #[test]
    fn no_host_is_a_count_only() {
        check_hosts(&[], "0 hosts, 0 addresses\n");
    }

    #[test]
    fn one_host_with_and_without_an_address() {
        check_hosts(
            &[record("10.0.0.5", "printer"), record("", "printer")],
            "segment  ip        mac                vendor                  name     kind/os  sources   last seen\n\
             eth1.30  10.0.0.5  00:00:5e:00:53:01  ICANN, IANA Department  printer  -        arp dhcp  2026-01-02T03:04:05Z\n\
             eth1.30  -         00:00:5e:00:53:01  ICANN, IANA Department  printer  -        arp dhcp  2026-01-02T03:04:05Z\n\
             1 host, 1 address\n",
        );
    }

    #[test]
    fn the_longest_address_and_a_long_name_fit() {
        let ip = "2001:db8:1111:2222:3333:4444:5555:6666";
        let mut out = Vec::new();
        write_hosts(&[record(ip, &"q".repeat(63))], Paint::Plain, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(ip) && out.contains("00:00:5e:00:53:01") && out.contains("2026-01-02T03:04:05Z"), "{out}");
        assert_eq!(out.matches('q').count(), 63, "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{out}");
    }

    #[test]
    fn hosts_apart() {
        let other = AddressRecord { host: None, ..record("10.0.0.6", "b") };
        let mut out = Vec::new();
        write_hosts(&[record("10.0.0.5", "a"), other], Paint::Plain, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().ends_with("\n2 hosts, 2 addresses\n"));
    }

    #[test]
    fn events_are_one_line() {
        check_event(
            "notice",
            Paint::Plain,
            "new host 10.0.0.5",
            "2026-01-02T03:04:05Z  notice   new-host         new host 10.0.0.5\n",
        );
    }

    #[test]
    fn what_matters_is_coloured() {
        let line = |on: &str, severity: &str, off: &str| {
            format!("2026-01-02T03:04:05Z  {on}{severity:<7}{off}  new-host         x\n")
        };
        check_event("info", Paint::Colour, "x", &line("", "info", ""));
        check_event("notice", Paint::Colour, "x", &line("\x1b[1m", "notice", "\x1b[0m"));
        check_event("warning", Paint::Colour, "x", &line("\x1b[33m", "warning", "\x1b[0m"));
        check_event("alert", Paint::Colour, "x", &line("\x1b[1;31m", "alert", "\x1b[0m"));
    }

    #[test]
    fn hostile_texts_move_no_cursor() {
        for text in hostile::TEXTS {
            let mut out = Vec::new();
            write_event(&EventRecord { message: text.to_owned(), ..EventRecord::default() }, Paint::Plain, &mut out)
                .unwrap();
            hostile::assert_lines(&out, 1);
            let mut out = Vec::new();
            let vendor = AddressRecord { vendor: Some(text.to_owned()), ..record("10.0.0.5", text) };
            write_hosts(&[vendor], Paint::Plain, &mut out).unwrap();
            hostile::assert_safe(&out);
        }
    }
}
