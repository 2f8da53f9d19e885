//! What a station is for others: router, DHCP server, name server; and its neighbours on the link.

use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// A machine's port that speaks on a segment by LLDP, CDP or the spanning tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Where it is heard.
    pub segment: Segment,
    /// A hash of protocol, machine and port, unique on the segment.
    pub id: u64,
    /// The protocol.
    pub source: Source,
    /// A hash of what tells the machine from all others; `None` where nothing does.
    pub unit: Option<u64>,
    /// The port's station.
    pub mac: Mac,
    /// LLDP's chassis, CDP's device id, the spanning tree's bridge; escaped.
    pub chassis: String,
    /// The port, escaped.
    pub port: String,
    /// What the machine is called, escaped.
    pub name: Option<String>,
    /// What the port is called, escaped.
    pub port_description: Option<String>,
    /// It says that it forwards frames for others.
    pub bridges: bool,
    /// How long its word holds, seconds; 0: until it is forgotten.
    pub ttl_s: u16,
    /// It took its word back, or did not renew it in time.
    pub gone: bool,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
}

impl TableRow for Neighbour {
    type Key = (Segment, u64);
    type Note = ();
    const IS_INDEPENDENT: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.id)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

/// A role that an address on a segment plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A DHCP server calls it a router.
    DhcpRouter,
    /// Gives leases.
    DhcpServer,
    /// Advertises itself as a default router.
    Router,
    /// Is a redundancy group's virtual address; `RoleHolder::mac` is the group's station.
    VirtualRouter,
}

/// Who plays a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleHolder {
    /// Where.
    pub segment: Segment,
    /// Which role.
    pub role: Role,
    /// DHCP server identifier, or the router's address.
    pub ip: IpAddr,
    /// The frame's source.
    pub mac: Mac,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
    /// Router: advertised prefixes.
    pub prefixes: Vec<IpNet>,
    /// Router: what else it advertises; `None` in a database of before.
    pub router: Option<RouterFacts>,
}

impl TableRow for RoleHolder {
    type Key = (Segment, Role, IpAddr);
    type Note = ();

    fn key(&self) -> Self::Key {
        (self.segment, self.role, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

/// What a router's last advertisement said, besides prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterFacts {
    /// Router lifetime, seconds; 0: it is no default router any more.
    pub lifetime_s: u16,
    /// M flag: addresses come from DHCPv6.
    pub managed: bool,
    /// O flag: other settings come from DHCPv6.
    pub other: bool,
    /// Name servers.
    pub rdnss: Vec<Ipv6Addr>,
    /// Search domains, escaped.
    pub dnssl: Vec<String>,
}
