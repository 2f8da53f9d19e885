//! An event: a change worth telling. Its kinds, whose rules are in `event/rules.rs`, their severities, and arpwatch's words for them.
//!
//! # Rules common to all
//!
//! - The sensor's own stations (`Settings::own_macs`), in the frame or in its payload, cause nothing at all. MACs that
//!   no station can own (group addresses, zeros) make no station, and a claim by one is dropped.
//! - *Claims* move addresses: ARP requests, replies and announcements; NDP solicitations, advertisements, router
//!   messages, and a redirect's sender. *Hints* only fill and refresh: the address of a DHCP ACK, `ciaddr` of a client's
//!   own message (not of RELEASE or DECLINE), the IP source of mDNS. *Questions* (ARP conflict check, DAD) do neither,
//!   but make the station known.
//! - Checks of a claim stand in arpwatch's order, and one that fires ends it: `bogon`, `mac-mismatch`, then the binding.
//! - 0/8, 127/8, 224/4, 255.255.255.255, `::`, `::1` and ff00::/8 are never bound.
//! - `at` is the time of the sighting that shows the event; for a host that settled (see `new-host`), of its first
//!   sighting, and for a move that was explained (see `changed-mac`), of the claim; so there `at` goes back by up to
//!   three seconds while ids rise.
//! - A gateway's address (on the allow list of routers, advertised by a router, told by DHCP's option 3, or a redundancy
//!   group's) in other hands is an alarm: `changed-mac` (but with reasons `dhcp` and `failover`, and `proxy-arp` where the
//!   old station does not answer), `ip-conflict`, `flip-flop`, `reused-mac`, and `mac-mismatch` where neither MAC is the
//!   gateway's have severity alert and the detail `role` = `gateway`. `flip-flop` and `reused-mac` are so only when nothing
//!   was told of these two stations for an hour. Not between stations of one host or redundancy group.
//! - What limits evict is forgotten, and new when it comes back. With `Settings::history`, what restored rows already
//!   say of a time is no news.

use std::net::IpAddr;

use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// The rule of each kind.
pub mod rules;

/// A change worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Rising, never reused within a database.
    pub id: u64,
    /// When it happened: the time of the sighting that shows it.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// Where.
    pub segment: Option<Segment>,
    /// The address it is about.
    pub ip: Option<IpAddr>,
    /// The station it is about.
    pub mac: Option<Mac>,
    /// The station before.
    pub old_mac: Option<Mac>,
    /// The host's best name, escaped.
    pub hostname: Option<String>,
    /// The host.
    pub host: Option<HostId>,
    /// Why, for kinds that have several rules.
    pub reason: Option<Reason>,
    /// How sure, in percent.
    pub confidence: Option<u8>,
    /// Further facts, in a fixed order.
    pub details: Vec<(&'static str, Detail)>,
}

/// A further fact's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A number.
    Number(u64),
    /// A text, escaped.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// What happened. In alphabetical order. The rule of each, with units and limits, is [`Kind::rule`]; what further facts it
/// tells, [`Kind::details`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A sender foreign to the segment.
    Bogon,
    /// An address passed to a MAC that never held it.
    ChangedMac,
    /// An address passed back to the MAC before the present one.
    FlipFlop,
    /// A station sends more news of one class than the kernel lets through.
    Flood,
    /// A host that was gone was heard again.
    HostBack,
    /// A host is gone.
    HostGone,
    /// Two stations claim one address at the same time.
    IpConflict,
    /// The ARP or ND payload's MAC is not the frame's.
    MacMismatch,
    /// A known host is back with another MAC.
    MacRotated,
    /// The name of a host changed at its own source.
    NameChanged,
    /// A host that was told holds an address that nobody held before.
    NewAddress,
    /// A DHCP server never seen before.
    NewDhcpServer,
    /// A host never seen before.
    NewHost,
    /// A router never seen before.
    NewRouter,
    /// An address passed back to a MAC that held it before the one before.
    ReusedMac,
    /// A DHCP server that is not allowed.
    RogueDhcpServer,
    /// A router that is not allowed.
    RogueRouter,
    /// A station asks for very many addresses or ports.
    ScanDetected,
    /// A port hears nothing.
    SensorBlind,
    /// Frames were lost.
    SensorLoss,
    /// The sensor started.
    SensorStarted,
    /// The sensor stopped.
    SensorStopped,
    /// A TCP port that was open is closed.
    ServiceClosed,
    /// A TCP port that was closed is open.
    ServiceOpened,
}

