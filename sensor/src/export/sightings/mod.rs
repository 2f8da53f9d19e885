//! The sightings log: every sighting as one line of JSON, in the words of its protocol.

/// Answers to probes.
mod answer;
/// ARP and NDP.
mod arp;
/// DHCP.
mod dhcp;
/// Single fields.
mod fields;
/// One line.
pub mod line;
/// What switches and routers announce to each other.
mod link;
/// mDNS and LLMNR.
mod mdns;
/// NetBIOS, SSDP, WS-Discovery, DHCPv6, router advertisements.
mod names;

/// What the tests of this room share.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod fixture;
