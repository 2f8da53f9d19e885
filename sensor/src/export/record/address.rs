//! The exported record of an address.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One address that a host holds, or a station without one. What was not collected is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRecord {
    /// The address; absent for a station whose address is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Whether it answered a probe; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<bool>,
    /// Round-trip time of the answer, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// First label of the best name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The name that DNS gives for the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_dns: Option<String>,
    /// Lower case, with colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The vendor to which the MAC's prefix is assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// TCP ports that are open, rising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<u16>>,
    /// The text that each port greeted with, by port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banners: Option<BTreeMap<u16, String>>,
    /// What SNMP said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snmp: Option<Box<SnmpRecord>>,
    /// The host's stable id, 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The segment: `eth1.30`.
    pub segment: String,
    /// VLAN ids, outer first; absent when untagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vec<u16>>,
    /// `universal`, `local` or `virtual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_kind: Option<String>,
    /// When the holder first claimed the address; without address, when the station was first seen.
    pub first_seen: String,
    /// When it last claimed it, or was last seen.
    pub last_seen: String,
    /// The protocols by which the address was claimed or answered, sorted.
    pub sources: Vec<String>,
    /// What the host calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<NameRecord>>,
    /// Services that it announces, and TCP ports that were probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<ServiceRecord>>,
    /// What it sent to DHCP servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<Box<DhcpRecord>>,
    /// The address's other holders, most recent first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_macs: Option<Vec<String>>,
    /// What the host is used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleRecord>>,
    /// The switch port that the segment is attached to; absent unless exactly one is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Box<SwitchRecord>>,
    /// The guessed operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<GuessRecord>,
    /// The guessed kind of device, such as `printer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GuessRecord>,
    /// What it advertises as an IPv6 router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<Box<RouterRecord>>,
}

/// A guess of an operating system or a kind of device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuessRecord {
    /// What is guessed.
    pub name: String,
    /// How sure the guess is, percent (50 to 95).
    pub confidence: u8,
    /// The clues: sort and text of each, escaped, the surest first.
    pub evidence: Vec<String>,
}

/// A role of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRecord {
    /// `router`, `switch`, ...
    pub role: String,
    /// The evidence, sorted, escaped.
    pub evidence: Vec<String>,
}

/// A switch's port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchRecord {
    /// What the switch is called, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// LLDP's chassis or CDP's device id, escaped.
    pub chassis: String,
    /// The port's id, escaped.
    pub port: String,
    /// What the port is called, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_description: Option<String>,
    /// `lldp` or `cdp`.
    pub source: String,
}

/// What SNMP said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnmpRecord {
    /// `sysName`, escaped.
    #[serde(rename = "sysName")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys_name: Option<String>,
    /// `sysDescr`, escaped.
    #[serde(rename = "sysDescr")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys_descr: Option<String>,
    /// `sysObjectID`, dotted.
    #[serde(rename = "sysObjectID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sys_object_id: Option<String>,
}

/// What a station advertises as an IPv6 router: its last advertisement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterRecord {
    /// Router lifetime, seconds; 0: it is no default router any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_s: Option<u16>,
    /// Addresses come from DHCPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Other settings come from DHCPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<bool>,
    /// Prefixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<Vec<String>>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdnss: Option<Vec<Ipv6Addr>>,
    /// Search domains, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssl: Option<Vec<String>>,
}

/// A name and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameRecord {
    /// The name, escaped.
    pub name: String,
    /// The protocol.
    pub source: String,
}

/// A service of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRecord {
    /// Transport port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `open`, or `closed` when it was withdrawn or no longer answers.
    pub state: String,
    /// The protocol by which it was found.
    pub source: String,
    /// What it greets with or announces itself as, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// When it was first seen open.
    pub first_seen: String,
    /// When it was last seen open.
    pub last_seen: String,
}

/// What a host sent to DHCP servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpRecord {
    /// Option 12 or 81, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Option 60, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_class: Option<String>,
    /// Option 55, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<u8>>,
    /// Option 61, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The server of the last lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Ipv4Addr>,
    /// The end of the last lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<String>,
}