impl Kind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 24] = [
        Self::Bogon,
        Self::ChangedMac,
        Self::FlipFlop,
        Self::Flood,
        Self::HostBack,
        Self::HostGone,
        Self::IpConflict,
        Self::MacMismatch,
        Self::MacRotated,
        Self::NameChanged,
        Self::NewAddress,
        Self::NewDhcpServer,
        Self::NewHost,
        Self::NewRouter,
        Self::ReusedMac,
        Self::RogueDhcpServer,
        Self::RogueRouter,
        Self::ScanDetected,
        Self::SensorBlind,
        Self::SensorLoss,
        Self::SensorStarted,
        Self::SensorStopped,
        Self::ServiceClosed,
        Self::ServiceOpened,
    ];

    /// The kind in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bogon => "bogon",
            Self::ChangedMac => "changed-mac",
            Self::FlipFlop => "flip-flop",
            Self::Flood => "flood",
            Self::HostBack => "host-back",
            Self::HostGone => "host-gone",
            Self::IpConflict => "ip-conflict",
            Self::MacMismatch => "mac-mismatch",
            Self::MacRotated => "mac-rotated",
            Self::NameChanged => "name-changed",
            Self::NewAddress => "new-address",
            Self::NewDhcpServer => "new-dhcp-server",
            Self::NewHost => "new-host",
            Self::NewRouter => "new-router",
            Self::ReusedMac => "reused-mac",
            Self::RogueDhcpServer => "rogue-dhcp-server",
            Self::RogueRouter => "rogue-router",
            Self::ScanDetected => "scan-detected",
            Self::SensorBlind => "sensor-blind",
            Self::SensorLoss => "sensor-loss",
            Self::SensorStarted => "sensor-started",
            Self::SensorStopped => "sensor-stopped",
            Self::ServiceClosed => "service-closed",
            Self::ServiceOpened => "service-opened",
        }
    }

    /// The reverse of [`Kind::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// arpwatch's name for it, where it has one (arpwatch 2.1a15, `db.c` and `arpwatch.c`).
    pub const fn arpwatch(self) -> Option<&'static str> {
        match self {
            Self::Bogon => Some("bogon"),
            Self::ChangedMac => Some("changed ethernet address"),
            Self::FlipFlop => Some("flip flop"),
            Self::MacMismatch => Some("ethernet mismatch"),
            Self::NewHost => Some("new station"),
            Self::ReusedMac => Some("reused old ethernet address"),
            _ => None,
        }
    }

    /// How much it matters outside the learning period.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Bogon
            | Self::HostBack
            | Self::MacMismatch
            | Self::MacRotated
            | Self::NameChanged
            | Self::NewAddress
            | Self::SensorStarted
            | Self::SensorStopped
            | Self::ServiceClosed => Severity::Info,
            Self::HostGone | Self::NewDhcpServer | Self::NewHost | Self::NewRouter | Self::ServiceOpened => {
                Severity::Notice
            }
            Self::ChangedMac
            | Self::FlipFlop
            | Self::Flood
            | Self::IpConflict
            | Self::ReusedMac
            | Self::ScanDetected
            | Self::SensorBlind
            | Self::SensorLoss => Severity::Warning,
            Self::RogueDhcpServer | Self::RogueRouter => Severity::Alert,
        }
    }
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record.
    Info,
    /// Normal but significant.
    Notice,
    /// Look at it.
    Warning,
    /// Act now.
    Alert,
}

