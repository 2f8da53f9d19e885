//! What a station is for others: router, DHCP server, name server; and its neighbours on the link.

use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// A machine's port that announces itself on a segment by LLDP, CDP or the spanning tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The segment that it is heard on.
    pub segment: Segment,
    /// A hash of protocol, machine and port, unique on the segment.
    pub id: u64,
    /// The protocol that it announces itself by.
    pub source: Source,
    /// A hash of what identifies the machine; `None` where nothing does.
    pub unit: Option<u64>,
    /// The port's MAC.
    pub mac: Mac,
    /// LLDP's chassis, CDP's device id, the spanning tree's bridge; escaped.
    pub chassis: String,
    /// The port's id, escaped.
    pub port: String,
    /// The machine's name, escaped.
    pub name: Option<String>,
    /// The port's description, escaped.
    pub port_description: Option<String>,
    /// It announces that it forwards frames for others.
    pub bridges: bool,
    /// For how long its announcement holds, seconds; 0: until it is forgotten.
    pub ttl_s: u16,
    /// It withdrew its announcement, or did not renew it in time.
    pub gone: bool,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
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
    /// A DHCP server hands it out as name server (option 6).
    DhcpNameServer,
    /// A DHCP server announces it as the default router (option 3).
    DhcpRouter,
    /// A DHCP server.
    DhcpServer,
    /// Advertises itself as a router (RFC 4861).
    Router,
    /// The virtual address of a redundancy group; `RoleHolder::mac` is the group's virtual MAC.
    VirtualRouter,
}

/// An address that plays a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleHolder {
    /// The segment.
    pub segment: Segment,
    /// The role.
    pub role: Role,
    /// DHCP server identifier, or the router's address.
    pub ip: IpAddr,
    /// The source MAC of the frame that showed it.
    pub mac: Mac,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// The prefixes that a router advertises.
    pub prefixes: Vec<IpNet>,
    /// What else a router advertises; `None` in a row of an older database.
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
    /// The name servers that it announces.
    pub rdnss: Vec<Ipv6Addr>,
    /// The search domains that it announces, escaped.
    pub dnssl: Vec<String>,
}
