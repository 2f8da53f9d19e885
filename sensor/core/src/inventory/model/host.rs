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

/// A machine: what is known of its stations together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its stable number.
    pub id: HostId,
    /// Its segment.
    pub segment: Segment,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Whether `new-host` was reported, or need not be.
    pub announced: bool,
    /// Since when it is here without a break.
    pub here_since: Timestamp,
    /// Since when it is gone: `host-gone` was reported, and it was not heard since.
    pub gone_since: Option<Timestamp>,
    /// What it calls itself, by source, most recent first within a source.
    pub names: Vec<Name>,
    /// The services that it announces or was heard to answer by.
    pub services: Vec<Service>,
    /// What it sent to DHCP servers.
    pub dhcp: Option<Box<DhcpFacts>>,
    /// Its roles, each with the evidence for it, escaped.
    pub roles: BTreeMap<HostRole, BTreeSet<String>>,
    /// What else it showed of its system, by sort and text.
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
    /// The sort of evidence.
    pub evidence: Evidence,
    /// The text, escaped.
    pub value: String,
}

/// A role that a machine has on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostRole {
    /// A wireless access point.
    AccessPoint,
    /// A camera.
    Camera,
    /// A conference system.
    Conference,
    /// A DHCP server.
    DhcpServer,
    /// Plays media that others send it.
    MediaPlayer,
    /// Serves media to others.
    MediaServer,
    /// A telephone.
    Phone,
    /// A printer.
    Printer,
    /// A router: forwards packets between segments.
    Router,
    /// A document scanner.
    Scanner,
    /// A server of any other kind.
    Server,
    /// Smart-home equipment.
    SmartHome,
    /// A loudspeaker.
    Speaker,
    /// A file store (NAS).
    Storage,
    /// A switch: forwards frames between its ports.
    Switch,
    /// A television set.
    Tv,
    /// A workstation.
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

/// A name and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, already escaped; without the final `.local` of mDNS.
    pub name: String,
    /// The protocol that it came by.
    pub source: Source,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
}

/// A service that a host announces (SRV records).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The transport port.
    pub port: u16,
    /// The transport protocol: `tcp` or `udp`.
    pub protocol: &'static str,
    /// The service's instance name as announced, escaped (`Office printer._ipp._tcp.local`); empty for one that was only
    /// heard to answer.
    pub instance: String,
    /// The protocol that it came by.
    pub source: Source,
    /// Whether a goodbye withdrew it.
    pub closed: bool,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
}

/// What a host sent to DHCP servers, the last value of each option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpFacts {
    /// Host name (option 12 or 81), escaped.
    pub hostname: Option<String>,
    /// Vendor class (option 60), escaped.
    pub vendor_class: Option<String>,
    /// Parameter request list (option 55), in order.
    pub parameters: Vec<u8>,
    /// Client identifier (option 61), raw.
    pub client_id: Vec<u8>,
    /// The server that gave its last lease.
    pub server: Option<Ipv4Addr>,
    /// When its last lease ends.
    pub lease_until: Option<Timestamp>,
}

/// A MAC on a segment, and the host it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// The segment.
    pub segment: Segment,
    /// Its MAC.
    pub mac: Mac,
    /// The host that it belongs to.
    pub host: HostId,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// The protocols that it was heard by.
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

/// The name to know a host by: the first label of the name whose source is trusted most ([`Source::name_rank`]), the most
/// recent among equals.
pub fn best_name<'a>(names: impl IntoIterator<Item = &'a Name>) -> Option<String> {
    let best = names.into_iter().min_by_key(|name| name.source.name_rank())?;
    best.name.split('.').find(|label| !label.is_empty()).map(str::to_owned)
}
