//! The tables together, bounded, and what must hold between them. No event is made here.

/// A bounded table of rows that knows which of them changed.
pub mod table;
/// The persisted tables.
pub mod tables;
/// Whether an hour has passed.
pub mod hourly;
/// What tells that two hosts are one machine.
pub mod merge_keys;
/// Which hosts share which evidence.
pub mod merge_index;
/// Everything known: the tables and the indexes beside them.
pub mod state;

/// What a host says of itself: names, services, DHCP.
pub mod host;
/// What probes know of one address: ports and their history.
pub mod asked;
/// Who holds one address: arpwatch's rule.
pub mod binding;

/// The memory as it was saved.
pub mod restore;
/// Stations, and the hosts that they belong to.
pub mod stations;
/// Hosts that are not reported yet.
pub mod pending;
/// Who holds which address: bindings, leases and their history.
pub mod addresses;
/// What addresses answered to probes.
pub mod answers;
/// Ports of switches and routers, and several stations of one machine.
pub mod neighbours;
/// Hosts that turn out to be one machine, and stations that turn out not to belong together.
pub mod merge;
/// Who plays which role.
pub mod roles;
/// Oddities that were reported.
pub mod oddities;
/// What is too old to be kept.
pub mod expiry;
