//! What an event's host has beside the address and the MAC that the event names, so that a host which the owner listed by one
//! of them counts by each.

use std::net::IpAddr;

use crate::types::Mac;

/// Addresses and MACs of an event's host that the event does not name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// Its other stations, in order.
    pub macs: Vec<Other<Mac>>,
    /// Its other present addresses, in order.
    pub ips: Vec<Other<IpAddr>>,
    /// Whether much depends on the event's address: a gateway's, a server's, or listed as such.
    pub is_dear: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other<T> {
    /// The address or the MAC.
    pub it: T,
    /// It is the event's own station's, or of a station whose join with that has stood. Anybody can repeat what joins two
    /// stations, so what is not proven makes no event quieter.
    pub is_proven: bool,
}
