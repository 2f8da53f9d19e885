//! The correlator: sightings in, events out, by `observe`, `handle_timeout`, `poll_timeout` and `finish`. It decides which
//! rule applies (the rules stand in the `event` room, at each kind); the memory and the files below it compute. No clock,
//! socket, file, thread or task: time is an argument.

/// What the owner or the world decided about correlating.
pub mod settings;
/// What the correlator remembers between sightings.
pub mod state;
/// Events in the making.
pub mod report;
/// What an announced service says of its host's role.
pub mod announced_roles;

/// Stations that may speak for each other.
pub mod related;
/// A gateway's address in other hands.
pub mod gateway;
/// Claims and hints that a station holds an address.
pub mod address;
/// An address claimed by another MAC, while both stations are asked.
pub mod dispute;
/// Two stations that want one address.
pub mod conflict;
/// New hosts.
pub mod announce;
/// Stations that turn out to be a known host's.
pub mod rotation;

/// ARP and NDP.
pub mod neighbour;
/// DHCPv4.
pub mod dhcp;
/// DHCP starvation.
pub mod starvation;
/// Multicast DNS that was heard.
pub mod mdns;
/// DHCPv6, LLMNR, NetBIOS, SSDP, WS-Discovery.
pub mod names;
/// LLDP, CDP, spanning tree, group membership, first-hop redundancy.
pub mod link;
/// DHCP servers and routers: new ones, and those that do not belong there.
pub mod rogue;
/// Frames of any kind.
pub mod traffic;
/// Scans.
pub mod scan;
/// Answers to probes, and answers that did not come.
pub mod answer;

/// The way of a sighting, and what is due when time passes.
pub mod observe;

#[cfg(test)]
mod tests;
