//! What the owner or the world decided about correlating.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::types::{Iface, Mac, Segment, Timestamp};

/// What the owner or the world decided about correlating.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Until when new hosts are `info`: the learning period's end.
    pub learning_until: Option<Timestamp>,
    /// How long a new host without an IPv4 address may wait for one before `new-host` is told.
    pub settle: Duration,
    /// The sensor's own stations: they make no host and no event.
    pub own_macs: BTreeSet<Mac>,
    /// Prefixes that live on an interface (untagged segment), or on every segment where none is named.
    pub prefixes: Vec<(Option<Iface>, IpNet)>,
    /// Who may serve and route, where the owner said so.
    pub allow: Vec<Allow>,
    /// How long a claim by another MAC may wait for the answers of both stations; `None`: nobody can be asked.
    pub explain: Option<Duration>,
    /// Sightings may be older than what is known (a capture file): an old claim that is already known tells nothing.
    pub history: bool,
}

/// Who may serve and route on a segment. An empty list allows everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// The segment; every one, where none is named.
    pub segment: Option<Segment>,
    /// DHCP servers.
    pub dhcp_servers: Members,
    /// Routers.
    pub routers: Members,
}

/// Addresses and stations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// By address.
    pub ips: BTreeSet<IpAddr>,
    /// By station.
    pub macs: BTreeSet<Mac>,
}

impl Members {
    /// Whether nobody is listed.
    pub(super) fn is_empty(&self) -> bool {
        self.ips.is_empty() && self.macs.is_empty()
    }

    /// Whether either is listed.
    pub(super) fn has(&self, ip: IpAddr, mac: Mac) -> bool {
        self.ips.contains(&ip) || self.macs.contains(&mac)
    }
}
