//! A fact is a record of one kind in one spelling, so that the output of two decoders can be compared as strings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sensor_core::types::TEXT_MAX;
use serde_json::{Map, Value};

/// Facts per kind.
pub type Facts = BTreeMap<String, BTreeSet<String>>;

/// Kinds that are compared, in the order of the table. `vlans` and `ip-moves` are made from whole files.
pub const KINDS: &[&str] = &[
    "arp",
    "arp_probe",
    "arp_mismatch",
    "arp_gratuitous",
    "cdp",
    "dhcp",
    "lldp",
    "dhcpv6",
    "llmnr",
    "mdns_a",
    "mdns_reverse",
    "mdns_type",
    "mdns_service",
    "mdns_srv",
    "mdns_txt",
    "mdns_goodbye",
    "mdns_querier",
    "mdns_responder",
    "nbns",
    "nbns_status",
    "ndp",
    "ndp_dad",
    "ndp_na_no_option",
    "ndp_router",
    "ndp_prefix",
    "ssdp",
    VLANS,
    MOVES,
];

/// VLAN ids of the file.
pub const VLANS: &str = "vlans";

/// Addresses whose MAC changed.
pub const MOVES: &str = "ip-moves";

/// Kinds that the other decoder reports and the sensor does not read.
pub const NOT_YET: &[&str] = &[];

/// The record in one spelling: keys sorted, addresses as Rust writes them, texts as bytes without trailing NULs,
/// and without fields that only one side has.
pub fn spell(record: &Map<String, Value>) -> String {
    let fields: BTreeMap<&str, Value> = record
        .iter()
        .filter(|(key, value)| !matches!(key.as_str(), "frame" | "op" | "why") && !value.is_null())
        .map(|(key, value)| (key.as_str(), one_spelling(value)))
        .collect();
    serde_json::to_string(&fields).expect("strings and numbers can always be written")
}

fn one_spelling(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.parse::<IpAddr>() {
            Ok(address) => address.to_string().into(),
            Err(_) => spell_bytes(text.as_bytes()),
        },
        Value::Array(values) => values.iter().map(one_spelling).collect(),
        Value::Object(text) => match text.get("hex").and_then(Value::as_str).and_then(from_hex) {
            Some(bytes) => spell_bytes(&bytes),
            None => value.clone(),
        },
        other => other.clone(),
    }
}

fn spell_bytes(bytes: &[u8]) -> Value {
    // The sensor cuts texts at this length.
    let bytes = &bytes[..bytes.len().min(TEXT_MAX)];
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes[..end].escape_ascii().to_string().into()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn check(left: &str, right: &str) {
        let spell = |text| spell(&serde_json::from_str(text).unwrap());
        assert_eq!(spell(left), spell(right));
    }

    #[test]
    fn texts_are_bytes_without_trailing_nuls() {
        check(r#"{"name":"pc"}"#, r#"{"name":{"hex":"70630000"}}"#);
        check(r#"{"name":"Bücher"}"#, r#"{"name":{"hex":"42c3bc63686572"}}"#);
    }

    #[test]
    fn addresses_have_one_spelling() {
        check(r#"{"ip":"FE80:0::1"}"#, r#"{"ip":"fe80::1"}"#);
    }

    #[test]
    fn what_one_side_alone_tells_is_left_out() {
        check(r#"{"mac":"a","frame":7,"why":"odd","requested_ip":null}"#, r#"{"mac":"a"}"#);
    }
}
