//! What the owner decided: what the sensor may ask (which networks, how, how often, and never whom), and what it tells.

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
    /// Networks that may be asked; the longest prefix that contains an address decides. Nothing outside them is asked.
    pub networks: Vec<Network>,
    /// Addresses that are never asked.
    pub never_prefixes: Vec<IpNet>,
    /// Stations that are never asked, by whatever address they are known.
    pub never_macs: BTreeSet<Mac>,
    /// Our own addresses: never asked either.
    pub own_ips: BTreeSet<IpAddr>,
    /// Packets a second, all networks together; 1 or more.
    pub rate_per_s: u32,
    /// Packets to one host in an hour.
    pub host_per_hour: u32,
    /// Hours in which nothing is asked.
    pub quiet: Vec<Quiet>,
}

/// One network's settings, as an IP address manager keeps them for each subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its addresses.
    pub prefix: IpNet,
    /// The segment on which its hosts live: where answers are filed, and where ARP and NDP are asked.
    pub segment: Segment,
    /// The sensor is attached to it: ARP and NDP reach it. Else it is asked through a router.
    pub attached: bool,
    /// Nothing is asked.
    pub passive: bool,
    /// Every address is asked once in this time; `None`: only addresses that were heard.
    pub sweep: Option<Duration>,
    /// The owner named it, so that it may be swept even when it is larger than a /16.
    pub named: bool,
    /// What may be used.
    pub techniques: BTreeSet<Technique>,
    /// TCP ports that are looked at.
    pub ports: Arc<[u16]>,
    /// Ports of printers and controllers (515, 631, 9100 to 9107) that the owner named for this network.
    pub delicate_ports: BTreeSet<u16>,
    /// A host that was not heard for this long, and does not answer, is gone.
    pub gone_after: Duration,
    /// Hosts are described anew (ports, names) this often.
    pub describe_every: Duration,
    /// Packets a second on this network; 1 or more.
    pub rate_per_s: u32,
}

/// Ports that are never asked unless they are named: printers print what they are sent.
pub const DELICATE_PORTS: [u16; 10] = [515, 631, 9100, 9101, 9102, 9103, 9104, 9105, 9106, 9107];
