//! What the inventory knows, in the form in which it is saved, restored and exported. Plain values, no behaviour.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enumset::{EnumSet, EnumSetType};
use ipnet::IpNet;

use super::fingerprint::Evidence;
use super::kinship::Kinship;
use crate::types::{Mac, Segment, Timestamp};

/// A host's stable number: a hash of the segment and MAC it was first seen with, so that the order in which
/// segments are heard does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u64);

/// By which protocol something was learned; in alphabetical order of the written names.
#[derive(Debug, PartialOrd, Ord, Hash, EnumSetType)]
pub enum Source {
    /// ARP.
    Arp,
    /// ARP, in answer to a probe.
    ArpProbe,
    /// CARP.
    Carp,
    /// Cisco Discovery Protocol.
    Cdp,
    /// DHCPv4.
    Dhcp,
    /// DHCPv6.
    Dhcpv6,
    /// GLBP.
    Glbp,
    /// HSRP.
    Hsrp,
    /// ICMP or ICMPv6 echo.
    Icmp,
    /// IGMP.
    Igmp,
    /// LLDP.
    Lldp,
    /// LLMNR.
    Llmnr,
    /// mDNS.
    Mdns,
    /// MLD.
    Mld,
    /// NetBIOS name service.
    Nbns,
    /// NDP.
    Ndp,
    /// NDP, in answer to a probe.
    NdpProbe,
    /// Reverse DNS.
    Ptr,
    /// SNMP.
    Snmp,
    /// SSDP.
    Ssdp,
    /// Spanning tree.
    Stp,
    /// A TCP connection.
    Tcp,
    /// Frames of any kind.
    Traffic,
    /// VRRP.
    Vrrp,
    /// WS-Discovery.
    Wsd,
}

impl Source {
    /// The source in exports and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::ArpProbe => "arp-probe",
            Self::Carp => "carp",
            Self::Cdp => "cdp",
            Self::Dhcp => "dhcp",
            Self::Dhcpv6 => "dhcpv6",
            Self::Glbp => "glbp",
            Self::Hsrp => "hsrp",
            Self::Icmp => "icmp",
            Self::Igmp => "igmp",
            Self::Lldp => "lldp",
            Self::Llmnr => "llmnr",
            Self::Mdns => "mdns",
            Self::Mld => "mld",
            Self::Nbns => "nbns",
            Self::Ndp => "ndp",
            Self::NdpProbe => "ndp-probe",
            Self::Ptr => "ptr",
            Self::Snmp => "snmp",
            Self::Ssdp => "ssdp",
            Self::Stp => "stp",
            Self::Tcp => "tcp",
            Self::Traffic => "traffic",
            Self::Vrrp => "vrrp",
            Self::Wsd => "wsd",
        }
    }

    /// The reverse of [`Source::name`].
    pub fn parse(name: &str) -> Option<Self> {
        EnumSet::all().iter().find(|source: &Self| source.name() == name)
    }

    /// How far a name from here is trusted, the smallest most: what a host says of itself before what others say of it.
    pub const fn name_rank(self) -> u8 {
        match self {
            Self::Dhcp => 0,
            Self::Dhcpv6 => 1,
            Self::Mdns => 2,
            Self::Llmnr => 3,
            Self::Nbns => 4,
            Self::Cdp | Self::Lldp | Self::Snmp => 5,
            Self::Wsd => 6,
            _ => 7,
        }
    }
}

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

/// That a station belongs to a host that it did not begin as, or that it must not belong to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where.
    pub segment: Segment,
    /// The station.
    pub mac: Mac,
    /// The host that it was joined to, or parted from.
    pub host: HostId,
    /// They were parted, and are not joined again but by the owner.
    pub apart: bool,
    /// That host's station before.
    pub old_mac: Mac,
    /// Why.
    pub evidence: BTreeSet<Kinship>,
    /// When.
    pub at: Timestamp,
    /// `mac-rotated` need not be told any more.
    pub told: bool,
    /// Whether the later word is this station's, not the earlier one's.
    pub here: bool,
    /// How often the word passed from one to the other shortly after the last time.
    pub turns: u8,
    /// When it did last.
    pub turned_at: Timestamp,
}

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

/// An oddity that was told once and is not told again while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// A station asks for very many addresses. Its `ip` is 0.0.0.0: it is the station's, not an address's.
    ArpScan,
    /// Sender foreign to the segment.
    Bogon,
    /// Two stations that quarrel about an address: the holder is `Told::mac`, the other one `Told::frame_mac`.
    Feud,
    /// A router announces a prefix that is not the segment's: `Told::ip` is the prefix.
    ForeignPrefix,
    /// The address of a gateway is claimed by another station: both stations, the smaller one first.
    Gateway,
    /// Two stations want one address: both, the smaller one first; zeros for one that is not known.
    IpConflict,
    /// Payload's MAC is not the frame's.
    MacMismatch,
    /// Not odd by itself: `Told::ip` is a name server that a router announced. MACs are zeros.
    NameServer,
    /// A station tries very many ports. Its `ip` as of `ArpScan`.
    PortScan,
    /// A DHCP server that does not belong there.
    RogueDhcpServer,
    /// A router that does not belong there.
    RogueRouter,
    /// `Told::mac` spoke by the address of the router `Told::frame_mac`.
    SpoofedRouter,
    /// A default router said that it is none any more.
    ZeroLifetime,
}

