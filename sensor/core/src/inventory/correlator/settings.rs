//! What the owner or the world decided about correlating.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::types::{Iface, Mac, Segment, Timestamp};

/// What the owner or the world decided about correlating.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The end of the learning period: until then what is new is `info`.
    pub learning_until: Option<Timestamp>,
    /// How long a new host without an IPv4 address may wait for one before it is reported.
    pub settle: Duration,
    /// The sensor's own stations: they make no host, and what they say makes no event.
    pub own_macs: BTreeSet<Mac>,
    /// The sensor's own addresses: of others its stations say nothing. Empty: not known.
    pub own_ips: BTreeSet<IpAddr>,
    /// Prefixes of an interface's untagged segment, or of every segment where no interface is named.
    pub prefixes: Vec<(Option<Iface>, IpNet)>,
    /// The routers of this machine's default routes.
    pub gateways: Vec<(Segment, IpAddr)>,
    /// Which DHCP servers and routers are allowed, where the owner said so.
    pub allow: Vec<Allow>,
    /// How long a claim of an address by another MAC waits for the answers of both stations; `None`: nobody can be asked.
    pub explain: Option<Duration>,
    /// A station of which one frame of ordinary traffic was heard is no host before it is heard again. Of what a capture file
    /// holds there is no more to come.
    pub hear_again: bool,
    /// Sightings may be older than what is known, as those of a capture file that is read again: what is known already causes
    /// no event.
    pub history: bool,
}

/// Which DHCP servers and routers are allowed on a segment. An empty list allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// The segment; `None`: every segment.
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