impl Severity {
    /// Every severity, least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Notice, Self::Warning, Self::Alert];

    /// The severity in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }

    /// The reverse of [`Severity::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }

    /// syslog's number (RFC 5424, section 6.2.1).
    pub const fn priority(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Notice => 5,
            Self::Warning => 4,
            Self::Alert => 1,
        }
    }
}

/// Why: what explains a move, or which of its kind's rules an event follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Very many addresses were asked for by ARP or NDP.
    ArpScan,
    /// The old and the new station both answer for it.
    Conflict,
    /// A DHCP client declined it: somebody else has it (RFC 2131, section 4.4.1).
    Declined,
    /// Whoever asked whether anybody holds it was answered (RFC 5227, section 2.1.1; RFC 4862, section 5.4.3).
    Defended,
    /// A DHCP server gave it to the new station.
    Dhcp,
    /// Addresses are asked of DHCP servers by very many clients at once.
    DhcpStarvation,
    /// It moved between virtual routers, or between a router and its virtual MAC, or between stations of one host.
    Failover,
    /// Name servers that no router announced before.
    ForeignDns,
    /// A prefix that is not the segment's.
    ForeignPrefix,
    /// A DHCP server gave it to one station while another one uses it.
    Leased,
    /// Very many ports of one address were tried.
    PortScan,
    /// The new station answers for many addresses.
    ProxyArp,
    /// Only the new station answers for it.
    Replaced,
    /// Only the old station answers for it: the new one lied.
    SpoofSuspected,
    /// A station speaks by another one's address.
    Spoofed,
    /// Not explained.
    Unknown,
    /// Not on the allow list.
    Unlisted,
    /// A router takes its service back.
    ZeroLifetime,
}

impl Reason {
    /// Every reason, in alphabetical order of its written name.
    pub const ALL: [Self; 18] = [
        Self::ArpScan,
        Self::Conflict,
        Self::Declined,
        Self::Defended,
        Self::Dhcp,
        Self::DhcpStarvation,
        Self::Failover,
        Self::ForeignDns,
        Self::ForeignPrefix,
        Self::Leased,
        Self::PortScan,
        Self::ProxyArp,
        Self::Replaced,
        Self::SpoofSuspected,
        Self::Spoofed,
        Self::Unknown,
        Self::Unlisted,
        Self::ZeroLifetime,
    ];

    /// The reason in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpScan => "arp-scan",
            Self::Conflict => "conflict",
            Self::Declined => "declined",
            Self::Defended => "defended",
            Self::Dhcp => "dhcp",
            Self::DhcpStarvation => "dhcp-starvation",
            Self::Failover => "failover",
            Self::ForeignDns => "foreign-dns",
            Self::ForeignPrefix => "foreign-prefix",
            Self::Leased => "leased",
            Self::PortScan => "port-scan",
            Self::ProxyArp => "proxy-arp",
            Self::Replaced => "replaced",
            Self::SpoofSuspected => "spoof-suspected",
            Self::Spoofed => "spoofed",
            Self::Unknown => "unknown",
            Self::Unlisted => "unlisted",
            Self::ZeroLifetime => "zero-lifetime",
        }
    }

    /// How much a `changed-mac` with this reason matters.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Dhcp | Self::Failover => Severity::Info,
            Self::SpoofSuspected => Severity::Alert,
            _ => Severity::Warning,
        }
    }

    /// How sure the verdict is, percent: what one unanswered question, or one forged answer, could change.
    pub const fn confidence(self) -> Option<u8> {
        match self {
            Self::Dhcp | Self::Failover => Some(95),
            Self::Conflict | Self::SpoofSuspected => Some(90),
            Self::Replaced => Some(80),
            Self::ProxyArp => Some(70),
            _ => None,
        }
    }
}