impl Oddity {
    /// Every oddity, in alphabetical order of its written name.
    pub const ALL: [Self; 13] = [
        Self::ArpScan,
        Self::Bogon,
        Self::Feud,
        Self::ForeignPrefix,
        Self::Gateway,
        Self::IpConflict,
        Self::MacMismatch,
        Self::NameServer,
        Self::PortScan,
        Self::RogueDhcpServer,
        Self::RogueRouter,
        Self::SpoofedRouter,
        Self::ZeroLifetime,
    ];

    /// The oddity in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpScan => "arp-scan",
            Self::Bogon => "bogon",
            Self::Feud => "feud",
            Self::ForeignPrefix => "foreign-prefix",
            Self::Gateway => "gateway",
            Self::IpConflict => "ip-conflict",
            Self::MacMismatch => "mac-mismatch",
            Self::NameServer => "name-server",
            Self::PortScan => "port-scan",
            Self::RogueDhcpServer => "rogue-dhcp-server",
            Self::RogueRouter => "rogue-router",
            Self::SpoofedRouter => "spoofed-router",
            Self::ZeroLifetime => "zero-lifetime",
        }
    }
}

/// An oddity's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where.
    pub segment: Segment,
    /// What.
    pub oddity: Oddity,
    /// Its address.
    pub ip: IpAddr,
    /// The payload's MAC.
    pub mac: Mac,
    /// The frame's MAC.
    pub frame_mac: Mac,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
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

/// Everything, or everything that changed. Rows are whole: saving one replaces the saved one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Hosts, by id.
    pub hosts: Vec<Host>,
    /// Stations, by segment and MAC.
    pub stations: Vec<Station>,
    /// Bindings, by segment and address.
    pub bindings: Vec<Binding>,
    /// Leases, by segment and address.
    pub leases: Vec<Lease>,
    /// Roles, by segment, role and address.
    pub roles: Vec<RoleHolder>,
    /// Oddities told, by segment, oddity, address and both MACs.
    pub told: Vec<Told>,
    /// What probes found out, by segment and address.
    pub asked: Vec<Asked>,
    /// Neighbours, by segment and id.
    pub neighbours: Vec<Neighbour>,
    /// Stations joined to hosts or parted from them, by segment and MAC.
    pub joins: Vec<Join>,
}

/// What records are made of, each table but one by its key as in [`Rows`], wherever the rows are kept.
#[derive(Clone, Debug, Default)]
pub struct View<'a> {
    /// Hosts, in no order.
    pub hosts: Vec<&'a Host>,
    /// Stations.
    pub stations: Vec<&'a Station>,
    /// Bindings.
    pub bindings: Vec<&'a Binding>,
    /// Roles.
    pub roles: Vec<&'a RoleHolder>,
    /// What probes found out.
    pub asked: Vec<&'a Asked>,
    /// Neighbours.
    pub neighbours: Vec<&'a Neighbour>,
}

impl Rows {
    /// A look at them.
    pub fn view(&self) -> View<'_> {
        View {
            hosts: self.hosts.iter().collect(),
            stations: self.stations.iter().collect(),
            bindings: self.bindings.iter().collect(),
            roles: self.roles.iter().collect(),
            asked: self.asked.iter().collect(),
            neighbours: self.neighbours.iter().collect(),
        }
    }
}

/// A moment at which something known was seen again: all that a quiet network writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A binding's present holder.
    Binding(Segment, IpAddr, Timestamp),
    /// A host.
    Host(HostId, Timestamp),
    /// A station.
    Station(Segment, Mac, Timestamp),
}

/// What the correlator changed since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows that are new or differ in more than `last_seen`.
    pub rows: Rows,
    /// Rows evicted by a limit, or overwritten by another: to be deleted.
    pub removed: Removed,
}

/// Keys of rows that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Hosts.
    pub hosts: Vec<HostId>,
    /// Stations.
    pub stations: Vec<(Segment, Mac)>,
    /// Bindings.
    pub bindings: Vec<(Segment, IpAddr)>,
    /// Leases.
    pub leases: Vec<(Segment, Ipv4Addr)>,
    /// Roles.
    pub roles: Vec<(Segment, Role, IpAddr)>,
    /// Oddities.
    pub told: Vec<(Segment, Oddity, IpAddr, Mac, Mac)>,
    /// What probes found out.
    pub asked: Vec<(Segment, IpAddr)>,
    /// Neighbours.
    pub neighbours: Vec<(Segment, u64)>,
    /// Joins.
    pub joins: Vec<(Segment, Mac)>,
}
