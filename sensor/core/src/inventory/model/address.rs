//! Who holds or held an address, and what it answered to probes.

use crate::inventory::model::host::{HostId, Name};
use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use enumset::EnumSet;
use std::net::{IpAddr, Ipv4Addr};

/// An address on a segment, and the stations that hold or held it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The segment.
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
    /// When it first claimed the address.
    pub first_seen: Timestamp,
    /// When it was last heard with the address.
    pub last_seen: Timestamp,
    /// The protocols that showed it.
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

/// A DHCP lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The client's segment.
    pub segment: Segment,
    /// The address.
    pub ip: Ipv4Addr,
    /// The client's MAC.
    pub mac: Mac,
    /// The server identifier, where given.
    pub server: Option<Ipv4Addr>,
    /// When the server gave it.
    pub at: Timestamp,
    /// When it ends; `None`: the server did not say.
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
    /// The segment.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// The host that answers, where no station is known to hold the address (it lies behind a router).
    pub host: Option<HostId>,
    /// When it first answered, or first did not.
    pub first_seen: Timestamp,
    /// When it last answered; `first_seen` when it never did.
    pub last_seen: Timestamp,
    /// The techniques by which it answered.
    pub sources: EnumSet<Source>,
    /// The end of the last round of probes that stayed unanswered; `None` since it was heard again.
    pub silent_at: Option<Timestamp>,
    /// Last round-trip time, microseconds.
    pub rtt_us: Option<u32>,
    /// The name that DNS gives for the address, escaped.
    pub reverse_dns: Option<String>,
    /// Names that probes learned, by source, most recent first within a source.
    pub names: Vec<Name>,
    /// TCP ports that are or were open, by number.
    pub ports: Vec<OpenPort>,
    /// TCP ports that were asked and never open, by number.
    pub closed_ports: Vec<u16>,
    /// What SNMP said of the host.
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
    /// The port's number.
    pub port: u16,
    /// It was found closed so often that `service-closed` is reported.
    pub closed: bool,
    /// How often in succession it was found closed or silent.
    pub misses: u8,
    /// The banner that it last sent, escaped.
    pub banner: Option<String>,
    /// When it was first open.
    pub first_seen: Timestamp,
    /// When it was last open.
    pub last_seen: Timestamp,
}

/// What SNMP said of a host (RFC 3418), escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnmpFacts {
    /// `sysName`: the name that its administrator gave it.
    pub name: Option<String>,
    /// `sysDescr`: hardware and software.
    pub description: Option<String>,
    /// `sysObjectID`: the maker's number for the model, dotted.
    pub object_id: Option<String>,
}

/// The address to know a host by: IPv4, then global IPv6, then link-local; the lowest among equals.
pub fn best_address(ips: impl IntoIterator<Item = IpAddr>) -> Option<IpAddr> {
    let reach = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
        IpAddr::V6(_) => 1,
    };
    ips.into_iter().min_by_key(|ip| (reach(ip), *ip))
}
