//! Address records as CSV (RFC 4180). Lists are joined by commas, maps are JSON, and no cell starts a formula.

use std::io::{self, Write};

use serde_json::Value;

use super::record::AddressRecord;

/// The columns, in the record's order.
pub const COLUMNS: [&str; 21] = [
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
];

/// A header and a row a record. Fails when `out` does.
pub fn write_csv(records: &[AddressRecord], out: &mut impl Write) -> io::Result<()> {
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

/// A spreadsheet takes a cell that starts so for a formula; a leading `'` makes it text.
fn neutral(text: String) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, expected: &str) {
        assert_eq!(cell(&value), expected);
    }

    #[test]
    fn no_cell_starts_a_formula() {
        check("=cmd|' /C calc'!A0".into(), "'=cmd|' /C calc'!A0");
        check("＝1".into(), "'＝1");
        check((-1).into(), "-1");
    }

    #[test]
    fn lists_are_joined_and_maps_are_json() {
        check(vec![22, 80].into(), "22,80");
        check(serde_json::json!({"22": "SSH"}), r#"{"22":"SSH"}"#);
    }
}
