//! The correlator: sightings in, events out, by `observe`, `handle_timeout`, `poll_timeout` and `finish`. It decides which
//! rule applies (the rules stand in the `event` room, at each kind); the memory and the files below it compute. No clock,
//! socket, file, thread or task: time is an argument.

/// What the owner or the world decided about correlating.
pub mod settings;
/// What the correlator remembers between sightings.
pub mod state;
/// Events in the making.
mod report;
/// The other addresses and MACs of an event's host.
mod whole;
/// What an announced service says of its host's role.
mod announced_roles;

/// What an excuse has to stand on.
mod belief;
/// Stations that may answer for each other.
mod related;
/// A gateway's address in other hands.
mod gateway;
/// Claims and hints that a station holds an address.
mod address;
/// An address claimed by another MAC, while both stations are asked.
mod dispute;
/// Two stations that want one address.
mod conflict;
/// Addresses that this box holds itself.
mod own_address;
/// New hosts.
mod announce;
/// Stations that turn out to be a known host's.
mod rotation;
/// Whether a host's earlier station is still there.
mod joined;
/// Stations of which one frame was heard.
mod strangers;
/// Two machines with one client id.
mod clone;

/// ARP and NDP.
mod neighbour;
/// DHCPv4.
mod dhcp;
/// DHCP starvation.
mod starvation;
/// Multicast DNS that was heard.
mod mdns;
/// DHCPv6, LLMNR, NetBIOS, SSDP, WS-Discovery.
mod names;
/// Names that were asked for, announced and answered.
mod name_log;
/// Answers for names that belong to others or to nobody.
mod name_spoof;
/// LLDP, CDP, spanning tree, group membership, first-hop redundancy.
mod link;
/// DHCP servers and routers: new ones, and those that do not belong there.
mod rogue;
/// Redirects.
mod redirect;
/// Frames of any kind.
mod traffic;
/// Scans.
mod scan;
/// Answers to probes, and answers that did not come.
pub mod answer;

/// What bears the sensor's own MACs.
mod own;
/// The way of a sighting, and what is due when time passes.
mod observe;

#[cfg(test)]
mod tests;
