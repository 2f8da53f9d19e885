//! An event: a change worth telling. Its kinds, their severities, and arpwatch's words for them.

use std::net::IpAddr;

use super::state::HostId;
use crate::types::{Mac, Segment, Timestamp};

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
    /// Why, for `changed-mac`.
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

/// What happened. In alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A sender foreign to the segment.
    Bogon,
    /// An address passed to a MAC that never held it.
    ChangedMac,
    /// An address passed back to the MAC before the present one.
    FlipFlop,
    /// The ARP or ND payload's MAC is not the frame's.
    MacMismatch,
    /// The name of a host changed at its own source.
    NameChanged,
    /// A known host holds an address it never held.
    NewAddress,
    /// A DHCP server never seen before on this segment.
    NewDhcpServer,
    /// A host never seen before on this segment.
    NewHost,
    /// A router never seen before on this segment.
    NewRouter,
    /// An address passed back to an older MAC.
    ReusedMac,
    /// Frames were lost.
    SensorLoss,
    /// The sensor started.
    SensorStarted,
    /// The sensor stopped.
    SensorStopped,
}

impl Kind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 13] = [
        Self::Bogon,
        Self::ChangedMac,
        Self::FlipFlop,
        Self::MacMismatch,
        Self::NameChanged,
        Self::NewAddress,
        Self::NewDhcpServer,
        Self::NewHost,
        Self::NewRouter,
        Self::ReusedMac,
        Self::SensorLoss,
        Self::SensorStarted,
        Self::SensorStopped,
    ];

    /// The kind in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bogon => "bogon",
            Self::ChangedMac => "changed-mac",
            Self::FlipFlop => "flip-flop",
            Self::MacMismatch => "mac-mismatch",
            Self::NameChanged => "name-changed",
            Self::NewAddress => "new-address",
            Self::NewDhcpServer => "new-dhcp-server",
            Self::NewHost => "new-host",
            Self::NewRouter => "new-router",
            Self::ReusedMac => "reused-mac",
            Self::SensorLoss => "sensor-loss",
            Self::SensorStarted => "sensor-started",
            Self::SensorStopped => "sensor-stopped",
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
            | Self::MacMismatch
            | Self::NameChanged
            | Self::NewAddress
            | Self::SensorStarted
            | Self::SensorStopped => Severity::Info,
            Self::NewDhcpServer | Self::NewHost | Self::NewRouter => Severity::Notice,
            Self::ChangedMac | Self::FlipFlop | Self::ReusedMac | Self::SensorLoss => Severity::Warning,
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
    /// The severity in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
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

/// Why an address changed its MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A DHCP server gave it to the new station.
    Dhcp,
    /// Not explained.
    Unknown,
}

impl Reason {
    /// The reason in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Unknown => "unknown",
        }
    }
}
