//! Address records as CSV (RFC 4180). Lists are joined by commas, maps are JSON, and no cell starts a formula.

use std::io::{self, Write};

use serde_json::Value;

use crate::export::record::address::AddressRecord;

/// The columns, in the record's order.
pub const COLUMNS: [&str; 26] = [
    "ip",
    "alive",
    "rtt_ms",
    "hostname",
    "reverse_dns",
    "mac",
    "vendor",
    "ports",
    "banners",
    "snmp",
    "host",
    "segment",
    "vlan",
    "mac_kind",
    "first_seen",
    "last_seen",
    "sources",
    "names",
    "services",
    "dhcp",
    "previous_macs",
    "roles",
    "switch",
    "os",
    "kind",
    "router",
];

/// Writes a header, and a row for each record. Fails when `out` does.
pub fn write_csv(records: &[AddressRecord], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    for record in records {
        let value = serde_json::to_value(record)?;
        writer.write_record(COLUMNS.map(|column| cell(&value[column])))?;
    }
    writer.flush()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Array(list) if !list.iter().any(Value::is_object) => {
            neutral(list.iter().map(plain).collect::<Vec<_>>().join(","))
        }
        Value::String(text) => neutral(text.clone()),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Spreadsheets take a cell that begins with one of these signs for a formula, some also after blanks; a leading `'` makes
/// it text (OWASP, "CSV Injection").
fn neutral(text: String) -> String {
    let signs = ['=', '+', '-', '@', '\u{ff0b}', '\u{ff0d}', '\u{ff1d}', '\u{ff20}'];
    if text.trim_start().starts_with(signs) || text.starts_with(['\t', '\r', '\n']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::export::hostile;
    use crate::export::record::address::{NameRecord, SnmpRecord};

    #[track_caller]
    fn check(value: impl Into<Value>, expected: &str) {
        assert_eq!(cell(&value.into()), expected);
    }

    #[track_caller]
    fn check_row(record: AddressRecord, expected: &str) {
        let mut out = Vec::new();
        write_csv(&[record], &mut out as &mut dyn Write).unwrap();
        let out = String::from_utf8(out).unwrap();
        let (header, row) = out.split_once("\r\n").unwrap();
        assert_eq!(header, COLUMNS.join(","));
        assert_eq!(row, expected);
    }

    #[test]
    fn no_cell_starts_a_formula() {
        check("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check("\t=1", "'\t=1");
        check(" =1", "' =1");
        check("\r", "'\r");
        check(vec!["=1", "2"], "'=1,2");
        check("a=1", "a=1");
        check("", "");
    }

    #[test]
    fn numbers_and_macs_are_themselves() {
        check(-1, "-1");
        check(0.25, "0.25");
        check(true, "true");
        check("00:00:5e:00:53:01", "00:00:5e:00:53:01");
    }

    #[test]
    fn lists_are_joined_and_maps_are_json() {
        check(vec![22, 80], "22,80");
        check(Value::Array(Vec::new()), "");
        check(serde_json::json!({"22": "=1"}), r#"{"22":"=1"}"#);
        check(serde_json::json!([{"name": "a"}]), r#"[{"name":"a"}]"#);
        check(Value::Null, "");
    }

    #[test]
    fn nothing_collected() {
        check_row(AddressRecord::default(), ",,,,,,,,,,,,,,,,,,,,,,,,,\r\n");
    }

    #[test]
    fn quotes_commas_and_lines_are_quoted() {
        let record = AddressRecord {
            ip: Some([10, 0, 0, 5].into()),
            hostname: Some("a\nb".to_owned()),
            vendor: Some("ICANN, \"IANA\"".to_owned()),
            ports: Some(vec![22, 80]),
            snmp: Some(Box::new(SnmpRecord { sys_name: Some("x".to_owned()), sys_descr: None, sys_object_id: None })),
            segment: "eth1.30".to_owned(),
            vlan: Some(vec![30]),
            names: Some(vec![NameRecord { name: "n".to_owned(), source: "mdns".to_owned() }]),
            ..AddressRecord::default()
        };
        check_row(
            record,
            concat!(
                "10.0.0.5,,,\"a\nb\",,,\"ICANN, \"\"IANA\"\"\",\"22,80\",,\"{\"\"sysName\"\":\"\"x\"\"}\",,eth1.30,30,,,,,",
                "\"[{\"\"name\"\":\"\"n\"\",\"\"source\"\":\"\"mdns\"\"}]\",,,,,,,,\r\n"
            ),
        );
    }

    #[test]
    fn hostile_texts_stay_in_their_cell() {
        for text in hostile::TEXTS {
            let record = AddressRecord { hostname: Some(text.to_owned()), ..AddressRecord::default() };
            let mut out = Vec::new();
            write_csv(&[record], &mut out).unwrap();
            let mut reader = ::csv::Reader::from_reader(&out[..]);
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!((rows.len(), rows[0].len()), (1, COLUMNS.len()));
            assert_eq!(rows[0][3].strip_prefix('\'').unwrap_or(&rows[0][3]), text);
        }
    }
}
