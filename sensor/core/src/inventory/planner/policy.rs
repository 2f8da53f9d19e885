//! What the sensor may ask, as the owner configured it: which networks, by which techniques, how often, and whom never.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::model::quiet::Quiet;
use crate::inventory::planner::probe::Technique;
use crate::types::{Mac, Segment};

/// Everything that limits probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Networks that may be asked; the longest prefix that contains an address decides. No address outside them is
    /// asked.
    pub networks: Vec<Network>,
    /// Addresses that are never asked.
    pub never_prefixes: Vec<IpNet>,
    /// Stations that are never asked, by whatever address they are known.
    pub never_macs: BTreeSet<Mac>,
    /// The sensor's own addresses: never asked either.
    pub own_ips: BTreeSet<IpAddr>,
    /// The stations that ask: what answers them is sent to one of them. Empty: not known.
    pub own_macs: BTreeSet<Mac>,
    /// Packets a second, all networks together; 1 or more.
    pub rate_per_s: u32,
    /// Packets to one host in an hour, at most; 0: none.
    pub host_per_hour: u32,
    /// Hours of the day in which nothing is asked, local time.
    pub quiet: Vec<Quiet>,
}

/// One network's settings, as an IP address manager keeps them for each subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The network's addresses.
    pub prefix: IpNet,
    /// The segment on which its hosts live: where answers are filed, and where ARP and NDP are asked.
    pub segment: Segment,
    /// Whether the sensor is attached to it, so that ARP and NDP reach it. Otherwise it is asked through a router.
    pub attached: bool,
    /// Whether it is only listened to.
    pub passive: bool,
    /// Every address is asked once in this time; `None`: only addresses that were heard are asked.
    pub sweep: Option<Duration>,
    /// Whether the owner named it: it is then swept even when it is larger than a /16.
    pub named: bool,
    /// The techniques that may be used.
    pub techniques: BTreeSet<Technique>,
    /// TCP ports that are asked, in this order.
    pub ports: Arc<[u16]>,
    /// Those of [`DELICATE_PORTS`] that the owner named for this network.
    pub delicate_ports: BTreeSet<u16>,
    /// A host that was not heard for this long, and does not answer, is gone.
    pub gone_after: Duration,
    /// Hosts are described (ports, names) this often.
    pub describe_every: Duration,
    /// Packets a second on this network; 1 or more.
    pub rate_per_s: u32,
}

/// TCP ports of printers and controllers that are asked only where the owner named them: printers print what they are
/// sent.
pub const DELICATE_PORTS: [u16; 10] = [515, 631, 9100, 9101, 9102, 9103, 9104, 9105, 9106, 9107];
