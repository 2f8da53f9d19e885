//! Who holds or held an address, and what it answered to probes.

use crate::inventory::model::host::{HostId, Name};
use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use enumset::EnumSet;
use std::net::{IpAddr, Ipv4Addr};

/// An address on a segment, and the stations that held it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Where.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// Its holders, most recent first; never empty.
    pub holders: Vec<Holder>,
}

impl TableRow for Binding {
    type Key = (Segment, IpAddr);
    /// With `Settings::history`: its holders as restored.
    type Note = Vec<RestoredHolder>;
    const HAS_PRESENCE: bool = true;
    const IS_INDEPENDENT: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.holders[0].last_seen
    }
}

/// A station's time with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The station.
    pub mac: Mac,
    /// First time it claimed the address.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
    /// The protocols by which it did.
    pub sources: EnumSet<Source>,
}

/// A holder's time with an address as it was restored: what a capture file read again says of it is known already.
#[derive(Clone, Copy, Debug)]
pub struct RestoredHolder {
    /// The station.
    pub mac: Mac,
    /// `first_seen` as restored.
    pub from: Timestamp,
    /// `last_seen` as restored.
    pub until: Timestamp,
}

/// A DHCP server's promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Where the client is.
    pub segment: Segment,
    /// The address.
    pub ip: Ipv4Addr,
    /// The client.
    pub mac: Mac,
    /// The server identifier, where given.
    pub server: Option<Ipv4Addr>,
    /// When it was given.
    pub at: Timestamp,
    /// When it ends; `None`: not said.
    pub until: Option<Timestamp>,
}

impl TableRow for Lease {
    type Key = (Segment, Ipv4Addr);
    /// With `Settings::history`: the moment up to which it was known when it was restored.
    type Note = Option<Timestamp>;

    fn key(&self) -> Self::Key {
        (self.segment, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.at
    }
}

/// What probes found out about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// The host that answers, when no station is known that holds the address (it lies behind a router).
    pub host: Option<HostId>,
    /// First answer, or first time that one was missed.
    pub first_seen: Timestamp,
    /// Last answer; the same as `first_seen` when there never was one.
    pub last_seen: Timestamp,
    /// The techniques that were answered.
    pub sources: EnumSet<Source>,
    /// The end of the last round of questions that nobody answered.
    pub silent_at: Option<Timestamp>,
    /// Last round-trip time, microseconds.
    pub rtt_us: Option<u32>,
    /// The name that DNS gives for the address, escaped.
    pub reverse_dns: Option<String>,
    /// Names that were learned by asking, by source, most recent first within a source.
    pub names: Vec<Name>,
    /// TCP ports that are or were open, rising.
    pub ports: Vec<OpenPort>,
    /// TCP ports that were asked and never open, rising.
    pub closed_ports: Vec<u16>,
    /// What SNMP said.
    pub snmp: Option<Box<SnmpFacts>>,
}

impl TableRow for Asked {
    type Key = (Segment, IpAddr);
    /// Its place among the addresses that wait for a host, while it has one.
    type Note = Option<Timestamp>;
    const IS_INDEPENDENT: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

/// A TCP port that is or was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPort {
    /// Its number.
    pub port: u16,
    /// `service-closed` was told, or the port was found closed as often as that needs.
    pub closed: bool,
    /// How often in succession it was found closed.
    pub misses: u8,
    /// What it greeted with, escaped.
    pub banner: Option<String>,
    /// First time open.
    pub first_seen: Timestamp,
    /// Last time open.
    pub last_seen: Timestamp,
}

/// What SNMP said (RFC 3418), escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnmpFacts {
    /// `sysName`.
    pub name: Option<String>,
    /// `sysDescr`.
    pub description: Option<String>,
    /// `sysObjectID`, dotted.
    pub object_id: Option<String>,
}
