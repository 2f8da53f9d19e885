//! The tables together, bounded, and what must hold between them. No event is made here.

/// A bounded table of rows that knows which of them changed.
pub(super) mod table;
/// The persisted tables.
mod tables;
/// Whether an hour has passed.
mod hourly;
/// What tells that two hosts are one machine.
pub(super) mod merge_keys;
/// Which hosts share which evidence.
pub(super) mod merge_index;
/// Everything known: the tables and the indexes beside them.
pub(super) mod state;

/// What a host says of itself: names, services, DHCP.
pub(super) mod host;
/// What probes know of one address: ports and their history.
pub(super) mod asked;
/// Who holds one address: arpwatch's rule.
pub(super) mod binding;

/// The memory as it was saved.
mod restore;
/// Stations, and the hosts that they belong to.
mod stations;
/// Hosts that are not reported yet.
mod pending;
/// Stations that tell one client id.
pub(super) mod clones;
/// Stations of which one frame was heard.
pub(super) mod strangers;
/// Who holds which address: bindings, leases and their history.
mod addresses;
/// What addresses answered to probes.
mod answers;
/// Ports of switches and routers, and several stations of one machine.
mod neighbours;
/// Hosts that turn out to be one machine, and stations that turn out not to belong together.
mod merge;
/// Who plays which role.
mod roles;
/// Oddities that were reported.
mod oddities;
/// What is too old to be kept.
mod expiry;
