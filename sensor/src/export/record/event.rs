//! The exported record of an event.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// One event, as it is saved and sent to sinks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRecord {
    /// Its number, rising.
    pub id: u64,
    /// When it happened.
    pub at: String,
    /// The kind's name.
    pub kind: String,
    /// `info`, `notice`, `warning` or `alert`.
    pub severity: String,
    /// The segment: `eth1.30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The segment's interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iface: Option<String>,
    /// The segment's VLAN ids, outer first; absent when untagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vec<u16>>,
    /// The address it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The station it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The station before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_mac: Option<String>,
    /// Vendor of `mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Vendor of `old_mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_vendor: Option<String>,
    /// The host's best name, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The host's stable id, 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its other present addresses, sorted; at most 64, those that it has for longest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_ips: Vec<IpAddr>,
    /// Its other stations' MACs, sorted; at most 64, those that are known for longest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_macs: Vec<String>,
    /// Why an address changed its MAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How sure the reason is, percent (0 to 100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// Further facts, by name; each kind has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Map<String, Value>>,
    /// One sentence for a person; never to be parsed.
    pub message: String,
    /// arpwatch's name for the kind, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arpwatch: Option<String>,
    /// This box's name.
    pub sensor: String,
    /// Why it was not emitted: `rule 2` of the configuration, `mute 7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<String>,
    /// How often it happened; absent when once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// When it happened last; absent when once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
}
