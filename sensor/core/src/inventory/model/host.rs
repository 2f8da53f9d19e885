//! A host and what it says of itself: its stations, names, services and roles.

use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use enumset::EnumSet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// A host's stable number: a hash of the segment and MAC it was first seen with, so that the order in which
/// segments are heard does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u64);

/// A machine: its stations' common facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its stable id.
    pub id: HostId,
    /// Where it lives.
    pub segment: Segment,
    /// First sighting.
    pub first_seen: Timestamp,
    /// Last sighting.
    pub last_seen: Timestamp,
    /// Whether `new-host` was told.
    pub announced: bool,
    /// Since when it is here without having been gone.
    pub here_since: Timestamp,
    /// Since when it is gone: `host-gone` was told, and it was not heard since.
    pub gone_since: Option<Timestamp>,
    /// What it calls itself, by source, most recent first within a source.
    pub names: Vec<Name>,
    /// What it announces.
    pub services: Vec<Service>,
    /// What it told DHCP servers.
    pub dhcp: Option<Box<DhcpFacts>>,
    /// What it is for, and what says so, escaped.
    pub roles: BTreeMap<HostRole, BTreeSet<String>>,
    /// What it showed of its system besides, by sort and text.
    pub prints: Vec<Print>,
}

impl TableRow for Host {
    type Key = HostId;
    /// Its stations.
    type Note = BTreeSet<Mac>;
    const HAS_PRESENCE: bool = true;
    const IS_INDEPENDENT: bool = false;

    fn key(&self) -> Self::Key {
        self.id
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

/// Something that a host showed of its system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Print {
    /// Of what sort.
    pub evidence: Evidence,
    /// The text, escaped.
    pub value: String,
}

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostRole {
    /// Bridges a radio network.
    AccessPoint,
    /// Watches.
    Camera,
    /// Holds conferences.
    Conference,
    /// Gives leases.
    DhcpServer,
    /// Plays music or films.
    MediaPlayer,
    /// Has music or films.
    MediaServer,
    /// Makes calls.
    Phone,
    /// Prints.
    Printer,
    /// Forwards packets between segments.
    Router,
    /// Reads paper.
    Scanner,
    /// Serves others.
    Server,
    /// Switches lamps and locks.
    SmartHome,
    /// Sounds.
    Speaker,
    /// Keeps others' files.
    Storage,
    /// Forwards frames between its ports.
    Switch,
    /// Shows.
    Tv,
    /// Somebody sits before it.
    Workstation,
}

impl HostRole {
    /// Every role, in alphabetical order of its written name.
    pub const ALL: [Self; 17] = [
        Self::AccessPoint,
        Self::Camera,
        Self::Conference,
        Self::DhcpServer,
        Self::MediaPlayer,
        Self::MediaServer,
        Self::Phone,
        Self::Printer,
        Self::Router,
        Self::Scanner,
        Self::Server,
        Self::SmartHome,
        Self::Speaker,
        Self::Storage,
        Self::Switch,
        Self::Tv,
        Self::Workstation,
    ];

    /// The role in exports and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessPoint => "access-point",
            Self::Camera => "camera",
            Self::Conference => "conference",
            Self::DhcpServer => "dhcp-server",
            Self::MediaPlayer => "media-player",
            Self::MediaServer => "media-server",
            Self::Phone => "phone",
            Self::Printer => "printer",
            Self::Router => "router",
            Self::Scanner => "scanner",
            Self::Server => "server",
            Self::SmartHome => "smart-home",
            Self::Speaker => "speaker",
            Self::Storage => "storage",
            Self::Switch => "switch",
            Self::Tv => "tv",
            Self::Workstation => "workstation",
        }
    }

    /// The reverse of [`HostRole::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A name and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, already escaped; without the final `.local` of mDNS.
    pub name: String,
    /// Where it came from.
    pub source: Source,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
}

/// A service that a host announces (SRV records).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Transport port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The service's instance name as announced, escaped (`Office printer._ipp._tcp.local`); empty for one that was only
    /// heard to answer.
    pub instance: String,
    /// Where it came from.
    pub source: Source,
    /// Withdrawn by a goodbye.
    pub closed: bool,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
}

/// What a host told DHCP servers, last value of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpFacts {
    /// Option 12 or 81, escaped.
    pub hostname: Option<String>,
    /// Option 60, escaped.
    pub vendor_class: Option<String>,
    /// Option 55, in order.
    pub parameters: Vec<u8>,
    /// Option 61, raw.
    pub client_id: Vec<u8>,
    /// The server of its last lease.
    pub server: Option<Ipv4Addr>,
    /// The end of its last lease.
    pub lease_until: Option<Timestamp>,
}

/// A MAC on a segment, and the host it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Where.
    pub segment: Segment,
    /// Who.
    pub mac: Mac,
    /// Whose.
    pub host: HostId,
    /// First sighting.
    pub first_seen: Timestamp,
    /// Last sighting.
    pub last_seen: Timestamp,
    /// The protocols it was heard by.
    pub sources: EnumSet<Source>,
}

impl TableRow for Station {
    type Key = (Segment, Mac);
    /// The addresses that it holds at present.
    type Note = BTreeSet<IpAddr>;
    const HAS_PRESENCE: bool = true;
    const IS_INDEPENDENT: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.mac)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}
